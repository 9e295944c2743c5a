"""Raw tables → clean tables → panel → features, and a first look at the data."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
