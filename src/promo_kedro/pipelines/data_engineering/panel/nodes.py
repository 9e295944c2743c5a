"""Clean tables → calendar → relevant consumer-items → panel (§3.1)."""

from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters
from promo_kedro.types import DataFrame, Table


def build_calendar(transactions: Table, parameters: DataEngineeringParameters) -> DataFrame:
    """Count 14-day steps back from the end of the data and lay sliding windows over them.

    Raises:
        InputError: When the data have fewer steps than one window.
    """
    from promo_kedro.pipelines.data_engineering.panel.calendar import data_end, sliding_windows

    end, n_steps = data_end(transactions, parameters.calendar.calendar_end)
    return sliding_windows(end, n_steps, parameters.panel)


def find_relevant_consumer_items(
    transactions: Table, items: Table, calendar: DataFrame, parameters: DataEngineeringParameters
) -> Table:
    """Keep the consumer-items bought in the training steps of each window."""
    from promo_kedro.pipelines.data_engineering.panel.relevance import relevant_consumer_items

    return relevant_consumer_items(transactions, items, calendar, parameters.panel.min_orders)


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
