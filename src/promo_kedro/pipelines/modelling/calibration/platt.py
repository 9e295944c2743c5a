"""Platt's calibration: probability = σ(slope · logit + intercept).

The slope multiplies the response to an offer too, so few purchases fit the intercept alone.
The slope is positive, so calibrating never changes an order; in particular the response to an
offer keeps its sign, which isotonic calibration would flatten into steps.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from promo_kedro.pipelines.modelling.calibration.logistic import maximise_likelihood
from promo_kedro.types import Array

LARGEST_SLOPE = 20.0
FULL = "validation"
INTERCEPT_ONLY = "validation, intercept only"
IDENTITY = "identity"


@dataclass(frozen=True)
class Platt:
    """A fitted calibration; ``reason`` says why it is the intercept alone, or the identity."""

    slope: float = 1.0
    intercept: float = 0.0
    source: str = IDENTITY
    reason: str = ""

    @property
    def kind(self) -> str:
        """``platt``, or ``identity`` where nothing was fitted."""
        return IDENTITY if self.source == IDENTITY else "platt"

    def logit(self, raw_logit: Array) -> Array:
        """Map raw logits to calibrated logits of the same shape."""
        calibrated: Array = self.slope * np.asarray(raw_logit, np.float64) + self.intercept
        return calibrated

    def probability(self, raw_logit: Array) -> Array:
        """Map raw logits to calibrated probabilities of the same shape."""
        calibrated: Array = expit(self.logit(raw_logit))
        return calibrated

    def to_card(self) -> dict[str, Any]:
        """Return what JSON can hold and ``calibration_from_card`` reads."""
        return {"kind": self.kind, **asdict(self)}


def fit_platt(
    logit: Array, purchased: Array, min_positives: int, min_positives_for_slope: int
) -> Platt:
    """Fit slope and intercept by maximum likelihood (Newton's method).

    Args:
        logit: (n,) raw logits of the validation step.
        purchased: (n,) 0 or 1.
        min_positives: With fewer purchases, or fewer non-purchases, the logits stay as they are.
        min_positives_for_slope: With fewer, only the intercept is fitted and the slope is 1.

    Returns:
        The fit. A slope outside (0, 20] gives way to the intercept alone: one ≤ 0 would turn
        the model upside down, a huge one separates the classes perfectly.
    """
    logit, target = (np.asarray(values, np.float64) for values in (logit, purchased))
    fewest, found = count_classes(target)
    if fewest < min_positives:
        return Platt(reason=f"{found}; {min_positives} of each class are needed")
    if fewest < min_positives_for_slope:
        needed = f"{min_positives_for_slope} of each class are needed for a slope"
        return fit_level(logit, target, f"{found}; {needed}")
    if np.ptp(logit) == 0:
        return fit_level(logit, target, "all rows have the same logit, which tells no slope")
    design = np.column_stack([logit, np.ones(len(target))])
    weights = maximise_likelihood(design, target, start=np.array([1.0, 0.0]))
    if weights is None or not 0 < weights[0] <= LARGEST_SLOPE:
        slope = "no finite optimum" if weights is None else f"slope {weights[0]:.3g}"
        reason = f"slope refused: {slope}, outside (0, {LARGEST_SLOPE:g}]"
        return fit_level(logit, target, reason)
    return Platt(float(weights[0]), float(weights[1]), FULL)


def fit_level(logit: Array, purchased: Array, reason: str) -> Platt:
    """Fit the intercept alone; ``reason`` says why there is no slope."""
    logit, target = (np.asarray(values, np.float64) for values in (logit, purchased))
    ones = np.ones((len(target), 1))
    intercept = maximise_likelihood(ones, target, start=np.zeros(1), offset=logit)
    if intercept is None:
        return Platt(reason="fit refused: no finite optimum")
    return Platt(1.0, float(intercept[0]), INTERCEPT_ONLY, reason)


def count_classes(purchased: Array) -> tuple[int, str]:
    """Return the size of the smaller class, and both in words."""
    rows, positives = len(purchased), int(np.sum(purchased))
    return min(positives, rows - positives), f"{positives} purchases in {rows} rows"
