"""The pipeline that scores the run, values its offers and tells people about both.

::

    predictions, elasticities, ──> [make_model_results] ─> model_results ─> [spread_results]
    curves, offers                                              │
                                                                v
    truth ─┬─> [ask_the_truth] ─> true_probabilities ─> [compare_models] ─> model_comparison ─┐
           │   candidate_probabilities, ────────────────────────^                             │
           │   purchase_probabilities                                                         v
           └─> [value_offers] ─> offer_value ─────────────────────────────> [write_report] ─> report
                    ^                                                                         ^
               optimal_offers                                                                 │
    curves, bins, probabilities, cut-offs, offers, ──> [draw_…] ─> plots ─────────────────────┘
    frontier, history, importance, response       └──> [write_model_cards] ─> model_cards
"""

from typing import Any

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.evaluation import nodes

_PARAMETERS = "params:evaluation"
_SHOWN = ("model_results_json", _PARAMETERS)
_PROBABILITIES = "purchase_probabilities"
_FRONTIER = ("revenue_retention_frontier", "optimization_summary", "plan_kpis")
_INTERACTIVE = ["revenue_retention_frontier_interactive_plot", "revenue_retention_frontier_page"]
_TABLES: dict[str, tuple[tuple[str, ...], Any]] = {
    "make_model_results": (
        (
            *("purchase_predictions", "offer_elasticities", "optimal_offers"),
            *("elasticity_curves", "calendar", "raw_manifest", _PARAMETERS),
        ),
        ["model_results", "model_results_json"],
    ),
    "spread_results": (_SHOWN, "model_results_spread"),
    "ask_the_truth": (
        ("truth", _PROBABILITIES, "calendar", "raw_manifest", _PARAMETERS, "params:seed"),
        "true_probabilities",
    ),
    "compare_models": (
        ("candidate_probabilities", _PROBABILITIES, "true_probabilities", *_SHOWN),
        ["model_comparison", "model_comparison_json"],
    ),
    "compare_cutoffs": (
        (_PROBABILITIES, "cutoff_candidates", *_SHOWN),
        ["cutoff_comparison", "cutoff_comparison_json"],
    ),
    "value_offers": (
        ("truth", "optimal_offers", "raw_manifest", *_SHOWN, "params:seed"),
        ["offer_value", "offer_value_json"],
    ),
    "write_model_cards": (
        (
            *("purchase_models", _PROBABILITIES, "offer_response", "feature_importance"),
            *("optimization_summary", "model_comparison_json", *_SHOWN),
        ),
        "model_cards",
    ),
    "overview_plans": (
        ("optimal_offers", "optimization_summary", "plan_kpis", "plan_comparison", _PARAMETERS),
        "plan_overview_json",
    ),
    "draw_interactive_frontier": ((*_FRONTIER, *_SHOWN), _INTERACTIVE),
}
_PLOTS = {
    "offer_value_plot": ("offer_value", "offer_value_json", _PARAMETERS),
    "model_comparison_plot": ("model_comparison", *_SHOWN),
    "cutoff_comparison_plot": ("cutoff_comparison", *_SHOWN),
    "elasticity_plot": ("elasticity_curves", "elasticity_bins", *_SHOWN),
    "offer_response_plot": ("offer_response", "optimization_summary", *_SHOWN),
    "probability_distribution_plot": (_PROBABILITIES, "consumer_cutoffs"),
    "offer_distribution_plot": ("optimal_offers", *_SHOWN),
    "revenue_retention_frontier_plot": (*_FRONTIER, *_SHOWN),
    "reliability_plot": (_PROBABILITIES, _PARAMETERS),
    "feature_importance_plot": ("feature_importance", *_SHOWN),
    "training_history_plot": ("training_history", *_SHOWN),
}
_DOCUMENTS = (
    *("model_results", "model_comparison", "cutoff_comparison", "offer_value"),
    "plan_overview",
)
_TOLD = ("elasticity_curves", "rejected_rows")
_REPORTED = {
    **{name: f"{name}_json" for name in _DOCUMENTS},
    **{name: name for name in (*_TOLD, *_PLOTS)},
    "parameters": _PARAMETERS,
}


def create_pipeline() -> Pipeline:
    """Return the evaluation pipeline."""
    return Pipeline(
        [
            *(_node(name, [*inputs], outputs) for name, (inputs, outputs) in _TABLES.items()),
            *(
                _node(f"draw_{plot.removesuffix('_plot')}", [*inputs], plot)
                for plot, inputs in _PLOTS.items()
            ),
            _node("write_report", _REPORTED, "report"),
        ]
    )


def _node(name: str, inputs: Any, outputs: Any) -> Node:
    return Node(getattr(nodes, name), inputs=inputs, outputs=outputs, name=name)
