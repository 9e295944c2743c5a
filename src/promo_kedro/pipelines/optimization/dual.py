"""The Lagrangian dual of the retention row: one price instead of one constraint.

At a price λ per unit of retention each unit chooses by itself, max value + λ · retention, and
total retention rises with λ. The price at which it passes what is needed solves the linear
program. The search keeps, per unit, the choice at a price too low and at a price too high; a
unit for which both are the same is settled, since it chooses the same at every price between.
The next price to try is the median break-even of the units not settled, so each pass settles
or halves about half of them, and the search ends at the exact price, not near it.
"""

from dataclasses import dataclass, field

import numpy as np

from promo_kedro.pipelines.optimization.options import OptionTable
from promo_kedro.types import Array

SLACK = 1e-12


@dataclass
class Bracket:
    """Choices at a price too low and at a price too high.

    Attributes:
        table: the options.
        needed: retention to reach, summed over units.
        low: choice of each unit where the price is too low, (units,).
        high: choice of each unit where it is high enough, (units,).
        price: the latest price tried; the optimal one once ``pinned``.
        pinned: whether the price is known, the open units being at their break-even.
    """

    table: OptionTable
    needed: float
    low: Array
    high: Array
    price: float = 0.0
    pinned: bool = False
    _settled_retention: float = field(init=False)
    _open: Array = field(init=False)

    def __post_init__(self) -> None:
        """Start with every unit open whose two choices differ."""
        self._open = np.arange(len(self.table))
        self._settled_retention = 0.0
        self._settle()

    @property
    def undecided(self) -> Array:
        """The units whose choices still differ, rising, (undecided,)."""
        return self._open

    def narrow_to(self, size: int) -> None:
        """Settle units until at most ``size`` are undecided; ``high`` always retains enough.

        Args:
            size: units to leave open, ≥ 1.
        """
        self.find_price(size)
        if self._open.size > size:
            self._settle_ties(size)

    def find_price(self, size: int = 0) -> None:
        """Try prices until at most ``size`` units are undecided or the price is known."""
        while self._open.size > size and not self.pinned:
            self.price = float(np.median(self._break_evens()))
            least, most = self.table.best_at(self.price, self._open)
            slack = SLACK * max(1.0, self.needed)
            if self._retention(most) < self.needed - slack:
                self.low[self._open] = most
            elif self._retention(least) > self.needed + slack:
                self.high[self._open] = least
            else:
                self.low[self._open], self.high[self._open] = least, most
                self.pinned = True
            self._settle()

    def _settle_ties(self, size: int) -> None:
        """Settle, at the known price, all but ``size`` of the undecided units.

        At their common break-even any of them may move up: they do, in order, until the units
        left open hold the last one needed.
        """
        gains = self._gains()
        missing = self.needed - self._retention(self.low[self._open])
        last = int(np.searchsorted(gains.cumsum(), missing))
        start = int(np.clip(last - size // 2, 0, max(self._open.size - size, 0)))
        self.low[self._open[:start]] = self.high[self._open[:start]]
        self.high[self._open[start + size :]] = self.low[self._open[start + size :]]
        self._settle()

    def _settle(self) -> None:
        """Close the units whose two choices are the same or retain the same."""
        retention, units = self.table.retention, self._open
        low, high = self.low[units], self.high[units]
        decided = (low == high) | (retention[units, high] <= retention[units, low])
        self.high[units[decided]] = low[decided]
        self._settled_retention += retention[units[decided], low[decided]].sum()
        self._open = units[~decided]

    def _retention(self, choice: Array) -> float:
        """Return total retention when the open units choose thus."""
        return float(self._settled_retention + self.table.retention[self._open, choice].sum())

    def _gains(self) -> Array:
        retention, units = self.table.retention, self._open
        return retention[units, self.high[units]] - retention[units, self.low[units]]

    def _break_evens(self) -> Array:
        value, units = self.table.value, self._open
        return (value[units, self.low[units]] - value[units, self.high[units]]) / self._gains()


def retention_price(
    table: OptionTable, needed: float, free: Array, most: Array
) -> tuple[float, Array]:
    """Return the price at which retention passes ``needed``, and the choices just below it.

    Args:
        table: the options.
        needed: retention to reach, summed over units; more than ``free`` retains, at most what
            ``most`` does.
        free: choice of each unit at a price known to be too low, (units,).
        most: choice of each unit at any price high enough, (units,).
    """
    bracket = Bracket(table, needed, free.copy(), most.copy())
    bracket.find_price()
    return bracket.price, bracket.low
