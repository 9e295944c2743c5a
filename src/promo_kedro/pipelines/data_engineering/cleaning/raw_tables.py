"""What a retailer brings: the raw tables, their columns and what each column may hold."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "number", "date", "text", "flag"]

IBIS_TYPES: dict[Kind, str] = {
    "id": "int64",
    "number": "float64",
    "date": "date",
    "text": "string",
    "flag": "boolean",
}


@dataclass(frozen=True)
class Column:
    """One column of a raw table.

    Attributes:
        name: The name in the file's header.
        kind: What its text must spell.
        required: Whether the header must have it.
        blank: Whether a cell may be empty.
        personal: Whether it says who a consumer is, so that no message may repeat its text.
    """

    name: str
    kind: Kind
    required: bool = True
    blank: bool = False
    personal: bool = False


@dataclass(frozen=True)
class RawTable:
    """One raw table.

    Attributes:
        name: The file's name without its ending.
        columns: Its columns.
        key: The columns that identify a row, where a row must be unique.
        date_format: Which of the date formats in the parameters it follows.
        dates_may_follow_today: Whether dates after today are believable (a campaign's end).
        without: What a run does when the table is absent or empty; None: it is required.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    date_format: Literal["transactions", "campaigns", "offer_log"] | None = None
    dates_may_follow_today: bool = False
    without: str | None = None


CONSUMER = Column("customer_id", "id", personal=True)

TRANSACTIONS = RawTable(
    "customer_transaction_data",
    (
        Column("date", "date"),
        CONSUMER,
        Column("item_id", "id"),
        Column("quantity", "number", blank=True),
        Column("selling_price", "number", blank=True),
        Column("other_discount", "number", blank=True),
        Column("coupon_discount", "number", blank=True),
        Column("basket_id", "id", required=False, blank=True),
        Column("cart_position", "id", required=False, blank=True),
    ),
    date_format="transactions",
)

ITEMS = RawTable(
    "item_data",
    (
        Column("item_id", "id"),
        Column("brand", "text", blank=True),
        Column("brand_type", "text", blank=True),
        Column("category", "text", blank=True),
        Column("unit_cost", "number", required=False, blank=True),
    ),
    key=("item_id",),
)

DEMOGRAPHICS = RawTable(
    "customer_demographics",
    (
        CONSUMER,
        Column("age_range", "text", blank=True),
        Column("marital_status", "text", blank=True),
        Column("rented", "text", blank=True),
        Column("family_size", "text", blank=True),
        Column("no_of_children", "text", blank=True),
        Column("income_bracket", "text", blank=True),
    ),
    key=("customer_id",),
    without="consumers are described by their purchases alone, none has a known age range",
)

CAMPAIGNS = RawTable(
    "campaign_data",
    (
        Column("campaign_id", "id"),
        Column("campaign_type", "text", blank=True),
        Column("start_date", "date"),
        Column("end_date", "date"),
    ),
    key=("campaign_id",),
    date_format="campaigns",
    dates_may_follow_today=True,
    without="no personal coupon is ever in force",
)

COUPON_ITEMS = RawTable(
    "coupon_item_mapping",
    (Column("coupon_id", "id"), Column("item_id", "id")),
    without="coupons are not known to be for any item",
)

REDEMPTIONS = RawTable(
    "train",
    (
        Column("id", "id", blank=True),
        Column("campaign_id", "id"),
        Column("coupon_id", "id"),
        CONSUMER,
        Column("redemption_status", "flag", blank=True),
    ),
    without="no consumer is known to hold a coupon",
)

OFFER_LOG = RawTable(
    "offer_log",
    (
        Column("date", "date"),
        CONSUMER,
        Column("item_id", "id"),
        Column("offer_percent", "number", blank=True),
        Column("explored", "flag", blank=True),
        Column("propensity", "number", blank=True),
    ),
    key=("date", "customer_id", "item_id"),
    date_format="offer_log",
    without="what was on offer is rebuilt from the receipts of other consumers",
)

RAW_TABLES = (
    TRANSACTIONS,
    ITEMS,
    DEMOGRAPHICS,
    CAMPAIGNS,
    COUPON_ITEMS,
    REDEMPTIONS,
    OFFER_LOG,
)
