"""The sigmoid of Eq. 10 and its elasticity (Eq. 12), fitted by least squares.

Offers x are percents, 0-100; f(x) = 1 / (1 + exp(−(a·x + b))) with slope a and intercept b.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit, logit

from promo_kedro.types import Array

SMALLEST_PROBABILITY = 1e-12
"""Logits are taken of probabilities at least this far from 0 and 1."""


class NotIdentifiedError(ValueError):
    """The data do not determine a curve; the message says why."""


@dataclass(frozen=True)
class OfferLevels:
    """Points (offer, probability), those of equal offer taken together.

    Least squares of a function of the offer sees the points of one offer only through their
    mean and their number, so nothing is lost but size.

    Attributes:
        offers: (m,) offer percents, ascending.
        probabilities: (m,) mean probability at each.
        counts: (m,) points at each.
        scatter: sum of squares of the points around the mean of their offer.
    """

    offers: Array
    probabilities: Array
    counts: Array
    scatter: float = 0.0


@dataclass(frozen=True)
class SigmoidFit:
    """Slope a (per percentage point of offer) and intercept b, with standard errors."""

    slope: float
    intercept: float
    slope_se: float
    intercept_se: float

    def __call__(self, offers: Array) -> Array:
        """Return f at the given offer percents."""
        return sigmoid(offers, self.slope, self.intercept)


def sigmoid(offers: Array, slope: float, intercept: float) -> Array:
    """Return f(x), Eq. 10."""
    return expit(slope * np.asarray(offers, dtype=np.float64) + intercept)


def elasticity(slope: Array, offers: Array, probabilities: Array) -> Array:
    """Return ε = a · k · (1 − f(k)), the relative change of f per relative change of k (Eq. 12).

    Args:
        slope: a, per percentage point of offer.
        offers: k, offer percents.
        probabilities: f(k).
    """
    return slope * offers * (1 - probabilities)


def offer_levels(offers: Array, probabilities: Array) -> OfferLevels:
    """Take points of equal offer together; the order of the points does not matter.

    Args:
        offers: (n,) offer percents.
        probabilities: (n,) probabilities.

    Raises:
        ValueError: a value is missing or infinite.
    """
    offers, probabilities = (np.asarray(x, dtype=np.float64) for x in (offers, probabilities))
    if not (np.isfinite(offers).all() and np.isfinite(probabilities).all()):
        raise ValueError("offers and probabilities must be finite numbers")
    order = np.lexsort((probabilities, offers))  # sums of floats depend on their order
    offers, probabilities = offers[order], probabilities[order]
    levels, level, counts = np.unique(offers, return_inverse=True, return_counts=True)
    means = np.bincount(level, probabilities) / counts
    return OfferLevels(levels, means, counts, float(((probabilities - means[level]) ** 2).sum()))


def equal_count_bins(levels: OfferLevels, bins: int = 20) -> OfferLevels:
    """Group levels into at most ``bins`` bins of about equally many points, ascending in offer.

    Points of equal offer share a bin, since nothing could tell which belongs where; so where
    one offer (no offer, say) is frequent, there are fewer bins.
    """
    middle_rank = (np.cumsum(levels.counts) - levels.counts / 2) / levels.counts.sum()
    _, which = np.unique((middle_rank * bins).astype(int), return_inverse=True)
    counts = np.bincount(which, levels.counts)
    return OfferLevels(
        offers=np.bincount(which, levels.counts * levels.offers) / counts,
        probabilities=np.bincount(which, levels.counts * levels.probabilities) / counts,
        counts=counts.astype(int),
    )


def fit_sigmoid(levels: OfferLevels, min_points: int = 3) -> SigmoidFit:
    """Fit Eq. 10 by least squares over all points.

    Args:
        levels: the points.
        min_points: fewer points identify nothing.

    Raises:
        NotIdentifiedError: too few points, offers or probabilities that do not vary, or a
            solver that ends without a finite covariance.
    """
    _refuse_unidentified(levels, min_points)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", OptimizeWarning)
            (slope, intercept), covariance = curve_fit(
                sigmoid,
                levels.offers,
                levels.probabilities,
                p0=_start(levels),
                sigma=1 / np.sqrt(levels.counts),
                absolute_sigma=True,
                jac=_jacobian,
                ftol=1e-12,
                xtol=1e-12,
                gtol=1e-12,
                maxfev=1000,
            )
    except (RuntimeError, OptimizeWarning) as error:
        raise NotIdentifiedError("least squares find no finite slope and intercept") from error
    if not np.isfinite(covariance).all():
        raise NotIdentifiedError("slope and intercept have no finite standard errors")

    residuals = levels.probabilities - sigmoid(levels.offers, slope, intercept)
    squares = levels.scatter + (levels.counts * residuals**2).sum()
    variance = squares / max(levels.counts.sum() - 2, 1)
    slope_se, intercept_se = np.sqrt(variance * np.diag(covariance))
    return SigmoidFit(float(slope), float(intercept), float(slope_se), float(intercept_se))


def r_squared(fit: SigmoidFit, bins: OfferLevels) -> float:
    """Return the share of the variance between bins that the curve explains, bins unweighted."""
    residuals = bins.probabilities - fit(bins.offers)
    deviations = bins.probabilities - bins.probabilities.mean()
    total = (deviations**2).sum()
    return float(1 - (residuals**2).sum() / total) if total > 0 else float("nan")


def _refuse_unidentified(levels: OfferLevels, min_points: int) -> None:
    points = int(levels.counts.sum())
    if points < min_points:
        raise NotIdentifiedError(f"{points:,} points, at least {min_points:,} are needed")
    if not levels.offers.any():
        raise NotIdentifiedError("all offers are zero")
    if len(levels.offers) < 2:
        raise NotIdentifiedError("offers do not vary")
    if np.ptp(levels.probabilities) < SMALLEST_PROBABILITY:
        raise NotIdentifiedError("the probability is the same at every offer")


def _start(levels: OfferLevels) -> tuple[float, float]:
    """Return the weighted straight line through the logits: near the answer and never far off."""
    means = np.clip(levels.probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    weights = np.sqrt(levels.counts) * means * (1 - means)  # of residuals: counts · f'²
    slope, intercept = np.polyfit(levels.offers, logit(means), deg=1, w=weights)
    return float(slope), float(intercept)


def _jacobian(offers: Array, slope: float, intercept: float) -> Array:
    """Return (m, 2) derivatives of f by slope and intercept: f (1 − f) · (x, 1)."""
    f = sigmoid(offers, slope, intercept)
    return (f * (1 - f))[:, None] * np.column_stack([offers, np.ones_like(f)])
