"""The brand models: trained as one experiment, asked about consumers whom they never saw.

::

    brand_features, brand_history, brand_purchases, brand_list, brand_consumers, brand_snapshots
      │                                                         raw_brand_weights │
      ▼                                                                           ▼
    [train_brand_models] <──> brand_checkpoints       ──> brand_runs, brand_training_history
      │
      ▼
    brand_models ──┬──> [score_brands] <──> brand_score_checkpoints
                   │         └──> brand_scored_pairs, brand_score_totals,
                   │              brand_score_histograms, brand_score_sample
                   ├──> [measure_brand_membership] ──> brand_membership
                   └──> [score_next_brands] ──> brand_next_pairs, brand_next_totals,
                                                brand_next_histograms
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.modelling.brands import nodes

_PARAMETERS = "params:brand_modelling"
_KNOWN = ["brand_features", "brand_history"]
_TABLES = [*_KNOWN, "brand_purchases", "brand_list", "brand_consumers", "brand_snapshots"]
_GIVEN = ["raw_brand_weights", "raw_manifest", "brand_checkpoints"]
_ASKED = {name: name for name in ["brand_models", *_TABLES]} | {"parameters": _PARAMETERS}


def create_brand_pipeline() -> Pipeline:
    """Return the modelling part of the brand experiment."""
    return Pipeline(
        [
            Node(
                nodes.train_brand_models,
                {name: name for name in [*_TABLES, *_GIVEN]}
                | {"parameters": _PARAMETERS, "seed": "params:seed"},
                ["brand_models", "brand_runs", "brand_training_history"],
                name="train_brand_models",
            ),
            Node(
                nodes.score_brands,
                _ASKED | {"brand_score_checkpoints": "brand_score_checkpoints"},
                [
                    *("brand_scored_pairs", "brand_score_totals"),
                    *("brand_score_histograms", "brand_score_sample"),
                ],
                name="score_brands",
            ),
            Node(
                nodes.measure_brand_membership,
                _ASKED | {"seed": "params:seed"},
                "brand_membership",
                name="measure_brand_membership",
            ),
            Node(
                nodes.score_next_brands,
                ["brand_models", *_KNOWN, "brand_next_list", "brand_snapshots", _PARAMETERS],
                ["brand_next_pairs", "brand_next_totals", "brand_next_histograms"],
                name="score_next_brands",
                tags="brand_scoring",
            ),
        ],
        tags="brands",
    )
