"""Every run under every rule of size: what moves F1 more?"""

from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.main_effects import grid, loss_runs
from promo_kedro.pipelines.evaluation.brands.showing.naming import (
    LEVELS,
    RULES,
    TRUTH,
    runs_in_order,
)
from promo_kedro.pipelines.evaluation.plot_style import BLUE, INK, message_figure, new_figure
from promo_kedro.types import Figure

TITLE = "What moves F1 more: the loss or the size of the audience?"
_MEAN = "f1_mean"
_NOTE = (
    "Median F1 (%) on approved brands, consumers never seen in training. Bold: the one best run "
    "under a rule of size.\nAbove the gap: one network with different losses. Below it: everything "
    "else. Each panel has a colour scale of its own."
)


def plot_brand_grid(assessment: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """Annotated heat maps, a row per run (losses first), a column per rule of size."""
    figures = {level: _telling(assessment, level) for level in LEVELS}
    cells = {level: grid(assessment, level, figures[level]) for level in LEVELS}
    names = sorted(set(assessment["run"].astype(str)))
    if not names:
        return message_figure(TITLE, "No run could be assessed.")
    ordered = runs_in_order(names, runs)
    losses = [run for run in ordered if run in loss_runs(runs)]
    others = [run for run in ordered if run not in losses]
    rules = [rule for rule in RULES if any(rule in table.columns for table in cells.values())]
    figure = new_figure(3.4 + 1.65 * len(rules), 2.3 + 0.36 * len(names), TITLE, _NOTE)
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (level, words) in zip(axes, LEVELS.items(), strict=True):
        table = cells[level].reindex(index=[*losses, *others], columns=rules)
        contest = table.index != TRUTH
        _heat_map(axis, 100 * table.to_numpy(dtype=float), contest, len(losses) if others else 0)
        title = words
        if figures[level] == _MEAN:
            title = f"{words.split(':')[0]}: mean F1, as all medians are 0"
        axis.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK)
        labels = [RULES[rule].replace(" ", "\n", 1) for rule in rules]
        axis.set_xticks(range(len(rules)), labels, fontsize=8.5, color=INK)
    gap = 0.4 if losses and others else 0.0
    heights = [place + gap * (place >= len(losses)) for place in range(len(ordered))]
    axes[0].set_yticks(heights, [*losses, *others], fontsize=8.5, color=INK)
    return figure


def _telling(assessment: pd.DataFrame, level: str) -> str:
    """The median F1, or the mean where every median is 0."""
    return "f1_median" if (grid(assessment, level) > 0).to_numpy().any() else _MEAN


def _heat_map(axis: Any, percent: np.ndarray, contest: np.ndarray, above: int) -> None:
    """Draw the cells, with a gap below the first rows; the truth takes no part in the contest."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("paper to blue", ["#f5f7fa", BLUE])
    highest = max(np.nanmax(percent, initial=0.0), 1e-9)
    best = _best(percent, contest)
    for (row, column), value in np.ndenumerate(percent):
        height = row + 0.4 * (0 < above <= row)
        colour = colours(value / highest) if np.isfinite(value) else "white"
        axis.add_patch(_cell(column, height, colour))
        axis.text(
            column, height, f"{value:.1f}" if np.isfinite(value) else "–",
            ha="center", va="center", fontsize=8.5,
            color="white" if np.isfinite(value) and value > 0.6 * highest else INK,
            fontweight="bold" if row == best[column] else "normal",
        )  # fmt: skip
    axis.set_xlim(-0.5, percent.shape[1] - 0.5)
    axis.set_ylim(len(percent) - 0.5 + 0.4 * (0 < above < len(percent)), -0.5)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def _best(percent: np.ndarray, contest: np.ndarray) -> list[int]:
    """The row that is alone at the top of each column as printed; -1 where several are equal."""
    printed = np.round(np.where(np.isfinite(percent) & contest[:, None], percent, -1.0), 1)
    top = printed.max(axis=0, initial=0.0)
    leads = printed == top
    alone = (leads.sum(axis=0) == 1) & (top > 0)
    return list(np.where(alone, leads.argmax(axis=0), -1))


def _cell(column: int, height: float, colour: Any) -> object:
    from matplotlib.patches import Rectangle

    return Rectangle(
        (column - 0.5, height - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5
    )
