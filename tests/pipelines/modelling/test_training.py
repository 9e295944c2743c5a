"""Training one network: its losses, its recipes, its stopping, and what it leaves behind."""

from copy import deepcopy
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch.optim.swa_utils import AveragedModel

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.parameters import TrainingParameters
from promo_kedro.pipelines.modelling.schedules import OPTIMIZERS as OPTIMIZER_CLASSES
from promo_kedro.pipelines.modelling.training import (
    Course,
    batch_size_for,
    fabric_for,
    fit_network,
    reproducible,
)

from .lessons import (
    AVERAGES,
    CPU,
    OPTIMIZERS,
    SCHEDULERS,
    STEPS,
    fitted,
    lesson_of,
    network_of,
    recipe,
    same_weights,
)


@pytest.mark.parametrize("start", ["scratch", "pooled"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("optimizer", "scheduler", "averaging"), product(OPTIMIZERS, SCHEDULERS, AVERAGES)
)
def test_every_recipe_learns(optimizer, scheduler, averaging, masked, start):
    lesson, network = lesson_of(masked=masked), network_of()
    training = recipe(
        optimizer=optimizer, scheduler=scheduler, averaging=averaging, start=start, max_epochs=5
    )
    before = decided(network, lesson)
    history = fitted(network, lesson, training)
    after = decided(network, lesson)
    assert after < 0.95 * before
    assert after <= min(epoch["validation_loss"] for epoch in history) + 1e-6
    assert sum(epoch["weight"] for epoch in history) == pytest.approx(1)
    assert history[0]["epoch"] == (0 if start == "pooled" else 1)


def decided(network, lesson):
    """Log loss of the deciders' validation step, by scikit-learn."""
    network.eval()
    with torch.inference_mode():
        chance = torch.sigmoid(network(lesson.inputs))[lesson.deciders, STEPS].double()
    return log_loss(lesson.purchased[lesson.deciders, STEPS], chance)


@pytest.mark.parametrize("masked", [False, True])
def test_losses_are_scikit_learns(masked):
    lesson, network = lesson_of(masked=masked), network_of("figure1").eval()
    still = recipe(batch_size=7, max_epochs=1, learning_rate=1e-12, min_learning_rate=1e-12)
    with torch.inference_mode():
        chance = torch.sigmoid(network(lesson.inputs))[:, :STEPS].double()
    expected = log_loss(
        lesson.purchased[:, :STEPS].ravel(), chance.ravel(), sample_weight=lesson.counted.ravel()
    )
    (epoch,) = fitted(network, lesson, still)
    assert epoch["train_loss"] == pytest.approx(expected, rel=1e-5)
    assert epoch["validation_loss"] == pytest.approx(decided(network, lesson), rel=1e-5)
    zeroth, _ = fitted(network, lesson, still.model_copy(update={"start": "pooled"}))
    assert zeroth["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_an_update_follows_the_gradient_of_the_mean_over_counted_cells(monkeypatch):
    """Plain gradient descent, whose step shows the gradient's size as well."""
    monkeypatch.setitem(OPTIMIZER_CLASSES, "adam", torch.optim.SGD)
    lesson, network = lesson_of(masked=True), network_of("figure1")
    oracle = deepcopy(network)
    chosen = lesson.counted > 0
    logits = oracle(lesson.inputs.steps(0, STEPS))[chosen]
    torch.nn.BCEWithLogitsLoss()(logits, lesson.purchased[:, :STEPS][chosen]).backward()
    fitted(network, lesson, recipe(batch_size=len(chosen), max_epochs=1, learning_rate=0.5))
    for found, expected in zip(network.parameters(), oracle.parameters(), strict=True):
        step = -0.5 * (expected.grad + 1e-5 * expected)
        torch.testing.assert_close(found, expected + step, rtol=1e-5, atol=1e-6)


def test_masked_cells_do_not_matter():
    lesson, networks = lesson_of(masked=True), [network_of(), network_of()]
    purchased = lesson.purchased.clone()
    purchased[:, :STEPS] += (1 - lesson.counted) * (1 - 2 * purchased[:, :STEPS])
    assert not torch.equal(purchased, lesson.purchased)
    fitted(networks[0], lesson, recipe())
    fitted(networks[1], replace(lesson, purchased=purchased), recipe())
    assert same_weights(*networks)


def test_only_deciders_decide():
    lesson, networks = lesson_of(), [network_of(), network_of(), network_of()]
    others = lesson.purchased.clone()
    others[1::2, STEPS] = 1 - others[1::2, STEPS]
    theirs = lesson.purchased.clone()
    theirs[::2, STEPS] = 1 - theirs[::2, STEPS]
    training = recipe(averaging="best_checkpoints")
    fitted(networks[0], lesson, training)
    fitted(networks[1], replace(lesson, purchased=others), training)
    fitted(networks[2], replace(lesson, purchased=theirs), training)
    assert same_weights(networks[0], networks[1])
    assert not same_weights(networks[0], networks[2])


def test_best_weights_are_kept_and_training_stops():
    lesson, network = lesson_of(noise=3.0), network_of()
    eager = recipe(max_epochs=200, learning_rate=0.05, plateau_factor=0.9, stop_patience=3)
    history = fitted(network, lesson, eager)
    losses = [epoch["validation_loss"] for epoch in history]
    assert len(losses) < 200
    assert int(np.argmin(losses)) == len(losses) - 4
    assert decided(network, lesson) == pytest.approx(min(losses), rel=1e-5)
    assert [epoch["weight"] for epoch in history] == [float(loss == min(losses)) for loss in losses]
    rates = [epoch["learning_rate"] for epoch in history]
    assert rates[0] == 0.05
    assert rates[-1] < rates[0]


def epoch_by_epoch(training, lesson):
    """Return the network, its history and its weights after each epoch."""
    network, after = network_of(dropout=0.0), {}

    def keep(epoch, _):
        after[epoch] = deepcopy(network)

    return network, fitted(network, lesson, training, on_epoch=keep), after


@pytest.fixture
def judge(monkeypatch):
    """Make the deciders say what the test wants: losses of the epochs, then of the average."""

    def say(losses):
        verdicts = iter(losses)
        monkeypatch.setattr(Course, "_validation_loss", lambda _: next(verdicts))

    return say


def test_a_better_average_is_kept_and_swa_is_torchs(judge):
    judge([0.5, 0.4, 0.3, 0.41, 0.42, 0.43, 0.29])
    training = recipe(averaging="swa", max_epochs=6, swa_learning_rate=0.03)
    network, history, after = epoch_by_epoch(training, lesson_of())
    assert [epoch["weight"] for epoch in history] == pytest.approx([0, 0, 0, 1 / 3, 1 / 3, 1 / 3])
    assert [epoch["learning_rate"] for epoch in history[3:]] == [0.03] * 3
    oracle = AveragedModel(after[4])
    for epoch in (4, 5, 6):
        oracle.update_parameters(after[epoch])
    for found, expected in zip(network.parameters(), oracle.module.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


def test_better_checkpoints_are_kept_with_their_weights(judge):
    judge([0.5, 0.31, 0.3, 0.32, 0.29])
    training = recipe(averaging="best_checkpoints", checkpoint_temperature=0.01)
    network, history, after = epoch_by_epoch(training, lesson_of())
    odds = np.exp([-np.inf, -1, 0, -2])
    assert [epoch["weight"] for epoch in history] == pytest.approx(odds / odds.sum())
    weights = [list(after[epoch].parameters()) for epoch in (2, 3, 4)]
    for place, found in enumerate(network.parameters()):
        parts = zip(odds[1:] / odds.sum(), weights, strict=True)
        by_hand = sum(share * parameters[place].double() for share, parameters in parts)
        torch.testing.assert_close(found.double(), by_hand, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("average_loss", [0.3, 0.31])
@pytest.mark.parametrize("averaging", ["swa", "best_checkpoints"])
def test_an_average_no_better_gives_way_to_the_best_epoch(averaging, average_loss, judge):
    judge([0.5, 0.31, 0.3, 0.32, average_loss])
    network, history, after = epoch_by_epoch(recipe(averaging=averaging), lesson_of())
    assert [epoch["weight"] for epoch in history] == [0, 0, 1, 0]
    assert same_weights(network, after[3])


def test_swa_comes_early_once_patience_is_lost():
    training = recipe(
        averaging="swa", max_epochs=20, swa_start=0.8, stop_patience=1, learning_rate=0.2
    )
    history = fitted(network_of(), lesson_of(noise=3.0), training)
    held = [epoch["epoch"] for epoch in history if epoch["learning_rate"] == 0.005]
    assert held == list(range(held[0], held[0] + 4))
    assert held[0] < 17
    assert held[-1] == len(history)


def test_fine_tuning_never_harms_the_deciders():
    lesson, network = lesson_of(), network_of()
    fitted(network, lesson, recipe(max_epochs=30))
    given = deepcopy(network)
    history = fitted(network, lesson, recipe(start="pooled", learning_rate=3.0))
    assert same_weights(network, given)
    assert history[0]["epoch"] == 0
    assert history[0]["weight"] == 1
    assert history[0]["validation_loss"] == pytest.approx(decided(given, lesson), rel=1e-5)


@pytest.mark.parametrize("start", ["scratch", "pooled"])
def test_one_class_among_deciders_trains_a_few_epochs(start):
    lesson, training = lesson_of(), recipe(averaging="swa", stop_patience=3, start=start)
    purchased = lesson.purchased.clone()
    purchased[::2, STEPS] = 0
    lesson = replace(lesson, purchased=purchased)
    network, history, after = epoch_by_epoch(training, lesson)
    assert [epoch["weight"] for epoch in history] == [0, 0, 1]
    assert same_weights(network, after[3])


def test_no_deciders_at_all_trains_a_few_epochs():
    lesson = replace(lesson_of(), deciders=torch.empty(0, dtype=torch.long))
    history = fitted(network_of(), lesson, recipe(stop_patience=2))
    assert [epoch["weight"] for epoch in history] == [0, 1]
    assert np.isnan(history[0]["validation_loss"])


def test_the_same_seed_gives_the_same_weights():
    networks = [network_of(), network_of(), network_of()]
    fitted(networks[0], lesson_of(), recipe())
    fitted(networks[1], lesson_of(), recipe())
    with reproducible(6, CPU):
        fit_network(networks[2], lesson_of(), recipe(), CPU)
    assert same_weights(networks[0], networks[1])
    assert not same_weights(networks[0], networks[2])


def test_mixed_precision_learns():
    lesson, network = lesson_of(), network_of()
    before = decided(network, lesson)
    history = fitted(network, lesson, recipe(), CPU.model_copy(update={"precision": "bf16-mixed"}))
    assert decided(network, lesson) < 0.95 * before
    assert all(weights.dtype == torch.float32 for weights in network.parameters())
    single = fitted(network_of(), lesson, recipe())
    assert history[0]["train_loss"] == pytest.approx(single[0]["train_loss"], rel=0.02)
    assert history[0]["train_loss"] != single[0]["train_loss"]


def test_a_diverging_loss_is_an_error():
    with pytest.raises(InputError, match=r"not finite any more.*modelling\.training\.learning"):
        fitted(network_of(), lesson_of(), recipe(learning_rate=1e30))


def test_nothing_counted_is_an_error():
    lesson = lesson_of()
    lesson = replace(lesson, counted=torch.zeros_like(lesson.counted))
    with pytest.raises(InputError, match=r"Bakery: no cell .*mask_before_first_purchase"):
        fitted(network_of(), lesson, recipe())


def test_global_state_of_torch_is_left_alone():
    torch.manual_seed(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with reproducible(1, CPU):
        first = torch.rand(3)
    with reproducible(1, CPU):
        torch.testing.assert_close(torch.rand(3), first, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(
    ("consumer_items", "batch_size"), [(30, 16), (2_048, 32), (12_000, 187), (1_000_000, 256)]
)
def test_small_categories_take_smaller_batches(consumer_items, batch_size):
    training = TrainingParameters(batch_size=256, min_batches=64)
    assert batch_size_for(consumer_items, training) == batch_size


def test_batch_size_is_never_above_what_is_asked():
    assert batch_size_for(10_000, TrainingParameters(batch_size=8, min_batches=1)) == 8


def test_cpu_where_asked():
    assert fabric_for(CPU).device.type == "cpu"
