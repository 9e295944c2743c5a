"""From the clean tables to the panel: a row for each relevant consumer-item and step.

::

    raw_manifest ──► calendar ──► relevant_consumer_items ──► panel
                     14-day       of the chosen categories,   what was bought and
                     steps in     bought in the training      what was on offer
                     windows      steps of a window             ▲
                                         ▲                      │
                                transactions, items    transactions, items, offers
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.data_engineering.panel import nodes

PARAMETERS = "params:data_engineering"


def create_panel_pipeline() -> Pipeline:
    """Wire the clean tables to the panel."""
    return Pipeline(
        [
            Node(
                nodes.build_calendar,
                ["raw_manifest", PARAMETERS],
                "calendar",
                name="build_calendar",
            ),
            Node(
                nodes.find_relevant_consumer_items,
                ["transactions", "items", "calendar", "raw_manifest", PARAMETERS],
                "relevant_consumer_items",
                name="find_relevant_consumer_items",
            ),
            Node(
                nodes.build_panel,
                [
                    "transactions",
                    "items",
                    "offers",
                    "relevant_consumer_items",
                    "calendar",
                    PARAMETERS,
                ],
                "panel",
                name="build_panel",
            ),
        ]
    )
