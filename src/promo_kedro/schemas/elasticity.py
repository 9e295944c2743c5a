"""What elasticity writes."""

import pandera.pandas as pp

from promo_kedro.schemas.base import (
    PandasTable,
    not_negative,
    percent,
    probability_field,
)


class ElasticityCurves(PandasTable):
    """Eq. 10 fitted per category."""

    category: str
    relation: str = pp.Field(isin=["observed", "response"])
    slope: float = pp.Field(nullable=True)
    intercept: float = pp.Field(nullable=True)
    slope_se: float = pp.Field(nullable=True)
    intercept_se: float = pp.Field(nullable=True)
    r2: float = pp.Field(nullable=True)
    n: int
    n_bins: int
    status: str


class ElasticityBins(PandasTable):
    """The equal-count bins that a curve's R² is about."""

    category: str
    relation: str = pp.Field(isin=["observed", "response"])
    offer_percent: float = percent()
    probability: float = probability_field()
    n: int


class OfferElasticities(PandasTable):
    """Eq. 12 for each relevant consumer-item, at its reference offer."""

    customer_id: int
    item_id: int
    category: str
    reference_offer: float = percent()
    reference_source: str
    offer_today: float = percent()
    probability: float = probability_field()
    elasticity: float
    price: float = not_negative()
    quantity: float = not_negative()
    unit_price: float = not_negative()
