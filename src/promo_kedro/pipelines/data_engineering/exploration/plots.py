"""Pictures of the first look at the data: Figure 3 of the paper and the cuts of its §4.1."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

BLUE, ORANGE, GREY = "#2b6cb0", "#c05621", "#718096"
TITLES = {
    "week": ("Season: week", "ISO week in which the step begins"),
    "month": ("Season: month", "month in which the step begins"),
    "quarter": ("Season: quarter", "quarter in which the step begins"),
    "total_orders": ("Orders so far", "consumer-items bought before (octaves)"),
    "total_reorders": ("Reorders so far", "bought again before (octaves)"),
    "recency": ("Recency", "14-day steps since the last order"),
    "gap": ("Gap between orders", "mean 14-day steps between orders"),
}


def category_sales_plot(category_sales: pd.DataFrame) -> Figure:
    """Draw each category's share of sales as bars, the largest on top."""
    figure, axes = _canvas(8, 1.2 + 0.32 * max(4, len(category_sales)))
    shares = category_sales.sort_values("share", ascending=True)
    bars = axes.barh(shares["category"], 100 * shares["share"], color=BLUE)
    axes.bar_label(bars, fmt="%.1f %%", padding=3, fontsize=8, color=GREY)
    axes.set_xlabel("share of sales (%)")
    axes.set_title("Sales by category")
    axes.margins(x=0.12, y=0.02)
    return figure


def offer_percent_density_plot(offer_percent_density: pd.DataFrame) -> Figure:
    """Draw how discounted lines are spread over offer percents; undiscounted ones are told."""
    figure, axes = _canvas(8, 4.5)
    bins = offer_percent_density
    discounted = bins[bins["offer_to"] > 0]
    width = discounted["offer_to"] - discounted["offer_from"]
    axes.bar(
        discounted["offer_from"],
        100 * discounted["density"],
        width=width,
        align="edge",
        color=BLUE,
        edgecolor="white",
        linewidth=0.4,
    )
    without = bins.loc[bins["offer_to"] == 0, "share"].sum()
    axes.annotate(
        f"{without:.0%} of all lines have no offer",
        (0.98, 0.92),
        xycoords="axes fraction",
        ha="right",
        color=GREY,
    )
    axes.set_xlim(0, 100)
    axes.set_xlabel("offer (% of list price)")
    axes.set_ylabel("discounted lines (% per percentage point)")
    axes.set_title("Receipt lines over offer percent")
    return figure


def basket_size_density_plot(basket_size_density: pd.DataFrame, largest: int) -> Figure:
    """Draw how baskets are spread over the number of different items.

    Args:
        basket_size_density: The share of baskets by size.
        largest: The size that stands for all larger ones too.
    """
    figure, axes = _canvas(8, 4.5)
    sizes, shares = basket_size_density["basket_size"], 100 * basket_size_density["share"]
    axes.bar(sizes, shares, width=0.9, color=BLUE)
    if (sizes == largest).any():
        axes.annotate(
            f"{largest} and more",
            (largest, float(shares[sizes == largest].iloc[0])),
            xytext=(0, 6),
            textcoords="offset points",
            ha="right",
            color=GREY,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("different items in a basket")
    axes.set_ylabel("share of baskets (%)")
    axes.set_title("Baskets over basket size")
    return figure


def order_probability_plot(order_probability: pd.DataFrame) -> Figure:
    """Draw the order probability by season, and by what consumers and items did before."""
    figure = Figure(figsize=(15, 10), layout="constrained")
    grid = figure.subplots(3, 4)
    rows = {
        "all": (("week", "month", "quarter"), BLUE, ""),
        "consumer": (("total_orders", "total_reorders", "recency", "gap"), BLUE, "Consumers: "),
        "item": (("total_orders", "total_reorders", "recency", "gap"), ORANGE, "Items: "),
    }
    for line, (level, (measures, colour, prefix)) in zip(grid, rows.items(), strict=True):
        for axes, measure in zip(line, measures, strict=False):
            chosen = order_probability["level"].eq(level) & order_probability["measure"].eq(measure)
            _draw_measure(axes, order_probability[chosen], measure, colour, prefix)
    grid[0, 3].axis("off")
    figure.suptitle("Probability that a consumer-item is ordered in a 14-day step")
    return figure


def _draw_measure(axes: Axes, rows: pd.DataFrame, measure: str, colour: str, prefix: str) -> None:
    title, label = TITLES[measure]
    _plain(axes)
    axes.set_title(f"{prefix}{title[:1].lower() + title[1:]}" if prefix else title)
    axes.set_xlabel(label)
    axes.set_ylabel("order probability (%)")
    if rows.empty:
        axes.annotate("no data", (0.5, 0.5), xycoords="axes fraction", ha="center", color=GREY)
        return
    rows = rows.sort_values("value_from")
    names = [
        f"{low}" if low == high else f"{low}–{high}"
        for low, high in zip(rows["value_from"], rows["value_to"], strict=True)
    ]
    places = range(len(rows))
    axes.plot(places, 100 * rows["order_probability"], color=colour, marker="o", markersize=4)
    every = 1 + len(names) // 14
    axes.set_xticks(list(places)[::every], names[::every])
    if measure.startswith("total"):
        axes.tick_params(axis="x", rotation=60, labelsize=8)
    axes.margins(y=0.1)
    axes.set_ylim(bottom=0)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
