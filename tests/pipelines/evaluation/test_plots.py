"""What the figures show: panels, labels and data. How they look is for eyes."""

import io

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation import nodes
from promo_kedro.pipelines.evaluation.comparison import compare_candidates, side_by_side
from promo_kedro.pipelines.evaluation.offer_value import empty_value
from promo_kedro.pipelines.evaluation.plots_comparison import group_of, plot_model_comparison
from promo_kedro.pipelines.evaluation.plots_elasticity import equation, plot_elasticity
from promo_kedro.pipelines.evaluation.plots_importance import (
    MEAN,
    plot_feature_importance,
    relative_increase,
)
from promo_kedro.pipelines.evaluation.plots_offers import plot_offer_distribution
from promo_kedro.pipelines.evaluation.plots_optimization import plot_frontier
from promo_kedro.pipelines.evaluation.plots_probabilities import (
    plot_probability_distribution,
    plot_reliability,
)
from promo_kedro.pipelines.evaluation.plots_response import plot_offer_response, response_by_offer
from promo_kedro.pipelines.evaluation.plots_training import plot_training_history
from promo_kedro.pipelines.evaluation.plots_value import plot_offer_value
from promo_kedro.pipelines.evaluation.scores import calibration_error
from promo_kedro.pipelines.evaluation.truth import no_truth
from promo_kedro.pipelines.evaluation.verdict import LABELS, label
from promo_kedro.pipelines.modelling.parameters import RESERVED


def _titles(figure):
    return [axis.get_title(loc="left") for axis in figure.axes]


