"""The names, meanings and families of all features, in the four groups of Figure 1."""

from typing import Any

from promo_kedro.pipelines.data_engineering.features import (
    consumer_item_profiles,
    consumer_profiles,
    coupons,
    datetime_features,
    item_profiles,
    lag_features,
    price_features,
    static_features,
)
from promo_kedro.pipelines.data_engineering.parameters import PanelParameters


def feature_groups(parameters: PanelParameters) -> dict[str, Any]:
    """Name every feature.

    Args:
        parameters: Lag windows, which decide on the lagged features.

    Returns:
        Lists of names ``static_categorical``, ``temporal_categorical``, ``static_continuous``,
        ``temporal_continuous``; ``offer_inputs``, those that change when this step's offer does;
        ``descriptions`` by name; and ``families`` by name, what a feature is about (§3.1.1).
    """
    temporal_categorical = datetime_features.CATEGORICAL | coupons.CATEGORICAL
    temporal_continuous = (
        datetime_features.CONTINUOUS
        | consumer_item_profiles.DESCRIPTIONS
        | consumer_profiles.DESCRIPTIONS
        | consumer_profiles.lagged_descriptions(parameters)
        | item_profiles.DESCRIPTIONS
        | item_profiles.lagged_descriptions(parameters)
        | price_features.DESCRIPTIONS
        | lag_features.descriptions(parameters)
    )
    groups = {
        "static_categorical": static_features.CATEGORICAL,
        "temporal_categorical": temporal_categorical,
        "static_continuous": static_features.CONTINUOUS,
        "temporal_continuous": temporal_continuous,
    }
    return {
        **{group: list(descriptions) for group, descriptions in groups.items()},
        "offer_inputs": [price_features.OFFER_INPUT],
        "descriptions": {
            name: text for described in groups.values() for name, text in described.items()
        },
        "families": {
            name: family for family, names in _families(parameters).items() for name in names
        },
    }


def _families(parameters: PanelParameters) -> dict[str, list[str]]:
    """Sort all features by what they are about; the profiles are one family, as in the paper."""
    static = static_features.CATEGORICAL | static_features.CONTINUOUS
    return {
        "datetime": [*datetime_features.CATEGORICAL, *datetime_features.CONTINUOUS],
        "consumer-item profile": [
            *consumer_item_profiles.DESCRIPTIONS,
            *consumer_profiles.DESCRIPTIONS,
            *consumer_profiles.lagged_descriptions(parameters),
            *item_profiles.DESCRIPTIONS,
            *item_profiles.lagged_descriptions(parameters),
        ],
        "prices and promotions": [*price_features.DESCRIPTIONS, *coupons.CATEGORICAL],
        "lagged offsets": list(lag_features.descriptions(parameters)),
        "item attributes": [name for name in static if name in static_features.OF_THE_ITEM],
        "consumer attributes": [name for name in static if name not in static_features.OF_THE_ITEM],
    }
