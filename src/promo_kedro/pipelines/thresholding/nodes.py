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
) -> tuple[DataFrame, DataFrame]:
    """Choose the cut-off that maximises F1, per consumer and category, for test and next.

    The labels of a step never choose the cut-off of that step: ``empirical`` reads those of the
    validation step, and every other method reads none.

    Returns:
        ``consumer_cutoffs`` of the chosen method, where +∞ predicts no purchase; and
        ``cutoff_candidates``, those of all methods compared.
    """
    from promo_kedro.pipelines.thresholding.consumers import consumers_in_categories
    from promo_kedro.pipelines.thresholding.methods import cutoffs_by_method

    split = purchase_probabilities["split"]
    scored = purchase_probabilities[split.isin(DECIDED)]
    validation = purchase_probabilities[split == "validation"]
    methods = list(dict.fromkeys([parameters.method, *parameters.compare]))

    consumers = consumers_in_categories(scored, validation, parameters.min_items)
    candidates = cutoffs_by_method(consumers, scored, validation, methods, parameters)
    chosen = candidates[candidates["method"] == parameters.method]

    consumer_cutoffs = consumers.merge(chosen, on=KEY, validate="one_to_one")
    _report(consumer_cutoffs)
    return (
        consumer_cutoffs[[*KEY, "cutoff", "n_items", "n_purchased", "source"]],
        candidates[[*KEY, "method", "cutoff", "expected_f1"]],
    )


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
