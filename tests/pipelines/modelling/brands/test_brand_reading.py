"""Reading through the engine against encoding of whole tables; chunks against the whole."""

from dataclasses import fields

import ibis
import numpy as np
import pandas as pd
import pytest
import torch
from brand_tables import SNAPSHOT, Tables, encoder_of, favourites

from promo_kedro.pipelines.modelling.brands import reading
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, to_tensors
from promo_kedro.pipelines.modelling.brands.reading import read_inputs, stream_inputs
from promo_kedro.pipelines.modelling.brands.variables import encode
from promo_kedro.types import Table


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Two snapshots, the second one of other consumers too."""
    one, other = favourites(150, seed=1), favourites(130, seed=2, first_id=40)
    joined = {
        field.name: pd.concat(
            [getattr(one, field.name), getattr(other, field.name).assign(snapshot=SNAPSHOT + 1)],
            ignore_index=True,
        ).sample(frac=1, random_state=0)
        for field in fields(Tables)
        if field.name != "favourite"
    }
    return Tables(**joined, favourite=one.favourite)


@pytest.fixture(scope="module")
def engine(tables: Tables) -> tuple[Table, Table, Table]:
    connection = ibis.duckdb.connect(threads=1)
    return (
        connection.create_table("features", tables.features),
        connection.create_table("history", tables.history),
        connection.create_table("purchases", tables.purchases),
    )


def assert_same(one: BrandInputs, other: BrandInputs) -> None:
    assert np.array_equal(one.customer_id, other.customer_id)
    assert np.array_equal(one.snapshot, other.snapshot)
    for mine, theirs in zip(to_tensors(one), to_tensors(other), strict=True):
        assert mine.dtype == theirs.dtype
        assert torch.equal(mine, theirs)
    if one.bought is None or other.bought is None:
        assert one.bought is other.bought
    else:
        assert torch.equal(one.bought, other.bought)


def test_the_engine_reads_what_whole_tables_hold(
    tables: Tables, engine: tuple[Table, Table, Table]
) -> None:
    encoder = encoder_of(tables)
    whole = read_inputs(*engine, encoder, [SNAPSHOT, SNAPSHOT + 1], None)
    assert_same(whole, tables.encoded(encoder))
    assert len(whole) == 280


def test_only_some_consumers_and_snapshots(
    tables: Tables, engine: tuple[Table, Table, Table]
) -> None:
    encoder, chosen = encoder_of(tables), np.array([45, 3, 160, 120, 48])
    some = read_inputs(engine[0], engine[1], None, encoder, [SNAPSHOT + 1], chosen)
    features = tables.features[
        tables.features["customer_id"].isin(chosen) & (tables.features["snapshot"] == SNAPSHOT + 1)
    ]
    assert some.customer_id.tolist() == [45, 48, 120, 160]
    assert some.bought is None
    assert_same(some, encode(features, tables.history, None, encoder))


@pytest.mark.parametrize("per_chunk", [1, 7, 64, 1000])
def test_chunks_add_up_to_the_whole(
    tables: Tables,
    engine: tuple[Table, Table, Table],
    per_chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "CONSUMERS_PER_PORTION", 50)
    encoder = encoder_of(tables)
    # One of them has no row, and consumers in eighths have no history.
    ids = np.append(np.arange(0, 150, 2), 9999)
    whole = read_inputs(*engine, encoder, [SNAPSHOT], ids)
    chunks = list(stream_inputs(*engine, encoder, SNAPSHOT, ids, per_chunk))
    assert max(map(len, chunks)) <= per_chunk
    assert sum(map(len, chunks)) == len(whole) == 75
    at = 0
    for chunk in chunks:
        assert_same(chunk, whole.rows(torch.arange(at, at + len(chunk))))
        at += len(chunk)


def test_nobody_asked_for_is_nobody_read(
    tables: Tables, engine: tuple[Table, Table, Table]
) -> None:
    encoder, nobody = encoder_of(tables), np.empty(0, dtype=np.int64)
    assert len(read_inputs(*engine, encoder, [SNAPSHOT], nobody)) == 0
    assert list(stream_inputs(*engine, encoder, SNAPSHOT, nobody, 10)) == []
