"""Mean and spread of continuous features, taken on training steps only."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from promo_kedro.types import Array


@dataclass(frozen=True)
class Scaler:
    """What the network subtracts and divides by.

    Attributes:
        mean, scale: (features,) in each feature's own unit; a scale of 0 marks a feature that
            was constant, of which nothing can be learnt.
    """

    mean: Array
    scale: Array

    @classmethod
    def fit(cls, values: Array, positions: Array | None = None) -> Self:
        """Take mean and standard deviation.

        Args:
            values: (n, features), or (n, S, features) together with the training positions.
            positions: Training positions along the step axis.
        """
        moments = [
            _moments(values[..., index] if positions is None else values[:, positions, index])
            for index in range(values.shape[-1])
        ]
        mean, scale = np.asarray(moments, dtype=np.float64).reshape(-1, 2).T
        return cls(mean.copy(), np.where(scale > 1e-6 * np.maximum(1, np.abs(mean)), scale, 0.0))


def _moments(values: Array) -> tuple[float, float]:
    """Mean and standard deviation in double precision, one feature at a time to save memory."""
    exact = values.astype(np.float64)
    return float(exact.mean()), float(exact.std())
