"""A retailer too large for files: its consumers live in chunks, of which brand tables remain.

The first consumers are those who learn: their tables have every snapshot but the coming one. All
others are judged, at the test snapshot alone, so nothing of them is made for any other.
"""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import ibis
import pandas as pd

from promo_kedro.pipelines.data_engineering.brands.parameters import BrandDataParameters
from promo_kedro.world import SimulationParameters

TABLES = ["brand_features", "brand_history", "brand_purchases"]
WEEKS, ITEMS_PER_BRAND = 20, 1.2


@dataclass(frozen=True)
class Retailer:
    """A world and who in it learns.

    Attributes:
        world: The world's parameters.
        learners: How many consumers, the first ones, learn.
        data: How the brand tables are made.
        seed: The world's seed.
    """

    world: SimulationParameters
    learners: int
    data: BrandDataParameters
    seed: int

    @property
    def snapshots(self) -> pd.DataFrame:
        """All snapshots, the coming one included, as the project lays them out."""
        from promo_kedro.pipelines.data_engineering.brands.snapshots import snapshots_of

        return snapshots_of(self.world.end_date, self.world.steps, self.data)

    def snapshots_for(self, rows: range) -> pd.DataFrame:
        """The snapshots that the tables of some consumers need."""
        snapshots = self.snapshots
        learns = rows.start < self.learners
        return snapshots[snapshots["use"].isin(["train", "test"] if learns else ["test"])]

    def chunks(self) -> list[range]:
        """Consumers who live together; none of them holds learners and others."""
        size, learners, consumers = (
            self.world.consumers_per_chunk,
            self.learners,
            self.world.consumers,
        )
        starts = [*range(0, learners, size), *range(learners, consumers, size), consumers]
        return [range(start, end) for start, end in pairwise(starts)]


def retailer_of(
    lived: int, learners: int, brands: int, seed: int, data: dict[str, Any], weeks: int = WEEKS
) -> Retailer:
    """A retailer with so many brands, each with an item; usual in everything else.

    Args:
        lived: Consumers besides the learners.
        learners: How many consumers learn.
        brands: How many brands there are.
        seed: The world's seed.
        data: The parameters ``brand_data``.
        weeks: How long they live.
    """
    world = SimulationParameters(
        consumers=lived + learners,
        items=max(96, round(brands * ITEMS_PER_BRAND)),
        brands=brands,
        brand_items_at_least=1,
        weeks=weeks,
    )
    return Retailer(world, learners, BrandDataParameters.model_validate(data), seed)


def live(retailer: Retailer, folder: Path, processes: int) -> float:
    """Let all consumers live and write their tables in parts; parts already there are kept.

    Returns:
        Seconds taken.

    Raises:
        ValueError: The parts there are of another retailer.
    """
    started = time.perf_counter()
    _claim(folder, retailer)
    for table in [*TABLES, "consumers"]:
        (folder / table).mkdir(parents=True, exist_ok=True)
    waiting = [rows for rows in retailer.chunks() if not _last_part(folder, rows).exists()]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(write_part, retailer, rows, folder) for rows in waiting]
        for done, task in enumerate(tasks, start=1):
            task.result()
            if done % 20 == 0 or done == len(tasks):
                seconds = time.perf_counter() - started
                print(f"{done} of {len(tasks)} chunks lived in {seconds:.0f} s", flush=True)
    return time.perf_counter() - started


def write_part(retailer: Retailer, rows: range, folder: Path) -> None:
    """Let some consumers live, and write their brand tables by the project's own functions."""
    from promo_kedro.pipelines.data_engineering.brands import nodes
    from promo_kedro.pipelines.data_engineering.brands.history import history_of
    from promo_kedro.world.clean import clean_chunks, clean_items

    (chunk,) = clean_chunks(retailer.world, retailer.seed, [rows])
    connection = ibis.duckdb.connect(threads=1, memory_limit="1GB")
    transactions = connection.create_table("transactions", chunk.transactions)
    consumers = connection.create_table("consumers", chunk.consumers)
    items = connection.create_table("items", clean_items(retailer.world, retailer.seed))
    snapshots, data = retailer.snapshots_for(rows), retailer.data
    features = nodes.make_brand_features(transactions, items, consumers, snapshots, data)
    features = connection.create_table("features", features)
    made = {
        "brand_features": features,
        "brand_history": history_of(transactions, items, snapshots, data.quarter_steps),
        "brand_purchases": nodes.make_brand_purchases(
            transactions, items, features, snapshots, data
        ),
        "consumers": consumers.select("customer_id"),
    }
    for name, table in made.items():
        _write(table, _part(folder, name, rows))


def parts_of(folder: Path, table: str, retailer: Retailer) -> Iterator[tuple[range, Path]]:
    """The parts of a table with their consumers, in the consumers' order."""
    for rows in retailer.chunks():
        yield rows, _part(folder, table, rows)


def _claim(folder: Path, retailer: Retailer) -> None:
    """Write down of whom the parts are, or compare it with what is written."""
    # Roles and the list of brands are made later, of whatever parts there are.
    told = {
        "world": retailer.world.model_dump(mode="json"),
        "learners": retailer.learners,
        "seed": retailer.seed,
        "data": retailer.data.model_dump(exclude={"roles", "min_buyers", "strata"}),
    }
    card = folder / "retailer.json"
    if not card.exists():
        folder.mkdir(parents=True, exist_ok=True)
        card.write_text(json.dumps(told))
    elif json.loads(card.read_text()) != json.loads(json.dumps(told)):
        raise ValueError(f"{folder} holds parts of another retailer: remove it, or take another")


def _part(folder: Path, table: str, rows: range) -> Path:
    return folder / table / f"{rows.start:09d}-{rows.stop:09d}.parquet"


def _last_part(folder: Path, rows: range) -> Path:
    return _part(folder, "consumers", rows)


def _write(table: ibis.Table, path: Path) -> None:
    unfinished = path.with_suffix(".unfinished")
    table.to_parquet(unfinished)
    os.replace(unfinished, path)
