"""Elasticity: how the purchase probability answers to the offer (§3.3)."""

from promo_kedro.pipelines.elasticity.pipeline import create_pipeline

__all__ = ["create_pipeline"]
