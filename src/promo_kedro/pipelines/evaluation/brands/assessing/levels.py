"""Pairs of consumer and brand, counted per consumer over brands and per brand over consumers."""

from dataclasses import dataclass

import numpy as np

from promo_kedro.pipelines.evaluation.brands.assessing.metrics import Counts
from promo_kedro.pipelines.evaluation.brands.assessing.strata import ALL, ApprovedBrands
from promo_kedro.schemas.brands import STRATA
from promo_kedro.types import Array


@dataclass(frozen=True)
class Pairs:
    """Pairs of a consumer and a brand, each at most once.

    Attributes:
        consumer: (m,) row of the consumer among those judged.
        brand: (m,) number of the brand.
    """

    consumer: Array
    brand: Array

    def __len__(self) -> int:
        return len(self.consumer)

    def where(self, chosen: Array) -> "Pairs":
        """Some of the pairs."""
        return Pairs(self.consumer[chosen], self.brand[chosen])

    def keys(self, brands: int) -> Array:
        """One whole number for each pair."""
        return self.consumer.astype(np.int64) * brands + self.brand


@dataclass(frozen=True)
class Ground:
    """What every run is judged on.

    Attributes:
        consumers: How many are judged; some neither buy anything nor are selected.
        brands: The approved brands.
        bought: What they bought, sorted by consumer and brand.
    """

    consumers: int
    brands: ApprovedBrands
    bought: Pairs

    def hits(self, selected: Pairs) -> Array:
        """Which of the selected pairs were bought."""
        bought, asked = (pairs.keys(len(self.brands)) for pairs in (self.bought, selected))
        if not bought.size:
            return np.zeros(asked.shape, dtype=bool)
        place = np.searchsorted(bought, asked)
        found: Array = bought[np.minimum(place, bought.size - 1)] == asked
        return found


def count_consumers(ground: Ground, selected: Pairs, hits: Array) -> dict[str, Counts]:
    """Counts per consumer over the brands of each stratum, and of all; arrays (consumers,)."""
    parts = (ground.bought, selected, selected.where(hits))
    matrices = [_by_consumer_and_stratum(ground, pairs) for pairs in parts]
    by_stratum = {
        name: Counts(*(matrix[:, place] for matrix in matrices))
        for place, name in enumerate(STRATA)
    }
    return {ALL: Counts(*(matrix.sum(axis=1) for matrix in matrices)), **by_stratum}


def count_brands(ground: Ground, selected: Pairs, hits: Array) -> Counts:
    """Counts per brand over all consumers; arrays (brands,)."""
    parts = (ground.bought, selected, selected.where(hits))
    return Counts(*(np.bincount(pairs.brand, minlength=len(ground.brands)) for pairs in parts))


def _by_consumer_and_stratum(ground: Ground, pairs: Pairs) -> Array:
    cell = pairs.consumer.astype(np.int64) * len(STRATA) + ground.brands.stratum[pairs.brand]
    counts = np.bincount(cell, minlength=ground.consumers * len(STRATA))
    table: Array = counts.astype(np.int32).reshape(-1, len(STRATA))
    return table
