"""How the purchase models learned."""

import pandas as pd

from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    INK,
    MUTED,
    legend,
    message_figure,
    outer_labels,
    panels,
)
from promo_kedro.types import Figure

TITLE = "Training of the purchase models"


def plot_training_history(history: pd.DataFrame, window: int = 0) -> Figure:
    """Training and validation loss by epoch, a panel per model."""
    shown = history[history["window"] == window]
    names = sorted(set(shown["category"].astype(str)))
    if not names:
        return message_figure(TITLE, "No model was trained in this run.")
    note = "Binary cross-entropy (Eq. 2), nats. Dotted: the epoch with the lowest validation loss."
    figure, axes = panels(names, TITLE, note, panel_size=(3.4, 2.6))
    for category, axis in axes.items():
        epochs = shown[shown["category"] == category].sort_values("epoch")
        axis.plot(epochs["epoch"], epochs["train_loss"], color=MUTED, linewidth=1.5)
        axis.plot(epochs["epoch"], epochs["validation_loss"], color=BLUE, linewidth=1.7)
        if epochs["validation_loss"].notna().any():
            best = epochs.loc[epochs["validation_loss"].idxmin(), "epoch"]
            axis.axvline(best, color=INK, linewidth=1.0, linestyle=":")
        axis.xaxis.get_major_locator().set_params(integer=True)
    outer_labels(figure, axes, "epoch", "loss (nats)")
    legend(figure, _handles())
    return figure


def _handles() -> list[object]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=MUTED, label="training steps"),
        Line2D([], [], color=BLUE, label="validation step"),
    ]
