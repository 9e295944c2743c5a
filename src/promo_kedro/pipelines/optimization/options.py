"""The option table: what each offer would earn, retain and cost, unit by unit.

A unit is a consumer-item. Its options are the offers o = k(1 + η) of Eq. 13, η = 0.05·j with
j = −19 … 19, strictly inside the category's range; a unit without any has one option, its offer
of today. Whatever fills such a table, the program is the same: it reads nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame
from scipy.special import expit, logit

from promo_kedro.pipelines.optimization.parameters import Mode
from promo_kedro.types import Array

CHANGES = 0.05 * np.arange(-19, 20)
"""η of Eq. 13: the changes that an offer may undergo, as shares of the reference offer."""

CHUNK = 16_384
TIE = 1e-12


@dataclass(frozen=True)
class OptionTable:
    """Options of each unit, arrays of shape (units, options).

    Options of equal worth are taken in the order of their columns: lower offers stand first.

    Attributes:
        offer: offer percent, 0–100.
        value: what the option adds to the objective (money); −∞ where it may not be chosen.
        retention: what it adds to retention, 0–1; 0 where it may not be chosen.
        spend: the money given up by the offer; 0 where it may not be chosen.
    """

    offer: Array
    value: Array
    retention: Array
    spend: Array

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self.value)

    @property
    def allowed(self) -> Array:
        """Where an option may be chosen, (units, options)."""
        return np.isfinite(self.value)

    def take(self, units: Array) -> "OptionTable":
        """Return the table of these units."""
        return OptionTable(
            self.offer[units], self.value[units], self.retention[units], self.spend[units]
        )

    def of(self, choice: Array) -> tuple[Array, Array]:
        """Return value and retention of one option per unit, each (units,)."""
        unit = np.arange(len(self))
        return self.value[unit, choice], self.retention[unit, choice]

    def best_at(self, price: float, units: Array | None = None) -> tuple[Array, Array]:
        """Return the options that maximise value + price · retention.

        Args:
            price: money per unit of retention, ≥ 0.
            units: the units asked about; all of them by default.

        Returns:
            Among options that tie, the one with the least and the one with the most retention
            of each unit, each (units,). They differ only where the price is a break-even.
        """
        least, most = [], []
        for rows in _chunks(self, units):
            retention = self.retention[rows]
            score = self.value[rows] + price * retention
            top = score.max(axis=1, keepdims=True)
            ties = score >= top - TIE * np.abs(top)
            least.append(np.where(ties, retention, np.inf).argmin(axis=1))
            most.append(np.where(ties, retention, -np.inf).argmax(axis=1))
        return _joined(least), _joined(most)

    def most_retention(self) -> Array:
        """Return the option of each unit that retains most and, of these, earns most: (units,)."""
        choice = []
        for rows in _chunks(self, None):
            value = self.value[rows]
            retention = np.where(np.isfinite(value), self.retention[rows], -np.inf)
            ties = retention == retention.max(axis=1, keepdims=True)
            choice.append(np.where(ties, value, -np.inf).argmax(axis=1))
        return _joined(choice)

    def bound(self, price: float, needed: float) -> float:
        """Return an upper bound on the value of any plan that retains ``needed`` (a sum).

        Weak duality: Σ max (value + price · retention) − price · needed, for any price ≥ 0.
        """
        best = [
            (self.value[rows] + price * self.retention[rows]).max(axis=1)
            for rows in _chunks(self, None)
        ]
        return float(_joined(best).sum() - price * needed)


def build_options(decisions: DataFrame, mode: Mode) -> OptionTable:
    """Return the option table of one category.

    Column 0 is the offer of today, open only to units whose offer cannot be changed; the other
    39 are the η of Eq. 13 in rising order.

    Args:
        decisions: ``offer_decisions`` of the category, one row per unit.
        mode: how an offer moves the probability, and what a probability is worth.
    """
    shape = len(decisions), 1 + len(CHANGES)
    offer, value, retention, spend = (np.empty(shape) for _ in range(4))
    for start in range(0, shape[0], CHUNK):
        rows = slice(start, start + CHUNK)
        units = decisions.iloc[rows]
        reference, today = _column(units, "reference_offer"), _column(units, "offer_today")
        offer[rows] = np.hstack([today, reference * (1 + CHANGES)])
        allowed = np.hstack([~_column(units, "adjustable"), in_range(units)])
        retention[rows] = np.where(allowed, retained(offer[rows], units, mode), 0)
        spend[rows] = _column(units, "price") * offer[rows] / 100 * retention[rows]
        value[rows] = _column(units, "price") * (1 - offer[rows] / 100) * retention[rows]
        value[rows][~allowed] = -np.inf
    return OptionTable(offer, value, retention, spend)


def in_range(units: DataFrame) -> Array:
    """Return where k(1 + η) lies strictly inside (o₁, o₂) and may be chosen: (units, 39)."""
    offer = _column(units, "reference_offer") * (1 + CHANGES)
    inside = (offer > _column(units, "offer_min")) & (offer < _column(units, "offer_max"))
    return inside & _column(units, "adjustable")


def purchase_probability(offer: Array, units: DataFrame, mode: Mode) -> Array:
    """Return the probability of a purchase at these offers, (units, offers).

    ``paper`` and ``linear`` follow the elasticity, f + η·ε·f with η = o/k − 1 (Eq. 12, 13),
    kept inside 0–1; ``exact`` follows the category's curve through the unit's own point,
    σ(logit f + a·(o − k)) (Eq. 10).
    """
    reference, at_reference = _column(units, "reference_offer"), _column(units, "probability")
    if mode == "exact":
        return expit(logit(at_reference) + _column(units, "slope") * (offer - reference))
    change = np.divide(offer, reference, out=np.ones_like(offer), where=reference > 0) - 1
    return np.clip(at_reference * (1 + change * _column(units, "elasticity")), 0, 1)


def retained(offer: Array, units: DataFrame, mode: Mode) -> Array:
    """Return retention by the mode's measure at these offers, (units, offers).

    In ``paper`` 1 where the probability clears the consumer's cut-off (the indicator of
    Eq. 13) and 0 elsewhere; otherwise the probability itself.
    """
    probability = purchase_probability(offer, units, mode)
    if mode == "paper":
        return (probability >= _column(units, "cutoff")).astype(float)
    return probability


def _column(units: DataFrame, name: str) -> Array:
    return units[name].to_numpy()[:, None]


def _chunks(table: OptionTable, units: Array | None) -> Iterator[Array | slice]:
    """Yield the units a few thousand at a time, so that a pass stays in the processor's cache."""
    count = len(table) if units is None else len(units)
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        yield rows if units is None else units[rows]


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts) if parts else np.empty(0, dtype=int)
