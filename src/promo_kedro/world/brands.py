"""Probability to buy a brand in a step, in closed form, from the same choice and incidence.

A brand may lie on several shelves. Given the weeks in which a consumer visits the shop, shelves
are bought independently of each other, so the brand stays unbought with the product, over its
shelves, of the probabilities that it is not bought there. Within a shelf the second week depends
on the first one through the pantry alone: nothing was bought, or another brand in some quantity.
The four patterns of visits are mixed last, for all shelves share them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promo_kedro.types import Array
from promo_kedro.world.demand import (
    State,
    Step,
    Surroundings,
    face_step,
    incidence,
    quantity_probabilities,
)
from promo_kedro.world.market import Assortment
from promo_kedro.world.parameters import SimulationParameters
from promo_kedro.world.traits import Consumers


@dataclass(frozen=True)
class Places:
    """Where brands lie: a place is a brand on a shelf, sorted by brand, then shelf.

    Attributes:
        brand: (brands,) numbers of the brands that have an item, ascending.
        items: (items,) the items, sorted by place.
        item_start: (places,) first of the place's sorted items.
        shelf: (places,) shelf of the place.
        place_start: (brands,) first place of each brand.
    """

    brand: Array
    items: Array
    item_start: Array
    shelf: Array
    place_start: Array

    def sum_items(self, per_item: Array) -> Array:
        """Sum (consumers, items) over each place -> (consumers, places)."""
        return np.add.reduceat(per_item[:, self.items], self.item_start, axis=1)

    def on_places(self, per_shelf: Array) -> Array:
        """Spread (consumers, shelves) over the places -> (consumers, places)."""
        return per_shelf[:, self.shelf]

    def multiply_places(self, per_place: Array) -> Array:
        """Multiply (consumers, places) over each brand -> (consumers, brands)."""
        return np.multiply.reduceat(per_place, self.place_start, axis=1)


def places_of(shop: Assortment) -> Places:
    """Find where each brand lies."""
    shelf = shop.layout.shelf_of_item
    items = np.lexsort((shelf, shop.brand))
    brand_and_shelf = np.stack([shop.brand[items], shelf[items]])
    item_start = _starts(brand_and_shelf)
    place_start = _starts(brand_and_shelf[:, item_start][:1])
    return Places(
        brand=brand_and_shelf[0, item_start][place_start],
        items=items,
        item_start=item_start,
        shelf=brand_and_shelf[1, item_start],
        place_start=place_start,
    )


def expect_brands(
    parameters: SimulationParameters,
    shop: Assortment,
    places: Places,
    consumers: Consumers,
    state: State,
    surroundings: Surroundings,
    response: Array,
) -> Array:
    """Probability to buy at least one item of each brand in the step.

    Args:
        parameters: The world's parameters.
        shop: The assortment.
        places: Where its brands lie.
        consumers: Lasting traits.
        state: The state at the step's start; who has left buys nothing.
        surroundings: What all consumers meet.
        response: (consumers, items) response to the step's offers.

    Returns:
        (consumers, brands), exact up to float32, in the order of `places.brand`.
    """
    step = face_step(parameters, shop, consumers, state, surroundings, response)
    first, second, either = _bought_by_visits(parameters, shop, places, step, state.pantry)
    visit = consumers.visit[:, None].astype(np.float64)
    once = visit * (1.0 - visit)
    return state.active[:, None] * (
        once * _anywhere(places, first)
        + once * _anywhere(places, second)
        + visit**2 * _anywhere(places, either)
    )


def _bought_by_visits(
    parameters: SimulationParameters, shop: Assortment, places: Places, step: Step, pantry: Array
) -> tuple[Array, Array, Array]:
    """P(brand bought on the shelf | visits in week 1 alone, week 2 alone, both weeks).

    Sums of what may happen rather than one minus what may not, which would lose rare brands to
    rounding.
    """

    def shelf_chance(week: int, at_home: Array) -> Array:
        return places.on_places(incidence(parameters, step, week, at_home)).astype(np.float64)

    share = places.sum_items(step.share)
    left = pantry * np.float32(parameters.demand.pantry_memory)
    shelf_first = shelf_chance(0, pantry)
    first = shelf_first * share
    second = shelf_chance(1, left) * share
    either = first + (1.0 - shelf_first) * second
    for extra_units, of_quantity in enumerate(quantity_probabilities(step.extra)):
        quantity = step.share * of_quantity
        others = places.on_places(shop.layout.shelf_sum(quantity)) - places.sum_items(quantity)
        again = shelf_chance(1, left + 1 + extra_units) * share
        either += shelf_first * np.maximum(others, 0.0) * again
    return first, second, either


def _anywhere(places: Places, bought: Array) -> Array:
    """P(bought on at least one of the brand's shelves), shelves being independent."""
    return 1.0 - places.multiply_places(1.0 - bought)


def _starts(keys: Array) -> Array:
    """Where a run of equal columns starts."""
    changes = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    return np.append(0, np.flatnonzero(changes) + 1)
