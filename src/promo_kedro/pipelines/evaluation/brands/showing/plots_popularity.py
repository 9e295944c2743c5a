"""Are popular brands foretold better than niche ones?"""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.naming import (
    RULES,
    SMALLEST_GROUP,
    STRATUM_COLOURS,
)
from promo_kedro.pipelines.evaluation.plot_style import (
    INK,
    legend,
    message_figure,
    outer_labels,
    panels,
)
from promo_kedro.types import Figure

TITLE = "Are popular brands foretold better than niche ones?"


def plot_brand_popularity(results: pd.DataFrame, sizing: str, shown_runs: list[str]) -> Figure:
    """F1 of each brand against its buyers, a panel per run, coloured by stratum.

    Args:
        results: ``brand_results``: a row per run, rule of size and brand.
        sizing: The rule of size under which runs are compared.
        shown_runs: Which runs get a panel, in this order.
    """
    rows = results[(results["sizing"] == sizing) & results["run"].isin(shown_runs)]
    rows = rows[rows["buyers"] >= SMALLEST_GROUP].dropna(subset=["f1"])
    names = [run for run in shown_runs if (rows["run"] == run).any()]
    if not names:
        return message_figure(
            TITLE, f"No approved brand has {SMALLEST_GROUP} buyers in the period foretold."
        )
    note = (
        f"A dot is an approved brand with at least {SMALLEST_GROUP} buyers in the period foretold; "
        f"sizing: {RULES.get(sizing, sizing)}.\nLines: the median of each stratum over the buyers "
        "its brands have. Logarithmic axis."
    )
    figure, axes = panels(names, TITLE, note, panel_size=(3.8, 2.9), sharex=True, sharey=True)
    for run, axis in axes.items():
        _dots(axis, rows[rows["run"] == run])
    for axis in axes.values():
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.set_ylim(bottom=0)
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
    axis.text(
        0.02, 0.97, f"{len(rows):,} brands, median {100 * rows['f1'].median():.1f} %",
        transform=axis.transAxes, va="top", fontsize=8.5, color=INK,
    )  # fmt: skip


def _handle(stratum: str) -> object:
    from matplotlib.lines import Line2D

    colour = STRATUM_COLOURS[stratum]
    return Line2D([], [], color=colour, marker="o", markersize=4.5, linewidth=2, label=stratum)
