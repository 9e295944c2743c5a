"""The clean tables of a retailer, lived a chunk of consumers at a time and never written as files.

For worlds whose receipts are too many to be kept: what is made of a chunk can be used and dropped
before the next one is lived. The tables are those that cleaning makes of the raw files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from promo_kedro.types import Array, DataFrame
from promo_kedro.world import files
from promo_kedro.world.demand import WEEKS_A_STEP
from promo_kedro.world.history import History, Market, chunks_of, live_chunk, make_market
from promo_kedro.world.parameters import SimulationParameters

if TYPE_CHECKING:
    import pyarrow as pa

DEMOGRAPHICS = [
    "age_range",
    "marital_status",
    "rented",
    "family_size",
    "no_of_children",
    "income_bracket",
]


@dataclass(frozen=True)
class CleanChunk:
    """The clean tables of some consumers, as Arrow tables.

    Attributes:
        rows: Positions of the consumers; ids are one more.
        consumers: `consumers`: those of them that left a trace.
        transactions: `transactions`; `row` counts within the chunk.
    """

    rows: range
    consumers: pa.Table
    transactions: pa.Table


def clean_items(parameters: SimulationParameters, seed: int) -> DataFrame:
    """The clean `items`, of the whole world."""
    table = files.items(History(parameters, seed, make_market(parameters, seed), []))
    return table.assign(brand=table["brand"].astype(str))


def clean_chunks(
    parameters: SimulationParameters, seed: int, chunks: Iterable[range] | None = None
) -> Iterator[CleanChunk]:
    """Live a world chunk by chunk; each is forgotten before the next one.

    Args:
        parameters: The world's parameters; its offer log is left out.
        seed: The world's seed.
        chunks: Positions of the consumers that live together, ranges of step 1; by default all
            consumers, `consumers_per_chunk` at a time. Which ones live together changes nothing.

    Yields:
        The chunks' tables.
    """
    market = make_market(parameters, seed)
    unlogged = parameters.model_copy(update={"log_share_of_consumers": 0.0})
    for rows in chunks_of(parameters) if chunks is None else chunks:
        yield _clean(unlogged, market, seed, rows)


def _clean(parameters: SimulationParameters, market: Market, seed: int, rows: range) -> CleanChunk:
    history = History(parameters, seed, market, [live_chunk(parameters, market, seed, rows)])
    return CleanChunk(rows, _consumers(history), _transactions(history))


def _transactions(history: History) -> pa.Table:
    import pyarrow as pa

    (chunk,) = history.chunks
    (table,) = files.transactions(history)
    lines = chunk.lines
    step = (lines.week // WEEKS_A_STEP).astype(np.int64)
    list_price = history.market.path.list_price[step, lines.item]
    gross = list_price * lines.quantity
    cents = [np.rint(100 * table[name]) for name in ("other_discount", "coupon_discount")]
    day = 7 * lines.week.astype(np.int64) + lines.day
    first_day = np.datetime64(history.market.first_day)
    columns = {
        "row": np.arange(1, len(step) + 1),
        "date": first_day + day,
        "step": step,
        **{name: table[name].to_numpy() for name in ("customer_id", "item_id", "quantity")},
        **{
            name: table[name].to_numpy()
            for name in ("selling_price", "other_discount", "coupon_discount")
        },
        "list_price": list_price / 100,
        "offer_percent": np.round(-100 * sum(cents) / gross, 2),
        **{name: table[name].to_numpy() for name in ("basket_id", "cart_position")},
    }
    return pa.table({name: pa.array(np.asarray(column)) for name, column in columns.items()})


def _consumers(history: History) -> pa.Table:
    import pandas as pd
    import pyarrow as pa

    (chunk,) = history.chunks
    known = files.demographics(history).set_index("customer_id")
    issued = np.flatnonzero(chunk.issued.any(axis=(0, 2))) + chunk.rows.start
    seen = np.union1d(issued, chunk.lines.consumer) + 1
    ids = np.union1d(seen, known.index)
    wide = known.reindex(pd.Index(ids, name="customer_id"))
    columns: dict[str, Array] = {"customer_id": ids}
    for name in DEMOGRAPHICS:
        values = wide[name]
        # A gap has made floats of whole numbers.
        if pd.api.types.is_numeric_dtype(values):
            values = values.astype("Int64")
        columns[name] = values.astype("string")
    return pa.table({name: pa.array(column, from_pandas=True) for name, column in columns.items()})
