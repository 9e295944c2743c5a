"""What was kept of a run's scores, put aside as soon as it is there.

Only one run's pairs are in memory at a time, and a run that was scored before, with the same
weights and consumers, is not scored again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

from promo_kedro.errors import MissingRunError
from promo_kedro.pipelines.modelling.brands.scoring import Scored
from promo_kedro.types import DataFrame, Table

Names = dict[str, str]
SMALL = ("totals", "histograms", "sample")


class KeptScores:
    """Samples and runs, each in a part of the store.

    Args:
        store: `Checkpoints`, a live folder; what it holds of other data is removed.
        raw_data_hash: Of the data that models and consumers are of.
        depends_on: What all of them depend on, such as parameters and tables.
    """

    def __init__(self, store: Any, raw_data_hash: str, *depends_on: Any) -> None:
        self._store = store
        self._data = raw_data_hash
        store.keep_only(raw_data_hash)
        self._depends_on = [_hash_of(part) for part in depends_on]
        self._parts: list[tuple[Names, Any]] = []
        self._small: dict[str, list[DataFrame]] = {name: [] for name in SMALL}

    def keep(self, names: Names, saved_run: dict[str, Any], score: Callable[[], Scored]) -> None:
        """Score a sample by a run, unless that was done before."""
        part = self._store.part(
            "/".join(f"{key}={value}" for key, value in names.items()),
            self._data + _hash_of([self._depends_on, *_identity(saved_run)]),
        )
        state = part.load()
        if state is None:
            scored = score()
            state = {name: pack_frame(getattr(scored, name)) for name in ("pairs", *SMALL)}
            part.save(state)
        self._parts.append((names, part))
        for name in SMALL:
            self._small[name].append(unpack_frame(state[name]).assign(**names))

    def small_tables(self) -> tuple[DataFrame, ...]:
        """Totals, histograms and samples of all that was kept, names in front."""
        names = list(self._parts[0][0])
        stacked = (pd.concat(self._small[name], ignore_index=True) for name in SMALL)
        return tuple(table[[*names, *table.columns.drop(names)]] for table in stacked)

    def pairs(self) -> Iterator[tuple[Names, DataFrame]]:
        """The pairs, one sample and run after the other."""
        for names, part in self._parts:
            state = part.load()
            if state is None:
                raise MissingRunError(
                    f"scores of {', '.join(names.values())} were lost while the run went on: run "
                    "`kedro run --pipeline=brands` again."
                )
            yield names, unpack_frame(state["pairs"])


def digest_of(table: Table) -> list[int]:
    """What changes when a row of a table does: how many there are, and a hash of them all."""
    first, *others = table.columns
    row = table[first].hash()
    for name in others:
        # Hashed again after each column: engines join hashes by an exclusive or, which would not
        # see two values that change places.
        row = (row ^ table[name].hash()).hash()
    counted = table.aggregate(rows=table.count(), digest=row.bit_xor()).to_pyarrow().to_pylist()
    return [int(value or 0) for value in counted[0].values()]


def pack_frame(frame: DataFrame) -> dict[str, Any]:
    """Columns as tensors; texts as codes and names."""
    return {str(name): _pack(column) for name, column in frame.items()}


def unpack_frame(state: dict[str, Any]) -> DataFrame:
    """The frame that was packed."""
    return pd.DataFrame({name: _unpack(column) for name, column in state.items()}, copy=False)


def _pack(column: Any) -> dict[str, Any]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy(np.int32)
        return {"codes": torch.from_numpy(codes), "names": column.cat.categories.tolist()}
    if column.dtype == "Int64":
        known = column.notna().to_numpy()
        counts = column.fillna(0).to_numpy(np.int64)
        return {"counts": torch.from_numpy(counts), "known": torch.from_numpy(known)}
    return {"values": torch.from_numpy(np.ascontiguousarray(column.to_numpy()))}


def _unpack(state: dict[str, Any]) -> Any:
    if "codes" in state:
        return pd.Categorical.from_codes(state["codes"].numpy(), state["names"])
    if "counts" in state:
        return pd.arrays.IntegerArray(state["counts"].numpy(), ~state["known"].numpy())
    return state["values"].numpy()


def _identity(saved_run: dict[str, Any]) -> Iterator[str]:
    """What makes a trained run itself: not how long it took."""
    card = saved_run["card"]
    yield _hash_of([card["model"], card["calibration"], card["record"]["raw_data_hash"]])
    for name, tensor in sorted(saved_run["tensors"].items()):
        yield name + hashlib.sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()


def _hash_of(part: Any) -> str:
    text = part.to_json() if isinstance(part, pd.DataFrame) else json.dumps(part, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
