"""Cost against consumer-items: reading, fitting a model in one epoch, and predicting.

Run it from the project's root: ``python benchmarks/scaling.py [--large]``.

A random table ``features`` is streamed from Parquet through the project's own functions; fitting
includes checkpoints and calibration, and predicting reads the table again. Each size is a process
of its own, whose anonymous memory is watched from outside.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import ibis
import pandas as pd
from contest.memory import MemoryWatch, run_measured

HERE = Path(__file__).parent
STEPS, CATEGORY = 27, "Grocery"
STATIC_NUMBERS, NUMBERS = 6, 47
STATIC_LEVELS, LEVELS = [46, 12, 60, 2, 7, 3, 3, 6, 4, 13], [53, 12, 4, 3]
MEMORY_GB = 0.05  # so little that arrays of every size are mapped from disk
SIZES, LARGE = [10_000, 30_000, 100_000], [1_000_000]


def groups() -> dict[str, list[str]]:
    """Return ``feature_groups`` of the random table, as many as the project's features."""
    return {
        "static_categorical": [f"static_level_{n}" for n in range(len(STATIC_LEVELS))],
        "temporal_categorical": [f"level_{n}" for n in range(len(LEVELS))],
        "static_continuous": [f"static_{n}" for n in range(STATIC_NUMBERS)],
        "temporal_continuous": [f"number_{n}" for n in range(NUMBERS)],
        "offer_inputs": ["number_0"],
    }


def write_features(consumer_items: int, folder: Path) -> None:
    """Write the random table; static columns repeat on every step."""
    still = [f"'s' || (hash(i, {n}) % {size})" for n, size in enumerate(STATIC_LEVELS)]
    still += [f"((hash(i, {n + 100}) % 1000) / 1000)::FLOAT" for n in range(STATIC_NUMBERS)]
    moving = [f"'t' || (hash(i, step, {n}) % {size})" for n, size in enumerate(LEVELS)]
    moving += [f"((hash(i, step, {n + 200}) % 1000) / 1000)::FLOAT" for n in range(NUMBERS)]
    named = groups()
    names = named["static_categorical"] + named["static_continuous"]
    names += named["temporal_categorical"] + named["temporal_continuous"]
    columns = [f"{sql} AS {name}" for sql, name in zip([*still, *moving], names, strict=True)]
    target = folder / "window=0" / f"category={CATEGORY}"
    target.mkdir(parents=True)
    # The hash of a number and a step decides everything, so that the table is the same each time.
    duckdb.connect(config={"memory_limit": "2GB"}).execute(f"""
        COPY (
            SELECT i // 30 AS customer_id, i % 30 AS item_id, step,
                CASE WHEN step < 24 THEN 'train' WHEN step = 24 THEN 'validation'
                     WHEN step = 25 THEN 'test' ELSE 'next' END AS split,
                CASE WHEN step < 26 THEN (hash(i, step, 99) % 10 = 0)::INT END AS purchased,
                {", ".join(columns)}
            FROM range({consumer_items}) AS rows(i), range({STEPS}) AS steps(step)
        ) TO '{target}/data_0.parquet' (FORMAT parquet)
    """)


def cost_of_one(folder: Path, memory_gb: float) -> dict[str, float]:
    """Read, fit a category's model in one epoch, and predict, all by the project's own route."""
    from contest.window_data import fit_vocabularies

    from promo_kedro.datasets import CheckpointsDataset
    from promo_kedro.pipelines.modelling.fitting import fit_model
    from promo_kedro.pipelines.modelling.parameters import ModellingParameters
    from promo_kedro.pipelines.modelling.prediction import predict
    from promo_kedro.pipelines.modelling.purchase_model import key, saved_models
    from promo_kedro.pipelines.modelling.reading import read_consumer_items
    from promo_kedro.pipelines.modelling.recipes import Common
    from promo_kedro.pipelines.modelling.tensors import FeatureGroups

    named = FeatureGroups.from_json(groups())
    parameters = ModellingParameters.model_validate(
        {
            "training": {"max_epochs": 1, "start": "scratch"},
            "compute": {"accelerator": "cpu", "threads": 1, "memory_gb": memory_gb},
        }
    )
    checkpoints = CheckpointsDataset(path=str(folder.parent / "checkpoints")).load()
    connection = ibis.duckdb.connect(memory_limit="2GB")
    features = connection.read_parquet(f"{folder}/*/*/*.parquet", hive_partitioning=True)

    costs: dict[str, float] = {}
    with _measured("read", costs):
        items = read_consumer_items(features, named, 0, CATEGORY, memory_gb=memory_gb)
    with _measured("train", costs):
        levels = fit_vocabularies(items, named)
        common = Common(0, named, levels, parameters, 1, checkpoints, {})
        model = fit_model(CATEGORY, items, common, CATEGORY)
    del items
    with _measured("score", costs):
        saved = saved_models({key(0, CATEGORY): model}, "random")
        predict(saved, features, parameters.compute)
    return costs


@contextmanager
def _measured(part: str, costs: dict[str, float]) -> Iterator[None]:
    """Add the seconds and the largest memory of some work to the costs."""
    started = time.perf_counter()
    with MemoryWatch() as watch:
        yield
        costs[f"{part}_seconds"] = time.perf_counter() - started
    costs[f"{part}_peak_gb"] = watch.peak_gb


def measure(sizes: list[int], memory_gb: float, threads: int) -> pd.DataFrame:
    """Measure each size in a process of its own.

    Returns:
        consumer_items, microseconds per consumer-item of each part, and the largest anonymous
        memory of each part and of the whole process.
    """
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            write_features(size, folder / "features")
            words = [sys.executable, HERE / "scaling.py", "--one", folder, "--memory-gb", memory_gb]
            whole = run_measured(words, folder / "log", threads=threads)
            found = json.loads((folder / "costs.json").read_text())
        per_item = {
            f"{part}_us_each": 1e6 * found[f"{part}_seconds"] / size
            for part in ("read", "train", "score")
        }
        peaks = {name: value for name, value in found.items() if name.endswith("_gb")}
        rows.append({"consumer_items": size, **per_item, **peaks, "peak_gb": whole.peak_gb})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--large", action="store_true", help="a million consumer-items as well")
    parser.add_argument("--memory-gb", type=float, default=MEMORY_GB, help="as compute.memory_gb")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        costs = cost_of_one(asked.one / "features", asked.memory_gb)
        (asked.one / "costs.json").write_text(json.dumps(costs))
        return
    sizes = asked.sizes + (LARGE if asked.large else [])
    print(measure(sizes, asked.memory_gb, asked.threads).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
