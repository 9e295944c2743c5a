"""The parts of a large retailer, laid where the project's catalog looks for brand tables."""

import json
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pandas as pd
from contest.project_runs import ProjectRun

from brand_scale.living import TABLES, Retailer, parts_of


def lay_out(retailer: Retailer, parts: Path, run: ProjectRun, judged: int) -> pd.DataFrame:
    """Lay tables as one run of the data pipeline would have left them.

    Args:
        retailer: Who lived.
        parts: Where the parts of the tables lie.
        run: Where the tables go.
        judged: How many consumers are judged, all with something known of them.

    Returns:
        ``brand_list``.
    """
    from promo_kedro.pipelines.data_engineering.brands import nodes
    from promo_kedro.world.clean import clean_items

    for table in TABLES:
        _join(retailer, parts, table, run.file(table))
    connection = ibis.duckdb.connect(memory_limit="2GB")
    features, history, purchases = (connection.read_parquet(run.file(table)) for table in TABLES)
    snapshots = retailer.snapshots
    consumers = roles_of_all(retailer, features, judged)
    items = connection.create_table("items", clean_items(retailer.world, retailer.seed))
    brands = nodes.list_brands(
        features, history, purchases, consumers, snapshots, items, None, retailer.data
    )
    frames = {
        "brand_snapshots": snapshots,
        "brand_consumers": consumers,
        "brand_list": brands,
        "items": items.to_pandas(),
    }
    for name, frame in frames.items():
        _place(run.file(name)).unlink(missing_ok=True)
        frame.to_parquet(run.file(name))
    origin = f"lived, seed {retailer.seed}"
    run.file("raw_manifest").write_text(json.dumps({"raw_data_hash": origin, "files": {}}))
    laid = dict.fromkeys([*TABLES, *frames, "raw_manifest"], origin)
    (run.data_dir / "provenance.json").write_text(json.dumps(laid))
    return brands


def _join(retailer: Retailer, parts: Path, table: str, target: Path) -> None:
    """Join parts in order of snapshot and consumer: those judged have the latest and largest."""
    of_learners: list[str] = []
    of_others: list[str] = []
    for rows, path in parts_of(parts, table, retailer):
        (of_learners if rows.start < retailer.learners else of_others).append(str(path))
    others = f"UNION ALL SELECT * FROM read_parquet({of_others})" if of_others else ""
    duckdb.connect(config={"memory_limit": "2GB"}).execute(f"""
        COPY (
            SELECT * FROM (
                SELECT * FROM read_parquet({of_learners}) ORDER BY snapshot, customer_id
            ) {others}
        ) TO '{_place(target)}' (FORMAT parquet)
    """)


def roles_of_all(retailer: Retailer, features: ibis.Table, judged: int) -> pd.DataFrame:
    """Let learners train or validate; the first others of whom anything is known are judged.

    Raises:
        ValueError: Of fewer others than are to be judged is anything known.
    """
    from promo_kedro.pipelines.data_engineering.brands.roles import roles_of

    learner = features.customer_id <= retailer.learners
    dealt = roles_of(
        features.filter(learner).select("customer_id").distinct(),
        retailer.data.roles,
        retailer.seed,
    )
    dealt["role"] = dealt["role"].replace("out_of_training", "training")
    (test,) = retailer.snapshots.query("use == 'test'")["snapshot"]
    known = features.filter(~learner & (features.snapshot == int(test)))
    ids = np.sort(known.customer_id.to_pyarrow().to_numpy())[:judged]
    if len(ids) < judged:
        raise ValueError(f"{judged:,} consumers are to be judged, and {len(ids):,} are known")
    others = pd.DataFrame({"customer_id": ids, "role": "out_of_training"})
    return pd.concat([dealt, others], ignore_index=True)


def _place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
