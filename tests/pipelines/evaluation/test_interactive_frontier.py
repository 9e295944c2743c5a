"""The interactive frontier holds the data, in words that a planner reads, and opens offline."""

import json
import re

import pandas as pd
import pytest

from promo_kedro.datasets import InteractiveFigureDataset
from promo_kedro.pipelines.evaluation import nodes
from promo_kedro.pipelines.evaluation.plots_frontier_interactive import (
    frontier_page,
    interactive_frontier,
    price_in_words,
)

MARKS = ["best revenue", "required", "the plan", "today's offers"]


@pytest.fixture(scope="module")
def figure(made_up_run):
    return interactive_frontier(
        made_up_run.revenue_retention_frontier,
        made_up_run.plan_kpis,
        made_up_run.optimization_summary,
        "exact",
    )


def of_category(figure, category):
    """Return what the menu would show: mark of the mode in use → its x, y and text."""
    buttons = figure.layout.updatemenus[0].buttons
    data = next(button.args[0] for button in buttons if button.label == category)
    return {
        (trace.legendgroup, trace.name): {name: data[name][place] for name in ("x", "y", "text")}
        for place, trace in enumerate(figure.data)
    }


@pytest.mark.parametrize("mode", ["linear", "exact"])
def test_every_point_of_every_category_is_there(figure, made_up_run, mode):
    frontier = made_up_run.revenue_retention_frontier
    for category, curve in frontier[frontier["mode"] == mode].groupby("category"):
        name = category.replace("&", "&amp;")
        drawn = of_category(figure, name)[mode, "best revenue"]
        assert drawn["x"] == pytest.approx(100 * curve["retention"])
        assert drawn["y"] == pytest.approx(curve["revenue"])
        *between, last = drawn["text"]
        assert all("one more percentage point costs 0.10 of revenue" in t for t in between)
        assert last.endswith("no offers retain more")


def test_the_plan_and_today_stand_beside_the_curve(figure):
    drawn = of_category(figure, "Grocery")
    assert drawn["exact", "today's offers"]["x"] == pytest.approx([11])
    assert drawn["exact", "today's offers"]["y"] == [98]
    assert drawn["exact", "the plan"]["x"] == pytest.approx([16])
    assert drawn["exact", "the plan"]["y"] == [111]
    assert drawn["exact", "required"]["x"] == pytest.approx([15, 15])
    assert drawn["exact", "required"]["y"][0] == 98  # from the lowest thing drawn


def test_there_is_no_plan_where_it_is_infeasible(figure):
    drawn = of_category(figure, "Bakery")
    assert drawn["exact", "the plan"] == {"x": [], "y": [], "text": []}
    assert drawn["exact", "today's offers"]["y"] == [97]


def test_the_mode_in_use_is_seen_first_and_the_others_wait(figure):
    assert [trace.name for trace in figure.data] == 2 * MARKS
    seen = {trace.legendgroup: trace.visible for trace in figure.data}
    assert seen == {"exact": True, "linear": "legendonly"}
    buttons = {each.label: each.args[0]["visible"] for each in figure.layout.updatemenus[1].buttons}
    assert buttons == {
        "exact": [True] * 4 + ["legendonly"] * 4,
        "linear": ["legendonly"] * 4 + [True] * 4,
        "all modes": [True] * 8,
    }
    first = figure.layout.updatemenus[0].buttons[0]
    assert list(figure.data[0].x) == first.args[0]["x"][0]


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (190.279, "retaining one more percentage point costs 190.28 of revenue"),
        (0.0, "a little more retention costs no revenue"),
        (float("nan"), "no offers retain more"),
    ],
)
def test_prices_are_said_in_words_with_their_unit(price, words):
    assert price_in_words(price) == words


def test_a_plan_for_margin_is_drawn_in_margin(made_up_run):
    frontier = made_up_run.revenue_retention_frontier.assign(objective=50.0)
    kpis = made_up_run.plan_kpis.assign(margin_before=30.0, margin_after=45.0)
    summary = made_up_run.optimization_summary
    figure = interactive_frontier(frontier, kpis, summary, "exact", "margin")
    drawn = of_category(figure, "Grocery")
    assert set(drawn["exact", "best margin"]["y"]) == {50.0}
    assert drawn["exact", "best margin"]["text"][0].endswith("costs 0.10 of margin")
    assert drawn["exact", "the plan"]["y"] == [45.0]
    assert drawn["exact", "today's offers"]["y"] == [30.0]
    assert figure.layout.yaxis.title.text == "margin promised (money)"
    page = frontier_page(figure, "margin")
    assert "revenue" not in page[: page.index("<script")]


def test_small_categories_are_left_out(made_up_run, evaluation_parameters):
    results = {"rows": [{"window": 0, "category": "Tiny", "consumers": 4}]}
    figure, page = nodes.draw_interactive_frontier(
        made_up_run.revenue_retention_frontier,
        made_up_run.optimization_summary,
        made_up_run.plan_kpis,
        results,
        evaluation_parameters,
    )
    labels = [button.label for button in figure.layout.updatemenus[0].buttons]
    assert "Grocery" in labels
    assert "Tiny" not in labels
    assert '"label":"Grocery' in page
    assert '"label":"Tiny' not in page


def test_the_page_needs_no_network_and_is_the_same_each_time(figure):
    page = frontier_page(figure)
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)
    assert len(page) > 1_000_000  # Plotly itself
    assert page == frontier_page(figure)


def test_nothing_to_draw_is_said_in_words(made_up_run):
    nothing = made_up_run.revenue_retention_frontier.iloc[:0]
    kpis, summary = made_up_run.plan_kpis, made_up_run.optimization_summary
    figure = interactive_frontier(nothing, kpis, summary, "exact")
    assert figure.layout.annotations[0].text == "There is no frontier to show."


def test_the_figure_is_kept_whole_and_previewed(figure, tmp_path, monkeypatch):
    kept = InteractiveFigureDataset(filepath=str(tmp_path / "figure.json"))
    kept.save(figure)
    assert kept.load() == figure
    assert kept.preview() == json.loads(figure.to_json())

    def fail(*_, **__):
        raise RuntimeError("disk full")

    monkeypatch.setattr(type(figure), "write_json", fail)
    with pytest.raises(Exception, match="disk full"):
        kept.save(figure)
    assert kept.load() == figure
    assert [path.name for path in tmp_path.iterdir()] == ["figure.json"]


def test_a_category_is_drawn_without_figures_of_the_plan(made_up_run):
    frontier = made_up_run.revenue_retention_frontier
    nothing = pd.DataFrame(columns=made_up_run.plan_kpis.columns)
    figure = interactive_frontier(frontier, nothing, made_up_run.optimization_summary, "exact")
    assert of_category(figure, "Grocery")["exact", "today's offers"]["x"] == []
