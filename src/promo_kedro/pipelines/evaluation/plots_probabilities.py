"""Figure 5: where the probabilities and the cut-offs lie; and whether they can be believed."""

from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    message_figure,
    new_figure,
    tidy,
)
from promo_kedro.pipelines.evaluation.scores import calibration_error, calibration_table
from promo_kedro.types import Figure

_BINS = np.linspace(0, 1, 41)


def plot_probability_distribution(
    probabilities: pd.DataFrame, cutoffs: pd.DataFrame, window: int = 0
) -> Figure:
    """Predicted probability where nothing and where something was bought, and the cut-offs.

    The probabilities are those of the validation step, the cut-offs those of the test step.
    """
    shown = probabilities[
        (probabilities["window"] == window) & (probabilities["split"] == "validation")
    ]
    of_window = cutoffs[(cutoffs["window"] == window) & (cutoffs["split"] == "test")]
    charts = [
        ("Not bought (label 0)", shown.loc[shown["purchased"] == 0, "probability"], MUTED),
        ("Bought (label 1)", shown.loc[shown["purchased"] == 1, "probability"], BLUE),
        ("Cut-offs after F1 maximisation", of_window["cutoff"], GREEN),
    ]
    figure = new_figure(
        12.5, 4.2, "Predicted probabilities and cut-offs",
        "Probabilities: validation step, calibrated. Cut-offs: one per consumer and category, "
        "for the test step. The dotted line is the median.",
    )  # fmt: skip
    axes = figure.subplots(1, 3)
    for (title, values, colour), axis in zip(charts, axes, strict=True):
        _histogram(tidy(axis), values.to_numpy(dtype=float), title, colour)
    for axis in axes[:2]:
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set_xlabel("predicted purchase probability")
        axis.set_ylabel("share of consumer-items (%), log scale")
    axes[2].set_xlabel("cut-off probability")
    axes[2].set_ylabel("share of consumer × category (%)")
    return figure


def _histogram(axis: Any, values: np.ndarray, title: str, colour: str) -> None:
    axis.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK)
    axis.set_xlim(0, 1)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        axis.text(0.5, 0.5, "none", transform=axis.transAxes, ha="center", color=MUTED)
        return
    weights = np.full(finite.size, 100 / values.size)
    axis.hist(finite, bins=_BINS, weights=weights, color=colour)
    median = float(np.median(finite))
    axis.axvline(median, color=INK, linewidth=1.1, linestyle=":")
    remark = f"n = {values.size:,}\nmedian {median:.3f}"
    nothing = np.isinf(values).mean()
    if nothing:
        remark += f"\n{100 * nothing:.1f} % choose nothing"
    axis.text(
        0.98, 0.97, remark, transform=axis.transAxes, ha="right", va="top", fontsize=8.5, color=INK
    )


def plot_reliability(probabilities: pd.DataFrame, bins: int, window: int = 0) -> Figure:
    """Predicted against actual share of purchases on the test step, raw and calibrated."""
    title = "Can the probabilities be believed?"
    shown = probabilities[(probabilities["window"] == window) & (probabilities["split"] == "test")]
    if shown.empty:
        return message_figure(title, "There are no probabilities of the test step.")
    figure = new_figure(
        6.2, 5.6, title,
        f"Test step, up to {bins} bins of equally many consumer-items. On the line: as promised.\n"
        "Below it: promised too much. Logarithmic axes; a bin without purchases has no point.\n"
        "Error: expected calibration error, the mean distance to the line, in percentage points.",
    )  # fmt: skip
    axis = tidy(figure.subplots())
    purchased = shown["purchased"].to_numpy(dtype=float)
    looks = [("raw_probability", "before calibration", ORANGE), ("probability", "calibrated", BLUE)]
    for column, label, colour in looks:
        probability = shown[column].to_numpy(dtype=float)
        table = calibration_table(purchased, probability, bins)
        error = calibration_error(purchased, probability, bins)
        drawn = table["actual"] > 0
        axis.plot(
            table["predicted"][drawn], table["actual"][drawn],
            color=colour, marker="o", markersize=4.5, linewidth=1.4,
            label=f"{label} (error {100 * error:.2f} points)",
        )  # fmt: skip
    points = np.concatenate([line.get_xydata().ravel() for line in axis.lines])
    low = 0.7 * max(1e-6, points[points > 0].min(initial=1.0))
    axis.plot([low, 1], [low, 1], color=MUTED, linewidth=1, linestyle="--", label="as promised")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("predicted share of purchases")
    axis.set_ylabel("actual share of purchases")
    axis.legend(frameon=False, fontsize=9.5, labelcolor=INK, loc="upper left")
    return figure
