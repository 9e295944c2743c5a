"""The logistic likelihood and its maximum, shared by the calibrators."""

import numpy as np
from scipy.special import expit

from promo_kedro.types import Array


class RefusedError(ValueError):
    """A calibration that the rows do not support; the message says why."""


def log_losses(logit: Array, target: Array) -> Array:
    """Return each row's log loss, exact where the probability itself would round to 0 or 1."""
    losses: Array = np.logaddexp(0, logit) - target * logit
    return losses


def maximise_likelihood(
    design: Array, target: Array, start: Array, offset: Array | float = 0.0, steps: int = 50
) -> Array | None:
    """Fit a logistic regression by Newton's method.

    Args:
        design: (n, m), with a column of ones where an intercept is wanted.
        target: (n,) 0 or 1.
        start: (m,) the weights to start from.
        offset: (n,) a part of the logit that is not fitted.
        steps: The most Newton steps.

    Returns:
        The (m,) weights of the maximum, or None when there is no finite one.
    """
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
        if np.abs(move).max() < 1e-9 * max(1.0, np.abs(weights).max()):
            return weights
    return None


def _loss(design: Array, target: Array, weights: Array, offset: Array | float) -> float:
    return float(np.sum(log_losses(design @ weights + offset, target)))
