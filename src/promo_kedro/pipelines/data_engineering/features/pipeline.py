"""From the panel and the clean tables to the features of every cell.

::

    transactions, items ──┬──► consumer_profiles ──┬──► consumer_item_features ──┐
    (relevant in the      ├──► price_levels ───────┤                             │
    windows)              │              panel ────┘                             │
                          ├──► consumer_profiles, consumer_category_profiles ────┤
                          ├──► item_profiles ────────────────────────────────────┤
                          └──► item_encodings ──► static_features ───────────────┤
                                  items, consumers ──┘                           │
    campaigns, coupon_items, issued_coupons ──► coupons_in_force ────────────────┤
                                                                                 ▼
                                                        feature_groups       features
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.data_engineering.features import nodes

PARAMETERS = "params:data_engineering"
RELEVANT = ["relevant_consumer_items", "calendar", PARAMETERS]
COUPONS = ["campaigns", "coupon_items", "issued_coupons"]
OWN = ["panel", "transactions", "consumer_profiles", "price_levels"]
PROFILES = ["consumer_profiles", "consumer_category_profiles", "item_profiles"]
GIVEN = ["coupons_in_force", "static_features"]


def create_features_pipeline() -> Pipeline:
    """Wire the panel and the clean tables to the features."""
    return Pipeline(
        [
            Node(
                nodes.profile_consumers,
                ["transactions", *RELEVANT],
                "consumer_profiles",
                name="profile_consumers",
            ),
            Node(
                nodes.profile_consumers_by_category,
                ["transactions", "items", *RELEVANT],
                "consumer_category_profiles",
                name="profile_consumers_by_category",
            ),
            Node(
                nodes.profile_items,
                ["transactions", *RELEVANT],
                "item_profiles",
                name="profile_items",
            ),
            Node(
                nodes.find_price_levels,
                ["transactions", "items", *RELEVANT],
                "price_levels",
                name="find_price_levels",
            ),
            Node(
                nodes.find_coupons_in_force,
                [*COUPONS, "relevant_consumer_items", "calendar"],
                "coupons_in_force",
                name="find_coupons_in_force",
            ),
            Node(
                nodes.encode_items,
                ["transactions", *RELEVANT],
                "item_encodings",
                name="encode_items",
            ),
            Node(
                nodes.describe_statics,
                ["relevant_consumer_items", "items", "consumers", "item_encodings", PARAMETERS],
                "static_features",
                name="describe_statics",
            ),
            Node(
                nodes.build_consumer_item_features,
                [*OWN, "calendar", PARAMETERS],
                "consumer_item_features",
                name="build_consumer_item_features",
            ),
            Node(
                nodes.join_features,
                ["consumer_item_features", *PROFILES, *GIVEN, "calendar", PARAMETERS],
                "features",
                name="join_features",
            ),
            Node(nodes.name_features, PARAMETERS, "feature_groups", name="name_features"),
        ]
    )
