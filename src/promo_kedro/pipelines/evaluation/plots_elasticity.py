"""Figure 4: how the purchase probability moves with the offer, per category."""

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    MUTED,
    ORANGE,
    legend,
    message_figure,
    outer_labels,
    panels,
)
from promo_kedro.types import Figure

TITLE = "Purchase probability against offer percent"
_LOOKS = {"observed": (BLUE, "o"), "response": (ORANGE, "s")}
_NOTE = (
    "observed: past offers against predicted probabilities, points are means of equal-count bins. "
    "response: the model asked again at other offers, a point per offer asked.\n"
    "Lines: the fitted sigmoid. R² is about the points."
)


def sigmoid(offer_percent: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """The category's curve f(x) = 1 / (1 + exp(-(a x + b))), x in percent (Eq. 10)."""
    return 1 / (1 + np.exp(-(slope * offer_percent + intercept)))


def equation(curve: pd.Series) -> str:
    """The curve in writing, with its R²; or that there is none."""
    if curve["status"] != "ok":
        return f"{curve['relation']}: not identified"
    sign = "−" if curve["intercept"] < 0 else "+"
    exponent = f"{curve['slope']:#.2g}x {sign} {abs(curve['intercept']):.2f}"
    return f"f(x) = 1/(1 + exp(−({exponent}))),  R² {curve['r2']:.2f}".replace("-", "−")


def plot_elasticity(curves: pd.DataFrame, bins: pd.DataFrame) -> Figure:
    """Bins and sigmoid of both relations, a panel per category."""
    names = sorted(set(curves["category"].astype(str)))
    if not names:
        return message_figure(TITLE, "No category has enough consumers to be shown.")
    figure, axes = panels(names, TITLE, _NOTE, panel_size=(3.9, 3.1))
    for category, axis in axes.items():
        for place, relation in enumerate(_LOOKS):
            curve = curves[(curves["category"] == category) & (curves["relation"] == relation)]
            points = bins[(bins["category"] == category) & (bins["relation"] == relation)]
            if len(curve):
                _draw(axis, curve.iloc[0], points, 0.97 - 0.09 * place)
        axis.set_ylim(0, max(1e-3, axis.get_ylim()[1]) * 1.3)
        axis.set_xlim(left=0)
    outer_labels(figure, axes, "offer (%)", "purchase probability")
    legend(figure, _handles())
    return figure


def _draw(axis: object, curve: pd.Series, points: pd.DataFrame, height: float) -> None:
    colour, marker = _LOOKS[curve["relation"]]
    axis.scatter(  # type: ignore[attr-defined]
        points["offer_percent"], points["probability"], s=16, color=colour, marker=marker,
        alpha=0.75, linewidth=0, clip_on=False, label=curve["relation"],
    )  # fmt: skip
    identified = curve["status"] == "ok"
    if identified and len(points):
        x = np.linspace(0, float(points["offer_percent"].max()), 100)
        y = sigmoid(x, curve["slope"], curve["intercept"])
        axis.plot(x, y, color=colour, linewidth=1.6)  # type: ignore[attr-defined]
    axis.text(  # type: ignore[attr-defined]
        0.02, height, equation(curve), transform=axis.transAxes, fontsize=8, va="top",  # type: ignore[attr-defined]
        color=colour if identified else MUTED,
    )  # fmt: skip


def _handles() -> list[object]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=colour, marker=marker, markersize=5, label=relation)
        for relation, (colour, marker) in _LOOKS.items()
    ]
