"""Elasticity: how the purchase probability answers to the offer (§3.3)."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
