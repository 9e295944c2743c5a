"""Show the brand experiment: a plot for each question, and one page that answers them in words."""

from typing import Any

from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters
from promo_kedro.types import DataFrame, Figure

Document = dict[str, Any]


def draw_brand_f1(
    brand_assessment: DataFrame,
    brand_truth: DataFrame,
    brand_runs: DataFrame,
    parameters: BrandAssessmentParameters,
) -> Figure:
    """F1 of every run per consumer and per brand, and of the truth where it is known."""
    from promo_kedro.pipelines.evaluation.brands.showing.naming import with_truth
    from promo_kedro.pipelines.evaluation.brands.showing.plots_f1 import plot_brand_f1

    rows = with_truth(brand_assessment, brand_truth)
    return plot_brand_f1(rows, brand_runs, parameters.sizing, parameters.in_use)


def draw_brand_grid(brand_assessment: DataFrame, brand_runs: DataFrame) -> Figure:
    """F1 of every run under every rule of size."""
    from promo_kedro.pipelines.evaluation.brands.showing.naming import judged
    from promo_kedro.pipelines.evaluation.brands.showing.plots_grid import plot_brand_grid

    return plot_brand_grid(judged(brand_assessment), brand_runs)


def draw_brand_popularity(
    brand_results: DataFrame, parameters: BrandAssessmentParameters
) -> Figure:
    """F1 of each brand against its buyers."""
    from promo_kedro.pipelines.evaluation.brands.showing.plots_popularity import (
        plot_brand_popularity,
    )

    return plot_brand_popularity(
        brand_results, parameters.sizing, max(10, parameters.min_group_consumers)
    )


def draw_brand_scores(brand_score_histograms: DataFrame, brand_runs: DataFrame) -> Figure:
    """Probabilities of those who bought and of those who did not."""
    from promo_kedro.pipelines.evaluation.brands.showing.plots_scores import plot_brand_scores

    return plot_brand_scores(brand_score_histograms, brand_runs)


def draw_brand_training(brand_training_history: DataFrame, brand_runs: DataFrame) -> Figure:
    """Loss, precision, recall and F1 by epoch."""
    from promo_kedro.pipelines.evaluation.brands.showing.plots_training import plot_brand_training

    return plot_brand_training(brand_training_history, brand_runs)


def draw_brand_privacy(
    brand_privacy: DataFrame,
    brand_assessment: DataFrame,
    brand_runs: DataFrame,
    parameters: BrandAssessmentParameters,
) -> Figure:
    """The attack on membership, and what privacy costs."""
    from promo_kedro.pipelines.evaluation.brands.showing.naming import judged
    from promo_kedro.pipelines.evaluation.brands.showing.plots_privacy import plot_brand_privacy

    return plot_brand_privacy(
        brand_privacy, judged(brand_assessment), brand_runs, parameters.sizing
    )


def draw_brand_sizes(
    brand_audiences: DataFrame,
    brand_score_totals: DataFrame,
    parameters: BrandAssessmentParameters,
) -> Figure:
    """Sizes wanted against buyers, by rule of size."""
    from promo_kedro.pipelines.evaluation.brands.showing.plots_sizes import plot_brand_sizes

    return plot_brand_sizes(
        brand_audiences,
        brand_score_totals,
        parameters.in_use,
        max(10, parameters.min_group_consumers),
    )


def write_brand_report(parameters: BrandAssessmentParameters, **tables_and_plots: Any) -> str:
    """Everything in one page for people; tables and plots come by their catalog names."""
    from promo_kedro.pipelines.evaluation.brands.showing.report import Tables, render

    plots = {name: tables_and_plots.pop(name) for name in list(tables_and_plots) if _drawn(name)}
    return render(Tables(**tables_and_plots), parameters, plots)


def _drawn(name: str) -> bool:
    return name.endswith("_plot")
