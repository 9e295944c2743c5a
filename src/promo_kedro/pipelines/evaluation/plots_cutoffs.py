"""The ways to cut probabilities side by side: what they promise and what came of it."""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    legend,
    message_figure,
    panels,
)
from promo_kedro.pipelines.evaluation.suppression import TOTAL
from promo_kedro.types import Figure

PALE = "#cbd5df"

TITLE = "Which cut-off predicts best?"
BASKETS = "All, whole baskets"
POOLED = "All, predictions pooled"
_SINGLE = {BASKETS: "mean_f1_baskets", POOLED: "f1"}  # panels of one figure per method
_NOTE = (
    "Test step. Mean F1 of consumers, one category at a time: realised (dot, with two standard "
    "errors of its difference to expected) and expected under the probabilities (ring).\n"
    "A dot left of its ring: the probabilities promised too much. Squares: mean F1 of consumers, "
    "all their items of all categories together;\nand F1 of all predictions together, as in the "
    "results table. Orange: the method in use."
)
NAMES = {
    "expected_f1": "expected F1",
    "ratio": "ratio",
    "empirical": "empirical (Eq. 9)",
    "global": "one per category",
    "shrunk": "shrunk to one",
}


def plot_cutoff_comparison(comparison: pd.DataFrame, window: int = 0) -> Figure:
    """Realised and expected F1 of each method: in all, by basket, pooled, and by category.

    Args:
        comparison: ``cutoff_comparison``, only the categories that may be shown.
        window: which window.
    """
    shown = comparison[comparison["window"] == window].dropna(subset=["mean_f1"])
    total = shown[shown["category"] == TOTAL]
    if total.empty:
        return message_figure(TITLE, "There are no cut-offs to compare on the test step.")
    methods = list(total["method"])[::-1]  # the first one on top
    categories = sorted(set(shown["category"]) - {TOTAL})
    size = (3.6, 1.1 + 0.24 * len(methods))
    figure, axes = panels(
        [TOTAL, *_SINGLE, *categories], TITLE, _NOTE, panel_size=size, sharey=True
    )
    for name, axis in axes.items():
        rows = shown[shown["category"] == (TOTAL if name in _SINGLE else name)]
        if name in _SINGLE:
            _squares(axis, rows.set_index("method"), methods, _SINGLE[name])
        else:
            _pairs(axis, rows.set_index("method"), methods)
            _count(axis, rows["cutoffs"], "consumer-categories" if name == TOTAL else "consumers")
        if name == BASKETS:
            _count(axis, rows["consumers"], "consumers")
        axis.set_xlim(0, 1.06 * axis.dataLim.x1 or 1)
        axis.locator_params(axis="x", nbins=5)
        axis.set_yticks(range(len(methods)), [NAMES.get(method, method) for method in methods])
        axis.set_ylim(-0.6, len(methods) - 0.4)
    legend(figure, _handles(), columns=3)
    return figure


def _pairs(axis: Any, rows: pd.DataFrame, methods: list[str]) -> None:
    for method, row in rows.iterrows():
        place, colour = methods.index(str(method)), _colour(row)
        realised, expected = row["mean_f1"], row["expected_f1"]
        error = 2 * row["realised_minus_expected_se"]
        axis.plot([realised - error, realised + error], [place, place], color=PALE, linewidth=5)
        axis.plot([realised, expected], [place, place], color=colour, linewidth=1.2)
        axis.plot([expected], [place], "o", markersize=6, color=colour, markerfacecolor="white")
        axis.plot([realised], [place], "o", markersize=6, color=colour)


def _squares(axis: Any, rows: pd.DataFrame, methods: list[str], column: str) -> None:
    for method, row in rows.iterrows():
        place = methods.index(str(method))
        axis.plot([0, row[column]], [place, place], color=_colour(row), linewidth=1.2)
        axis.plot([row[column]], [place], "s", markersize=6, color=_colour(row))


def _count(axis: Any, counts: pd.Series, of_what: str) -> None:
    axis.text(
        1.0, 1.02, f"{counts.max():,.0f} {of_what}",
        transform=axis.transAxes, ha="right", va="bottom", fontsize=8, color=INK,
    )  # fmt: skip


def _colour(row: pd.Series) -> str:
    return ORANGE if row["chosen"] else BLUE


def _handles() -> list[Any]:
    from matplotlib.lines import Line2D

    dot: dict[str, Any] = {"color": MUTED, "linestyle": "none", "markersize": 6}
    return [
        Line2D([], [], marker="o", label="realised", **dot),
        Line2D([], [], marker="o", markerfacecolor="white", label="expected", **dot),
        Line2D([], [], marker="s", label="one figure", **dot),
    ]
