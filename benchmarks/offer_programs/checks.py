"""What a plan says of itself worked out again, by plain numpy from the columns, off the clock."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from pandas import DataFrame

from offer_programs.columns import ITEMS
from offer_programs.instances import Instance
from offer_programs.linear_programs import Pairs, chosen_pairs, open_pairs
from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.offers import OfferColumns
from promo_kedro.pipelines.optimization.knapsack.printed import Printed
from promo_kedro.pipelines.optimization.knapsack.program import Plan
from promo_kedro.types import Array

CHUNK = 1_000 * ITEMS  # whole consumers
ENUMERATED = 1_000_000  # up to so many consumer-items every option is looked at
ROUNDING, KEPT, AGREE = 1e-9, 2e-9, 1e-6
SOLVED = (0.2, 0.5, 0.8)  # where along the frontier points are solved for


def checked(instance: Instance, plan: Plan, threads: int) -> dict[str, Any]:
    """Return what the plan is found to be.

    Raises:
        AssertionError: It is not what it says, or there is none where there should be.
    """
    if plan.choice is None:
        return _checked_proof(instance, plan, threads)
    if not instance.feasible:
        raise AssertionError(f"{instance.name}: a plan, where there is none")
    totals = totals_of(instance, plan.choice)
    value = float((instance.objective * totals).sum())
    coefficients = np.array([row.coefficients for row in instance.rows])
    least = np.array([row.least for row in instance.rows])
    slack = np.tensordot(coefficients, totals, axes=2) - least
    added = np.tensordot(np.abs(coefficients), np.abs(totals), axes=2)
    if (slack < -KEPT * np.maximum(np.abs(least), added)).any():
        raise AssertionError(f"{instance.name}: a row is broken by {slack.min()}")
    bound = bound_at(instance, plan.prices, threads)
    close = ROUNDING * abs(value)
    if abs(value - plan.value) > close or not value - close <= bound <= plan.upper_bound + close:
        said = f"{plan.value} of {plan.upper_bound} is said"
        raise AssertionError(f"{instance.name}: {said}, {value} found of {bound}")
    return {
        "status": "feasible",
        "gap": plan.gap,
        "value": value,
        "upper_bound": plan.upper_bound,
        "bound_again": bound,
        "rows": len(instance.rows),
        "rows_that_cost": int((plan.prices * added > ROUNDING * abs(value)).sum()),
    }


def _checked_proof(instance: Instance, plan: Plan, threads: int) -> dict[str, Any]:
    """Check that nothing keeps the rows: with nothing to earn, the bound is below nothing."""
    if plan.solver != "infeasible" or instance.feasible:
        raise AssertionError(f"{instance.name}: {plan.solver}")
    bare = replace(instance, objective=np.zeros_like(instance.objective))
    bound = bound_at(bare, plan.prices, threads)
    asked = plan.prices @ np.abs([row.least for row in instance.rows])
    if not bound < -ROUNDING * asked:
        raise AssertionError(f"{instance.name}: no proof, the bound is {bound} of {asked}")
    return {"status": "infeasible", "gap": np.nan, "rows": len(instance.rows)}


def totals_of(instance: Instance, choice: Array) -> Array:
    """Return the measures of the options chosen, summed per cell; see that consumers' cap holds."""
    cells = len(instance.objective)
    totals, offers = np.zeros((cells, MEASURES)), np.empty(len(choice))
    for rows, columns in _chunks(instance.columns):
        pairs = chosen_pairs(columns, choice[rows])
        offers[rows] = pairs.offer
        for measure in Measure:
            totals[:, measure] += np.bincount(columns.cell, pairs.measured(measure), cells)
    rule = instance.consumer_rule
    if rule is not None and np.bincount(rule.consumer, offers > 0).max() > rule.most_offers:
        raise AssertionError(f"{instance.name}: a consumer has more than {rule.most_offers} offers")
    return totals


def bound_at(instance: Instance, prices: Array, threads: int) -> float:
    """Return what no plan can exceed, by weak duality at prices of the rows.

    Up to a million consumer-items every option is looked at; of more, the engine is asked.
    """
    if not (prices >= 0).all():
        raise AssertionError(f"{instance.name}: prices {prices}")
    weights = instance.objective.copy()
    for price, row in zip(prices, instance.rows, strict=True):
        weights += price * row.coefficients
    asked = sum(price * row.least for price, row in zip(prices, instance.rows, strict=True))
    if len(instance.columns.price) > ENUMERATED:
        return instance.program(threads).options.choose(weights).score - float(asked)
    rule, score = instance.consumer_rule, 0.0
    for rows, columns in _chunks(instance.columns):
        pairs = open_pairs(columns)
        worth = pairs.weighted(weights)
        if rule is None:
            score += _best(pairs, worth).sum()
        else:
            score += _best_capped(pairs, worth, rule.consumer[rows], rule.most_offers)
    return float(score - asked)


