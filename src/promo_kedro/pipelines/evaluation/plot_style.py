"""The look that all plots share. No pyplot: figures are plain objects that are saved once."""

from collections.abc import Sequence
from math import ceil
from typing import Any

from promo_kedro.types import Figure

INK = "#1f2933"
MUTED = "#7b8794"
FAINT = "#e4e7eb"
BLUE = "#2b6cb0"
ORANGE = "#d9730d"
GREEN = "#2f855a"
RED = "#b83232"
# One colour per line where there is a line per thing; told apart by those who see no red, too.
SERIES = (BLUE, ORANGE, GREEN, "#7c4d9e", "#0e8a8a", "#a0522d", "#c0417f", MUTED)


def new_figure(width: float, height: float, title: str, note: str = "") -> Figure:
    """An empty figure with a title, and a line below it that says how to read it."""
    from matplotlib.figure import Figure as MatplotlibFigure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.10)
    figure = MatplotlibFigure(figsize=(width, height), layout=layout, dpi=130)
    figure.suptitle(title, x=0.012, ha="left", fontsize=14, fontweight="bold", color=INK)
    if note:
        figure.supxlabel(note, x=0.012, ha="left", fontsize=9, color=MUTED)
    return figure


def message_figure(title: str, message: str) -> Figure:
    """A figure that says in words why there is nothing to draw."""
    from textwrap import fill

    figure = new_figure(9, 2.4, title)
    axis = figure.subplots()
    axis.axis("off")
    axis.text(0, 0.6, fill(message, 100), fontsize=11, color=INK, va="center")
    return figure


def panels(
    names: Sequence[str],
    title: str,
    note: str,
    *,
    panel_size: tuple[float, float] = (3.5, 2.8),
    **shared: Any,
) -> tuple[Figure, dict[str, Any]]:
    """Small multiples: one tidy axis per name, up to four in a row."""
    in_a_row = min(4, max(1, ceil(len(names) ** 0.5)))
    rows = max(1, ceil(len(names) / in_a_row))
    width = max(7.5, in_a_row * panel_size[0])
    figure = new_figure(width, rows * panel_size[1] + 0.9, title, note)
    axes = figure.subplots(rows, in_a_row, squeeze=False, **shared).ravel()
    for axis in axes[len(names) :]:
        axis.remove()
    for name, axis in zip(names, axes, strict=False):
        tidy(axis)
        axis.set_title(name, loc="left", fontsize=10.5, fontweight="bold", color=INK)
    return figure, dict(zip(names, axes, strict=False))


def tidy(axis: Any) -> Any:
    """Remove what carries no information: box, ticks; keep a faint grid behind the data."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(MUTED)
    axis.tick_params(which="both", length=0, labelsize=8.5, labelcolor=INK)
    axis.grid(color=FAINT, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.xaxis.label.set(color=INK, fontsize=9)
    axis.yaxis.label.set(color=INK, fontsize=9)
    return axis


def legend(figure: Figure, handles: Sequence[Any], columns: int = 4) -> None:
    """One legend for all panels, above them."""
    figure.legend(
        handles=list(handles),
        loc="outside upper right",
        ncols=columns,
        frameon=False,
        fontsize=9.5,
        labelcolor=INK,
    )


def outer_labels(figure: Figure, axes: dict[str, Any], x: str, y: str) -> None:
    """Name the axes once: y at the left edge, x under the lowest panel of each column."""
    for axis in axes.values():
        place = axis.get_subplotspec()
        if place.is_first_col():
            axis.set_ylabel(y)
        below = [other for other in axes.values() if _is_below(other, axis)]
        if not below:
            axis.set_xlabel(x)
            axis.tick_params(labelbottom=True)


def _is_below(other: Any, axis: Any) -> bool:
    mine, its = axis.get_subplotspec(), other.get_subplotspec()
    return its.colspan.start == mine.colspan.start and its.rowspan.start > mine.rowspan.start
