"""The points that curves are fitted to, and how far offers reach in them."""

import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.types import DataFrame, Table

CELL = ["customer_id", "item_id", "step"]


def observed_points(purchase_probabilities: DataFrame, panel: Table) -> DataFrame:
    """Pair the probabilities of validation and test with the offers those cells had.

    All cells count, with offers of zero and with rebuilt offers: whether an offer is known
    moves with demand, so keeping only known ones would choose the cells by what they sold.

    Returns:
        category, offer_percent, probability: one row per cell of the latest window.

    Raises:
        InputError: the panel lacks some of the cells.
    """
    table = purchase_probabilities
    past = table[(table["window"] == 0) & table["split"].isin(["validation", "test"])]
    steps = [int(step) for step in past["step"].unique()]
    offers = panel.filter(panel.step.isin(steps)).select(*CELL, "offer_percent").to_pandas()
    points = past.merge(offers, on=CELL, how="left", validate="one_to_one")
    missing = int(points["offer_percent"].isna().sum())
    if missing:
        raise InputError(
            f"panel has no offer for {missing:,} of {len(points):,} rows of "
            "purchase_probabilities; the two come from different runs: run `kedro run`."
        )
    return points[["category", "offer_percent", "probability"]]


def deepest_offers(panel: Table, until: int, quantile: float) -> pd.Series:
    """Return where each category's offer range ends: a quantile of its offers in past cells.

    Cells without an offer count too, so that beyond the end lies at most a share 1 - quantile
    of what the models learnt from.

    Args:
        panel: category, step, offer_percent.
        until: first step that is not past any more.
        quantile: 0-1.

    Returns:
        Offer percents, indexed by category.
    """
    past = panel.filter(panel.step < until)
    ends = past.group_by("category").aggregate(deepest=past.offer_percent.quantile(quantile))
    return ends.to_pandas().set_index("category")["deepest"].astype("float64")
