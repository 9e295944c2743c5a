"""Mean and spread of continuous features, taken on training steps only."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from promo_kedro.types import Array

ROWS_AT_ONCE = 4096


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
        """Take mean and standard deviation in one pass over the rows.

        Args:
            values: (n, features), or (n, S, features) together with the training positions.
            positions: Training positions along the step axis.
        """
        mean, scale = _moments(values, positions)
        return cls(mean, np.where(scale > 1e-6 * np.maximum(1, np.abs(mean)), scale, 0.0))


def _moments(values: Array, positions: Array | None) -> tuple[Array, Array]:
    """Return mean and standard deviation (features,) in double precision.

    Stretches of rows, which may lie on disk, are read one after another, and their means and
    squared deviations merged as in Chan, Golub and LeVeque (1979): sums of squares less the
    squared mean would lose the digits of a feature far from 0.
    """
    features = values.shape[-1]
    count, mean, squares = 0, np.zeros(features), np.zeros(features)
    for start in range(0, len(values), ROWS_AT_ONCE):
        part = values[start : start + ROWS_AT_ONCE]
        exact = (part if positions is None else part[:, positions]).astype(np.float64)
        added = int(np.prod(exact.shape[:-1]))
        if not added:
            continue
        exact = exact.reshape(added, features)
        its_mean = exact.mean(axis=0)
        exact -= its_mean
        apart = its_mean - mean
        squares += np.einsum("ij,ij->j", exact, exact) + apart**2 * count * added / (count + added)
        mean += apart * added / (count + added)
        count += added
    return mean, np.sqrt(squares / max(count, 1))
