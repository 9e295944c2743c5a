"""The rules that rows must follow: a reason for each row that is set aside.

Money is reckoned in whole cents and offers in basis points, so that no result depends on the
order in which rows are read.
"""

from collections.abc import Mapping, Sequence

import ibis
from ibis.expr.types import (
    BooleanColumn,
    FloatingColumn,
    IntegerColumn,
    NumericColumn,
    StringColumn,
    Table,
)

from promo_kedro.pipelines.data_engineering.cleaning.raw_tables import (
    CAMPAIGNS,
    COUPON_ITEMS,
    ITEMS,
    OFFER_LOG,
    REDEMPTIONS,
    TRANSACTIONS,
)
from promo_kedro.pipelines.data_engineering.parameters import CleaningParameters

NO_CATEGORY = "the item has no category"
UNKNOWN_ITEM = "unknown item: it is not in item_data"
NOT_A_NUMBER = "price, quantity or discount is missing, not finite or above a billion"
RETURNED = "returned: the quantity is zero or negative"
PART_OF_A_PIECE = "the quantity is not a whole number"
FREE = "the price is zero or negative"
POSITIVE_DISCOUNT = "a discount is above zero; discounts are written as negative amounts"
TOO_MUCH_DISCOUNT = "the discounts exceed the list price"
UNDER_A_CENT = "the list price of one piece is below 0.01"
TOO_DEAR = "the list price of one piece is above a billion"
BULK = "bulk: far more pieces than is usual in the category"
COPY = "an exact copy of another line"
UNKNOWN_CAMPAIGN = "the coupon's campaign is not in campaign_data"
ENDS_BEFORE_START = "the campaign ends before it starts"
OFFER_OUTSIDE = "the offer is missing or outside 0 to 100 percent"
PROPENSITY_OUTSIDE = "the propensity is outside 0 to 1"

LARGEST_NUMBER = 1e9
CENTS = 100


def judge_rows(typed: Mapping[str, Table], cleaning: CleaningParameters) -> dict[str, Table]:
    """Add ``reason`` to the rows of all tables that rules are about.

    Args:
        typed: The typed raw tables by file name.
        cleaning: The bound on quantities and the policy for copies of lines.

    Returns:
        The tables but the demographics, by file name, all rows and columns kept; ``reason``
        is null where a row is good.
    """
    items = judge_items(typed[ITEMS.name])
    campaigns = judge_campaigns(typed[CAMPAIGNS.name])
    return {
        TRANSACTIONS.name: judge_transactions(typed[TRANSACTIONS.name], items, cleaning),
        ITEMS.name: items,
        CAMPAIGNS.name: campaigns,
        COUPON_ITEMS.name: _with_category(typed[COUPON_ITEMS.name], items),
        REDEMPTIONS.name: judge_issued_coupons(typed[REDEMPTIONS.name], campaigns),
        OFFER_LOG.name: judge_offer_log(typed[OFFER_LOG.name], items),
    }


def judge_items(typed_items: Table) -> Table:
    """Add ``reason`` to the items: one without a category is set aside."""
    return typed_items.mutate(reason=_reason((typed_items.category.isnull(), NO_CATEGORY)))


def judge_transactions(
    typed_transactions: Table, judged_items: Table, cleaning: CleaningParameters
) -> Table:
    """Add list price, offer percent, category and ``reason`` to the receipt lines.

    The unit list price is (selling_price − other_discount) / quantity, the offer percent
    100 · −(other_discount + coupon_discount) / (list price · quantity). Lines are never
    clipped into range: the first rule that a line breaks is its reason.

    Args:
        typed_transactions: The receipt lines; blank discounts are none.
        judged_items: Items with ``reason``.
        cleaning: The bound on quantities and the policy for copies of lines.

    Returns:
        All lines as they were, with ``category``, ``selling_cents``, ``other_discount_cents``,
        ``coupon_discount_cents``, ``list_price_cents``, ``offer_basis_points`` and ``reason``.
    """
    lines = _with_category(typed_transactions, judged_items).mutate(
        selling_cents=_cents(typed_transactions.selling_price),
        other_discount_cents=_cents(typed_transactions.other_discount.fill_null(0)),
        coupon_discount_cents=_cents(typed_transactions.coupon_discount.fill_null(0)),
    )
    list_total = lines.selling_cents - lines.other_discount_cents
    discount = -(lines.other_discount_cents + lines.coupon_discount_cents)
    lines = lines.mutate(
        list_price_cents=_rounded_ratio(list_total, _finite(lines.quantity)),
        offer_basis_points=_rounded_ratio(discount * 100 * CENTS, list_total),
        too_much=discount > list_total,
    )
    lines = lines.mutate(reason=ibis.coalesce(lines.reason, _broken_rule(lines))).drop("too_much")
    if cleaning.duplicate_lines == "drop":
        lines = _with_copy_reason(lines, typed_transactions.drop("row").columns)
    return _with_bulk_reason(lines, cleaning)


