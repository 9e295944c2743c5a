"""VarEmb: one embedding per variable, a consumer embedding of them, a logit per brand.

The name is read as "variable embeddings". ``varemb_v1`` is the plain recipe: embeddings of the
variables and of the brands bought, their mean, and the inner product with each brand's embedding.
``varemb_v2`` weighs the history of brands, categories and items by how often and how lately, goes
through a small network, and lets what was bought of a brand speak straight to that brand's logit.
The other reading of the name, "variational", is the optional Gaussian bottleneck.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, Tokens
from promo_kedro.pipelines.modelling.brands.losses import BrandLoss, make_loss
from promo_kedro.pipelines.modelling.brands.own_history import OwnHistory
from promo_kedro.pipelines.modelling.brands.parameters import (
    BrandNetworkParameters,
    LossParameters,
)
from promo_kedro.pipelines.modelling.brands.variables import LEVELS, Encoder
from promo_kedro.types import Array

V1, V2 = "varemb_v1", "varemb_v2"
SMALLEST_PREVALENCE = 1e-5
ROWS_AT_ONCE = 2048
_NETWORK, _LOSS = "network.", "loss."


@dataclass(frozen=True)
class Sizes:
    """How much there is to embed; names without the unknown one."""

    variables: list[int]
    brands: int
    categories: int
    items: int

    @classmethod
    def of(cls, encoder: Encoder) -> Self:
        """Return the sizes of an encoder's vocabularies."""
        names = [len(encoder.brands), len(encoder.categories), len(encoder.items)]
        return cls(encoder.variable_sizes, *names)


class Answer(NamedTuple):
    """What the network says.

    Attributes:
        scores: (n, brands) as the loss teaches them.
        divergence: Mean over consumers of the bottleneck's KL divergence; 0 without one.
    """

    scores: Tensor
    divergence: Tensor


class Variables(nn.Module):
    """One embedding per variable, side by side in one table."""

    offset: Tensor

    def __init__(self, sizes: list[int], size: int):
        super().__init__()
        self.table = nn.Embedding(sum(sizes), size)
        nn.init.normal_(self.table.weight, std=0.1)
        offset = np.concatenate([[0], np.cumsum(sizes[:-1])]).astype(np.int64)
        self.register_buffer("offset", torch.from_numpy(offset), persistent=False)

    def forward(self, levels: Tensor) -> Tensor:
        """Return (n, V, size)."""
        embedded: Tensor = self.table(levels + self.offset)
        return embedded


class Bag(nn.Module):
    """The mean embedding of what was bought; unknown names start at zero."""

    def __init__(self, names: int, size: int):
        super().__init__()
        self.table = nn.Embedding(names + 1, size)
        nn.init.normal_(self.table.weight, std=0.1)
        with torch.no_grad():
            self.table.weight[0].zero_()

    def forward(self, history: Tokens) -> Tensor:
        """Return (n, size), zero without history."""
        return embedding_bag(history.name, self.table.weight, history.start[:-1], mode="mean")


class WeightedBag(Bag):
    """The same with a weight per level of frequency and recency.

    The sum is divided by the root of the weights' sum of squares: a mean would forget how much is
    known of a consumer, a sum would let heavy buyers drown everything else.
    """

    def __init__(self, names: int, size: int):
        super().__init__(names, size)
        self.log_weight = nn.Parameter(torch.zeros(LEVELS))

    def forward(self, history: Tokens) -> Tensor:
        """Return (n, size), zero without history."""
        weight = self.log_weight.exp()[history.level]
        total = embedding_bag(
            history.name,
            self.table.weight,
            history.start[:-1],
            mode="sum",
            per_sample_weights=weight,
        )
        squares = weight.new_zeros(len(history)).index_add(0, history.row, weight.square())
        return total * torch.rsqrt(1.0 + squares)[:, None]


