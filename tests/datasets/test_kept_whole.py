import shutil
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from promo_kedro.datasets import (
    CSVDataset,
    FigureDataset,
    JSONDataset,
    ModelsDataset,
    ParquetDataset,
    TableDataset,
    TextDataset,
    TruthDataset,
)
from promo_kedro.datasets.atomic import replacing

TABLE = pd.DataFrame(
    {"window": [0, 0, 1], "category": ["Dairy, Juices", "a/b (c)", "2024"], "x": [1.0, 2, 3]}
)
MODELS = {
    "window=0/category=Dairy, Juices": {
        "card": {"epochs": 3},
        "tensors": {"weight": np.arange(6, dtype=np.float32).reshape(2, 3)},
    },
    "window=0/category=Dairy Juices": {"card": {}, "tensors": {"weight": np.ones(1, np.float32)}},
    "window=0/pooled": {"card": {}, "tensors": {"weight": np.zeros(2, np.float32)}},
}


class Unsavable:
    """Looks like a table, a figure and a text until it is written."""

    def __getattr__(self, name):
        raise OSError("disk full")


@pytest.mark.parametrize(
    "kind", [ParquetDataset, CSVDataset, JSONDataset, TextDataset, FigureDataset]
)
def test_a_failed_save_leaves_the_former_file(kind, tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"before")
    with pytest.raises(Exception, match=r"disk full|not JSON serializable|str"):
        kind(filepath=str(path)).save(Unsavable())
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]


def test_figures_are_pngs(tmp_path):
    figure = Figure()
    figure.subplots().plot([0, 1])
    dataset = FigureDataset(filepath=str(tmp_path / "a_plot.png"))
    dataset.save(figure)
    assert dataset.load().startswith(b"\x89PNG")
    assert dataset.preview()


def test_formulas_are_neutralised_for_spreadsheets(tmp_path):
    table = pd.DataFrame({"brand": ["=1+1", "@x", "-x", "plain", None], "n": [-1, 2, 3, 4, 5]})
    dataset = CSVDataset(filepath=str(tmp_path / "t.csv"), save_args={"index": False})
    dataset.save(table)
    read = dataset.load()
    assert read["brand"].tolist()[:4] == ["'=1+1", "'@x", "'-x", "plain"]
    assert read["n"].tolist() == [-1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", [ParquetDataset, TableDataset])
def test_previews_do_not_name_consumers(kind, tmp_path):
    dataset = kind(filepath=str(tmp_path / "t.parquet"))
    dataset.save(pd.DataFrame({"customer_id": [4711], "item_id": [1]}))
    assert dict(dataset.preview())["columns"] == ["item_id"]
    assert "4711" not in str(dataset.preview())


def test_a_partitioned_table_is_replaced_whole(tmp_path):
    dataset = TableDataset(
        filepath=str(tmp_path / "features"), save_args={"partition_by": ["window", "category"]}
    )
    dataset.save(TABLE)
    read = dataset.load().order_by("x").to_pandas()[TABLE.columns]
    pd.testing.assert_frame_equal(read, TABLE, check_dtype=False)
    dataset.save(TABLE.iloc[:1])
    assert dataset.load().count().execute() == 1


def test_a_table_that_fails_midway_leaves_the_former_one(tmp_path):
    dataset = TableDataset(filepath=str(tmp_path / "t.parquet"))
    dataset.save(TABLE)
    broken = ibis.memtable({"x": ["1", "no number"]}).mutate(x=ibis._.x.cast("int64"))
    with pytest.raises(Exception, match=r"Could not convert|Failed while saving"):
        dataset.save(broken)
    assert dataset.load().count().execute() == len(TABLE)


def test_models_come_back_as_they_were(tmp_path):
    dataset = ModelsDataset(path=str(tmp_path / "models"))
    dataset.save(MODELS)
    read = dataset.load()
    assert list(read) == sorted(MODELS)
    for key, model in MODELS.items():
        assert read[key]["card"] == model["card"]
        np.testing.assert_array_equal(read[key]["tensors"]["weight"], model["tensors"]["weight"])


def weights_flipped(models):
    weights = next(models.rglob("weights.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def card_edited(models):
    card = next(models.rglob("card.json"))
    card.write_text(card.read_text() + " ")


def model_lost(models):
    shutil.rmtree(next(models.rglob("card.json")).parent)


def model_added(models):
    shutil.copytree(models / "window=0", models / "window=1")


@pytest.mark.parametrize("damage", [weights_flipped, card_edited, model_lost, model_added])
def test_models_that_are_not_as_written_are_refused(tmp_path, damage):
    dataset = ModelsDataset(path=str(tmp_path / "models"))
    dataset.save(MODELS)
    damage(tmp_path / "models")
    with pytest.raises(Exception, match="changed, damaged, lost or added"):
        dataset.load()


def test_a_malicious_pickle_is_not_executed(tmp_path):
    dataset = ModelsDataset(path=str(tmp_path / "models"))
    dataset.save(MODELS)
    weights = next(tmp_path.rglob("weights.safetensors"))
    marker = tmp_path / "executed"
    weights.write_bytes(f"cos\nsystem\n(S'touch {marker}'\ntR.".encode())
    with pytest.raises(Exception, match="changed, damaged, lost or added"):
        dataset.load()
    assert not marker.exists()


def test_models_never_trained_are_missing_not_empty(tmp_path):
    with pytest.raises(Exception, match="--pipeline=modelling"):
        ModelsDataset(path=str(tmp_path / "models")).load()


def test_a_folder_is_never_replaced_by_part_of_one(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()

    def killed(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt), replacing(folder) as partial:
        partial.mkdir()
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]


def test_truth_may_be_absent(tmp_path):
    dataset = TruthDataset(filepath=str(tmp_path / "truth.safetensors"))
    assert dataset.load() is None
    truth = {"metadata": {"seed": 1}, "arrays": {"taste": np.eye(3)}}
    dataset.save(truth)
    read = dataset.load()
    assert read["metadata"] == truth["metadata"]
    np.testing.assert_array_equal(read["arrays"]["taste"], truth["arrays"]["taste"])
