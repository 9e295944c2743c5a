"""How the purchase models learned."""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.plot_style import (
    MUTED,
    SERIES,
    legend,
    message_figure,
    outer_labels,
    panels,
)
from promo_kedro.types import Figure

TITLE = "Training of the purchase models"
_NOTE = (
    "Binary cross-entropy (Eq. 2), nats. Solid: validation step. Dashed: training steps. "
    "Dots: the epochs whose weights were kept, the larger the more they weigh."
)


def plot_training_history(history: pd.DataFrame, window: int = 0) -> Figure:
    """Training and validation loss by epoch, a panel per model and a colour per recipe."""
    shown = history[history["window"] == window]
    names = sorted(set(shown["category"].astype(str)))
    if not names:
        return message_figure(TITLE, "No model was trained in this run.")
    recipes = list(dict.fromkeys(shown["recipe"].astype(str)))
    colours = {name: SERIES[place % len(SERIES)] for place, name in enumerate(recipes)}
    figure, axes = panels(names, TITLE, _NOTE, panel_size=(3.4, 2.6))
    for category, axis in axes.items():
        of_category = shown[shown["category"] == category]
        for recipe, epochs in of_category.groupby("recipe", sort=False, observed=True):
            _lines(axis, epochs.sort_values("epoch"), colours[str(recipe)])
        axis.xaxis.get_major_locator().set_params(integer=True)
    outer_labels(figure, axes, "epoch", "loss (nats)")
    legend(figure, _handles(colours), columns=3)
    return figure


def _lines(axis: Any, epochs: pd.DataFrame, colour: str) -> None:
    axis.plot(
        epochs["epoch"],
        epochs["train_loss"],
        color=colour,
        linewidth=1.2,
        linestyle="--",
        alpha=0.6,
    )
    axis.plot(epochs["epoch"], epochs["validation_loss"], color=colour, linewidth=1.7)
    kept = epochs[epochs["weight"] > 0]
    axis.scatter(
        kept["epoch"], kept["validation_loss"], s=30 * kept["weight"] + 6, color=colour, zorder=3
    )


def _handles(colours: dict[str, str]) -> list[object]:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=colour, label=f"validation loss of recipe {name}")
        for name, colour in colours.items()
    ]
    return [*lines, Line2D([], [], color=MUTED, linestyle="--", label="training loss")]
