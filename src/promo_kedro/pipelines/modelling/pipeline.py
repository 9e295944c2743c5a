"""Features to purchase probabilities.

::

    features, feature_groups, raw_manifest
                    |
         [train_purchase_models] ----> training_history
                    |
             purchase_models  + features
               |                   |
       [predict_purchases]   [ask_next_offers]
               |                   |
    purchase_probabilities   offer_response

Training and prediction meet only in ``purchase_models``, so saved models can score new features
with ``kedro run --pipeline=modelling
--from-nodes=modelling.predict_purchases,modelling.ask_next_offers``.
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.modelling.nodes import (
    ask_next_offers,
    predict_purchases,
    train_purchase_models,
)


def create_pipeline() -> Pipeline:
    """Return the pipeline ``modelling``."""
    return Pipeline(
        [
            Node(
                train_purchase_models,
                inputs=[
                    "features",
                    "feature_groups",
                    "raw_manifest",
                    "params:modelling",
                    "params:seed",
                ],
                outputs=["purchase_models", "training_history"],
                name="train_purchase_models",
            ),
            Node(
                predict_purchases,
                inputs=["purchase_models", "features", "params:modelling"],
                outputs="purchase_probabilities",
                name="predict_purchases",
            ),
            Node(
                ask_next_offers,
                inputs=["purchase_models", "features", "params:modelling"],
                outputs="offer_response",
                name="ask_next_offers",
            ),
        ]
    )
