"""The network of Figure 1: entity embeddings and a temporal convolutional network (§3.1.3)."""

from dataclasses import dataclass, replace
from math import ceil
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad, relu


@dataclass(frozen=True)
class Architecture:
    """All that is needed to build the network again.

    Attributes:
        static_levels, temporal_levels: Vocabulary size of each categorical feature.
        static_continuous, temporal_continuous: Number of continuous features.
        unlimited: Positions of temporal continuous features whose scaled value is not limited.
        kernel_size, dilations, channels: The dilated causal convolutions.
        dense_units: Units of the fully connected ReLU layers.
        embedding_size: Largest embedding.
        input_limit: Largest scaled value, in standard deviations.
    """

    static_levels: list[int]
    temporal_levels: list[int]
    static_continuous: int
    temporal_continuous: int
    unlimited: list[int]
    kernel_size: int
    dilations: list[int]
    channels: int
    dense_units: list[int]
    embedding_size: int
    input_limit: float

    @property
    def receptive_field(self) -> int:
        """Number of steps, the present one included, that one output sees."""
        return 1 + (self.kernel_size - 1) * sum(self.dilations)


@dataclass(frozen=True)
class Inputs:
    """The four tensors of Figure 1; n consumer-items, S steps.

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


class PurchaseNetwork(nn.Module):
    """Logit of buying, per consumer-item and step."""

    def __init__(self, architecture: Architecture):
        super().__init__()
        a = architecture
        self.static_embeddings = Embeddings(a.static_levels, a.embedding_size)
        self.temporal_embeddings = Embeddings(a.temporal_levels, a.embedding_size)
        self.static_scale = Standardise(a.static_continuous, a.input_limit)
        self.temporal_scale = Standardise(a.temporal_continuous, a.input_limit, a.unlimited)
        widths = [self.temporal_embeddings.width + a.temporal_continuous]
        widths += [a.channels] * len(a.dilations)
        self.convolutions = nn.ModuleList(
            CausalConvolution(width, a.channels, a.kernel_size, dilation)
            for width, dilation in zip(widths, a.dilations, strict=False)
        )
        static_width = self.static_embeddings.width + a.static_continuous
        # The first layer reads the concatenation of both parts. Written as two sums, its static
        # half is computed once per consumer-item instead of once per step.
        self.dense_temporal = nn.Linear(a.channels, a.dense_units[0])
        self.dense_static = nn.Linear(static_width, a.dense_units[0], bias=False)
        self.dense = nn.ModuleList(
            nn.Linear(wide, narrow)
            for wide, narrow in zip(a.dense_units, a.dense_units[1:], strict=False)
        )
        self.output = nn.Linear(a.dense_units[-1], 1)

    def start_at(self, prior: float) -> None:
        """Start the output bias at the prior's logit, so that training need not look for it."""
        with torch.no_grad():
            self.output.bias.fill_(torch.logit(torch.tensor(prior, dtype=torch.float64)).item())

    def forward(self, inputs: Inputs, last: int | None = None) -> Tensor:
        """Return logits (n, S), or (n, last) of the last steps only."""
        hidden = self._temporal(inputs)
        for convolution in self.convolutions:
            hidden = relu(convolution(hidden))
        if last is not None:
            hidden = hidden[..., -last:]
        return self._dense(hidden, self._static(inputs))

    def at_last_step(self, inputs: Inputs, places: list[int], values: list[float]) -> Tensor:
        """Return logits (n, values) of the last step with some inputs of that step changed.

        The past is convolved once: causal convolutions let nothing of the last step flow back.

        Args:
            inputs: As they are.
            places: Temporal continuous features that change, all to the same value.
            values: The values they take, one after the other, in the features' own unit.
        """
        convolutions = cast("list[CausalConvolution]", list(self.convolutions))
        hidden, memories = self._temporal(inputs), []
        for convolution in convolutions:
            memories.append(convolution.taps(hidden)[..., :-1])
            hidden = relu(convolution(hidden))
        static = self._static(inputs)
        length = inputs.temporal_continuous.shape[1]
        present = inputs.steps(length - 1, length)
        changed = present.temporal_continuous.clone()
        answers = []
        for value in values:
            changed[..., places] = value
            hidden = self._temporal(replace(present, temporal_continuous=changed))
            for convolution, memory in zip(convolutions, memories, strict=True):
                hidden = relu(convolution.at_taps(torch.cat([memory, hidden], dim=-1)))
            answers.append(self._dense(hidden, static))
        return torch.cat(answers, dim=1)

    def _temporal(self, inputs: Inputs) -> Tensor:
        """Join what moves with time: (n, channels, S)."""
        parts = self.temporal_embeddings(inputs.temporal_categorical)
        parts.append(self.temporal_scale(inputs.temporal_continuous))
        return torch.cat(parts, dim=-1).transpose(1, 2)

    def _static(self, inputs: Inputs) -> Tensor:
        """Return the static half of the first fully connected layer: (n, 1, units)."""
        parts = self.static_embeddings(inputs.static_categorical)
        parts.append(self.static_scale(inputs.static_continuous))
        units: Tensor = self.dense_static(torch.cat(parts, dim=-1))
        return units.unsqueeze(1)

    def _dense(self, hidden: Tensor, static: Tensor) -> Tensor:
        """Map (n, channels, S) and the static half to logits (n, S)."""
        hidden = relu(self.dense_temporal(hidden.transpose(1, 2)) + static)
        for layer in self.dense:
            hidden = relu(layer(hidden))
        logits: Tensor = self.output(hidden).squeeze(-1)
        return logits
