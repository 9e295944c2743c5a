"""Training, prediction and questions on a made-up retailer whose probabilities are known."""

import copy
import json
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
    measure_importance,
    predict_purchases,
)
from promo_kedro.schemas import FeatureImportance, PurchaseProbabilities, TrainingHistory

from .retailer import GROUPS, Retailer, as_table, changed, same_tensors, train

KEYS = ["customer_id", "item_id", "step"]
ROLES = ("deciders", "calibrators")


def test_beats_prevalence_and_comes_near_the_truth(run):
    scored = run.probabilities.query("category == 'Bakery' and split == 'test'")
    truth = scored.merge(run.frame, on=[*KEYS, "category"])
    purchased = truth["purchased_x"]
    loss = log_loss(purchased, truth["raw_probability"])
    best = log_loss(purchased, expit(truth["true_logit"]))
    prevalence = log_loss(purchased, np.full(len(truth), purchased.mean()))
    assert (prevalence - loss) / (prevalence - best) > 0.7
    assert log_loss(purchased, truth["probability"]) < prevalence


def test_every_consumer_item_is_scored_once_per_step(run):
    table = run.probabilities
    PurchaseProbabilities.validate(table)
    expected = run.frame.query("split != 'train'")
    assert not table.duplicated(KEYS).any()
    joined = table.merge(expected, on=[*KEYS, "category", "split"], suffixes=("", "_given"))
    assert len(joined) == len(table) == len(expected)
    pd.testing.assert_series_equal(
        joined["purchased"], joined["purchased_given"], check_names=False
    )
    assert table["probability"].between(0, 1, inclusive="neither").all()
    assert table.loc[table["split"] == "next", "purchased"].isna().all()


def test_response_rises_with_the_offer_as_planted(run):
    wide = run.response.query("category == 'Bakery'")
    wide = wide.pivot(index=KEYS[:2], columns="offer_percent", values="probability")
    assert list(wide.columns) == [0, 10, 20, 30, 40]
    assert wide.shape[0] == 700
    slope = (logit(wide[40]) - logit(wide[0])).mean() / 40
    assert slope == pytest.approx(0.05, abs=0.02)
    assert (wide[40] > wide[0]).mean() > 0.95


def test_response_at_the_offer_given_is_the_prediction(run):
    given = run.frame.query("split == 'next'")
    asked = run.response.merge(given, on=[*KEYS[:2], "category", "offer_percent"])
    both = asked.merge(run.probabilities, on=[*KEYS, "category"])
    assert len(both) > 300
    np.testing.assert_allclose(both["probability_x"], both["probability_y"], rtol=1e-5)


def test_small_and_never_bought_categories_are_served_by_the_pooled_model(run):
    served = run.probabilities.groupby("category")["model"].unique().str[0].to_dict()
    assert served == {"Bakery": "category", "Meat": "pooled", "Seafood": "pooled"}
    assert set(run.models) == {"window=0/category=Bakery", "window=0/pooled"}


def test_the_pooled_model_knows_the_category(quick):
    frame = Retailer({"Bakery": 250, "Seafood": 250}).frame()
    frame.loc[(frame["category"] == "Seafood") & frame["purchased"].notna(), "purchased"] = 0.0
    parameters = changed(quick, training={"mask_before_first_purchase": False, "max_epochs": 3})
    scored = predict_purchases(train(frame, parameters)[0], as_table(frame), parameters)
    means = scored.groupby(["category", "model"])["raw_probability"].mean()
    assert means["Seafood", "pooled"] < means["Bakery", "category"] / 2


def test_card_says_what_the_model_is(run):
    card = run.models["window=0/category=Bakery"]["card"]
    bakery = run.frame.query("category == 'Bakery'").sort_values(KEYS)
    past = bakery.query("split == 'train'")
    assert card["raw_data_hash"] == "abc"
    assert (card["consumer_items"], card["cells"]) == (700, len(past))
    assert card["positives"] == past["purchased"].sum()
    earlier = past.groupby(KEYS[:2])["purchased"].cumsum() - past["purchased"]
    assert card["cells_that_count"] == (earlier > 0).sum()
    decided, calibrated = (card[f"{who}_validation_positives"] for who in ROLES)
    assert decided + calibrated == bakery.query("split == 'validation'")["purchased"].sum()
    assert min(decided, calibrated) > 0
    assert card["vocabularies"]["brand"] == ["North", "South", "West"]
    assert card["architectures"]["ours"]["offers"] == [1]
    assert card["stack"]["weights"] == {"ours": 1.0}
    assert set(card["calibration"]["scores"]) == {"identity", "platt", "beta"}
    scale = card["scalers"]["ours"]["habit"]
    assert scale["mean"] == pytest.approx(past["habit"].mean(), abs=1e-5)
    assert scale["scale"] == pytest.approx(past["habit"].std(ddof=0), abs=1e-5)
    assert card["features"]["offer_inputs"] == ["offer_percent"]
    assert card["recipes"]["ours"]["training"]["learning_rate"] == 5e-3
    assert card["parameters"] == run.parameters.model_dump(mode="json")
    json.dumps(card, allow_nan=False)


