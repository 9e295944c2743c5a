"""Shopping: chance becomes purchases, and purchases change habits, pantries and loyalty.

One function, `live_step`, moves the consumers through 14 days. The history is nothing but its
repetition, and so are the futures that judge offers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promo_kedro.types import Array
from promo_kedro.world.demand import (
    EXTRA_UNITS,
    WEEKS_A_STEP,
    State,
    Step,
    Surroundings,
    face_step,
    incidence,
    logistic,
    quantity_probabilities,
)
from promo_kedro.world.market import Assortment
from promo_kedro.world.parameters import SimulationParameters
from promo_kedro.world.randomness import Seed, Stream, uniforms
from promo_kedro.world.traits import Consumers


@dataclass(frozen=True)
class Purchases:
    """Lines bought in one week, in the order consumer, shelf.

    Attributes:
        consumer: Position among the consumers simulated together.
        item: Position of the item.
        quantity: Units.
    """

    consumer: Array
    item: Array
    quantity: Array


def shop_week(
    shop: Assortment, consumers: Consumers, state: State, step: Step, chance: Array, luck: Array
) -> Purchases:
    """Let the consumers shop for a week.

    Args:
        shop: The assortment.
        consumers: Lasting traits.
        state: The consumers' state.
        step: How they stand towards the shelves in this step.
        chance: (consumers, shelves) incidence of the week.
        luck: (consumers, 1 + 3 × shelves) uniform numbers: visit, then incidence, choice and
            quantity for every shelf.

    Returns:
        The lines bought.
    """
    layout = shop.layout
    visits = state.active & (luck[:, 0] < consumers.visit)
    buys, which, amount = np.split(luck[:, 1:], 3, axis=1)
    consumer, shelf = np.nonzero(visits[:, None] & (buys < chance))
    slots = layout.slots[shelf]
    heap = np.cumsum(step.share[consumer[:, None], slots], axis=1)
    # The last slot of a narrow shelf is repeated: what lies beyond its width is never reached.
    width = np.diff(np.append(layout.shelf_start, layout.items))[shelf]
    reached = (heap <= which[consumer, shelf][:, None]).sum(axis=1)
    item = layout.shelf_start[shelf] + np.minimum(reached, width - 1)
    steps_up = np.cumsum(quantity_probabilities(step.extra[consumer, item]), axis=0)
    quantity = 1 + (steps_up[:EXTRA_UNITS] <= amount[consumer, shelf]).sum(axis=0)
    return Purchases(consumer, item, quantity)


def after_week(
    parameters: SimulationParameters, shop: Assortment, pantry: Array, bought: Purchases
) -> Array:
    """The pantry a week later: part of it eaten, what was bought put in."""
    pantry = pantry * np.float32(parameters.demand.pantry_memory)
    # A consumer buys a shelf at most once a week, so no pair repeats.
    pantry[bought.consumer, shop.layout.shelf_of_item[bought.item]] += bought.quantity
    return pantry


def after_step(
    parameters: SimulationParameters,
    state: State,
    step: Step,
    pantry: Array,
    bought: Purchases,
    silent: Array,
    luck: Array,
) -> State:
    """The state a step later.

    Args:
        parameters: The world's parameters.
        state: The state at the step's start.
        step: How the consumers stood towards the shelves.
        pantry: The pantry at the step's end.
        bought: All lines of the step.
        silent: (consumers,) probability that an active consumer buys nothing in the step, given
            what it had at home.
        luck: (consumers,) uniform numbers that decide who leaves and who comes back.

    Returns:
        The next step's state.
    """
    demand, churn = parameters.demand, parameters.churn
    memory = np.float32(demand.habit_memory)
    habit = state.habit * memory
    lines = np.zeros_like(habit)
    lines[bought.consumer, bought.item] = 1.0 - memory
    keep = np.float32(churn.experience_memory)
    experience = np.where(
        state.active, keep * state.experience + (1.0 - keep) * step.delight, state.experience
    )
    leave = leaving_probability(parameters, experience)
    seen = np.zeros(len(silent), dtype=bool)
    seen[bought.consumer] = True
    unseen = state.belief * silent
    belief = np.where(seen, 1.0, unseen / (unseen + 1.0 - state.belief))
    return State(
        habit=habit + lines,
        pantry=pantry,
        active=np.where(state.active, luck >= leave, luck < churn.come_back),
        experience=experience,
        belief=belief * (1.0 - leave) + (1.0 - belief) * np.float32(churn.come_back),
    )


def leaving_probability(parameters: SimulationParameters, experience: Array) -> Array:
    """Probability to leave at the end of a step: good offers lately keep consumers."""
    churn = parameters.churn
    usual = np.log(churn.leave / (1.0 - churn.leave))
    pull = churn.experience_pull * (experience - churn.usual_experience)
    return logistic(np.float32(usual) - pull.astype(np.float32))


def draw_luck(seed: Seed, step: int, rows: range, shelves: int) -> Array:
    """The uniform numbers of a step, (consumers, 2 × (1 + 3 × shelves) + 1)."""
    return uniforms(seed, Stream.SHOPPING, step, rows, WEEKS_A_STEP * (1 + 3 * shelves) + 1)


def live_step(
    parameters: SimulationParameters,
    shop: Assortment,
    consumers: Consumers,
    state: State,
    surroundings: Surroundings,
    response: Array,
    luck: Array,
) -> tuple[list[Purchases], State]:
    """Let the consumers live through one step.

    Args:
        parameters: The world's parameters.
        shop: The assortment.
        consumers: Lasting traits.
        state: The state at the step's start.
        surroundings: What all consumers meet.
        response: (consumers, items) response to the step's offers.
        luck: The step's uniform numbers, from `draw_luck`.

    Returns:
        The lines of each week, and the state at the step's end.
    """
    step = face_step(parameters, shop, consumers, state, surroundings, response)
    *weekly_luck, leaving_luck = np.split(luck, [luck.shape[1] // 2, luck.shape[1] - 1], axis=1)
    pantry, silent = state.pantry, np.ones_like(consumers.visit)
    weeks = []
    for week in range(WEEKS_A_STEP):
        chance = incidence(parameters, step, week, pantry)
        nothing = np.prod(1.0 - chance, axis=1)
        silent = silent * (1.0 - consumers.visit * (1.0 - nothing))
        bought = shop_week(shop, consumers, state, step, chance, weekly_luck[week])
        pantry = after_week(parameters, shop, pantry, bought)
        weeks.append(bought)
    return weeks, after_step(
        parameters, state, step, pantry, _together(weeks), silent, leaving_luck[:, 0]
    )


def _together(weeks: list[Purchases]) -> Purchases:
    return Purchases(
        *(
            np.concatenate([getattr(week, field) for week in weeks])
            for field in ("consumer", "item", "quantity")
        )
    )
