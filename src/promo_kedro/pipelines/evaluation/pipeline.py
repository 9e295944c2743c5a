"""The pipeline that scores the run, values its offers and tells people about both.

::

    purchase_predictions ──┐
    offer_elasticities ────┼──> [make_model_results] ──> model_results ─────┐
    elasticity_curves ─────┤                                   │            │
    optimal_offers ────────┤                                   v            v
                           ├─────────────────────────> [value_offers] ─> [write_report] ─> report
    truth ─────────────────┘                                   │            ^
                                                               v            │
    curves, bins, probabilities, cut-offs, ──────────────> [draw_…] ─> seven plots
    offers, frontier, history
"""

from typing import Any

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.evaluation import nodes

_PARAMETERS = "params:evaluation"
_SHOWN = ["model_results_json", _PARAMETERS]
_PLOTS = {
    "offer_value_plot": ["offer_value", "offer_value_json", _PARAMETERS],
    "elasticity_plot": ["elasticity_curves", "elasticity_bins", *_SHOWN],
    "probability_distribution_plot": ["purchase_probabilities", "consumer_cutoffs"],
    "offer_distribution_plot": ["optimal_offers", *_SHOWN],
    "revenue_retention_frontier_plot": [
        "revenue_retention_frontier",
        "optimization_summary",
        *_SHOWN,
    ],
    "reliability_plot": ["purchase_probabilities", _PARAMETERS],
    "training_history_plot": ["training_history"],
}


def create_pipeline() -> Pipeline:
    """Return the evaluation pipeline."""
    return Pipeline(
        [
            Node(
                nodes.make_model_results,
                inputs=[
                    "purchase_predictions",
                    "offer_elasticities",
                    "optimal_offers",
                    "elasticity_curves",
                    "calendar",
                    "raw_manifest",
                    _PARAMETERS,
                ],
                outputs=["model_results", "model_results_json"],
                name="make_model_results",
            ),
            Node(
                nodes.value_offers,
                inputs=["truth", "optimal_offers", "raw_manifest", *_SHOWN, "params:seed"],
                outputs=["offer_value", "offer_value_json"],
                name="value_offers",
            ),
            *(_draw(plot) for plot in _PLOTS),
            Node(
                nodes.write_report,
                inputs={
                    "model_results": "model_results_json",
                    "offer_value": "offer_value_json",
                    "elasticity_curves": "elasticity_curves",
                    "optimal_offers": "optimal_offers",
                    "optimization_summary": "optimization_summary",
                    "rejected_rows": "rejected_rows",
                    "raw_manifest": "raw_manifest",
                    "parameters": _PARAMETERS,
                    **{plot: plot for plot in _PLOTS},
                },
                outputs="report",
                name="write_report",
            ),
        ]
    )


def _draw(plot: str) -> Node:
    name = f"draw_{plot.removesuffix('_plot')}"
    function: Any = getattr(nodes, name)
    return Node(function, inputs=_PLOTS[plot], outputs=plot, name=name)
