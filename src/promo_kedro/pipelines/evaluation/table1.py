"""The paper's Table 1: one row per window and category, and a total row per window."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.pipelines.evaluation.scores import score
from promo_kedro.pipelines.evaluation.suppression import TOTAL


def rows_of_test_step(predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows of the test step, the only ones that any score is computed on."""
    rows = predictions[predictions["split"] == "test"]
    unlabelled = int(rows["purchased"].isna().sum())
    if unlabelled or rows.empty:
        what = f"{unlabelled} rows without `purchased`" if unlabelled else "no rows"
        raise InputError(
            f"purchase_predictions: {what} in the test split, so nothing can be scored. "
            "Run `kedro run --pipeline=thresholding` again on whole probabilities."
        )
    return rows.assign(purchased=rows["purchased"].astype("int8"))


def score_categories(predictions: pd.DataFrame, calibration_bins: int) -> pd.DataFrame:
    """Pooled scores on the test step: each category's, then the total's, per window.

    The total is computed over all rows together; it is not a mean over categories.

    Raises:
        InputError: Nothing can be scored, or a category bears the total row's name.
    """
    rows = rows_of_test_step(predictions)
    _refuse_the_totals_name(rows)
    records = []
    for window, in_window in rows.groupby("window", sort=True):
        groups = [*in_window.groupby("category", sort=True, observed=True), (TOTAL, in_window)]
        for category, group in groups:
            pairs = group[["customer_id", "item_id"]].drop_duplicates()
            records.append(
                {
                    "window": int(window),
                    "category": str(category),
                    "sample_size": len(pairs),
                    "consumers": pairs["customer_id"].nunique(),
                    **asdict(
                        score(
                            group["purchased"].to_numpy(),
                            group["probability"].to_numpy(),
                            group["predicted"].to_numpy(),
                            calibration_bins,
                        )
                    ),
                }
            )
    return pd.DataFrame.from_records(records)


def average_elasticities(elasticities: pd.DataFrame) -> pd.Series:
    """Mean elasticity per category and in all, over the consumer-items where it is identified."""
    known = elasticities[elasticities["reference_source"] != "not identified"]
    means = known.groupby("category", observed=True)["elasticity"].mean()
    return _with_total(means, known["elasticity"].mean(), "average_elasticity")


def weighted_offers(offers: pd.DataFrame, mode: str) -> pd.Series:
    """Mean optimal offer weighted by price, percent, per category and in all."""
    chosen = offers[offers["mode"] == mode]
    worth = pd.DataFrame(
        {
            "category": chosen["category"].astype(str),
            "price": chosen["price"],
            "discount": chosen["price"] * chosen["offer_percent"],
        }
    )
    sums = worth.groupby("category")[["price", "discount"]].sum()
    total = sums.sum()
    means = sums["discount"] / sums["price"].where(sums["price"] > 0)
    overall = total["discount"] / total["price"] if total["price"] > 0 else np.nan
    return _with_total(means, overall, "weighted_offer_percent")


def goodness_of_fit(curves: pd.DataFrame, relation: str) -> pd.Series:
    """R² of each identified curve; the total is their plain mean, as the paper quotes it.

    A curve that is not identified has no R² here: a falling curve can fit well, too.
    """
    identified = (curves["relation"] == relation) & (curves["status"] == "ok")
    chosen = curves[identified].set_index("category")["r2"].astype(float)
    return _with_total(chosen, chosen.mean(), "r2")


def table1(
    predictions: pd.DataFrame,
    elasticities: pd.DataFrame,
    offers: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    mode: str,
    relation: str,
    calibration_bins: int,
) -> pd.DataFrame:
    """Table 1 and what it needs to be read; offers and curves belong to the latest window only.

    Returns:
        Key ``window``, ``category`` (the total row is called "All"); the columns of
        :class:`~promo_kedro.pipelines.evaluation.scores.Score`, ``sample_size``
        (consumer-items), ``consumers``, ``average_elasticity``, ``weighted_offer_percent`` and
        ``r2``. A figure that does not exist is NaN.
    """
    scores = score_categories(predictions, calibration_bins)
    plan = pd.concat(
        [
            average_elasticities(elasticities),
            weighted_offers(offers, mode),
            goodness_of_fit(curves, relation),
        ],
        axis=1,
    )
    beside = plan.reindex(scores["category"]).reset_index(drop=True)
    beside[(scores["window"] != 0).to_numpy()] = np.nan
    return scores.join(beside)


def _refuse_the_totals_name(rows: pd.DataFrame) -> None:
    taken = int((rows["category"] == TOTAL).sum())
    if taken:
        raise InputError(
            f"purchase_predictions: {taken} rows of a category named {TOTAL!r}, which is the name "
            "of the total row in the results. Rename that category in item_data and run again."
        )


def _with_total(by_category: pd.Series, total: float, name: str) -> pd.Series:
    by_category = by_category.rename(index=str)
    return pd.concat([by_category, pd.Series({TOTAL: total})]).astype(float).rename(name)
