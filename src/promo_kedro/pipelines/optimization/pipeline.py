"""The pipeline that chooses offers.

::

    transactions, items, calendar ──> [find_offer_ranges] ──> offer_ranges
                                                                   │
    offer_elasticities, elasticity_curves, consumer_cutoffs ───────┤
    items, consumers, offer_exclusions ────────────────────────────┤
                                                                   v
                          kept_offers <── [gather_decisions] ──> offer_decisions
                                                                   │
                             ┌─────────────────────────────────────┤
                             v                                     v
                       [plan_offers]                       [trace_frontiers]
                             │                                     │
                           plans                                   v
                             │                          revenue_retention_frontier
         ┌───────────────────┼──────────────────┬──────────────────────┐
         v                   v                  v                      v
   [tabulate_plans]  [explain_changes]   [compare_plans]        [round_offers]
         │                   │                  │                      │
         v                   v                  v                      v
   optimal_offers      offer_changes       plan_kpis            offers_to_send
   optimization_summary                    plan_comparison      rounding_cost
   optimization_rules
   optimization_conflicts
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.optimization.nodes import (
    compare_plans,
    explain_changes,
    find_offer_ranges,
    gather_decisions,
    plan_offers,
    round_offers,
    tabulate_plans,
    trace_frontiers,
)

_PARAMETERS = "params:optimization"


def create_pipeline() -> Pipeline:
    """Return the optimization pipeline."""
    return Pipeline(
        [
            Node(
                find_offer_ranges,
                inputs=["transactions", "items", "calendar", _PARAMETERS],
                outputs="offer_ranges",
                name="find_offer_ranges",
            ),
            Node(
                gather_decisions,
                inputs=[
                    *("offer_elasticities", "elasticity_curves", "consumer_cutoffs"),
                    *("offer_ranges", "items", "consumers", "offer_exclusions", _PARAMETERS),
                ],
                outputs=["offer_decisions", "kept_offers"],
                name="gather_decisions",
            ),
            Node(
                plan_offers,
                inputs=["offer_decisions", _PARAMETERS],
                outputs="plans",
                name="plan_offers",
            ),
            Node(
                tabulate_plans,
                inputs=["plans", "calendar", _PARAMETERS],
                outputs=[
                    *("optimal_offers", "optimization_summary"),
                    *("optimization_rules", "optimization_conflicts"),
                ],
                name="tabulate_plans",
            ),
            Node(
                explain_changes,
                inputs=["plans", _PARAMETERS],
                outputs="offer_changes",
                name="explain_changes",
            ),
            Node(
                compare_plans,
                inputs="plans",
                outputs=["plan_kpis", "plan_comparison"],
                name="compare_plans",
            ),
            Node(
                trace_frontiers,
                inputs=["offer_decisions", _PARAMETERS],
                outputs="revenue_retention_frontier",
                name="trace_frontiers",
            ),
            Node(
                round_offers,
                inputs=["plans", "calendar", _PARAMETERS],
                outputs=["offers_to_send", "rounding_cost"],
                name="round_offers",
            ),
        ]
    )
