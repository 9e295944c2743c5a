"""The pipeline that chooses offers.

::

    transactions, items, calendar ──> [find_offer_ranges] ──> offer_ranges
                                                                   │
    offer_elasticities, elasticity_curves, consumer_cutoffs ───────┤
                                                                   v
                                          [gather_decisions] ──> offer_decisions
                                                                   │
                             ┌─────────────────────────────────────┤
                             v                                     v
                      [choose_offers] <── calendar         [trace_frontiers]
                             │                                     │
                             v                                     v
           optimal_offers, optimization_summary       revenue_retention_frontier
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.optimization.nodes import (
    choose_offers,
    find_offer_ranges,
    gather_decisions,
    trace_frontiers,
)


def create_pipeline() -> Pipeline:
    """Return the optimization pipeline."""
    return Pipeline(
        [
            Node(
                find_offer_ranges,
                inputs=["transactions", "items", "calendar", "params:optimization"],
                outputs="offer_ranges",
                name="find_offer_ranges",
            ),
            Node(
                gather_decisions,
                inputs=[
                    "offer_elasticities",
                    "elasticity_curves",
                    "consumer_cutoffs",
                    "offer_ranges",
                    "params:optimization",
                ],
                outputs="offer_decisions",
                name="gather_decisions",
            ),
            Node(
                choose_offers,
                inputs=["offer_decisions", "calendar", "params:optimization"],
                outputs=["optimal_offers", "optimization_summary"],
                name="choose_offers",
            ),
            Node(
                trace_frontiers,
                inputs=["offer_decisions", "params:optimization"],
                outputs="revenue_retention_frontier",
                name="trace_frontiers",
            ),
        ]
    )
