"""What one process measures: our solve, our frontier, Eq. 13 as printed, or a peer.

The clock starts with the columns in memory and ends with the plan; imports and the first solve, in
which numba compiles or loads what it compiled, are timed apart on a small program of the kind.
"""

import cProfile
import gc
import io
import pstats
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

WARMED_ON, POINTS = 2_000, 50
MEGABYTE = 1024 if sys.platform != "darwin" else 1024**2  # of ru_maxrss
ENOUGH_SECONDS = 60.0  # slow peers are not repeated once they have run for so long


class Took(NamedTuple):
    """Seconds by the clock, and those of all cores together: fewer on a busy machine."""

    seconds: float
    cpu_seconds: float


def task_done(task: dict[str, Any]) -> dict[str, Any]:
    """Do what a task says, see the functions of ``TASKS``."""
    return TASKS[task["what"]](task)


def of_solve(task: dict[str, Any]) -> dict[str, Any]:
    """Time options, program and plan; then check the plan, off the clock."""
    import_seconds, make, parameters = _prepared(task)
    from offer_programs.checks import checked
    from promo_kedro.pipelines.optimization.knapsack.route import solve

    def solved(instance):
        return solve(instance.program(task["threads"]), parameters)

    _, warming = _clocked(lambda: solved(make(task.get("warmed_on", WARMED_ON))))
    gc.collect()
    base = _megabytes_now()
    instance = make(task["size"])
    _forget_peak()
    plan, took = _repeated(lambda: solved(instance), task["repeats"])
    inputs = instance.input_bytes / 2**20
    found = {
        **_times(took),
        **_starts(import_seconds, warming),
        "memory_over_inputs": (_peak_megabytes() - base) / inputs,
        "input_mb": inputs,
        "solver": plan.solver,
    }
    if task.get("profile"):
        print(profile(lambda: solved(instance)))
    return {**found, **checked(instance, plan, task["threads"])}


def of_frontier(task: dict[str, Any]) -> dict[str, Any]:
    """Time options, program and 50 points of the frontier of retention."""
    import_seconds, make, parameters = _prepared(task)
    from offer_programs.checks import check_frontier
    from promo_kedro.pipelines.optimization.knapsack.frontier import trace_frontier
    from promo_kedro.pipelines.optimization.knapsack.route import solve

    points = task.get("points", POINTS)

    def traced(instance):
        return trace_frontier(instance.program(task["threads"]), 0, points, parameters)

    _, warming = _clocked(lambda: traced(make(task.get("warmed_on", WARMED_ON))))
    instance = make(task["size"])
    table, took = _repeated(lambda: traced(instance), task["repeats"])

    def bound(shown: float) -> float:
        (row,) = instance.rows
        asking = instance.asking((replace(row, least=shown / row.scale),))
        return solve(asking.program(task["threads"]), parameters).upper_bound

    check_frontier(table, points, bound)
    if task.get("profile"):
        print(profile(lambda: traced(instance)))
    return {
        **_times(took),
        **_starts(import_seconds, warming),
        "points": len(table),
        "solver": "frontier",
    }


def of_printed(task: dict[str, Any]) -> dict[str, Any]:
    """Time Eq. 13 as printed in closed form, by the compiled pass or in plain numpy."""
    import_seconds, make, _ = _prepared(task)
    from offer_programs.checks import check_printed
    from offer_programs.columns import GRID
    from promo_kedro.pipelines.optimization.knapsack.printed import solve_printed

    compiled, threads = task["way"] == "printed, numba", task["threads"]

    def solved(columns):
        return solve_printed(columns, GRID, compiled=compiled, threads=threads)

    _, warming = _clocked(lambda: solved(make(task.get("warmed_on", WARMED_ON)).columns))
    base = _megabytes_now()
    instance = make(task["size"])
    _forget_peak()
    plan, took = _repeated(lambda: solved(instance.columns), task["repeats"])
    inputs = instance.input_bytes / 2**20
    over = (_peak_megabytes() - base) / inputs
    other = solve_printed(instance.columns, GRID, compiled=not compiled, threads=threads)
    value = check_printed(instance, plan, other)
    if task.get("profile"):
        print(profile(lambda: solved(instance.columns)))
    return {
        **_times(took),
        **_starts(import_seconds, warming),
        "memory_over_inputs": over,
        "input_mb": inputs,
        "status": "feasible",
        "value": value,
        "attainable": plan.attainable,
        "solver": "closed form",
    }


