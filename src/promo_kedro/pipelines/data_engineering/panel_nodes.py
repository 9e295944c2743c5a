"""Clean tables → calendar → relevant consumer-items → panel → features (§3.1, §3.1.1)."""

from typing import Any

from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters
from promo_kedro.types import DataFrame, Table


def build_calendar(transactions: Table, parameters: DataEngineeringParameters) -> DataFrame:
    """Count 14-day steps back from the end of the data and lay sliding windows over them.

    Raises:
        InputError: When the data have fewer steps than one window.
    """
    from promo_kedro.pipelines.data_engineering.calendar import data_end, sliding_windows

    end, n_steps = data_end(transactions, parameters.calendar.calendar_end)
    return sliding_windows(end, n_steps, parameters.panel)


def find_relevant_consumer_items(
    transactions: Table, items: Table, calendar: DataFrame, parameters: DataEngineeringParameters
) -> Table:
    """Keep the consumer-items bought in the training steps of each window."""
    from promo_kedro.pipelines.data_engineering.relevance import relevant_consumer_items

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
    from promo_kedro.pipelines.data_engineering.panel import panel_of
    from promo_kedro.pipelines.data_engineering.relevance import require_any

    require_any(relevant_consumer_items, parameters.panel.min_orders)
    steps = panel_steps(calendar, parameters.panel.history_steps)
    return panel_of(transactions, items, offers, relevant_consumer_items, steps)


def profile_consumers(
    transactions: Table,
    relevant_consumer_items: Table,
    calendar: DataFrame,
    parameters: DataEngineeringParameters,
) -> Table:
    """Profile each consumer before each step."""
    from promo_kedro.pipelines.data_engineering.consumer_profiles import consumer_profiles
    from promo_kedro.pipelines.data_engineering.history import panel_steps

    steps = panel_steps(calendar, parameters.panel.history_steps)
    return consumer_profiles(transactions, relevant_consumer_items, steps, parameters.panel)


def profile_consumers_by_category(
    transactions: Table,
    items: Table,
    relevant_consumer_items: Table,
    calendar: DataFrame,
    parameters: DataEngineeringParameters,
) -> Table:
    """Profile each consumer's purchases in each category before each step."""
    from promo_kedro.pipelines.data_engineering.consumer_profiles import (
        consumer_category_profiles,
    )
    from promo_kedro.pipelines.data_engineering.history import panel_steps

    steps = panel_steps(calendar, parameters.panel.history_steps)
    return consumer_category_profiles(transactions, items, relevant_consumer_items, steps)


def profile_items(
    transactions: Table,
    relevant_consumer_items: Table,
    calendar: DataFrame,
    parameters: DataEngineeringParameters,
) -> Table:
    """Profile each item before each step."""
    from promo_kedro.pipelines.data_engineering.history import panel_steps
    from promo_kedro.pipelines.data_engineering.item_profiles import item_profiles

    steps = panel_steps(calendar, parameters.panel.history_steps)
    return item_profiles(transactions, relevant_consumer_items, steps, parameters.panel)


def find_price_levels(
    transactions: Table,
    items: Table,
    relevant_consumer_items: Table,
    calendar: DataFrame,
    parameters: DataEngineeringParameters,
) -> Table:
    """Find the price levels of items and categories before each step."""
    from promo_kedro.pipelines.data_engineering.history import panel_steps
    from promo_kedro.pipelines.data_engineering.price_features import price_levels

    steps = panel_steps(calendar, parameters.panel.history_steps)
    return price_levels(transactions, items, relevant_consumer_items, steps)


def find_coupons_in_force(
    campaigns: Table,
    coupon_items: Table,
    issued_coupons: Table,
    relevant_consumer_items: Table,
    calendar: DataFrame,
) -> Table:
    """Find the cells in which a consumer holds a valid coupon for an item."""
    from promo_kedro.pipelines.data_engineering.coupons import coupons_in_force

    return coupons_in_force(
        campaigns, coupon_items, issued_coupons, relevant_consumer_items, calendar
    )


def encode_items(
    transactions: Table,
    relevant_consumer_items: Table,
    calendar: DataFrame,
    parameters: DataEngineeringParameters,
) -> Table:
    """Describe items by the training purchases of other folds of consumers."""
    from promo_kedro.pipelines.data_engineering.static_features import item_encodings

    encoding = parameters.panel.encoding
    return item_encodings(transactions, relevant_consumer_items, calendar, encoding)


def describe_statics(
    relevant_consumer_items: Table,
    items: Table,
    consumers: Table,
    item_encodings: Table,
    parameters: DataEngineeringParameters,
) -> Table:
    """Describe the consumer and the item of each relevant consumer-item."""
    from promo_kedro.pipelines.data_engineering.static_features import static_features

    folds = parameters.panel.encoding.folds
    return static_features(relevant_consumer_items, items, consumers, item_encodings, folds)


def build_consumer_item_features(
    panel: Table,
    transactions: Table,
    consumer_profiles: Table,
    price_levels: Table,
    calendar: DataFrame,
    parameters: DataEngineeringParameters,
) -> Table:
    """Compute profiles, prices and lagged offsets of each consumer-item before each step."""
    from promo_kedro.pipelines.data_engineering.features import consumer_item_features
    from promo_kedro.pipelines.data_engineering.history import panel_steps

    steps = panel_steps(calendar, parameters.panel.history_steps)
    return consumer_item_features(
        panel, transactions, consumer_profiles, price_levels, steps, parameters.panel
    )


def join_features(
    consumer_item_features: Table,
    consumer_profiles: Table,
    consumer_category_profiles: Table,
    item_profiles: Table,
    coupons_in_force: Table,
    static_features: Table,
    calendar: DataFrame,
    parameters: DataEngineeringParameters,
) -> Table:
    """Join all groups of features for the cells of each window."""
    from promo_kedro.pipelines.data_engineering.features import all_features

    return all_features(
        consumer_item_features,
        consumer_profiles,
        consumer_category_profiles,
        item_profiles,
        coupons_in_force,
        static_features,
        calendar,
        parameters.panel,
    )


def name_features(parameters: DataEngineeringParameters) -> dict[str, Any]:
    """Name and describe every feature, in the four groups of Figure 1."""
    from promo_kedro.pipelines.data_engineering.feature_groups import feature_groups

    return feature_groups(parameters.panel)
