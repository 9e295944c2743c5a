"""From the clean tables to what brand prediction learns from.

::

    raw_manifest ──► brand_snapshots      consumers ──► brand_consumers
                     when features end,                 who trains, validates,
                     what is foretold                   is never seen
                          │                                  │
                          ├──► brand_features ───┐           │
    transactions,         │    before a snapshot │           │
    items, consumers ──►  ├──► brand_history ────┤           │
                          │    before a snapshot ├───────────┴──► brand_list
                          └──► brand_purchases ──┘                training consumers only
                               from a snapshot on                      ▲
                                                  approved_brands ─────┘
                                                  (the retailer's, if any)

    brand_list, approved_brands ──► brand_next_list: as the retailer approves brands now
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.data_engineering.brands import nodes

PARAMETERS = "params:brand_data"


def create_brand_pipeline() -> Pipeline:
    """Wire the clean tables to features, history, purchases and the list of brands."""
    return Pipeline(
        [
            Node(
                nodes.make_brand_snapshots,
                ["raw_manifest", PARAMETERS],
                "brand_snapshots",
                name="make_brand_snapshots",
            ),
            Node(
                nodes.split_brand_consumers,
                ["consumers", PARAMETERS, "params:seed"],
                "brand_consumers",
                name="split_brand_consumers",
            ),
            Node(
                nodes.make_brand_features,
                ["transactions", "items", "consumers", "brand_snapshots", PARAMETERS],
                "brand_features",
                name="make_brand_features",
            ),
            Node(
                nodes.make_brand_history,
                ["transactions", "items", "brand_snapshots", PARAMETERS],
                "brand_history",
                name="make_brand_history",
            ),
            Node(
                nodes.make_brand_purchases,
                ["transactions", "items", "brand_features", "brand_snapshots", PARAMETERS],
                "brand_purchases",
                name="make_brand_purchases",
            ),
            Node(
                nodes.list_brands,
                [
                    "brand_features",
                    "brand_history",
                    "brand_purchases",
                    "brand_consumers",
                    "brand_snapshots",
                    "items",
                    "approved_brands",
                    PARAMETERS,
                ],
                "brand_list",
                name="list_brands",
            ),
            Node(
                nodes.approve_next_brands,
                ["brand_list", "items", "approved_brands"],
                "brand_next_list",
                name="approve_next_brands",
                tags="brand_scoring",
            ),
        ],
        tags="brands",
    )
