"""Cut-offs: from purchase probabilities to purchase predictions, consumer by consumer (§3.2)."""

from promo_kedro.pipelines.thresholding.brands.pipeline import create_brand_pipeline
from promo_kedro.pipelines.thresholding.pipeline import create_pipeline

__all__ = ["create_brand_pipeline", "create_pipeline"]
