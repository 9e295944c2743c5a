"""Cut-offs: from purchase probabilities to purchase predictions, consumer by consumer (§3.2)."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
