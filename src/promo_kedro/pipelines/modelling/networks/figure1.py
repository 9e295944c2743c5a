"""Figure 1 of the paper: embeddings join after the convolutions (§3.1.3)."""

from typing import cast

from torch import Tensor, nn
from torch.nn.functional import relu

from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.networks.architecture import Architecture
from promo_kedro.pipelines.modelling.networks.layers import CausalConvolution
from promo_kedro.pipelines.modelling.networks.purchase_network import Convolve, PurchaseNetwork


class Figure1(PurchaseNetwork):
    """Dilated convolutions over time, joined with the static tensors, then ReLU layers."""

    def __init__(self, architecture: Architecture):
        super().__init__(architecture)
        a = architecture
        widths = [self.temporal_width, *[a.channels] * len(a.dilations)]
        self.convolutions = nn.ModuleList(
            CausalConvolution(width, a.channels, a.kernel_size, dilation)
            for width, dilation in zip(widths, a.dilations, strict=False)
        )
        # The first layer reads the concatenation of both parts. Written as two sums, its static
        # half is computed once per consumer-item instead of once per step.
        self.dense_temporal = nn.Linear(a.channels, a.dense_units[0])
        self.dense_static = nn.Linear(self.static_width, a.dense_units[0], bias=False)
        self.dense = nn.ModuleList(
            nn.Linear(wide, narrow)
            for wide, narrow in zip(a.dense_units, a.dense_units[1:], strict=False)
        )
        self.output = nn.Linear(a.dense_units[-1], 1)

    def context(self, inputs: Inputs) -> Tensor:
        """Return the static half of the first fully connected layer: (n, units)."""
        units: Tensor = self.dense_static(self.static(inputs))
        return units

    def answer(
        self, temporal: Tensor, context: Tensor, convolve: Convolve, last: int | None = None
    ) -> Tensor:
        """Return logits (n, S), or (n, last); see the base class."""
        hidden = temporal.transpose(1, 2)
        for place, convolution in enumerate(self.convolutions):
            hidden = relu(convolve(cast("CausalConvolution", convolution), hidden, place))
        if last is not None:
            hidden = hidden[..., -last:]
        hidden = relu(self.dense_temporal(hidden.transpose(1, 2)) + context.unsqueeze(1))
        for layer in self.dense:
            hidden = relu(layer(hidden))
        logits: Tensor = self.output(hidden).squeeze(-1)
        return logits
