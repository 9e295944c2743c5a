"""Scores, plots, the offers' worth and the report."""

from promo_kedro.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
