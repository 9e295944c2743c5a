"""What the model answers when it is asked again at other offers."""

import pandas as pd

from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    FAINT,
    legend,
    message_figure,
    outer_labels,
    panels,
)
from promo_kedro.types import Figure

TITLE = "What the model answers to an offer"
_NOTE = (
    "Calibrated purchase probability in the next step, each consumer-item asked at every offer of "
    "a grid.\nGrey: deeper than the offers made lately. There the model says more than it saw."
)


def plot_offer_response(response: pd.DataFrame, summary: pd.DataFrame, mode: str) -> Figure:
    """Mean and middle half of the probabilities over the offer grid, a panel per category.

    Args:
        response: ``offer_response``, only the categories that may be shown.
        summary: ``optimization_summary``, for the range of offers seen.
        mode: Whose rows of the summary.
    """
    names = sorted(set(response["category"].astype(str)))
    if not names:
        return message_figure(TITLE, "No category has enough consumers to be shown.")
    ranges = summary[summary["mode"] == mode].set_index("category")
    quantiles = response_by_offer(response)
    figure, axes = panels(names, TITLE, _NOTE, panel_size=(3.4, 2.6), sharex=True)
    for category, axis in axes.items():
        answers = quantiles.loc[category]
        if category in ranges.index:
            deepest = float(ranges.loc[category, "offer_max"])
            if deepest < answers.index.max():
                axis.axvspan(
                    deepest, answers.index.max(), color=FAINT, alpha=0.7, linewidth=0, zorder=0
                )
        axis.fill_between(
            answers.index, answers["low"], answers["high"], color=BLUE, alpha=0.22, linewidth=0
        )
        axis.plot(answers.index, answers["mean"], color=BLUE, linewidth=1.8)
        axis.set_ylim(bottom=0)
        axis.set_xlim(answers.index.min(), answers.index.max())
    outer_labels(figure, axes, "offer (%)", "purchase probability")
    legend(figure, _handles())
    return figure


def response_by_offer(response: pd.DataFrame) -> pd.DataFrame:
    """Index category and offer percent; mean, lower and upper quartile of the probability."""
    groups = response.groupby([response["category"].astype(str), "offer_percent"])["probability"]
    quartiles = groups.quantile([0.25, 0.75]).unstack()
    return pd.DataFrame({"mean": groups.mean(), "low": quartiles[0.25], "high": quartiles[0.75]})


def _handles() -> list[object]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Line2D([], [], color=BLUE, label="mean"),
        Patch(color=BLUE, alpha=0.22, label="middle half"),
        Patch(color=FAINT, label="deeper than offers made lately"),
    ]
