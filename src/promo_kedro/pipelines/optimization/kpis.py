"""What a plan changes overall and per category, before and after."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas import DataFrame

from promo_kedro.pipelines.optimization.edges import find_edges, same_offer
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.totals import (
    ALL,
    Counting,
    category_sums,
    margin_of,
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


def plan_kpis(planned: list["Planned"], *, costs_known: bool) -> DataFrame:
    """Return ``plan_kpis``: per mode and category, and over all categories of the mode.

    Args:
        planned: the programs, of any number of modes.
        costs_known: whether the decisions know what is paid for what is sold; else margins are
            empty.
    """
    sums = with_all(pd.concat([_sums(each) for each in planned], ignore_index=True))
    sums[COUNTS] = sums[COUNTS].astype(int)
    for when in ("before", "after"):
        for mean in (f"offer_{when}", f"share_offered_{when}"):
            sums[mean] /= sums["consumer_items"]
        sums[f"retention_{when}"] /= sums["retainable"].where(sums["retainable"] > 0)
        if not costs_known:
            sums[f"margin_{when}"] = np.nan
    sums["share_at_edge"] = sums["at_edge"] / sums["adjustable"].where(sums["adjustable"] > 0)
    return sums[KPI_COLUMNS]


def with_all(sums: DataFrame) -> DataFrame:
    """Put, before the categories of each mode, the sum over them: category ``All``."""
    parts = []
    for mode, rows in sums.groupby("mode", sort=False):
        whole = rows.drop(columns=["mode", "category"]).sum().to_frame().T
        parts += [whole.assign(mode=mode, category=ALL), rows.sort_values("category")]
    return pd.concat(parts, ignore_index=True)


def _sums(planned: "Planned") -> DataFrame:
    """Return sums per category of one program, which means and shares are made of."""
    today = planned.decisions["offer_today"].to_numpy(dtype=float)
    counting = Counting.of(planned)
    units = {
        "consumer_items": np.ones(len(today)),
        "offers_changed": (~same_offer(planned.offer, today)).astype(float),
        "adjustable": planned.decisions["adjustable"].to_numpy(dtype=float),
        "at_edge": find_edges(planned).any.astype(float),
        "retainable": counting.retainable(),
        **_figures(planned, counting, "before", today),
        **_figures(planned, counting, "after", planned.offer),
    }
    sums = {name: category_sums(planned, values) for name, values in units.items()}
    return DataFrame(
        {"mode": planned.mode, "category": planned.standing.categories, **sums},
    )


def _figures(planned: "Planned", counting: Counting, when: str, offers: Array) -> dict[str, Array]:
    """Return what is summed of these offers, each (units,)."""
    measures = planned.options.measures(offers)
    return {
        f"offer_{when}": measures[:, Measure.OFFER],
        f"share_offered_{when}": measures[:, Measure.OFFERED],
        f"revenue_{when}": revenue_of(measures),
        f"margin_{when}": margin_of(measures),
        f"spend_{when}": measures[:, Measure.SPEND],
        f"retention_{when}": counting.retained(measures[:, Measure.RETENTION]),
    }
