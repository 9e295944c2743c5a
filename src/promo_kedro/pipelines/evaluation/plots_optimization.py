"""What keeping more consumers costs: the frontier of the objective and retention."""

import pandas as pd

from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    INK,
    RED,
    legend,
    message_figure,
    outer_labels,
    panels,
)
from promo_kedro.types import Figure


def plot_frontier(
    frontier: pd.DataFrame,
    kpis: pd.DataFrame,
    summary: pd.DataFrame,
    mode: str,
    objective: str = "revenue",
) -> Figure:
    """Best revenue or margin per retention, with the chosen plan and what it had to keep."""
    title = f"What retention costs in {objective}"
    curves = frontier[(frontier["mode"] == mode) & frontier["objective"].notna()]
    names = sorted(set(curves["category"].astype(str)))
    if not names:
        return message_figure(title, f"The mode {mode!r} has no frontier to show.")
    note = (
        f"Mode {mode}. {objective.capitalize()} in % of the category's highest. No offers keep "
        "more than the end of the curve. Where the plan lies right of the dotted line, the "
        "requirement costs nothing."
    )
    figure, axes = panels(names, title, note, panel_size=(3.4, 2.6))
    of_mode = summary[summary["mode"] == mode].set_index("category")
    failed = of_mode.index[of_mode["status"].str.startswith("infeasible")]
    plans = kpis[(kpis["mode"] == mode) & ~kpis["category"].isin(failed)].set_index("category")
    for category, axis in axes.items():
        curve = curves[curves["category"] == category].sort_values("retention")
        highest = curve["objective"].max() or 1.0
        axis.plot(
            100 * curve["retention"], 100 * curve["objective"] / highest,
            color=BLUE, linewidth=1.6, marker="o", markersize=3.5,
        )  # fmt: skip
        if category in of_mode.index:
            required = 100 * of_mode.loc[category, "retention_required"]
            axis.axvline(required, color=INK, linewidth=1.1, linestyle=":")
        if category in plans.index:
            plan = plans.loc[category]
            axis.plot(
                [100 * plan["retention_after"]], [100 * plan[f"{objective}_after"] / highest],
                marker="D", markersize=7, color=RED, markeredgecolor="white",
            )  # fmt: skip
        axis.ticklabel_format(useOffset=False)
        axis.locator_params(axis="x", nbins=4)
    outer_labels(figure, axes, "retention (%)", f"{objective} (% of highest)")
    legend(figure, _handles(objective))
    return figure


def _handles(objective: str) -> list[object]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=BLUE, marker="o", markersize=4, label=f"best {objective}"),
        Line2D([], [], color=RED, marker="D", linestyle="", markersize=6, label="the plan"),
        Line2D([], [], color=INK, linewidth=1.1, linestyle=":", label="required retention"),
    ]
