"""From the retailer's files to the clean tables, with what is set aside.

::

    raw_* ──► read_raw_tables ──► typed_* ──► judge_rows ──► judged_* ──► accept_input
              text by explicit               a reason for                 counted,
              formats, or refused            each bad row                 or refused
                                                                               │
         rejected_rows, raw_manifest ◄─────────────────────────────────────────┘
                             │
                             ▼
    transactions, items, consumers, campaigns, coupon_items, issued_coupons, offers
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.data_engineering.cleaning import nodes

FILES = {
    "customer_transaction_data": "transactions",
    "item_data": "items",
    "customer_demographics": "demographics",
    "campaign_data": "campaigns",
    "coupon_item_mapping": "coupon_items",
    "train": "redemptions",
    "offer_log": "offer_log",
}
JUDGED_FILES = {file: name for file, name in FILES.items() if name != "demographics"}
PARAMETERS = {"parameters": "params:data_engineering"}


def create_cleaning_pipeline() -> Pipeline:
    """Wire the way from the retailer's files to the clean tables."""
    typed = {file: f"typed_{name}" for file, name in JUDGED_FILES.items()}
    judged = {file: f"judged_{name}" for file, name in JUDGED_FILES.items()}
    return Pipeline(
        [
            Node(
                nodes.read_raw_tables,
                inputs={file: f"raw_{name}" for file, name in FILES.items()} | PARAMETERS,
                outputs={file: f"typed_{name}" for file, name in FILES.items()},
                name="read_raw_tables",
            ),
            Node(
                nodes.judge_rows,
                inputs=typed | PARAMETERS,
                outputs=judged,
                name="judge_rows",
            ),
            Node(
                nodes.accept_input,
                inputs={"raw_files": "raw_files"} | judged | PARAMETERS,
                outputs=["raw_manifest", "rejected_rows"],
                name="accept_input",
            ),
            Node(
                nodes.clean_items,
                ["judged_items", "raw_manifest"],
                "items",
                name="clean_items",
            ),
            Node(
                nodes.clean_transactions,
                ["judged_transactions", "raw_manifest"],
                "transactions",
                name="clean_transactions",
            ),
            Node(
                nodes.clean_coupons,
                ["judged_campaigns", "judged_coupon_items", "judged_redemptions", "items"],
                ["campaigns", "coupon_items", "issued_coupons"],
                name="clean_coupons",
            ),
            Node(
                nodes.list_consumers,
                ["typed_demographics", "transactions", "issued_coupons"],
                "consumers",
                name="list_consumers",
            ),
            Node(
                nodes.clean_offers,
                ["judged_offer_log", "items", "raw_manifest"],
                "offers",
                name="clean_offers",
            ),
        ]
    )
