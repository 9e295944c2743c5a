"""Raw tables → clean tables → panel → features, and a first look at the data.

::

    raw_* (the retailer's files)
      │
      ▼
    cleaning ──────────► raw_manifest, rejected_rows
      │
      ▼
    transactions, items, consumers, campaigns, coupon_items, issued_coupons, offers
      │
      ▼
    panel ─────────────► calendar, relevant_consumer_items, panel
      │
      ├──► features ─────► features, feature_groups
      └──► exploration ──► category_sales, offer_percent_density, basket_size_density,
                           order_probability and a plot of each
"""

from kedro.pipeline import Pipeline

from promo_kedro.pipelines.data_engineering.cleaning.pipeline import create_cleaning_pipeline
from promo_kedro.pipelines.data_engineering.exploration.pipeline import create_exploration_pipeline
from promo_kedro.pipelines.data_engineering.features.pipeline import create_features_pipeline
from promo_kedro.pipelines.data_engineering.panel.pipeline import create_panel_pipeline


def create_pipeline() -> Pipeline:
    """Compose the four parts, in the order in which data flow through them."""
    return (
        create_cleaning_pipeline()
        + create_panel_pipeline()
        + create_features_pipeline()
        + create_exploration_pipeline()
    )
