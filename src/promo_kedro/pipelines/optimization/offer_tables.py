"""A plan's offers as a table, and the consumer-items whose offer cannot be changed."""

from typing import TYPE_CHECKING

import numpy as np
from pandas import DataFrame

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.rules.permitted import NO_OFFER
from promo_kedro.pipelines.optimization.totals import item_measures, revenue_of
from promo_kedro.types import Array

if TYPE_CHECKING:
    from promo_kedro.pipelines.optimization.planning import Planned

FIRST_STEP = 2  # column of the first step: 0 is the offer of today, 1 no offer
OFFER_COLUMNS = [
    "mode",
    "customer_id",
    "item_id",
    "category",
    "price",
    "reference_offer",
    "change",
    "offer_percent",
    "probability_before",
    "probability_after",
    "retained_before",
    "retained_after",
    "revenue_before",
    "revenue_after",
]


def offers_table(planned: "Planned") -> DataFrame:
    """Return ``optimal_offers`` of one program, without the dates.

    Before is the offer of today, after is the plan; where there is no plan after equals before.
    Probabilities, retention and revenue, price · (1 − offer/100) · q, are by the mode's measures,
    each consumer-item by itself.
    """
    decisions = planned.decisions
    table = decisions[["customer_id", "item_id", "category", "price", "reference_offer"]].assign(
        mode=planned.mode, change=change_of(planned), offer_percent=planned.offer
    )
    offers = {"before": decisions["offer_today"].to_numpy(dtype=float), "after": planned.offer}
    for when, offer in offers.items():
        measures = item_measures(planned, offer)
        table[f"probability_{when}"] = measures[:, Measure.PROBABILITY]
        table[f"retained_{when}"] = measures[:, Measure.RETENTION]
        table[f"revenue_{when}"] = revenue_of(measures)
    return table[OFFER_COLUMNS].reset_index(drop=True)


def change_of(planned: "Planned") -> Array:
    """Return η = offer/reference − 1 where a relative step was taken, else NaN: (units,)."""
    change = np.full(len(planned.decisions), np.nan)
    choice, steps = planned.outcome.plan.choice, planned.options.steps
    if choice is not None and steps.relative:
        stepped = choice >= FIRST_STEP
        change[stepped] = np.asarray(steps.values)[choice[stepped] - FIRST_STEP]
    return change


def is_excluded(decisions: DataFrame) -> Array:
    """Say which consumer-items have no option but no offer, (units,)."""
    excluded: Array = decisions["permitted"].to_numpy() == NO_OFFER
    return excluded


def kept_offers(decisions: DataFrame) -> DataFrame:
    """Count the consumer-items whose offer cannot be changed, by category and reason."""
    kept = decisions.loc[~decisions["adjustable"]]
    counts = kept.groupby(["category", "kept"], sort=True).size()
    return counts.rename("n").rename_axis(["category", "reason"]).reset_index()
