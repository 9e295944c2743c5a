"""Beta calibration (Kull, Silva Filho and Flach, 2017): logit q = a·ln p − b·ln(1 − p) + c.

With a = b it is Platt's. Unequal, it bends the two ends of the scale by different amounts,
which is where rare purchases need it. With a and b ≥ 0, not both 0, it keeps every order.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit

from promo_kedro.pipelines.modelling.calibration.logistic import (
    RefusedError,
    log_losses,
    maximise_likelihood,
)
from promo_kedro.pipelines.modelling.calibration.platt import LARGEST_SLOPE
from promo_kedro.types import Array


@dataclass(frozen=True)
class Beta:
    """A fitted calibration: ``a`` shapes low probabilities, ``b`` high ones, ``c`` the level."""

    a: float
    b: float
    c: float

    kind: ClassVar[str] = "beta"

    def logit(self, raw_logit: Array) -> Array:
        """Map raw logits to calibrated logits of the same shape."""
        low, high = _log_probabilities(np.asarray(raw_logit, np.float64))
        calibrated: Array = self.a * low + self.b * high + self.c
        return calibrated

    def probability(self, raw_logit: Array) -> Array:
        """Map raw logits to calibrated probabilities of the same shape."""
        calibrated: Array = expit(self.logit(raw_logit))
        return calibrated

    def to_card(self) -> dict[str, Any]:
        """Return what JSON can hold and ``calibration_from_card`` reads."""
        return {"kind": self.kind, **asdict(self)}


def fit_beta(logit: Array, purchased: Array) -> Beta:
    """Fit a, b ≥ 0 and c by maximum likelihood.

    The likelihood is concave, so where the free maximum has a negative coefficient the
    constrained one has a coefficient of 0: the better of the two fits with one coefficient.

    Args:
        logit: (n,) raw logits.
        purchased: (n,) 0 or 1.

    Raises:
        RefusedError: When no coefficient is positive, one exceeds 20, or the classes separate.
    """
    logit, target = (np.asarray(values, np.float64) for values in (logit, purchased))
    if np.ptp(logit) == 0:
        raise RefusedError("all rows have the same logit, which tells no shape")
    columns = np.column_stack(_log_probabilities(logit))
    weights = _fit(columns, target, [0, 1])
    if (weights[:2] < 0).any():
        alone = [_fit(columns, target, [0]), _fit(columns, target, [1])]
        kept = [fit for fit in alone if fit[:2].max() > 0]
        if not kept:
            raise RefusedError("both coefficients are 0: the order of the logits says nothing")
        weights = min(kept, key=lambda fit: log_losses(columns @ fit[:2] + fit[2], target).sum())
    if weights[:2].max() > LARGEST_SLOPE:
        raise RefusedError(f"coefficient {weights[:2].max():.3g} is above {LARGEST_SLOPE:g}")
    a, b, c = (float(weight) for weight in weights)
    return Beta(a, b, c)


def _fit(columns: Array, target: Array, used: list[int]) -> Array:
    """Return (a, b, c) of the free fit on the columns used, 0 for the others."""
    # Where all probabilities are low, −ln(1 − p) is tiny beside ln p; in units of their own
    # spread both columns count the same in the linear algebra.
    spread = columns[:, used].std(axis=0)
    if not (spread > 0).all():
        raise RefusedError("all logits round to the same probability")
    design = np.column_stack([columns[:, used] / spread, np.ones(len(target))])
    fitted = maximise_likelihood(design, target, start=np.zeros(len(used) + 1))
    if fitted is None:
        raise RefusedError("no finite optimum")
    weights = np.zeros(3)
    weights[[*used, 2]] = np.append(fitted[:-1] / spread, fitted[-1])
    return weights


def _log_probabilities(logit: Array) -> tuple[Array, Array]:
    """Return ln p and −ln(1 − p), finite at every finite logit."""
    return -np.logaddexp(0, -logit), np.logaddexp(0, logit)
