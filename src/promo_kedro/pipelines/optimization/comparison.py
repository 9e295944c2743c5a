"""Eq. 13 as printed next to its linear and exact forms: what each promises, and what it is worth.

The exact curve is the same response without the tangent or the cut-off, so every plan's offers are
weighed on it, and held against the rules of the exact program.
"""

from collections import defaultdict
from typing import TYPE_CHECKING

import pandas as pd
from pandas import DataFrame

from promo_kedro.pipelines.optimization.edges import edge_counts
from promo_kedro.pipelines.optimization.kpis import with_all
from promo_kedro.pipelines.optimization.totals import (
    ALL,
    category_sums,
    cell_totals,
    concerns,
    retention_shares,
    revenue_of,
    scored,
    slack_of,
)
from promo_kedro.types import Array

if TYPE_CHECKING:
    from promo_kedro.pipelines.optimization.planning import Planned

EXACT = "exact"
NAMED = 5  # rules that a text names before it counts the others
KEY = ["category", "customer_id", "item_id"]
COMPARISON_COLUMNS = [
    "mode",
    "category",
    "revenue_promised",
    "revenue_exact",
    "retention_promised",
    "retention_exact",
    "objective_lost",
    "breaks_rules",
    "share_at_edge",
]


def plan_comparison(planned: dict[str, list["Planned"]]) -> DataFrame:
    """Return ``plan_comparison``: per mode and category, and over all categories of the mode.

    ``objective_lost`` is what the exact plan earns above this plan's offers, both on the exact
    curve. It can be negative where these offers break a rule that the exact plan keeps.

    Args:
        planned: the programs of each mode, by its name; ``exact`` must be among them.
    """
    exact = {each.name: each for each in planned[EXACT]}
    parts, shares = [], {}
    broken: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mode, programs in planned.items():
        twins = [exact[each.name] for each in programs]
        offers = [_offers_in_order(*pair) for pair in zip(programs, twins, strict=True)]
        for planned_so, twin, offer in zip(programs, twins, offers, strict=True):
            parts.append(_sums(planned_so, twin, offer))
            for category, row in _broken(twin, offer):
                broken[mode, category].append(row)
        promised = retention_shares(programs, [each.offer for each in programs])
        shares[mode] = {"promised": promised, "exact": retention_shares(twins, offers)}
    sums = with_all(pd.concat(parts, ignore_index=True))
    sums["share_at_edge"] = sums["at_edge"] / sums["adjustable"].where(sums["adjustable"] > 0)
    keys = list(zip(sums["mode"], sums["category"], strict=True))
    for name in ("promised", "exact"):
        sums[f"retention_{name}"] = [shares[mode][name][category] for mode, category in keys]
    sums["breaks_rules"] = [_named(broken[key]) for key in keys]
    return sums[COMPARISON_COLUMNS]


def _offers_in_order(planned: "Planned", exact: "Planned") -> Array:
    """Return a plan's offers in the order of the exact program's units, (units,)."""
    if planned is exact:
        return exact.offer
    keys = pd.MultiIndex.from_frame(planned.decisions[KEY])
    wanted = pd.MultiIndex.from_frame(exact.decisions[KEY])
    offers: Array = (
        planned.offer if keys.equals(wanted) else planned.offer[keys.get_indexer(wanted)]
    )
    return offers


def _sums(planned: "Planned", exact: "Planned", offers: Array) -> DataFrame:
    """Return sums per category: of the plan by its own mode, of its offers on the exact curve."""
    own, true = planned.options.measures(planned.offer), exact.options.measures(offers)
    best = exact.options.measures(exact.offer)
    at_edge, adjustable = edge_counts(planned)
    lost = scored(exact, best - true, exact.program.objective)
    return DataFrame(
        {
            "mode": planned.mode,
            "category": planned.standing.categories,
            "revenue_promised": category_sums(planned, revenue_of(own)),
            "revenue_exact": category_sums(exact, revenue_of(true)),
            "objective_lost": category_sums(exact, lost),
            "at_edge": at_edge,
            "adjustable": adjustable,
        }
    )


def _broken(exact: "Planned", offers: Array) -> list[tuple[str, str]]:
    """Return the exact program's rows that these offers break, with each category concerned."""
    totals = cell_totals(exact, exact.options.measures(offers))
    return [
        (category, row.name)
        for row in (*exact.program.rows, *exact.left_out)
        if slack_of(row, totals) < 0
        for category in (ALL, *concerns(exact, row))
    ]


def _named(rows: list[str]) -> str:
    others = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return "; ".join(rows[:NAMED]) + others
