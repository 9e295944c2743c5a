"""Brands and runs come back from the tables for people as they were called."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from promo_kedro.datasets import CSVDataset

CATALOG = Path(__file__).parents[4] / "conf/base/evaluation/catalog_brands.yml"
NAMES = ["NA", "null", "None", "nan", "n/a", "1"]


@pytest.fixture
def saved(tmp_path):
    """Save a table as the catalog says, and load it again."""
    catalog = yaml.safe_load(CATALOG.read_text(encoding="utf-8"))

    def save_and_load(name, table):
        entry = catalog[name]
        dataset = CSVDataset(
            filepath=str(tmp_path / f"{name}.csv"),
            save_args=entry["save_args"],
            load_args=entry["load_args"],
        )
        dataset.save(table)
        return dataset.load()

    return save_and_load


def test_a_brand_may_be_called_null(saved):
    table = pd.DataFrame({"brand": NAMES, "run": "NA", "f1": [0.5, np.nan] * 3})
    loaded = saved("brand_results", table)
    assert loaded["brand"].tolist() == NAMES
    assert (loaded["run"] == "NA").all()
    assert loaded["f1"].isna().tolist() == [False, True] * 3


@pytest.mark.parametrize(
    "name", ["brand_assessment", "brand_experiment", "brand_document", "brand_truth"]
)
def test_a_run_may_be_called_null(saved, name):
    loaded = saved(name, pd.DataFrame({"run": NAMES[:-1], "loss": [None, "bce", *["none"] * 3]}))
    assert loaded["run"].tolist() == NAMES[:-1]
    assert loaded["loss"].isna().tolist() == [True, *[False] * 4]


def test_what_chance_may_have_made_comes_back_as_a_mark(saved):
    marks = pd.array([True, False, None], dtype="boolean")
    loaded = saved("brand_uplift", pd.DataFrame({"name": "NA", "within_chance": marks}))
    pd.testing.assert_extension_array_equal(loaded["within_chance"].array, marks)