def _texts(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def _draws_without_error(figure):
    figure.savefig(io.BytesIO(), format="png")


def test_figure_4_has_a_panel_per_category_with_both_relations(made_up_run):
    figure = plot_elasticity(made_up_run.elasticity_curves, made_up_run.elasticity_bins)
    assert _titles(figure) == sorted(made_up_run.pairs["category"].unique())
    bakery, grocery = figure.axes[:2]
    assert [points.get_label() for points in bakery.collections] == ["observed", "response"]
    assert len(bakery.collections[0].get_offsets()) == 20
    assert len(bakery.lines) == 2
    x, y = bakery.lines[0].get_data()
    np.testing.assert_allclose(np.log(y / (1 - y)), 0.02 * x - 2.5)
    assert len(grocery.lines) == 1
    assert grocery.texts[0].get_text() == "observed: not identified"
    assert figure.axes[0].get_ylabel() == "purchase probability"
    assert figure.axes[-1].get_xlabel() == "offer (%)"
    _draws_without_error(figure)


def test_the_equation_is_written_with_its_fit(made_up_run):
    written = equation(made_up_run.elasticity_curves.iloc[0])
    assert written == "f(x) = 1/(1 + exp(−(0.020x − 2.50))),  R² 0.60"


def test_figure_5_splits_by_label_and_counts_empty_choices(made_up_run):
    figure = plot_probability_distribution(
        made_up_run.purchase_probabilities, made_up_run.consumer_cutoffs
    )
    assert len(figure.axes) == 3
    validation = made_up_run.purchase_probabilities.query("split == 'validation'")
    for axis, bought in zip(figure.axes, (0, 1), strict=False):
        assert f"n = {(validation['purchased'] == bought).sum():,}" in axis.texts[0].get_text()
        assert sum(bar.get_height() for bar in axis.patches) == pytest.approx(100)
    cutoffs = made_up_run.consumer_cutoffs.query("split == 'test'")["cutoff"]
    nothing = 100 * np.isinf(cutoffs).mean()
    assert f"{nothing:.1f} % choose nothing" in figure.axes[2].texts[0].get_text()
    assert sum(bar.get_height() for bar in figure.axes[2].patches) == pytest.approx(100 - nothing)
    _draws_without_error(figure)


def test_figure_5_survives_a_validation_step_without_purchases(made_up_run):
    probabilities = made_up_run.purchase_probabilities.assign(purchased=0.0)
    cutoffs = made_up_run.consumer_cutoffs.assign(cutoff=np.inf)
    figure = plot_probability_distribution(probabilities, cutoffs)
    assert _texts(figure)[1:] == ["none", "none"]
    _draws_without_error(figure)


def test_figure_6_shows_the_weighted_mean_of_table_1(made_up_run):
    figure = plot_offer_distribution(made_up_run.optimal_offers, "exact")
    assert _titles(figure) == sorted(made_up_run.pairs["category"].unique())
    rows = made_up_run.optimal_offers.query("mode == 'exact' and category == 'Bakery'")
    mean = (rows["price"] * rows["offer_percent"]).sum() / rows["price"].sum()
    assert figure.axes[0].lines[0].get_xdata()[0] == pytest.approx(mean)
    bars = [patch for patch in figure.axes[0].patches if hasattr(patch, "get_height")]
    assert sum(bar.get_height() for bar in bars) == pytest.approx(100)
    _draws_without_error(figure)
    for axis in figure.axes:
        text = axis.texts[0].get_window_extent()
        for bars in axis.containers:
            assert not any(text.overlaps(bar.get_window_extent()) for bar in bars)


def test_the_frontier_carries_the_plan_where_there_is_one(made_up_run):
    figure = plot_frontier(
        made_up_run.revenue_retention_frontier,
        made_up_run.plan_kpis,
        made_up_run.optimization_summary,
        "exact",
    )
    bakery, grocery = figure.axes[:2]
    curve, required = bakery.lines
    assert required.get_xdata()[0] == pytest.approx(15)
    curve, required, _ = grocery.lines
    assert required.get_xdata()[0] == pytest.approx(15)
    assert curve.get_ydata().max() == pytest.approx(100)
    assert figure.axes[-1].get_xlabel() == "retention (%)"
    _draws_without_error(figure)


def test_a_plan_that_keeps_more_than_it_must_lies_on_its_curve():
    """Revenue 100 - (retention - 14)² above 14 %: nothing is lost by keeping 14 % or less."""
    kept = np.arange(14, 19) / 100
    frontier = pd.DataFrame(
        {
            "mode": "exact",
            "category": "Meat",
            "retention_required": kept,
            "retention": kept,
            "objective": 100 - (100 * kept - 14) ** 2,
        }
    )
    meat = {"mode": "exact", "category": "Meat"}
    summary = pd.DataFrame([meat | {"retention_required": 0.09, "status": "optimal"}])
    kpis = pd.DataFrame([meat | {"retention_after": 0.14, "margin_after": 100.0}])
    figure = plot_frontier(frontier, kpis, summary, "exact", "margin")
    curve, required, diamond = figure.axes[0].lines
    assert diamond.get_xydata()[0].tolist() == curve.get_xydata()[0].tolist()
    assert diamond.get_xydata()[0] == pytest.approx([14, 100])
    assert list(required.get_xdata()) == [9, 9]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["best margin", "the plan", "required retention"]


def test_a_calibrated_model_lies_on_the_line():
    rng = np.random.default_rng(2)
    probability = rng.uniform(0.05, 0.6, 60_000)
    table = pd.DataFrame(
        {
            "window": 0,
            "split": "test",
            "purchased": (rng.random(60_000) < probability).astype(float),
            "raw_probability": probability / 2,
            "probability": probability,
        }
    )
    figure = plot_reliability(table, bins=10)
    raw, calibrated = figure.axes[0].lines[:2]
    x, y = calibrated.get_data()
    np.testing.assert_allclose(y, x, atol=0.02)
    x, y = raw.get_data()
    np.testing.assert_allclose(y, 2 * x, atol=0.02)
    assert len(x) == 10


def test_training_history_has_a_colour_per_recipe_and_marks_the_epochs_that_were_kept(made_up_run):
    figure = plot_training_history(made_up_run.training_history)
    assert "pooled" in _titles(figure)
    train, validation, *other_recipe = figure.axes[0].lines
    assert len(train.get_xdata()) == 10
    assert len(other_recipe) == 2
    kept = figure.axes[0].collections[0].get_offsets()
    assert kept[:, 0].tolist() == [6, 7]
    assert kept[:, 1].tolist() == validation.get_ydata()[5:7].tolist()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [
        "validation loss of recipe ours",
        "validation loss of recipe figure1",
        "training loss",
    ]
    assert other_recipe[0].get_color() != train.get_color() == validation.get_color()
    _draws_without_error(figure)


def test_the_value_is_drawn_against_today(made_up_value):
    figure = plot_offer_value(made_up_value, None, 0.95)
    assert _titles(figure) == ["after 2 weeks"] * 2 + ["after 26 weeks"] * 2
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels == ["plan: exact", "plan: linear", "plan: paper", "best uniform", "no offers"]
    points = [line.get_xydata()[0] for line in figure.axes[0].lines if line.get_marker() == "o"]
    exact = made_up_value.query("category == 'All' and horizon == 2 and policy == 'exact'").iloc[0]
    assert points[0].tolist() == [pytest.approx(exact["revenue_vs_today_percent"]), 0]
    _draws_without_error(figure)


def test_nothing_to_draw_is_said_in_words(made_up_run):
    figures = [
        plot_offer_value(empty_value(), "there is no truth", 0.95),
        plot_elasticity(made_up_run.elasticity_curves.iloc[:0], made_up_run.elasticity_bins),
        plot_offer_distribution(made_up_run.optimal_offers.iloc[:0], "exact"),
        plot_frontier(
            made_up_run.revenue_retention_frontier.iloc[:0],
            made_up_run.plan_kpis,
            made_up_run.optimization_summary,
            "exact",
        ),
        plot_training_history(made_up_run.training_history.iloc[:0]),
        plot_reliability(made_up_run.purchase_probabilities.iloc[:0], 10),
    ]
    for figure in figures:
        assert len(_texts(figure)) == 1
    assert "there is no truth" in _texts(figures[0])[0]


def test_small_categories_are_left_out_of_plots(made_up_run, evaluation_parameters):
    results = {"rows": [{"window": 0, "category": "Tiny", "consumers": 4}]}
    figures = [
        nodes.draw_elasticity(
            made_up_run.elasticity_curves,
            made_up_run.elasticity_bins,
            results,
            evaluation_parameters,
        ),
        nodes.draw_offer_distribution(made_up_run.optimal_offers, results, evaluation_parameters),
        nodes.draw_revenue_retention_frontier(
            made_up_run.revenue_retention_frontier,
            made_up_run.optimization_summary,
            made_up_run.plan_kpis,
            results,
            evaluation_parameters,
        ),
    ]
    for figure in figures:
        assert "Tiny" not in _titles(figure)


def test_every_candidate_of_modelling_has_a_label_and_a_group():
    groups = {
        "simpler": {
            *("prevalence", "personal_frequency"),
            *("logistic_regression", "lightgbm", "lightgbm_pooled"),
        },
        "ours": {"pooled", "stack", "stack_with_lightgbm"},
        "in use": {"in_use"},
    }
    emitted = set(RESERVED) - {"trees"}  # refused as a recipe's name, but no candidate
    assert {name for name in emitted if name not in LABELS} == set()
    assert {name: group_of(name) for name in emitted} == {
        name: group for group, names in groups.items() for name in names
    }
    assert group_of("a recipe's name") == "ours"
    assert group_of("truth_whole") == "truth"


def test_every_candidates_skill_is_drawn(made_up_run):
    table = side_by_side(
        made_up_run.candidate_probabilities, made_up_run.purchase_probabilities, no_truth()
    )
    comparison = compare_candidates(table, 10)
    figure = plot_model_comparison(comparison)
    assert _titles(figure)[:2] == ["All", "Bakery"]
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    total = comparison.query("category == 'All'").sort_values("skill_prevalence")
    assert len(labels) == len(total)
    assert labels[0] == label(total["candidate"].iloc[0])
    points = {
        round(line.get_ydata()[0]): line.get_xdata()[0]
        for line in figure.axes[0].lines
        if line.get_marker() in ("o", "D")
    }
    np.testing.assert_allclose([points[i] for i in range(len(total))], total["skill_prevalence"])
    _draws_without_error(figure)


def test_the_importance_is_relative_and_its_mean_stands_first():
    table = pd.DataFrame(
        {
            "window": 0,
            "category": ["Meat", "Meat", "Bakery", "Bakery"],
            "group": ["offers", "own"] * 2,
            "log_loss": [0.2, 0.2, 0.4, 0.4],
            "increase": [0.02, -1e-6, 0.08, 0.04],
        }
    )
    percent = relative_increase(table)
    assert list(percent) == [MEAN, "Bakery", "Meat"]
    np.testing.assert_allclose(percent.loc["offers"], [15, 20, 10])
    np.testing.assert_allclose(percent.loc["own"], [5, 10, 0], atol=1e-3)
    figure = plot_feature_importance(table)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["own", "offers"]
    assert _titles(figure)[0] == "Mean of the categories"
    assert [text.get_text() for text in figure.axes[2].texts] == ["0.0", "10.0"]
    assert [bar.get_width() for bar in figure.axes[1].patches] == pytest.approx([10, 20])
    _draws_without_error(figure)


def test_the_response_is_the_mean_and_the_middle_half():
    table = pd.DataFrame(
        {
            "category": "Meat",
            "offer_percent": np.repeat([0.0, 10.0], 5),
            "probability": [0.1, 0.2, 0.3, 0.4, 0.5, 0.2, 0.3, 0.4, 0.5, 0.9],
        }
    )
    answers = response_by_offer(table).loc["Meat"]
    np.testing.assert_allclose(answers.loc[0.0, ["mean", "low", "high"]], [0.3, 0.2, 0.4])
    np.testing.assert_allclose(answers.loc[10.0, ["mean", "low", "high"]], [0.46, 0.3, 0.5])
    summary = pd.DataFrame(
        {"mode": ["exact"], "category": ["Meat"], "offer_min": [2.0], "offer_max": [8.0]}
    )
    figure = plot_offer_response(table, summary, "exact")
    assert figure.axes[0].lines[0].get_ydata().tolist() == pytest.approx([0.3, 0.46])
    grey = figure.axes[0].patches[0].get_extents().transformed(figure.axes[0].transData.inverted())
    assert (grey.x0, grey.x1) == pytest.approx((8, 10))  # only what lies deeper
    _draws_without_error(figure)


def test_the_reliability_plot_states_the_calibration_errors(made_up_run):
    figure = plot_reliability(made_up_run.purchase_probabilities, 10)
    rows = made_up_run.purchase_probabilities.query("split == 'test'")
    error = calibration_error(rows["purchased"], rows["probability"], 10)
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend[1] == f"calibrated (error {100 * error:.2f} points)"
