"""Raw tables → clean tables → panel → features, and a first look at the data."""

from promo_kedro.pipelines.data_engineering.brands.pipeline import create_brand_pipeline
from promo_kedro.pipelines.data_engineering.pipeline import create_pipeline

__all__ = ["create_brand_pipeline", "create_pipeline"]
