"""Scores, plots, the offers' worth and the report."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
