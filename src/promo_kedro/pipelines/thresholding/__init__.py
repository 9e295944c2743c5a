"""Cut-offs: from purchase probabilities to purchase predictions, consumer by consumer (§3.2)."""

from promo_kedro.pipelines.thresholding.pipeline import create_pipeline

__all__ = ["create_pipeline"]
