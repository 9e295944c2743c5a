"""Audiences against what was bought.

::

    features, consumers, snapshots ─> [find_judged_consumers] ─> brand_judged_consumers
                                                                        │
    selections, audiences, purchases, brand_list ─> [assess_brands] <───┤
                                                          │             │
       ┌────────────── brand_assessment, brand_counts <───┘             │
       ├─> [compare_brand_runs] ─> brand_uplift                         │
       ├─> [tell_brand_results] ─> brand_results                        │
       ├─> [tabulate_brand_experiment] ─> brand_experiment              │
       │          └─> [place_document_beside] ─> brand_document         │
       └─> [score_true_brands] ─> brand_truth <── truth ────────────────┘

    brand_membership ─> [attack_brand_membership] ─> brand_privacy
"""

from typing import Any

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.evaluation.brands.assessing import nodes

_PARAMETERS = "params:brand_assessment"
_JUDGED = "brand_judged_consumers"
_ASSESSED = ("brand_assessment", "brand_assessment_json")
_NODES: dict[str, tuple[tuple[str, ...], Any]] = {
    "find_judged_consumers": (("brand_features", "brand_consumers", "brand_snapshots"), _JUDGED),
    "assess_brands": (
        (
            *("brand_selections", "brand_audiences", "brand_purchases", _JUDGED, "brand_list"),
            *("raw_manifest", _PARAMETERS),
        ),
        [*_ASSESSED, "brand_counts"],
    ),
    "compare_brand_runs": ((*_ASSESSED, _PARAMETERS), "brand_uplift"),
    "tabulate_brand_experiment": (
        ("brand_runs", *_ASSESSED, "brand_score_totals", _PARAMETERS),
        "brand_experiment",
    ),
    "place_document_beside": (("brand_experiment",), "brand_document"),
    "tell_brand_results": (
        ("brand_counts", _ASSESSED[0], "brand_list", "brand_runs", _ASSESSED[1], _PARAMETERS),
        "brand_results",
    ),
    "score_true_brands": (
        (
            *("truth", "brand_purchases", _JUDGED, "brand_list", "brand_snapshots"),
            *("brand_counts", "brand_assessment_json", "raw_manifest", _PARAMETERS),
        ),
        "brand_truth",
    ),
    "attack_brand_membership": (("brand_membership", _PARAMETERS), "brand_privacy"),
}


def create_assessing_pipeline() -> Pipeline:
    """Return the part of the evaluation that judges brand models."""
    return Pipeline(
        [
            Node(getattr(nodes, name), [*inputs], outputs, name=name, tags="brands")
            for name, (inputs, outputs) in _NODES.items()
        ]
    )
