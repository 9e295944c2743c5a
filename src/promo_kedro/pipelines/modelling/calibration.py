"""Platt's calibration: probability = σ(slope · logit + intercept), fitted on validation.

The slope is positive, so calibrating never changes an order; in particular the response to an
offer keeps its sign, which isotonic calibration would flatten into steps.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from promo_kedro.types import Array

LARGEST_SLOPE = 20.0


@dataclass(frozen=True)
class Platt:
    """A fitted calibration, or the identity with the reason why."""

    slope: float = 1.0
    intercept: float = 0.0
    source: str = "identity"
    reason: str = ""

    def probability(self, logit: Array) -> Array:
        """Map raw logits to calibrated probabilities of the same shape."""
        calibrated: Array = expit(self.slope * np.asarray(logit, np.float64) + self.intercept)
        return calibrated


def fit_platt(logit: Array, purchased: Array, min_positives: int) -> Platt:
    """Fit slope and intercept by maximum likelihood (Newton's method).

    Args:
        logit: (n,) raw logits of the validation step.
        purchased: (n,) 0 or 1.
        min_positives: With fewer purchases, or fewer non-purchases, the logits stay as they are.

    Returns:
        The fit, or the identity when there is too little to fit or the fitted slope is not in
        (0, 20]: a slope ≤ 0 would turn the model upside down, a huge one separates perfectly.
    """
    positives = int(purchased.sum())
    fewest = min(positives, len(purchased) - positives)
    if fewest < min_positives:
        return Platt(
            reason=f"validation has {positives} purchases in {len(purchased)} rows; "
            f"{min_positives} of each class are needed"
        )
    design = np.column_stack([np.asarray(logit, np.float64), np.ones(len(logit))])
    weights = _newton(design, np.asarray(purchased, np.float64))
    if weights is None or not 0 < weights[0] <= LARGEST_SLOPE:
        found = "no finite optimum" if weights is None else f"slope {weights[0]:.3g}"
        return Platt(reason=f"fit refused: {found}, outside (0, {LARGEST_SLOPE:g}]")
    return Platt(float(weights[0]), float(weights[1]), "validation")


def _newton(design: Array, target: Array, steps: int = 50) -> Array | None:
    """Return the maximum of the logistic likelihood, or None when it is not reached."""
    weights = np.array([1.0, 0.0])
    loss = _loss(design, target, weights)
    for _ in range(steps):
        chance = expit(design @ weights)
        gradient = design.T @ (chance - target)
        curvature = design.T @ (design * (chance * (1 - chance))[:, None])
        try:
            move = np.linalg.solve(curvature, gradient)
        except np.linalg.LinAlgError:
            return None
        # Halving keeps Newton from overshooting where the likelihood is nearly flat.
        while (new := _loss(design, target, weights - move)) > loss and np.abs(move).max() > 1e-10:
            move = move / 2
        weights, loss = weights - move, min(new, loss)
        if np.abs(move).max() < 1e-9:
            return weights
    return None


def _loss(design: Array, target: Array, weights: Array) -> float:
    logit = design @ weights
    return float(np.sum(np.logaddexp(0, logit) - target * logit))
