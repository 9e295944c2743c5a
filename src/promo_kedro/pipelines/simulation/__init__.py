"""A retailer with known demand → the raw tables a retailer would bring, and the truth."""

from promo_kedro.pipelines.simulation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
