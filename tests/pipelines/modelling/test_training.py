"""Training one network: its losses, its stopping, and what it leaves behind."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.fitting import draw
from promo_kedro.pipelines.modelling.network import PurchaseNetwork
from promo_kedro.pipelines.modelling.parameters import TrainingParameters
from promo_kedro.pipelines.modelling.purchase_model import encode
from promo_kedro.pipelines.modelling.tensors import FeatureGroups, read_consumer_items
from promo_kedro.pipelines.modelling.training import (
    Lesson,
    batch_size_for,
    fabric_for,
    fit_network,
    reproducible,
)
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary

from .retailer import GROUPS, Retailer, as_table


@pytest.fixture
def lesson_and_network(parameters):
    groups = FeatureGroups.from_json(GROUPS)
    items = read_consumer_items(as_table(Retailer({"Bakery": 80}).frame()), groups, 0, "Bakery")
    every = {**items.static_categorical, **items.temporal_categorical}
    vocabularies = {name: Vocabulary.fit(f, np.arange(12)) for name, f in every.items()}
    torch.manual_seed(0)
    architecture = draw(groups, vocabularies, parameters.network)
    network = PurchaseNetwork(architecture)
    lesson = Lesson(
        name="Bakery",
        inputs=encode(items, groups, vocabularies).steps(0, 13),
        purchased=torch.from_numpy(items.purchased[:, :13]),
        training_steps=12,
        validation_step=12,
        history=architecture.receptive_field,
    )
    return lesson, network


def test_losses_are_scikit_learns(lesson_and_network, parameters):
    lesson, network = lesson_and_network
    still = TrainingParameters(batch_size=7, max_epochs=1, learning_rate=1e-12)
    with torch.inference_mode():
        chance = torch.sigmoid(network(lesson.inputs)).numpy().astype(float)
    history = fit_network(network, lesson, still, parameters.compute)
    target = lesson.purchased.numpy()
    expected = log_loss(target[:, :12].ravel(), chance[:, :12].ravel())
    assert history[0]["train_loss"] == pytest.approx(expected, rel=1e-5)
    expected = log_loss(target[:, 12], chance[:, 12])
    assert history[0]["validation_loss"] == pytest.approx(expected, rel=1e-5)


def test_best_weights_are_kept_and_training_stops(lesson_and_network, parameters):
    lesson, network = lesson_and_network
    eager = TrainingParameters(
        batch_size=8, max_epochs=60, learning_rate=0.02, plateau_factor=0.9, stop_patience=3
    )
    history = fit_network(network, lesson, eager, parameters.compute)
    losses = [epoch["validation_loss"] for epoch in history]
    assert len(losses) < 60
    assert int(np.argmin(losses)) == len(losses) - 4
    with torch.inference_mode():
        chance = torch.sigmoid(network(lesson.inputs))[:, 12].numpy().astype(float)
    assert log_loss(lesson.purchased[:, 12], chance) == pytest.approx(min(losses), rel=1e-5)
    rates = [epoch["learning_rate"] for epoch in history]
    assert rates[0] == 0.02
    assert rates[-1] < rates[0]


def test_one_class_in_validation_trains_a_few_epochs(lesson_and_network, parameters):
    lesson, network = lesson_and_network
    purchased = lesson.purchased.clone()
    purchased[:, 12] = 0
    history = fit_network(
        network, replace(lesson, purchased=purchased), parameters.training, parameters.compute
    )
    assert len(history) == parameters.training.stop_patience


def test_a_diverging_loss_is_an_error(lesson_and_network, parameters):
    lesson, network = lesson_and_network
    wild = TrainingParameters(batch_size=8, max_epochs=5, learning_rate=1e30)
    with pytest.raises(InputError, match="not finite any more"):
        fit_network(network, lesson, wild, parameters.compute)


def test_global_state_of_torch_is_left_alone(parameters):
    torch.manual_seed(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with reproducible(1, parameters.compute):
        first = torch.rand(3)
    with reproducible(1, parameters.compute):
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


def test_cpu_where_asked(parameters):
    assert fabric_for(parameters.compute).device.type == "cpu"
