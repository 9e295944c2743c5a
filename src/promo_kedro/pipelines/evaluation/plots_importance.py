"""Which families of features the purchase models lean on."""

from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    INK,
    MUTED,
    message_figure,
    panels,
)
from promo_kedro.pipelines.evaluation.wording import shorten, written
from promo_kedro.types import Figure

TITLE = "What the purchase models lean on"
MEAN = "Mean of the categories"
_NOTE = (
    "By how much the log loss of the test step rises when a family's features are shuffled among "
    "consumer-items, in %.\nFamilies share information: what one says another may say too, so the "
    "bars do not add up."
)
_LONGEST = 30


def plot_feature_importance(importance: pd.DataFrame, window: int = 0) -> Figure:
    """Relative rise of the log loss by family: the mean first, then the categories one by one."""
    shown = importance[importance["window"] == window]
    if shown.empty:
        return message_figure(TITLE, "No importance was measured in this run.")
    table = relative_increase(shown)
    order = list(table[MEAN].sort_values().index)
    size = (4.1, 1.0 + 0.24 * len(order))
    figure, axes = panels(list(table), TITLE, _NOTE, panel_size=size, sharey=True)
    for category, axis in axes.items():
        _bars(axis, table[category].reindex(order))
    for axis in axes.values():
        axis.set_yticks(
            range(len(order)), [shorten(name.replace("_", " "), _LONGEST) for name in order]
        )
        axis.set_xlabel("log loss (% higher)")
    return figure


def relative_increase(importance: pd.DataFrame) -> pd.DataFrame:
    """Percent by which the log loss rises: index family, columns :data:`MEAN`, then categories."""
    percent = 100 * importance["increase"] / importance["log_loss"]
    table = importance.assign(percent=percent).pivot_table(
        index="group", columns="category", values="percent", observed=True
    )
    return pd.concat([table.mean(axis=1).rename(MEAN), table.sort_index(axis=1)], axis=1)


def _bars(axis: Any, percent: pd.Series) -> None:
    places = np.arange(len(percent))
    axis.barh(places, percent.fillna(0), color=BLUE, height=0.62)
    axis.axvline(0, color=MUTED, linewidth=1)
    axis.grid(axis="y", visible=False)
    for place, value in zip(places, percent, strict=True):
        if np.isfinite(value):
            axis.annotate(
                written(value, "{:.1f}"), (max(value, 0), place), xytext=(3, 0),
                textcoords="offset points", va="center", fontsize=7.5, color=INK,
            )  # fmt: skip
    axis.margins(x=0.16)
