"""One cell of the benchmark: a seed's window, with every candidate on the same rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from contest.calibrated import calibrated
from contest.memory import CommandError
from contest.peer_runs import PeerSettings, ask_peer, write_feed
from contest.pooled_trees import NAME as TREES
from contest.pooled_trees import fit_pooled_trees
from contest.project_runs import ProjectRun
from contest.truth import true_probabilities
from contest.tuning import parameters_of
from contest.window_data import WindowData, read_window
from promo_kedro.pipelines.evaluation.comparison import side_by_side
from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.types import Array

KEYS = ["customer_id", "item_id"]
SMALLEST_BATCH = 16
POOLED = "pooled"
CANDIDATES, IN_USE = "candidate_probabilities", "purchase_probabilities"


@dataclass(frozen=True)
class PeerPlan:
    """How the peers take part.

    Attributes:
        interpreter: Of their environment; nothing where they are not installed.
        names: Which of them.
        consumer_items: They learn from at most so many, and are scored on all.
        max_epochs: They stop there at the latest.
    """

    interpreter: Path | None
    names: list[str]
    consumer_items: int
    max_epochs: int


def windows_made(run: ProjectRun) -> list[int]:
    """Return the windows that the data could fill."""
    table = pd.read_parquet(run.file(CANDIDATES))
    return sorted(int(window) for window in table["window"].unique())


def complete(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the candidates that answered every row; say which ones did not.

    So all are scored on the same rows, and nobody is credited with another's answers.
    """
    lacking = table.isna().sum()
    for name, count in lacking[lacking > 0].items():
        print(f"{name}: no answer for {count:,} of {len(table):,} rows, so it is left out")
    return table.loc[:, lacking == 0]


def fit_costs(run: ProjectRun, window: int, series: int) -> dict[str, dict[str, float]]:
    """Return what training our networks took: seconds of all epochs of all categories."""
    history = pd.read_parquet(run.file("training_history"))
    history = history[history["window"] == window]
    pooled = history["category"] == POOLED
    seconds = history[~pooled].groupby("recipe")["seconds"].sum()
    return {POOLED: {"fit_seconds": history.loc[pooled, "seconds"].sum()}} | {
        name: {"fit_seconds": spent, "series_per_second": series / spent}
        for name, spent in seconds.items()
    }


def ask_peers(
    run: ProjectRun, window: int, data: WindowData, plan: PeerPlan, seed: int
) -> Iterator[tuple[str, Array, dict[str, float]]]:
    """Let the peers fit and predict on this window's rows.

    Yields:
        A peer's name; its calibrated probabilities of the test step; its costs.
    """
    if plan.interpreter is None or not plan.names:
        return
    parameters = parameters_of(run)
    folder = run.folder / "peers" / f"window-{window}"
    folder.mkdir(parents=True, exist_ok=True)
    learners = _learners(len(data.items), plan.consumer_items, seed)
    feed = folder / "feed.npz"
    write_feed(data, learners, parameters.network.input_limit, feed)
    settings = _settings(parameters, plan, len(learners), run.threads, seed, folder)
    for name in plan.names:
        try:
            answer = ask_peer(name, plan.interpreter, feed, settings, folder)
        except CommandError as error:
            print(f"{name}, seed {seed}, window {window}: no answer.\n{error}", flush=True)
            continue
        probability = calibrated(answer.logit, data, parameters.calibration)
        costs = {
            "fit_seconds": answer.costs["fit_seconds"],
            "series_per_second": len(learners) / answer.costs["fit_seconds"],
            "peak_gb": answer.peak_gb,
        }
        yield name, probability, costs
    feed.unlink()


def rows_of_cell(
    run: ProjectRun, window: int, plan: PeerPlan, seed: int
) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Return every candidate's probabilities side by side, and what each one cost.

    The table is that of the evaluation's ``side_by_side``, with the candidates of the benchmark.
    """
    candidates, in_use = (
        table[table["window"] == window]
        for table in map(pd.read_parquet, (run.file(CANDIDATES), run.file(IN_USE)))
    )
    candidates = candidates[candidates["candidate"] != TREES]  # made anew, with costs
    rows = side_by_side(candidates, in_use, true_probabilities(run, in_use, seed))
    costs = fit_costs(run, window, len(rows))
    parameters = parameters_of(run)
    data = read_window(run.data_dir, window, parameters)
    answers = pd.DataFrame({key: getattr(data.items, key) for key in KEYS})
    answers[TREES], costs[TREES] = fit_pooled_trees(data, parameters, run.threads, seed)
    for name, probability, spent in ask_peers(run, window, data, plan, seed):
        answers[name], costs[name] = probability, spent
    return complete(rows.join(answers.set_index(KEYS), on=KEYS, validate="one_to_one")), costs


def _learners(count: int, most: int, seed: int) -> Array:
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _settings(
    parameters: ModellingParameters,
    plan: PeerPlan,
    learners: int,
    threads: int,
    seed: int,
    folder: Path,
) -> PeerSettings:
    """Give the peers our network's size and our recipe's rates."""
    network, training = parameters.network, parameters.training
    return PeerSettings(
        kernel_size=network.kernel_size,
        dilations=list(network.dilations),
        channels=network.channels,
        batch_size=min(training.batch_size, max(SMALLEST_BATCH, learners // training.min_batches)),
        max_epochs=plan.max_epochs,
        stop_patience=training.stop_patience,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        threads=threads,
        seed=seed,
        folder=str(folder),
    )
