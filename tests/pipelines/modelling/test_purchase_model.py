"""A model of several members: how they answer together, and how they are kept."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit, logit

from promo_kedro.datasets import ModelsDataset
from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.nodes import ask_next_offers, predict_purchases
from promo_kedro.pipelines.modelling.purchase_model import from_saved, key, model_for, to_saved
from promo_kedro.pipelines.modelling.reading import read_consumer_items

KEYS = ["customer_id", "item_id", "step", "category"]
POOLED_MEMBERS = {"ours", "paper", "lightgbm"}
MEMBERS = POOLED_MEMBERS | {"lightgbm_pooled"}


@pytest.fixture(scope="module")
def bakery(ensemble):
    return model_for(ensemble.models, 0, "Bakery")


def test_every_recipe_and_the_trees_are_members(ensemble, bakery):
    for name, members in ((key(0), POOLED_MEMBERS), (key(0, "Bakery"), MEMBERS)):
        card, tensors = ensemble.models[name]["card"], ensemble.models[name]["tensors"]
        assert set(card["architectures"]) == set(card["recipes"]) == {"ours", "paper"}
        assert set(card["stack"]["weights"]) == members
        kept = {tensor.removeprefix("trees/").split("/")[0] for tensor in tensors}
        assert kept == members
    assert card["architectures"]["paper"]["name"] == "figure1"
    assert set(ensemble.history["recipe"]) == {"ours", "paper"}
    weights = bakery.stack.weights.values()
    assert min(weights) >= 0
    assert 0.3 < sum(weights) < 3
    assert len(bakery.stack.scores) == len(MEMBERS) + 2  # and their average, and fitted weights


def test_the_pooled_trees_of_a_category_are_those_of_the_pooled_model(ensemble):
    pooled, bakery = (ensemble.models[name]["tensors"] for name in (key(0), key(0, "Bakery")))
    lent, own = bakery["trees/lightgbm_pooled"], bakery["trees/lightgbm"]
    np.testing.assert_array_equal(lent, pooled["trees/lightgbm"])
    assert not np.array_equal(lent, own)


def test_the_stack_is_its_members_asked_one_by_one(ensemble, bakery):
    """Whole sequences through each network, instead of the few steps that prediction reads."""
    items = read_consumer_items(ensemble.table, bakery.groups, 0, "Bakery")
    inputs = bakery.inputs(items)
    with torch.inference_mode():
        answers = {
            name: member.network(inputs).double().numpy()[:, -3:]
            for name, member in bakery.networks.items()
        }
    answers |= {name: trees.logits(inputs, 3) for name, trees in bakery.trees.items()}
    stacked = bakery.stack.intercept + sum(
        weight * answers[name] for name, weight in bakery.stack.weights.items() if weight
    )
    scored = ensemble.probabilities.query("category == 'Bakery'").sort_values(KEYS)
    np.testing.assert_allclose(scored["raw_probability"], expit(stacked.ravel()), rtol=1e-4)


def test_it_beats_prevalence_and_comes_near_the_truth(ensemble):
    scored = ensemble.probabilities.query("split == 'test'").merge(ensemble.frame, on=KEYS)
    truth = expit(scored["true_logit"])

    def loss(answer):
        return -(truth * np.log(answer) + (1 - truth) * np.log(1 - answer)).mean()

    best, plain = loss(truth), loss(truth.mean())
    assert (plain - loss(scored["probability"])) / (plain - best) > 0.8


def test_response_at_the_offer_given_is_the_prediction(ensemble):
    given = ensemble.frame.query("split == 'next'")
    asked = ensemble.response.merge(
        given, on=["customer_id", "item_id", "category", "offer_percent"]
    )
    both = asked.merge(ensemble.probabilities, on=KEYS)
    assert len(both) > 300
    assert set(both["category"]) == {"Bakery", "Meat"}
    np.testing.assert_allclose(both["probability_x"], both["probability_y"], rtol=1e-5)


def test_the_response_rises_as_planted(ensemble):
    wide = ensemble.response.query("category == 'Bakery'").pivot(
        index=["customer_id", "item_id"], columns="offer_percent", values="probability"
    )
    slope = (logit(wide[40]) - logit(wide[0])).mean() / 40
    assert slope == pytest.approx(0.05, abs=0.025)


def test_saved_and_restored_models_answer_the_same_bit_for_bit(ensemble, tmp_path):
    store = ModelsDataset(path=str(tmp_path / "purchase_models"))
    store.save(ensemble.models)
    models = store.load()
    again = predict_purchases(models, ensemble.table, ensemble.parameters)
    pd.testing.assert_frame_equal(again, ensemble.probabilities, check_exact=True)
    response = ask_next_offers(models, ensemble.table, ensemble.parameters)
    pd.testing.assert_frame_equal(response, ensemble.response, check_exact=True)


def test_a_model_restored_and_saved_again_is_the_same(ensemble):
    saved = ensemble.models[key(0, "Bakery")]
    again = to_saved(from_saved(saved, "Bakery"))
    assert again["card"] == saved["card"]
    assert again["tensors"].keys() == saved["tensors"].keys()
    for name, values in saved["tensors"].items():
        np.testing.assert_array_equal(again["tensors"][name], values)


@pytest.mark.parametrize("missing", ["stack", "calibration", "architectures", "features"])
def test_a_card_without_an_entry_is_refused(ensemble, missing):
    saved = copy.deepcopy(ensemble.models[key(0, "Bakery")])
    del saved["card"][missing]
    with pytest.raises(InputError, match=f"Bakery: card and weights do not make .*{missing}"):
        from_saved(saved, "Bakery")


def test_weights_of_a_member_that_is_gone_are_missed(ensemble):
    saved = copy.deepcopy(ensemble.models[key(0, "Bakery")])
    saved["tensors"] = {
        name: values for name, values in saved["tensors"].items() if not name.startswith("paper/")
    }
    with pytest.raises(InputError, match="do not make a model"):
        from_saved(saved, "Bakery")


def test_a_member_without_weight_is_not_asked(ensemble, bakery, monkeypatch):
    items = read_consumer_items(ensemble.table, bakery.groups, 0, "Bakery")
    stack = type(bakery.stack)({"ours": 1.0, "paper": 0.0, "lightgbm": 0.0})
    alone = type(bakery)(**{**vars(bakery), "stack": stack})
    inputs, compute = bakery.inputs(items), ensemble.parameters.compute
    monkeypatch.setattr(bakery.networks["paper"].network, "forward", None)
    monkeypatch.setattr(type(bakery.trees["lightgbm"]), "logits", None)
    expected = bakery.networks["ours"].logits(inputs, 1, compute)
    np.testing.assert_array_equal(alone.logits(inputs, 1, compute), expected)
