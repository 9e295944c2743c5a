"""Offers that a shop can print: the plan in whole percents, and what the rounding costs.

Each planned offer may be rounded down or up, where that stays inside the category's range; an
offer is rounded away to none only where no offer is permitted. Which way each goes is the same
program again, with two options per consumer-item: the same objective, the same rows.

An offer that stays as it is today is sent as well, or it would lapse. It is printed like any
other, so it is rounded, too; the range, which it may lie outside of, does not bind it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas import DataFrame

from promo_kedro.pipelines.optimization.knapsack.options import OptionTable
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.route import solve
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions
from promo_kedro.pipelines.optimization.rules.offer_steps import HAIR, inside
from promo_kedro.pipelines.optimization.rules.permitted import NO_OFFER
from promo_kedro.pipelines.optimization.totals import (
    ALL,
    category_sums,
    cell_totals,
    concerns,
    retention_shares,
    revenue_of,
    slack_of,
)
from promo_kedro.types import Array

if TYPE_CHECKING:
    from promo_kedro.pipelines.optimization.planning import Planned

logger = logging.getLogger(__name__)

SEND_COLUMNS = ["customer_id", "item_id", "offer_percent", "valid_from", "valid_to"]
COST_COLUMNS = [
    "category",
    "rounding_step",
    "offers",
    "offers_rounded",
    "revenue_planned",
    "revenue_sent",
    "revenue_cost",
    "objective_planned",
    "objective_sent",
    "objective_cost",
    "retention_planned",
    "retention_sent",
    "rules_broken",
]
_NEAR = 1e-9  # of a step: an offer so near a multiple is that multiple
_COUNTS = dict.fromkeys(["offers", "offers_rounded"], "int64")


def send_offers(
    plans: Sequence["Planned"],
    valid_from: date,
    valid_to: date,
    step: float,
    solver: SolverParameters,
) -> tuple[DataFrame, DataFrame]:
    """Round the plans of one mode.

    Args:
        plans: the programs of the mode in use.
        valid_from: first day that the offers hold.
        valid_to: last day.
        step: percent that every offer is a multiple of.
        solver: of the programs that choose which way to round.

    Returns:
        ``offers_to_send``, without consumer-items that get no offer; ``rounding_cost``, per
        category and overall.
    """
    rounded = [round_offers(planned, step, solver) for planned in plans]
    sent = [
        planned.decisions[["customer_id", "item_id"]].assign(offer_percent=each.offer)
        for planned, each in zip(plans, rounded, strict=True)
    ]
    offers = pd.concat(sent, ignore_index=True).query("offer_percent > 0")
    offers = offers.sort_values(["customer_id", "item_id"], ignore_index=True)
    offers = offers.assign(valid_from=valid_from, valid_to=valid_to)
    cost = _cost(plans, rounded, step)
    total = cost.iloc[-1]
    logger.info(
        "Offers in steps of %g %%: %d to send, %d of them rounded, revenue %.2f → %.2f",
        step,
        total["offers"],
        total["offers_rounded"],
        total["revenue_planned"],
        total["revenue_sent"],
    )
    return offers[SEND_COLUMNS], cost


@dataclass(frozen=True)
class Rounded:
    """What is sent of a program.

    Attributes:
        offer: percent of each unit, (units,).
        broken: names of the rows that these offers break.
    """

    offer: Array
    broken: tuple[str, ...]


def round_offers(planned: "Planned", step: float, solver: SolverParameters) -> Rounded:
    """Round the offers of one program, at the least cost to its objective.

    Where no rounding keeps every row that the plan keeps, or there is no plan, each offer goes to
    the nearest multiple, and the rows that breaks are named.

    Args:
        planned: the program and its offers.
        step: percent that every offer is a multiple of.
        solver: of the program that chooses which way to round.
    """
    offers, allowed = roundings(planned.offer, planned.decisions, step)
    choice = None
    if planned.outcome.plan.choice is not None:
        choice = _best(planned, offers, allowed, solver)
    if choice is None:
        choice = _nearest(planned.offer, offers, allowed)
    offer = offers[np.arange(len(choice)), choice]
    totals = cell_totals(planned, planned.options.measures(offer))
    broken = tuple(row.name for row in _rows(planned) if slack_of(row, totals) < 0)
    if broken:
        logger.warning("No rounding of %s keeps every rule: %s", planned.name, "; ".join(broken))
    return Rounded(offer, broken)


def roundings(offer: Array, decisions: DataFrame, step: float) -> tuple[Array, Array]:
    """Return what each offer may be rounded to: down and up.

    Args:
        offer: planned, percent, (units,).
        decisions: ``offer_decisions`` of the units.
        step: percent that every offer is a multiple of.

    Returns:
        The offers, (units, 2), and which may be sent, (units, 2), at least one each. A range
        without a multiple leaves the offer as it was planned.
    """
    steps = offer / step
    down, up = np.floor(steps + _NEAR), np.ceil(steps - _NEAR)
    first, last = _ends(offer, decisions, step)
    ways = np.clip([down, up], first, last).T
    multiples, stuck = (ways * step).round(9), first > last
    allowed = np.stack([~stuck, ~stuck & (ways[:, 0] < ways[:, 1])], axis=1)
    if stuck.any():
        logger.warning(
            "%d offers are sent as planned: their range holds no multiple of %g %%",
            stuck.sum(),
            step,
        )
    multiples[stuck], allowed[stuck, 0] = offer[stuck, None], True
    return multiples, allowed


def _ends(offer: Array, decisions: DataFrame, step: float) -> tuple[Array, Array]:
    """Return the first and last multiple that each offer may become, in steps.

    Offers of today may lie outside the range, or have none: it does not bind them.
    """
    lowest, highest = (decisions[f"offer_{end}"].to_numpy(dtype=float) for end in ("min", "max"))
    none_permitted = (offer == 0) | (decisions["permitted"].to_numpy() & NO_OFFER > 0)
    first = np.where(none_permitted, 0.0, 1.0)
    last = np.floor(np.maximum(offer, 100) / step + _NEAR)
    bound = inside(offer, lowest, highest)
    above, below = (lowest + HAIR) / step, (highest - HAIR) / step
    raised = bound & ~(none_permitted & (offer < step))  # those may go down to none
    first[raised] = np.maximum(first, np.floor(above) + 1)[raised]
    last[bound] = np.minimum(last, np.ceil(below) - 1)[bound]
    return first, last


def _best(
    planned: "Planned", offers: Array, allowed: Array, solver: SolverParameters
) -> Array | None:
    """Return which way each offer goes at the least cost, (units,); none where rows are broken.

    The measures of both ways are held at once, 112 bytes per unit: about 1 GB for ten million.
    """
    options, outcome = planned.options, planned.outcome
    table = OptionTable(
        allowed,
        np.stack([options.measures(offers[:, way]) for way in (0, 1)], axis=1),
        options.cell,
        options.cells,
        options.consumer_rule,
    )
    program = Program(TabulatedOptions(table), planned.program.objective, outcome.rows)
    choice = solve(program, solver, start=outcome.plan.prices).choice
    return None if choice is None else choice.astype(np.intp)


def _rows(planned: "Planned") -> tuple[Row, ...]:
    """Return what is asked of the offers, of categories set aside, too."""
    return *planned.outcome.rows, *planned.left_out


def _nearest(offer: Array, offers: Array, allowed: Array) -> Array:
    distance = np.where(allowed, np.abs(offers - offer[:, None]), np.inf)
    nearest: Array = distance.argmin(axis=1)
    return nearest


def _cost(plans: Sequence["Planned"], rounded: Sequence[Rounded], step: float) -> DataFrame:
    """Return ``rounding_cost``: the categories in order, then all of them."""
    tables = [_category_cost(*each) for each in zip(plans, rounded, strict=True)]
    cost = pd.concat(tables, ignore_index=True).sort_values("category", ignore_index=True)
    total = cost.drop(columns=["category", "rules_broken"]).sum()
    broken = dict.fromkeys(name for each in rounded for name in each.broken)
    cost.loc[len(cost)] = {**total, "category": ALL, "rules_broken": "; ".join(broken)}
    planned = retention_shares(plans, [each.offer for each in plans])
    sent = retention_shares(plans, [each.offer for each in rounded])
    return cost.astype(_COUNTS).assign(
        rounding_step=step,
        revenue_cost=cost["revenue_planned"] - cost["revenue_sent"],
        objective_cost=cost["objective_planned"] - cost["objective_sent"],
        retention_planned=cost["category"].map(planned),
        retention_sent=cost["category"].map(sent),
    )[COST_COLUMNS]


def _category_cost(planned: "Planned", rounded: Rounded) -> DataFrame:
    """Return, per category of a program, sums of what was planned and what is sent."""
    sent = rounded.offer > 0
    moved = sent & ~np.isclose(rounded.offer, planned.offer, rtol=0, atol=_NEAR)
    table = DataFrame({"category": planned.standing.categories})
    table["offers"] = category_sums(planned, sent)
    table["offers_rounded"] = category_sums(planned, moved)
    by_category = planned.standing.cells["category"].to_numpy()
    for what, offer in {"planned": planned.offer, "sent": rounded.offer}.items():
        totals = cell_totals(planned, planned.options.measures(offer))
        sums = DataFrame(
            {
                f"revenue_{what}": revenue_of(totals),
                f"objective_{what}": (planned.program.objective * totals).sum(axis=1),
            }
        )
        sums = sums.groupby(by_category).sum().reset_index(drop=True)
        table = pd.concat([table, sums], axis=1)
    broken = {row.name: concerns(planned, row) for row in _rows(planned)}
    table["rules_broken"] = [
        "; ".join(name for name in rounded.broken if category in broken[name])
        for category in table["category"]
    ]
    return table
