"""Calendar, panel and features."""

from typing import Any

import pandera.ibis as pi
import pandera.pandas as pp
from ibis.expr import datatypes as dt

from promo_kedro.schemas.base import (
    SPLITS,
    IbisTable,
    PandasTable,
    not_negative,
    percent,
)


class Calendar(PandasTable):
    """The 14-day steps of each window and the part that each plays."""

    window: int = not_negative()
    step: int = not_negative()
    start_date: Any
    end_date: Any
    split: str = pp.Field(isin=SPLITS)


class RelevantConsumerItems(IbisTable):
    """Consumer-items bought often enough in the training steps of a window."""

    window: int = not_negative()
    customer_id: int
    item_id: int
    category: str


class Panel(IbisTable):
    """One cell per relevant consumer-item and step."""

    customer_id: int
    item_id: int
    step: int = not_negative()
    category: str
    purchased: dt.Int8 = pp.Field(isin=[0, 1], nullable=True)
    quantity: int = pp.Field(ge=0, nullable=True)
    list_price: float = pp.Field(ge=0, nullable=True)
    offer_percent: float = percent()
    offer_known: bool


class Features(pi.DataFrameModel):
    """The panel's cells with the features that ``feature_groups`` names."""

    window: int
    category: str
    customer_id: int
    item_id: int
    step: int
    split: str = pp.Field(isin=SPLITS)
    purchased: dt.Int8 = pp.Field(isin=[0, 1], nullable=True)
