"""Optimisers and learning rates against closed forms."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from promo_kedro.pipelines.modelling.parameters import TrainingParameters
from promo_kedro.pipelines.modelling.schedules import Schedule, half_cycle, optimizer_for


def rates(schedule, optimizer, updates):
    """Rate of each update."""
    found = []
    for _ in range(updates):
        found.append(schedule.rate)
        optimizer.step()
        schedule.after_batch()
    return found


def made(**training):
    training = TrainingParameters(**training)
    optimizer = optimizer_for(nn.Linear(1, 1), training)
    return Schedule(optimizer, training, batches=10), optimizer


@pytest.mark.parametrize(("cycle_epochs", "up"), [(2.0, 10), (0.6, 3), (0.01, 1)])
def test_cycles_are_triangles(cycle_epochs, up):
    lowest, highest = 1e-6, 1e-3
    schedule, optimizer = made(
        scheduler="cyclic",
        cycle_epochs=cycle_epochs,
        learning_rate=highest,
        min_learning_rate=lowest,
    )
    update = np.arange(50)
    height = 1 - np.abs(update % (2 * up) - up) / up
    expected = lowest + (highest - lowest) * height
    np.testing.assert_allclose(rates(schedule, optimizer, 50), expected, rtol=1e-9)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_cycles_leave_momentum_alone(optimizer):
    schedule, found = made(scheduler="cyclic", optimizer=optimizer)
    before = copy.deepcopy([found.defaults.get("betas"), found.defaults.get("momentum")])
    rates(schedule, found, 7)
    group = found.param_groups[0]
    assert [group.get("betas"), group.get("momentum")] == before


def test_a_plateau_lowers_the_rate_down_to_the_least():
    schedule, _ = made(
        learning_rate=0.1, min_learning_rate=0.02, plateau_factor=0.5, plateau_patience=1
    )
    seen = []
    for loss in [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]:
        schedule.after_epoch(loss)
        schedule.after_batch()
        seen.append(schedule.rate)
    assert seen == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.02, 0.02])


@pytest.mark.parametrize("scheduler", ["plateau", "cyclic"])
def test_a_held_rate_stays(scheduler):
    schedule, optimizer = made(scheduler=scheduler, plateau_patience=0)
    rates(schedule, optimizer, 3)
    schedule.hold(0.03)
    for loss in (1.0, 2.0, 3.0):
        assert rates(schedule, optimizer, 3) == [0.03] * 3
        schedule.after_epoch(loss)


@pytest.mark.parametrize("kind", ["adam", "rmsprop"])
def test_first_update_by_hand(kind):
    """Weight decay joins the gradient; the first step of both is scaled by the gradient's size."""
    training = TrainingParameters(optimizer=kind, learning_rate=0.01, weight_decay=0.5)
    layer = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(2.0)
    optimizer = optimizer_for(layer, training)
    (3 * layer.weight.sum()).backward()
    optimizer.step()
    gradient = 3 + 0.5 * 2
    # Adam corrects the bias of its running mean of squares; RMSProp (smoothing 0.99) does not.
    root = gradient if kind == "adam" else np.sqrt(0.01) * gradient
    assert layer.weight.item() == pytest.approx(2 - 0.01 * gradient / root, rel=1e-6)


def test_half_a_cycle_is_half_its_epochs():
    assert half_cycle(TrainingParameters(cycle_epochs=3.0), 40) == 60
