"""How the VarEmb runs learned."""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.naming import runs_in_order
from promo_kedro.pipelines.evaluation.plot_style import SERIES, message_figure, panels
from promo_kedro.types import Figure

TITLE = "Training of VarEmb, epoch by epoch"
_NOTE = (
    "Log loss of the probabilities that scores stand for, of validation consumers (solid or as in "
    "the legend) and of those who train, while dropout is at work (faint).\nPrecision, recall and "
    "F1: approved brands' likeliest validation consumers, as many as each brand's prevalence says."
    "\nDot: the epoch that is kept: that of the lowest loss, or the last one of a private run."
)
_CURVES = {
    "validation_loss": "Log loss (nats per brand)",
    "precision": "Precision (%)",
    "recall": "Recall (%)",
    "f1": "F1 (%)",
}
_LOSS = "validation_loss"
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
    private = set(runs.loc[runs["epsilon"].notna(), "run"].astype(str))
    figure, axes = panels(list(_CURVES.values()), TITLE, _NOTE, panel_size=(5.4, 3.1))
    for place, run in enumerate(names):
        look = {
            "color": SERIES[place % len(SERIES)],
            "linestyle": _STYLES[place // len(SERIES) % len(_STYLES)],
        }
        epochs = history[history["run"] == run].sort_values("epoch")
        _lines(axes, epochs.reset_index(drop=True), look, run in private)
    for axis in axes.values():
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_xlabel("epoch")
    figure.legend(
        handles=[_handle(run, place) for place, run in enumerate(names)],
        loc="outside right upper", frameon=False, fontsize=9,
    )  # fmt: skip
    return figure


def _lines(axes: dict[str, Any], epochs: pd.DataFrame, look: dict[str, Any], private: bool) -> None:
    kept = len(epochs) - 1 if private else int(epochs[_LOSS].to_numpy().argmin())
    for name, title in _CURVES.items():
        axis, values = axes[title], epochs[name] if name == _LOSS else 100 * epochs[name]
        axis.plot(epochs["epoch"], values, linewidth=1.5, **look)
        axis.plot(
            [epochs["epoch"][kept]], [values[kept]],
            marker="o", markersize=4.5, color=look["color"],
        )  # fmt: skip
    axes[_CURVES[_LOSS]].plot(
        epochs["epoch"], epochs["train_loss"],
        color=look["color"], linewidth=1, linestyle=look["linestyle"], alpha=0.35,
    )  # fmt: skip


def _handle(run: str, place: int) -> object:
    from matplotlib.lines import Line2D

    style = _STYLES[place // len(SERIES) % len(_STYLES)]
    return Line2D([], [], color=SERIES[place % len(SERIES)], linestyle=style, label=run)
