"""The goals, each judged by what was measured: met, missed, or not measured."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

READING_LIMIT_GB = 3.0  # DuckDB's 2 GB, and what Python and its libraries take
CELL = ["data", "seed", "window"]
TREES = ["lightgbm", "lightgbm_pooled"]
NO_RIVALS = ["truth_whole", "truth_observable", "prevalence"]
MILLION = 1_000_000
STACKS = ["stack_with_lightgbm", "stack", "in_use"]


@dataclass(frozen=True)
class Goal:
    """What was wanted and what came out; ``met`` is empty where nothing was measured."""

    what: str
    wanted: str
    measured: str
    met: bool | None


def stack_of(scores: pd.DataFrame) -> str:
    """Return the stack that is judged: the one with LightGBM where it was made."""
    return next((name for name in STACKS if name in set(scores["candidate"])), STACKS[-1])


def trees_of(scores: pd.DataFrame) -> str:
    """Return the LightGBM that is judged against: the better on average."""
    made = scores[scores["candidate"].isin(TREES)]
    if made.empty:
        return TREES[0]
    return str(made.groupby("candidate")["log_loss"].mean().idxmin())


def gains(scores: pd.DataFrame, candidate: str, rival: str) -> pd.Series:
    """Return by how much (share) a candidate's log loss is below a rival's, in each cell."""
    loss = scores.pivot(index=CELL, columns="candidate", values="log_loss")
    if candidate not in loss or rival not in loss:
        return pd.Series(dtype=float)
    return (1 - loss[candidate] / loss[rival]).dropna()


def cells_lost_first(scores: pd.DataFrame) -> pd.DataFrame:
    """Return every cell's gain of every candidate over LightGBM, the stack's worst cells first."""
    rival = trees_of(scores)
    loss = scores.pivot(index=CELL, columns="candidate", values="log_loss")
    gain = 100 * (1 - loss.div(loss[rival], axis=0)).drop(columns=rival)
    gain = gain.drop(columns=[name for name in NO_RIVALS if name in gain])
    return gain.sort_values(stack_of(scores)) if stack_of(scores) in gain else gain


def goals(
    scores: pd.DataFrame,
    network: str,
    speed: pd.DataFrame | None,
    cutoff_seconds: float | None,
    scale: pd.DataFrame | None,
    trials: int,
) -> list[Goal]:
    """Judge all goals.

    Args:
        scores: One row per data, seed, window and candidate, see ``scores.py``.
        network: Our network alone: the name of its recipe.
        speed: As ``throughput.measure`` returns it.
        cutoff_seconds: Of the size that the goal names, as ``cutoffs.measure`` finds it.
        scale: As ``scaling.measure`` returns it.
        trials: Of each search that went before; none leaves all untuned.
    """
    stack = stack_of(scores)
    return [
        *_against_trees(scores, stack, network, "" if trials else ", untuned"),
        *_quality(scores, stack),
        *_speed(speed),
        _cutoffs(cutoff_seconds),
        *_scaling(scale),
    ]


def _against_trees(scores: pd.DataFrame, stack: str, network: str, untuned: str) -> Iterator[Goal]:
    rival = trees_of(scores)
    gain = gains(scores, stack, rival)
    lower = (gain > 0).mean()
    yield _judged(
        f"log loss of {stack} against {rival}{untuned}: cells where it is lower",
        "≥ 80 %",
        f"{lower:.0%} of {len(gain)} cells",
        lower >= 0.8 if len(gain) else None,
    )
    yield _judged(
        f"log loss of {stack} against {rival}{untuned}: mean gain",
        "≥ 1 %",
        _mean_and_error(gain),
        gain.mean() >= 0.01 if len(gain) else None,
    )
    alone = gains(scores, network, rival)
    yield _judged(
        f"log loss of our network alone ({network}) against {rival}{untuned}: mean gain",
        "> 0",
        _mean_and_error(alone),
        alone.mean() > 0 if len(alone) else None,
    )


def _mean_and_error(shares: pd.Series) -> str:
    """Say mean ± standard error over cells; one cell has no error."""
    error = f" ± {100 * shares.sem():.2f}" if len(shares) > 1 else ""
    cells = "cell" if len(shares) == 1 else "cells"
    return f"{100 * shares.mean():.2f}{error} % over {len(shares)} {cells}"


def _quality(scores: pd.DataFrame, stack: str) -> Iterator[Goal]:
    own = scores[scores["candidate"] == stack]
    skill, ece, f1, of_whole = (
        own[name].dropna() for name in ("skill_truth", "ece", "f1_of_truth", "f1_of_whole")
    )
    # Even the truth has some, because purchases are counted in bins of finite size.
    floor = scores.loc[scores["candidate"] == "truth_whole", "ece"].mean()
    yield _judged(
        f"skill_truth of {stack} on simulated data, mean over cells",
        "≥ 0.5",
        f"{skill.mean():.3f} ({skill.min():.3f} to {skill.max():.3f})",
        skill.mean() >= 0.5 if len(skill) else None,
    )
    yield _judged(
        f"calibration error of {stack}, mean over cells",
        "≤ 0.01",
        f"{ece.mean():.4f} ({ece.min():.4f} to {ece.max():.4f}); the truth's own {floor:.4f}",
        ece.mean() <= 0.01 if len(ece) else None,
    )
    yield _judged(
        f"mean consumer F1 of {stack} relative to truth_observable's",
        "≥ 95 %",
        f"{f1.mean():.1%} ({f1.min():.1%} to {f1.max():.1%}); "
        f"to truth_whole's {of_whole.mean():.1%}",
        f1.mean() >= 0.95 if len(f1) else None,
    )


def _speed(speed: pd.DataFrame | None) -> Iterator[Goal]:
    for rival, wanted in (("darts_tcn", 3), ("neuralforecast_tcn", 8)):
        rows = [] if speed is None else speed[speed["contender"] == rival]
        for column in ("ours_times_faster", "figure1_times_faster"):
            ratios = {} if speed is None else dict(zip(rows["threads"], rows[column], strict=True))
            known = [ratio for ratio in ratios.values() if np.isfinite(ratio)]
            told = ", ".join(f"{ratio:.1f} × with {n} threads" for n, ratio in ratios.items())
            yield _judged(
                f"training throughput, {column.split('_')[0]} against {rival}",
                f"≥ {wanted} ×",
                told,
                min(known) >= wanted if known else None,
            )


def _cutoffs(seconds: float | None) -> Goal:
    return _judged(
        "expected-F1 cut-offs, 1,000,000 consumers × 30 items",
        "≤ 20 s",
        "" if seconds is None else f"{seconds:.1f} s",
        None if seconds is None else seconds <= 20,
    )


def _scaling(scale: pd.DataFrame | None) -> Iterator[Goal]:
    """Judge the largest size against the cheapest smaller one; only a million tells enough."""
    cost = memory = reading = float("nan")
    sizes = pd.Series(dtype=int) if scale is None else scale["consumer_items"]
    told = len(sizes) > 1 and sizes.max() >= MILLION
    if told:
        table = scale.sort_values("consumer_items")
        cost = _largest_to_cheapest(table.filter(like="_us_each").sum(axis=1))
        memory = _largest_to_cheapest(table[["train_peak_gb", "score_peak_gb"]].max(axis=1))
        reading = table["read_peak_gb"].iloc[-1]
    yield _judged(
        "cost per consumer-item, 1,000,000 against the cheapest smaller size",
        "≤ 1.2 × (linear)",
        f"{cost:.2f} ×",
        cost <= 1.2 if told else None,
    )
    yield _judged(
        "anonymous memory of training and scoring, 1,000,000 against the smallest of fewer",
        "≤ 1.2 × (one batch)",
        f"{memory:.2f} ×",
        memory <= 1.2 if told else None,
    )
    yield _judged(
        "anonymous memory of reading, 1,000,000 consumer-items",
        f"≤ {READING_LIMIT_GB:g} GB (what it was allowed)",
        f"{reading:.2f} GB",
        reading <= READING_LIMIT_GB if told else None,
    )


def _largest_to_cheapest(values: pd.Series) -> float:
    """Return the last value, that of the largest size, relative to the least of the others."""
    return float(values.iloc[-1] / values.iloc[:-1].min())


def _judged(what: str, wanted: str, measured: str, met: bool | None) -> Goal:
    if met is None:
        return Goal(what, wanted, "", None)
    return Goal(what, wanted, measured, bool(met))  # it may be numpy's own


def goals_table(judged: list[Goal]) -> pd.DataFrame:
    """Return the goals as a table for people, the missed ones first."""
    words = {True: "met", False: "missed", None: "not measured"}
    table = pd.DataFrame(
        [
            {
                "goal": goal.what,
                "wanted": goal.wanted,
                "measured": goal.measured,
                "": words[goal.met],
            }
            for goal in judged
        ]
    )
    return table.sort_values("", key=lambda said: said.map({"missed": 0, "met": 1}), kind="stable")
