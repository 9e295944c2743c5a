"""The purchase model against LightGBM, Darts, NeuralForecast and plain baselines, in one run.

Run it from the project's root: ``make bench``, or ``python benchmarks/modelling.py --help``.
How to read what it prints: docs/benchmark.md.
"""

import argparse
import os
from pathlib import Path

import cutoffs
import pandas as pd
import scaling
import throughput
from contest.cells import PeerPlan, candidate_names, rows_of_cell, windows_made
from contest.goals import cells_lost_first, goals, goals_table, trees_of
from contest.peer_runs import PEERS, install
from contest.project_runs import PROJECT, ProjectRun
from contest.scores import scored
from contest.tuning import parameters_in, tuned_network, tuned_trees
from omegaconf import OmegaConf

SIMULATED, OWN = "simulated", "own"
SCORES = [
    "log_loss",
    "skill_prevalence",
    "skill_truth",
    "average_precision",
    "ece",
    "f1_pooled",
    "f1_consumers",
    "f1_of_truth",
]
PEER_EPOCHS = 10
COSTS = ["fit_seconds", "series_per_second", "peak_gb"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--folder", type=Path, default=PROJECT / "data" / "benchmark", help="of its own results")
    add("--env", default="full", help="the project's configuration that is raced")
    add("--network", help="the recipe judged as our network alone; the first when not given")
    add("--consumers", type=int, default=200, help="of the simulated retailer")
    add("--seeds", type=int, nargs="+", default=[1, 2, 3])
    add("--windows", type=int, default=3)
    add("--raw-dir", type=Path, help="also your own tables, such as ../shared/data/online_retail")
    add("--max-epochs", type=int, help="of all networks; the configuration's when not given")
    add("--trials", type=int, default=0, help="of each search, ours and LightGBM's; 0: none")
    add("--threads", type=int, default=os.cpu_count() or 1)
    add("--peers", type=Path, default=PROJECT / ".peers", help="environment, made when absent")
    add("--peer-names", nargs="*", default=list(PEERS), choices=list(PEERS))
    add(
        "--peer-consumer-items", type=int, default=2500, help="the peers learn from at most so many"
    )
    add("--only", nargs="+", choices=["scores", "throughput", "cutoffs", "scaling"])
    add("--large", action="store_true", help="scaling up to a million consumer-items")
    add("--by-category", action="store_true", help="print every category's scores too")
    asked = parser.parse_args()
    if not (PROJECT / "conf" / asked.env).is_dir():
        parser.error(f"there is no configuration conf/{asked.env}; --env=base is the default one")
    return asked


def main() -> None:
    asked = arguments()
    parts = set(asked.only or ["scores", "throughput", "cutoffs", "scaling"])
    os.environ.setdefault("COLUMNS", "200")
    pd.set_option("display.width", 250, "display.max_columns", 50, "display.max_rows", 1000)
    wants_peers = asked.peer_names and parts & {"scores", "throughput"}
    interpreter = install(asked.peers.absolute()) if wants_peers else None
    scores = race(asked, interpreter) if "scores" in parts else None
    speed = scale = seconds = None
    if "throughput" in parts:
        speed = throughput.measure(interpreter, 4096, 2, sorted({1, asked.threads}))
        show("Training throughput, steps per second", speed)
    if "cutoffs" in parts:
        seconds = cutoffs.measure(1_000_000, asked.threads, repeats=2)["seconds"]
    if "scaling" in parts:
        sizes = scaling.SIZES + (scaling.LARGE if asked.large else [])
        scale = scaling.measure(sizes, scaling.MEMORY_GB, 1)
        show("Cost against consumer-items", scale)
    if scores is None:
        scores = pd.DataFrame(columns=["data", "seed", "window", "candidate", *SCORES])
    network = asked.network or next(iter(parameters_in(PROJECT / "conf", asked.env).recipes))
    judged = goals(scores, network, speed, seconds, scale)
    show("Goals", goals_table(judged))


def race(asked: argparse.Namespace, interpreter: Path | None) -> pd.DataFrame:
    """Run all cells, print them as they come, and return the scores over all categories."""
    found = []
    for seed in asked.seeds:
        for data in [SIMULATED, *([OWN] if asked.raw_dir else [])]:
            found.append(race_seed(asked, interpreter, data, seed))
    every = pd.concat(found, ignore_index=True)
    every.to_csv(asked.folder / "scores.csv", index=False)
    scores = every[every["category"] == "All"]
    absent = [name for name in asked.peer_names if name not in set(scores["candidate"])]
    for name in absent:
        print(f"{name}: {'no answer' if interpreter else 'not installed'}")
    if asked.by_category:
        for keys, cell in every.groupby(["data", "seed", "window", "category"]):
            show(" ".join(map(str, keys)), cell[["candidate", "rows", "positives", *SCORES]])
    show(
        f"Log loss below {trees_of(scores)}'s, percent: every cell, the lost ones first",
        cells_lost_first(scores).reset_index(),
    )
    means = scores.groupby(["data", "candidate"])[[*SCORES, *COSTS]].mean()
    show("Means over cells", means.sort_values(["data", "log_loss"]).reset_index())
    return scores


def race_seed(
    asked: argparse.Namespace, interpreter: Path | None, data: str, seed: int
) -> pd.DataFrame:
    """Make one seed's world, train in it, and score all its windows."""
    run = prepared(asked, data, seed)
    print(f"{data}, seed {seed}: training", flush=True)
    cost = run.run("modelling")
    print(f"{data}, seed {seed}: {cost.seconds:.0f} s, {cost.peak_gb:.2f} GB", flush=True)
    plan = PeerPlan(
        interpreter, asked.peer_names, asked.peer_consumer_items, asked.max_epochs or PEER_EPOCHS
    )
    cells = [race_cell(run, window, plan, seed) for window in windows_made(run)]
    return pd.concat(cells, ignore_index=True).assign(data=data, seed=seed)


def race_cell(run: ProjectRun, window: int, plan: PeerPlan, seed: int) -> pd.DataFrame:
    """Score one window, over all categories and in each; print the former."""
    rows, costs = rows_of_cell(run, window, plan, seed)
    names = candidate_names(rows)
    spent = pd.DataFrame.from_dict(costs, orient="index", columns=COSTS)
    whole = scored(rows, names).join(spent, on="candidate").assign(category="All")
    head = whole.iloc[0]
    show(
        f"{run.folder.name}, window {window}: {head['rows']:,} rows, {head['positives']:,} "
        f"purchases, prevalence {head['prevalence']:.4f}; peers learnt from "
        f"{min(plan.consumer_items, len(rows)):,} consumer-items",
        whole.sort_values("log_loss", ascending=False)[["candidate", *SCORES, *COSTS]],
    )
    by_category = [
        scored(part, names).assign(category=category) for category, part in rows.groupby("category")
    ]
    return pd.concat([whole, *by_category], ignore_index=True).assign(window=window)


def prepared(asked: argparse.Namespace, data: str, seed: int) -> ProjectRun:
    """Make the features of one seed, and tune on its oldest window where asked to."""
    folder = asked.folder.absolute() / f"{data}-seed-{seed}"
    raw_dir = folder / "raw" if data == SIMULATED else asked.raw_dir.absolute()
    run = ProjectRun(folder, raw_dir, asked.env, asked.threads)
    changes = OmegaConf.create(
        {
            "seed": seed,
            "simulation": {"consumers": asked.consumers},
            "data_engineering": {"panel": {"windows": asked.windows}},
            "modelling": {"compute": {"accelerator": "cpu", "threads": asked.threads}},
        }
    )
    if asked.max_epochs:
        changes = OmegaConf.merge(
            changes, {"modelling": {"training": {"max_epochs": asked.max_epochs}}}
        )
    run.configure(changes)
    if data == SIMULATED:
        run.run("simulation")
    run.run("data_engineering")
    if asked.trials:
        changes.modelling.search = {"trials": asked.trials, "minutes": None}
        run.configure(changes)
        found = OmegaConf.merge(tuned_trees(run, asked.trials, seed), tuned_network(run))
        run.configure(OmegaConf.merge(changes, found))
    return run


def show(title: str, table: pd.DataFrame) -> None:
    print(f"\n{title}\n{table.round(4).to_string(index=False, na_rep='–')}", flush=True)


if __name__ == "__main__":
    main()
