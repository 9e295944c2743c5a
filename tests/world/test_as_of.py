"""The world as it stood before an earlier step, against the receipts of that step."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss

from promo_kedro.world import History, World, restore, restore_at
from promo_kedro.world.demand import WEEKS_A_STEP, State
from promo_kedro.world.truth import end_state

SHAPE = (800, 250)
STEPS = 39


def receipts(history: History, step: int) -> np.ndarray:
    """(consumers, items) whether the step's receipts hold the item."""
    lines = history.chunks[0].lines
    of_step = lines.week.astype(int) // WEEKS_A_STEP == step
    bought = np.zeros(SHAPE, dtype=bool)
    bought[lines.consumer[of_step], lines.item[of_step]] = True
    return bought


@pytest.fixture(scope="module")
def before_the_last_step(wide: History) -> tuple[World, np.ndarray]:
    return restore_at(end_state(wide), 1)


def test_no_step_back_is_the_world_after_its_last_day(wide: History) -> None:
    truth = end_state(wide)
    world, _ = restore_at(truth, 0)
    today = restore(truth)
    for name in State.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(world.state, name), getattr(today.state, name))
    offers = np.random.default_rng(0).uniform(0, 60, SHAPE)
    assert (world.purchase_probability(offers) == today.purchase_probability(offers)).all()
    assert (
        world.observable_purchase_probability(offers, 3, 1)
        == today.observable_purchase_probability(offers, 3, 1)
    ).all()
    assert (world.offers_as_today(2) == today.offers_as_today(2)).all()


@pytest.mark.parametrize("steps_back", [1, 5, 38])
def test_habits_and_pantries_are_those_that_the_receipts_left(
    wide: History, steps_back: int
) -> None:
    demand, shelf_of = wide.parameters.demand, wide.market.shop.layout.shelf_of_item
    lines = wide.chunks[0].lines
    habit = np.zeros(SHAPE)
    pantry = np.zeros((SHAPE[0], wide.market.shop.layout.shelves))
    for step in range(STEPS - steps_back):
        memory = demand.habit_memory
        habit = memory * habit + (1 - memory) * receipts(wide, step)
        for week in (2 * step, 2 * step + 1):
            of_week = lines.week == week
            pantry *= demand.pantry_memory
            place = (lines.consumer[of_week], shelf_of[lines.item[of_week]])
            np.add.at(pantry, place, lines.quantity[of_week])
    world, _ = restore_at(end_state(wide), steps_back)
    assert world.coming_step == STEPS - steps_back
    np.testing.assert_allclose(world.state.habit, habit, atol=1e-5)
    np.testing.assert_allclose(world.state.pantry, pantry, atol=1e-4)


def test_the_offers_are_those_of_the_log(
    wide: History, before_the_last_step: tuple[World, np.ndarray]
) -> None:
    chunk = wide.chunks[0]
    _, offers = before_the_last_step
    np.testing.assert_array_equal(offers[chunk.logged], chunk.offers[-1])


@pytest.mark.parametrize("steps_back", [1, 2, 7])
def test_the_truth_is_calibrated_on_the_receipts(wide: History, steps_back: int) -> None:
    """Expected purchases in tenths of the probability, within three standard errors.

    A consumer who visits buys many things, so the errors are counted by consumer; where nearly
    nothing is bought, by cell, for want of purchases to see them in.
    """
    world, offers = restore_at(end_state(wide), steps_back)
    bought = receipts(wide, STEPS - steps_back)
    probability = world.purchase_probability(offers).astype(float)
    assert bought.sum() > 1000
    assert not bought[probability == 0].any()  # who has left buys nothing
    edges = np.quantile(probability[probability > 0], np.linspace(0, 1, 11)[1:-1])
    tenths = np.searchsorted(edges, probability)
    for tenth in range(10):
        mine = tenths == tenth
        excess = np.where(mine, bought - probability, 0).sum(axis=1)
        alone = (probability * (1 - probability))[mine].sum()
        assert abs(excess.sum()) < 3 * np.sqrt(max((excess**2).sum(), alone))


def test_whole_state_beats_the_observable_beats_prevalence_on_the_receipts(
    wide: History, before_the_last_step: tuple[World, np.ndarray]
) -> None:
    world, offers = before_the_last_step
    relevant = np.zeros(SHAPE, dtype=bool)
    for step in range(13, STEPS - 1):
        relevant |= receipts(wide, step)
    bought = receipts(wide, STEPS - 1)[relevant]

    def loss(probability: np.ndarray) -> float:
        return log_loss(bought, np.clip(probability[relevant].astype(float), 1e-12, 1 - 1e-12))

    whole = loss(world.purchase_probability(offers))
    observable = loss(world.observable_purchase_probability(offers, draws=30, seed=1))
    prevalence = loss(np.full(SHAPE, bought.mean()))
    assert whole < observable < 0.97 * prevalence


def test_another_steps_truth_fits_worse(wide: History) -> None:
    """Stopping one step too late or too early would show in the loss of the receipts."""
    truth = end_state(wide)
    bought = receipts(wide, STEPS - 2)

    def loss(steps_back: int) -> float:
        world, offers = restore_at(truth, steps_back)
        said = np.clip(world.purchase_probability(offers).astype(float), 1e-6, 1 - 1e-6)
        return log_loss(bought.ravel(), said.ravel())

    losses = [loss(steps_back) for steps_back in (1, 2, 3)]
    assert losses[1] == min(losses)


def test_chunks_of_consumers_give_the_same_world(wide: History) -> None:
    truth = end_state(wide)
    smaller = wide.parameters.model_copy(update={"consumers_per_chunk": 300})
    in_chunks = end_state(replace(wide, parameters=smaller))
    one, offers = restore_at(truth, 3)
    other, same_offers = restore_at(in_chunks, 3)
    np.testing.assert_array_equal(offers, same_offers)
    np.testing.assert_array_equal(one.state.habit, other.state.habit)
    np.testing.assert_array_equal(one.state.belief, other.state.belief)


@pytest.mark.parametrize("steps_back", [-1, STEPS, STEPS + 1])
def test_steps_without_a_world_before_them_are_refused(wide: History, steps_back: int) -> None:
    with pytest.raises(ValueError, match="there is no world before step"):
        restore_at(end_state(wide), steps_back)
