"""F1 of every run side by side, per consumer and per brand."""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.naming import (
    GROUPS,
    LEVELS,
    RULES,
    group_of,
    models_of,
)
from promo_kedro.pipelines.evaluation.plot_style import (
    INK,
    legend,
    message_figure,
    new_figure,
    tidy,
)
from promo_kedro.types import Figure

TITLE = "Which run foretells brands best?"


def plot_brand_f1(assessment: pd.DataFrame, runs: pd.DataFrame, sizing: str, in_use: str) -> Figure:
    """Median F1 of every run under one rule of size, best first, with its middle half.

    Args:
        assessment: ``brand_assessment`` of the sample that judges; the truth's rows with it.
        runs: ``brand_runs``.
        sizing: The rule of size under which runs are compared.
        in_use: The run whose audiences are made.
    """
    shown = assessment[(assessment["sizing"] == sizing) & (assessment["stratum"] == "all")]
    shown = shown.dropna(subset=["f1_median"])
    if shown.empty:
        return message_figure(TITLE, "No run could be assessed.")
    groups = {run: group_of(run, models_of(runs), in_use) for run in shown["run"].astype(str)}
    figure = new_figure(
        11.5, 1.9 + 0.29 * len(groups), TITLE,
        f"Approved brands, consumers never seen in training, the same sizing for all: "
        f"{RULES.get(sizing, sizing)}.\nFilled: median F1, with its middle half (line). Ring: "
        "harmonic mean of the median precision and the median recall.",
    )  # fmt: skip
    for axis, (level, words) in zip(figure.subplots(1, 2), LEVELS.items(), strict=True):
        rows = shown[shown["level"] == level].sort_values(["f1_median", "f1_mean"])
        _dots(tidy(axis), rows.reset_index(drop=True), groups)
        axis.set_title(words, loc="left", fontsize=10.5, fontweight="bold", color=INK)
        axis.set_xlabel("F1 (%)")
    present = [name for name in GROUPS if name in groups.values()]
    legend(figure, [_handle(name) for name in present], columns=2)
    return figure


def _dots(axis: Any, rows: pd.DataFrame, groups: dict[str, str]) -> None:
    for place, row in rows.iterrows():
        colour, marker, _ = GROUPS[groups[str(row["run"])]]
        axis.plot(
            [100 * row["f1_q1"], 100 * row["f1_q3"]], [place, place],
            color=colour, linewidth=1.4, alpha=0.45,
        )  # fmt: skip
        axis.plot(
            [100 * row["f1_harmonic"]], [place],
            marker="o", markersize=8.5, color=colour, markerfacecolor="none", linestyle="",
        )  # fmt: skip
        axis.plot([100 * row["f1_median"]], [place], marker=marker, markersize=5.5, color=colour)
        axis.text(
            1.01, place, f"{100 * row['f1_median']:.1f}",
            transform=axis.get_yaxis_transform(), va="center", fontsize=8.5, color=colour,
        )  # fmt: skip
    axis.set_yticks(range(len(rows)), list(rows["run"].astype(str)))
    axis.set_ylim(-0.7, len(rows) - 0.3)
    axis.set_xlim(0, max(1.0, axis.get_xlim()[1]))
    axis.grid(visible=False, axis="y")


def _handle(group: str) -> object:
    from matplotlib.lines import Line2D

    colour, marker, words = GROUPS[group]
    return Line2D([], [], color=colour, marker=marker, markersize=5.5, linewidth=1.4, label=words)