def judge_campaigns(typed_campaigns: Table) -> Table:
    """Add ``reason`` to the campaigns."""
    backwards = typed_campaigns.end_date < typed_campaigns.start_date
    return typed_campaigns.mutate(reason=_reason((backwards, ENDS_BEFORE_START)))


def judge_issued_coupons(typed_redemptions: Table, judged_campaigns: Table) -> Table:
    """Add ``reason`` to the coupons handed out: where campaigns are known, theirs must be."""
    known = judged_campaigns.filter(judged_campaigns.reason.isnull())
    is_known = typed_redemptions.campaign_id.isin(known.campaign_id)
    no_campaigns = judged_campaigns.count().as_scalar() == 0
    return typed_redemptions.mutate(reason=_reason((~(is_known | no_campaigns), UNKNOWN_CAMPAIGN)))


def judge_offer_log(typed_offer_log: Table, judged_items: Table) -> Table:
    """Add ``offer_basis_points`` and ``reason`` to the logged offers; none is clipped."""
    log = _with_category(typed_offer_log, judged_items)
    inside = log.offer_percent.between(0, 100).fill_null(False)
    believable = log.propensity.between(0, 1).fill_null(True)
    broken = _reason((~inside, OFFER_OUTSIDE), (~believable, PROPENSITY_OUTSIDE))
    return log.mutate(
        offer_basis_points=_cents(log.offer_percent), reason=ibis.coalesce(log.reason, broken)
    )


def _with_category(lines: Table, judged_items: Table) -> Table:
    """Add each line's item's ``category``, and ``reason`` where the item cannot be used."""
    items = judged_items.select(known_item_id="item_id", category="category", item_reason="reason")
    joined = lines.left_join(items, lines.item_id == items.known_item_id)
    unknown = joined.known_item_id.isnull()
    return joined.mutate(
        reason=ibis.coalesce(joined.item_reason, _reason((unknown, UNKNOWN_ITEM)))
    ).drop("known_item_id", "item_reason")


def _broken_rule(lines: Table) -> StringColumn:
    """Return the first rule that each line breaks."""
    amounts = (
        _finite(lines.quantity),
        lines.selling_cents,
        lines.other_discount_cents,
        lines.coupon_discount_cents,
    )
    missing = ibis.or_(*(amount.isnull() for amount in amounts))
    positive = (lines.other_discount_cents > 0) | (lines.coupon_discount_cents > 0)
    return _reason(
        (missing, NOT_A_NUMBER),
        (lines.quantity <= 0, RETURNED),
        (_finite(lines.quantity) % 1 != 0, PART_OF_A_PIECE),
        (lines.selling_cents <= 0, FREE),
        (positive, POSITIVE_DISCOUNT),
        (lines.too_much, TOO_MUCH_DISCOUNT),
        (lines.list_price_cents < 1, UNDER_A_CENT),
        (lines.list_price_cents.isnull() | lines.offer_basis_points.isnull(), TOO_DEAR),
    )


def _with_copy_reason(lines: Table, content: Sequence[str]) -> Table:
    """Set aside all but the first of lines that are alike in every column."""
    copy = lines.row > lines.row.min().over(group_by=list(content))
    return lines.mutate(reason=ibis.coalesce(lines.reason, _reason((copy, COPY))))


def _with_bulk_reason(lines: Table, cleaning: CleaningParameters) -> Table:
    """Set aside quantities far above the median of the category's good lines."""
    usual = (
        lines.filter(lines.reason.isnull())
        .group_by(bulk_category="category")
        .aggregate(usual_quantity=lambda good: good.quantity.median())
    )
    lines = lines.left_join(usual, lines.category == usual.bulk_category)
    own_ratios = cleaning.max_quantity_ratio_by_category
    ratio = (
        lines.category.cases(*own_ratios.items(), else_=cleaning.max_quantity_ratio)
        if own_ratios
        else ibis.literal(cleaning.max_quantity_ratio)
    )
    too_many = _reason((lines.quantity > ratio * lines.usual_quantity, BULK))
    return lines.mutate(reason=ibis.coalesce(lines.reason, too_many)).drop(
        "bulk_category", "usual_quantity"
    )


def _reason(*rules: tuple[BooleanColumn, str]) -> StringColumn:
    return ibis.cases(*rules, else_=ibis.null("string"))


def _finite(value: FloatingColumn, largest: float = LARGEST_NUMBER) -> FloatingColumn:
    return ibis.ifelse(value.abs() <= largest, value, ibis.null("float64"))


def _cents(value: FloatingColumn) -> IntegerColumn:
    return (_finite(value) * CENTS).round().cast("int64")


def _rounded_ratio(numerator: IntegerColumn, denominator: NumericColumn) -> IntegerColumn:
    ratio = numerator.cast("float64") / denominator.cast("float64").nullif(0)
    return _finite(ratio, LARGEST_NUMBER * CENTS).round().cast("int64")
