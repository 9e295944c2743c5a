"""Figure 6: which offers the plan makes, per category."""

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    INK,
    ORANGE,
    legend,
    message_figure,
    outer_labels,
    panels,
)
from promo_kedro.types import Figure

TITLE = "Optimal offers"
_WIDTH = 2.5
_HEADROOM = 1.25  # the mean is written above the bars


def plot_offer_distribution(offers: pd.DataFrame, mode: str) -> Figure:
    """Share of consumer-items by optimal offer, over the outline of their reference offers."""
    plan = offers[offers["mode"] == mode]
    names = sorted(set(plan["category"].astype(str)))
    if not names:
        return message_figure(TITLE, f"There are no offers of the mode {mode!r} to show.")
    note = (
        f"Mode {mode}. Bars: optimal offers for the next step. Outline: the reference offers they "
        "start from. Dotted: mean optimal offer weighted by price (Table 1)."
    )
    figure, axes = panels(names, TITLE, note, panel_size=(3.4, 2.6), sharex=True)
    highest = plan[["offer_percent", "reference_offer"]].max().max()
    edges = np.arange(0, max(highest, _WIDTH) + 2 * _WIDTH, _WIDTH)
    for category, axis in axes.items():
        rows = plan[plan["category"] == category]
        weights = np.full(len(rows), 100 / len(rows))
        axis.hist(rows["offer_percent"], bins=edges, weights=weights, color=BLUE, alpha=0.85)
        axis.hist(
            rows["reference_offer"], bins=edges, weights=weights,
            histtype="step", color=ORANGE, linewidth=1.3,
        )  # fmt: skip
        axis.set_xlim(left=0)
        axis.set_ylim(top=_HEADROOM * axis.get_ylim()[1])
        if rows["price"].sum() > 0:
            mean = np.average(rows["offer_percent"], weights=rows["price"])
            axis.axvline(mean, color=INK, linewidth=1.1, linestyle=":")
            axis.text(
                0.98, 0.96, f"mean {mean:.1f} %\nn = {len(rows):,}", transform=axis.transAxes,
                ha="right", va="top", fontsize=8.5, color=INK,
            )  # fmt: skip
    outer_labels(figure, axes, "offer (%)", "consumer-items (%)")
    legend(figure, _handles())
    return figure


def _handles() -> list[object]:
    from matplotlib.patches import Patch

    return [
        Patch(color=BLUE, alpha=0.85, label="optimal offer"),
        Patch(facecolor="none", edgecolor=ORANGE, label="reference offer"),
    ]
