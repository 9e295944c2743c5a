"""What keeping more consumers costs: the frontier of revenue and retention."""

import pandas as pd

from promo_kedro.types import Figure

from .plot_style import BLUE, RED, legend, message_figure, outer_labels, panels

TITLE = "What retention costs in revenue"


def plot_frontier(frontier: pd.DataFrame, summary: pd.DataFrame, mode: str) -> Figure:
    """Best revenue per required retention, per category, with the chosen plan on it."""
    curves = frontier[(frontier["mode"] == mode) & frontier["revenue"].notna()]
    names = sorted(set(curves["category"].astype(str)))
    if not names:
        return message_figure(TITLE, f"The mode {mode!r} has no frontier to show.")
    note = (
        f"Mode {mode}. Revenue in % of the category's highest. Past the end of a line no offers "
        "reach that retention."
    )
    figure, axes = panels(names, TITLE, note, panel_size=(3.4, 2.6))
    planned = (summary["mode"] == mode) & ~summary["status"].str.startswith("infeasible")
    plans = summary[planned].set_index("category")
    for category, axis in axes.items():
        curve = curves[curves["category"] == category].sort_values("retention_required")
        highest = curve["revenue"].max() or 1.0
        axis.plot(
            100 * curve["retention_required"], 100 * curve["revenue"] / highest,
            color=BLUE, linewidth=1.6, marker="o", markersize=3.5,
        )  # fmt: skip
        if category in plans.index:
            plan = plans.loc[category]
            axis.plot(
                [100 * plan["retention_required"]], [100 * plan["revenue"] / highest],
                marker="D", markersize=7, color=RED, markeredgecolor="white",
            )  # fmt: skip
        axis.ticklabel_format(useOffset=False)
        axis.locator_params(axis="x", nbins=4)
    outer_labels(figure, axes, "required retention (%)", "revenue (% of highest)")
    legend(figure, _handles())
    return figure


def _handles() -> list[object]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=BLUE, marker="o", markersize=4, label="best revenue"),
        Line2D([], [], color=RED, marker="D", linestyle="", markersize=6, label="the plan"),
    ]
