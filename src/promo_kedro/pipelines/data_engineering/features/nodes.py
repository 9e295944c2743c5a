"""Panel and clean tables → profiles, prices, coupons and statics → features (§3.1.1)."""

from typing import Any

from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters
from promo_kedro.types import DataFrame, Table


def profile_consumers(
    transactions: Table,
    relevant_consumer_items: Table,
    calendar: DataFrame,
    parameters: DataEngineeringParameters,
) -> Table:
    """Profile each consumer before each step."""
    from promo_kedro.pipelines.data_engineering.features.consumer_profiles import consumer_profiles
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
    from promo_kedro.pipelines.data_engineering.features.consumer_profiles import (
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
    from promo_kedro.pipelines.data_engineering.features.item_profiles import item_profiles
    from promo_kedro.pipelines.data_engineering.history import panel_steps

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
    from promo_kedro.pipelines.data_engineering.features.price_features import price_levels
    from promo_kedro.pipelines.data_engineering.history import panel_steps

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
    from promo_kedro.pipelines.data_engineering.features.coupons import coupons_in_force

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
    from promo_kedro.pipelines.data_engineering.features.static_features import item_encodings

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
    from promo_kedro.pipelines.data_engineering.features.static_features import static_features

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
    from promo_kedro.pipelines.data_engineering.features.features import consumer_item_features
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
    from promo_kedro.pipelines.data_engineering.features.features import all_features

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
    from promo_kedro.pipelines.data_engineering.features.feature_groups import feature_groups

    return feature_groups(parameters.panel)
