"""What a plan changes overall and per category, before and after."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas import DataFrame

from promo_kedro.pipelines.optimization.edges import find_edges, same_offer
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.totals import (
    ALL,
    category_sums,
    margin_of,
    retention_shares,
    revenue_of,
)
from promo_kedro.types import Array

if TYPE_CHECKING:
    from promo_kedro.pipelines.optimization.planning import Planned

KPI_COLUMNS = [
    "mode",
    "category",
    "consumer_items",
    "offers_changed",
    "offer_before",
    "offer_after",
    "share_offered_before",
    "share_offered_after",
    "revenue_before",
    "revenue_after",
    "margin_before",
    "margin_after",
    "spend_before",
    "spend_after",
    "retention_before",
    "retention_after",
    "share_at_edge",
]
COUNTS = ["consumer_items", "offers_changed"]


def plan_kpis(planned: list["Planned"]) -> DataFrame:
    """Return ``plan_kpis``: per mode and category, and over all categories of the mode.

    Margins are empty where the costs of any consumer-item of a category are unknown.
    """
    sums = with_all(pd.concat([_sums(each) for each in planned], ignore_index=True))
    sums[COUNTS] = sums[COUNTS].astype(int)
    for when in ("before", "after"):
        for mean in (f"offer_{when}", f"share_offered_{when}"):
            sums[mean] /= sums["consumer_items"]
        sums[f"margin_{when}"] = sums[f"margin_{when}"].where(sums["cost_unknown"] == 0)
        sums[f"retention_{when}"] = _retention(planned, sums, when)
    sums["share_at_edge"] = sums["at_edge"] / sums["adjustable"].where(sums["adjustable"] > 0)
    return sums[KPI_COLUMNS]


def with_all(sums: DataFrame) -> DataFrame:
    """Put, before the categories of each mode, the sum over them: category ``All``."""
    parts = []
    for mode, rows in sums.groupby("mode", sort=False):
        whole = rows.drop(columns=["mode", "category"]).sum().to_frame().T
        parts += [whole.assign(mode=mode, category=ALL), rows.sort_values("category")]
    return pd.concat(parts, ignore_index=True)


def _retention(planned: list["Planned"], lines: DataFrame, when: str) -> list[float]:
    """Return the share retained before or after, line by line."""
    shares = {}
    for mode in lines["mode"].unique():
        programs = [each for each in planned if each.mode == mode]
        shares[mode] = retention_shares(programs, [_offers(each)[when] for each in programs])
    return [shares[line.mode][line.category] for line in lines.itertuples()]


def _offers(planned: "Planned") -> dict[str, Array]:
    """Return the offers of today and of the plan, percent, each (units,)."""
    today = planned.decisions["offer_today"].to_numpy(dtype=float)
    return {"before": today, "after": planned.offer}


def _sums(planned: "Planned") -> DataFrame:
    """Return sums per category of one program, which means and shares are made of."""
    decisions, offers = planned.decisions, _offers(planned)
    units = {
        "consumer_items": np.ones(len(decisions)),
        "offers_changed": ~same_offer(offers["after"], offers["before"]),
        "adjustable": decisions["adjustable"].to_numpy(),
        "at_edge": find_edges(planned).any,
        "cost_unknown": ~decisions["cost_known"].to_numpy(),
    }
    for when, each in offers.items():
        units |= _figures(planned, when, each)
    sums = {name: category_sums(planned, values) for name, values in units.items()}
    return DataFrame({"mode": planned.mode, "category": planned.standing.categories, **sums})


def _figures(planned: "Planned", when: str, offers: Array) -> dict[str, Array]:
    """Return what is summed of these offers, each (units,)."""
    measures = planned.options.measures(offers)
    return {
        f"offer_{when}": measures[:, Measure.OFFER],
        f"share_offered_{when}": measures[:, Measure.OFFERED],
        f"revenue_{when}": revenue_of(measures),
        f"margin_{when}": margin_of(measures),
        f"spend_{when}": measures[:, Measure.SPEND],
    }
