"""What the offers earn on the simulated retailer, against today's offers."""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.offer_value import TODAY
from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    RED,
    message_figure,
    new_figure,
    tidy,
)
from promo_kedro.types import Figure

TITLE = "What the offers are worth, against today's"
ORDER = ["exact", "linear", "paper", "best_uniform", "none"]
LABELS = {
    "exact": "plan: exact",
    "linear": "plan: linear",
    "paper": "plan: paper",
    "best_uniform": "best uniform",
    "none": "no offers",
    "today": "today's offers",
}
_MEASURES = {
    "revenue": "revenue (% against today's)",
    "retention": "retention (percentage points)",
}


def plot_offer_value(value: pd.DataFrame, note: str | None, confidence: float) -> Figure:
    """Difference to today's offers in revenue and retention, with its interval, per horizon."""
    if value.empty:
        return message_figure(TITLE, note or "There is nothing to show.")
    total = value[(value["category"] == "All") & (value["policy"] != TODAY)]
    horizons = sorted(total["horizon"].unique())
    figure = new_figure(
        10.5, 1.2 + 2.4 * len(horizons), TITLE,
        f"Simulated retailer, true demand, all categories together. Bars: {confidence:.0%} "
        "interval over random futures that all policies share.",
    )  # fmt: skip
    axes = figure.subplots(len(horizons), len(_MEASURES), squeeze=False, sharey=True)
    policies = [policy for policy in ORDER if policy in set(total["policy"])]
    for horizon, row in zip(horizons, axes, strict=True):
        of_horizon = value[(value["category"] == "All") & (value["horizon"] == horizon)]
        rows = of_horizon.set_index("policy")
        for (measure, label), axis in zip(_MEASURES.items(), row, strict=True):
            scale = 100 if measure == "retention" else 100 / rows.loc[TODAY, "revenue"]
            _dots(tidy(axis), rows.loc[policies], measure, scale)
            axis.set_title(f"after {horizon} weeks", loc="left", fontsize=10.5, color=INK)
            axis.set_xlabel(label)
    axes[0, 0].set_yticks(range(len(policies)), [LABELS[name] for name in policies])
    axes[0, 0].invert_yaxis()
    return figure


def _dots(axis: Any, rows: pd.DataFrame, measure: str, scale: float) -> None:
    axis.axvline(0, color=MUTED, linewidth=1)
    for place, (_, row) in enumerate(rows.iterrows()):
        low, mean, high = (scale * row[f"{measure}_vs_today{end}"] for end in ("_low", "", "_high"))
        colour = GREEN if low > 0 else RED if high < 0 else BLUE
        axis.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round")
        axis.plot([mean], [place], marker="o", markersize=6.5, color=colour)
        digits = 1 if abs(mean) >= 10 else 2
        axis.annotate(
            f"{mean:+.{digits}f}".replace("-", "−"), (mean, place), xytext=(0, 7),
            textcoords="offset points", ha="center", fontsize=8.5, color=colour,
        )  # fmt: skip
    axis.margins(x=0.12, y=0.22)
