"""What keeping more consumers costs, to be asked point by point: an interactive figure.

There is one trace per mode and kind of mark; the menu of categories gives them other data. So
what a reader switched off in the legend stays off from one category to the next.
"""

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd
from plotly.graph_objects import Figure, Scatter

from promo_kedro.pipelines.evaluation.plot_style import FAINT, INK, MUTED, SERIES
from promo_kedro.pipelines.evaluation.suppression import TOTAL

HOW_TO_READ = (
    "Each point is the most {objective} that any offers can promise while retaining so many; the "
    "curve ends where no offers retain more. Point at it for the price of the next percentage "
    "point. The plan lies on the curve, or below it where other rules hold it down. Where it lies "
    "right of the dotted line, the requirement costs nothing. Today's "
    "offers need not lie under the curve: they are not always among those that may be chosen. "
    "Switch off marks in the legend to see the curve closer up."
)
_HEIGHT = 560
_MENU = {"y": 1.14, "yanchor": "top", "bgcolor": "white", "bordercolor": MUTED}

Mark = dict[str, list[Any]]


def interactive_frontier(
    frontier: pd.DataFrame,
    kpis: pd.DataFrame,
    summary: pd.DataFrame,
    mode: str,
    objective: str = "revenue",
) -> Figure:
    """Draw the frontier of every category and mode, with the plan and today's offers.

    Args:
        frontier: ``revenue_retention_frontier``, without what may not be shown.
        kpis: ``plan_kpis``: where today's offers and the plan stand.
        summary: ``optimization_summary``: what had to be retained, and whether there is a plan.
        mode: the mode in use; the others wait in the legend.
        objective: what the plans make the most of, ``revenue`` or ``margin``.
    """
    curves = frontier[frontier["objective"].notna()]
    modes = sorted(set(curves["mode"]), key=lambda each: (each != mode, each))
    categories = sorted(set(curves["category"].astype(str)), key=lambda each: (each == TOTAL, each))
    if not categories:
        return _message("There is no frontier to show.")
    tables = (curves, kpis, summary)
    shown = {
        category: [
            mark
            for each in modes
            for mark in _marks(objective, *(_of(table, each, category) for table in tables))
        ]
        for category in categories
    }
    figure = Figure(
        [
            trace.update(**mark)
            for trace, mark in zip(
                _traces(modes, mode, objective), shown[categories[0]], strict=True
            )
        ]
    )
    return _laid_out(figure, shown, objective)


def title_of(objective: str) -> str:
    """Return the heading."""
    return f"What retention costs in {objective}"


def frontier_page(figure: Figure, objective: str = "revenue") -> str:
    """Return the figure as a page that opens without a network: Plotly itself is inside."""
    title = title_of(objective)
    # A fixed name of the figure's place keeps the page the same from run to run.
    plot = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        div_id="frontier",
        config={"displaylogo": False, "responsive": True},
    )
    style = (
        f"body {{ font: 16px/1.55 system-ui, sans-serif; color: {INK}; max-width: 1080px; "
        f"margin: 2rem auto; padding: 0 1.5rem; }} p {{ color: {MUTED}; }}"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>{HOW_TO_READ.format(objective=objective)}</p>\n{plot}\n</body>\n</html>\n"
    )


def _of(table: pd.DataFrame, mode: str, category: str) -> pd.DataFrame:
    return table[(table["mode"] == mode) & (table["category"] == category)]


def _marks(
    objective: str, curve: pd.DataFrame, kpis: pd.DataFrame, summary: pd.DataFrame
) -> list[Mark]:
    """Return what is drawn of one category in one mode: curve, requirement, plan, today."""
    curve = curve.sort_values("retention")
    infeasible = summary["status"].str.startswith("infeasible").any()
    today = _point(kpis, "before", "Today's offers", objective)
    plan = _point(kpis[:0] if infeasible else kpis, "after", "The plan", objective)
    heights = [*curve["objective"], *plan["y"], *today["y"]]
    required = summary["retention_required"].dropna().tolist()[:1] if heights else []
    line = [
        {
            "x": 2 * [100 * share],
            "y": [min(heights), max(heights)],
            "text": 2 * [f"<b>Required: {100 * share:.2f} % retained</b>"],
        }
        for share in required
    ]
    return [_curve(curve, objective), line[0] if line else _nothing(), plan, today]


