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


class LogitHistograms:
    """Consumers and buyers per brand and bin; bins are ``BIN_WIDTH`` wide in the logit."""

    def __init__(self, brands: int) -> None:
        self._offset = torch.arange(brands)[:, None] * _BINS - LOWEST_BIN
        self._consumers = np.zeros(brands * _BINS, np.int64)
        self._buyers = np.zeros(brands * _BINS, np.int64)

    def add(self, logit: Tensor, bought: tuple[Tensor, Tensor] | None) -> None:
        """Count logits (brands, n); ``bought`` are brand and row of each purchase."""
        bins = torch.floor(logit / BIN_WIDTH).clamp_(LOWEST_BIN, HIGHEST_BIN)
        places = bins.long().add_(self._offset)
        self._consumers += _counted(places, len(self._consumers))
        if bought is not None:
            self._buyers += _counted(places[bought], len(self._buyers))

    def frame(self, brands: Array, labelled: bool) -> DataFrame:
        """Return bins that hold a consumer; a bin's probability is that of its middle.

        Args:
            brands: Names of the brands.
            labelled: Whether it is known who bought.
        """
        filled = np.flatnonzero(self._consumers)
        column, bins = np.divmod(filled, _BINS)
        bins += LOWEST_BIN
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


def _counted(places: Tensor, size: int) -> Array:
    return np.bincount(places.flatten().numpy(), minlength=size)
