"""Offers: the plan that earns most while retention holds, category by category (§3.4, Eq. 13)."""

from promo_kedro.pipelines.optimization.pipeline import create_pipeline

__all__ = ["create_pipeline"]
