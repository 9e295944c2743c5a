"""The pipeline that turns probabilities into decisions.

::

    purchase_probabilities ──> [choose_cutoffs] ──┬─> cutoff_candidates
              │                                   │
              │                                   └─> consumer_cutoffs
              │                                              │
              └──────────────> [apply_cutoffs] <─────────────┘
                                     │
                                     v
                           purchase_predictions
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.thresholding.nodes import apply_cutoffs, choose_cutoffs


def create_pipeline() -> Pipeline:
    """Return the thresholding pipeline."""
    return Pipeline(
        [
            Node(
                choose_cutoffs,
                inputs=["purchase_probabilities", "params:thresholding"],
                outputs=["consumer_cutoffs", "cutoff_candidates"],
                name="choose_cutoffs",
            ),
            Node(
                apply_cutoffs,
                inputs=["purchase_probabilities", "consumer_cutoffs"],
                outputs="purchase_predictions",
                name="apply_cutoffs",
            ),
        ]
    )
