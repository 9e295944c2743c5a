"""Scores, plots, the offers' worth and the report."""

from promo_kedro.pipelines.evaluation.brands.pipeline import create_brand_pipeline
from promo_kedro.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_brand_pipeline", "create_pipeline"]
