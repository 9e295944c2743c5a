"""The pipeline that turns probabilities into decisions.

::

    purchase_probabilities ──> [choose_cutoffs] ──> consumer_cutoffs
              │                                            │
              └───────────> [predict_purchases] <──────────┘
                                    │
                                    v
                          purchase_predictions
"""

from kedro.pipeline import Node, Pipeline

from .nodes import choose_cutoffs, predict_purchases


def create_pipeline() -> Pipeline:
    """Return the thresholding pipeline."""
    return Pipeline(
        [
            Node(
                choose_cutoffs,
                inputs=["purchase_probabilities", "params:thresholding"],
                outputs="consumer_cutoffs",
                name="choose_cutoffs",
            ),
            Node(
                predict_purchases,
                inputs=["purchase_probabilities", "consumer_cutoffs"],
                outputs="purchase_predictions",
                name="predict_purchases",
            ),
        ]
    )
