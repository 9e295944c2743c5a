"""States of trainings: what comes back, and what is not believed."""

import logging
from math import inf, isnan, nan
from pathlib import Path

import pytest
import torch
from kedro.io import DatasetError

from promo_kedro.datasets import CheckpointsDataset

NAME = "window=0/category=Dairy, Juices/recipe=ours"
STATE = {
    "epoch": 3,
    "optimizer": {
        "state": {0: {"step": torch.tensor(4.0), "mean": torch.rand(2, 3)}, 7: {}},
        "param_groups": [{"lr": 0.1 + 0.2, "betas": (0.9, 0.999), "foreach": None, "on": True}],
    },
    "history": [{"loss": inf}, {"loss": 1e-300}],
    "random": torch.get_rng_state(),
    "best": [(0.5, 1, {"weight": torch.zeros(0, 2)})],
    "half": torch.arange(4).to(torch.float16),
}


@pytest.fixture
def checkpoints(tmp_path):
    return CheckpointsDataset(path=str(tmp_path / "checkpoints")).load()


def files(folder: Path):
    return [path for path in folder.rglob("*") if path.is_file()]


def same(left, right):
    """Same kinds, same values, same tensors to the last bit."""
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


def test_a_state_comes_back_as_it_was(checkpoints):
    checkpoints.part(NAME, "a").save(STATE)
    assert same(checkpoints.part(NAME, "a").load(), STATE)


def test_not_a_number_comes_back(checkpoints):
    checkpoints.part(NAME, "a").save({"loss": nan})
    assert isnan(checkpoints.part(NAME, "a").load()["loss"])


def test_what_is_saved_is_a_copy_even_of_shared_memory(checkpoints):
    tensor = torch.zeros(3)
    checkpoints.part(NAME, "a").save({"one": tensor, "other": tensor, "turned": tensor[1:]})
    tensor += 1
    assert checkpoints.part(NAME, "a").load()["one"].tolist() == [0, 0, 0]


def test_only_the_last_state_of_the_same_training(checkpoints, caplog):
    assert checkpoints.part(NAME, "a").load() is None
    checkpoints.part(NAME, "a").save({"epoch": 1})
    checkpoints.part(NAME, "a").save({"epoch": 2})
    assert checkpoints.part(NAME, "a").load() == {"epoch": 2}
    assert checkpoints.part("window=0/pooled", "a").load() is None
    with caplog.at_level(logging.INFO):
        assert checkpoints.part(NAME, "b").load() is None
    assert "other data or parameters" in caplog.text


def test_names_that_file_systems_dislike_do_not_collide(checkpoints):
    names = ["category=a/b (c)", "category=a b", "category=a:b", "category=a?b"]
    for name in names:
        checkpoints.part(name, "a").save({"name": name})
    assert [checkpoints.part(name, "a").load()["name"] for name in names] == names


@pytest.mark.parametrize("at", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_damaged_byte_is_noticed(checkpoints, tmp_path, caplog, at):
    checkpoints.part(NAME, "a").save(STATE)
    (file,) = files(tmp_path)
    content = bytearray(file.read_bytes())
    content[int(at * len(content))] ^= 0b10
    file.write_bytes(content)
    assert checkpoints.part(NAME, "a").load() is None
    assert "training starts over" in caplog.text


@pytest.mark.parametrize("length", [0, 5, 200, -1])
def test_a_half_written_file_is_noticed(checkpoints, tmp_path, caplog, length):
    checkpoints.part(NAME, "a").save(STATE)
    (file,) = files(tmp_path)
    file.write_bytes(file.read_bytes()[:length])
    assert checkpoints.part(NAME, "a").load() is None
    assert "cannot be read" in caplog.text


def test_a_failed_save_leaves_the_former_state(checkpoints, tmp_path, monkeypatch):
    checkpoints.part(NAME, "a").save({"epoch": 1})

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("promo_kedro.datasets.checkpoints.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoints.part(NAME, "a").save({"epoch": 2})
    assert checkpoints.part(NAME, "a").load() == {"epoch": 1}
    assert len(files(tmp_path)) == 1


def test_only_states_of_the_same_data_are_kept(checkpoints, tmp_path):
    checkpoints.part("run=a/model", "old:1").save(STATE)
    checkpoints.part("run=b/model", "new:1").save(STATE)
    checkpoints.part("run=b/training", "new:2").save({"epoch": 1})
    (tmp_path / "checkpoints" / "run=c.safetensors").write_bytes(b"damaged")
    checkpoints.keep_only("new:")
    assert {path.parent.name for path in files(tmp_path)} == {"run=b"}
    assert same(checkpoints.part("run=b/model", "new:1").load(), STATE)
    checkpoints.part("run=b/training", "new:2").delete()
    checkpoints.part("run=b/training", "new:2").delete()
    assert [path.name for path in files(tmp_path)] == ["model.safetensors"]


def test_cleared_is_gone(checkpoints, tmp_path):
    checkpoints.clear()
    checkpoints.part(NAME, "a").save({"epoch": 1})
    checkpoints.clear()
    assert checkpoints.part(NAME, "a").load() is None
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_are_an_input(tmp_path):
    dataset = CheckpointsDataset(path=str(tmp_path / "none"))
    assert dataset.exists()
    with pytest.raises(DatasetError, match="an input"):
        dataset.save(dataset.load())
