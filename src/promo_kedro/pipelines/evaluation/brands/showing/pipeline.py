"""What people see of the brand experiment.

::

    brand_assessment, brand_truth, brand_results, brand_privacy,   ──> [draw_brand_…] ─> plots
    brand_runs, brand_training_history, brand_score_…, audiences                           │
                                                                                           v
    brand_experiment, brand_uplift, brand_document, ──────────> [write_brand_report] ─> brand_report
    brand_list, brand_consumers, brand_judged_consumers, brand_snapshots
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.evaluation.brands.showing import nodes

_PARAMETERS = "params:brand_assessment"
_PLOTS = {
    "brand_f1_plot": ("brand_assessment", "brand_truth", "brand_runs", _PARAMETERS),
    "brand_grid_plot": ("brand_assessment", "brand_runs"),
    "brand_popularity_plot": ("brand_results", _PARAMETERS),
    "brand_scores_plot": ("brand_score_histograms", "brand_runs"),
    "brand_training_plot": ("brand_training_history", "brand_runs"),
    "brand_privacy_plot": ("brand_privacy", "brand_assessment", "brand_runs", _PARAMETERS),
    "brand_sizes_plot": ("brand_audiences", "brand_score_totals", _PARAMETERS),
}
_TOLD = (
    *("brand_snapshots", "brand_list", "brand_consumers", "brand_runs", "brand_assessment"),
    *("brand_experiment", "brand_uplift", "brand_document", "brand_results", "brand_truth"),
    *("brand_privacy", "brand_audiences", "brand_next_audiences", "brand_judged_consumers"),
)


def create_showing_pipeline() -> Pipeline:
    """Return the part of the evaluation that shows the brand experiment."""
    drawn = [
        Node(
            getattr(nodes, f"draw_{plot.removesuffix('_plot')}"),
            [*inputs],
            plot,
            name=f"draw_{plot.removesuffix('_plot')}",
        )
        for plot, inputs in _PLOTS.items()
    ]
    told = {name: name for name in (*_TOLD, *_PLOTS)} | {"parameters": _PARAMETERS}
    report = Node(nodes.write_brand_report, told, "brand_report", name="write_brand_report")
    return Pipeline([*drawn, report], tags="brands")
