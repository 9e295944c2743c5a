"""The pipeline that turns scores of brands into audiences.

The experiment sizes every run on consumers whose purchases are known; for the coming step, the run
in use is sized in the same way and its members are listed.

::

    brand_scored_pairs, brand_score_totals      brand_next_pairs, brand_next_totals
              │                     brand_list               │
              v                      │      │                v
    [size_brand_audiences] <─────────┘      └─────> [size_next_brand_audiences]
              │                                              │
              v                                              v
    brand_audiences, brand_selections     brand_next_audiences, brand_next_selections
                                                             │
                               brand_snapshots               v
                                      └────> [list_brand_audience_members]
                                                             │
                                                             v
                                                  brand_audience_members
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.thresholding.brands.nodes import (
    list_brand_audience_members,
    size_brand_audiences,
)


def create_brand_pipeline() -> Pipeline:
    """Return the pipeline of audiences."""
    return Pipeline(
        [
            Node(
                size_brand_audiences,
                inputs=[
                    "brand_scored_pairs",
                    "brand_score_totals",
                    "brand_list",
                    "params:brand_sizing",
                ],
                outputs=["brand_audiences", "brand_selections"],
                name="size_brand_audiences",
            ),
            Node(
                size_brand_audiences,
                inputs=[
                    "brand_next_pairs",
                    "brand_next_totals",
                    "brand_next_list",
                    "params:brand_sizing",
                ],
                outputs=["brand_next_audiences", "brand_next_selections"],
                name="size_next_brand_audiences",
                tags="brand_scoring",
            ),
            Node(
                list_brand_audience_members,
                inputs=[
                    "brand_next_selections",
                    "brand_next_audiences",
                    "brand_snapshots",
                    "params:brand_sizing",
                ],
                outputs="brand_audience_members",
                name="list_brand_audience_members",
                tags="brand_scoring",
            ),
        ],
        tags="brands",
    )
