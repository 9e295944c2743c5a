"""Everyone is scored by how popular a brand is: what any model must beat."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.types import Array, DataFrame


@dataclass(frozen=True)
class Popularity:
    """The logit of each brand's prevalence, for everyone.

    Attributes:
        prior: (B,) float32.
    """

    prior: Tensor

    def scores(self, inputs: BrandInputs) -> Tensor:
        """Return (n, B): the same row for every consumer."""
        return self.prior.expand(len(inputs), -1)

    def logit(self, scores: Tensor) -> Tensor:
        """Scores are logits."""
        return scores

    def to_saved(self) -> dict[str, Any]:
        """Return card and tensors for ``popularity_from_saved``."""
        return {"card": {"model": "popularity"}, "tensors": {"prior": self.prior.numpy()}}


def fit_popularity(brand_list: DataFrame) -> Popularity:
    """Take each brand's prevalence from the list."""
    share = smoothed_prevalence(brand_list)
    return Popularity(torch.from_numpy(np.log(share / (1 - share)).astype(np.float32)))


def popularity_from_saved(card: dict[str, Any], tensors: dict[str, Array]) -> Popularity:
    """Restore what ``to_saved`` gave."""
    return Popularity(torch.from_numpy(np.asarray(tensors["prior"])))


def smoothed_prevalence(brand_list: DataFrame) -> Array:
    """Return (B,) shares of consumers by position, none of them 0 or 1.

    A brand that no one bought counts half a buyer, and one that everyone bought lacks half of one.
    """
    ordered = brand_list.sort_values("position")
    share = ordered["prevalence"].to_numpy(np.float64)
    bought = share > 0
    consumers = np.max(ordered["buyers"].to_numpy()[bought] / share[bought], initial=1.0)
    smoothed: Array = np.clip(share, 0.5 / consumers, 1 - 0.5 / consumers)
    return smoothed
