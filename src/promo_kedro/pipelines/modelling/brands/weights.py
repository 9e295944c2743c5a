"""How much each brand counts in a loss."""

import logging

import numpy as np

from promo_kedro.pipelines.modelling.brands.custom_weights import read_custom_weights
from promo_kedro.pipelines.modelling.brands.parameters import LossParameters
from promo_kedro.types import Array, DataFrame

logger = logging.getLogger(__name__)


def brand_weights(
    parameters: LossParameters, brand_list: DataFrame, custom: DataFrame | None
) -> Array:
    """Return the weight of each brand before the loss normalises them.

    Weights by frequency (``inverse``, ``effective_number``) are ratios to the most bought
    brand, which has weight 1, and no more than ``largest_weight``: a handful of purchases must
    not steer the shared layers. A brand that no one bought counts as if one consumer had.
    The allowlist's and custom weights are taken at their word.

    Args:
        parameters: Which weights, and their numbers.
        brand_list: position, brand, buyers, approved.
        custom: The file ``brand_weights`` (brand, weight as strings); None when there is none.
            Read for ``custom`` only.

    Returns:
        (B,) positive float64 in the order of ``position``.

    Raises:
        InputError: When custom weights are wanted and missing, or do not fit the brands.
    """
    brands = brand_list.sort_values("position")
    buyers = np.maximum(brands["buyers"].to_numpy(np.float64), 1.0)
    match parameters.weights:
        case "equal":
            return np.ones(len(brands))
        case "inverse":
            return _clipped(1 / buyers, parameters.largest_weight)
        case "effective_number":
            return _clipped(_effective_number(buyers, parameters.beta), parameters.largest_weight)
        case "allowlist":
            approved = brands["approved"].to_numpy(bool)
            return np.where(approved, parameters.allowlist_weight, 1.0)
        case "custom":
            return read_custom_weights(custom, brands["brand"].to_numpy(object))


def _effective_number(buyers: Array, beta: float) -> Array:
    """(1 − β)/(1 − βⁿ) (Cui et al., 2019): one over the purchases that tell something new."""
    if beta == 0:
        return np.ones(len(buyers))
    # βⁿ so close to 1 that 1 − βⁿ would lose its digits.
    weights: Array = (1 - beta) / -np.expm1(buyers * np.log(beta))
    return weights


def _clipped(weights: Array, largest: float) -> Array:
    """Return weights as ratios to the smallest, none above the largest allowed."""
    ratios = weights / weights.min()
    clipped = int((ratios > largest).sum())
    if clipped:
        logger.info(
            "%d of %d brands are so rare that their weight of up to %.0f is cut to %g.",
            clipped,
            len(ratios),
            ratios.max(),
            largest,
        )
    limited: Array = np.minimum(ratios, largest)
    return limited
