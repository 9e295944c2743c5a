"""The model in use beside simpler ones and beside the truth, on the same rows and labels.

A candidate is anything that gives a probability for every consumer-item of the test step: a
baseline, a recipe, a stack, the model in use, or the truth where it is known.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.pipelines.evaluation.scores import calibration_error, log_loss, losses, skill
from promo_kedro.pipelines.evaluation.suppression import TOTAL
from promo_kedro.types import Array

IN_USE = "in_use"
FREQUENCY = "personal_frequency"
TRUTH_OBSERVABLE = "truth_observable"
TRUTH_WHOLE = "truth_whole"
SIMPLER = ("prevalence", FREQUENCY, "logistic_regression", "lightgbm", "lightgbm_pooled")
COLUMNS = [
    *("window", "category", "candidate", "rows", "positives", "prevalence"),
    *("log_loss", "skill_prevalence", "average_precision", "expected_calibration_error"),
    *("skill_truth", "loss_above_in_use", "loss_above_in_use_se", "in_use"),
]
_ROW = ["window", "category", "customer_id", "item_id", "step"]
_SAME = 1e-9  # answers that are closer on average differ by rounding only


def side_by_side(
    candidates: pd.DataFrame, in_use: pd.DataFrame, truth: pd.DataFrame
) -> pd.DataFrame:
    """Every candidate's probability for every row of the test step.

    Args:
        candidates: Rows of candidates with ``candidate``, ``probability`` and the row's key.
        in_use: ``purchase_probabilities``: what the model in use says, and what happened.
        truth: Rows as in ``candidates``; may be empty.

    Returns:
        Index ``window``, ``category``, ``customer_id``, ``item_id``, ``step``; ``purchased``,
        then one column per candidate, NaN where it has no probability.

    Raises:
        InputError: Nothing can be scored, or a candidate has two probabilities for a row.
    """
    scored = in_use[in_use["split"] == "test"].set_index(_ROW)
    if scored.empty or scored["purchased"].isna().any():
        raise InputError(
            "purchase_probabilities: no labelled rows in the test split, so no candidate can be "
            "scored. Run `kedro run --pipeline=modelling` again."
        )
    others = candidates[(candidates["split"] == "test") & (candidates["candidate"] != IN_USE)]
    rows = pd.concat([part for part in (others, truth) if len(part)] or [others])
    twice = int(rows.duplicated([*_ROW, "candidate"]).sum())
    if twice:
        raise InputError(
            f"candidate_probabilities: {twice:,} rows are there twice, so it is not clear what "
            "a candidate says. Run `kedro run --pipeline=modelling` again."
        )
    wide = rows.pivot(index=_ROW, columns="candidate", values="probability")
    table = scored[["purchased"]].assign(**{IN_USE: scored["probability"].astype(float)})
    return table.join(wide.astype(float)).astype({"purchased": "int8"})


def compare_candidates(table: pd.DataFrame, calibration_bins: int) -> pd.DataFrame:
    """Score every candidate per window and category, and over all categories together.

    Args:
        table: What :func:`side_by_side` returns.
        calibration_bins: Number of equal-count bins of the calibration error.

    Returns:
        Columns :data:`COLUMNS`, the best log loss of each group first. ``skill_truth`` is 0 for
        personal frequency and 1 for the observable truth, NaN where there is no truth.
        ``loss_above_in_use`` is the mean difference of log loss to the model in use on the same
        rows, with its standard error over consumers. ``in_use`` marks the model in use and every
        candidate that says the same, but for rounding.
    """
    records: list[dict[str, Any]] = []
    for window, of_window in table.groupby(level="window", sort=True):
        groups = [*of_window.groupby(level="category", sort=True, observed=True)]
        for category, group in [*groups, (TOTAL, of_window)]:
            scores = [
                {"window": int(window), "category": str(category), **score}
                for score in _scores(group, calibration_bins)
            ]
            records += sorted(scores, key=lambda score: score["log_loss"])
    return pd.DataFrame.from_records(records, columns=COLUMNS)


def skill_against_truth(loss: float, loss_of_frequency: float, loss_of_truth: float) -> float:
    """How much of the way from personal frequency to the truth is gone; NaN when there is none."""
    way = loss_of_frequency - loss_of_truth
    return (loss_of_frequency - loss) / way if way > _SAME else float("nan")


def _scores(group: pd.DataFrame, calibration_bins: int) -> Iterator[dict[str, Any]]:
    from sklearn.metrics import average_precision_score

    for candidate in group.columns.drop("purchased"):
        rows = group[group[candidate].notna()]
        if rows.empty:
            continue
        purchased, probability = rows["purchased"].to_numpy(), rows[candidate].to_numpy()
        prevalence = float(purchased.mean())
        loss = log_loss(purchased, probability)
        above, error = _above(rows, candidate)
        yield {
            "candidate": candidate,
            "rows": len(rows),
            "positives": int(purchased.sum()),
            "prevalence": prevalence,
            "log_loss": loss,
            "skill_prevalence": skill(loss, log_loss(purchased, np.full(len(rows), prevalence))),
            "average_precision": (
                float(average_precision_score(purchased, probability))
                if purchased.any()
                else np.nan
            ),
            "expected_calibration_error": calibration_error(
                purchased, probability, calibration_bins
            ),
            "skill_truth": _skill_truth(rows, candidate),
            "loss_above_in_use": above,
            "loss_above_in_use_se": error,
            "in_use": bool(np.abs(rows[candidate] - rows[IN_USE]).mean() < _SAME),
        }


def _skill_truth(rows: pd.DataFrame, candidate: str) -> float:
    needed = [FREQUENCY, TRUTH_OBSERVABLE, candidate]
    if not {*needed} <= {*rows.columns}:
        return float("nan")
    rows = rows.dropna(subset=needed)
    purchased = rows["purchased"].to_numpy()
    frequency, truth, loss = (log_loss(purchased, rows[name].to_numpy()) for name in needed)
    return skill_against_truth(loss, frequency, truth)


def _above(rows: pd.DataFrame, candidate: str) -> tuple[float, float]:
    """Mean loss above the model in use, and its standard error.

    A consumer's rows go together (who visits buys many things), so they are summed first.
    """
    purchased = rows["purchased"].to_numpy()
    above = _loss(rows, candidate, purchased) - _loss(rows, IN_USE, purchased)
    centred = pd.Series(above - above.mean()).groupby(
        rows.index.get_level_values("customer_id").to_numpy()
    )
    return float(above.mean()), float(np.sqrt((centred.sum() ** 2).sum()) / len(rows))


def _loss(rows: pd.DataFrame, candidate: str, purchased: Array) -> Array:
    return losses(purchased, rows[candidate].to_numpy())
