"""The three nodes on a made-up retailer whose probabilities are known."""

import copy
import logging

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import log_loss

from promo_kedro.datasets import ModelsDataset
from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.nodes import (
    ask_next_offers,
    predict_purchases,
    train_purchase_models,
)

from .retailer import GROUPS, Retailer, as_table

KEYS = ["customer_id", "item_id", "step"]


@pytest.fixture(scope="module")
def run(parameters, manifest):
    """Train, predict and ask once: a large, a small and a never-bought category."""
    frame = Retailer({"Bakery": 700, "Meat": 12, "Seafood": 200}).frame()
    frame.loc[(frame["category"] == "Seafood") & frame["purchased"].notna(), "purchased"] = 0.0
    table = as_table(frame)
    models, history = train_purchase_models(table, GROUPS, manifest, parameters, 11)
    return {
        "frame": frame,
        "table": table,
        "models": models,
        "history": history,
        "probabilities": predict_purchases(models, table, parameters),
        "response": ask_next_offers(models, table, parameters),
    }


def test_beats_prevalence_and_comes_near_the_truth(run):
    scored = run["probabilities"].query("category == 'Bakery' and split == 'test'")
    truth = scored.merge(run["frame"], on=[*KEYS, "category"])
    purchased = truth["purchased_x"]
    loss = log_loss(purchased, truth["raw_probability"])
    best = log_loss(purchased, expit(truth["true_logit"]))
    prevalence = log_loss(purchased, np.full(len(truth), purchased.mean()))
    assert (prevalence - loss) / (prevalence - best) > 0.7
    assert log_loss(purchased, truth["probability"]) < prevalence


def test_every_consumer_item_is_scored_once_per_step(run):
    table = run["probabilities"]
    expected = run["frame"].query("split != 'train'")
    assert not table.duplicated(KEYS).any()
    joined = table.merge(expected, on=[*KEYS, "category", "split"], suffixes=("", "_given"))
    assert len(joined) == len(table) == len(expected)
    pd.testing.assert_series_equal(
        joined["purchased"], joined["purchased_given"], check_names=False
    )
    assert table["probability"].between(0, 1, inclusive="neither").all()
    assert table.loc[table["split"] == "next", "purchased"].isna().all()


def test_response_rises_with_the_offer_as_planted(run):
    wide = run["response"].query("category == 'Bakery'")
    wide = wide.pivot(index=KEYS[:2], columns="offer_percent", values="probability")
    assert list(wide.columns) == [0, 10, 20, 30, 40]
    assert wide.shape[0] == 700
    slope = (logit(wide[40]) - logit(wide[0])).mean() / 40
    assert slope == pytest.approx(0.05, abs=0.02)
    assert (wide[40] > wide[0]).mean() > 0.95


def test_response_at_the_offer_given_is_the_prediction(run):
    given = run["frame"].query("split == 'next'")
    asked = run["response"].merge(given, on=[*KEYS[:2], "category", "offer_percent"])
    both = asked.merge(run["probabilities"], on=[*KEYS, "category"])
    assert len(both) > 300
    np.testing.assert_allclose(both["probability_x"], both["probability_y"], rtol=1e-5)


def test_small_and_never_bought_categories_are_served_by_the_pooled_model(run):
    served = run["probabilities"].groupby("category")["model"].unique().str[0].to_dict()
    assert served == {"Bakery": "category", "Meat": "pooled", "Seafood": "pooled"}
    assert set(run["models"]) == {"window=0/category=Bakery", "window=0/pooled"}
    seafood = run["probabilities"].query("category == 'Seafood'")["raw_probability"]
    bakery = run["probabilities"].query("category == 'Bakery'")["raw_probability"]
    assert seafood.mean() < bakery.mean() / 2  # the pooled model knows the category


