"""How each program ended, category by category."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from pandas import DataFrame, Series

from promo_kedro.pipelines.optimization.edges import EDGE_WARNING, edge_counts, share_of
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule
from promo_kedro.pipelines.optimization.offer_tables import is_excluded, kept_offers
from promo_kedro.pipelines.optimization.totals import (
    ROUNDING,
    asks_for_retention,
    category_sums,
    concerns,
    earned,
    prices_by_row,
    retention_shares,
    revenue_of,
)
from promo_kedro.types import Array

if TYPE_CHECKING:
    from promo_kedro.pipelines.optimization.planning import Planned

logger = logging.getLogger(__name__)

OPTIMAL_GAP = 1e-6
SUMMARY_COLUMNS = [
    "mode",
    "category",
    "program",
    "n",
    "status",
    "revenue",
    "upper_bound",
    "gap",
    "retention",
    "retention_required",
    "retention_attainable",
    "retention_shadow_price",
    "offer_min",
    "offer_max",
    "share_at_edge",
    "solver",
    "seconds",
    "message",
]


def summary_rows(planned: "Planned") -> DataFrame:
    """Return ``optimization_summary`` of one program: one row per category, in order.

    Revenue and retention are those of ``optimal_offers``, so they describe the offers of today
    where no plan was found. Gap, solver and seconds are the program's; its upper bound is given
    where the program is one category.
    """
    decisions, plan = planned.decisions, planned.outcome.plan
    found, alone = plan.choice is not None, len(planned.standing.categories) == 1
    measures = planned.options.measures(planned.offer)
    shares = retention_shares([planned], [planned.offer])
    required, price = _retention_rows(planned)
    ranges = decisions.groupby("category", sort=True)[["offer_min", "offer_max"]].first()
    table = DataFrame(
        {
            "mode": planned.mode,
            "category": planned.standing.categories,
            "program": planned.name,
            "n": category_sums(planned, np.ones(len(decisions))).astype(int),
            "revenue": category_sums(planned, revenue_of(measures)),
            "upper_bound": plan.upper_bound if found and alone else np.nan,
            "gap": plan.gap if found else np.nan,
            "retention": [shares[category] for category in planned.standing.categories],
            "retention_required": required,
            "retention_attainable": _attainable(planned),
            "retention_shadow_price": price,
            "offer_min": ranges["offer_min"].to_numpy(),
            "offer_max": ranges["offer_max"].to_numpy(),
            "share_at_edge": share_of(*edge_counts(planned)),
            "solver": plan.solver,
            "seconds": plan.seconds,
        }
    )
    _tell_apart(planned, table)
    table["status"] = _statuses(planned, table)
    table["message"] = _messages(planned, table)
    return table[SUMMARY_COLUMNS]


def warn_of_edges(optimization_summary: DataFrame) -> None:
    """Name, in one line per mode, the categories whose range decides more than their curve."""
    edge = optimization_summary[optimization_summary["share_at_edge"] > EDGE_WARNING]
    for mode, rows in edge.groupby("mode", sort=False):
        logger.warning(
            "Offers by %s: in %d of %d categories more than half of the adjustable consumer-items "
            "get the deepest or the shallowest offer open to them: %s",
            mode,
            len(rows),
            (optimization_summary["mode"] == mode).sum(),
            "; ".join(rows["category"]),
        )


def _retention_rows(planned: "Planned") -> tuple[Array, Array]:
    """Return per category the share it must retain and what one more percentage point costs.

    NaN where no row asks for retention of that category alone.
    """
    categories, cells = planned.standing.categories, planned.standing.cells
    prices = prices_by_row(planned)
    required, costs = np.full((2, len(categories)), np.nan)
    for row in filter(asks_for_retention, planned.program.rows):
        concerned = concerns(planned, row)
        if len(concerned) != 1:
            continue
        at = categories.index(concerned[0])
        whole = float(row.coefficients[:, Measure.RETENTION] @ cells["retainable"].to_numpy())
        if whole > 0 and not row.least / whole <= required[at]:
            required[at] = row.least / whole
            costs[at] = prices.get(row.name, np.nan) * whole / 100
    return required, costs


def _attainable(planned: "Planned") -> Array:
    """Return the largest share that each category could retain, other rules left aside."""
    options, categories = planned.options, planned.standing.categories
    rule = options.consumer_rule
    if rule is not None and rule.any_retained and len(categories) > 1:
        options = options.coupled_by(_in_categories(rule, planned.decisions["category"]))
    most = options.choose(planned.standing.weights(retention=1.0)).option
    shares = retention_shares([planned], [options.offers(most)])
    return np.array([shares[category] for category in categories])


def _in_categories(rule: ConsumerRule, category: Series) -> ConsumerRule:
    """Return what couples the units of a consumer where each category is by itself."""
    # Units of a consumer stand side by side, and within it those of a category.
    new = np.diff(rule.consumer, prepend=-1).astype(bool) | (category != category.shift())
    return replace(rule, consumer=np.cumsum(new.to_numpy()) - 1)


def _tell_apart(planned: "Planned", table: DataFrame) -> None:
    """Fill in what categories set aside were asked for and could have reached by themselves."""
    for category, outcome in planned.set_aside.items():
        rows, at = outcome.relaxations, table["category"] == category
        table.loc[at, "gap"] = np.nan
        if rows is None:
            continue
        asked = rows["row"].isin([row.name for row in outcome.rows if asks_for_retention(row)])
        for line in rows[asked].itertuples():
            table.loc[at, "retention_required"] = line.required / 100
            table.loc[at, "retention_attainable"] = line.attainable_alone / 100


def _statuses(planned: "Planned", table: DataFrame) -> list[str]:
    kept, plan = _kept_reasons(planned), planned.outcome.plan
    dropped = set(planned.decisions.loc[is_excluded(planned.decisions), "kept"])
    statuses = []
    for line in table.itertuples():
        reasons = kept.get(line.category, {})
        if plan.choice is None or line.category in planned.set_aside:
            statuses.append(_infeasible(line.retention_required, line.retention_attainable))
        elif sum(reasons.values()) == line.n:
            statuses.append(_none_to_choose(reasons, dropped))
        elif plan.gap <= OPTIMAL_GAP:
            statuses.append("optimal")
        else:
            statuses.append(f"feasible: within {plan.gap:.2g} of the bound")
    return statuses


def _none_to_choose(reasons: dict[str, int], dropped: set[str]) -> str:
    """Say why a category has no offer to choose: the commonest reason to keep one, if any is."""
    kept = {reason: count for reason, count in reasons.items() if reason not in dropped}
    commonest = max(kept or reasons, key=(kept or reasons).__getitem__)
    return f"offers kept: {commonest}" if kept else f"no offers: {commonest}"


def _infeasible(required: float, attainable: float) -> str:
    """Say what stands in the way: retention by itself, or the rules together."""
    if required > attainable:
        return f"infeasible: at most {100 * attainable:.6g} %"
    return "infeasible: the rules contradict each other"


def _messages(planned: "Planned", table: DataFrame) -> list[str]:
    kept = _kept_reasons(planned)
    worth = [
        category_sums(planned, earned(planned, offer))
        for offer in (planned.decisions["offer_today"].to_numpy(dtype=float), planned.offer)
    ]
    messages = []
    for line, before, after in zip(table.itertuples(), *worth, strict=True):
        parts = [
            *_outcome(planned, line.category),
            *_kept(kept.get(line.category, {}), line.n),
            *shortfall(before, after),
            *_edge(line.share_at_edge),
        ]
        messages.append("; ".join(parts))
    return messages


def _outcome(planned: "Planned", category: str) -> list[str]:
    """Say what became of the rules that concern a category."""
    outcome, prices = planned.set_aside.get(category, planned.outcome), prices_by_row(planned)
    given_up = [outcome.message] if outcome.message else []
    if outcome.plan.choice is None:
        return ["offers stay as today", *given_up]
    rows = [row for row in planned.program.rows if category in concerns(planned, row)]
    priced = [row for row in rows if prices.get(row.name, 0.0) > 0]
    parts = []
    if any(asks_for_retention(row) for row in priced):
        parts.append(f"retention costs {_earned(planned)}")
    elif any(asks_for_retention(row) for row in rows):
        parts.append("retention row not restrictive")
    others = [row.name for row in priced if not asks_for_retention(row)]
    if others:
        parts.append(f"{_earned(planned)} is held down by {', '.join(others)}")
    return [*parts, *given_up]


def _earned(planned: "Planned") -> str:
    return "margin" if np.any(planned.program.objective[:, Measure.COST] != 0) else "revenue"


def _kept_reasons(planned: "Planned") -> dict[str, dict[str, int]]:
    """Return how many consumer-items of each category cannot be changed, by reason."""
    counts: dict[str, dict[str, int]] = {}
    for line in kept_offers(planned.decisions).itertuples():
        counts.setdefault(line.category, {})[line.reason] = line.n
    return counts


def _kept(reasons: dict[str, int], n: int) -> list[str]:
    if not reasons:
        return []
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return [f"{sum(reasons.values())} of {n} consumer-items cannot be changed ({counts})"]


def shortfall(before: float, after: float) -> list[str]:
    """Say when the plan is worth less than today's offers, which it could not choose."""
    if after >= before - ROUNDING * abs(before):
        return []
    return [
        f"promises less than today's offers ({after:,.2f} against {before:,.2f}), which are "
        "outside the options or break a rule"
    ]


def _edge(share: float) -> list[str]:
    if not share > 0:
        return []
    warning = "WARNING: " if share > EDGE_WARNING else ""
    return [f"{warning}{share:.0%} of adjustable offers are the deepest or shallowest open to them"]
