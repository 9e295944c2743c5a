"""The pipeline that finds how purchase probabilities answer to offers.

::

    purchase_probabilities, panel,                       offers or receipts, consumers,
    offer_response, calendar                             panel, calendar
                     │                                                │
                     v                                                v
          [fit_elasticity_curves]        transactions     [find_reference_offers]
             │               │                │                       │
             v               v                v                       v
    elasticity_bins  elasticity_curves  [price_purchases]      reference_offers
                             │                │                       │
                             │                v                       │
                             │         purchase_prices                │
                             │                │                       │
                             └───> [estimate_offer_elasticities] <────┘
                                              │         ^
                                              v         └── offer_response
                                      offer_elasticities
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.elasticity.nodes import (
    estimate_offer_elasticities,
    find_reference_offers,
    fit_elasticity_curves,
    price_purchases,
)


def create_pipeline() -> Pipeline:
    """Return the elasticity pipeline."""
    return Pipeline(
        [
            Node(
                fit_elasticity_curves,
                inputs=[
                    "purchase_probabilities",
                    "panel",
                    "offer_response",
                    "calendar",
                    "params:elasticity",
                ],
                outputs=["elasticity_curves", "elasticity_bins"],
                name="fit_elasticity_curves",
            ),
            Node(
                find_reference_offers,
                inputs=[
                    "relevant_consumer_items",
                    "transactions",
                    "offers",
                    "consumers",
                    "panel",
                    "calendar",
                    "params:elasticity",
                ],
                outputs="reference_offers",
                name="find_reference_offers",
            ),
            Node(
                price_purchases,
                inputs=["relevant_consumer_items", "transactions"],
                outputs="purchase_prices",
                name="price_purchases",
            ),
            Node(
                estimate_offer_elasticities,
                inputs=[
                    "reference_offers",
                    "purchase_prices",
                    "offer_response",
                    "elasticity_curves",
                    "params:elasticity",
                ],
                outputs="offer_elasticities",
                name="estimate_offer_elasticities",
            ),
        ]
    )