def of_peer(task: dict[str, Any]) -> dict[str, Any]:
    """Time a peer from the same columns: its linear program, its model, its answer."""
    from offer_programs.instances import INSTANCES
    from offer_programs.peers import PEERS

    peer = PEERS[task["peer"]]
    make = INSTANCES[task["instance"]]
    peer.solve(peer.form(make(200, task["seed"], task["threads"])))
    instance = make(task["size"], task["seed"], task["threads"])
    written: list[float] = []

    def solved() -> tuple[float, str]:
        if "begun" in task:
            Path(task["begun"]).touch()
        started = perf_counter()
        program = peer.form(instance)
        written.append(perf_counter() - started)
        value, said = peer.solve(program)
        return value + program.constant, said

    (value, said), took = _repeated(solved, task["repeats"])
    return {
        **_times(took),
        "of_it_writing": median(written),
        "objective": value,
        "status": said,
    }


def profile(work: Callable[[], Any], lines: int = 18) -> str:
    """Return where the time of some work goes, by the function's own time."""
    profiler = cProfile.Profile()
    profiler.runcall(work)
    words = io.StringIO()
    pstats.Stats(profiler, stream=words).strip_dirs().sort_stats("tottime").print_stats(lines)
    return words.getvalue()


def _prepared(task: dict[str, Any]) -> tuple[float, Callable, Any]:
    """Import the engine, timed, and return what makes instances of the kind and the parameters."""
    started = perf_counter()
    from promo_kedro.pipelines.optimization.knapsack import offers, route  # noqa: F401
    from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters

    import_seconds = perf_counter() - started
    from offer_programs.instances import INSTANCES

    made = INSTANCES[task["instance"]]
    parameters = SolverParameters(threads=task["threads"])
    return import_seconds, lambda size: made(size, task["seed"], task["threads"]), parameters


def _clocked(work: Callable[[], Any]) -> tuple[Any, Took]:
    gc.collect()
    started, busy = perf_counter(), process_time()
    found = work()
    return found, Took(perf_counter() - started, process_time() - busy)


def _repeated(work: Callable[[], Any], repeats: int) -> tuple[Any, list[Took]]:
    """Run some work again and again, fewer times where it is slow."""
    took: list[Took] = []
    while len(took) < repeats and sum(one.seconds for one in took) < ENOUGH_SECONDS:
        found, latest = _clocked(work)
        took.append(latest)
    return found, took


def _times(took: list[Took]) -> dict[str, Any]:
    seconds = [one.seconds for one in took]
    return {
        "seconds": median(seconds),
        "slowest": max(seconds),
        "cpu_seconds": median(one.cpu_seconds for one in took),
        "runs": len(took),
    }


def _starts(importing: float, warming: Took) -> dict[str, float]:
    return {"import_seconds": importing, "warm_seconds": warming.seconds}


def _forget_peak() -> None:
    """Let the largest memory so far, that of drawing the columns, be forgotten (Linux)."""
    with suppress(OSError):  # the peak then includes the drawing: too large, never too small
        Path("/proc/self/clear_refs").write_text("5")


def _peak_megabytes() -> float:
    marked = _status("VmHWM:")
    return marked or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE


def _megabytes_now() -> float:
    now = _status("VmRSS:")
    return now or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE


def _status(name: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in lines if line.startswith(name)) / 1024


TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "solve": of_solve,
    "frontier": of_frontier,
    "printed": of_printed,
    "peer": of_peer,
}
