"""A search from features to a parameters file: what it sees, and what it leaves."""

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from promo_kedro.datasets import StudyDataset
from promo_kedro.pipelines.modelling.nodes import search_recipes
from promo_kedro.pipelines.modelling.parameters import ModellingParameters, Recipe
from promo_kedro.pipelines.modelling.search_lesson import oldest_window
from promo_kedro.pipelines.modelling.tensors import FeatureGroups
from promo_kedro.schemas import SearchTrials

from .retailer import GROUPS, MANIFEST, Retailer, as_table, changed


@pytest.fixture(scope="module")
def searching(quick):
    """Three trials of the smallest networks."""
    return changed(
        quick,
        search={
            "trials": 3,
            "max_consumer_items": 100,
            "max_epochs": [1, 2],
            "batch_size": [32, 64],
            "channels": [4, 6],
            "kernel_size": [2],
            "dilations": [[1]],
            "dense_layers": [1, 2],
            "dense_units": [4, 8],
            "embedding_size": [2],
        },
    )


@pytest.fixture(scope="module")
def frame():
    return Retailer({"Bakery": 150, "Meat": 60}, windows=2).frame()


def searched(frame, parameters, folder, seed=5):
    storage = StudyDataset(str(folder / "study.log")).load()
    return search_recipes(as_table(frame), GROUPS, MANIFEST, storage, parameters, seed)


@pytest.fixture(scope="module")
def found(frame, searching, tmp_path_factory):
    return searched(frame, searching, tmp_path_factory.mktemp("search"))


def test_it_leaves_a_table_and_a_file_that_is_read_as_parameters(found, searching):
    text, trials = found
    SearchTrials.validate(trials)
    assert trials["number"].tolist() == [0, 1, 2]
    assert trials["state"].iloc[0] == "complete"
    best = ModellingParameters.model_validate(yaml.safe_load(text)["modelling"])
    row = trials.loc[trials["value"][trials["state"] == "complete"].idxmin()]
    assert best.network.channels == row["channels"]
    assert best.training.learning_rate == row["learning_rate"]
    assert ", ".join(map(str, best.network.dense_units)) == row["dense_units"]
    assert "Raw data: abc" in text
    assert trials["channels"].iloc[0] == searching.network.channels


def test_it_sees_neither_the_newest_window_nor_any_test_step(found, frame, searching, tmp_path):
    poisoned = frame.copy()
    unseen = (poisoned["window"] == 0) | (poisoned["split"] == "test")
    poisoned.loc[unseen, ["habit", "noise", "household", "offer_percent"]] = 77.0
    poisoned.loc[unseen & poisoned["purchased"].notna(), "purchased"] = 1.0
    text, trials = searched(poisoned, searching, tmp_path)
    pd.testing.assert_frame_equal(
        trials.drop(columns="seconds"), found[1].drop(columns="seconds"), check_exact=True
    )
    assert yaml.safe_load(text) == yaml.safe_load(found[0])


def test_a_finished_search_trains_nothing_again(found, frame, searching, tmp_path, monkeypatch):
    first, _ = searched(frame, searching, tmp_path)
    monkeypatch.setattr("promo_kedro.pipelines.modelling.search.fit_network", None)
    again, trials = searched(frame, searching, tmp_path)
    assert again == first
    assert len(trials) == 3


def test_the_lesson_is_drawn_from_all_categories_of_the_oldest_window(frame, searching):
    groups = FeatureGroups.from_json(GROUPS)
    lesson, build_network = oldest_window(as_table(frame), groups, searching, 5)
    oldest = frame[frame["window"] == 1]
    # 100 · (0.5 / 2 + 0.5 · share of the rows), rounded down: 60 of Bakery and 39 of Meat.
    category = lesson.inputs.static_categorical[:, 1].numpy()
    assert np.bincount(category).tolist() == [0, 60, 39]
    assert lesson.purchased.shape == (99, 13)
    given = oldest.set_index(["category", "habit"]).sort_index()
    habits = lesson.inputs.temporal_continuous[:, :, 0].numpy()
    assert set(habits.ravel()) <= set(oldest.query("step < 12")["habit"])
    assert len(given) == len(oldest)
    network = build_network(Recipe(network=searching.network, training=searching.training))
    with torch.inference_mode():
        assert network(lesson.inputs).shape == (99, 13)
    share = lesson.purchased[:, :12][lesson.counted.bool()].mean()
    assert torch.sigmoid(network.output.bias).item() == pytest.approx(share.item(), rel=1e-5)
