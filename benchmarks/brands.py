"""The brand experiment: what a million consumers cost, and whether its goals hold over seeds.

Run it from the project's root:

``python benchmarks/brands.py scale [--consumers N] [--brands N]``
    lives a retailer in chunks, never as receipts in files, trains a network on a few of its
    consumers, and measures scoring, sizing and assessing the others by the project's own run.
    Chunks that have lived are found again in the folder.

``python benchmarks/brands.py seeds [--seeds N] [--processes N]``
    simulates a retailer per seed, runs the whole experiment on it, and prints the goals, misses
    first, and the tables per consumer and per brand. Every second brand is approved.

``python benchmarks/brands.py real --raw DIR [DIR ...]``
    runs the experiment on each folder of a retailer's own tables, into a folder of its own, and
    prints the same of each.
"""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
from brand_scale.layout import lay_out
from brand_scale.living import live, retailer_of
from brand_scale.measuring import configure, goals_of_scale, measure_parts
from brand_seeds.goals import LEVELS, goals, mean_figures
from brand_seeds.retailers import live_all, mapped, retailer, run_on
from contest.project_runs import ProjectRun

# Of some who live nothing is known before the test: no purchase, no demographics.
LIVED_PER_HUNDRED = 112
# Left out over seeds unless asked for: they are about resampling, not about the goals.
RESAMPLED = ["v2_bfc_over", "v2_bfc_under"]


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
    seeds = list(range(1, asked.seeds + 1))
    changes = _changes(asked)
    if not asked.all_runs:
        changes["brand_modelling"]["runs"] = dict.fromkeys(RESAMPLED)
    outcomes = live_all(asked.folder, seeds, simulation, changes, asked.threads, asked.processes)
    _show(f"goals over {asked.seeds} seeds", goals(outcomes), index=False)
    for level in LEVELS:
        _show(f"{level} level, mean over seeds", mean_figures(outcomes, level))


def measure_real(asked: argparse.Namespace) -> None:
    """Run the experiment on a retailer's own tables; without a truth nothing is judged of it."""
    for name, raw_dir in mapped(asked.raw).items():
        print(f"{name} …", flush=True)
        changes = {"seed": asked.seed, **_changes(asked)}
        outcome = run_on(raw_dir, asked.folder / name, asked.env, changes, asked.threads)
        _show(f"{name}: goals, seed {asked.seed}", goals({name: outcome}, 1), index=False)
        for level in LEVELS:
            _show(f"{name}: {level} level", mean_figures({name: outcome}, level))


def _changes(asked: argparse.Namespace) -> dict[str, Any]:
    changes: dict[str, Any] = {"threads": asked.threads, "accelerator": "cpu"}
    if asked.epochs:
        changes["training"] = {"max_epochs": asked.epochs}
    return {"brand_modelling": changes}


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
    seeds.add_argument("--processes", type=int, default=2, help="seeds side by side")
    seeds.add_argument("--all-runs", action="store_true", help="over- and under-sampling too")
    seeds.add_argument("--folder", type=Path, default=Path("data/benchmark/brand_seeds"))
    seeds.set_defaults(measure=measure_seeds)
    real = parts.add_parser("real", help="the same on your own tables")
    real.add_argument("--raw", type=Path, nargs="+", required=True, help="folders of raw tables")
    real.add_argument("--env", default="base", help="the configuration")
    real.add_argument("--seed", type=int, default=1)
    real.add_argument("--folder", type=Path, default=Path("data/benchmark/brand_real"))
    real.set_defaults(measure=measure_real)
    for part in (seeds, real):
        part.add_argument("--epochs", type=int, help="at most; the configuration's otherwise")
    for part, threads in ((scale, 2), (seeds, 1), (real, 2)):
        part.add_argument(
            "--threads", type=int, default=threads, help="of numerical libraries, in each process"
        )
    asked = parser.parse_args()
    asked.folder = asked.folder.resolve()
    asked.measure(asked)


if __name__ == "__main__":
    main()
