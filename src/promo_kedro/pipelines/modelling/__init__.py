"""Purchase model: how likely each consumer buys each relevant item in the next step."""

from promo_kedro.pipelines.modelling.brands.pipeline import create_brand_pipeline
from promo_kedro.pipelines.modelling.pipeline import (
    create_export_pipeline,
    create_pipeline,
    create_search_pipeline,
)

__all__ = [
    "create_brand_pipeline",
    "create_export_pipeline",
    "create_pipeline",
    "create_search_pipeline",
]
