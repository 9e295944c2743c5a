"""Which consumers' validation step decides what, so that no step judges its own choices.

All consumers train. In the validation step the *deciders* say when to stop and which weights to
keep; the *calibrators* say how members are stacked and how logits become probabilities.
"""

import numpy as np

from promo_kedro.hashing import hashed_share
from promo_kedro.pipelines.modelling.training import Lesson
from promo_kedro.types import Array

# Another salt than the folds': those split the calibrators, and must not follow the roles.
_SALT = 0x726F6C6573


def are_calibrators(customer_id: Array, calibration_share: float) -> Array:
    """Say which rows belong to calibrators; it depends on nothing but the consumer's id.

    Args:
        customer_id: (n,) int64.
        calibration_share: About this share of consumers calibrates, 0–1.
    """
    return hashed_share(customer_id, _SALT) < calibration_share


def calibrators(lesson: Lesson) -> Array:
    """Return the rows of those who do not decide."""
    others = np.ones(len(lesson.inputs), bool)
    others[lesson.deciders.numpy()] = False
    return np.flatnonzero(others)
