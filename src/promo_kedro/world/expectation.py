"""Purchase probabilities of a step in closed form, from the same choice and incidence.

Offers, choice and habit stay within a step; only the pantry moves between its two weeks. So what
happens to item i in the second week depends on the first one through three cases alone: its shelf
was not bought, another item of it was bought in some quantity, or i itself was bought.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promo_kedro.types import Array
from promo_kedro.world.demand import (
    EXTRA_UNITS,
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
class Expectation:
    """What to expect of a step.

    Attributes:
        purchase: (consumers, items) probability to buy the item at least once.
        units: (consumers, items) expected units.
    """

    purchase: Array
    units: Array


def expect_step(
    parameters: SimulationParameters,
    shop: Assortment,
    consumers: Consumers,
    state: State,
    surroundings: Surroundings,
    response: Array,
    active: Array,
) -> Expectation:
    """Expected purchases of one step.

    Args:
        parameters: The world's parameters.
        shop: The assortment.
        consumers: Lasting traits.
        state: The state at the step's start.
        surroundings: What all consumers meet.
        response: (consumers, items) response to the step's offers.
        active: (consumers,) probability that the consumer still shops here.

    Returns:
        Probabilities and units, exact up to float32.
    """
    layout = shop.layout
    step = face_step(parameters, shop, consumers, state, surroundings, response)
    shelf_first = _bought(parameters, consumers, step, 0, state.pantry)
    first = layout.on_items(shelf_first) * step.share
    left = state.pantry * np.float32(parameters.demand.pantry_memory)
    after_nothing = (1.0 - shelf_first) * _bought(parameters, consumers, step, 1, left)
    second_chance = layout.on_items(after_nothing)  # of buying the shelf in week 2
    second_without = second_chance.copy()  # … and not the item itself in week 1
    for extra_units, of_quantity in enumerate(quantity_probabilities(step.extra)):
        again = layout.on_items(_bought(parameters, consumers, step, 1, left + 1 + extra_units))
        itself = first * of_quantity
        anything = layout.on_items(layout.shelf_sum(itself))
        second_chance += anything * again
        second_without += (anything - itself) * again
    units_each = 1.0 + EXTRA_UNITS * step.extra
    alive = active[:, None]
    return Expectation(
        purchase=alive * (first + step.share * second_without),
        units=alive * units_each * (first + step.share * second_chance),
    )


def _bought(
    parameters: SimulationParameters, consumers: Consumers, step: Step, week: int, pantry: Array
) -> Array:
    """Probability to visit and buy from each shelf."""
    return consumers.visit[:, None] * incidence(parameters, step, week, pantry)
