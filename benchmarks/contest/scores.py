"""Every candidate's scores on the same rows of one window's test step, by the project's code."""

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.comparison import (
    TRUTH_OBSERVABLE,
    TRUTH_WHOLE,
    compare_candidates,
)
from promo_kedro.pipelines.evaluation.cutoff_comparison import compare_cutoffs
from promo_kedro.pipelines.thresholding.consumers import consumers_in_categories
from promo_kedro.pipelines.thresholding.methods import cutoffs_by_method
from promo_kedro.pipelines.thresholding.parameters import ThresholdingParameters

CALIBRATION_BINS = 15
METHOD = "expected_f1"
OF_TRUTH = {"f1_of_truth": TRUTH_OBSERVABLE, "f1_of_whole": TRUTH_WHOLE}


def scored(table: pd.DataFrame, thresholding: ThresholdingParameters) -> pd.DataFrame:
    """Score candidates.

    Args:
        table: As the evaluation's ``side_by_side`` returns it: one row per consumer-item, a
            column of calibrated probabilities per candidate.
        thresholding: How cut-offs are chosen.

    Returns:
        One row per window, category (all of them together: All) and candidate.
    """
    losses = compare_candidates(table, CALIBRATION_BINS)
    losses = losses.rename(columns={"expected_calibration_error": "ece"})
    choices = [
        f1_scores(table, name, thresholding).assign(candidate=name)
        for name in table.columns.drop("purchased")
    ]
    keys = ["window", "category", "candidate"]
    scores = losses.merge(pd.concat(choices), on=keys, validate="one_to_one")
    for column, truth in OF_TRUTH.items():
        of_truth = scores[scores["candidate"] == truth].set_index(keys[:2])["f1_consumers"]
        best = of_truth.reindex(pd.MultiIndex.from_frame(scores[keys[:2]])).to_numpy(float)
        scores[column] = scores["f1_consumers"] / np.where(best > 0, best, np.nan)
    return scores


def f1_scores(
    table: pd.DataFrame, candidate: str, thresholding: ThresholdingParameters
) -> pd.DataFrame:
    """Cut a candidate's probabilities as the thresholding does, and score the choice.

    Returns:
        ``window``, ``category``, ``f1_pooled``, and ``f1_consumers``: the mean over consumers
        who bought something of the category.
    """
    rows = table[["purchased"]].assign(probability=table[candidate], split="test").reset_index()
    consumers = consumers_in_categories(rows, rows.head(0), thresholding.min_items)
    cutoffs = cutoffs_by_method(consumers, rows, rows.head(0), [METHOD], thresholding)
    scores = compare_cutoffs(rows, cutoffs, METHOD, thresholding.zero_division)
    scores = scores.rename(columns={"f1": "f1_pooled", "mean_f1_buyers": "f1_consumers"})
    return scores[["window", "category", "f1_pooled", "f1_consumers"]]
