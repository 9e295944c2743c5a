"""The plans in figures for people: how each program ended, and the three side by side."""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.documents import json_rows
from promo_kedro.pipelines.evaluation.suppression import TOTAL

_SUMS = [
    f"{figure}_{when}" for figure in ("revenue", "margin", "spend") for when in ("before", "after")
]


def plan_overview(
    offers: pd.DataFrame,
    summary: pd.DataFrame,
    kpis: pd.DataFrame,
    plans_compared: pd.DataFrame,
    mode: str,
) -> dict[str, Any]:
    """Return what the report tells of the plans.

    Args:
        offers: ``optimal_offers``.
        summary: ``optimization_summary``.
        kpis: ``plan_kpis``.
        plans_compared: ``plan_comparison``.
        mode: the plan in use.

    Returns:
        ``categories``: how each category's program ended in that mode; ``modes``: what each plan
        promises, gives away and leaves, over all categories.
    """
    return {
        "categories": _category_rows(summary, kpis, mode),
        "modes": _mode_rows(offers, kpis, plans_compared),
    }


def _category_rows(summary: pd.DataFrame, kpis: pd.DataFrame, mode: str) -> list[dict[str, Any]]:
    sums = kpis[kpis["mode"] == mode].set_index("category")[_SUMS]
    rows = summary[summary["mode"] == mode].join(sums, on="category")
    return json_rows(rows.sort_values("category"))


def _mode_rows(
    offers: pd.DataFrame, kpis: pd.DataFrame, plans_compared: pd.DataFrame
) -> list[dict[str, Any]]:
    sums = offers.assign(discount=offers["price"] * offers["offer_percent"]).groupby("mode")
    table = sums.agg(n=("price", "size"), price=("price", "sum"), discount=("discount", "sum"))
    table["weighted_offer_percent"] = table["discount"] / table["price"].where(table["price"] > 0)
    totals = kpis[kpis["category"] == TOTAL].set_index("mode")
    table = table.join(totals[[*_SUMS, "retention_before", "retention_after"]])
    on_curve = plans_compared[plans_compared["category"] == TOTAL].set_index("mode")
    return json_rows(table.join(on_curve["revenue_exact"]).reset_index())
