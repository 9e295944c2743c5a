"""What people see of the brand experiment: plots, and one page that tells it."""

from promo_kedro.pipelines.evaluation.brands.showing.pipeline import create_showing_pipeline

__all__ = ["create_showing_pipeline"]
