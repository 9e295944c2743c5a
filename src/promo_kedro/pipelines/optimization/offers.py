"""A plan as tables: the offer of each consumer-item, and how its category's program ended."""

from collections import Counter
from typing import Any

import numpy as np
from pandas import DataFrame

from promo_kedro.pipelines.optimization.frontier import per_point
from promo_kedro.pipelines.optimization.options import CHANGES, purchase_probability, retained
from promo_kedro.pipelines.optimization.parameters import Mode
from promo_kedro.pipelines.optimization.plan import Plan
from promo_kedro.types import Array

OPTIMAL_GAP = 1e-6
OFFER_COLUMNS = [
    "mode",
    "customer_id",
    "item_id",
    "category",
    "price",
    "reference_offer",
    "change",
    "offer_percent",
    "valid_from",
    "valid_to",
    "probability_before",
    "probability_after",
    "retained_before",
    "retained_after",
    "revenue_before",
    "revenue_after",
]
SUMMARY_COLUMNS = [
    "mode",
    "category",
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
    "solver",
    "seconds",
    "message",
]


def retention_today(decisions: DataFrame, mode: Mode) -> float:
    """Return mean retention under the offers of today, by the mode's measure."""
    return float(retained(decisions[["offer_today"]].to_numpy(), decisions, mode).mean())


def offers_table(decisions: DataFrame, choice: Array | None, mode: Mode) -> DataFrame:
    """Return ``optimal_offers`` of one category and mode, without the dates.

    Before is the offer of today, after is the plan; where there is no plan, or the offer cannot
    be changed, after equals before and ``change`` is empty. Revenue is price · (1 − offer/100)
    times retention by the mode's measure.

    Args:
        decisions: ``offer_decisions`` of the category.
        choice: column of the option table of each unit, (units,), or none.
        mode: how an offer moves the probability, and what a probability is worth.
    """
    today = decisions["offer_today"].to_numpy()
    change = np.full(len(decisions), np.nan)
    if choice is not None:
        change = np.hstack([np.nan, CHANGES])[choice]
    planned = decisions["reference_offer"].to_numpy() * (1 + change)
    table = decisions[["customer_id", "item_id", "category", "price", "reference_offer"]].assign(
        mode=mode, change=change, offer_percent=np.where(np.isnan(change), today, planned)
    )
    for when, offer in {"before": today, "after": table["offer_percent"].to_numpy()}.items():
        table[f"probability_{when}"] = purchase_probability(offer[:, None], decisions, mode)[:, 0]
        table[f"retained_{when}"] = retained(offer[:, None], decisions, mode)[:, 0]
        table[f"revenue_{when}"] = table["price"] * (1 - offer / 100) * table[f"retained_{when}"]
    return table


def summary_row(
    decisions: DataFrame, offers: DataFrame, plan: Plan, required: float, mode: Mode
) -> dict[str, Any]:
    """Return the row of ``optimization_summary`` of one category and mode, without the time.

    Revenue and retention are those of the offers in the table, so they describe the offers of
    today where no plan was found.
    """
    return {
        "mode": mode,
        "category": decisions["category"].iloc[0],
        "n": len(decisions),
        "status": _status(decisions, plan),
        "revenue": offers["revenue_after"].sum(),
        "upper_bound": plan.upper_bound,
        "gap": plan.gap if plan.choice is not None else np.nan,
        "retention": offers["retained_after"].mean(),
        "retention_required": required,
        "retention_attainable": plan.attainable,
        "retention_shadow_price": per_point(plan.price, len(decisions)),
        "offer_min": decisions["offer_min"].iloc[0],
        "offer_max": decisions["offer_max"].iloc[0],
        "solver": plan.solver,
        "message": "; ".join([*_outcome(decisions, plan), *shortfall(offers)]),
    }


def _status(decisions: DataFrame, plan: Plan) -> str:
    if plan.choice is None:
        return f"infeasible: at most {plan.attainable:.6g}"
    if not decisions["adjustable"].any():
        return f"offers kept: {Counter(decisions['kept']).most_common(1)[0][0]}"
    if plan.gap <= OPTIMAL_GAP:
        return "optimal"
    return f"feasible: within {plan.gap:.2g} of the bound"


def shortfall(offers: DataFrame) -> list[str]:
    """Say when the plan is worth less than today's offers, which are not among its options."""
    before, after = offers["revenue_before"].sum(), offers["revenue_after"].sum()
    if after >= before:
        return []
    return [
        f"promises less than today's offers ({after:,.2f} against {before:,.2f}): Eq. 13 changes "
        "an offer within the range but cannot leave it as it is today or drop it"
    ]


def _outcome(decisions: DataFrame, plan: Plan) -> list[str]:
    parts = []
    if plan.choice is None:
        parts.append("offers stay as today: no plan reaches the retention required")
    elif decisions["adjustable"].any():
        binding = plan.price > 0
        parts.append("retention costs revenue" if binding else "retention row not restrictive")
    reasons = sorted(Counter(decisions.loc[~decisions["adjustable"], "kept"]).items())
    if reasons:
        counts = ", ".join(f"{count} {reason}" for reason, count in reasons)
        kept = sum(count for _, count in reasons)
        parts.append(f"{kept} of {len(decisions)} consumer-items keep today's offer ({counts})")
    return parts
