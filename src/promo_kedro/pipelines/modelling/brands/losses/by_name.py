"""Losses by the names that parameters use."""

from torch import Tensor

from promo_kedro.pipelines.modelling.brands.losses.asymmetric import Asymmetric
from promo_kedro.pipelines.modelling.brands.losses.base import BrandLoss
from promo_kedro.pipelines.modelling.brands.losses.cross_entropy import CrossEntropy
from promo_kedro.pipelines.modelling.brands.losses.focal import Focal
from promo_kedro.pipelines.modelling.brands.losses.logit_adjusted import LogitAdjusted
from promo_kedro.pipelines.modelling.brands.parameters import LossParameters


def make_loss(parameters: LossParameters, weights: Tensor, prevalence: Tensor) -> BrandLoss:
    """Return the loss that the parameters name.

    Args:
        parameters: Name and numbers of the loss.
        weights: (B,) weight of each brand, from ``brand_weights``.
        prevalence: (B,) share of the rows trained on that buy the brand; after resampling.

    Returns:
        A module; ``to`` moves its weights to where the scores are.
    """
    on = parameters.weight_on
    match parameters.name:
        case "focal":
            return Focal(weights, on, parameters.gamma)
        case "asymmetric":
            return Asymmetric(
                weights,
                on,
                parameters.gamma_positive,
                parameters.gamma_negative,
                parameters.margin,
            )
        case "logit_adjusted":
            return LogitAdjusted(weights, prevalence, on, parameters.tau)
        case "bce" | "weighted":
            return CrossEntropy(weights, on)
