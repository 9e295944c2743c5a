"""From consumer-items to what a model learns from."""

import numpy as np
import torch

from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.roles import are_calibrators
from promo_kedro.pipelines.modelling.tensors import ConsumerItems
from promo_kedro.pipelines.modelling.training import Lesson
from promo_kedro.types import Array


def make_lesson(
    name: str,
    items: ConsumerItems,
    inputs: Inputs,
    *,
    mask_before_first_purchase: bool,
    calibration_share: float,
    history: int,
) -> Lesson:
    """Cut inputs and targets after the validation step, and say which cells and rows count.

    Args:
        name: What the log calls it.
        items: Consumer-items with all training steps.
        inputs: Their tensors.
        mask_before_first_purchase: Leave out what :func:`before_first_purchase` marks.
        calibration_share: Of the consumers, those who do not decide.
        history: Steps that one output sees.
    """
    training, validation = items.positions("train"), int(items.positions("validation")[-1])
    counted = cells_that_count(items.purchased[:, training], mask_before_first_purchase)
    deciders = ~are_calibrators(items.customer_id, calibration_share)
    return Lesson(
        name=name,
        inputs=inputs.steps(0, validation + 1),
        purchased=torch.from_numpy(items.purchased[:, : validation + 1]),
        counted=torch.from_numpy(counted.astype(np.float32)),
        deciders=torch.from_numpy(np.flatnonzero(deciders)),
        training_steps=len(training),
        validation_step=validation,
        history=history,
    )


def cells_that_count(purchased: Array, mask_before_first_purchase: bool) -> Array:
    """Mark the training cells (n, training steps) that count in the loss."""
    if mask_before_first_purchase:
        return ~before_first_purchase(purchased)
    return np.ones(purchased.shape, bool)


def before_first_purchase(purchased: Array) -> Array:
    """Mark each consumer-item's steps up to and with its first purchase.

    A consumer-item is relevant because it was bought in some training step. Until it was, the
    next purchase is certain to come, which no later step can promise; a model that learns from
    these steps expects too much of the others.

    Args:
        purchased: (n, training steps) 0 or 1.
    """
    earlier = np.cumsum(purchased, axis=1) - purchased
    return earlier == 0