def test_card_says_what_the_model_is(run):
    card = run["models"]["window=0/category=Bakery"]["card"]
    train = run["frame"].query("category == 'Bakery' and split == 'train'")
    assert card["raw_data_hash"] == "abc"
    assert (card["rows"], card["positives"]) == (len(train), train["purchased"].sum())
    assert card["vocabularies"]["brand"] == ["North", "South", "West"]
    assert card["calibration"]["source"] == "validation"
    assert card["scalers"]["habit"]["mean"] == pytest.approx(train["habit"].mean(), abs=1e-5)
    assert card["features"]["offer_inputs"] == ["offer_percent"]
    assert len(card["history"]) == len(run["history"].query("category == 'Bakery'"))


def test_saved_and_restored_models_answer_the_same(run, parameters, tmp_path):
    store = ModelsDataset(path=str(tmp_path / "purchase_models"))
    store.save(run["models"])
    again = predict_purchases(store.load(), run["table"], parameters)
    pd.testing.assert_frame_equal(again, run["probabilities"], check_exact=True)


def test_a_flipped_byte_is_refused(run, tmp_path):
    store = ModelsDataset(path=str(tmp_path / "purchase_models"))
    store.save(run["models"])
    weights = next((tmp_path / "purchase_models").rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(Exception, match="damaged"):
        store.load()


def test_card_and_weights_that_do_not_fit_are_refused(run, parameters):
    models = copy.deepcopy(run["models"])
    models["window=0/category=Bakery"]["card"]["architecture"]["channels"] = 13
    with pytest.raises(InputError, match="do not make a model"):
        predict_purchases(models, run["table"], parameters)


def test_same_seed_same_weights_other_seed_others(parameters, manifest):
    frame = Retailer({"Bakery": 60}).frame()
    reordered = frame.sample(frac=1, random_state=9)

    def weights(table, seed):
        models, _ = train_purchase_models(as_table(table), GROUPS, manifest, parameters, seed)
        return models["window=0/category=Bakery"]["tensors"]

    first, second, other = weights(frame, 1), weights(reordered, 1), weights(frame, 2)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["output.weight"], other["output.weight"])


def test_later_steps_change_nothing_in_training(parameters, manifest):
    frame = Retailer({"Bakery": 60}).frame()
    poisoned = frame.copy()
    later = poisoned["split"].isin(["test", "next"])
    poisoned.loc[later, ["habit", "noise", "offer_percent"]] = 1e6
    poisoned.loc[later, "quarter"] = 99
    poisoned.loc[poisoned["split"] == "test", "purchased"] = 1.0
    cards = [
        train_purchase_models(as_table(f), GROUPS, manifest, parameters, 1)[0][
            "window=0/category=Bakery"
        ]
        for f in (frame, poisoned)
    ]
    for name, weights in cards[0]["tensors"].items():
        np.testing.assert_array_equal(weights, cards[1]["tensors"][name])
    assert cards[0]["card"]["calibration"] == cards[1]["card"]["calibration"]
    assert cards[0]["card"]["vocabularies"] == cards[1]["card"]["vocabularies"]


def test_levels_never_met_are_counted_and_scored(run, parameters, caplog):
    frame = run["frame"].copy()
    some = (frame["customer_id"] == 1) & (frame["category"] == "Bakery")
    frame.loc[some, "brand"] = "Brand new"
    with caplog.at_level(logging.WARNING):
        scored = predict_purchases(run["models"], as_table(frame), parameters)
    assert scored["probability"].notna().all()
    assert "5 consumer-items have a brand that training never met" in caplog.text


def test_a_category_never_met_is_served_by_the_pooled_model(run, parameters):
    frame = Retailer({"Flowers": 10}).frame()
    scored = predict_purchases(run["models"], as_table(frame), parameters)
    assert (scored["model"] == "pooled").all()


