"""Scores that are kept run by run."""

import ibis
import numpy as np
import pandas as pd
import pytest

from promo_kedro.datasets.checkpoints import Checkpoints
from promo_kedro.errors import MissingRunError
from promo_kedro.pipelines.modelling.brands.kept_scores import (
    KeptScores,
    digest_of,
    pack_frame,
    unpack_frame,
)
from promo_kedro.pipelines.modelling.brands.scoring import Scored

NAMES = {"sample": "validation", "run": "v1"}


def run(weight: float, seconds: float = 1.0) -> dict:
    record = {"raw_data_hash": "abc", "seconds": seconds}
    card = {"model": {"model": "bau"}, "calibration": {}, "record": record}
    return {"card": card, "tensors": {"weight": np.array([weight])}}


def scored(probability: float) -> Scored:
    brand = pd.Categorical(["b", "a", "b"], ["b", "a"])
    pairs = pd.DataFrame(
        {
            "customer_id": np.array([5, 6, 7]),
            "brand": brand,
            "probability": np.full(3, probability, np.float32),
            "rank": np.array([1, 1, 2], np.int32),
        }
    )
    totals = pd.DataFrame({"brand": brand, "buyers": pd.array([1, pd.NA, 3], dtype="Int64")})
    return Scored(pairs, totals, totals, pairs)


def test_a_frame_comes_back_as_it_was():
    for frame in (scored(0.5).pairs, scored(0.5).totals):
        pd.testing.assert_frame_equal(unpack_frame(pack_frame(frame)), frame)


def test_only_what_is_missing_or_changed_is_scored(tmp_path):
    asked = []

    def keep(saved: dict, tables: pd.DataFrame) -> pd.DataFrame:
        kept = KeptScores(Checkpoints(tmp_path), "abc", {"share": 0.1}, tables)
        kept.keep(NAMES, saved, lambda: asked.append(1) or scored(0.1 * len(asked)))
        ((names, pairs),) = kept.pairs()
        assert names == NAMES
        assert list(kept.small_tables()[0].columns) == ["sample", "run", "brand", "buyers"]
        return pairs

    tables = pd.DataFrame({"brand": ["a", "b"]})
    first = keep(run(1.0), tables)
    pd.testing.assert_frame_equal(keep(run(1.0, seconds=9.0), tables), first)
    assert len(asked) == 1
    keep(run(2.0), tables)
    keep(run(2.0), tables.assign(brand=["a", "c"]))
    assert len(asked) == 3


def test_lost_scores_are_told(tmp_path):
    store = Checkpoints(tmp_path)
    kept = KeptScores(store, "abc", {})
    kept.keep(NAMES, run(1.0), lambda: scored(0.5))
    store.clear()
    with pytest.raises(MissingRunError, match="validation, v1"):
        list(kept.pairs())


def test_scores_of_other_data_are_removed(tmp_path):
    store = Checkpoints(tmp_path)
    KeptScores(store, "abc", {}).keep(NAMES, run(1.0), lambda: scored(0.5))
    assert list(tmp_path.rglob("*.safetensors"))
    KeptScores(store, "def", {})
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_digest_sees_every_cell_and_no_order():
    rows = pd.DataFrame({"customer_id": [1, 2, 3], "brand": ["a", "b", None], "lines": [4, 4, 9]})
    digest = digest_of(ibis.memtable(rows))
    assert digest_of(ibis.memtable(rows.iloc[::-1])) == digest
    for change in ({"brand": ["a", "c", None]}, {"lines": [4, 9, 4]}, {"customer_id": [1, 2, 4]}):
        assert digest_of(ibis.memtable(rows.assign(**change))) != digest
    assert digest_of(ibis.memtable(rows.head(2))) != digest
