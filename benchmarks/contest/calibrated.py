"""The project's own calibration for candidates that it does not make itself."""

import numpy as np

from contest.window_data import WindowData, scored_steps
from promo_kedro.pipelines.modelling.calibration import pick_calibration
from promo_kedro.pipelines.modelling.parameters import CalibrationParameters
from promo_kedro.types import Array


def calibrated(logit: Array, data: WindowData, parameters: CalibrationParameters) -> Array:
    """Calibrate per category on the calibrators' validation step, as the project's candidates are.

    Args:
        logit: (n, 2) of the validation and the test step.
        data: The window.
        parameters: Of the calibration.

    Returns:
        (n,) probabilities of the test step.
    """
    items = data.items
    bought = items.purchased[:, scored_steps(items)[0]]
    calibrator = np.ones(len(items), bool)
    calibrator[data.lesson.deciders.numpy()] = False
    probability = np.empty(len(items))
    for category in np.unique(items.category.astype(str)):
        of_category = items.category == category
        fitted = of_category & calibrator
        calibration = pick_calibration(
            logit[fitted, 0], bought[fitted], items.customer_id[fitted], parameters
        )
        probability[of_category] = calibration.chosen.probability(logit[of_category, 1])
    return probability
