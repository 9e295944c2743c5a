"""Reading ``features``: order, steps, disk or memory, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling import reading
from promo_kedro.pipelines.modelling.reading import read_consumer_items, windows_and_categories
from promo_kedro.pipelines.modelling.tensors import FeatureGroups

from .retailer import GROUPS, Retailer, as_table


def read(frame, category="Bakery", window=0, **kwargs):
    groups = FeatureGroups.from_json(GROUPS)
    return read_consumer_items(as_table(frame), groups, window, category, **kwargs)


@pytest.fixture
def frame():
    return Retailer({"Bakery": 40, "Meat": 30}).frame()


def test_every_cell_is_where_pandas_puts_it(frame, monkeypatch):
    monkeypatch.setattr(reading, "ROWS_PER_BATCH", 37)  # batches cut through consumer-items
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


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_empty_and_infinite_cells_are_counted_by_column(frame, value):
    rows = frame.index[frame["category"] == "Bakery"][:3]
    frame.loc[rows, "noise"] = value
    with pytest.raises(InputError, match=r"'Bakery': empty or infinite cells in noise \(3\)"):
        read(frame)
    read(frame, "Meat")


def test_a_step_missing_for_one_consumer_item(frame):
    spare = frame.index[(frame["category"] == "Bakery") & (frame["step"] == 5)][0]
    with pytest.raises(InputError, match="599 rows are not one row for each"):
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


def test_on_disk_is_the_same_as_in_memory(frame):
    memory, disk = read(frame), read(frame, memory_gb=1e-12)
    assert (memory.on_disk, disk.on_disk) == (False, True)
    assert isinstance(disk.temporal_continuous.base, np.memmap)
    assert memory.gigabytes > disk.gigabytes == 0
    for name in ("purchased", "static_continuous", "temporal_continuous", "customer_id", "item_id"):
        np.testing.assert_array_equal(getattr(disk, name), getattr(memory, name))
    for name in ("brand", "quarter"):
        np.testing.assert_array_equal(disk.categorical(name).codes, memory.categorical(name).codes)
        assert disk.categorical(name).levels == memory.categorical(name).levels


def test_what_is_needed_decides_where_it_lies(frame):
    cells = 40 * 15 * 5  # quarter, three continuous features and the target
    assert not read(frame, memory_gb=cells * 4 / 1e9).on_disk
    assert read(frame, memory_gb=(cells * 4 - 1) / 1e9).on_disk


@pytest.mark.parametrize("memory_gb", [1.0, 1e-12])
@pytest.mark.parametrize("step", [0, 5, 14])
def test_a_step_twice_for_one_consumer_item(frame, step, memory_gb):
    twice = frame[(frame["category"] == "Bakery") & (frame["step"] == step)].iloc[:1]
    with pytest.raises(InputError, match="601 rows are not one row for each"):
        read(pd.concat([frame, twice]), memory_gb=memory_gb)


@pytest.mark.parametrize("step", [0, 5, 14])
def test_a_step_missing_for_the_last_consumer_item(frame, step):
    bakery = frame[(frame["category"] == "Bakery") & (frame["step"] == step)]
    last = bakery.sort_values(["customer_id", "item_id"]).index[-1]
    with pytest.raises(InputError, match="599 rows are not one row for each"):
        read(frame.drop(index=last))


def test_as_many_rows_as_there_should_be_but_not_the_right_ones(frame):
    bakery = frame[(frame["category"] == "Bakery") & (frame["step"] == 5)]
    other = pd.concat([frame.drop(index=bakery.index[0]), bakery.iloc[1:2]])
    assert len(other) == len(frame)
    with pytest.raises(InputError, match="600 rows are not one row for each"):
        read(other)
