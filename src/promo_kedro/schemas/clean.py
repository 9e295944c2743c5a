"""Clean tables: what the rest of the project reads of the raw ones."""

import pandera.pandas as pp
from ibis.expr import datatypes as dt

from promo_kedro.schemas.base import (
    IbisTable,
    not_negative,
    percent,
    probability_field,
)


class RejectedRows(IbisTable):
    """Rows of the raw tables that were set aside, each with the reason."""

    table: str
    row: int = not_negative()
    reason: str
    values: str


class Transactions(IbisTable):
    """One line of a receipt; money is a line total except ``list_price``, a unit price."""

    row: int
    date: dt.Date
    step: int = pp.Field(ge=-1)
    customer_id: int
    item_id: int
    quantity: int = pp.Field(gt=0)
    selling_price: float = not_negative()
    other_discount: float = pp.Field(le=0)
    coupon_discount: float = pp.Field(le=0)
    list_price: float = not_negative()
    offer_percent: float = percent()
    basket_id: int = pp.Field(nullable=True)
    cart_position: int = pp.Field(nullable=True)


class Items(IbisTable):
    """One item of the assortment."""

    item_id: int
    brand: str
    brand_type: str = pp.Field(nullable=True)
    category: str
    unit_cost: float = pp.Field(nullable=True)


class Consumers(IbisTable):
    """Every consumer seen anywhere, with what is known of them."""

    customer_id: int
    age_range: str = pp.Field(nullable=True)
    marital_status: str = pp.Field(nullable=True)
    rented: str = pp.Field(nullable=True)
    family_size: str = pp.Field(nullable=True)
    no_of_children: str = pp.Field(nullable=True)
    income_bracket: str = pp.Field(nullable=True)


class Campaigns(IbisTable):
    """When each campaign's coupons were valid."""

    campaign_id: int
    campaign_type: str = pp.Field(nullable=True)
    start_date: dt.Date
    end_date: dt.Date


class CouponItems(IbisTable):
    """Which items a coupon is for."""

    coupon_id: int
    item_id: int


class IssuedCoupons(IbisTable):
    """Who was given which coupon; whether it was redeemed is left out on purpose."""

    campaign_id: int
    coupon_id: int
    customer_id: int


class Offers(IbisTable):
    """Offers made, bought or not, zero offers too; no rows where the retailer logs none."""

    customer_id: int
    item_id: int
    step: int = pp.Field(ge=-1)
    offer_percent: float = percent()
    explored: bool
    propensity: float = probability_field(nullable=True)
