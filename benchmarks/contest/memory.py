"""Running a command while watching how long it takes and how much memory it holds by itself.

Anonymous memory is what a process cannot give back: pages of files that are mapped or cached
count as resident too, but the system drops them when memory is short.
"""

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.05


@dataclass(frozen=True)
class Cost:
    """What a command took; memory is the largest sum over the process and its children."""

    seconds: float
    peak_gb: float


class CommandError(RuntimeError):
    """A command ended in an error; the end of what it said is in the message."""


def run_measured(
    command: Sequence[str | Path], log: Path, *, cwd: Path | None = None, threads: int | None = None
) -> Cost:
    """Run a command, its words in a log file, and return its cost.

    Raises:
        CommandError: The command failed.
    """
    environment = {**os.environ, **(thread_limits(threads) if threads else {})}
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with log.open("w") as words:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=words,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, anonymous_gb(process.pid))
            time.sleep(INTERVAL)
    if process.returncode:
        end = "\n".join(log.read_text().splitlines()[-15:])
        raise CommandError(f"{' '.join(map(str, command))}\n{end}\nAll of it: {log}")
    return Cost(time.perf_counter() - started, peak)


def thread_limits(threads: int) -> dict[str, str]:
    """Return environment variables that hold numerical libraries to so many threads."""
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    return dict.fromkeys(names, str(threads))


def anonymous_gb(process: int) -> float:
    """Return the anonymous memory of a process and its children now; 0 where /proc is absent."""
    total = 0.0
    for one in [process, *_children(process)]:
        try:
            status = Path(f"/proc/{one}/status").read_text()
        except OSError:  # it has just ended
            continue
        lines = [line for line in status.splitlines() if line.startswith("RssAnon:")]
        total += sum(float(line.split()[1]) for line in lines) / 2**20
    return total


def _children(process: int) -> list[int]:
    try:
        found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [one for child in map(int, found) for one in (child, *_children(child))]


class MemoryWatch:
    """The largest anonymous memory of this process while a block runs, and what it held before."""

    def __enter__(self) -> "MemoryWatch":
        self.start_gb = self.peak_gb = anonymous_gb(os.getpid())
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._ended.wait(INTERVAL):
            self.peak_gb = max(self.peak_gb, anonymous_gb(os.getpid()))
