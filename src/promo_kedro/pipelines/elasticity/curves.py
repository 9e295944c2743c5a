"""One curve per category and relation: Eq. 10 with its R² and its bins (Figure 4)."""

import logging

import numpy as np
import pandas as pd

from promo_kedro.pipelines.elasticity.parameters import ElasticityParameters
from promo_kedro.pipelines.elasticity.sigmoid import (
    NotIdentifiedError,
    OfferLevels,
    SigmoidFit,
    equal_count_bins,
    fit_sigmoid,
    offer_levels,
    r_squared,
)
from promo_kedro.types import DataFrame

logger = logging.getLogger(__name__)

IDENTIFIED = "ok"
RESPONSE = "response"
FEWEST_OFFERS_ASKED = 3


def fit_curves(
    points: DataFrame, relation: str, deepest: pd.Series, parameters: ElasticityParameters
) -> tuple[DataFrame, DataFrame]:
    """Fit one sigmoid per category.

    Args:
        points: category, offer_percent, probability.
        relation: the relation the points are of. Those of ``response`` count inside the
            category's offer range only: beyond it the model extrapolates.
        deepest: end of the offer range, in percent, by category; 0 where it is absent.
        parameters: bins for R², and what a curve needs to be identified.

    Returns:
        Rows of ``elasticity_curves`` and of ``elasticity_bins``.
    """
    curves, binned = [], []
    for category, asked in points.groupby("category"):
        end = deepest.get(category, 0.0)
        rows = asked[asked["offer_percent"] <= end] if relation == RESPONSE else asked
        levels = offer_levels(rows["offer_percent"].to_numpy(), rows["probability"].to_numpy())
        means = equal_count_bins(levels, parameters.bins)
        label = {"category": category, "relation": relation}
        curve = _curve(levels, means, relation, end, parameters)
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


def report(elasticity_curves: DataFrame, in_use: str) -> None:
    """Log which categories have a curve and why the others have none.

    Args:
        elasticity_curves: the curves of both relations.
        in_use: the relation that the elasticities come from; its gaps are warnings.
    """
    for relation, curves in elasticity_curves.groupby("relation"):
        found = curves[curves["status"] == IDENTIFIED]
        logger.info(
            "Offer curves (%s): %d of %d categories identified, mean R² %.2f.",
            relation,
            len(found),
            len(curves),
            found["r2"].mean() if len(found) else np.nan,
        )
    gaps = elasticity_curves[elasticity_curves["status"] != IDENTIFIED]
    for (relation, status), curves in gaps.groupby(["relation", "status"]):
        logger.log(
            logging.WARNING if relation == in_use else logging.INFO,
            "Offer curves (%s), %s: %s.",
            relation,
            status,
            "; ".join(curves["category"]),
        )


def _curve(
    levels: OfferLevels,
    means: OfferLevels,
    relation: str,
    end: float,
    parameters: ElasticityParameters,
) -> dict[str, object]:
    """Fit one curve; where the data do not identify it, say why."""
    try:
        if relation == RESPONSE and len(levels.offers) < FEWEST_OFFERS_ASKED:
            raise NotIdentifiedError(
                f"fewer than {FEWEST_OFFERS_ASKED} of the offers asked are as deep as past offers"
            )
        fit = fit_sigmoid(levels, parameters.min_points)
    except NotIdentifiedError as reason:
        return {"status": f"not identified: {reason}"}
    status = _status(fit, end, parameters.min_odds_ratio)
    return {**vars(fit), "r2": r_squared(fit, means), "status": status}


def _status(fit: SigmoidFit, end: float, min_odds_ratio: float) -> str:
    """Judge the size of a fitted effect: exp(a · x) is how an offer x multiplies the odds."""
    if fit.slope <= 0:
        return "not identified: the probability does not rise with the offer"
    if fit.slope * end < np.log(min_odds_ratio):
        return "not identified: an offer hardly moves the probability"
    return IDENTIFIED


def _bins_table(means: OfferLevels) -> DataFrame:
    return pd.DataFrame(
        {"offer_percent": means.offers, "probability": means.probabilities, "n": means.counts}
    )
