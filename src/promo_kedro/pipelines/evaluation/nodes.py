"""Scores of the test step, plots, what the offers are worth, and the report."""

import logging
from typing import Any

from promo_kedro.pipelines.evaluation.parameters import EvaluationParameters
from promo_kedro.pipelines.evaluation.suppression import small_categories, suppress_table
from promo_kedro.types import DataFrame, Figure, Table

logger = logging.getLogger(__name__)

Document = dict[str, Any]
PlotlyFigure = Any  # Plotly is loaded where something is drawn


def make_model_results(
    purchase_predictions: DataFrame,
    offer_elasticities: DataFrame,
    optimal_offers: DataFrame,
    elasticity_curves: DataFrame,
    calendar: DataFrame,
    raw_manifest: Document,
    parameters: EvaluationParameters,
) -> tuple[DataFrame, Document]:
    """The paper's Table 1: for people, without figures of small categories, and whole.

    Returns:
        ``model_results`` for people; its document, whole, with its data's hash and dates.
    """
    from promo_kedro.pipelines.evaluation.documents import json_rows, windows
    from promo_kedro.pipelines.evaluation.table1 import table1

    results = table1(
        purchase_predictions,
        offer_elasticities,
        optimal_offers,
        elasticity_curves,
        mode=parameters.mode,
        relation=parameters.relation,
        calibration_bins=parameters.calibration_bins,
    )
    document = {
        "raw_data_hash": raw_manifest["raw_data_hash"],
        "files": raw_manifest["files"],
        "windows": windows(calendar),
        "split": "test",
        "mode": parameters.mode,
        "relation": parameters.relation,
        "rows": json_rows(results),
    }
    return suppress_table(results, _hidden(document, parameters)), document


def value_offers(
    truth: Document | None,
    optimal_offers: DataFrame,
    raw_manifest: Document,
    model_results: Document,
    parameters: EvaluationParameters,
    seed: int,
) -> tuple[DataFrame, Document]:
    """What each policy earns on the simulated retailer: the one reader of the truth.

    Returns:
        ``offer_value`` for people, without figures of small categories; its document, whole.
    """
    from promo_kedro.pipelines.evaluation.documents import json_rows
    from promo_kedro.pipelines.evaluation.offer_value import (
        empty_value,
        headlines,
        value_of_policies,
        why_not,
    )

    note = why_not(truth, raw_manifest["raw_data_hash"])
    if truth is not None and note is None:
        from promo_kedro.world import restore

        logger.info("Playing the offers out on the simulated retailer")
        value = value_of_policies(restore(truth), optimal_offers, parameters, seed)
        for sentence in headlines(value, parameters.mode):
            logger.info("%s", sentence)
    else:
        logger.info("%s", note)
        value = empty_value()
    return suppress_table(value, _hidden(model_results, parameters)), {
        "raw_data_hash": raw_manifest["raw_data_hash"],
        "note": note,
        "rows": json_rows(value),
    }


def ask_the_truth(
    truth: Document | None,
    purchase_probabilities: DataFrame,
    calendar: DataFrame,
    raw_manifest: Document,
    parameters: EvaluationParameters,
    seed: int,
) -> DataFrame:
    """The true probabilities of the test rows on the simulated retailer; no rows without one."""
    from promo_kedro.pipelines.evaluation.offer_value import why_not
    from promo_kedro.pipelines.evaluation.truth import no_truth, true_probabilities

    if truth is None or why_not(truth, raw_manifest["raw_data_hash"]):
        return no_truth()
    draws = parameters.truth_draws
    return true_probabilities(truth, purchase_probabilities, calendar, draws, seed)


def compare_models(
    candidate_probabilities: DataFrame,
    purchase_probabilities: DataFrame,
    true_probabilities: DataFrame,
    model_results: Document,
    parameters: EvaluationParameters,
) -> tuple[DataFrame, Document]:
    """Every candidate on the same rows of the test step; the table also goes to the log.

    Returns:
        ``model_comparison`` for people, without figures of small categories; its document, whole.
    """
    from promo_kedro.pipelines.evaluation.calibration_effect import calibration_effect
    from promo_kedro.pipelines.evaluation.comparison import compare_candidates, side_by_side
    from promo_kedro.pipelines.evaluation.documents import json_rows
    from promo_kedro.pipelines.evaluation.verdict import comparison_text, verdicts

    table = side_by_side(candidate_probabilities, purchase_probabilities, true_probabilities)
    comparison = compare_candidates(table, parameters.calibration_bins)
    rows, hidden = json_rows(comparison), _hidden(model_results, parameters)
    logger.info("Candidates on the test step, all categories\n%s", comparison_text(rows))
    for sentence in verdicts(rows, hidden):
        logger.info("%s", sentence)
    document = {
        "raw_data_hash": model_results["raw_data_hash"],
        "split": "test",
        "truth_known": not true_probabilities.empty,
        "calibration": calibration_effect(
            purchase_probabilities.query("window == 0 and split == 'test'"),
            parameters.calibration_bins,
        ),
        "rows": rows,
    }
    return suppress_table(comparison, hidden), document


