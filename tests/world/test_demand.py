from dataclasses import replace

import numpy as np
import pytest

from promo_kedro.world import World
from promo_kedro.world.categories import CATEGORIES
from promo_kedro.world.demand import (
    face_step,
    incidence,
    offer_response,
    quantity_probabilities,
)
from promo_kedro.world.shopping import draw_luck, leaving_probability, live_step

DEPTHS = np.arange(0, 101, dtype=np.float32)


@pytest.mark.parametrize("category", range(len(CATEGORIES)))
def test_response_rises_over_a_threshold_to_a_plateau(category: int) -> None:
    response = offer_response(DEPTHS[:, None], np.array([category]))[:, 0]
    assert response[0] == 0.0
    assert (np.diff(response) >= 0).all()
    assert response[-1] == pytest.approx(1.0, abs=1e-3)
    threshold = CATEGORIES[category].threshold
    rise = np.diff(response)
    assert abs(DEPTHS[rise.argmax()] + 0.5 - threshold) <= 1.0
    assert rise[0] < 0.35 * rise.max()  # little happens below the threshold
    assert response[60:].min() > 0.98  # and nothing beyond the plateau


def test_quantities_are_a_distribution() -> None:
    extra = np.array([[0.0, 0.2], [0.5, 0.9]], dtype=np.float32)
    chance = quantity_probabilities(extra)
    assert np.allclose(chance.sum(axis=0), 1.0)
    mean = (chance * np.arange(1, 5)[:, None, None]).sum(axis=0)
    assert np.allclose(mean, 1 + 3 * extra)


def test_an_offer_takes_purchases_from_substitutes_only(weak_world: World) -> None:
    layout = weak_world.shop.layout
    none = np.zeros((400, layout.items), dtype=np.float32)
    one = none.copy()
    one[:, 0] = 40.0
    before = weak_world.purchase_probability(none)
    change = weak_world.purchase_probability(one) - before
    shelf = layout.shelf_of_item == 0
    bought = before[:, 0] > 1e-4
    assert (change[bought, 0] > 0).all()
    assert change[:, shelf][:, 1:].sum() < 0
    assert np.abs(change[:, ~shelf]).max() == 0


def test_a_full_pantry_lowers_incidence_and_empties(strong_world: World) -> None:
    world = strong_world
    facing = face_step(
        world.parameters,
        world.shop,
        world.consumers,
        world.state,
        world._next_step,
        np.zeros((400, 120), dtype=np.float32),
    )
    empty = np.zeros_like(world.state.pantry)
    assert (
        incidence(world.parameters, facing, 0, empty + 2)
        < incidence(world.parameters, facing, 0, empty)
    ).all()


def test_post_promotion_dip(strong_world: World) -> None:
    """A good offer today lowers purchases at no offer in the step after it."""
    world = strong_world
    later = {}
    for today in (0.0, 35.0):
        units = 0
        for draw in range(6):
            state = replace(
                world.state,
                active=np.ones(400, dtype=bool),
                habit=np.zeros_like(world.state.habit),
                pantry=np.zeros_like(world.state.pantry),
            )
            # Habits would carry the offer on: leave them out to see the pantry alone.
            parameters = world.parameters.model_copy(
                update={"demand": world.parameters.demand.model_copy(update={"habit_pull": 0.0})}
            )
            for step, percent in enumerate((today, 0.0)):
                offers = np.full((400, 120), percent, dtype=np.float32)
                response = offer_response(offers, world.shop.layout.category_of_item)
                luck = draw_luck((1, draw), step, range(400), world.shop.layout.shelves)
                weeks, state = live_step(
                    parameters,
                    world.shop,
                    world.consumers,
                    state,
                    world._next_step,
                    response,
                    luck,
                )
                state = replace(state, active=np.ones(400, dtype=bool))
            units += sum(week.quantity.sum() for week in weeks)
        later[today] = units
    assert later[35.0] < 0.95 * later[0.0]


def test_good_experience_keeps_consumers(strong_world: World) -> None:
    leave = leaving_probability(strong_world.parameters, np.linspace(0, 1, 11, dtype=np.float32))
    assert (np.diff(leave) < 0).all()
    usual = leaving_probability(
        strong_world.parameters,
        np.float32(strong_world.parameters.churn.usual_experience),
    )
    assert usual == pytest.approx(strong_world.parameters.churn.leave, rel=1e-3)
