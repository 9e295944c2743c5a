"""How the probabilities of each run spread, for those who then bought and those who did not."""

from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.axes import wide_panels
from promo_kedro.pipelines.evaluation.brands.showing.naming import SAMPLE, runs_in_order
from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    INK,
    MUTED,
    legend,
    message_figure,
    outer_labels,
)
from promo_kedro.types import Figure

TITLE = "How far do the scores tell buyers from others?"
_NOTE = (
    "All approved brands and all consumers never seen in training. Each curve adds up to 100 %.\n"
    "The further blue lies right of grey, the better. Dotted: the mean probability of buyers and "
    "of others.\nLogit axis: equal steps are equal ratios of the odds."
)
_BINS_IN_ONE = 5  # bins of 0.05 in the logit are finer than an eye needs
_WIDTH = 0.05 * _BINS_IN_ONE
_TICKS = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.9, 0.99)


def plot_brand_scores(histograms: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """Share of buyers' and others' consumer-brands by probability, a panel per run.

    Args:
        histograms: ``brand_score_histograms``.
        runs: ``brand_runs``.
    """
    judged = histograms[histograms["sample"] == SAMPLE].dropna(subset=["buyers"])
    names = runs_in_order(sorted(set(judged["run"].astype(str))), runs)
    if not names:
        return message_figure(TITLE, "No scores were kept.")
    counts = {name: spread(judged[judged["run"] == name]) for name in names}
    figure, axes = wide_panels(names, TITLE, _NOTE, least=(3.4, 2.5), sharex=True, sharey=True)
    for run, axis in axes.items():
        _curves(axis, counts[run])
    low = min(table.index.min() for table in counts.values())
    high = max(table.index.max() for table in counts.values())
    _probability_axis(axis, max(low, -11.5), min(high + _WIDTH, 4.6))
    outer_labels(figure, axes, "probability", "share (%)")
    legend(figure, _handles(), columns=2)
    return figure


def spread(histogram: pd.DataFrame) -> pd.DataFrame:
    """Consumer-brands by lower edge of the logit: buyers, others, and their probabilities' sums."""
    edge = (histogram["bin"] // _BINS_IN_ONE) * _WIDTH
    buyers = histogram["buyers"].astype(float)
    others = histogram["consumers"].astype(float) - buyers
    table = pd.DataFrame(
        {
            "buyers": buyers,
            "others": others,
            "buyers_sum": buyers * histogram["probability"],
            "others_sum": others * histogram["probability"],
        }
    )
    return table.groupby(edge).sum()


def _curves(axis: Any, table: pd.DataFrame) -> None:
    edges = np.arange(table.index.min(), table.index.max() + 1.5 * _WIDTH, _WIDTH)
    places = np.rint((table.index.to_numpy() - edges[0]) / _WIDTH).astype(int)
    for group, colour in (("others", MUTED), ("buyers", BLUE)):
        total = table[group].sum()
        if not total:
            continue
        share = np.zeros(len(edges) - 1)
        share[places] = 100 * table[group] / total
        axis.stairs(share, edges, color=colour, fill=True, alpha=0.25)
        axis.stairs(share, edges, color=colour, linewidth=1.4)
        mean = np.clip(table[f"{group}_sum"].sum() / total, 1e-6, 1 - 1e-6)
        axis.axvline(np.log(mean / (1 - mean)), color=colour, linewidth=1.1, linestyle=":")
    bought = table["buyers"].sum() / max(1, table[["buyers", "others"]].to_numpy().sum())
    axis.text(
        1.0, 1.02, f"{100 * bought:.2f} % bought",
        transform=axis.transAxes, ha="right", va="bottom", fontsize=8, color=INK,
    )  # fmt: skip


def _probability_axis(axis: Any, low: float, high: float) -> None:
    """Ticks at round probabilities; the panels share the axis."""
    places = {np.log(tick / (1 - tick)): f"{100 * tick:g} %" for tick in _TICKS}
    axis.set_xlim(low, high)
    inside = {place: words for place, words in places.items() if low <= place <= high}
    axis.set_xticks(list(inside), list(inside.values()))
    axis.set_ylim(bottom=0)


def _handles() -> list[object]:
    from matplotlib.patches import Patch

    return [
        Patch(color=BLUE, alpha=0.6, label="bought the brand"),
        Patch(color=MUTED, alpha=0.6, label="did not"),
    ]
