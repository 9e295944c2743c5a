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
from contest.cells import PeerPlan, rows_of_cell, windows_made
from contest.goals import cells_lost_first, goals, goals_table, trees_of
from contest.peer_runs import PEERS, install
from contest.project_runs import ONLY_HERE, PROJECT, ProjectRun, parameters_in
from contest.scores import scored
from contest.tuning import tuned_network, tuned_trees
from omegaconf import OmegaConf

from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.pipelines.thresholding.parameters import ThresholdingParameters

SIMULATED = "simulated"
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
    add("--raw-dir", type=Path, nargs="+", default=[], help="folders of your own tables, as well")
    add("--max-epochs", type=int, help="of all networks; the configuration's when not given")
    add("--trials", type=int, default=8, help="of each search, ours and LightGBM's; 0: none")
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
    names = [SIMULATED, *(folder.resolve().name for folder in asked.raw_dir)]
    if len(set(names)) < len(names):
        parser.error(f"--raw-dir: folders need names of their own, none of them {SIMULATED}")
    if asked.env == ONLY_HERE:
        parser.error(f"conf/{ONLY_HERE} takes no part in the benchmark")
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
    judged = goals(scores, network_of(asked), speed, seconds, scale, asked.trials)
    show("Goals", goals_table(judged))


def network_of(asked: argparse.Namespace) -> str:
    """Return the recipe that is judged as our network alone."""
    if asked.network:
        return str(asked.network)
    raced = parameters_in(PROJECT / "conf", asked.env)
    return next(iter(ModellingParameters.model_validate(raced["modelling"]).recipes))


def race(asked: argparse.Namespace, interpreter: Path | None) -> pd.DataFrame:
    """Run all cells, print them as they come, and return the scores over all categories."""
    found = []
    for seed in asked.seeds:
        for raw_dir in [None, *asked.raw_dir]:
            found.append(race_seed(asked, interpreter, raw_dir, seed))
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
    asked: argparse.Namespace, interpreter: Path | None, raw_dir: Path | None, seed: int
) -> pd.DataFrame:
    """Make one seed's world (or read tables), train in it, and score all its windows."""
    data = raw_dir.resolve().name if raw_dir else SIMULATED
    run = prepared(asked, data, raw_dir, seed)
    print(f"{data}, seed {seed}: training", flush=True)
    cost = run.run("modelling")
    print(f"{data}, seed {seed}: {cost.seconds:.0f} s, {cost.peak_gb:.2f} GB", flush=True)
    plan = PeerPlan(
        interpreter, asked.peer_names, asked.peer_consumer_items, asked.max_epochs or PEER_EPOCHS
    )
    cells = [race_cell(run, window, plan, seed) for window in windows_made(run)]
    return pd.concat(cells, ignore_index=True).assign(data=data, seed=seed)


def race_cell(run: ProjectRun, window: int, plan: PeerPlan, seed: int) -> pd.DataFrame:
    """Score one window, over all categories and in each; print the former scores."""
    rows, costs = rows_of_cell(run, window, plan, seed)
    thresholding = ThresholdingParameters.model_validate(run.parameters()["thresholding"])
    spent = pd.DataFrame.from_dict(costs, orient="index", columns=COSTS)
    scores = scored(rows, thresholding).join(spent, on="candidate")
    whole = scores[scores["category"] == "All"]
    head = whole.iloc[0]
    show(
        f"{run.folder.name}, window {window}: {head['rows']:,} rows, {head['positives']:,} "
        f"purchases, prevalence {head['prevalence']:.4f}; peers learnt from "
        f"{min(plan.consumer_items, len(rows)):,} consumer-items",
        whole.sort_values("log_loss", ascending=False)[["candidate", *SCORES, *COSTS]],
    )
    return scores


def prepared(asked: argparse.Namespace, data: str, raw_dir: Path | None, seed: int) -> ProjectRun:
    """Make the features of one seed, and tune on its oldest window where asked to."""
    folder = asked.folder.absolute() / f"{data}-seed-{seed}"
    tables = raw_dir.absolute() if raw_dir else folder / "raw"
    run = ProjectRun(folder, tables, asked.env, asked.threads)
    compute = {"accelerator": "cpu", "threads": asked.threads, "tree_threads": asked.threads}
    changes = OmegaConf.create(
        {
            "seed": seed,
            "simulation": {"consumers": asked.consumers},
            "data_engineering": {"panel": {"windows": asked.windows}},
            "modelling": {"compute": compute},
        }
    )
    if asked.max_epochs:
        changes = OmegaConf.merge(
            changes, {"modelling": {"training": {"max_epochs": asked.max_epochs}}}
        )
    run.configure(changes)
    if raw_dir is None:
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
