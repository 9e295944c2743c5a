"""Scores of the test step, plots, what the offers are worth, and the report."""

import logging
from typing import Any

from promo_kedro.pipelines.evaluation.parameters import EvaluationParameters
from promo_kedro.pipelines.evaluation.suppression import small_categories, suppress_table
from promo_kedro.types import DataFrame, Figure, Table

logger = logging.getLogger(__name__)

Document = dict[str, Any]


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
    model_results: Document,
    parameters: EvaluationParameters,
) -> Figure:
    """Revenue against required retention."""
    from promo_kedro.pipelines.evaluation.plots_optimization import plot_frontier

    shown = _shown(revenue_retention_frontier, model_results, parameters)
    return plot_frontier(shown, optimization_summary, parameters.mode)


def draw_training_history(training_history: DataFrame) -> Figure:
    """Losses by epoch."""
    from promo_kedro.pipelines.evaluation.plots_training import plot_training_history

    return plot_training_history(training_history)


def draw_offer_value(
    offer_value: DataFrame, offer_value_document: Document, parameters: EvaluationParameters
) -> Figure:
    """Each policy against today's offers."""
    from promo_kedro.pipelines.evaluation.plots_value import plot_offer_value

    return plot_offer_value(offer_value, offer_value_document["note"], parameters.confidence)


def write_report(
    model_results: Document,
    offer_value: Document,
    elasticity_curves: DataFrame,
    optimal_offers: DataFrame,
    optimization_summary: DataFrame,
    rejected_rows: Table,
    raw_manifest: Document,
    parameters: EvaluationParameters,
    **plots: bytes,
) -> str:
    """Everything in one page for people; the results table also goes to the log."""
    from promo_kedro.pipelines.evaluation.report import render, results_text, set_aside

    hidden = _hidden(model_results, parameters)
    logger.info("Results on the test step\n%s", results_text(model_results["rows"], hidden))
    return render(
        results=model_results,
        value=offer_value,
        curves=elasticity_curves,
        offers=optimal_offers,
        summary=optimization_summary,
        rejected=set_aside(rejected_rows),
        manifest=raw_manifest,
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