@pytest.mark.parametrize("node", [predict_purchases, ask_next_offers])
def test_the_pooled_model_serves_silently_only_what_training_left_to_it(
    run, parameters, caplog, node
):
    serves = run["models"]["window=0/pooled"]["card"]["serves"]
    assert set(serves) == {"Meat", "Seafood"}
    with caplog.at_level(logging.WARNING):
        node(run["models"], run["table"], parameters)
    assert "never met" not in caplog.text
    frame = Retailer({"Flowers": 10, "Herbs": 10, "Meat": 12}).frame()
    with caplog.at_level(logging.WARNING):
        node(run["models"], as_table(frame), parameters)
    assert "training never met Flowers; Herbs, or its model is gone" in caplog.text


def test_one_line_per_reason_lists_the_categories(parameters, manifest, caplog):
    frame = Retailer({"Herbs": 6, "Meat": 6, "Salads": 6}).frame()
    with caplog.at_level(logging.WARNING):
        train_purchase_models(as_table(frame), GROUPS, manifest, parameters, 1)
    served = [line for line in caplog.messages if "the pooled model serves" in line]
    assert len(served) == 1
    assert "Herbs; Meat; Salads, because of fewer than 50 purchases" in served[0]


def test_without_signal_stays_at_prevalence(parameters, manifest):
    retailer = Retailer({"Bakery": 500}, habit=0, offer_slope=0)
    frame = retailer.frame()
    draw = np.random.default_rng(3).random(len(frame)) < 0.2
    frame["purchased"] = np.where(frame["split"] == "next", np.nan, draw)
    table = as_table(frame)
    models, _ = train_purchase_models(table, GROUPS, manifest, parameters, 1)
    scored = predict_purchases(models, table, parameters).query("split == 'test'")
    share = scored["purchased"].mean()
    prevalence = log_loss(scored["purchased"], np.full(len(scored), share))
    assert log_loss(scored["purchased"], scored["raw_probability"]) > prevalence - 0.005
    assert scored["probability"].mean() == pytest.approx(0.2, abs=0.05)


def test_one_class_in_validation_falls_back(parameters, manifest, caplog):
    frame = Retailer({"Bakery": 60}).frame()
    frame.loc[frame["split"] == "validation", "purchased"] = 0.0
    table = as_table(frame)
    with caplog.at_level(logging.WARNING):
        models, _ = train_purchase_models(table, GROUPS, manifest, parameters, 1)
    scored = predict_purchases(models, table, parameters)
    assert (scored["model"] == "pooled").all()
    np.testing.assert_allclose(scored["probability"], scored["raw_probability"])
    calibration = models["window=0/pooled"]["card"]["calibration"]
    assert calibration["source"] == "identity"
    assert "0 purchases" in calibration["reason"]
    assert "only one class" in caplog.text
    assert "stay uncalibrated" in caplog.text


def test_every_window_has_its_models(parameters, manifest):
    table = as_table(Retailer({"Bakery": 60}, windows=2).frame())
    models, history = train_purchase_models(table, GROUPS, manifest, parameters, 1)
    assert {name.split("/")[0] for name in models} == {"window=0", "window=1"}
    assert set(history["window"]) == {0, 1}
    scored = predict_purchases(models, table, parameters)
    splits = scored.groupby("window")["split"].unique().map(set).to_dict()
    assert splits == {0: {"validation", "test", "next"}, 1: {"validation", "test"}}


def test_nothing_bought_at_all(parameters, manifest):
    frame = Retailer({"Bakery": 30}).frame()
    frame.loc[frame["purchased"].notna(), "purchased"] = 0.0
    with pytest.raises(InputError, match="no purchase in any training step"):
        train_purchase_models(as_table(frame), GROUPS, manifest, parameters, 1)


def test_asking_without_a_next_step(run, parameters):
    table = as_table(run["frame"].query("split != 'next'"))
    with pytest.raises(InputError, match="without the step `next`"):
        ask_next_offers(run["models"], table, parameters)


def test_a_window_never_trained(run, parameters):
    table = as_table(Retailer({"Bakery": 10}, windows=2).frame().query("window == 1"))
    with pytest.raises(InputError, match="no model for window 1"):
        predict_purchases(run["models"], table, parameters)
