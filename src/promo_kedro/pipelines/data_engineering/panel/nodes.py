"""Clean tables → calendar → relevant consumer-items → panel (§3.1)."""

from typing import Any

from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters
from promo_kedro.types import DataFrame, Table


def build_calendar(
    raw_manifest: dict[str, Any], parameters: DataEngineeringParameters
) -> DataFrame:
    """Lay sliding windows over the 14-day steps that the data hold.

    Raises:
        InputError: When the data have fewer steps than one window.
    """
    from promo_kedro.pipelines.data_engineering.panel.calendar import sliding_windows
    from promo_kedro.pipelines.data_engineering.steps import known_calendar

    return sliding_windows(*known_calendar(raw_manifest), parameters.panel)


def find_relevant_consumer_items(
    transactions: Table,
    items: Table,
    calendar: DataFrame,
    raw_manifest: dict[str, Any],
    parameters: DataEngineeringParameters,
) -> Table:
    """Keep the consumer-items of the chosen categories bought in the training steps."""
    from promo_kedro.pipelines.data_engineering.panel import relevance

    chosen = relevance.items_of(items, raw_manifest["categories"])
    min_orders = parameters.panel.min_orders
    return relevance.relevant_consumer_items(transactions, chosen, calendar, min_orders)


def build_panel(
    transactions: Table,
    items: Table,
    offers: Table,
    relevant_consumer_items: Table,
    calendar: DataFrame,
    parameters: DataEngineeringParameters,
) -> Table:
    """Say for each relevant consumer-item and step what was bought, and what was on offer.

    Raises:
        InputError: When no consumer-item is relevant.
    """
    from promo_kedro.pipelines.data_engineering.history import panel_steps
    from promo_kedro.pipelines.data_engineering.panel.panel import panel_of
    from promo_kedro.pipelines.data_engineering.panel.relevance import require_any

    require_any(relevant_consumer_items, parameters.panel.min_orders)
    steps = panel_steps(calendar, parameters.panel.history_steps)
    return panel_of(transactions, items, offers, relevant_consumer_items, steps)
