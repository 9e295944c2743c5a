"""Averages of weights, by hand and against torch's own."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from promo_kedro.pipelines.modelling.averaging import average_for, put, weights_of
from promo_kedro.pipelines.modelling.parameters import TrainingParameters


@pytest.fixture
def networks():
    """As after epochs 1 to 8."""
    torch.manual_seed(0)
    return [nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)) for _ in range(8)]


def fed(average, networks, losses, first=1):
    for epoch, (network, loss) in enumerate(zip(networks, losses, strict=True), start=first):
        average.see(epoch, loss, weights_of(network))
    return average


def test_swa_is_torchs(networks):
    average = average_for(TrainingParameters(averaging="swa", max_epochs=8, swa_start=0.4))
    fed(average, networks, range(8))
    oracle = AveragedModel(networks[0])
    for network in networks[3:]:
        oracle.update_parameters(network)
    for name, expected in oracle.module.named_parameters():
        torch.testing.assert_close(average.weights()[name], expected.detach())
    assert average.shares() == pytest.approx({4: 0.2, 5: 0.2, 6: 0.2, 7: 0.2, 8: 0.2})


@pytest.mark.parametrize(
    ("start", "epochs", "first"), [(0.0, 5, 1), (0.5, 7, 4), (0.29, 100, 30), (0.99, 3, 3)]
)
def test_swa_begins_after_its_share_of_epochs(start, epochs, first):
    recipe = TrainingParameters(averaging="swa", swa_start=start, max_epochs=epochs)
    average = average_for(recipe)
    held = [average.holds_rate(epoch) for epoch in range(1, epochs + 1)]
    assert held.index(True) + 1 == first
    assert [average.is_last(epoch, False) for epoch in range(1, epochs + 1)].index(
        True
    ) == epochs - 1


def test_lost_patience_brings_swa_forward_at_full_length():
    average = average_for(TrainingParameters(averaging="swa", swa_start=0.6, max_epochs=10))
    assert not average.is_last(2, True)
    assert not average.holds_rate(2)
    assert average.holds_rate(3)
    last = [average.is_last(epoch, True) for epoch in range(3, 7)]
    assert last == [False, False, False, True]


def test_best_checkpoints_by_hand(networks):
    recipe = TrainingParameters(
        averaging="best_checkpoints", best_checkpoints=3, checkpoint_temperature=0.01
    )
    losses = [0.30, 0.22, 0.21, 0.50, 0.20, 0.60, 0.21, 0.40]
    average = fed(average_for(recipe), networks, losses, first=0)
    # Of the two at 0.21 both are among the three best: epochs 2, 4 and 6.
    odds = np.exp([-1.0, 0.0, -1.0])
    expected = dict(zip([2, 4, 6], odds / odds.sum(), strict=True))
    assert average.shares() == pytest.approx(expected)
    assert max(average.shares(), key=average.shares().get) == 4
    for name, value in average.weights().items():
        by_hand = sum(
            share * dict(networks[epoch].named_parameters())[name].detach().double()
            for epoch, share in expected.items()
        )
        torch.testing.assert_close(value.double(), by_hand, rtol=1e-6, atol=1e-7)


def test_of_equal_checkpoints_the_earlier_stays(networks):
    recipe = TrainingParameters(averaging="best_checkpoints", best_checkpoints=2)
    average = fed(average_for(recipe), networks, [0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert average.shares() == {2: 0.5, 3: 0.5}


def test_hopeless_checkpoints_weigh_nothing(networks):
    recipe = TrainingParameters(averaging="best_checkpoints", checkpoint_temperature=1e-6)
    average = fed(average_for(recipe), networks, [900.0, 0.5, 800.0, 700, 700, 700, 700, 700])
    assert average.shares()[2] == 1.0
    for name, value in networks[1].named_parameters():
        torch.testing.assert_close(average.weights()[name], value.detach(), rtol=0, atol=0)


def test_weights_are_copies_and_return(networks):
    kept = weights_of(networks[0])
    put(networks[0], weights_of(networks[1]))
    for name, value in networks[0].named_parameters():
        assert torch.equal(value, dict(networks[1].named_parameters())[name])
        assert not torch.equal(value, kept[name])
    put(networks[0], kept)
    assert all(torch.equal(value, kept[name]) for name, value in networks[0].named_parameters())
