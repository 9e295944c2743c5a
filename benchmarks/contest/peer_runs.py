"""Darts and NeuralForecast on the same rows, in an environment of their own."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contest.memory import run_measured
from contest.project_runs import PROJECT
from contest.window_data import WindowData, scored_steps, standardised
from promo_kedro.types import Array

SCRIPTS = PROJECT / "benchmarks" / "peers"
PEERS = {"darts_tcn": "darts_tcn.py", "neuralforecast_tcn": "neuralforecast_tcn.py"}
SMALLEST = 1e-7


@dataclass(frozen=True)
class PeerSettings:
    """What a peer is told; the size is that of our network, see ``peers/feed.py``."""

    kernel_size: int
    dilations: list[int]
    channels: int
    batch_size: int
    max_epochs: int
    stop_patience: int
    learning_rate: float
    weight_decay: float
    threads: int
    seed: int
    folder: str


@dataclass(frozen=True)
class PeerAnswer:
    """Logits (n, 2) of the validation and the test step, and what they cost."""

    logit: Array
    costs: dict[str, Any]
    peak_gb: float


def install(environment: Path) -> Path | None:
    """Make the peers' environment where it is absent.

    Returns:
        Its interpreter, or nothing where it cannot be made: the benchmark then goes on without.
    """
    interpreter = environment / "bin" / "python"
    if interpreter.exists():
        return interpreter
    print(f"Making the peers' environment in {environment} (some minutes).", flush=True)
    pip = [str(interpreter), "-m", "pip", "install", "--quiet"]
    try:
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run([*pip, "-r", str(SCRIPTS / "requirements.txt")], check=True)
    except subprocess.CalledProcessError as error:
        print(f"Peers are not installed: {error}", flush=True)
        return None
    return interpreter


def write_feed(data: WindowData, learners: Array, limit: float, path: Path) -> None:
    """Write what our networks read, in the peers' form."""
    stop = scored_steps(data.items)[-1] + 1
    seen = data.inputs.steps(0, stop)
    training = slice(0, data.lesson.training_steps)
    static, temporal = seen.static_continuous.numpy(), seen.temporal_continuous.numpy()
    np.savez(
        path,
        purchased=data.items.purchased[:, :stop].astype(np.float32),
        counted=data.lesson.counted.numpy(),
        deciders=np.intersect1d(data.lesson.deciders.numpy(), learners),
        learners=learners,
        static=standardised(static, static, limit),
        temporal=standardised(temporal, temporal[:, training], limit),
        static_levels=seen.static_categorical.numpy(),
        temporal_levels=seen.temporal_categorical.numpy(),
    )


def ask_peer(
    name: str, interpreter: Path, feed: Path, settings: PeerSettings, folder: Path
) -> PeerAnswer:
    """Let a peer fit and predict.

    Raises:
        CommandError: It failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    asked, answered = folder / f"{name}.json", folder / f"{name}.npz"
    asked.write_text(json.dumps(asdict(settings)))
    command = [interpreter, SCRIPTS / PEERS[name], feed, asked, answered]
    cost = run_measured(command, folder / f"{name}.log", cwd=folder, threads=settings.threads)
    with np.load(answered) as answer:
        probability = np.clip(answer["probability"].astype(np.float64), SMALLEST, 1 - SMALLEST)
        costs = json.loads(str(answer["costs"]))
    return PeerAnswer(np.log(probability / (1 - probability)), costs, cost.peak_gb)