def compare_cutoffs(
    purchase_probabilities: DataFrame,
    cutoff_candidates: DataFrame,
    model_results: Document,
    parameters: EvaluationParameters,
) -> tuple[DataFrame, Document]:
    """Every way to cut on the same rows of the test step; the table also goes to the log.

    Returns:
        ``cutoff_comparison`` for people, without figures of small categories; its document, whole.
    """
    from promo_kedro.pipelines.evaluation import cutoff_comparison
    from promo_kedro.pipelines.evaluation.documents import json_rows
    from promo_kedro.pipelines.evaluation.report import cutoffs_text

    comparison = cutoff_comparison.compare_cutoffs(
        purchase_probabilities,
        cutoff_candidates,
        parameters.cutoff_method,
        parameters.zero_division,
    )
    rows = json_rows(comparison)
    logger.info("Cut-offs on the test step, all categories (*: in use)\n%s", cutoffs_text(rows))
    return suppress_table(comparison, _hidden(model_results, parameters)), {
        "raw_data_hash": model_results["raw_data_hash"],
        "split": "test",
        "rows": rows,
    }


def spread_results(model_results: Document, parameters: EvaluationParameters) -> DataFrame:
    """Mean and spread of the results over the windows, without figures of small categories."""
    from promo_kedro.pipelines.evaluation.spread import spread_over_windows

    spread = spread_over_windows(model_results["rows"])
    return suppress_table(spread, _hidden(model_results, parameters))


def write_model_cards(
    purchase_models: Document,
    purchase_probabilities: DataFrame,
    offer_response: DataFrame,
    feature_importance: DataFrame,
    optimization_summary: DataFrame,
    model_comparison: Document,
    model_results: Document,
    parameters: EvaluationParameters,
) -> str:
    """One page of Markdown with a card per category."""
    from promo_kedro.pipelines.evaluation.model_cards import render_model_cards

    return render_model_cards(
        models=purchase_models,
        probabilities=purchase_probabilities,
        response=offer_response,
        importance=feature_importance,
        ranges=optimization_summary[optimization_summary["mode"] == parameters.mode],
        comparison=model_comparison,
        results=model_results,
        hidden=_hidden(model_results, parameters),
        calibration_bins=parameters.calibration_bins,
    )


def draw_model_comparison(
    model_comparison: DataFrame, model_results: Document, parameters: EvaluationParameters
) -> Figure:
    """Skill of every candidate."""
    from promo_kedro.pipelines.evaluation.plots_comparison import plot_model_comparison

    return plot_model_comparison(_shown(model_comparison, model_results, parameters))


def draw_cutoff_comparison(
    cutoff_comparison: DataFrame, model_results: Document, parameters: EvaluationParameters
) -> Figure:
    """Realised and expected F1 of every way to cut."""
    from promo_kedro.pipelines.evaluation.plots_cutoffs import plot_cutoff_comparison

    return plot_cutoff_comparison(_shown(cutoff_comparison, model_results, parameters))


def draw_feature_importance(
    feature_importance: DataFrame, model_results: Document, parameters: EvaluationParameters
) -> Figure:
    """Rise of the log loss by family of features."""
    from promo_kedro.pipelines.evaluation.plots_importance import plot_feature_importance

    return plot_feature_importance(_shown(feature_importance, model_results, parameters))


def draw_offer_response(
    offer_response: DataFrame,
    optimization_summary: DataFrame,
    model_results: Document,
    parameters: EvaluationParameters,
) -> Figure:
    """The model's answers over the offers it was asked at."""
    from promo_kedro.pipelines.evaluation.plots_response import plot_offer_response

    shown = _shown(offer_response, model_results, parameters)
    return plot_offer_response(shown, optimization_summary, parameters.mode)


def draw_elasticity(
    elasticity_curves: DataFrame,
    elasticity_bins: DataFrame,
    model_results: Document,
    parameters: EvaluationParameters,
) -> Figure:
    """Figure 4."""
    from promo_kedro.pipelines.evaluation.plots_elasticity import plot_elasticity

    return plot_elasticity(_shown(elasticity_curves, model_results, parameters), elasticity_bins)


