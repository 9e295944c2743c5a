"""What every purchase network does, however its layers are laid out."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.networks.architecture import Architecture
from promo_kedro.pipelines.modelling.networks.layers import (
    CausalConvolution,
    Embeddings,
    Standardise,
)

Convolve = Callable[[CausalConvolution, Tensor, int], Tensor]


class PurchaseNetwork(nn.Module, ABC):
    """Logit of buying, per consumer-item and step."""

    output: nn.Linear

    def __init__(self, architecture: Architecture):
        super().__init__()
        a = architecture
        self.offers = a.offers
        self.static_embeddings = Embeddings(a.static_levels, a.embedding_size)
        self.temporal_embeddings = Embeddings(a.temporal_levels, a.embedding_size)
        self.static_scale = Standardise(a.static_continuous, a.input_limit)
        # A limited offer would make the response flat beyond the limit.
        self.temporal_scale = Standardise(a.temporal_continuous, a.input_limit, a.offers)
        self.static_width = self.static_embeddings.width + a.static_continuous
        self.temporal_width = self.temporal_embeddings.width + a.temporal_continuous

    @abstractmethod
    def context(self, inputs: Inputs) -> Tensor:
        """Return what does not change with time, as the network reads it: (n, units)."""

    @abstractmethod
    def answer(
        self, temporal: Tensor, context: Tensor, convolve: Convolve, last: int | None = None
    ) -> Tensor:
        """Return logits (n, S) of joined temporal inputs (n, S, width).

        Args:
            temporal: What moves with time, joined and scaled.
            context: Of :meth:`context`.
            convolve: Applies a convolution; takes it, its input (n, channels, S) and its place.
            last: Only so many of the last steps are answered.
        """

    def start_at(self, prior: float) -> None:
        """Start the output bias at the prior's logit, so that training need not look for it."""
        with torch.no_grad():
            self.output.bias.fill_(torch.logit(torch.tensor(prior, dtype=torch.float64)).item())

    def forward(self, inputs: Inputs, last: int | None = None) -> Tensor:
        """Return logits (n, S), or (n, last) of the last steps only."""

        def whole(convolution: CausalConvolution, values: Tensor, place: int) -> Tensor:
            convolved: Tensor = convolution(values)
            return convolved

        return self.answer(self.temporal(inputs), self.context(inputs), whole, last)

    def at_last_step(self, inputs: Inputs, places: list[int], values: list[float]) -> Tensor:
        """Return logits (n, values) of the last step with some inputs of that step changed.

        The past is convolved once: causal convolutions let nothing of the last step flow back.

        Args:
            inputs: As they are.
            places: Temporal continuous features that change, all to the same value.
            values: The values they take, one after the other, in the features' own unit.
        """
        memories: list[Tensor] = []

        def remember(convolution: CausalConvolution, values: Tensor, place: int) -> Tensor:
            memories.append(convolution.taps(values)[..., :-1])
            convolved: Tensor = convolution(values)
            return convolved

        def recall(convolution: CausalConvolution, values: Tensor, place: int) -> Tensor:
            return convolution.at_taps(torch.cat([memories[place], values], dim=-1))

        context = self.context(inputs)
        self.answer(self.temporal(inputs), context, remember, last=1)
        length = inputs.temporal_continuous.shape[1]
        present = inputs.steps(length - 1, length)
        changed = present.temporal_continuous.clone()
        answers = []
        for value in values:
            changed[..., places] = value
            temporal = self.temporal(replace(present, temporal_continuous=changed))
            answers.append(self.answer(temporal, context, recall))
        return torch.cat(answers, dim=1)

    def temporal(self, inputs: Inputs) -> Tensor:
        """Join what moves with time: (n, S, width); continuous features come last."""
        parts = self.temporal_embeddings(inputs.temporal_categorical)
        parts.append(self.temporal_scale(inputs.temporal_continuous))
        return torch.cat(parts, dim=-1)

    def static(self, inputs: Inputs) -> Tensor:
        """Join what does not: (n, width)."""
        parts = self.static_embeddings(inputs.static_categorical)
        parts.append(self.static_scale(inputs.static_continuous))
        return torch.cat(parts, dim=-1)
