"""What optimization writes."""

from typing import Any

import pandera.pandas as pp

from promo_kedro.schemas.base import (
    MODES,
    PandasTable,
    not_negative,
    percent,
    probability_field,
)


class OptimalOffers(PandasTable):
    """The plan: one offer per consumer-item for the step after the data."""

    mode: str = pp.Field(isin=MODES)
    customer_id: int
    item_id: int
    category: str
    price: float = not_negative()
    reference_offer: float = percent()
    change: float = pp.Field(nullable=True)
    offer_percent: float = percent()
    valid_from: Any
    valid_to: Any
    probability_before: float = probability_field()
    probability_after: float = probability_field()
    retained_before: float = probability_field()
    retained_after: float = probability_field()
    revenue_before: float = not_negative()
    revenue_after: float = not_negative()


class OptimizationSummary(PandasTable):
    """How each category's program ended."""

    mode: str = pp.Field(isin=MODES)
    category: str
    n: int
    status: str
    revenue: float = pp.Field(nullable=True)
    upper_bound: float = pp.Field(nullable=True)
    gap: float = pp.Field(nullable=True)
    retention: float = pp.Field(nullable=True)
    retention_required: float = pp.Field(nullable=True)
    retention_attainable: float = pp.Field(nullable=True)
    retention_shadow_price: float = pp.Field(nullable=True)
    offer_min: float = pp.Field(nullable=True)
    offer_max: float = pp.Field(nullable=True)
    solver: str
    seconds: float
    message: str


class RevenueRetentionFrontier(PandasTable):
    """The most revenue for each retention that may be required."""

    mode: str = pp.Field(isin=MODES)
    category: str
    retention_required: float
    revenue: float
    retention: float
    shadow_price: float
