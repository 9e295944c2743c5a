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
        "precision, below it the other way round. Colours: what became of the wish. Logarithmic "
        "axes."
    )
    figure, axes = wide_panels(list(names), TITLE, note, least=(3.6, 3.0), sharex=True, sharey=True)
    for words, axis in axes.items():
        _dots(axis, rows[rows["sizing"] == names[words]])
    low, high = float(rows["buyers"].min()) / 1.3, float(rows["buyers"].max()) * 1.3
    for axis in axes.values():
        axis.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle="--")
        count_axis(axis.xaxis, low, high)
        count_axis(axis.yaxis, max(1.0, rows["wanted"].min()), rows["wanted"].max())
    outer_labels(figure, axes, "buyers", "consumers wanted")
    present = [name for name in LIMITS if (rows["limited_by"] == name).any()]
    legend(figure, [_handle(name) for name in present], columns=2)
    return figure


def _dots(axis: Any, rows: pd.DataFrame) -> None:
    wanted = rows[rows["wanted"] > 0]  # a logarithm has no place for nobody
    for limit, (_, colour) in LIMITS.items():
        brands = wanted[wanted["limited_by"] == limit]
        axis.scatter(
            brands["buyers"].astype(float), brands["wanted"],
            s=15, color=colour, alpha=0.6, linewidths=0,
        )  # fmt: skip
    nobody = len(rows) - len(wanted)
    ratio = (rows["wanted"].sum() / max(1, rows["buyers"].astype(float).sum())) if len(rows) else 0
    remark = f"wanted / buyers: {ratio:.2g}"
    if nobody:
        remark += f"\n{nobody:,} brands want nobody"
    axis.text(0.02, 0.97, remark, transform=axis.transAxes, va="top", fontsize=8.5, color=INK)


def _handle(limit: str) -> object:
    from matplotlib.lines import Line2D

    words, colour = LIMITS[limit]
    return Line2D([], [], color=colour, marker="o", linestyle="", markersize=5, label=words)
