"""Do the rules of size ask for as many consumers as then buy?"""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.axes import count_axis, wide_panels
from promo_kedro.pipelines.evaluation.brands.showing.naming import (
    LIMITS,
    RULES,
    SAMPLE,
)
from promo_kedro.pipelines.evaluation.plot_style import (
    INK,
    MUTED,
    legend,
    message_figure,
    outer_labels,
)
from promo_kedro.types import Figure

TITLE = "Do audiences have the size of the demand?"


def plot_brand_sizes(
    audiences: pd.DataFrame, totals: pd.DataFrame, in_use: str, smallest: int
) -> Figure:
    """Audience size wanted against buyers, a panel per rule of size, for the run in use.

    Args:
        audiences: ``brand_audiences``.
        totals: ``brand_score_totals``, for the buyers.
        in_use: Whose audiences.
        smallest: Brands with fewer buyers are left out.
    """
    judged = audiences[(audiences["sample"] == SAMPLE) & (audiences["run"] == in_use)]
    buyers = totals[(totals["sample"] == SAMPLE) & (totals["run"] == in_use)]
    rows = judged.merge(buyers[["brand", "buyers"]], on="brand")
    rows = rows[rows["buyers"].fillna(0) >= smallest]
    names = {RULES[rule]: rule for rule in RULES if (rows["sizing"] == rule).any()}
    if not names:
        return message_figure(
            TITLE, f"No approved brand has {smallest} buyers in the period foretold."
        )
    note = (
        f"Run “{in_use}”. A dot is an approved brand with at least {smallest} buyers in the "
        "period foretold. Dashed: as many addressed as buy.\nAbove it recall is bought with "
        "precision, below it the other way round. Colours: what became of the wish.\n"
        "Brands whose audience is too small are counted, not drawn. Logarithmic axes."
    )
    figure, axes = wide_panels(list(names), TITLE, note, least=(3.6, 3.0), sharex=True, sharey=True)
    for words, axis in axes.items():
        _dots(axis, rows[rows["sizing"] == names[words]], smallest)
    drawn = rows[_large_enough(rows, smallest)]
    low, high = float(rows["buyers"].min()) / 1.3, float(rows["buyers"].max()) * 1.3
    for axis in axes.values():
        axis.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle="--")
        count_axis(axis.xaxis, low, high)
        count_axis(axis.yaxis, drawn["wanted"].min() if len(drawn) else 1.0, _highest(drawn, high))
    outer_labels(figure, axes, "buyers", "consumers wanted")
    present = [name for name in LIMITS if (drawn["limited_by"] == name).any()]
    legend(figure, [_handle(name) for name in present], columns=2)
    return figure


def _large_enough(rows: pd.DataFrame, smallest: int) -> pd.Series:
    """Neither suppressed nor small: the size of such an audience would tell of a few people."""
    return (rows["limited_by"] != "smallest_audience") & (rows["wanted"] >= smallest)


def _highest(drawn: pd.DataFrame, otherwise: float) -> float:
    return float(drawn["wanted"].max()) if len(drawn) else otherwise


def _dots(axis: Any, rows: pd.DataFrame, smallest: int) -> None:
    drawn = rows[_large_enough(rows, smallest)]
    for limit, (_, colour) in LIMITS.items():
        brands = drawn[drawn["limited_by"] == limit]
        axis.scatter(
            brands["buyers"].astype(float), brands["wanted"],
            s=15, color=colour, alpha=0.6, linewidths=0,
        )  # fmt: skip
    remarks = []
    if len(drawn):
        ratio = drawn["wanted"].sum() / max(1.0, drawn["buyers"].astype(float).sum())
        remarks.append(f"wanted / buyers: {ratio:.2g}")
    hidden = len(rows) - len(drawn)
    if hidden:
        remarks.append(f"{hidden:,} {'brand' if hidden == 1 else 'brands'}: too small an audience")
    axis.text(
        0.02, 0.97, "\n".join(remarks),
        transform=axis.transAxes, va="top", fontsize=8.5, color=INK,
    )  # fmt: skip


def _handle(limit: str) -> object:
    from matplotlib.lines import Line2D

    words, colour = LIMITS[limit]
    return Line2D([], [], color=colour, marker="o", linestyle="", markersize=5, label=words)
