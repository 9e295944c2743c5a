"""Platt's calibration: probability = σ(slope · logit + intercept), fitted on validation.

The slope multiplies the response to an offer too, so few purchases fit the intercept alone.
The slope is positive, so calibrating never changes an order; in particular the response to an
offer keeps its sign, which isotonic calibration would flatten into steps.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

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

    def probability(self, logit: Array) -> Array:
        """Map raw logits to calibrated probabilities of the same shape."""
        calibrated: Array = expit(self.slope * np.asarray(logit, np.float64) + self.intercept)
        return calibrated


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
        The fit, or the identity when there is too little to fit or the fitted slope is not in
        (0, 20]: a slope ≤ 0 would turn the model upside down, a huge one separates perfectly.
    """
    logit, target = (np.asarray(values, np.float64) for values in (logit, purchased))
    positives = int(target.sum())
    fewest = min(positives, len(target) - positives)
    found = f"{positives} purchases in {len(target)} rows"
    if fewest < min_positives:
        return Platt(reason=f"{found}; {min_positives} of each class are needed")
    ones = np.ones((len(target), 1))
    if fewest < min_positives_for_slope:
        intercept = _newton(ones, target, start=np.zeros(1), offset=logit)
        if intercept is None:
            return Platt(reason="fit refused: no finite optimum")
        reason = f"{found}; {min_positives_for_slope} of each class are needed for a slope"
        return Platt(1.0, float(intercept[0]), INTERCEPT_ONLY, reason)
    weights = _newton(np.column_stack([logit, ones]), target, start=np.array([1.0, 0.0]))
    if weights is None or not 0 < weights[0] <= LARGEST_SLOPE:
        slope = "no finite optimum" if weights is None else f"slope {weights[0]:.3g}"
        return Platt(reason=f"fit refused: {slope}, outside (0, {LARGEST_SLOPE:g}]")
    return Platt(float(weights[0]), float(weights[1]), FULL)


def _newton(
    design: Array, target: Array, start: Array, offset: Array | float = 0.0, steps: int = 50
) -> Array | None:
    """Return the maximum of the logistic likelihood, or None when it is not reached."""
    weights = start
    loss = _loss(design, target, weights, offset)
    for _ in range(steps):
        chance = expit(design @ weights + offset)
        gradient = design.T @ (chance - target)
        curvature = design.T @ (design * (chance * (1 - chance))[:, None])
        try:
            move = np.linalg.solve(curvature, gradient)
        except np.linalg.LinAlgError:
            return None
        # Halving keeps Newton from overshooting where the likelihood is nearly flat.
        while (new := _loss(design, target, weights - move, offset)) > loss and np.abs(
            move
        ).max() > 1e-10:
            move = move / 2
        weights, loss = weights - move, min(new, loss)
        if np.abs(move).max() < 1e-9:
            return weights
    return None


def _loss(design: Array, target: Array, weights: Array, offset: Array | float) -> float:
    logit = design @ weights + offset
    return float(np.sum(np.logaddexp(0, logit) - target * logit))
