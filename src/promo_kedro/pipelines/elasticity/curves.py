"""One curve per category and relation: Eq. 10 with its R² and its bins (Figure 4)."""

import logging

import numpy as np
import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.types import DataFrame, Table

from .sigmoid import (
    NotIdentifiedError,
    OfferLevels,
    equal_count_bins,
    fit_sigmoid,
    offer_levels,
    r_squared,
)

logger = logging.getLogger(__name__)

CELL = ["customer_id", "item_id", "step"]
IDENTIFIED = "ok"


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


def fit_curves(
    points: DataFrame, relation: str, bins: int, min_points: int
) -> tuple[DataFrame, DataFrame]:
    """Fit one sigmoid per category.

    Args:
        points: category, offer_percent, probability.
        relation: the relation the points are of.
        bins: equal-count bins for R².
        min_points: categories with fewer points get no curve.

    Returns:
        Rows of ``elasticity_curves`` and of ``elasticity_bins``.
    """
    curves, binned = [], []
    for category, rows in points.groupby("category"):
        levels = offer_levels(rows["offer_percent"].to_numpy(), rows["probability"].to_numpy())
        means = equal_count_bins(levels, bins)
        label = {"category": category, "relation": relation}
        curve = _curve(levels, means, min_points)
        curves.append({**label, **curve, "n": len(rows), "n_bins": len(means.counts)})
        binned.append(_bins_table(means).assign(**label))
    numbers = ["slope", "intercept", "slope_se", "intercept_se", "r2"]
    columns = ["category", "relation", *numbers, "n", "n_bins", "status"]
    return (
        pd.DataFrame(curves, columns=columns).astype(dict.fromkeys(numbers, "float64")),
        pd.concat(binned, ignore_index=True)[
            ["category", "relation", "offer_percent", "probability", "n"]
        ],
    )


def identified_slopes(elasticity_curves: DataFrame, relation: str) -> pd.Series:
    """Return the slope of each category whose curve is identified, indexed by category."""
    curves = elasticity_curves[elasticity_curves["relation"] == relation]
    return curves[curves["status"] == IDENTIFIED].set_index("category")["slope"]


def report(elasticity_curves: DataFrame) -> None:
    """Log which categories have a curve, and why the others have none."""
    for relation, curves in elasticity_curves.groupby("relation"):
        found = curves[curves["status"] == IDENTIFIED]
        logger.info(
            "Offer curves (%s): %d of %d categories identified, mean R² %.2f.",
            relation,
            len(found),
            len(curves),
            found["r2"].mean() if len(found) else np.nan,
        )
    for curve in elasticity_curves[elasticity_curves["status"] != IDENTIFIED].itertuples():
        logger.warning("%s (%s): %s.", curve.category, curve.relation, curve.status)


def _curve(levels: OfferLevels, means: OfferLevels, min_points: int) -> dict[str, object]:
    """Fit one curve; where the data do not identify it, say why."""
    try:
        fit = fit_sigmoid(levels, min_points)
    except NotIdentifiedError as reason:
        return {"status": f"not identified: {reason}"}
    rises = fit.slope > 0
    falls = "not identified: the probability does not rise with the offer"
    return {**vars(fit), "r2": r_squared(fit, means), "status": IDENTIFIED if rises else falls}


def _bins_table(means: OfferLevels) -> DataFrame:
    return pd.DataFrame(
        {"offer_percent": means.offers, "probability": means.probabilities, "n": means.counts}
    )
