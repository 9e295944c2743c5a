"""Are popular brands foretold better than niche ones?"""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.axes import count_axis, wide_panels
from promo_kedro.pipelines.evaluation.brands.showing.naming import (
    RULES,
    STRATUM_COLOURS,
)
from promo_kedro.pipelines.evaluation.plot_style import (
    INK,
    legend,
    message_figure,
    outer_labels,
)
from promo_kedro.types import Figure

TITLE = "Are popular brands foretold better than niche ones?"
_MOST_PANELS = 9


def plot_brand_popularity(results: pd.DataFrame, sizing: str, smallest: int) -> Figure:
    """F1 of each brand against its buyers, a panel per run, coloured by stratum.

    Args:
        results: ``brand_results``: the winner and the best run of every other model.
        sizing: Its rule of size.
        smallest: Brands with fewer buyers are left out: their F1 is chance, and says much of few.
    """
    rows = results.dropna(subset=["buyers", "f1"])
    rows = rows[rows["buyers"] >= smallest]
    names = list(dict.fromkeys(rows["run"].astype(str)))[:_MOST_PANELS]
    if not names:
        return message_figure(
            TITLE, f"No approved brand has {smallest} buyers in the period foretold."
        )
    note = (
        f"A dot is an approved brand with at least {smallest} buyers in the period foretold; "
        f"sizing: {RULES.get(sizing, sizing)}.\nLines: the median of each stratum over the buyers "
        "its brands have. Logarithmic axis."
    )
    figure, axes = wide_panels(names, TITLE, note, least=(3.6, 2.9), sharex=True, sharey=True)
    for run, axis in axes.items():
        _dots(axis, rows[rows["run"] == run])
    for axis in axes.values():
        count_axis(axis.xaxis, float(rows["buyers"].min()), float(rows["buyers"].max()))
        axis.set_ylim(0, max(1.0, 115 * rows["f1"].max()))
    outer_labels(figure, axes, "buyers", "F1 of the brand (%)")
    present = [name for name in STRATUM_COLOURS if (rows["stratum"] == name).any()]
    legend(figure, [_handle(name) for name in present], columns=3)
    return figure


def _dots(axis: Any, rows: pd.DataFrame) -> None:
    for stratum, colour in STRATUM_COLOURS.items():
        brands = rows[rows["stratum"] == stratum]
        if brands.empty:
            continue
        buyers, percent = brands["buyers"].astype(float), 100 * brands["f1"]
        axis.scatter(buyers, percent, s=14, color=colour, alpha=0.55, linewidths=0)
        axis.plot(
            [buyers.min() / 1.06, buyers.max() * 1.06], 2 * [percent.median()],
            color=colour, linewidth=2.2, solid_capstyle="round",
        )  # fmt: skip
    count = f"{len(rows):,} {'brand' if len(rows) == 1 else 'brands'}"
    axis.text(
        0.02, 0.97, f"{count}, median {100 * rows['f1'].median():.1f} %",
        transform=axis.transAxes, va="top", fontsize=8.5, color=INK,
    )  # fmt: skip


def _handle(stratum: str) -> object:
    from matplotlib.lines import Line2D

    colour = STRATUM_COLOURS[stratum]
    return Line2D([], [], color=colour, marker="o", markersize=4.5, linewidth=2, label=stratum)
