"""How consumers buy: the one statement of demand, used for the history and for every answer.

Within a 14-day step the offers, the choice among a shelf's substitutes and the hidden shock stay;
season and pantry move from week to week. In a week a consumer who has not left visits the shop or
not; each shelf is then bought or not (incidence), one item of it is chosen, and a quantity:

    choice     share of i on its shelf ∝ exp(taste + habit + appeal + pull · response)
    incidence  logit = level + interest + season + shock + expansion · log(Σ with / Σ without
               offers) − fullness · pantry

Arrays are (consumers, items) or (consumers, shelves).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promo_kedro.types import Array
from promo_kedro.world.categories import values_of
from promo_kedro.world.market import Assortment
from promo_kedro.world.parameters import SimulationParameters
from promo_kedro.world.traits import Consumers

WEEKS_A_STEP = 2
EXTRA_UNITS = 3  # a purchase is 1 to 4 units
_WAYS = np.array([1, 3, 3, 1], dtype=np.float32)  # binomial coefficients of EXTRA_UNITS


@dataclass(frozen=True)
class State:
    """What consumers carry from one step into the next.

    Attributes:
        habit: (consumers, items) recent purchases, faded, 0 to 1.
        pantry: (consumers, shelves) units at home.
        active: (consumers,) whether the consumer still shops here.
        experience: (consumers,) how good the offers have been lately, 0 to 1.
        belief: (consumers,) probability of `active` to one who sees purchases only.
    """

    habit: Array
    pantry: Array
    active: Array
    experience: Array
    belief: Array

    def rows(self, rows: Array) -> State:
        """The same of some consumers, by position."""
        return State(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Surroundings:
    """What all consumers meet in one step.

    Attributes:
        appeal: (items,) shared utility.
        shelf_shock: (shelves,) hidden shock in logits.
        season: (2, shelves) season of the step's two weeks in logits.
    """

    appeal: Array
    shelf_shock: Array
    season: Array


@dataclass(frozen=True)
class Step:
    """How the consumers stand towards the shelves during one step.

    Attributes:
        share: (consumers, items) choice among a shelf's items; sums to 1 per shelf.
        logit: (2, consumers, shelves) incidence of the two weeks with an empty pantry.
        extra: (consumers, items) probability of each of three further units.
        delight: (consumers,) how good the offers on the liked items are, 0 to 1.
    """

    share: Array
    logit: Array
    extra: Array
    delight: Array


def offer_response(offers: Array, category_of_item: Array) -> Array:
    """Response to an offer: 0 without one, a threshold, then a plateau at 1.

    Args:
        offers: (…, items) offer percents.
        category_of_item: (items,) positions of the items' categories.

    Returns:
        Array like `offers`, float32.
    """
    threshold = values_of("threshold")[category_of_item]
    width = values_of("width")[category_of_item]
    start = 1.0 / (1.0 + np.exp(threshold / width))
    rise = 1.0 / (1.0 + np.exp((threshold - np.asarray(offers, dtype=np.float32)) / width))
    return np.maximum((rise - start) / (1.0 - start), 0.0)


def face_step(
    parameters: SimulationParameters,
    shop: Assortment,
    consumers: Consumers,
    state: State,
    surroundings: Surroundings,
    response: Array,
) -> Step:
    """Choice and incidence of one step, given the response (consumers, items) to its offers."""
    layout, demand = shop.layout, parameters.demand
    weight = np.exp(
        consumers.taste + np.float32(demand.habit_pull) * state.habit + surroundings.appeal
    )
    gain = values_of("gain")[layout.category_of_item] * np.float32(parameters.response.choice)
    lifted = weight * np.exp(consumers.sensitivity[:, None] * (gain * response))
    total = layout.shelf_sum(lifted)
    attraction = np.log(total / layout.shelf_sum(weight))
    share = lifted / layout.on_items(total)
    logit = (
        shop.shelf_level
        + consumers.interest
        + surroundings.shelf_shock
        + np.float32(parameters.expansion) * attraction
    ) + surroundings.season[:, None, :]
    usual = logistic(shop.shelf_level + consumers.interest)
    delight = (usual * layout.shelf_sum(share * response)).sum(axis=1) / usual.sum(axis=1)
    stocking_up = 1.0 + np.float32(parameters.stock_up) * response
    extra = np.minimum(np.float32(demand.extra_unit) * stocking_up, 0.9)
    return Step(share=share, logit=logit, extra=extra, delight=delight)


def incidence(parameters: SimulationParameters, step: Step, week: int, pantry: Array) -> Array:
    """Probability that a visiting consumer buys from each shelf in week 0 or 1 of the step."""
    return logistic(step.logit[week] - np.float32(parameters.demand.pantry_fullness) * pantry)


def quantity_probabilities(extra: Array) -> Array:
    """P(1 … 4 units | bought), (4, consumers, items)."""
    further = np.arange(EXTRA_UNITS + 1, dtype=np.float32).reshape(-1, *[1] * extra.ndim)
    ways = _WAYS.reshape(further.shape)
    return ways * extra**further * (1.0 - extra) ** (EXTRA_UNITS - further)


def logistic(logit: Array) -> Array:
    """The logistic function."""
    return 1.0 / (1.0 + np.exp(-logit))
