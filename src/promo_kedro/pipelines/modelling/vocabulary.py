"""Levels of categorical features as embedding indices; index 0 is every level not met before."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from promo_kedro.pipelines.modelling.tensors import Categorical
from promo_kedro.types import Array

UNKNOWN = 0


@dataclass(frozen=True)
class Vocabulary:
    """The levels that a model met in training, sorted; level i has index i + 1."""

    levels: tuple[str, ...]

    @classmethod
    def fit(cls, feature: Categorical, positions: Array) -> Self:
        """Take the levels of the training steps.

        Args:
            feature: Codes (n,) of a static or (n, S) of a temporal feature.
            positions: Training positions along the step axis; a static feature has no other.
        """
        codes = feature.codes if feature.codes.ndim == 1 else feature.codes[:, positions]
        return cls(tuple(sorted(feature.levels[code] for code in np.unique(codes) if code >= 0)))

    @classmethod
    def joined(cls, parts: "list[Vocabulary]") -> Self:
        """Unite the levels of several sets of consumer-items."""
        return cls(tuple(sorted({level for part in parts for level in part.levels})))

    @property
    def size(self) -> int:
        """Number of indices, the unknown one included."""
        return len(self.levels) + 1

    def encode(self, feature: Categorical) -> Array:
        """Return indices of the feature's shape; unknown levels and empty cells are 0."""
        index = {level: place for place, level in enumerate(self.levels, start=1)}
        table = [index.get(level, UNKNOWN) for level in feature.levels]
        return np.asarray([*table, UNKNOWN], dtype=np.int32)[feature.codes]
