"""Each measurement runs in a process of its own, within a time and a memory of its own."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contest.memory import anonymous_gb, thread_limits

ENTRY = Path(__file__).parents[1] / "optimization.py"
INTERVAL = 0.05
OUT_OF_TIME, OUT_OF_MEMORY, FAILED = "out of time", "out of memory", "failed"


@dataclass(frozen=True)
class Limits:
    """What a process may take before it is ended, and on how many threads it works."""

    seconds: float
    gb: float
    threads: int


def measured(task: dict[str, Any], folder: Path, limits: Limits) -> dict[str, Any]:
    """Run a task in a process of its own and return what it measured.

    Returns:
        What the process wrote, and ``outcome``: ok, or why there is nothing; ``peak_gb``, the most
        memory that it was seen to hold; ``at_least``, the seconds that the latest run of one who
        ran out of time had taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    answer, begun = folder / "answer.json", folder / "begun"
    for old in (answer, begun):
        old.unlink(missing_ok=True)
    asked = {**task, "begun": str(begun)}
    names = {**thread_limits(limits.threads), "NUMBA_NUM_THREADS": str(limits.threads)}
    with (folder / "log").open("w") as words:
        process = subprocess.Popen(
            [sys.executable, ENTRY, "--task", json.dumps(asked), "--answer", answer],
            stdout=words,
            stderr=subprocess.STDOUT,
            env={**os.environ, **names},
        )
        outcome, peak = _watched(process, limits)
    ended = time.time()
    if outcome == "ok" and not answer.exists():
        outcome = f"{FAILED}: {_last_line(folder / 'log')[:60]}"
    found = json.loads(answer.read_text()) if outcome == "ok" else {}
    if outcome == OUT_OF_TIME and begun.exists():
        found = {"at_least": ended - begun.stat().st_mtime}
    return {**task, "peak_gb": peak, **found, "outcome": outcome}


def _watched(process: subprocess.Popen, limits: Limits) -> tuple[str, float]:
    started, peak = time.monotonic(), 0.0
    while process.poll() is None:
        peak = max(peak, anonymous_gb(process.pid))
        late = time.monotonic() - started > limits.seconds
        if late or peak > limits.gb:
            process.kill()
            process.wait()
            return (OUT_OF_TIME if late else OUT_OF_MEMORY), peak
        time.sleep(INTERVAL)
    return "ok", peak


def _last_line(log: Path) -> str:
    lines = log.read_text().strip().splitlines()
    return lines[-1] if lines else "nothing said"
