"""The four tensors of Figure 1."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Inputs:
    """What a model reads; n consumer-items, S steps.

    Attributes:
        static_categorical: (n, features) indices.
        temporal_categorical: (n, S, features) indices.
        static_continuous: (n, features) in the features' own units.
        temporal_continuous: (n, S, features) in the features' own units.
    """

    static_categorical: Tensor
    temporal_categorical: Tensor
    static_continuous: Tensor
    temporal_continuous: Tensor

    def __len__(self) -> int:
        return len(self.static_categorical)

    def rows(self, rows: Tensor | slice, device: torch.device | None = None) -> "Inputs":
        """Return some consumer-items, on a device."""
        return Inputs(
            self.static_categorical[rows].to(device),
            self.temporal_categorical[rows].to(device),
            self.static_continuous[rows].to(device),
            self.temporal_continuous[rows].to(device),
        )

    def steps(self, start: int, stop: int) -> "Inputs":
        """Return the steps from ``start`` up to, without, ``stop``."""
        return Inputs(
            self.static_categorical,
            self.temporal_categorical[:, start:stop],
            self.static_continuous,
            self.temporal_continuous[:, start:stop],
        )

    def last(self, count: int) -> "Inputs":
        """Return the last ``count`` steps, or all where there are fewer."""
        length = self.temporal_continuous.shape[1]
        return self.steps(max(0, length - count), length)
