"""How the logits of each brand spread, counted while consumers stream past."""

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from torch import Tensor

from promo_kedro.types import Array, DataFrame

BIN_WIDTH = 0.05
LOWEST_BIN, HIGHEST_BIN = -320, 120  # logits of -16 and of 6: both ends are open
_BINS = HIGHEST_BIN - LOWEST_BIN + 1
_BRANDS_AT_ONCE = 32  # what lies between is small then, and stays in the processor's cache


class LogitHistograms:
    """Consumers and buyers per brand and bin; bins are ``BIN_WIDTH`` wide in the logit."""

    def __init__(self, brands: int) -> None:
        self._consumers = np.zeros((brands, _BINS), np.int64)
        self._buyers = np.zeros((brands, _BINS), np.int64)

    def add(self, logit: Tensor, bought: tuple[Tensor, Tensor] | None) -> None:
        """Count logits (brands, n); ``bought`` are brand and row of each purchase."""
        for at in range(0, len(logit), _BRANDS_AT_ONCE):
            its_logit = logit[at : at + _BRANDS_AT_ONCE]
            brand = torch.arange(len(its_logit))[:, None]
            self._consumers[at : at + len(brand)] += _counted(brand, its_logit, len(brand))
        if bought is not None:
            self._buyers += _counted(bought[0], logit[bought], len(logit))

    def frame(self, brands: Array, labelled: bool) -> DataFrame:
        """Return bins that hold a consumer; a bin's probability is that of its middle.

        Args:
            brands: Names of the brands.
            labelled: Whether it is known who bought.
        """
        filled = np.nonzero(self._consumers)
        column, bins = filled[0], filled[1] + LOWEST_BIN
        buyers = pd.array(self._buyers[filled], dtype="Int64")
        if not labelled:
            buyers[:] = pd.NA
        return pd.DataFrame(
            {
                "brand": pd.Categorical.from_codes(column, brands),
                "bin": bins,
                "probability": expit((bins + 0.5) * BIN_WIDTH),
                "consumers": self._consumers[filled],
                "buyers": buyers,
            }
        )


def _counted(brand: Tensor, logit: Tensor, brands: int) -> Array:
    """Count logits of brands, of which there are so many, by bin: (brands, bins)."""
    bins = torch.floor(logit / BIN_WIDTH).clamp_(LOWEST_BIN, HIGHEST_BIN).long()
    places = bins.add_(brand * _BINS - LOWEST_BIN).flatten()
    counts = np.bincount(places.numpy(), minlength=brands * _BINS)
    return counts.reshape(brands, _BINS)
