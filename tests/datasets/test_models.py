"""Folders of models: they come back as they were, and refuse what is not as it was written."""

from pathlib import Path

import numpy as np
import pytest
from kedro.io import DatasetError

from promo_kedro.datasets import ModelsDataset

MODELS = {"run=v2": {"card": {"epochs": 3}, "tensors": {"weight": np.arange(6.0).reshape(2, 3)}}}


def test_models_come_back_as_they_were(tmp_path: Path) -> None:
    dataset = ModelsDataset(str(tmp_path / "models"))
    dataset.save(MODELS)
    found = dataset.load()
    assert found["run=v2"]["card"] == {"epochs": 3}
    assert np.array_equal(found["run=v2"]["tensors"]["weight"], np.arange(6.0).reshape(2, 3))


def test_what_helps_names_the_pipeline_that_trains_them(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    brands = ModelsDataset(str(folder), trained_by="brands")
    with pytest.raises(DatasetError, match=r"`kedro run --pipeline=brands`"):
        brands.load()
    brands.save(MODELS)
    (card,) = folder.rglob("card.json")
    card.write_text(card.read_text().replace("3", "4"))
    with pytest.raises(DatasetError, match=r"1 files were changed.*`kedro run --pipeline=brands`"):
        brands.load()
    with pytest.raises(DatasetError, match=r"`kedro run --pipeline=modelling`"):
        ModelsDataset(str(folder)).load()