def _best(pairs: Pairs, worth: Array) -> Array:
    """Most that each consumer-item can be worth."""
    return np.maximum.reduceat(worth, np.searchsorted(pairs.unit, np.arange(pairs.unit[-1] + 1)))


def _best_capped(pairs: Pairs, worth: Array, consumer: Array, most: int) -> float:
    """Most that consumers can be worth with so many offers each: those that gain most by one."""
    offered = _best(pairs, np.where(pairs.offer > 0, worth, -np.inf))
    without = _best(pairs, np.where(pairs.offer > 0, -np.inf, worth))
    gain = offered - without  # infinite where an offer must be
    order = np.lexsort((-gain, consumer))
    first = np.searchsorted(consumer, consumer)
    taken = np.zeros(len(gain), bool)
    taken[order] = np.arange(len(gain)) - first < most
    return float(np.where(taken & (gain > 0), offered, without).sum())


def check_frontier(table: DataFrame, points: int, bound: Callable[[float], float]) -> None:
    """See that the points are as many as asked, rise, bend one way, and are what a solve finds.

    Args:
        table: of the frontier.
        points: how many were asked for.
        bound: upper bound of the program whose row asks for so much, as shown.

    Raises:
        AssertionError: One of these is not so.
    """
    asked = table["retention_required"].to_numpy()
    revenue = table["revenue"].to_numpy()
    if len(table) != points:
        raise AssertionError(f"{len(table)} points of {points}")
    if not (np.diff(asked) > 0).all():
        raise AssertionError("the points do not rise")
    slope = np.diff(revenue) / np.diff(asked)
    if not (np.diff(slope, prepend=0.0) <= AGREE * np.abs(slope).max()).all():
        raise AssertionError("the frontier is not concave, or rises")
    for place in SOLVED:
        point = int(place * points)
        solved = bound(float(asked[point]))
        if not abs(solved - revenue[point]) <= AGREE * abs(solved):
            raise AssertionError(f"point {point}: {revenue[point]}, a solve finds {solved}")


def check_printed(instance: Instance, plan: Printed, other: Printed) -> float:
    """Return the value of a plan of Eq. 13 as printed; see that it is feasible, and the best.

    Args:
        instance: what is solved.
        plan: the answer of one way.
        other: that of the other way, compiled or not.

    Raises:
        AssertionError: The ways differ, the row is broken, or an enumeration finds more.
    """
    if not np.array_equal(plan.choice, other.choice):
        raise AssertionError("numba and numpy choose differently")
    if not np.array_equal(plan.retained, other.retained):
        raise AssertionError("numba and numpy retain differently")
    value, best, retained = 0.0, 0.0, 0
    enumerated = len(plan.choice) <= ENUMERATED
    for rows, columns in _chunks(instance.columns):
        worth, clears = _as_printed(chosen_pairs(columns, plan.choice[rows]))
        value, retained = value + worth.sum(), retained + int(clears.sum())
        if not np.array_equal(clears, plan.retained[rows]):
            raise AssertionError("who clears the cut-off is not as said")
        if enumerated:
            pairs = open_pairs(columns)
            best += _best(pairs, _as_printed(pairs)[0]).sum()
    if enumerated and not np.isclose(value, best, rtol=ROUNDING):
        raise AssertionError(f"the plan is worth {value}, the best {best}")
    (row,) = instance.rows
    if retained < row.least:
        raise AssertionError(f"{retained} are retained of {row.least}")
    return float(value)


def _as_printed(pairs: Pairs) -> tuple[Array, Array]:
    """What pairs are worth, and whether they clear the cut-off, on the straight line."""
    c, unit = pairs.columns, pairs.unit
    change = pairs.offer / c.reference_offer[unit] - 1
    p = np.clip(c.probability[unit] * (1 + change * c.elasticity[unit]), 0, 1)
    clears = p >= c.cutoff[unit]
    return c.price[unit] * (1 - pairs.offer / 100) * clears, clears


def _chunks(columns: OfferColumns) -> Iterator[tuple[slice, OfferColumns]]:
    for start in range(0, len(columns.price), CHUNK):
        rows = slice(start, start + CHUNK)
        yield rows, columns.take(rows)