def draw_probability_distribution(
    purchase_probabilities: DataFrame, consumer_cutoffs: DataFrame
) -> Figure:
    """Figure 5."""
    from promo_kedro.pipelines.evaluation.plots_probabilities import plot_probability_distribution

    return plot_probability_distribution(purchase_probabilities, consumer_cutoffs)


def draw_reliability(purchase_probabilities: DataFrame, parameters: EvaluationParameters) -> Figure:
    """Predicted against actual share of purchases."""
    from promo_kedro.pipelines.evaluation.plots_probabilities import plot_reliability

    return plot_reliability(purchase_probabilities, parameters.calibration_bins)


def draw_offer_distribution(
    optimal_offers: DataFrame, model_results: Document, parameters: EvaluationParameters
) -> Figure:
    """Figure 6."""
    from promo_kedro.pipelines.evaluation.plots_offers import plot_offer_distribution

    shown = _shown(optimal_offers, model_results, parameters)
    return plot_offer_distribution(shown, parameters.mode)


def draw_revenue_retention_frontier(
    revenue_retention_frontier: DataFrame,
    optimization_summary: DataFrame,
    plan_kpis: DataFrame,
    model_results: Document,
    parameters: EvaluationParameters,
) -> Figure:
    """The objective against required retention."""
    from promo_kedro.pipelines.evaluation.plots_optimization import plot_frontier

    shown = _shown(revenue_retention_frontier, model_results, parameters)
    return plot_frontier(
        shown, plan_kpis, optimization_summary, parameters.mode, parameters.objective
    )


def draw_interactive_frontier(
    revenue_retention_frontier: DataFrame,
    optimization_summary: DataFrame,
    plan_kpis: DataFrame,
    model_results: Document,
    parameters: EvaluationParameters,
) -> tuple[PlotlyFigure, str]:
    """The objective against retention, to be asked point by point.

    Returns:
        The figure, for kedro-viz; a page with it that opens without a network.
    """
    from promo_kedro.pipelines.evaluation.plots_frontier_interactive import (
        frontier_page,
        interactive_frontier,
    )

    shown = _shown(revenue_retention_frontier, model_results, parameters)
    figure = interactive_frontier(
        shown, plan_kpis, optimization_summary, parameters.mode, parameters.objective
    )
    return figure, frontier_page(figure, parameters.objective)


def draw_training_history(
    training_history: DataFrame, model_results: Document, parameters: EvaluationParameters
) -> Figure:
    """Losses by epoch."""
    from promo_kedro.pipelines.evaluation.plots_training import plot_training_history

    return plot_training_history(_shown(training_history, model_results, parameters))


def draw_offer_value(
    offer_value: DataFrame, offer_value_document: Document, parameters: EvaluationParameters
) -> Figure:
    """Each policy against today's offers."""
    from promo_kedro.pipelines.evaluation.plots_value import plot_offer_value

    return plot_offer_value(offer_value, offer_value_document["note"], parameters.confidence)


def overview_plans(
    optimal_offers: DataFrame,
    optimization_summary: DataFrame,
    plan_kpis: DataFrame,
    plan_comparison: DataFrame,
    parameters: EvaluationParameters,
) -> Document:
    """How each category's program ended, and the three plans side by side."""
    from promo_kedro.pipelines.evaluation.plan_overview import plan_overview

    return plan_overview(
        optimal_offers, optimization_summary, plan_kpis, plan_comparison, parameters.mode
    )


def write_report(
    model_results: Document,
    model_comparison: Document,
    cutoff_comparison: Document,
    offer_value: Document,
    plan_overview: Document,
    elasticity_curves: DataFrame,
    rejected_rows: Table,
    parameters: EvaluationParameters,
    **plots: bytes,
) -> str:
    """Everything in one page for people; the results table also goes to the log."""
    from promo_kedro.pipelines.evaluation.report import Documents, render, results_text, set_aside

    hidden = _hidden(model_results, parameters)
    logger.info("Results on the test step\n%s", results_text(model_results["rows"], hidden))
    return render(
        Documents(model_results, model_comparison, cutoff_comparison, offer_value, plan_overview),
        curves=elasticity_curves,
        rejected=set_aside(rejected_rows),
        parameters=parameters,
        plots=plots,
    )


def _shown(
    table: DataFrame, model_results: Document, parameters: EvaluationParameters
) -> DataFrame:
    """The rows of the categories that are large enough to be shown to people."""
    return table[~table["category"].isin(_hidden(model_results, parameters))]


def _hidden(model_results: Document, parameters: EvaluationParameters) -> set[str]:
    return small_categories(model_results["rows"], parameters.min_group_consumers)
