"""A retailer with known demand → the raw tables a retailer would bring, and the truth.

params:simulation, params:seed
           │
   simulate_retailer
           │
   simulated_history ──┬── write_receipts ──── raw_transactions, raw_items, raw_demographics
                       ├── write_coupons ───── raw_campaigns, raw_coupon_items,
                       │                       raw_redemptions
                       ├── write_offer_log ─── raw_offer_log
                       └── keep_end_state ──── world_end_state ──┐
                                                                 │
                raw_files (SHA-256 of all that was written) ── seal_truth ── truth
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.simulation.nodes import (
    keep_end_state,
    seal_truth,
    simulate_retailer,
    write_coupons,
    write_offer_log,
    write_receipts,
)

RECEIPTS = ["raw_transactions", "raw_items", "raw_demographics"]
COUPONS = ["raw_campaigns", "raw_coupon_items", "raw_redemptions"]


def create_pipeline() -> Pipeline:
    """Return the pipeline that makes a retailer's files."""
    return Pipeline(
        [
            Node(
                simulate_retailer,
                inputs=["params:simulation", "params:seed"],
                outputs="simulated_history",
                name="simulate_retailer",
            ),
            Node(write_receipts, "simulated_history", RECEIPTS, name="write_receipts"),
            Node(write_coupons, "simulated_history", COUPONS, name="write_coupons"),
            Node(write_offer_log, "simulated_history", "raw_offer_log", name="write_offer_log"),
            Node(keep_end_state, "simulated_history", "world_end_state", name="keep_end_state"),
            Node(
                seal_truth,
                inputs=["world_end_state", "raw_files", *RECEIPTS, *COUPONS, "raw_offer_log"],
                outputs="truth",
                name="seal_truth",
            ),
        ]
    )
