"""The steps of thresholding: choose a cut-off per consumer, then predict (Eq. 4-9)."""

import logging

from promo_kedro.errors import InputError
from promo_kedro.pipelines.thresholding.parameters import ThresholdingParameters
from promo_kedro.types import DataFrame

logger = logging.getLogger(__name__)

DECIDED = ["test", "next"]
KEY = ["window", "split", "customer_id", "category"]


def choose_cutoffs(
    purchase_probabilities: DataFrame, parameters: ThresholdingParameters
) -> DataFrame:
    """Choose the cut-off that maximises F1, per consumer and category, for test and next.

    The labels of a step never choose the cut-off of that step: ``expected_f1`` reads no labels
    and ``empirical`` only those of the validation step.

    Returns:
        ``consumer_cutoffs``; a cut-off of +∞ predicts no purchase.
    """
    from promo_kedro.pipelines.thresholding.consumers import (
        add_empirical,
        add_expected,
        consumers_in_categories,
        take_first,
    )

    split = purchase_probabilities["split"]
    scored = purchase_probabilities[split.isin(DECIDED)]
    validation = purchase_probabilities[split == "validation"]

    consumers = consumers_in_categories(scored, validation, parameters.min_items)
    consumers = add_expected(consumers, scored, parameters.zero_division)
    estimators = ["expected_f1"]
    if parameters.estimator == "empirical":
        consumers = add_empirical(consumers, validation)
        estimators = ["empirical", "expected_f1"]

    consumer_cutoffs = take_first(consumers, estimators)
    _report(consumer_cutoffs)
    return consumer_cutoffs[[*KEY, "cutoff", "n_items", "n_purchased", "source"]]


def apply_cutoffs(purchase_probabilities: DataFrame, consumer_cutoffs: DataFrame) -> DataFrame:
    """Predict a purchase where the probability reaches the consumer's cut-off (Eq. 5).

    Raises:
        InputError: a consumer has probabilities but no cut-off.
    """
    scored = purchase_probabilities[purchase_probabilities["split"].isin(DECIDED)]
    cutoffs = consumer_cutoffs[[*KEY, "cutoff"]]
    predictions = scored.merge(cutoffs, on=KEY, how="left", validate="many_to_one")
    without = int(predictions["cutoff"].isna().sum())
    if without:
        raise InputError(
            f"consumer_cutoffs has no cut-off for {without:,} rows of purchase_probabilities; "
            "the two come from different runs: run `kedro run --pipeline=thresholding`."
        )
    predictions["predicted"] = predictions["probability"] >= predictions["cutoff"]
    columns = ["window", "customer_id", "item_id", "step", "category", "split"]
    return predictions[[*columns, "probability", "cutoff", "predicted", "purchased"]]


def _report(consumer_cutoffs: DataFrame) -> None:
    """Log how the cut-offs came about."""
    import numpy as np

    for source, count in consumer_cutoffs["source"].value_counts().items():
        share = count / len(consumer_cutoffs)
        logger.info(
            "Cut-offs from %s: %s consumer-categories (%.0f %%).", source, f"{count:,}", 100 * share
        )
    nothing = int(np.isinf(consumer_cutoffs["cutoff"]).sum())
    if nothing:
        logger.info("No purchase is predicted for %s consumer-categories.", f"{nothing:,}")
