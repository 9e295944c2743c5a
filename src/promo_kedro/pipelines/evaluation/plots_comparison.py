"""The model beside simpler ones and beside the truth."""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.comparison import (
    IN_USE,
    SIMPLER,
    TRUTH_OBSERVABLE,
    TRUTH_WHOLE,
)
from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    legend,
    message_figure,
    panels,
)
from promo_kedro.pipelines.evaluation.suppression import TOTAL
from promo_kedro.pipelines.evaluation.verdict import label
from promo_kedro.types import Figure

TITLE = "Is the model better than simpler ones?"
_NOTE = (
    "Test step. Skill = 1 − log loss / log loss of always predicting the share bought: further "
    "right is better.\nBars: two standard errors of the difference to the model in use, whose "
    "skill is the dotted line. b: purchases among the rows n."
)
_LOOKS = {
    "simpler": (MUTED, "o", "simpler models"),
    "ours": (BLUE, "o", "our networks and stacks"),
    "in use": (ORANGE, "D", "the model in use"),
    "truth": (GREEN, "s", "the truth (simulated retailer)"),
}


def plot_model_comparison(comparison: pd.DataFrame, window: int = 0) -> Figure:
    """Skill against prevalence of every candidate, all categories first, then one by one.

    Args:
        comparison: ``model_comparison``, only the categories that may be shown.
        window: Which window.
    """
    shown = comparison[comparison["window"] == window].dropna(subset=["skill_prevalence"])
    names = [TOTAL, *sorted(set(shown["category"]) - {TOTAL})]
    total = shown[shown["category"] == TOTAL].sort_values("skill_prevalence")
    if total.empty:
        return message_figure(TITLE, "No candidate could be scored.")
    order = list(total["candidate"])
    size = (4.1, 1.0 + 0.22 * len(order))
    figure, axes = panels(names, TITLE, _NOTE, panel_size=size, sharey=True)
    for category, axis in axes.items():
        rows = shown[shown["category"] == category].set_index("candidate")
        _dots(axis, rows, order)
    for axis in axes.values():
        axis.set_yticks(range(len(order)), [label(name) for name in order])
        axis.set_xlabel("skill")
    groups = {group_of(name) for name in order}
    legend(figure, [_handle(name) for name in _LOOKS if name in groups], columns=2)
    return figure


def _dots(axis: Any, rows: pd.DataFrame, order: list[str]) -> None:
    axis.axvline(0, color=MUTED, linewidth=1)
    if IN_USE in rows.index:
        axis.axvline(rows.at[IN_USE, "skill_prevalence"], color=ORANGE, linewidth=1, linestyle=":")
    for candidate, row in rows.iterrows():
        colour, marker, _ = _LOOKS[group_of(str(candidate))]
        place, skill = order.index(str(candidate)), row["skill_prevalence"]
        # Skill is the loss in units of the prevalence's own loss.
        error = 2 * row["loss_above_in_use_se"] * (1 - skill) / row["log_loss"]
        axis.plot([skill - error, skill + error], [place, place], color=colour, linewidth=1.6)
        axis.plot([skill], [place], marker=marker, markersize=5.5, color=colour)
    axis.text(
        1.0, 1.02, f"n {rows['rows'].max():,.0f}, b {rows['positives'].max():,.0f}",
        transform=axis.transAxes, ha="right", va="bottom", fontsize=8, color=INK,
    )  # fmt: skip


def group_of(candidate: str) -> str:
    """Which of the groups of the legend the candidate belongs to."""
    if candidate in SIMPLER:
        return "simpler"
    if candidate in (TRUTH_OBSERVABLE, TRUTH_WHOLE):
        return "truth"
    return "in use" if candidate == IN_USE else "ours"


def _handle(group: str) -> object:
    from matplotlib.lines import Line2D

    colour, marker, words = _LOOKS[group]
    return Line2D([], [], color=colour, marker=marker, markersize=5.5, linewidth=1.6, label=words)