class Gaussian(nn.Module):
    """A consumer embedding drawn from a normal distribution in training, its mean afterwards."""

    def __init__(self, size: int):
        super().__init__()
        self.mean = nn.Linear(size, size)
        self.log_variance = nn.Linear(size, size)
        nn.init.normal_(self.log_variance.weight, std=0.01)
        nn.init.constant_(self.log_variance.bias, -4.0)

    def forward(self, consumer: Tensor) -> tuple[Tensor, Tensor]:
        """Return (n, size) embeddings, and their mean divergence from the standard normal."""
        mean, log_variance = self.mean(consumer), self.log_variance(consumer)
        divergence = divergence_from_standard_normal(mean, log_variance).mean()
        if self.training:
            mean = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return mean, divergence


def divergence_from_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) ‖ N(0, 1)) summed over the last axis."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=-1)


class VarEmb(nn.Module, ABC):
    """What both versions share: from a consumer embedding to a logit per brand."""

    def __init__(self, sizes: Sizes, network: BrandNetworkParameters, bias: Tensor):
        super().__init__()
        self.variables = Variables(sizes.variables, network.embedding_size)
        self.dropout = nn.Dropout(network.dropout)
        has_bottleneck = network.bottleneck == "gaussian"
        self.bottleneck = Gaussian(network.consumer_size) if has_bottleneck else None
        self.brand = nn.Linear(network.consumer_size, sizes.brands)
        nn.init.normal_(self.brand.weight, std=0.01)
        with torch.no_grad():
            self.brand.bias.copy_(bias)

    def forward(self, inputs: BrandInputs) -> Answer:
        """Return scores (n, brands) and the bottleneck's divergence."""
        consumer = self.consumer(inputs)
        divergence = consumer.new_zeros(())
        if self.bottleneck is not None:
            consumer, divergence = self.bottleneck(consumer)
        return Answer(self.scores(inputs, consumer), divergence)

    @abstractmethod
    def consumer(self, inputs: BrandInputs) -> Tensor:
        """Return (n, consumer_size) embeddings."""

    def scores(self, inputs: BrandInputs, consumer: Tensor) -> Tensor:
        """Return (n, brands)."""
        scores: Tensor = self.brand(consumer)
        return scores


class VarEmbV1(VarEmb):
    """The plain recipe."""

    def __init__(self, sizes: Sizes, network: BrandNetworkParameters, bias: Tensor):
        super().__init__(sizes, network, bias)
        self.bought = Bag(sizes.brands, network.embedding_size)
        self.to_consumer = nn.Linear(network.embedding_size, network.consumer_size)

    def consumer(self, inputs: BrandInputs) -> Tensor:
        """Return (n, consumer_size) embeddings."""
        embedded = self.variables(inputs.variables).mean(dim=1) + self.bought(inputs.brands)
        consumer: Tensor = self.to_consumer(self.dropout(embedded))
        return consumer


class VarEmbV2(VarEmb):
    """History at three levels, weighed, and a path of its own for what was bought of a brand."""

    def __init__(self, sizes: Sizes, network: BrandNetworkParameters, bias: Tensor):
        super().__init__(sizes, network, bias)
        size = network.embedding_size
        self.bags = nn.ModuleList(
            WeightedBag(names, size) for names in (sizes.brands, sizes.categories, sizes.items)
        )
        widths = [(len(sizes.variables) + len(self.bags)) * size, *network.hidden_units]
        layers: list[nn.Module] = []
        for width, units in pairwise(widths):
            layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(network.dropout)]
        self.hidden = nn.Sequential(*layers, nn.Linear(widths[-1], network.consumer_size))
        self.own: OwnHistory | None = None
        if network.own_history:
            self.own = OwnHistory(sizes.brands, network.consumer_size, network.dropout)

    def consumer(self, inputs: BrandInputs) -> Tensor:
        """Return (n, consumer_size) embeddings."""
        histories = (inputs.brands, inputs.categories, inputs.items)
        bags = [bag(history) for bag, history in zip(self.bags, histories, strict=True)]
        embedded = torch.cat([self.variables(inputs.variables).flatten(1), *bags], dim=1)
        consumer: Tensor = self.hidden(self.dropout(embedded))
        return consumer

    def scores(self, inputs: BrandInputs, consumer: Tensor) -> Tensor:
        """Return (n, brands)."""
        scores = super().scores(inputs, consumer)
        if self.own is None:
            return scores
        pairs, more = self.own(inputs.brands, inputs.tenure, consumer)
        return scores.index_put(pairs.unbind(1), more.to(scores.dtype), accumulate=True)


