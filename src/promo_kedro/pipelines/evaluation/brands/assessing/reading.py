"""Selections and purchases as whole numbers; names and other rows stay with the engine."""

from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import Table

from promo_kedro.errors import InputError
from promo_kedro.pipelines.evaluation.brands.assessing.levels import Ground, Pairs
from promo_kedro.pipelines.evaluation.brands.assessing.strata import ApprovedBrands
from promo_kedro.schemas.brands import SIZINGS
from promo_kedro.types import Array

SAMPLES = {"validation": "train", "out_of_training": "test"}  # each at the last snapshot of a use


def judged_consumers(
    features: Table, consumers: pd.DataFrame, snapshots: pd.DataFrame
) -> pd.DataFrame:
    """Who is judged, at which snapshot: the consumers of a role that the models had rows of.

    Returns:
        Columns sample, snapshot, customer_id, sorted.
    """
    kinds: dict[str, Any] = {"sample": "str", "snapshot": "int64", "customer_id": "int64"}
    tables = [pd.DataFrame(columns=list(kinds)).astype(kinds)]
    for sample, use in SAMPLES.items():
        of_use = snapshots.loc[snapshots["use"] == use, "snapshot"]
        if of_use.empty:
            continue
        snapshot = int(of_use.max())
        known = features.filter(features.snapshot == snapshot).customer_id.to_pyarrow().to_numpy()
        role = consumers.loc[consumers["role"] == sample, "customer_id"].to_numpy()
        judged = np.intersect1d(known, role)
        tables.append(pd.DataFrame({"sample": sample, "snapshot": snapshot, "customer_id": judged}))
    kinds = {"sample": str, "snapshot": "int64", "customer_id": "int64"}
    return pd.concat(tables, ignore_index=True).astype(kinds)


def read_ground(purchases: Table, judged: pd.DataFrame, brands: ApprovedBrands) -> Ground:
    """What the consumers of one sample bought of the approved brands.

    Purchases of consumers of whom nothing was known before the snapshot are not asked for.
    """
    consumers = judged["customer_id"].to_numpy()
    rows = purchases.filter(purchases.snapshot == int(judged["snapshot"].iloc[0]))
    bought = _numbered(rows, brands).select("customer_id", "number").distinct()
    fetched = bought.order_by("customer_id", "number").to_pyarrow()
    place, known = _rows_of(fetched["customer_id"].to_numpy(), consumers)
    return Ground(len(consumers), brands, Pairs(place, fetched["number"].to_numpy()).where(known))


def read_selected(
    selections: Table, sample: str, run: str, consumers: Array, brands: ApprovedBrands
) -> tuple[Pairs, Array]:
    """The pairs that any rule of size chose for one run.

    Args:
        selections: ``brand_selections``.
        sample: The sample to read.
        run: The run to read.
        consumers: (n,) ids of those judged, sorted.
        brands: The approved brands.

    Returns:
        The pairs, by consumer; (m,) which rules chose each, bit k for the k-th of ``SIZINGS``.

    Raises:
        InputError: A selected consumer is not among those judged.
    """
    rows = selections.filter(selections["sample"] == sample, selections["run"] == run)
    rules = sum(rows[name].cast("int16") * 2**bit for bit, name in enumerate(SIZINGS))
    rows = _numbered(rows.mutate(rules=rules), brands)
    rows = rows.select("customer_id", "number", rules=rows["rules"].cast("int8"))
    # In order, looking a pair up walks through memory; at random it would leap through it.
    chosen = rows.order_by("customer_id", "number").to_pyarrow()
    place, known = _rows_of(chosen["customer_id"].to_numpy(), consumers)
    if not known.all():
        raise InputError(
            f"brand_selections: {int((~known).sum())} pairs of run {run!r}, sample {sample!r}, are "
            "of consumers who are not in brand_features at that snapshot with that role. Run "
            "`kedro run --pipeline=brands` whole, so that all tables are of the same data."
        )
    return Pairs(place, chosen["number"].to_numpy()), chosen["rules"].to_numpy()


def _numbered(rows: Table, brands: ApprovedBrands) -> Table:
    """The rows of approved brands, with the brand's number."""
    return rows.inner_join(ibis.memtable(brands.numbers()), "brand")


def _rows_of(ids: Array, consumers: Array) -> tuple[Array, Array]:
    """Where each id stands among the sorted consumers, and whether it is there at all."""
    if not len(consumers):
        return np.zeros(len(ids), dtype=np.int32), np.zeros(len(ids), dtype=bool)
    place = np.minimum(np.searchsorted(consumers, ids), len(consumers) - 1)
    return place.astype(np.int32), consumers[place] == ids
