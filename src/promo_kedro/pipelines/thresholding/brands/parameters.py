"""What a user may set about audiences; see conf/base/thresholding/parameters_brands.yml."""

from typing import Literal

from pydantic import Field

from promo_kedro.parameters import Parameters

Sizing = Literal[
    "prevalence", "expected_count", "f1_cutoff", "fixed", "precision_floor", "threshold"
]


class BrandSizingParameters(Parameters):
    """How many consumers a brand addresses, and within which bounds.

    Attributes:
        sizing: the rule of size that is used in the coming step; all rules are compared.
        fixed_share: share of all consumers whom each brand addresses under ``fixed``.
        precision_floor: share of buyers that an audience must promise under ``precision_floor``.
        threshold: a consumer this likely to buy a brand is addressed under ``threshold``.
        brands_per_consumer: a consumer stays in the audiences of this many brands, the likeliest;
            None for no bound.
        smallest_audience: in the coming step, an audience of fewer consumers addresses nobody.
    """

    sizing: Sizing = "prevalence"
    fixed_share: float = Field(default=0.05, gt=0, le=1)
    precision_floor: float = Field(default=0.2, gt=0, le=1)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    brands_per_consumer: int | None = Field(default=None, ge=1)
    smallest_audience: int = Field(default=10, ge=1)
