"""Who the consumers are: demographics anyone may see, and lasting tastes nobody sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promo_kedro.types import Array
from promo_kedro.world.market import TRAITS, Assortment
from promo_kedro.world.parameters import SimulationParameters
from promo_kedro.world.randomness import Stream, normals, uniforms

AGE, INCOME, FAMILY, BARGAINS, MOBILITY, CURIOSITY = range(TRAITS)  # the last three are hidden


@dataclass(frozen=True)
class Consumers:
    """Lasting traits of some consumers.

    Attributes:
        traits: (consumers, TRAITS) standard normal; the first three show in demographics.
        taste: (consumers, items) utility of an item to a consumer.
        interest: (consumers, shelves) how much more often than usual a shelf is bought, logits.
        sensitivity: (consumers,) strength of the response to offers, around 1.
        visit: (consumers,) probability to visit the shop in a week.
    """

    traits: Array
    taste: Array
    interest: Array
    sensitivity: Array
    visit: Array

    def rows(self, rows: Array) -> Consumers:
        """The same of some consumers, by position."""
        return Consumers(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def draw_consumers(
    parameters: SimulationParameters, shop: Assortment, seed: int, rows: range
) -> Consumers:
    """Draw the consumers `rows`, the same whatever other consumers are drawn."""
    demand, layout = parameters.demand, shop.layout
    traits = normals(seed, Stream.TRAITS, 0, rows, TRAITS)
    # A blend of traits keeps the tie between visible demographics and taste imperfect.
    taste = demand.taste_spread * _blend(traits, shop.item_appeal)
    taste += demand.idiosyncrasy_spread * normals(seed, Stream.TASTE, 0, rows, layout.items)
    unknown = uniforms(seed, Stream.FAMILIARITY, 0, rows, layout.items) >= demand.familiar_share
    interest = 0.6 * _blend(traits, shop.shelf_appeal)
    interest += 0.8 * normals(seed, Stream.INTEREST, 0, rows, layout.shelves)
    bargains = 0.8 * traits[:, BARGAINS] - 0.6 * traits[:, INCOME]
    spread = parameters.response.sensitivity_spread
    mobility = 0.5 * traits[:, MOBILITY] + 0.25 * traits[:, FAMILY]
    return Consumers(
        traits=traits,
        taste=taste - np.float32(demand.unfamiliar_penalty) * unknown,
        interest=np.float32(demand.interest_spread) * interest,
        sensitivity=np.exp(np.float32(spread) * bargains - np.float32(spread**2 / 2)),
        visit=1.0 / (1.0 + np.exp(-np.float32(_logit(demand.visit)) - mobility)),
    )


def _blend(traits: Array, appeal: Array) -> Array:
    """Σ trait × appeal, added up trait by trait: a matrix product may round by chunk size."""
    total = np.zeros((len(traits), appeal.shape[1]), dtype=np.float32)
    for trait in range(TRAITS):
        total += traits[:, trait, None] * appeal[trait]
    return total


def _logit(probability: float) -> float:
    return float(np.log(probability / (1.0 - probability)))
