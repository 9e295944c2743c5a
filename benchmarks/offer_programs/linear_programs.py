"""The same programs written out as linear programs, by numpy alone: what the peers are given.

Nothing here is taken from the engine that is raced but the programs themselves, so that a peer's
objective is a check of the engine's bound.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from offer_programs.columns import GRID, NO_OFFER, STEPS, TODAY
from offer_programs.instances import Instance
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.offers import OfferColumns
from promo_kedro.types import Array


@dataclass(frozen=True)
class Pairs:
    """Every consumer-item with every offer that is open to it, sorted by consumer-item."""

    columns: OfferColumns
    unit: Array
    offer: Array
    probability: Array

    def measured(self, measure: Measure, chosen: Array | slice = slice(None)) -> Array:
        """Return one measure of the (chosen) pairs."""
        unit, offer, p = self.unit[chosen], self.offer[chosen], self.probability[chosen]
        price, cost = self.columns.price, self.columns.cost
        of_measure = {
            Measure.SALES: lambda: price[unit] * p,
            Measure.SPEND: lambda: price[unit] * p * offer / 100,
            Measure.COST: lambda: cost[unit] * p,
            Measure.RETENTION: lambda: p,
            Measure.PROBABILITY: lambda: p,
            Measure.OFFER: lambda: offer,
            Measure.OFFERED: lambda: (offer > 0).astype(float),
        }
        return of_measure[measure]()

    def weighted(self, weights: Array, chosen: Array | slice = slice(None)) -> Array:
        """Return what the (chosen) pairs count for at weights of the measures, (cells, 7)."""
        cell = self.columns.cell[self.unit[chosen]]
        total = np.zeros(len(cell))
        for measure in np.flatnonzero(weights.any(axis=0)):
            total += weights[cell, measure] * self.measured(Measure(measure), chosen)
        return total


def open_pairs(columns: OfferColumns) -> Pairs:
    """List all pairs, probabilities by the logistic curve through today's point."""
    offers, is_open = _offers(columns)
    return _pairs(columns, offers, *np.nonzero(is_open))


def chosen_pairs(columns: OfferColumns, choice: Array) -> Pairs:
    """List one pair per consumer-item: the option chosen, which must be open."""
    offers, is_open = _offers(columns)
    unit = np.arange(len(choice))
    if not is_open[unit, choice].all():
        raise AssertionError("an option is chosen that is not open")
    return _pairs(columns, offers, unit, choice)


def _offers(columns: OfferColumns) -> tuple[Array, Array]:
    """Offer of every option, and whether it is open, (consumer-items, options)."""
    of_steps = columns.reference_offer[:, None] * (1 + GRID.values)
    size = len(columns.price)
    offers = np.column_stack([columns.offer_today, np.zeros(size), of_steps])
    inside = (of_steps > columns.offer_min[:, None]) & (of_steps < columns.offer_max[:, None])
    may = [(columns.permitted & bit > 0)[:, None] for bit in (TODAY, NO_OFFER, STEPS)]
    return offers, np.hstack([may[0], may[1], may[2] & inside])


def _pairs(columns: OfferColumns, offers: Array, unit: Array, option: Array) -> Pairs:
    offer = offers[unit, option]
    f = columns.probability
    logit = (np.log(f) - np.log1p(-f) - columns.slope * columns.reference_offer)[unit]
    probability = 1 / (1 + np.exp(-logit - columns.slope[unit] * offer))
    return Pairs(columns, unit, offer, probability)


@dataclass(frozen=True)
class LinearProgram:
    """Maximise value · x, x in [0, 1], under rows · x ≥ least and equal · x = 1.

    Attributes:
        value: of each variable.
        rows: coupling rows and, negated, offers per consumer, (rows, variables).
        least: of each of these.
        equal: one option per consumer-item, (consumer-items, variables); none in segments.
        constant: to be added to the objective.
    """

    value: Array
    rows: sparse.csr_array
    least: Array
    equal: sparse.csr_array | None = None
    constant: float = 0.0


def choice_form(instance: Instance) -> LinearProgram:
    """One variable for each consumer-item and offer: Eq. 13's own."""
    pairs = open_pairs(instance.columns)
    count = len(pairs.unit)
    rows = [_row(pairs, row.coefficients) for row in instance.rows]
    least = np.array([row.least for row in instance.rows])
    rule = instance.consumer_rule
    if rule is not None and rule.most_offers is not None:
        offered = np.flatnonzero(pairs.offer > 0)
        consumer = rule.consumer[pairs.unit[offered]]
        shape = (int(rule.consumer[-1]) + 1, count)
        rows.append(sparse.csr_array((-np.ones(len(offered)), (consumer, offered)), shape))
        least = np.concatenate([least, np.full(shape[0], -float(rule.most_offers))])
    ones = (np.ones(count), (pairs.unit, np.arange(count)))
    equal = sparse.csr_array(ones, (len(instance.columns.price), count))
    stacked = sparse.csr_array(sparse.vstack(rows))
    return LinearProgram(pairs.weighted(instance.objective), stacked, least, equal)


def _row(pairs: Pairs, coefficients: Array) -> sparse.csr_array:
    """One row, with entries only in the cells that it is about."""
    (chosen,) = np.nonzero(coefficients.any(axis=1)[pairs.columns.cell[pairs.unit]])
    entries = pairs.weighted(coefficients, chosen)
    return sparse.csr_array((entries, chosen, [0, len(chosen)]), (1, len(pairs.unit)))


def segment_form(instance: Instance) -> LinearProgram:
    """One variable for each segment of a consumer-item's upper hull: one row only.

    Along a hull, value per unit of the row falls from segment to segment, so the linear program
    takes them in order by itself.
    """
    pairs = open_pairs(instance.columns)
    (row,) = instance.rows
    activity, value = pairs.weighted(row.coefficients), pairs.weighted(instance.objective)
    unit, activity, value = _upper_hulls(pairs.unit, activity, value)
    first = np.append(True, unit[1:] != unit[:-1])
    inner = ~first[1:]
    rise, gain = np.diff(activity)[inner], np.diff(value)[inner]
    needed = row.least - activity[first].sum()
    rows = sparse.csr_array(rise[None, :])
    return LinearProgram(gain, rows, np.array([needed]), constant=float(value[first].sum()))


def _upper_hulls(unit: Array, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Corners of the upper concave hull of each unit's points, by unit and x."""
    order = np.lexsort((y, x, unit))
    unit, x, y = unit[order], x[order], y[order]
    below = np.append((unit[1:] == unit[:-1]) & (x[1:] == x[:-1]), False)
    while below.any():
        unit, x, y = unit[~below], x[~below], y[~below]
        below = np.zeros(len(unit), dtype=bool)
        # A point on or under the chord of its neighbours, which are points too, is no corner.
        turn = (x[1:-1] - x[:-2]) * (y[2:] - y[:-2]) - (x[2:] - x[:-2]) * (y[1:-1] - y[:-2])
        below[1:-1] = (unit[:-2] == unit[2:]) & (turn >= 0)
    return unit, x, y
