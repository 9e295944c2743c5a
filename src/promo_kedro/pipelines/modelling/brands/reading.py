"""From the tables of data_engineering to tensors, whole or in chunks of consumers.

Names become positions inside the engine, so that no text leaves it. A chunk is cut from a larger
portion in memory: every portion asks for a range of consumers, which an engine finds without going
through a table that is sorted by snapshot and consumer, and which costs few scans of one that is
not.
"""

from collections.abc import Iterator

import ibis
import numpy as np
import pandas as pd
import torch

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.variables import (
    BEHAVIOUR,
    UNKNOWN,
    Encoder,
    encode_numbered,
)
from promo_kedro.schemas.brands import ATTRIBUTES, HISTORY_KINDS
from promo_kedro.types import Array, DataFrame, Table

CONSUMERS_PER_PORTION = 100_000


def read_inputs(
    brand_features: Table,
    brand_history: Table,
    brand_purchases: Table | None,
    encoder: Encoder,
    snapshots: list[int],
    customer_ids: Array | None,
) -> BrandInputs:
    """Read consumers before some snapshots.

    Args:
        brand_features: Says who is there: a consumer without a row has none in the result.
        brand_history: May lack consumers without history.
        brand_purchases: None where they are yet to come.
        encoder: Learnt in training.
        snapshots: Which to read.
        customer_ids: Whom to read; everyone when None.

    Returns:
        Rows sorted by snapshot, then consumer.
    """
    chosen = None if customer_ids is None else np.unique(np.asarray(customer_ids, dtype=np.int64))

    def part(table: Table) -> Table:
        return rows_of(table, snapshots, chosen)

    features = part(brand_features).select("snapshot", "customer_id", *ATTRIBUTES, *BEHAVIOUR)
    history = _numbered(part(brand_history), encoder)
    purchases = None
    if brand_purchases is not None:
        purchases = _numbers(_numbered_purchases(part(brand_purchases), encoder))
    return encode_numbered(features.to_pandas(), _numbers(history), purchases, encoder)


def stream_inputs(
    brand_features: Table,
    brand_history: Table,
    brand_purchases: Table | None,
    encoder: Encoder,
    snapshot: int,
    customer_ids: Array,
    consumers_per_chunk: int,
) -> Iterator[BrandInputs]:
    """Read consumers before one snapshot in chunks, in the order of their ids.

    Args:
        brand_features: As in `read_inputs`.
        brand_history: As in `read_inputs`.
        brand_purchases: As in `read_inputs`.
        encoder: Learnt in training.
        snapshot: The snapshot.
        customer_ids: Whom to read; those without a row in ``brand_features`` are left out.
        consumers_per_chunk: The most rows of one chunk.

    Yields:
        Chunks, none of them empty.
    """
    ordered = np.unique(np.asarray(customer_ids, dtype=np.int64))
    size = max(1, CONSUMERS_PER_PORTION // consumers_per_chunk) * consumers_per_chunk
    for start in range(0, len(ordered), size):
        portion = read_inputs(
            brand_features,
            brand_history,
            brand_purchases,
            encoder,
            [snapshot],
            ordered[start : start + size],
        )
        if len(portion):
            yield from map(portion.rows, torch.arange(len(portion)).split(consumers_per_chunk))


def rows_of(table: Table, snapshots: list[int], customer_ids: Array | None) -> Table:
    """Return the rows of some snapshots and, unless None, of some consumers, ids ascending."""
    table = table.filter(table.snapshot.isin(snapshots))
    if customer_ids is None:
        return table
    if not len(customer_ids):
        return table.limit(0)
    within = table.customer_id.between(int(customer_ids[0]), int(customer_ids[-1]))
    chosen = ibis.memtable(pd.DataFrame({"customer_id": customer_ids}))
    return table.filter(within).semi_join(chosen, "customer_id")


def _numbered(history: Table, encoder: Encoder) -> Table:
    """Return the history with a position for each name."""
    known = ibis.memtable(encoder.vocabulary())
    joined = history.left_join(known, ["kind", "name"])
    numbers = [(kind, number) for number, kind in enumerate(HISTORY_KINDS)]
    return joined.select(
        "snapshot",
        "customer_id",
        "steps_bought",
        "steps_bought_year",
        "steps_since",
        kind=joined.kind.cases(*numbers).cast("int8"),
        position=joined.position.fill_null(UNKNOWN),
    )


def _numbered_purchases(purchases: Table, encoder: Encoder) -> Table:
    """Return the purchases of brands that were met in training, with their positions."""
    brands = pd.DataFrame(
        {"brand": encoder.brands, "position": np.arange(1, len(encoder.brands) + 1)}
    ).astype({"brand": str})
    joined = purchases.inner_join(ibis.memtable(brands), "brand")
    return joined.select("snapshot", "customer_id", "position")


def _numbers(table: Table) -> DataFrame:
    """Fetch a table of whole numbers as it is: pandas' own way would copy it several times."""
    columns = table.to_pyarrow()
    arrays = {name: columns[name].to_numpy() for name in columns.column_names}
    return pd.DataFrame(arrays, copy=False)
