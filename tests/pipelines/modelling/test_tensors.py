"""Reading ``features``: order, shapes, groups, and what is refused."""

import numpy as np
import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling import tensors
from promo_kedro.pipelines.modelling.tensors import (
    FeatureGroups,
    pool,
    read_consumer_items,
    windows_and_categories,
    with_category,
)

from .retailer import GROUPS, Retailer, as_table


def read(frame, category="Bakery", window=0, **kwargs):
    groups = FeatureGroups.from_json(GROUPS)
    return read_consumer_items(as_table(frame), groups, window, category, **kwargs)


@pytest.fixture
def frame():
    return Retailer({"Bakery": 40, "Meat": 30}).frame()


def test_every_cell_is_where_pandas_puts_it(frame, monkeypatch):
    monkeypatch.setattr(tensors, "ROWS_PER_BATCH", 37)  # batches cut through consumer-items
    items = read(frame)
    bakery = frame[frame["category"] == "Bakery"].sort_values(["customer_id", "item_id", "step"])
    assert items.purchased.shape == (40, 15)
    for place, name in enumerate(GROUPS["temporal_continuous"]):
        expected = bakery[name].to_numpy().reshape(40, 15)
        np.testing.assert_array_equal(items.temporal_continuous[:, :, place], expected)
    np.testing.assert_array_equal(items.purchased.ravel(), bakery["purchased"])
    brand = items.static_categorical["brand"]
    assert [brand.levels[code] for code in brand.codes] == bakery["brand"].tolist()[::15]
    quarter = items.temporal_categorical["quarter"]
    read_back = np.array(quarter.levels)[quarter.codes.ravel()].tolist()
    assert read_back == bakery["quarter"].astype(str).tolist()
    np.testing.assert_array_equal(items.static_continuous[:, 0], bakery["household"][::15])


def test_history_reads_only_the_steps_needed(frame):
    items = read(frame, history=4)
    assert items.steps.tolist() == [9, 10, 11, 12, 13, 14]
    assert items.splits.tolist() == ["train"] * 3 + ["validation", "test", "next"]


def test_windows_and_categories(frame):
    assert windows_and_categories(as_table(frame)) == {0: ["Bakery", "Meat"]}
    with pytest.raises(InputError, match="features has no rows"):
        windows_and_categories(as_table(frame[:0]))


def test_pool_unites_levels_by_name(frame):
    parts = [read(frame, "Bakery"), read(frame[frame["brand"] != "North"], "Meat")]
    pooled = with_category(pool(parts))
    brand = pooled.static_categorical["brand"]
    expected = [
        p.static_categorical["brand"].levels[c]
        for p in parts
        for c in p.static_categorical["brand"].codes
    ]
    assert [brand.levels[code] for code in brand.codes] == expected
    category = pooled.static_categorical["category"]
    assert [category.levels[code] for code in category.codes] == list(pooled.category)


def test_missing_columns_are_listed_together(frame):
    groups = FeatureGroups.from_json(GROUPS)
    with pytest.raises(InputError, match=r"2 column\(s\): brand, noise"):
        groups.check_columns(as_table(frame.drop(columns=["brand", "noise"])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"static_continuous": ["habit"]}, "'habit' twice"),
        ({"offer_inputs": ["household"]}, "offer input 'household'"),
    ],
)
def test_groups_that_contradict_themselves(change, message):
    with pytest.raises(InputError, match=message):
        FeatureGroups.from_json({**GROUPS, **change})


def test_groups_that_lack_a_group():
    with pytest.raises(InputError, match="lacks offer_inputs"):
        FeatureGroups.from_json({k: v for k, v in GROUPS.items() if k != "offer_inputs"})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_empty_and_infinite_cells_are_counted_by_column(frame, value):
    rows = frame.index[frame["category"] == "Bakery"][:3]
    frame.loc[rows, "noise"] = value
    with pytest.raises(InputError, match=r"'Bakery': empty or infinite cells in noise \(3\)"):
        read(frame)
    read(frame, "Meat")


def test_a_step_missing_for_one_consumer_item(frame):
    spare = frame.index[(frame["category"] == "Bakery") & (frame["step"] == 5)][0]
    with pytest.raises(InputError, match="599 rows are not one row for each of 40"):
        read(frame.drop(index=spare))


def test_a_step_missing_for_all(frame):
    with pytest.raises(InputError, match="not consecutive"):
        read(frame[frame["step"] != 5])


def test_window_without_validation(frame):
    with pytest.raises(InputError, match="no validation step"):
        read(frame[frame["split"] == "train"])


def test_purchased_must_be_known_before_next(frame):
    row = frame.index[(frame["category"] == "Bakery") & (frame["step"] == 2)][0]
    frame.loc[row, "purchased"] = np.nan
    with pytest.raises(InputError, match="purchased: 1 cells"):
        read(frame)
