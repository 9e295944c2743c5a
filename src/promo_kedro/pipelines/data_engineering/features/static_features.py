"""What does not change with time: who the consumer is, what the item is, and target encodings.

Target encodings are cross-fitted: consumers are dealt into folds by a hash of their id, and an
item is described to a consumer by the training steps of the *other* folds only, so that no one's
own purchases come back as a feature.
"""

import ibis
from ibis.expr.types import FloatingValue, IntegerValue, NumericValue, StringValue, Table
from pandas import DataFrame

from promo_kedro.pipelines.data_engineering.history import attach
from promo_kedro.pipelines.data_engineering.panel.panel import purchases
from promo_kedro.pipelines.data_engineering.parameters import EncodingParameters
from promo_kedro.pipelines.data_engineering.whole_numbers import ratio, total

UNKNOWN = "unknown"
# Ids below this prime times the multiplier (2³² over the golden ratio) fit into an int64.
LARGEST_PRIME = 2**31 - 1
MULTIPLIER = 2654435761

CATEGORICAL = {
    "item_id": "The item",
    "category": "The item's category",
    "brand": "The item's brand",
    "brand_type": "The kind of brand",
    "age_range": "Age range of the consumer",
    "marital_status": "Marital status of the consumer",
    "rented": "Whether the consumer rents the home",
    "family_size": "Persons in the consumer's household",
    "no_of_children": "Children in the consumer's household",
    "income_bracket": "Income bracket of the consumer",
}
CONTINUOUS = {
    "age_years": "Middle of the consumer's age range in years; 0: unknown",
    "family_members": "Persons in the household as a number; 0: unknown",
    "children": "Children in the household as a number; 0: none or unknown",
    "income_level": "Income bracket as a number; 0: unknown",
    "item_purchase_rate": (
        "Share of the training cells in which consumers of the other folds bought the item, "
        "shrunk towards their share in the category"
    ),
    "item_price_level": (
        "Log of 1 + the item's mean list price on training receipts of the other folds; 0: none"
    ),
}
OF_THE_ITEM = (
    "item_id",
    "category",
    "brand",
    "brand_type",
    "item_purchase_rate",
    "item_price_level",
)
_DEMOGRAPHICS = (
    "age_range",
    "marital_status",
    "rented",
    "family_size",
    "no_of_children",
    "income_bracket",
)


def fold_of(customer_id: IntegerValue, folds: int) -> IntegerValue:
    """Deal consumers into folds evenly, also where all ids are multiples of some number.

    Multiplicative hashing (Knuth) in whole numbers, so that every engine deals alike: the upper
    half of the product's lowest 32 bits.
    """
    product = (customer_id % LARGEST_PRIME).cast("int64") * MULTIPLIER
    return product % 2**32 // 2**16 % folds


def item_encodings(
    transactions: Table, relevant: Table, calendar: DataFrame, parameters: EncodingParameters
) -> Table:
    """Describe each item to each fold of consumers by the other folds' training purchases.

    Args:
        transactions: Clean receipt lines with their step.
        relevant: Relevant consumer-items by window.
        calendar: Windows, steps and splits.
        parameters: Folds, and the strength of the category's share in cells.

    Returns:
        window, item_id, fold, item_purchase_rate, item_price_level.
    """
    training = calendar.loc[calendar["split"] == "train", ["window", "step"]]
    n_steps = len(training) // training["window"].nunique()
    pairs = relevant.mutate(fold=fold_of(relevant.customer_id, parameters.folds))
    bought = purchases(transactions).inner_join(ibis.memtable(training), "step")
    bought = bought.inner_join(pairs, ["window", "customer_id", "item_id"])
    groups = ("window", "category", "item_id", "fold")
    sums = bought.group_by(*groups).aggregate(
        bought=bought.count(), lines=total(bought.lines), price=total(bought.price)
    )
    cells = pairs.group_by(*groups).aggregate(cells=pairs.count() * n_steps)
    own = attach(cells, sums, *groups).fill_null({"bought": 0, "lines": 0, "price": 0})
    folds = ibis.range(0, parameters.folds).unnest().name("fold").as_table()
    described = own.select("window", "category", "item_id").distinct().cross_join(folds)
    of_item = _other_folds(own, described, "item", "window", "category", "item_id")
    of_category = _other_folds(
        own, described.select("window", "category", "fold").distinct(), "all", "window", "category"
    )
    both = of_item.inner_join(of_category, ["window", "category", "fold"])
    share = ratio(both.all_bought, both.all_cells).fill_null(0.0)
    return both.select(
        "window",
        "item_id",
        "fold",
        item_purchase_rate=(both.item_bought + parameters.prior_cells * share)
        / (both.item_cells + parameters.prior_cells),
        item_price_level=(1 + ratio(both.item_price, 100 * both.item_lines)).ln(),
    )


def _other_folds(own: Table, described: Table, name: str, *keys: str) -> Table:
    """Sum a group over all folds but one, for each fold."""
    columns = ("bought", "lines", "price", "cells")
    everyone = own.group_by(*keys).aggregate(**{f"all_{c}": total(own[c]) for c in columns})
    fold = own.group_by(*keys, "fold").aggregate(**{f"own_{c}": total(own[c]) for c in columns})
    joined = attach(attach(described, everyone, *keys), fold, *keys, "fold")
    others = {f"{name}_{c}": joined[f"all_{c}"] - joined[f"own_{c}"].fill_null(0) for c in columns}
    return joined.select(*keys, "fold", **others)


def static_features(
    relevant: Table, items: Table, consumers: Table, encodings: Table, folds: int
) -> Table:
    """Describe the relevant consumer-items of each window.

    Returns:
        window, customer_id, item_id, category and the features of ``CATEGORICAL`` (text, but for
        ``item_id``) and ``CONTINUOUS`` (float32, never missing).
    """
    pairs = relevant.mutate(fold=fold_of(relevant.customer_id, folds))
    described = attach(pairs, items.select("item_id", "brand", "brand_type"), "item_id")
    described = attach(described, consumers.select("customer_id", *_DEMOGRAPHICS), "customer_id")
    described = attach(described, encodings, "window", "item_id", "fold")
    texts = {
        name: described[name].cast("string").fill_null(UNKNOWN)
        for name in ("brand", "brand_type", *_DEMOGRAPHICS)
    }
    numbers = {
        "age_years": middle_of(described.age_range),
        "family_members": middle_of(described.family_size),
        "children": middle_of(described.no_of_children),
        "income_level": middle_of(described.income_bracket),
        "item_purchase_rate": described.item_purchase_rate,
        "item_price_level": described.item_price_level,
    }
    return described.select(
        "window",
        "customer_id",
        "item_id",
        "category",
        **texts,
        **{name: as_feature(number) for name, number in numbers.items()},
    )


def middle_of(text: StringValue) -> FloatingValue:
    """Return the middle of a range of numbers written as text: 46-55 is 50.5, 70+ is 70."""
    low = text.cast("string").re_extract(r"^\s*(\d+)", 1).nullif("").cast("float64")
    high = text.cast("string").re_extract(r"-\s*(\d+)", 1).nullif("").cast("float64")
    return (low + ibis.coalesce(high, low)) / 2


def as_feature(number: NumericValue) -> FloatingValue:
    """Return a number as a network takes it: float32, 0 where there is none."""
    return number.cast("float64").fill_null(0.0).cast("float32")
