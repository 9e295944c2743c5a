"""The brand experiment: what a million consumers cost, and whether its goals hold over seeds.

Run it from the project's root:

``python benchmarks/brands.py scale [--consumers N] [--brands N]``
    lives a retailer in chunks, never as receipts in files, trains a network on a few of its
    consumers, and measures scoring, sizing and assessing the others by the project's own run.
    Chunks that have lived are found again in the folder.

``python benchmarks/brands.py seeds [--seeds N]``
    simulates a retailer per seed, runs the whole experiment on it, and prints the tables per
    consumer and per brand and the goals, misses first.
"""

import argparse
from pathlib import Path

import pandas as pd
from brand_scale.layout import lay_out
from brand_scale.living import live, retailer_of
from brand_scale.measuring import configure, goals_of_scale, measure_parts
from brand_seeds.goals import LEVELS, goals, mean_figures
from brand_seeds.retailers import live_through, retailer
from contest.project_runs import ProjectRun

# Of some who live nothing is known before the test: no purchase, no demographics.
LIVED_PER_HUNDRED = 112


def measure_scale(asked: argparse.Namespace) -> None:
    """Live, lay out, train, and measure the rest."""
    run = ProjectRun(asked.folder, asked.folder / "raw", "base", asked.threads)
    configure(run, asked.threads, asked.seed, asked.epochs)
    lived = asked.consumers * LIVED_PER_HUNDRED // 100
    data = run.parameters()["brand_data"]
    large = retailer_of(lived, asked.learners, asked.brands, asked.seed, data)
    seconds = live(large, asked.folder / "parts", asked.processes)
    brands = lay_out(large, asked.folder / "parts", run, asked.consumers)
    approved = int(brands["approved"].sum())
    print(f"{lived:,} consumers lived ({seconds:.0f} s now), {approved} brands are approved")
    table = measure_parts(run, trained=False)
    _show("cost of each part, its start included", table, index=False)
    _show("goals", goals_of_scale(table, asked.consumers, approved), index=False)


def measure_seeds(asked: argparse.Namespace) -> None:
    """Run the experiment for each seed, and print what came out."""
    simulation = retailer(asked.consumers, asked.brands, asked.weeks)
    changes = {"brand_modelling": {"threads": asked.threads, "accelerator": "cpu"}}
    outcomes = {}
    for seed in range(1, asked.seeds + 1):
        print(f"seed {seed} …", flush=True)
        folder = asked.folder / f"seed_{seed}"
        outcomes[seed] = live_through(folder, seed, simulation, changes, asked.threads)
    _show(f"goals over {asked.seeds} seeds", goals(outcomes), index=False)
    for level in LEVELS:
        _show(f"{level} level, mean over seeds", mean_figures(outcomes, level))


def _show(title: str, table: pd.DataFrame, index: bool = True) -> None:
    print(f"\n{title}\n{table.round(3).to_string(index=index, na_rep='')}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(required=True)
    scale = parts.add_parser("scale", help="cost of many consumers × brands")
    scale.add_argument("--consumers", type=int, default=1_000_000, help="those judged")
    scale.add_argument("--brands", type=int, default=500)
    scale.add_argument("--learners", type=int, default=20_000, help="those who train or validate")
    scale.add_argument("--processes", type=int, default=2, help="for living; memory of each: 1 GB")
    scale.add_argument("--epochs", type=int, default=10, help="at most; scoring costs the same")
    scale.add_argument("--seed", type=int, default=1)
    scale.add_argument("--folder", type=Path, default=Path("data/benchmark/brand_scale"))
    scale.set_defaults(measure=measure_scale)
    seeds = parts.add_parser("seeds", help="quality and goals over several retailers")
    seeds.add_argument("--seeds", type=int, default=5)
    seeds.add_argument("--consumers", type=int, default=4_000)
    seeds.add_argument("--brands", type=int, default=250)
    seeds.add_argument("--weeks", type=int, default=52)
    seeds.add_argument("--folder", type=Path, default=Path("data/benchmark/brand_seeds"))
    seeds.set_defaults(measure=measure_seeds)
    for part in (scale, seeds):
        part.add_argument("--threads", type=int, default=2, help="of numerical libraries")
    asked = parser.parse_args()
    asked.folder = asked.folder.resolve()
    asked.measure(asked)


if __name__ == "__main__":
    main()