def _curve(curve: pd.DataFrame, objective: str) -> Mark:
    points = zip(curve["retention"], curve["objective"], curve["shadow_price"], strict=True)
    return {
        "x": (100 * curve["retention"]).tolist(),
        "y": curve["objective"].tolist(),
        "text": [
            f"{_standing(f'Best {objective}', retention, most)}<br>"
            f"{price_in_words(price, objective)}"
            for retention, most, price in points
        ],
    }


def _point(kpis: pd.DataFrame, when: str, name: str, objective: str) -> Mark:
    retention, money = (kpis[f"{what}_{when}"].tolist()[:1] for what in ("retention", objective))
    return {
        "x": [100 * share for share in retention],
        "y": money,
        "text": [_standing(name, *each) for each in zip(retention, money, strict=True)],
    }


def _nothing() -> Mark:
    return {"x": [], "y": [], "text": []}


def _standing(name: str, retention: float, money: float) -> str:
    return f"<b>{name}: {money:,.2f}</b><br>{100 * retention:.2f} % retained"


def price_in_words(price: float, objective: str = "revenue") -> str:
    """Say what a shadow price means, with its unit."""
    if pd.isna(price):
        return "no offers retain more"
    if round(price, 2) <= 0:
        return f"a little more retention costs no {objective}"
    return f"retaining one more percentage point costs {price:,.2f} of {objective}"


def _traces(modes: Iterable[str], in_use: str, objective: str) -> list[Scatter]:
    """Return the marks of each mode, without data: curve, requirement, plan, today."""
    traces = []
    for colour, mode in zip(SERIES, modes, strict=False):
        shared: dict[str, Any] = {
            "legendgroup": mode,
            "legendgrouptitle": {"text": f"{mode}, in use" if mode == in_use else mode},
            "visible": True if mode == in_use else "legendonly",
            "hovertemplate": "%{text}<extra>" + mode + "</extra>",
        }
        diamond = {"symbol": "diamond", "size": 13, "color": colour}
        ring = {"symbol": "circle-open", "size": 12, "color": colour, "line": {"width": 2.5}}
        white = {"line": {"width": 1.5, "color": "white"}}
        traces += [
            Scatter(
                name=f"best {objective}", mode="lines+markers",
                line={"color": colour, "width": 2}, marker={"size": 5}, **shared,
            ),
            Scatter(
                name="required", mode="lines",
                line={"color": colour, "width": 1.5, "dash": "dot"}, **shared,
            ),
            Scatter(name="the plan", mode="markers", marker=diamond | white, **shared),
            Scatter(name="today's offers", mode="markers", marker=ring, **shared),
        ]  # fmt: skip
    return traces


def _laid_out(figure: Figure, shown: dict[str, list[Mark]], objective: str) -> Figure:
    axis = {"gridcolor": FAINT, "zeroline": False, "linecolor": MUTED}
    return figure.update_layout(
        height=_HEIGHT,
        template="none",
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        margin={"l": 90, "r": 30, "t": 70, "b": 70},
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"color": INK}},
        xaxis=axis | {"title": "retention", "ticksuffix": " %"},
        yaxis=axis | {"title": f"{objective} promised (money)", "tickformat": ",~r"},
        legend={"groupclick": "toggleitem", "itemsizing": "constant"},
        updatemenus=[
            {
                "buttons": [_button(category, marks) for category, marks in shown.items()],
                "x": 0,
                "xanchor": "left",
                **_MENU,
            },
            {
                "buttons": _mode_buttons([trace.legendgroup for trace in figure.data]),
                "type": "buttons",
                "direction": "right",
                "x": 0.36,  # left of Plotly's own buttons, right of a long category
                "xanchor": "left",
                **_MENU,
            },
        ],
    )


def _mode_buttons(modes: list[str]) -> list[dict[str, Any]]:
    """Return a button per mode that shows it alone, and one for all; modes is of each trace."""
    distinct = list(dict.fromkeys(modes))
    shown = {each: [mode == each or "legendonly" for mode in modes] for each in distinct}
    if len(distinct) > 1:
        shown["all modes"] = [True] * len(modes)
    return [
        {"label": label, "method": "restyle", "args": [{"visible": visible}]}
        for label, visible in shown.items()
    ]


def _button(category: str, marks: list[Mark]) -> dict[str, Any]:
    data = {name: [mark[name] for mark in marks] for name in ("x", "y", "text")}
    return {"label": escape(category), "method": "restyle", "args": [data]}


def _message(text: str) -> Figure:
    figure = Figure()
    figure.add_annotation(text=text, showarrow=False, font={"size": 15, "color": INK})
    return figure.update_layout(
        height=200, template="none", xaxis={"visible": False}, yaxis={"visible": False}
    )
