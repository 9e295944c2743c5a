"""From a model's logits to probabilities that can be taken at their word."""

from promo_kedro.pipelines.modelling.calibration.beta import Beta, fit_beta
from promo_kedro.pipelines.modelling.calibration.folds import deal_folds
from promo_kedro.pipelines.modelling.calibration.isotonic import Isotonic, fit_isotonic
from promo_kedro.pipelines.modelling.calibration.picking import (
    Calibration,
    Calibrator,
    calibration_from_card,
    pick_calibration,
)
from promo_kedro.pipelines.modelling.calibration.platt import (
    FULL,
    IDENTITY,
    INTERCEPT_ONLY,
    Platt,
    fit_platt,
)

__all__ = [
    "FULL",
    "IDENTITY",
    "INTERCEPT_ONLY",
    "Beta",
    "Calibration",
    "Calibrator",
    "Isotonic",
    "Platt",
    "calibration_from_card",
    "deal_folds",
    "fit_beta",
    "fit_isotonic",
    "fit_platt",
    "pick_calibration",
]
