"""What a network is taught by: losses per consumer and brand, and what their scores mean."""

from promo_kedro.pipelines.modelling.brands.losses.asymmetric import Asymmetric
from promo_kedro.pipelines.modelling.brands.losses.base import BrandLoss
from promo_kedro.pipelines.modelling.brands.losses.by_name import make_loss
from promo_kedro.pipelines.modelling.brands.losses.cross_entropy import CrossEntropy
from promo_kedro.pipelines.modelling.brands.losses.focal import Focal
from promo_kedro.pipelines.modelling.brands.losses.logit_adjusted import LogitAdjusted

__all__ = [
    "Asymmetric",
    "BrandLoss",
    "CrossEntropy",
    "Focal",
    "LogitAdjusted",
    "make_loss",
]