def test_history_has_every_epoch_of_every_model(run):
    TrainingHistory.validate(run.history)
    for category, name in (("Bakery", "category=Bakery"), ("pooled", "pooled")):
        part = run.history[run.history["category"] == category]
        told = run.models[f"window=0/{name}"]["card"]["history"]["ours"]
        assert part["epoch"].tolist() == list(range(1, len(told) + 1))
        assert part["validation_loss"].tolist() == [one["validation_loss"] for one in told]
        assert part["weight"].sum() == pytest.approx(1)
        assert part["epoch"][part["weight"].idxmax()] == 1 + np.argmin(part["validation_loss"])


def test_saved_and_restored_models_answer_the_same(run, parameters, tmp_path):
    store = ModelsDataset(path=str(tmp_path / "purchase_models"))
    store.save(run.models)
    again = predict_purchases(store.load(), run.table, parameters)
    pd.testing.assert_frame_equal(again, run.probabilities, check_exact=True)


def test_a_flipped_byte_is_refused(run, tmp_path):
    store = ModelsDataset(path=str(tmp_path / "purchase_models"))
    store.save(run.models)
    weights = next((tmp_path / "purchase_models").rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(Exception, match="damaged"):
        store.load()


def test_card_and_weights_that_do_not_fit_are_refused(run, parameters):
    models = copy.deepcopy(run.models)
    models["window=0/category=Bakery"]["card"]["architectures"]["ours"]["channels"] = 13
    with pytest.raises(InputError, match="do not make a model"):
        predict_purchases(models, run.table, parameters)


def test_same_seed_same_weights_other_seed_others(quick):
    frame = Retailer({"Bakery": 100}).frame()
    reordered = frame.sample(frac=1, random_state=9)
    first, second, other = (
        train(table, quick, seed)[0]["window=0/category=Bakery"]
        for table, seed in ((frame, 1), (reordered, 1), (frame, 2))
    )
    assert same_tensors(first, second)
    assert not same_tensors(first, other)


def test_levels_never_met_are_counted_and_scored(run, parameters, caplog):
    frame = run.frame.copy()
    some = (frame["customer_id"] == 1) & (frame["category"] == "Bakery")
    frame.loc[some, "brand"] = "Brand new"
    with caplog.at_level(logging.WARNING):
        scored = predict_purchases(run.models, as_table(frame), parameters)
    assert scored["probability"].notna().all()
    assert "5 consumer-items have a brand that training never met" in caplog.text


def test_a_category_never_met_is_served_by_the_pooled_model(run, parameters):
    frame = Retailer({"Flowers": 10}).frame()
    scored = predict_purchases(run.models, as_table(frame), parameters)
    assert (scored["model"] == "pooled").all()


@pytest.mark.parametrize("node", [predict_purchases, ask_next_offers])
def test_the_pooled_model_serves_silently_only_what_training_left_to_it(
    run, parameters, caplog, node
):
    serves = run.models["window=0/pooled"]["card"]["serves"]
    assert set(serves) == {"Meat", "Seafood"}
    with caplog.at_level(logging.WARNING):
        node(run.models, run.table, parameters)
    assert "never met" not in caplog.text
    frame = Retailer({"Flowers": 10, "Herbs": 10, "Meat": 12}).frame()
    with caplog.at_level(logging.WARNING):
        node(run.models, as_table(frame), parameters)
    assert "training never met Flowers; Herbs, or its model is gone" in caplog.text


def test_one_line_per_reason_lists_the_categories(quick, caplog):
    frame = Retailer({"Herbs": 6, "Meat": 6, "Salads": 6}).frame()
    with caplog.at_level(logging.WARNING):
        train(frame, quick)
    served = [line for line in caplog.messages if "the pooled model serves" in line]
    assert len(served) == 1
    assert "Herbs; Meat; Salads, because of fewer than 50 purchases" in served[0]


def test_without_signal_stays_at_prevalence(quick):
    frame = Retailer({"Bakery": 500}, habit=0, offer_slope=0).frame()
    draw = np.random.default_rng(3).random(len(frame)) < 0.2
    frame["purchased"] = np.where(frame["split"] == "next", np.nan, draw)
    table = as_table(frame)
    models, _ = train(frame, quick)
    scored = predict_purchases(models, table, quick).query("split == 'test'")
    share = scored["purchased"].mean()
    prevalence = log_loss(scored["purchased"], np.full(len(scored), share))
    assert log_loss(scored["purchased"], scored["raw_probability"]) > prevalence - 0.005
    assert scored["probability"].mean() == pytest.approx(0.2, abs=0.05)


def test_one_class_in_validation_falls_back(quick, caplog):
    frame = Retailer({"Bakery": 60}).frame()
    frame.loc[frame["split"] == "validation", "purchased"] = 0.0
    table = as_table(frame)
    with caplog.at_level(logging.INFO):
        models, _ = train(frame, quick)
    scored = predict_purchases(models, table, quick)
    assert (scored["model"] == "pooled").all()
    np.testing.assert_allclose(scored["probability"], scored["raw_probability"])
    calibration = models["window=0/pooled"]["card"]["calibration"]
    assert calibration["chosen"]["kind"] == calibration["smooth"]["kind"] == "identity"
    assert "calibration: identity: 0 purchases in" in caplog.text
    assert "only one class" in caplog.text


def test_every_window_has_its_models(quick):
    frame = Retailer({"Bakery": 100}, windows=2).frame()
    table = as_table(frame)
    models, history = train(frame, quick)
    assert {name.split("/")[0] for name in models} == {"window=0", "window=1"}
    assert set(history["window"]) == {0, 1}
    scored = predict_purchases(models, table, quick)
    splits = scored.groupby("window")["split"].unique().map(set).to_dict()
    assert splits == {0: {"validation", "test", "next"}, 1: {"validation", "test"}}


def test_nothing_bought_at_all(quick):
    frame = Retailer({"Bakery": 30}).frame()
    frame.loc[frame["purchased"].notna(), "purchased"] = 0.0
    with pytest.raises(InputError, match="no purchase in any training step"):
        train(frame, quick)


def test_asking_without_a_next_step(run, parameters):
    table = as_table(run.frame.query("split != 'next'"))
    with pytest.raises(InputError, match="without the step `next`"):
        ask_next_offers(run.models, table, parameters)


def test_a_window_never_trained(run, parameters):
    table = as_table(Retailer({"Bakery": 10}, windows=2).frame().query("window == 1"))
    with pytest.raises(InputError, match="no model for window 1"):
        predict_purchases(run.models, table, parameters)


def test_importance_follows_what_was_planted(run):
    """Habit moves the planted logit most, then the offer; noise and the date do not move it."""
    found = measure_importance(run.models, run.table, GROUPS, run.parameters, 7)
    FeatureImportance.validate(found)
    assert set(found["category"]) == {"Bakery", "Meat", "Seafood"}
    bakery = found.query("category == 'Bakery'").set_index("group")
    assert bakery["features"].to_dict() == {
        "item": 2,
        "calendar": 1,
        "consumer": 1,
        "habit": 1,
        "offer": 1,
        "noise": 1,
    }
    assert bakery["increase"].idxmax() == "habit"
    assert bakery["increase"]["habit"] > 0.05
    assert bakery["increase"]["habit"] > bakery["increase"]["offer"] > 0.01
    assert abs(bakery["increase"]["noise"]) < 0.01
    assert bakery["increase"]["calendar"] == pytest.approx(0, abs=1e-9)
    test = run.probabilities.query("category == 'Bakery' and split == 'test'")
    expected = log_loss(test["purchased"], test["probability"])
    np.testing.assert_allclose(bakery["log_loss"], expected, rtol=1e-5)
    fewer = run.parameters.model_copy(
        update={
            "importance": run.parameters.importance.model_copy(update={"max_consumer_items": 50})
        }
    )
    again = measure_importance(run.models, run.table, GROUPS, fewer, 7)
    assert again.query("category == 'Bakery'")["log_loss"].iloc[0] != bakery["log_loss"].iloc[0]


def test_importance_names_a_feature_without_a_family(run):
    families = {name: of for name, of in GROUPS["families"].items() if name != "habit"}
    with pytest.raises(InputError, match="habit"):
        measure_importance(
            run.models, run.table, {**GROUPS, "families": families}, run.parameters, 7
        )
