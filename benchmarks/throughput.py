"""Training throughput: our networks against Darts' and NeuralForecast's TCN.

Run it from the project's root: ``python benchmarks/throughput.py --peers .peers``.

The same random consumer-items for all, with the features of all four groups; the same kernel,
dilations, channels, batch size and threads. Contenders take turns, so that whatever else the
machine does hits all of them; every turn is a process of its own whose first epoch is warm-up.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from contest.memory import run_measured
from contest.peer_runs import PEERS, SCRIPTS, PeerSettings, install

HERE = Path(__file__).parent
OURS = ["ours", "figure1"]
SHAPE = {"static": 6, "temporal": 47, "steps": 24}
STATIC_LEVELS = [46, 12, 60, 2, 7, 3, 3, 6, 4, 13]
TEMPORAL_LEVELS = [53, 12, 4, 3]


def random_feed(consumer_items: int, path: Path) -> None:
    """Write random arrays of the shapes that the project's features have."""
    rng, n, steps = np.random.default_rng(1), consumer_items, SHAPE["steps"] + 2
    purchased = (rng.random((n, steps)) < 0.1).astype(np.float32)
    np.savez(
        path,
        purchased=purchased,
        counted=np.ones((n, SHAPE["steps"]), np.float32),
        deciders=np.arange(n // 8),
        learners=np.arange(n),
        static=rng.standard_normal((n, SHAPE["static"]), np.float32),
        temporal=rng.standard_normal((n, steps, SHAPE["temporal"]), np.float32),
        static_levels=rng.integers(0, STATIC_LEVELS, (n, len(STATIC_LEVELS)), np.int32),
        temporal_levels=rng.integers(0, TEMPORAL_LEVELS, (n, steps, 4), np.int32),
    )


def command(contender: str, interpreter: Path | None) -> list[str | Path] | None:
    """Return how a contender is started, or nothing where it is not installed."""
    if contender in OURS:
        return [sys.executable, "-m", "contest.our_network", contender]
    return [interpreter, SCRIPTS / PEERS[contender]] if interpreter else None


def turn(words: list[str | Path], feed: Path, settings: PeerSettings) -> list[float]:
    """Let a contender train; return the steps per second of every epoch after the first."""
    folder = Path(settings.folder)
    asked, answered = folder / "settings.json", folder / "answer.npz"
    asked.write_text(json.dumps(asdict(settings)))
    run_measured(
        [*words, feed, asked, answered], folder / "turn.log", cwd=HERE, threads=settings.threads
    )
    with np.load(answered) as answer:
        costs = json.loads(str(answer["costs"]))
    return [costs["epoch_cells"] / seconds for seconds in costs["epoch_seconds"][1:]]


def measure(
    interpreter: Path | None, consumer_items: int, rounds: int, threads: list[int]
) -> pd.DataFrame:
    """Let all contenders take turns.

    Returns:
        threads, contender, steps_per_second (median over epochs and rounds; NaN where the
        contender is not installed), and how many times faster ``ours`` and ``figure1`` are.
    """
    rows = []
    with tempfile.TemporaryDirectory() as made:
        folder, feed = Path(made), Path(made) / "feed.npz"
        random_feed(consumer_items, feed)
        for count in threads:
            speeds = _rounds(interpreter, feed, folder, rounds, count)
            middle = {name: median(found) if found else np.nan for name, found in speeds.items()}
            rows += [
                {
                    "threads": count,
                    "contender": name,
                    "steps_per_second": speed,
                    "ours_times_faster": middle["ours"] / speed,
                    "figure1_times_faster": middle["figure1"] / speed,
                }
                for name, speed in middle.items()
            ]
    return pd.DataFrame(rows)


def _rounds(
    interpreter: Path | None, feed: Path, folder: Path, rounds: int, threads: int
) -> dict[str, list[float]]:
    speeds: dict[str, list[float]] = {name: [] for name in [*OURS, *PEERS]}
    settings = PeerSettings(
        kernel_size=3,
        dilations=[1, 2, 4],
        channels=48,
        batch_size=256,
        max_epochs=3,
        stop_patience=3,
        learning_rate=1e-3,
        weight_decay=1e-5,
        threads=threads,
        seed=1,
        folder=str(folder),
    )
    for _ in range(rounds):
        for name in speeds:
            if words := command(name, interpreter):
                speeds[name] += turn(words, feed, settings)
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, default=HERE.parent / ".peers", metavar="FOLDER")
    parser.add_argument("--consumer-items", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    peers = install(asked.peers.absolute())
    table = measure(peers, asked.consumer_items, asked.rounds, asked.threads)
    print(table.round(2).to_string(index=False, na_rep="not installed"))


if __name__ == "__main__":
    main()
