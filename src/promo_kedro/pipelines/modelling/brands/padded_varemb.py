"""VarEmb written for one consumer at a time, which is how its gradient is taken per consumer.

Ragged histories become rows of one length, padded; an entry that is padding weighs nothing. Every
module and weight is the network's own, so that what is learnt here is what it knows.
"""

from dataclasses import fields

import torch
from torch import Tensor, nn

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, Tokens
from promo_kedro.pipelines.modelling.brands.own_history import OwnHistory, plain_numbers
from promo_kedro.pipelines.modelling.brands.varemb import (
    Answer,
    Bag,
    VarEmb,
    VarEmbV1,
    VarEmbV2,
    WeightedBag,
)

_COLUMNS = [column.name for column in fields(Tokens) if column.name != "start"]


def padded(inputs: BrandInputs) -> list[Tensor]:
    """Return what the network reads with consumers in front: (n, …) each.

    Variables and tenure, then for brands, categories and items: name, level, steps bought ever and
    in a year, steps since, and which entries are there; (n, longest) each, at least one long.
    """
    histories = (inputs.brands, inputs.categories, inputs.items)
    return [
        inputs.variables,
        inputs.tenure,
        *(column for history in histories for column in _padded_history(history)),
    ]


def _padded_history(history: Tokens) -> list[Tensor]:
    count = history.start.diff()
    longest = max(int(count.max()) if len(count) else 0, 1)
    row = history.row
    place = torch.arange(len(row)) - history.start[row]
    there = torch.zeros(len(history), longest)
    there[row, place] = 1.0
    columns = []
    for name in _COLUMNS:
        values = getattr(history, name)
        # Ones, so that the log of padding is finite and its gradient no NaN.
        column = torch.ones(len(history), longest, dtype=values.dtype)
        column[row, place] = values
        columns.append(column)
    return [*columns, there]


class PaddedVarEmb(nn.Module):
    """The network as a function of one consumer's padded tensors."""

    def __init__(self, network: VarEmb):
        super().__init__()
        self.network = network

    def forward(self, variables: Tensor, tenure: Tensor, *columns: Tensor) -> Answer:
        """Return scores (brands,) and the bottleneck's divergence.

        Args:
            variables: (V,) levels.
            tenure: () steps since the first purchase.
            columns: name, level, steps bought, since and presence of each history.
        """
        network, width = self.network, len(_COLUMNS) + 1
        histories = [columns[at : at + width] for at in range(0, len(columns), width)]
        consumer = self._consumer(variables, histories)
        divergence = consumer.new_zeros(())
        if network.bottleneck is not None:
            drawn, divergence = network.bottleneck(consumer[None])
            consumer = drawn[0]
        scores = network.brand(consumer)
        if isinstance(network, VarEmbV2) and network.own is not None:
            scores = scores + _own(network.own, histories[0], tenure, consumer, len(scores))
        return Answer(scores, divergence)

    def _consumer(self, variables: Tensor, histories: list[tuple[Tensor, ...]]) -> Tensor:
        network = self.network
        embedded = network.variables(variables)
        if isinstance(network, VarEmbV2):
            bags = [
                _weighted_bag(bag, history)
                for bag, history in zip(_bags(network), histories, strict=True)
            ]
            consumer: Tensor = network.hidden(
                network.dropout(torch.cat([embedded.flatten(), *bags]))
            )
            return consumer
        if isinstance(network, VarEmbV1):
            mean = embedded.mean(dim=0) + _bag(network.bought, histories[0])
            consumer = network.to_consumer(network.dropout(mean))
            return consumer
        raise TypeError(f"{type(network).__name__} has no padded form")


def _bags(network: VarEmbV2) -> list[WeightedBag]:
    return [bag for bag in network.bags if isinstance(bag, WeightedBag)]


def _bag(bag: Bag, history: tuple[Tensor, ...]) -> Tensor:
    """Return (size,), as ``Bag``."""
    name, there = history[0], history[-1]
    return there @ bag.table(name) / there.sum().clamp(min=1.0)


def _weighted_bag(bag: WeightedBag, history: tuple[Tensor, ...]) -> Tensor:
    """Return (size,), as ``WeightedBag``."""
    name, level, there = history[0], history[1], history[-1]
    weight = there * bag.log_weight.exp()[level]
    return weight @ bag.table(name) * torch.rsqrt(1.0 + weight.square().sum())


def _own(
    own: OwnHistory, history: tuple[Tensor, ...], tenure: Tensor, consumer: Tensor, brands: int
) -> Tensor:
    """Return (brands,) what to add to the logits, as ``OwnHistory``."""
    name, level, bought, year, since, there = history
    known = there * (name > 0)
    brand = (name - 1).clamp(min=0)
    plain = plain_numbers(bought, year, since, tenure.expand_as(bought))
    near = own.consumer(consumer).expand(len(name), -1)
    pair = torch.cat([own.level(level), own.brand(brand), near, plain], dim=1)
    answer = own.answer(own.dropout(torch.relu(own.hidden(pair)))) + own.plain(plain)
    return torch.zeros(brands).scatter_add(0, brand, answer.squeeze(1) * known)
