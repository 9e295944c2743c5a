"""What was wanted of speed, memory and gap, judged by what was measured."""

from collections.abc import Callable

import pandas as pd
from contest.goals import Goal

MILLION = 1_000_000
REFERENCE, BESIDE = "CVXPY + HiGHS, choices", "CVXPY + HiGHS, segments"

# instance, column, size, the most that it may be, how it is said
WANTED = [
    ("one_row", "seconds", MILLION, 0.4),
    ("one_row", "seconds", 10 * MILLION, 3.0),
    ("one_row", "gap", MILLION, 1e-7),
    ("one_row", "gap", 10 * MILLION, 1e-7),
    ("one_row", "memory_over_inputs", MILLION, 2.0),
    ("one_row", "memory_over_inputs", 10 * MILLION, 2.0),
    ("sixteen_rows", "seconds", MILLION, 3.0),
    ("sixteen_rows", "seconds", 10 * MILLION, 30.0),
    ("sixteen_rows", "gap", MILLION, 1e-6),
    ("sixteen_rows", "gap", 10 * MILLION, 1e-6),
    ("frontier", "seconds", MILLION, 2.5),
    ("printed, numba", "seconds", 10 * MILLION, 0.2),
    ("printed, numpy", "seconds", 10 * MILLION, 1.0),
]
TIMES_FASTER = [("one_row", 100_000, 500.0), ("sixteen_rows", 100_000, 100.0)]
NAMES = {
    "one_row": "one row",
    "sixteen_rows": "sixteen rows",
    "frontier": "frontier of 50 points",
    "printed, numba": "Eq. 13 as printed, with numba",
    "printed, numpy": "Eq. 13 as printed, without numba",
}
SHOWN: dict[str, Callable[[float], str]] = {
    "seconds": lambda value: f"{value:.3g} s",
    "gap": lambda value: f"{value:.1e}",
    "memory_over_inputs": lambda value: f"{value:.2f} × inputs",
}


def goals(ours: pd.DataFrame, peers: pd.DataFrame) -> list[Goal]:
    """Judge all goals.

    Args:
        ours: instance, size, outcome, seconds, gap, memory_over_inputs.
        peers: peer, instance, size, outcome, times_ours; of one ended early, what it is at least.
    """
    return [_ours(ours, *wanted) for wanted in WANTED] + [
        _times(peers, *wanted) for wanted in TIMES_FASTER
    ]


def _ours(ours: pd.DataFrame, instance: str, column: str, size: int, most: float) -> Goal:
    said = SHOWN[column]
    what = f"{NAMES[instance]}, {size:.0e}: {column.replace('_', ' ')}".replace("+0", "")
    row = _found(ours, instance=instance, size=size)
    if row is None:
        return Goal(what, f"≤ {said(most)}", "", None)
    if row["outcome"] != "ok":
        return Goal(what, f"≤ {said(most)}", str(row["outcome"]), False)
    return Goal(what, f"≤ {said(most)}", said(row[column]), bool(row[column] <= most))


def _times(peers: pd.DataFrame, instance: str, size: int, least: float) -> Goal:
    what = f"{NAMES[instance]}, {size:.0e}: {REFERENCE}, seconds over ours".replace("+0", "")
    wanted = f"≥ {least:.0f} ×"
    row = _found(peers, instance=instance, size=size, peer=REFERENCE)
    if row is None or pd.isna(row["times_ours"]):
        return Goal(what, wanted, "" if row is None else str(row["outcome"]), None)
    ended = row["outcome"] != "ok"  # it would have taken longer still
    met = bool(row["times_ours"] >= least)
    said = _said_times(row)
    segments = _found(peers, instance=instance, size=size, peer=BESIDE)
    if segments is not None and pd.notna(segments["times_ours"]):
        said += f"; segments {_said_times(segments)}"
    return Goal(what, wanted, said, met if met or not ended else None)


def _said_times(row: pd.Series) -> str:
    return f"{'over ' * (row['outcome'] != 'ok')}{row['times_ours']:.0f} ×"


def _found(table: pd.DataFrame, **where: object) -> pd.Series | None:
    chosen = pd.Series(True, index=table.index)
    for name, value in where.items():
        if name not in table:
            return None
        chosen &= table[name] == value
    return table[chosen].iloc[0] if chosen.any() else None
