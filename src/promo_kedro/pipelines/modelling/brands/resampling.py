"""Other mixtures of rows to train on, and the way back to the true prevalence.

A row is a consumer before a snapshot; it *buys* here when it buys an approved brand in the steps
foretold. Brands that are not approved are trained too, but decide nothing.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.parameters import Resampling
from promo_kedro.types import Array, DataFrame

logger = logging.getLogger(__name__)

LARGEST_REPEAT = 10.0
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Resampled:
    """What to train on instead of every row once.

    Attributes:
        rows: (n',) int64 rows, ascending; a row may be there several times.
        prevalence: (B,) float32 share of them that buy each brand. Of a brand that was bought
            before and is not any more: as if half a row bought it.
    """

    rows: Tensor
    prevalence: Tensor


def resample(inputs: BrandInputs, brand_list: DataFrame, how: Resampling, seed: int) -> Resampled:
    """Draw the rows to train on; the same rows for the same seed.

    - ``none``: every row once.
    - ``square_root``: as many rows as before, drawn with replacement. Rows that buy nothing keep
      their share. Another row is drawn by taking a brand with chance ∝ √buyers, then one of its
      buyers: its chance is ∝ the sum of 1/√buyers over the brands it buys.
    - ``over``: a row is repeated median buyers / buyers times, of the rarest brand it buys;
      never less than once, on average at most ``LARGEST_REPEAT`` times.
    - ``under``: of the rows that buy nothing, only as many as buy stay.

    Args:
        inputs: n rows with ``bought``.
        brand_list: position, approved.
        how: By its name above.
        seed: Of the draw.

    Raises:
        ValueError: When ``inputs`` does not say what was bought.
    """
    if inputs.bought is None:
        raise ValueError("rows can only be drawn anew where it is known what was bought")
    row, brand = inputs.bought.numpy().T
    brands = brand_list.sort_values("position")
    counted = brands["approved"].to_numpy(bool)[brand]
    purchases = _Purchases(row[counted], brand[counted], len(inputs), len(brands))
    rows = _DRAWS[how](purchases, np.random.default_rng(seed))
    if how != "none":
        logger.info(
            "Training on %s rows drawn from %s; %.0f %% of them buy an approved brand, "
            "where %.0f %% did.",
            f"{len(rows):,}",
            f"{len(inputs):,}",
            100 * purchases.buys[rows].mean(),
            100 * purchases.buys.mean(),
        )
    return Resampled(torch.from_numpy(rows), _prevalence(rows, row, brand, len(brands)))


def correct_prior(logit: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Return logits at the prevalence before resampling, from logits learnt after it.

    ``logit + logit(before) − logit(after)`` per brand is exact when being drawn depends on
    whether the row buys this brand alone (Elkan, 2001). Rows are drawn by all the brands they
    buy, so it is close; the calibration sees to the rest. Brands that were never bought stay.

    Args:
        logit: (n, B) or (B,).
        before: (B,) prevalence that the probabilities should fit.
        after: (B,) prevalence that the model was trained at.
    """
    shift = torch.logit(before, eps=_SMALLEST) - torch.logit(after, eps=_SMALLEST)
    return logit + torch.where(before > 0, shift, 0.0).to(logit.dtype)


@dataclass(frozen=True)
class _Purchases:
    """Pairs of row and approved brand that it buys, of n rows and so many brands."""

    row: Array
    brand: Array
    rows: int
    brands: int

    @property
    def buyers(self) -> Array:
        """(B,) rows that buy each brand."""
        return np.bincount(self.brand, minlength=self.brands)

    @property
    def buys(self) -> Array:
        """(n,) whether a row buys any."""
        buys = np.zeros(self.rows, bool)
        buys[self.row] = True
        return buys


def _every(purchases: _Purchases, _: np.random.Generator) -> Array:
    return np.arange(purchases.rows)


def _square_root(purchases: _Purchases, rng: np.random.Generator) -> Array:
    n, share = purchases.rows, purchases.buys.mean()
    weight = 1 / np.sqrt(purchases.buyers[purchases.brand])
    chance = np.bincount(purchases.row, weights=weight, minlength=n)
    chance = np.where(purchases.buys, chance * share / (chance.sum() or 1.0), 1 / n)
    return np.sort(rng.choice(n, size=n, p=chance / chance.sum()))


def _over(purchases: _Purchases, rng: np.random.Generator) -> Array:
    buyers = purchases.buyers
    bought = buyers[buyers > 0]
    typical = np.median(bought) if len(bought) else 1.0
    wanted = np.clip(typical / np.maximum(buyers, 1), 1.0, LARGEST_REPEAT)
    times = np.ones(purchases.rows)
    np.maximum.at(times, purchases.row, wanted[purchases.brand])
    # A fraction of a repetition is a chance of one.
    whole = np.floor(times + rng.random(purchases.rows)).astype(np.int64)
    return np.repeat(np.arange(purchases.rows), whole)


def _under(purchases: _Purchases, rng: np.random.Generator) -> Array:
    buying, idle = np.flatnonzero(purchases.buys), np.flatnonzero(~purchases.buys)
    if len(buying) == 0 or len(idle) <= len(buying):
        logger.info("Rows that buy no approved brand are no majority: none is left out.")
        return np.arange(purchases.rows)
    return np.sort(np.concatenate([buying, rng.choice(idle, len(buying), replace=False)]))


_DRAWS: dict[str, Callable[[_Purchases, np.random.Generator], Array]] = {
    "none": _every,
    "square_root": _square_root,
    "over": _over,
    "under": _under,
}


def _prevalence(rows: Array, row: Array, brand: Array, brands: int) -> Tensor:
    """Share of the drawn rows that buy each brand."""
    times = np.bincount(rows, minlength=(row.max(initial=-1) + 1))
    drawn = np.bincount(brand, weights=times[row], minlength=brands)
    known = np.bincount(brand, minlength=brands) > 0
    share = np.where(known, np.maximum(drawn, 0.5), 0.0) / max(len(rows), 1)
    return torch.from_numpy(share.astype(np.float32))
