"""Small multiples that are never too narrow, and axes of counts."""

from typing import Any

from promo_kedro.pipelines.evaluation.plot_style import panels
from promo_kedro.types import Figure

_WIDTH = 10.8  # inches: titles and the legend beside them have room


def wide_panels(
    names: list[str], title: str, note: str, *, least: tuple[float, float], **shared: Any
) -> tuple[Figure, dict[str, Any]]:
    """`panels`, of at least that size each and a good width together."""
    in_a_row = min(4, max(1, round(len(names) ** 0.5 + 0.499)))
    size = (max(least[0], _WIDTH / in_a_row), least[1])
    return panels(names, title, note, panel_size=size, **shared)


def count_axis(axis: Any, low: float, high: float) -> None:
    """A logarithmic axis (``axes.xaxis`` or ``axes.yaxis``) with whole numbers at few ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    within_two_decades = high < 100 * low
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if within_two_decades else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_minor_formatter(NullFormatter())
