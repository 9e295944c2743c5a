"""Raw tables → clean tables, with what is set aside → panel → features; a first look at both."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
