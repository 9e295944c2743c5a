"""The second half of data engineering: from clean tables to features.

transactions ──> calendar ──> relevant_consumer_items ──> panel ─────────┐
     │                                   │                               v
     ├──> consumer_profiles ─────────────┼─────────────> consumer_item_features
     ├──> price_levels ──────────────────┼───────────────────────^       │
     ├──> consumer_category_profiles ────┼───────────────────────────┐   │
     ├──> item_profiles ─────────────────┼───────────────────────────┤   │
     └──> item_encodings ──> static_features ────────────────────────┤   │
campaigns, coupon_items, issued_coupons ──> coupons_in_force ────────┤   │
                                                                     v   v
                                                 feature_groups    features
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.data_engineering import panel_nodes as nodes

PARAMETERS = "params:data_engineering"
_RELEVANT = ["relevant_consumer_items", "calendar", PARAMETERS]


def create_panel_pipeline() -> Pipeline:
    """Wire the clean tables to the features."""
    return Pipeline(
        [
            Node(nodes.build_calendar, ["transactions", PARAMETERS], "calendar"),
            Node(
                nodes.find_relevant_consumer_items,
                ["transactions", "items", "calendar", PARAMETERS],
                "relevant_consumer_items",
            ),
            Node(nodes.build_panel, ["transactions", "items", "offers", *_RELEVANT], "panel"),
            Node(nodes.profile_consumers, ["transactions", *_RELEVANT], "consumer_profiles"),
            Node(
                nodes.profile_consumers_by_category,
                ["transactions", "items", *_RELEVANT],
                "consumer_category_profiles",
            ),
            Node(nodes.profile_items, ["transactions", *_RELEVANT], "item_profiles"),
            Node(nodes.find_price_levels, ["transactions", "items", *_RELEVANT], "price_levels"),
            Node(
                nodes.find_coupons_in_force,
                [
                    "campaigns",
                    "coupon_items",
                    "issued_coupons",
                    "relevant_consumer_items",
                    "calendar",
                ],
                "coupons_in_force",
            ),
            Node(nodes.encode_items, ["transactions", *_RELEVANT], "item_encodings"),
            Node(
                nodes.describe_statics,
                ["relevant_consumer_items", "items", "consumers", "item_encodings", PARAMETERS],
                "static_features",
            ),
            Node(
                nodes.build_consumer_item_features,
                [
                    "panel",
                    "transactions",
                    "consumer_profiles",
                    "price_levels",
                    "calendar",
                    PARAMETERS,
                ],
                "consumer_item_features",
            ),
            Node(
                nodes.join_features,
                [
                    "consumer_item_features",
                    "consumer_profiles",
                    "consumer_category_profiles",
                    "item_profiles",
                    "coupons_in_force",
                    "static_features",
                    "calendar",
                    PARAMETERS,
                ],
                "features",
            ),
            Node(nodes.name_features, PARAMETERS, "feature_groups"),
        ]
    )
