"""The features of every cell: profiles, prices, lagged offsets, dates and statics joined."""

import ibis
import pandas as pd
from ibis.expr.types import Table

from promo_kedro.pipelines.data_engineering.features import (
    consumer_item_profiles,
    lag_features,
    price_features,
)
from promo_kedro.pipelines.data_engineering.features.datetime_features import datetime_features
from promo_kedro.pipelines.data_engineering.features.feature_groups import feature_groups
from promo_kedro.pipelines.data_engineering.features.static_features import as_feature
from promo_kedro.pipelines.data_engineering.history import attach, within
from promo_kedro.pipelines.data_engineering.panel.panel import CELL
from promo_kedro.pipelines.data_engineering.parameters import PanelParameters
from promo_kedro.pipelines.data_engineering.whole_numbers import total

KEYS = ("window", "category", "customer_id", "item_id", "step", "split", "purchased")


def consumer_item_features(
    panel: Table,
    transactions: Table,
    consumer_profiles: Table,
    price_levels: Table,
    steps: range,
    parameters: PanelParameters,
) -> Table:
    """Compute the features of a cell that need the past of its consumer-item.

    Args:
        panel: The panel.
        transactions: Clean receipt lines, for cart positions.
        consumer_profiles: Profiles of consumers by step.
        price_levels: Price levels of items and categories by step.
        steps: The steps of the panel.
        parameters: Lag windows.

    Returns:
        customer_id, item_id, step, category, purchased and the features as float32, for the
        steps of the panel.
    """
    cells = attach(panel.drop("offer_known"), _cart_positions(within(transactions, steps)), *CELL)
    active = consumer_profiles.select("customer_id", "step", "active_steps")
    cells = attach(cells, active, "customer_id", "step")
    cells = cells.mutate(
        **{f"x_{name}": x for name, x in lag_features.regressors_of(cells).items()},
        positions=cells.positions.fill_null(0),
        position_sum=cells.position_sum.fill_null(0),
    )
    known = cells.select(
        *panel.drop("offer_known", "quantity").columns,
        "active_steps",
        **consumer_item_profiles.windows_of(cells, steps[0]),
        **price_features.windows_of(cells),
        **lag_features.windows_of(cells, parameters),
    )
    known = attach(known, price_levels, "item_id", "step")
    features = (
        consumer_item_profiles.features_of(known)
        | price_features.features_of(known)
        | lag_features.features_of(known, parameters)
    )
    return known.select(
        *CELL,
        "category",
        "purchased",
        **{name: as_feature(value) for name, value in features.items()},
    )


def _cart_positions(lines: Table) -> Table:
    """Sum the known cart positions of each consumer, item and step."""
    placed = lines.filter(lines.cart_position.notnull())
    return placed.group_by(*CELL).aggregate(
        positions=placed.count(), position_sum=total(placed.cart_position)
    )


def all_features(
    consumer_items: Table,
    consumer_profiles: Table,
    consumer_category_profiles: Table,
    item_profiles: Table,
    coupons_in_force: Table,
    static: Table,
    calendar: pd.DataFrame,
    parameters: PanelParameters,
) -> Table:
    """Join all groups of features for the cells of each window.

    Returns:
        The columns of ``KEYS`` and every feature that ``feature_groups`` names: categoricals as
        text or int64, continuous ones as float32 and never missing.
    """
    dates = ibis.memtable(datetime_features(calendar))
    cells = consumer_items.drop("category").inner_join(dates, "step")
    cells = cells.inner_join(static, ["window", "customer_id", "item_id"])
    cells = attach(cells, consumer_profiles, "customer_id", "step")
    cells = attach(cells, consumer_category_profiles, "customer_id", "category", "step")
    cells = attach(cells, item_profiles, "item_id", "step")
    held = coupons_in_force.mutate(held=ibis.literal(1, "int64"))
    cells = attach(cells, held, *CELL)
    cells = cells.mutate(coupon_in_force=cells.held.fill_null(0))
    groups = feature_groups(parameters)
    categorical = groups["static_categorical"] + groups["temporal_categorical"]
    continuous = groups["static_continuous"] + groups["temporal_continuous"]
    return cells.select(
        *KEYS,
        *(name for name in categorical if name not in KEYS),
        **{name: as_feature(cells[name]) for name in continuous},
    )
