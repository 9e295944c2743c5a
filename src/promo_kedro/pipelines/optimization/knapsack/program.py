"""The program: an objective and rows over the measures of the chosen options, and its plan.

::

    maximise    Σ_i Σ_j value_ij · x_ij
    subject to  Σ_j x_ij = 1                          one option per unit
                Σ_i Σ_j a^r_ij · x_ij ≥ b_r           one row per rule
                x_ij ∈ {0, 1}

value and every a^r are weightings of the measures of option j of unit i, equal within a cell.
With value price · (1 − o/100) · 1[clears] and a = 1[clears] this is Eq. 13 as printed.
"""

from dataclasses import dataclass

import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.knapsack.options import Options
from promo_kedro.types import Array


@dataclass(frozen=True)
class Row:
    """One coupling row, written as Σ coefficients · totals ≥ least.

    Attributes:
        name: what people read, such as ``retention: Bakery``.
        rule: name of the rule in the parameters that it comes from.
        coefficients: weight of each measure in each cell, (cells, 7).
        least: b, in the row's own unit; a row that people know as "at most" has both negated.
        at_most: whether people know it as "at most".
        scale: shown figures are activity · scale (such as 100 / n for a percentage of n units).
        unit: unit of shown figures, such as ``percentage points of retention`` or ``money``.
        hard: whether a plan that breaks it is no plan.
        priority: of a soft rule; 1 is given up last.
        penalty: money per unit of the row by which a plan may buy itself out; +∞ for none. It
            caps the row's price.
    """

    name: str
    rule: str
    coefficients: Array
    least: float
    at_most: bool = False
    scale: float = 1.0
    unit: str = "money"
    hard: bool = True
    priority: int = 1
    penalty: float = np.inf

    def __post_init__(self) -> None:
        """Refuse what no plan could be measured against.

        Raises:
            InputError: a coefficient is not finite, or what is asked is no number or +∞.
        """
        if not np.isfinite(self.coefficients).all():
            raise InputError(f"Row {self.name!r} has coefficients that are not finite.")
        if np.isnan(self.least) or self.least == np.inf:
            raise InputError(f"Row {self.name!r} asks for {self.least}, which is not finite.")


@dataclass(frozen=True)
class Program:
    """Options, what to maximise, and what to keep.

    Attributes:
        options: of all units.
        objective: weight of each measure in each cell, (cells, 7).
        rows: the coupling rows, any number.
    """

    options: Options
    objective: Array
    rows: tuple[Row, ...] = ()

    @property
    def least(self) -> Array:
        """Return b of every row, (rows,)."""
        return np.array([row.least for row in self.rows], dtype=float)

    @property
    def coefficients(self) -> Array:
        """Return the weights of all rows, (rows, cells, 7)."""
        shape = len(self.rows), *self.objective.shape
        return np.array([row.coefficients for row in self.rows], dtype=float).reshape(shape)

    @property
    def penalties(self) -> Array:
        """Return the most that each row's price may be, (rows,)."""
        return np.array([row.penalty for row in self.rows], dtype=float)

    def weights(self, prices: Array) -> Array:
        """Return the weights of the Lagrangian at these prices of the rows: (cells, 7)."""
        return self.objective + np.tensordot(prices, self.coefficients, axes=1)

    def value(self, totals: Array) -> float:
        """Return the objective of a plan with these totals, (cells, 7)."""
        return float((self.objective * totals).sum())

    def activity(self, totals: Array) -> Array:
        """Return the left-hand side of every row, (rows,)."""
        return np.tensordot(self.coefficients, totals, axes=2)

    def bound(self, score: float, prices: Array) -> float:
        """Return what no plan can exceed, by weak duality: score at the prices − prices · b."""
        return float(score - prices @ self.least)


@dataclass(frozen=True)
class Plan:
    """One option per unit, and what is known about it.

    Attributes:
        choice: option of each unit, (units,); none where no plan meets every row.
        value: what it earns by the objective, less penalties of rows bought out; money.
        upper_bound: what no plan can exceed; money.
        totals: measures of the plan per cell, (cells, 7).
        activity: left-hand side of each row, (rows,).
        slack: activity − least, (rows,); negative by what a row with a penalty is bought out.
        prices: money per unit of each row that the bound was certified at, (rows,), ≥ 0.
        solver: what found it.
        seconds: time taken.
    """

    choice: Array | None
    value: float
    upper_bound: float
    totals: Array
    activity: Array
    slack: Array
    prices: Array
    solver: str
    seconds: float

    @property
    def gap(self) -> float:
        """Return the certified distance from the best plan, as a share of its size."""
        size = max(abs(self.upper_bound), abs(self.value))
        return max(self.upper_bound - self.value, 0.0) / size if size > 0 else 0.0
