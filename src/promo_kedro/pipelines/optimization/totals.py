"""What a program's offers come to: per consumer-item, per cell and per category."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.program import Row
from promo_kedro.types import Array

if TYPE_CHECKING:
    from promo_kedro.pipelines.optimization.planning import Planned

ALL = "All"
ROUNDING = 1e-9  # of the size of what is summed; sums in another order differ by less


def revenue_of(measures: Array) -> Array:
    """Return the revenue of units with these measures, (…, 7): price · (1 − o/100) · q."""
    revenue: Array = measures[..., Measure.SALES] - measures[..., Measure.SPEND]
    return revenue


def margin_of(measures: Array) -> Array:
    """Return the margin of units with these measures, (…, 7): revenue less what is paid."""
    margin: Array = revenue_of(measures) - measures[..., Measure.COST]
    return margin


def scored(planned: "Planned", measures: Array, weights: Array) -> Array:
    """Return each unit's score, (units,), from its measures and the weights of its cell."""
    score: Array = np.einsum("um,um->u", measures, weights[planned.options.cell])
    return score


def earned(planned: "Planned", offers: Array) -> Array:
    """Return what each unit adds to the objective at these offers, percent, (units,)."""
    return scored(planned, planned.options.measures(offers), planned.program.objective)


def item_measures(planned: "Planned", offers: Array) -> Array:
    """Return measures of these offers, (units, 7), with retention of each unit by itself.

    Where consumers are counted, a unit by itself is retained from its cut-off on.
    """
    measures = planned.options.measures(offers)
    if counts_consumers(planned):
        clears = measures[:, Measure.PROBABILITY] >= planned.decisions["cutoff"].to_numpy()
        measures[:, Measure.RETENTION] = clears
    return measures


def counts_consumers(planned: "Planned") -> bool:
    """Say whether retention is a share of consumers rather than of consumer-items."""
    rule = planned.options.consumer_rule
    return rule is not None and rule.any_retained


def retention_shares(programs: Sequence["Planned"], offers: Sequence[Array]) -> dict[str, float]:
    """Return the share retained at some offers: by category, and of all of them as ``All``.

    Where consumers are counted, a category counts each of its consumers once, and ``All`` each
    once over all categories, however the programs share the consumers out among their cells.

    Args:
        programs: of one mode; each category is in one of them.
        offers: percent of the units of each program.
    """
    units = pd.concat(
        [
            planned.decisions[["category", "customer_id"]].assign(
                retained=item_measures(planned, offer)[:, Measure.RETENTION]
            )
            for planned, offer in zip(programs, offers, strict=True)
        ]
    )
    of_category, of_all = units.groupby("category")["retained"], units["retained"]
    if counts_consumers(programs[0]):
        each = units.groupby(["category", "customer_id"])["retained"].max()
        of_category = each.groupby("category")
        of_all = each.groupby("customer_id").max()
    return {ALL: float(of_all.mean()), **of_category.mean().to_dict()}


def cell_totals(planned: "Planned", measures: Array) -> Array:
    """Sum measures of all units, (units, 7) as the options give them, to (cells, 7)."""
    cell, cells = planned.options.cell, planned.options.cells
    sums = [np.bincount(cell, values, minlength=cells) for values in measures.T]
    return np.stack(sums, axis=1)


def category_sums(planned: "Planned", values: Array) -> Array:
    """Sum over the units of each category, in the order of ``Standing.categories``."""
    names, code = np.unique(planned.standing.cells["category"], return_inverse=True)
    sums: Array = np.bincount(code[planned.options.cell], values, minlength=len(names))
    return sums


def concerns(planned: "Planned", row: Row) -> list[str]:
    """Return the categories that a row weighs, in order."""
    weighed = np.any(row.coefficients != 0, axis=1)
    return sorted(planned.standing.cells.loc[weighed, "category"].unique())


def slack_of(row: Row, totals: Array) -> float:
    """Return by how much totals, (cells, 7), exceed what a row asks; 0 within rounding."""
    parts = row.coefficients * totals
    slack = float(parts.sum() - row.least)
    return 0.0 if abs(slack) <= ROUNDING * (np.abs(parts).sum() + abs(row.least)) else slack


def asks_for_retention(row: Row) -> bool:
    """Say whether a row asks for retention and weighs nothing else."""
    weighed = np.any(row.coefficients != 0, axis=0)
    return not row.at_most and set(np.flatnonzero(weighed)) == {Measure.RETENTION}


def prices_by_row(planned: "Planned") -> dict[str, float]:
    """Return money per unit of each row that took part in the solution, by its name."""
    outcome = planned.outcome
    if outcome.plan.choice is None:
        return {}
    names = [row.name for row in outcome.rows]
    return dict(zip(names, map(float, outcome.plan.prices), strict=True))
