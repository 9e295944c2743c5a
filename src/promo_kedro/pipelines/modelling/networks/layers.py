"""The parts both networks are made of."""

from math import ceil

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad


class CausalConvolution(nn.Module):
    """Dilated causal convolution (Eq. 3): the output at step t sees t, t - d, t - 2d and so on.

    Zeros of length (kernel size - 1) · dilation on the left keep the length the same.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel_size: int, dilation: int):
        super().__init__()
        self.dilation = dilation
        self.padding = (kernel_size - 1) * dilation
        self.filter = nn.Conv1d(channels_in, channels_out, kernel_size, dilation=dilation)

    def forward(self, values: Tensor) -> Tensor:
        """Map (n, channels in, S) to (n, channels out, S)."""
        convolved: Tensor = self.filter(pad(values, (self.padding, 0)))
        return convolved

    def taps(self, values: Tensor) -> Tensor:
        """Return what the last output reads: (n, channels in, kernel size), the present last."""
        return pad(values, (self.padding, 0))[..., -1 - self.padding :: self.dilation]

    def at_taps(self, taps: Tensor) -> Tensor:
        """Return the last output alone, (n, channels out, 1)."""
        return conv1d(taps, self.filter.weight, self.filter.bias)


class Embeddings(nn.Module):
    """Entity embeddings side by side; the unknown level, index 0, is all zeros."""

    def __init__(self, levels: list[int], largest: int):
        super().__init__()
        self.sizes = [min(largest, ceil(count / 2)) for count in levels]
        self.tables = nn.ModuleList(
            nn.Embedding(count, size, padding_idx=0)
            for count, size in zip(levels, self.sizes, strict=True)
        )

    @property
    def width(self) -> int:
        """Length of the joint vector."""
        return sum(self.sizes)

    def forward(self, indices: Tensor) -> list[Tensor]:
        """Map indices (…, features) to one (…, size) tensor per feature."""
        return [table(indices[..., place]) for place, table in enumerate(self.tables)]


class Standardise(nn.Module):
    """Own units to standard deviations from the mean, limited against absurd values.

    A feature of scale 0, constant in training, contributes 0 whatever its value: its weights
    never learnt anything, and another value would be answered by what they were drawn as.
    """

    mean: Tensor
    scale: Tensor
    limit: Tensor

    def __init__(self, features: int, limit: float, unlimited: list[int] | None = None):
        super().__init__()
        limits = torch.full((features,), limit)
        limits[unlimited or []] = torch.inf
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("limit", limits, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Map (…, features) to the same shape."""
        divisor = self.scale.masked_fill(self.scale == 0, torch.inf)
        scaled = (values - self.mean) / divisor
        return torch.maximum(torch.minimum(scaled, self.limit), -self.limit)
