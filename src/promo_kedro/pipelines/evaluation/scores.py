"""Scores of probabilities and of yes/no predictions, pooled over the rows they are given."""

from dataclasses import dataclass

import numpy as np

from promo_kedro.types import Array

_SMALLEST = np.finfo(float).eps


@dataclass(frozen=True)
class Score:
    """How well the rows of one group were predicted; NaN where a score has no meaning."""

    rows: int
    positives: int
    prevalence: float
    log_loss: float
    skill_prevalence: float
    precision: float
    recall: float
    f1: float
    expected_calibration_error: float


def score(purchased: Array, probability: Array, predicted: Array, calibration_bins: int) -> Score:
    """Score one group of rows.

    Args:
        purchased: (rows,) labels, 0 or 1.
        probability: (rows,) predicted probability of a purchase, 0-1.
        predicted: (rows,) whether the probability reached its consumer's cut-off.
        calibration_bins: number of equal-count bins of the calibration error.
    """
    purchased = np.asarray(purchased, dtype=float)
    probability = np.asarray(probability, dtype=float)
    prevalence = float(purchased.mean()) if purchased.size else np.nan
    loss = log_loss(purchased, probability)
    return Score(
        rows=int(purchased.size),
        positives=int(purchased.sum()),
        prevalence=prevalence,
        log_loss=loss,
        skill_prevalence=skill(loss, log_loss(purchased, np.full(purchased.shape, prevalence))),
        expected_calibration_error=calibration_error(purchased, probability, calibration_bins),
        **precision_recall_f1(purchased, predicted),
    )


def log_loss(purchased: Array, probability: Array) -> float:
    """Mean binary cross-entropy (Eq. 2), in nats; NaN without rows."""
    if len(purchased) == 0:
        return float("nan")
    return float(losses(purchased, probability).mean())


def losses(purchased: Array, probability: Array) -> Array:
    """Binary cross-entropy of each row (Eq. 2), in nats.

    Probabilities of exactly 0 and 1 are moved by the smallest float, so that losses are finite.
    """
    p = np.clip(np.asarray(probability, dtype=float), _SMALLEST, 1 - _SMALLEST)
    return -np.where(np.asarray(purchased) > 0, np.log(p), np.log1p(-p))


def skill(loss: float, loss_of_prevalence: float) -> float:
    """1 - loss / loss of always predicting the prevalence; NaN when all labels are alike."""
    if not loss_of_prevalence > 1e-12:
        return float("nan")
    return 1 - loss / loss_of_prevalence


def precision_recall_f1(purchased: Array, predicted: Array) -> dict[str, float]:
    """Precision, recall and their harmonic mean over all rows together (Eq. 7–8).

    With nothing predicted the precision is 0, with nothing purchased the recall is 0, and the
    F1 of two zeros is 0.
    """
    purchased, predicted = np.asarray(purchased) > 0, np.asarray(predicted, dtype=bool)
    hits = float(np.sum(purchased & predicted))
    chosen, positives = float(predicted.sum()), float(purchased.sum())
    return {
        "precision": hits / chosen if chosen else 0.0,
        "recall": hits / positives if positives else 0.0,
        "f1": 2 * hits / (chosen + positives) if hits else 0.0,
    }


def calibration_error(purchased: Array, probability: Array, bins: int) -> float:
    """Mean distance between predicted and actual share over equal-count bins, by rows."""
    table = calibration_table(purchased, probability, bins)
    if not table["rows"].sum():
        return float("nan")
    distance = np.abs(table["predicted"] - table["actual"])
    return float(np.average(distance, weights=table["rows"]))


def calibration_table(purchased: Array, probability: Array, bins: int) -> dict[str, Array]:
    """Predicted against actual share of purchases in equal-count bins of the probability.

    Equal probabilities always share a bin, so the order of the rows does not matter and there
    can be fewer bins than asked for.

    Returns:
        ``predicted``, ``actual`` and ``rows``, each (bins,).
    """
    purchased = np.asarray(purchased, dtype=float)
    probability = np.asarray(probability, dtype=float)
    if purchased.size == 0:
        empty = np.array([])
        return {"predicted": empty, "actual": empty, "rows": empty}
    edges = np.unique(np.quantile(probability, np.arange(1, bins) / bins))
    place = np.searchsorted(edges, probability, side="right")
    rows = np.bincount(place, minlength=edges.size + 1)
    filled = rows > 0
    return {
        "predicted": np.bincount(place, probability, edges.size + 1)[filled] / rows[filled],
        "actual": np.bincount(place, purchased, edges.size + 1)[filled] / rows[filled],
        "rows": rows[filled],
    }
