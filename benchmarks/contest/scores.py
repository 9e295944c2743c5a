"""Every candidate's scores on the same rows of one window's test step."""

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.scores import (
    calibration_error,
    log_loss,
    precision_recall_f1,
    skill,
)
from promo_kedro.pipelines.thresholding.cutoffs import expected_f1_cutoffs
from promo_kedro.types import Array

CALIBRATION_BINS = 15
REFERENCE, BEST_KNOWABLE = "personal_frequency", "truth_observable"


def scored(rows: pd.DataFrame, candidates: list[str]) -> pd.DataFrame:
    """Score candidates.

    Args:
        rows: One row per consumer-item: customer_id, category, purchased, and a column of
            calibrated probabilities per candidate.
        candidates: The columns to score.

    Returns:
        One row per candidate.
    """
    groups = rows.groupby(["customer_id", "category"], sort=False).ngroup().to_numpy()
    purchased = rows["purchased"].to_numpy(float)
    table = pd.DataFrame(
        [{"candidate": name, **_scores(purchased, rows[name], groups)} for name in candidates]
    ).set_index("candidate")
    loss, f1 = table["log_loss"], table["f1_consumers"]
    known = BEST_KNOWABLE in table.index
    table["skill_truth"] = np.nan
    table["f1_of_truth"] = f1 / f1[BEST_KNOWABLE] if known else np.nan
    if known and REFERENCE in table.index:
        table["skill_truth"] = (loss[REFERENCE] - loss) / (loss[REFERENCE] - loss[BEST_KNOWABLE])
    return table.reset_index()


def _scores(purchased: Array, probability: pd.Series, groups: Array) -> dict[str, float]:
    from sklearn.metrics import average_precision_score

    p = probability.to_numpy(float)
    loss = log_loss(purchased, p)
    chosen = p >= expected_f1_cutoffs(groups, p)[groups]
    return {
        "rows": len(p),
        "positives": int(purchased.sum()),
        "prevalence": float(purchased.mean()),
        "log_loss": loss,
        "skill_prevalence": skill(loss, log_loss(purchased, np.full(len(p), purchased.mean()))),
        "average_precision": average_precision_score(purchased, p) if purchased.any() else np.nan,
        "ece": calibration_error(purchased, p, CALIBRATION_BINS),
        "f1_pooled": precision_recall_f1(purchased, chosen)["f1"],
        "f1_consumers": mean_f1(purchased, chosen, groups),
    }


def mean_f1(purchased: Array, chosen: Array, groups: Array) -> float:
    """Return the mean F1 of consumers in a category who bought something in it."""
    hits, picked, bought = (
        np.bincount(groups, weights) for weights in (purchased * chosen, chosen, purchased)
    )
    buyers = bought > 0
    if not buyers.any():
        return float("nan")
    return float((2 * hits[buyers] / (picked[buyers] + bought[buyers])).mean())
