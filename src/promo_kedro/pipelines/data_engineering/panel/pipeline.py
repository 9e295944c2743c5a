"""From the clean tables to the panel: a row for each relevant consumer-item and step.

::

    transactions ──► calendar ──► relevant_consumer_items ──► panel
                     14-day       bought in the training      what was bought and
                     steps in     steps of a window           what was on offer
                     windows             ▲                      ▲
                                       items               items, offers
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
                ["transactions", PARAMETERS],
                "calendar",
                name="build_calendar",
            ),
            Node(
                nodes.find_relevant_consumer_items,
                ["transactions", "items", "calendar", PARAMETERS],
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
