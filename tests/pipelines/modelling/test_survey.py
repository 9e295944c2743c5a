"""A first look at a window's categories."""

import gc
import weakref

import numpy as np
import pytest

from promo_kedro.pipelines.modelling.roles import are_calibrators
from promo_kedro.pipelines.modelling.survey import survey
from promo_kedro.pipelines.modelling.tensors import FeatureGroups

from .retailer import GROUPS, Retailer, as_table, changed

CATEGORIES = {"Bakery": 300, "Meat": 100}


def surveyed(frame, parameters, seed=1, **changes):
    groups = FeatureGroups.from_json(GROUPS)
    categories = sorted(frame["category"].unique())
    return survey(as_table(frame), groups, 0, categories, changed(parameters, **changes), seed)


@pytest.fixture(scope="module")
def frame():
    return Retailer(CATEGORIES).frame()


def pairs(items):
    return list(zip(items.category, items.customer_id, items.item_id, strict=True))


def test_the_sample_is_half_even_and_half_by_size(frame, parameters):
    found = surveyed(frame, parameters, pooled={"max_consumer_items": 200})
    # 200 · (0.5 / 2 + 0.5 · 300 / 400) and 200 · (0.5 / 2 + 0.5 · 100 / 400)
    counts = {name: int((found.sample.category == name).sum()) for name in CATEGORIES}
    assert counts == {"Bakery": 125, "Meat": 75}
    drawn = pairs(found.sample)
    given = frame[["category", "customer_id", "item_id"]].itertuples(index=False, name=None)
    assert len(set(drawn)) == 200
    assert set(drawn) <= set(given)


def test_the_seed_draws_the_sample(frame, parameters):
    one, same, other = (
        pairs(surveyed(frame, parameters, seed, pooled={"max_consumer_items": 200}).sample)
        for seed in (1, 1, 2)
    )
    assert one == same != other


def test_a_large_enough_sample_is_everyone(frame, parameters):
    found = surveyed(frame, parameters, pooled={"max_consumer_items": 10_000})
    assert len(found.sample) == 400


def test_levels_are_those_of_all_categories_whoever_is_drawn(frame, parameters):
    frame = frame.copy()
    meat = frame["category"] == "Meat"
    frame.loc[meat & (frame["customer_id"] == 3), "brand"] = "Rare"
    frame.loc[frame["split"] == "test", "quarter"] = 77
    found = surveyed(frame, parameters, pooled={"max_consumer_items": 2})
    levels = {name: list(vocabulary.levels) for name, vocabulary in found.vocabularies.items()}
    assert levels == {
        "brand": ["North", "Rare", "South", "West"],
        "quarter": ["1", "2"],
        "category": ["Bakery", "Meat"],
    }


def test_the_category_is_a_feature_once(frame, parameters):
    found = surveyed(frame, parameters)
    assert found.groups.static_categorical == ["brand", "category"]
    named = FeatureGroups.from_json({**GROUPS, "static_categorical": ["category", "brand"]})
    again = survey(as_table(frame), named, 0, list(CATEGORIES), parameters, 1)
    assert again.groups.static_categorical == ["category", "brand"]


def test_why_a_category_is_left_to_the_pooled_model(parameters):
    names = ["Always", "Fine", "Rare", "Undecided", "Uncalibrated"]
    frame = Retailer(dict.fromkeys(names, 200)).frame()
    past, validation = frame["split"] == "train", frame["split"] == "validation"
    calibrates = are_calibrators(frame["customer_id"].to_numpy(), 0.5)
    never = past & (frame["category"] == "Rare") & (frame["customer_id"] > 2)
    frame.loc[never, "purchased"] = 0.0
    frame.loc[past & (frame["category"] == "Always"), "purchased"] = 1.0
    undecided = validation & (frame["category"] == "Undecided") & ~calibrates
    frame.loc[undecided, "purchased"] = 0.0
    uncalibrated = validation & (frame["category"] == "Uncalibrated") & calibrates
    frame.loc[uncalibrated, "purchased"] = 0.0
    found = surveyed(frame, parameters)
    assert found.serves == {
        "Always": "every cell that counts in the training steps is a purchase",
        "Rare": "fewer than 50 purchases that count in the training steps",
        "Undecided": "only one class in the validation step, so training could not tell when to "
        "stop",
    }
    assert set(found.kept) == {"Fine", "Uncalibrated"}


def test_arrays_are_held_as_far_as_memory_allows(parameters):
    frame = Retailer({"Bakery": 100, "Cheese": 100, "Meat": 100}).frame()
    # One category: 100 consumer-items, 15 steps, 3 numbers and 1 code of 4 bytes.
    one = 100 * 15 * 4 * 4 / 1e9
    for categories, memory_gb in ((1, 1.9 * one), (2, 2.1 * one), (3, 3.0 * one)):
        found = surveyed(frame, parameters, compute={"memory_gb": memory_gb})
        assert list(found.kept) == ["Bakery", "Cheese", "Meat"][:categories]
        assert not any(items.on_disk for items in found.kept.values())
    on_disk = surveyed(frame, parameters, compute={"memory_gb": 1e-9})
    assert not on_disk.sample.on_disk
    np.testing.assert_array_equal(
        on_disk.sample.temporal_continuous, found.sample.temporal_continuous
    )


def test_purchases_that_the_mask_removes_do_not_count(parameters):
    frame = Retailer(dict.fromkeys(["Ever since", "Fine", "Once"], 100)).frame()
    past, pair = frame["split"] == "train", frame["customer_id"] * 100 + frame["item_id"]
    once, ever = (past & (frame["category"] == name) for name in ("Once", "Ever since"))
    frame.loc[once, "purchased"] = (frame["step"] == pair % 11)[once].astype(float)
    frame.loc[ever, "purchased"] = (frame["step"] >= pair % 11)[ever].astype(float)
    found = surveyed(frame, parameters, training={"mask_before_first_purchase": True})
    assert found.serves == {
        "Ever since": "every cell that counts in the training steps is a purchase",
        "Once": "fewer than 50 purchases that count in the training steps",
    }
    unmasked = surveyed(frame, parameters, training={"mask_before_first_purchase": False})
    assert unmasked.serves == {}


def test_a_sample_handed_over_is_held_no_longer(frame, parameters):
    found = surveyed(frame, parameters)
    sample = found.hand_over_sample()
    assert len(sample) == 400
    numbers = weakref.ref(sample.temporal_continuous)
    del sample
    gc.collect()
    assert numbers() is None


def test_parameters_of_a_category_that_does_not_exist(parameters, caplog):
    frame = Retailer({"Bakery": 30, "Meat": 30}, windows=3).frame()
    frame = frame[(frame["category"] == "Bakery") | (frame["window"] == 1)]
    only = {"training": {"max_epochs": 1}}
    misspelt = changed(parameters, by_category={"Bakery": only, "Meat": only, "Bakerey": only})
    for window in (2, 1, 0):
        groups = FeatureGroups.from_json(GROUPS)
        survey(as_table(frame), groups, window, ["Bakery"], misspelt, 1)
    told = [record.message for record in caplog.records if "by_category" in record.message]
    assert told == [
        "modelling.by_category names 'Bakerey', which features does not hold; it holds "
        "'Bakery', 'Meat'"
    ]
