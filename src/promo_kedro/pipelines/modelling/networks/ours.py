"""Our network: the static context steers the convolutions, and the present step is read directly.

Against Figure 1:

- The embeddings enter before the convolutions, and every convolution is conditioned on them
  (FiLM: each channel scaled and shifted by the consumer-item's context), so that what the past
  means may differ by item and consumer.
- Convolutions are residual: a deeper one corrects what the others found.
- The fully connected layers read the present step's inputs themselves beside what the
  convolutions made of the past: lagged features are summaries already.
- The logit of an offer has a slope of its own per context, on top of what the layers find.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, relu

from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.networks.architecture import Architecture
from promo_kedro.pipelines.modelling.networks.layers import CausalConvolution
from promo_kedro.pipelines.modelling.networks.purchase_network import Convolve, PurchaseNetwork


class ResidualConvolution(nn.Module):
    """What one convolution adds, scaled and shifted by the context (FiLM)."""

    def __init__(self, channels: int, kernel_size: int, dilation: int, rate: float):
        super().__init__()
        self.convolution = CausalConvolution(channels, channels, kernel_size, dilation)
        self.conditions = _zeroed(nn.Linear(channels, 2 * channels))
        self.rate = rate

    def forward(self, values: Tensor, context: Tensor, convolve: Convolve, place: int) -> Tensor:
        """Map (n, channels, S) to the same shape."""
        scale, shift = self.conditions(context).unsqueeze(-1).chunk(2, dim=1)
        found = relu((1 + scale) * convolve(self.convolution, values, place) + shift)
        return values + drop_channels(found, self.rate, self.training)


class Ours(PurchaseNetwork):
    """Conditioned residual convolutions, read together with the present step."""

    def __init__(self, architecture: Architecture):
        super().__init__(architecture)
        a = architecture
        self.rate = a.dropout
        self.embed = nn.Linear(self.static_width, a.channels)
        self.enter = nn.Linear(self.temporal_width, a.channels)
        self.blocks = nn.ModuleList(
            ResidualConvolution(a.channels, a.kernel_size, dilation, a.dropout)
            for dilation in a.dilations
        )
        first = a.dense_units[0]
        self.dense_past = nn.Linear(a.channels, first)
        self.dense_present = nn.Linear(self.temporal_width, first, bias=False)
        self.dense_context = nn.Linear(a.channels, first, bias=False)
        self.dense = nn.ModuleList(
            nn.Linear(wide, narrow)
            for wide, narrow in zip(a.dense_units, a.dense_units[1:], strict=False)
        )
        self.direct = _zeroed(nn.Linear(self.temporal_width, 1, bias=False))
        self.offer_slopes = _zeroed(nn.Linear(a.channels, len(a.offers)))
        self.output = nn.Linear(a.dense_units[-1], 1)

    def context(self, inputs: Inputs) -> Tensor:
        """Return what item and consumer are: (n, channels)."""
        return relu(self.embed(dropout(self.static(inputs), self.rate, self.training)))

    def answer(
        self, temporal: Tensor, context: Tensor, convolve: Convolve, last: int | None = None
    ) -> Tensor:
        """Return logits (n, S), or (n, last); see the base class."""
        hidden = (self.enter(temporal) + context.unsqueeze(1)).transpose(1, 2)
        for place, block in enumerate(self.blocks):
            hidden = cast("ResidualConvolution", block)(hidden, context, convolve, place)
        past = hidden.transpose(1, 2)
        if last is not None:
            past, temporal = past[:, -last:], temporal[:, -last:]
        return self._dense(past, temporal, context)

    def _dense(self, past: Tensor, present: Tensor, context: Tensor) -> Tensor:
        known = self.dense_context(context).unsqueeze(1)
        hidden = relu(self.dense_past(past) + self.dense_present(present) + known)
        hidden = drop_channels(hidden.transpose(1, 2), self.rate, self.training).transpose(1, 2)
        for layer in self.dense:
            hidden = relu(layer(hidden))
        logits: Tensor = (self.output(hidden) + self.direct(present)).squeeze(-1)
        return logits + (self._offers(present) * self.offer_slopes(context).unsqueeze(1)).sum(-1)

    def _offers(self, present: Tensor) -> Tensor:
        """Return the scaled offer inputs, (n, S, offers); continuous features stand last."""
        first = self.temporal_embeddings.width
        return present[..., [first + place for place in self.offers]]


def drop_channels(values: Tensor, rate: float, training: bool) -> Tensor:
    """Leave out whole channels of (n, channels, S), each for all steps of a consumer-item.

    Neighbouring steps say nearly the same, so single values left out would be told by the others;
    and a mask without steps costs next to nothing to draw.
    """
    if not training or rate == 0:
        return values
    return values * dropout(torch.ones_like(values[..., :1]), rate, training)


def _zeroed(layer: nn.Linear) -> nn.Linear:
    """Start a layer at zero, so that training begins without what it adds."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
