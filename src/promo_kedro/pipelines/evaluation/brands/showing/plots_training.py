"""How the VarEmb runs learned."""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.naming import runs_in_order
from promo_kedro.pipelines.evaluation.plot_style import SERIES, message_figure, panels
from promo_kedro.types import Figure

TITLE = "Training of VarEmb, epoch by epoch"
_NOTE = (
    "Validation consumers; dashed, of those who train. Losses differ in scale between runs, so "
    "each is shown as a share of the run's own first validation loss.\nPrecision, recall and F1: "
    "as logged while training, for following a run; the tables score with calibrated "
    "probabilities. The dot is the epoch with the lowest validation loss."
)
_CURVES = {
    "loss": "Loss (% of the first)",
    "precision": "Precision (%)",
    "recall": "Recall (%)",
    "f1": "F1 (%)",
}
_STYLES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)))  # a further turn through the colours


def plot_brand_training(history: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """Loss, precision, recall and F1 by epoch, a line per run.

    Args:
        history: ``brand_training_history``.
        runs: ``brand_runs``.
    """
    names = runs_in_order(sorted(set(history["run"].astype(str))), runs)
    if not names:
        return message_figure(TITLE, "No VarEmb run was trained.")
    figure, axes = panels(list(_CURVES.values()), TITLE, _NOTE, panel_size=(5.4, 3.1))
    for place, run in enumerate(names):
        look = {
            "color": SERIES[place % len(SERIES)],
            "linestyle": _STYLES[place // len(SERIES) % len(_STYLES)],
        }
        epochs = history[history["run"] == run].sort_values("epoch")
        _lines(axes, epochs.reset_index(drop=True), look)
    for axis in axes.values():
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_xlabel("epoch")
    figure.legend(
        handles=[_handle(run, place) for place, run in enumerate(names)],
        loc="outside right upper", frameon=False, fontsize=9,
    )  # fmt: skip
    return figure


def _lines(axes: dict[str, Any], epochs: pd.DataFrame, look: dict[str, Any]) -> None:
    first = float(epochs["validation_loss"].iloc[0]) or 1.0
    best = int(epochs["validation_loss"].to_numpy().argmin())
    curves = epochs.assign(loss=epochs["validation_loss"] / first)
    for name, title in _CURVES.items():
        axis, percent = axes[title], 100 * curves[name]
        axis.plot(curves["epoch"], percent, linewidth=1.5, **look)
        axis.plot(
            [curves["epoch"][best]], [percent[best]],
            marker="o", markersize=4.5, color=look["color"],
        )  # fmt: skip
    axes[_CURVES["loss"]].plot(
        curves["epoch"], 100 * curves["train_loss"] / first,
        color=look["color"], linewidth=1, linestyle="--", alpha=0.45,
    )  # fmt: skip


def _handle(run: str, place: int) -> object:
    from matplotlib.lines import Line2D

    style = _STYLES[place // len(SERIES) % len(_STYLES)]
    return Line2D([], [], color=SERIES[place % len(SERIES)], linestyle=style, label=run)
