"""Isotonic calibration: the best non-decreasing map, a staircase with slopes between the steps.

It assumes no form, and so needs the most rows. It is flat over long stretches, where a deeper
offer would seem to change nothing: it never answers questions about offers.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit
from scipy.special import logit as logit_of

from promo_kedro.pipelines.modelling.calibration.logistic import RefusedError
from promo_kedro.types import Array


@dataclass(frozen=True)
class Isotonic:
    """Knots of the map from raw to calibrated probability, linear between, constant outside."""

    raw: tuple[float, ...]
    calibrated: tuple[float, ...]

    kind: ClassVar[str] = "isotonic"

    def logit(self, raw_logit: Array) -> Array:
        """Map raw logits to calibrated logits of the same shape."""
        calibrated: Array = logit_of(self.probability(raw_logit))
        return calibrated

    def probability(self, raw_logit: Array) -> Array:
        """Map raw logits to calibrated probabilities of the same shape, never 0 or 1."""
        raw = expit(np.asarray(raw_logit, np.float64))
        calibrated: Array = np.interp(raw, self.raw, self.calibrated)
        return calibrated

    def to_card(self) -> dict[str, Any]:
        """Return what JSON can hold and ``calibration_from_card`` reads."""
        return {"kind": self.kind, "raw": list(self.raw), "calibrated": list(self.calibrated)}


def fit_isotonic(logit: Array, purchased: Array) -> Isotonic:
    """Fit by pooling adjacent violators (scikit-learn) on the raw probabilities.

    A stretch without any purchase, or of purchases alone, would get probability 0 or 1, and one
    exception would cost an infinite log loss. Calibrated probabilities are therefore kept within
    1/(2n) and 1 − 1/(2n) of the n rows: as if half a row had gone the other way.

    Args:
        logit: (n,) raw logits.
        purchased: (n,) 0 or 1.

    Raises:
        RefusedError: When all rows have the same raw probability.
    """
    from sklearn.isotonic import IsotonicRegression

    raw, target = expit(np.asarray(logit, np.float64)), np.asarray(purchased, np.float64)
    if np.ptp(raw) == 0:
        raise RefusedError("all rows have the same logit, which tells no shape")
    half_a_row = 0.5 / len(target)
    fit = IsotonicRegression(y_min=half_a_row, y_max=1 - half_a_row).fit(raw, target)
    return Isotonic(tuple(fit.X_thresholds_.tolist()), tuple(fit.y_thresholds_.tolist()))
