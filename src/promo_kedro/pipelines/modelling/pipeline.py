"""Features to purchase probabilities.

::

    features, feature_groups, raw_manifest, training_checkpoints
                    |
         [train_purchase_models] ----> training_history
                    |
             purchase_models  + features
               |       |       |       |
               |       |       |   [measure_importance] ----> feature_importance
               |       |   [compare_candidates] ------------> candidate_probabilities
               |   [ask_next_offers] -----------------------> offer_response
           [predict_purchases] -----------------------------> purchase_probabilities

Training and prediction meet only in ``purchase_models``, so saved models can score new features
with ``kedro run --pipeline=modelling
--from-nodes=modelling.predict_purchases,modelling.ask_next_offers``.

The pipeline ``search`` stands apart::

    features, feature_groups, raw_manifest, search_study
                    |
            [search_recipes] ----> best_parameters, search_trials

So does ``export``::

    purchase_models, feature_groups ----> [export_models] ----> onnx_models
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.modelling import nodes

_PARAMETERS, _SEED = "params:modelling", "params:seed"
_LEARNT_FROM = ["features", "feature_groups", "raw_manifest"]
_ASKED = ["purchase_models", "features"]


def create_pipeline() -> Pipeline:
    """Return the pipeline ``modelling``."""
    return Pipeline(
        [
            Node(
                nodes.train_purchase_models,
                inputs=[*_LEARNT_FROM, "training_checkpoints", _PARAMETERS, _SEED],
                outputs=["purchase_models", "training_history"],
                name="train_purchase_models",
            ),
            Node(
                nodes.predict_purchases,
                inputs=[*_ASKED, _PARAMETERS],
                outputs="purchase_probabilities",
                name="predict_purchases",
            ),
            Node(
                nodes.ask_next_offers,
                inputs=[*_ASKED, _PARAMETERS],
                outputs="offer_response",
                name="ask_next_offers",
            ),
            Node(
                nodes.compare_candidates,
                inputs=[*_ASKED, _PARAMETERS, _SEED],
                outputs="candidate_probabilities",
                name="compare_candidates",
            ),
            Node(
                nodes.measure_importance,
                inputs=[*_ASKED, "feature_groups", _PARAMETERS, _SEED],
                outputs="feature_importance",
                name="measure_importance",
            ),
        ]
    )


def create_search_pipeline() -> Pipeline:
    """Return the pipeline ``search``."""
    return Pipeline(
        [
            Node(
                nodes.search_recipes,
                inputs=[*_LEARNT_FROM, "search_study", _PARAMETERS, _SEED],
                outputs=["best_parameters", "search_trials"],
                name="search_recipes",
            )
        ]
    )


def create_export_pipeline() -> Pipeline:
    """Return the pipeline ``export``."""
    return Pipeline(
        [
            Node(
                nodes.export_models,
                inputs=["purchase_models", "feature_groups"],
                outputs="onnx_models",
                name="export_models",
            )
        ]
    )