def build_varemb(
    version: str, sizes: Sizes, network: BrandNetworkParameters, bias: Tensor
) -> VarEmb:
    """Build a network.

    Args:
        version: ``varemb_v1`` or ``varemb_v2``.
        sizes: Of the vocabularies.
        network: Its parameters.
        bias: (brands,) scores to start from, ``first_scores``.
    """
    kind = {V1: VarEmbV1, V2: VarEmbV2}[version]
    return kind(sizes, network, bias)


def first_scores(loss: BrandLoss, prevalence: Tensor) -> Tensor:
    """Return (brands,) the scores by which a loss means the prevalences.

    From any other start the biases have far to go, and the early epochs, among which the best one
    often is, are spent on that.
    """
    return loss.score_of(logit_of(prevalence))


def logit_of(prevalence: Tensor) -> Tensor:
    """Return the logit, of a brand that no one bought that of a very small prevalence."""
    return torch.logit(prevalence.double(), eps=SMALLEST_PREVALENCE).float()


@dataclass(frozen=True)
class VarEmbModel:
    """A trained network and the loss that taught it.

    Attributes:
        version: ``varemb_v1`` or ``varemb_v2``.
        sizes: Of the vocabularies.
        parameters: Of the network.
        network: On the CPU, with its best weights.
        loss_parameters: Of the loss.
        loss: Says what scores stand for.
    """

    version: str
    sizes: Sizes
    parameters: BrandNetworkParameters
    network: VarEmb
    loss_parameters: LossParameters
    loss: BrandLoss

    def scores(self, inputs: BrandInputs) -> Tensor:
        """Return (n, brands) float32 on the CPU: logits as the loss taught them."""
        self.network.eval()
        scores = torch.empty(len(inputs), self.sizes.brands)
        with torch.inference_mode():
            for rows in torch.arange(len(inputs)).split(ROWS_AT_ONCE):
                scores[rows] = self.network(inputs.rows(rows)).scores
        return scores

    def logit(self, scores: Tensor) -> Tensor:
        """Return (n, brands): the logits of the probabilities that the scores stand for."""
        with torch.inference_mode():
            return self.loss.logit(scores)

    def to_saved(self) -> dict[str, Any]:
        """Return a card and tensors."""
        card = {
            "model": "varemb",
            "version": self.version,
            "sizes": asdict(self.sizes),
            "network": self.parameters.model_dump(mode="json"),
            "loss": self.loss_parameters.model_dump(mode="json"),
        }
        parts = ((_NETWORK, self.network.state_dict()), (_LOSS, self.loss.state_dict()))
        tensors = {
            prefix + name: tensor.detach().cpu().numpy().copy()
            for prefix, state in parts
            for name, tensor in state.items()
        }
        return {"card": card, "tensors": tensors}


def varemb_from_saved(card: Mapping[str, Any], tensors: Mapping[str, Array]) -> VarEmbModel:
    """Return the model that `VarEmbModel.to_saved` told of."""
    sizes = Sizes(**card["sizes"])
    parameters = BrandNetworkParameters(**card["network"])
    loss_parameters = LossParameters(**card["loss"])
    # Biases, weights and prevalences are among the tensors and replace these.
    anything = torch.full((sizes.brands,), 0.5)
    network = build_varemb(card["version"], sizes, parameters, anything)
    loss = make_loss(loss_parameters, anything, anything)
    network.load_state_dict(_part(_NETWORK, tensors))
    loss.load_state_dict(_part(_LOSS, tensors))
    return VarEmbModel(card["version"], sizes, parameters, network.eval(), loss_parameters, loss)


def _part(prefix: str, tensors: Mapping[str, Array]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(np.array(tensor))
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
