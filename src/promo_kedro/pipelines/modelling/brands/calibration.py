"""From the logits that a loss teaches to brand probabilities that can be taken at their word.

logit q = s·z + t_b: one slope s for all brands, a level t_b per brand. A slope of its own would
need more buyers than most brands have, and a level is what sums of probabilities stand on.
"""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.parameters import BrandCalibrationParameters
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

LARGEST_SLOPE = 20.0
# Cells per brand in which logits count as their mean; the spread within one is lost.
_CELLS = 256
_STEPS = 100


@dataclass(frozen=True)
class BrandCalibration:
    """A fitted calibration.

    Attributes:
        slope: s > 0, so the order of a brand's consumers never changes.
        level: (B,) float32 t_b.
        reason: What was fitted, or why something was not, in words.
    """

    slope: float
    level: Tensor
    reason: str = ""

    def logit(self, logit: Tensor) -> Tensor:
        """Map logits (n, B) to calibrated logits (n, B)."""
        return self.slope * logit + self.level

    def to_saved(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return what JSON can hold, and the tensors."""
        return {"slope": self.slope, "reason": self.reason}, {"level": self.level.numpy()}

    @classmethod
    def from_saved(cls, card: dict[str, Any], tensors: dict[str, Array]) -> "BrandCalibration":
        """Return the calibration that ``to_saved`` described, exactly."""
        return cls(card["slope"], torch.from_numpy(np.array(tensors["level"])), card["reason"])


def fit_brand_calibration(
    logit: Tensor, bought: Tensor, parameters: BrandCalibrationParameters
) -> BrandCalibration:
    """Fit the slope and the levels on consumers that the model was not trained on.

    With t_b = t + d_b the fit minimises ``Σ log loss + ½·smoothing·Σ_b d_b²`` over s, t and all
    d_b. So the level of a brand with as many buyers as ``smoothing`` goes about half-way from
    the common t to its own, since n buyers of a rare brand tell as much as a pull of strength n.
    At the minimum, expected buyers of all brands together equal observed ones, and those of a
    single brand differ by ``smoothing·d_b``.

    Logits count as the mean of the cell they are in, 256 cells per brand between its lowest and
    highest: the spread within a cell moves a probability by less than can be estimated.

    Where all logits of each brand are alike (popularity), or the slope would leave (0, 20], the
    slope is 1. With fewer than ``min_buyers`` of all brands together the logits stay as they are.

    Args:
        logit: (n, B) finite logits: the loss's own map and the correction for resampling done.
        bought: (n, B) 0 or 1.
        parameters: min_buyers and smoothing.

    Raises:
        InputError: A logit is not finite.
    """
    wrong = int((~torch.isfinite(logit)).any(0).sum())
    if wrong:
        raise InputError(
            f"brands: logits of {wrong} of {logit.shape[1]} brands are not finite, so they cannot "
            "be calibrated; lower `brand_modelling.training.learning_rate`."
        )
    brands = logit.shape[1]
    buyers = int(bought.sum())
    fewest = min(buyers, bought.numel() - buyers)
    if fewest < parameters.min_buyers:
        found = f"{buyers} buyers" if fewest == buyers else f"{fewest} who did not buy"
        reason = f"raw: {found} of all brands, {parameters.min_buyers} are needed"
        logger.info("Brand probabilities are not calibrated, %s.", reason)
        return BrandCalibration(1.0, torch.zeros(brands), reason)
    cells = _summarise(logit, bought)
    varies = bool((logit.amax(0) > logit.amin(0)).any())
    fit = _minimise(cells, parameters.smoothing, slope_is_free=True) if varies else None
    reason = "slope and levels" if varies else "levels alone: all consumers have the same scores"
    if fit is not None and not 0 < fit[0] <= LARGEST_SLOPE:
        reason = f"levels alone: a slope of {fit[0]:.3g} is outside (0, {LARGEST_SLOPE:g}]"
        fit = None
    if fit is None:
        fit = _minimise(cells, parameters.smoothing, slope_is_free=False)
    slope, level = fit
    unbought = int((bought.sum(0) == 0).sum())
    logger.info(
        "Brand probabilities are calibrated with %s (slope %.2f, %s buyers); %d of %d brands had "
        "no buyer and lean on the common level.",
        reason,
        slope,
        f"{buyers:,}",
        unbought,
        brands,
    )
    return BrandCalibration(slope, torch.from_numpy(level.astype(np.float32)), reason)


@dataclass(frozen=True)
class _Cells:
    """Consumers of a brand with nearly the same logit, (B, cells): their mean, number, buyers."""

    mean: Array
    consumers: Array
    buyers: Array


def _summarise(logit: Tensor, bought: Tensor) -> _Cells:
    """Count consumers and buyers in cells of equal width; exact where the logits are few."""
    brands = logit.shape[1]
    low = logit.amin(0)
    scale = _CELLS / (logit.amax(0) - low).clamp(min=1e-12)
    at = ((logit - low) * scale).long().clamp_(max=_CELLS - 1)
    at = (at + _CELLS * torch.arange(brands)).ravel()

    def summed(values: Tensor | None) -> Array:
        weights = None if values is None else values.to(torch.float64).ravel()
        counted = torch.bincount(at, weights, minlength=brands * _CELLS)
        return counted.reshape(brands, _CELLS).numpy().astype(np.float64)

    consumers = summed(None)
    # Sums of the distance to the lowest keep more digits than sums of the logits.
    above = summed(logit - low) / np.maximum(consumers, 1)
    return _Cells(low.numpy().astype(np.float64)[:, None] + above, consumers, summed(bought))


def _minimise(cells: _Cells, smoothing: float, slope_is_free: bool) -> tuple[float, Array]:
    """Newton's method; the brands' own levels are eliminated, which leaves two unknowns."""
    slope, common, own = 1.0, 0.0, np.zeros(len(cells.mean))
    value = _objective(cells, smoothing, slope, common, own)
    for _ in range(_STEPS):
        move = _newton_step(cells, smoothing, slope, common, own, slope_is_free)
        # Halving keeps Newton from overshooting where the likelihood is nearly flat.
        for halving in range(40):
            share = 0.5**halving
            tried = (slope - share * move[0], common - share * move[1], own - share * move[2])
            new = _objective(cells, smoothing, *tried)
            if new <= value:
                break
        else:
            break
        gain, value = value - new, new
        slope, common, own = tried
        if gain <= 1e-12 * max(1.0, value):
            break
    return float(slope), common + own


def _newton_step(
    cells: _Cells, smoothing: float, slope: float, common: float, own: Array, slope_is_free: bool
) -> tuple[float, float, Array]:
    """Return by how much slope, common level and own levels exceed the minimum, to first order."""
    chance = expit(slope * cells.mean + (common + own)[:, None])
    excess = cells.consumers * chance - cells.buyers
    weight = cells.consumers * chance * (1 - chance)
    by_brand = excess.sum(1)
    # Columns: the slope and the common level, whose design values are the logit and 1.
    gradient = np.array([(excess * cells.mean).sum(), by_brand.sum()])
    cross = np.stack([(weight * cells.mean).sum(1), weight.sum(1)])
    curvature = np.array(
        [[(weight * cells.mean**2).sum(), cross[0].sum()], [cross[0].sum(), cross[1].sum()]]
    )
    own_gradient, own_curvature = by_brand + smoothing * own, cross[1] + smoothing
    reduced = curvature - (cross / own_curvature) @ cross.T
    right = gradient - (cross / own_curvature) @ own_gradient
    if slope_is_free:
        shared = np.linalg.lstsq(reduced, right, rcond=None)[0]
    else:
        shared = np.array([0.0, right[1] / max(reduced[1, 1], 1e-12)])
    return float(shared[0]), float(shared[1]), (own_gradient - shared @ cross) / own_curvature


def _objective(cells: _Cells, smoothing: float, slope: float, common: float, own: Array) -> float:
    logit = slope * cells.mean + (common + own)[:, None]
    losses = cells.consumers * np.logaddexp(0, logit) - cells.buyers * logit
    return float(losses.sum() + 0.5 * smoothing * (own**2).sum())
