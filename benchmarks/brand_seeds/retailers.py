"""One simulated retailer per seed, brought through the whole experiment in a folder of its own."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from contest.project_runs import ProjectRun

# Baskets larger than the default world's, so that the medians of precision and recall are not zero.
DEMAND = {"visit": 0.8, "incidence": 0.2}


@dataclass(frozen=True)
class Outcome:
    """What the experiment said of one retailer.

    Attributes:
        assessment: ``brand_assessment``.
        runs: ``brand_runs``.
        truth: ``brand_truth``.
        privacy: ``brand_privacy``.
        winner: The run chosen on consumers who validate.
        sizing: The rule of size that runs are compared under.
    """

    assessment: pd.DataFrame
    runs: pd.DataFrame
    truth: pd.DataFrame
    privacy: pd.DataFrame
    winner: str
    sizing: str


def retailer(consumers: int, brands: int, weeks: int) -> dict[str, Any]:
    """Parameters of a retailer each of whose brands has an item."""
    return {
        "consumers": consumers,
        "brands": brands,
        "brand_items_at_least": 1,
        "items": max(96, 2 * brands),
        "weeks": weeks,
        # Brands are foretold from receipts; the log of every offer would be most of the data.
        "log_share_of_consumers": 0.01,
        "demand": DEMAND,
    }


def live_all(
    folder: Path,
    seeds: list[int],
    simulation: dict[str, Any],
    changes: dict[str, Any],
    threads: int,
    processes: int,
) -> dict[int, Outcome]:
    """Bring a retailer per seed through the experiment, some of them side by side."""

    def outcome_of(seed: int) -> Outcome:
        found = live_through(folder / f"seed_{seed}", seed, simulation, changes, threads)
        print(f"seed {seed} is through", flush=True)
        return found

    # Each seed's runs are processes of their own; the threads here wait for them.
    with ThreadPoolExecutor(processes) as pool:
        return dict(zip(seeds, pool.map(outcome_of, seeds), strict=True))


def live_through(
    folder: Path, seed: int, simulation: dict[str, Any], changes: dict[str, Any], threads: int
) -> Outcome:
    """Simulate a retailer and run the experiment on it; a retailer there already is kept."""
    run = ProjectRun(folder, folder / "raw", "base", threads)
    run.configure({"seed": seed, "simulation": simulation, **changes})
    card, told = folder / "retailer.json", json.dumps({"seed": seed, "simulation": simulation})
    if not card.exists() or card.read_text() != told:
        run.run("simulation")
        card.write_text(told)
    approve_every_second_brand(run.raw_dir)
    run.run("brands")
    return read_outcome(run)


def run_on(
    raw_dir: Path, folder: Path, environment: str, changes: dict[str, Any], threads: int
) -> Outcome:
    """Run the experiment on a retailer's own tables, into a folder of its own."""
    run = ProjectRun(folder, raw_dir, environment, threads)
    run.configure(changes)
    run.run("brands")
    return read_outcome(run)


def approve_every_second_brand(raw_dir: Path) -> None:
    """Approve every second brand in the order of lines sold, so that strata keep their shares.

    With nearly all brands approved, weights that lift the approved ones lift nothing.
    """
    items = pd.read_csv(raw_dir / "item_data.csv.gz", dtype=str, keep_default_na=False)
    lines = pd.read_csv(
        raw_dir / "customer_transaction_data.csv.gz", dtype=str, usecols=["item_id"]
    )
    sold = lines.merge(items, on="item_id")["brand"].value_counts()
    order = sold.rename("lines").rename_axis("brand").reset_index()
    order = order.sort_values(["lines", "brand"], ascending=[False, True])
    order[["brand"]].iloc[::2].to_csv(raw_dir / "approved_brands.csv", index=False)


def mapped(folders: list[Path]) -> Mapping[str, Path]:
    """Folders by their names.

    Raises:
        ValueError: Two of them have the same name.
    """
    named = {folder.resolve().name: folder.resolve() for folder in folders}
    if len(named) < len(folders):
        raise ValueError("two of the folders have the same name, and would share their results")
    return named


def read_outcome(run: ProjectRun) -> Outcome:
    """Read what an experiment left in its folder."""
    document = json.loads(run.file("brand_assessment_json").read_text())
    return Outcome(
        assessment=pd.read_csv(run.file("brand_assessment")),
        runs=pd.read_parquet(run.file("brand_runs")),
        truth=pd.read_csv(run.file("brand_truth")),
        privacy=pd.read_csv(run.file("brand_privacy")),
        winner=document["winner"],
        sizing=document["parameters"]["sizing"],
    )
