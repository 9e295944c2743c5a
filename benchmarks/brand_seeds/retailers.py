"""One simulated retailer per seed, brought through the whole experiment in a folder of its own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from contest.project_runs import ProjectRun

# Baskets large enough that the medians of precision and recall are not zero.
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


def live_through(
    folder: Path, seed: int, simulation: dict[str, Any], changes: dict[str, Any], threads: int
) -> Outcome:
    """Simulate a retailer and run the experiment on it; what is there already is kept."""
    run = ProjectRun(folder, folder / "raw", "base", threads)
    run.configure({"seed": seed, "simulation": simulation, **changes})
    card, told = folder / "retailer.json", json.dumps({"seed": seed, "simulation": simulation})
    if not card.exists() or card.read_text() != told:
        run.run("simulation")
        card.write_text(told)
    run.run("brands")
    return read_outcome(run)


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
