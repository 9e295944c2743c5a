"""Which run is best, chosen on consumers that the report does not judge by."""

import logging

import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters

logger = logging.getLogger(__name__)

CHOOSING = "validation"  # the sample that runs are chosen on
REPORTED = "out_of_training"  # the sample that they are reported on


def main_rows(assessment: pd.DataFrame, sample: str, sizing: str) -> pd.DataFrame:
    """Rows of one sample under one rule of size, over all approved brands together."""
    chosen = (assessment["sample"] == sample) & (assessment["sizing"] == sizing)
    return assessment[chosen & (assessment["stratum"] == "all")]


def selection_scores(assessment: pd.DataFrame, parameters: BrandAssessmentParameters) -> pd.Series:
    """The mean of F1 per consumer and F1 per brand of each run on the validation sample.

    An F1 that does not exist counts 0. The best come first; equals (medians may all be 0) stand
    in order of their mean F1, then of their names.
    """
    rows = main_rows(assessment, CHOOSING, parameters.sizing)
    figures = rows[[parameters.winner_by, "f1_mean"]].astype(float).fillna(0.0)
    scores = figures.set_axis(["score", "f1_mean"], axis=1).groupby(rows["run"]).mean()
    best_first = scores.sort_index().sort_values(
        ["score", "f1_mean"], ascending=False, kind="stable"
    )
    return best_first["score"]


def choose_winner(assessment: pd.DataFrame, parameters: BrandAssessmentParameters) -> str:
    """Name the best run, and say so when another is in use.

    Raises:
        InputError: No run was judged on the validation sample.
    """
    scores = selection_scores(assessment, parameters)
    if scores.empty:
        raise InputError(
            f"brand_assessment: no run was judged on the sample {CHOOSING!r} under the rule "
            f"{parameters.sizing!r}, so none can be called the best. Run `kedro run "
            "--pipeline=brands` whole; the validation consumers need a row in brand_features."
        )
    winner = str(scores.index[0])
    logger.info(
        "Best run on the validation consumers under %s: %s (mean F1 of both levels %.3f)",
        parameters.sizing, winner, scores.iloc[0],
    )  # fmt: skip
    if scores.nunique() == 1 and len(scores) > 1:
        logger.warning("All runs score the same, so which of them is best cannot be told")
    elif parameters.in_use not in scores:
        logger.warning("The run in use, %s, was not judged", parameters.in_use)
    elif parameters.in_use != winner:
        logger.info(
            "The run in use is another: %s (%.3f). The report says whether that is chance.",
            parameters.in_use, scores[parameters.in_use],
        )  # fmt: skip
    return winner
