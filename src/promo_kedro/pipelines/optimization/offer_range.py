"""The offer range (o₁, o₂) of each category, from what its receipts showed lately."""

import ibis
from pandas import DataFrame

from promo_kedro.pipelines.optimization.parameters import OfferRangeParameters
from promo_kedro.types import Table

PERIODS = {"latest two weeks": 1, "latest four weeks": 2, "history": None}
"""Periods tried in this order, in steps of two weeks before the next one."""


def offer_ranges_of(
    transactions: Table, items: Table, next_step: int, parameters: OfferRangeParameters
) -> DataFrame:
    """Return the range of each category, from the first period with enough offers.

    Args:
        transactions: receipt lines; those with an offer above 0 count.
        items: category of each item.
        next_step: the step that offers are made for; receipts from it on are not read.
        parameters: quantiles, and how many offers a period must hold.

    Returns:
        category, offer_min, offer_max (missing where no period has enough), n_offers (of the
        period used, or of all history), period; one row per category with a receipt.
    """
    receipts = transactions.filter(transactions.step < next_step).join(
        items.select("item_id", "category"), "item_id"
    )
    measures = {
        f"{measure}_{period}": column
        for period, steps in PERIODS.items()
        for measure, column in _measures(receipts, next_step, steps, parameters).items()
    }
    found = receipts.group_by("category").aggregate(**measures).order_by("category").execute()
    ranges = DataFrame({"category": found["category"], "offer_min": float("nan")})
    ranges = ranges.assign(offer_max=float("nan"), n_offers=found["count_history"])
    ranges["period"] = "too few offers"
    for period in reversed(PERIODS):
        enough = found[f"count_{period}"] >= parameters.min_offers
        ranges.loc[enough, "offer_min"] = found[f"lower_{period}"].astype(float)
        ranges.loc[enough, "offer_max"] = found[f"upper_{period}"].astype(float)
        ranges.loc[enough, "n_offers"] = found[f"count_{period}"]
        ranges.loc[enough, "period"] = period
    return ranges


def _measures(
    receipts: Table, next_step: int, steps: int | None, parameters: OfferRangeParameters
) -> dict[str, ibis.Value]:
    offered = receipts.offer_percent > 0
    if steps is not None:
        offered &= receipts.step >= next_step - steps
    offer = receipts.offer_percent
    return {
        "count": offered.sum().coalesce(0),
        "lower": offer.quantile(parameters.lower_quantile, where=offered),
        "upper": offer.quantile(parameters.upper_quantile, where=offered),
    }
