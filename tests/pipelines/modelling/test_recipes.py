"""One recipe on one set of consumer-items: how it starts."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from promo_kedro.pipelines.modelling.encoding import encode
from promo_kedro.pipelines.modelling.fitting import fit_model
from promo_kedro.pipelines.modelling.parameters import TrainingParameters
from promo_kedro.pipelines.modelling.recipes import Common, _gently, lesson_of, untrained
from promo_kedro.pipelines.modelling.scaling import Scaler
from promo_kedro.pipelines.modelling.survey import survey
from promo_kedro.pipelines.modelling.tensors import FeatureGroups
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary

from .retailer import GROUPS, Kept, Retailer, as_table, changed


@pytest.fixture(scope="module")
def found(quick):
    frame = Retailer({"Bakery": 80}).frame()
    return survey(as_table(frame), FeatureGroups.from_json(GROUPS), 0, ["Bakery"], quick, 1)


def test_every_recipe_has_the_scales_of_the_training_steps_taken_once(quick, found, monkeypatch):
    items, taken = replace(found.sample), []
    fit = Scaler.fit
    monkeypatch.setattr(Scaler, "fit", lambda *given: taken.append(1) or fit(*given))
    inputs = encode(items, found.groups, found.vocabularies)
    networks = []
    for name in ("ours", "figure1"):
        recipe = changed(quick, network={"architecture": name}).recipe("ours")
        lesson = lesson_of(name, items, inputs, recipe, quick)
        networks.append(untrained(recipe, found.groups, found.vocabularies, lesson, items))
    assert len(taken) == 2
    training = items.temporal_continuous[:, :12].astype(np.float64)
    for network in networks:
        scale = network.temporal_scale
        torch.testing.assert_close(
            scale.mean, torch.from_numpy(training.mean((0, 1))).to(scale.mean.dtype)
        )
        still = items.static_continuous.astype(np.float64).mean(0)
        mean = network.static_scale.mean
        torch.testing.assert_close(mean, torch.from_numpy(still).to(mean.dtype))


def test_scales_are_those_of_the_consumer_items_taken(found):
    few = found.sample.take(np.arange(5))
    assert found.sample.scalers is found.sample.scalers
    np.testing.assert_allclose(few.scalers[0].mean, few.static_continuous.mean(0), rtol=1e-6)


@pytest.mark.parametrize(("lowest", "expected"), [(1e-6, (0.0006, 0.003)), (0.002, (0.002, 0.003))])
def test_weights_that_know_much_are_changed_gently(lowest, expected):
    training = TrainingParameters(
        learning_rate=0.003,
        swa_learning_rate=0.015,
        fine_tuning_rate=0.2,
        min_learning_rate=lowest,
    )
    gentle = _gently(training)
    assert (gentle.learning_rate, gentle.swa_learning_rate) == pytest.approx(expected)
    assert gentle.start == "pooled"


@pytest.mark.parametrize("start", ["pooled", "scratch"])
def test_why_a_network_starts_anew_is_told(quick, found, caplog, start):
    parameters = changed(quick, training={"start": start})
    common = Common(0, found.groups, found.vocabularies, parameters, 1, Kept(), {})
    pooled = fit_model("pooled", found.sample, common)
    fitting = replace(common, earlier={"category=Bakery": pooled})
    with caplog.at_level(logging.INFO):
        fit_model("Bakery", found.sample, fitting, "Bakery", pooled)
    assert "starts from" not in caplog.text
    wider = replace(
        common,
        vocabularies={**found.vocabularies, "brand": Vocabulary(tuple("ABCDEFGH"))},
    )
    before = {"category=Bakery": fit_model("before", found.sample, wider)}
    with caplog.at_level(logging.INFO):
        fit_model("Bakery", found.sample, replace(common, earlier=before), "Bakery", pooled)
    told = [record.message for record in caplog.records if "starts from" in record.message]
    place = "the pooled network" if start == "pooled" else "scratch"
    assert told == [
        f"Bakery: starts from {place}, because the embedding of brand has another size than in "
        "the window before"
    ]
