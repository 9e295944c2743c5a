"""A small shop whose purchases are pure chance, as clean tables, and the way to its features."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Self

import ibis
import numpy as np
import pandas as pd

from promo_kedro.pipelines.data_engineering.features import nodes as feature_nodes
from promo_kedro.pipelines.data_engineering.features.static_features import LARGEST_PRIME
from promo_kedro.pipelines.data_engineering.panel import nodes as panel_nodes
from promo_kedro.pipelines.data_engineering.parameters import (
    DataEngineeringParameters,
    LagWindow,
    PanelParameters,
)

N_STEPS = 12
FIRST_DAY = date(2020, 1, 6)
PARAMETERS = DataEngineeringParameters(
    panel=PanelParameters(
        training_steps=6,
        windows=2,
        history_steps=3,
        lag_windows=[
            LagWindow(steps=2, statistics=["mean", "variance"]),
            LagWindow(steps=5, statistics=["mean", "median", "variance", "skewness", "kurtosis"]),
        ],
    )
)
CELL = ["customer_id", "item_id", "step"]
TRANSACTION_TYPES = {
    "row": "int64",
    "date": "date",
    "step": "int64",
    "customer_id": "int64",
    "item_id": "int64",
    "quantity": "int64",
    "selling_price": "float64",
    "other_discount": "float64",
    "coupon_discount": "float64",
    "list_price": "float64",
    "offer_percent": "float64",
    "basket_id": "int64",
    "cart_position": "int64",
}
OFFER_TYPES = {
    "customer_id": "int64",
    "item_id": "int64",
    "step": "int64",
    "offer_percent": "float64",
}


def day_of(step: int, day: int = 0) -> date:
    return FIRST_DAY + timedelta(days=14 * step + day)


def transactions_of(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Complete receipt lines of which only the interesting columns are written down."""
    defaults = {"quantity": 1, "list_price": 10.0, "offer_percent": 0.0, "day": 13}
    lines = pd.DataFrame([defaults | row for row in rows])
    lines["row"] = np.arange(1, len(lines) + 1)
    lines["date"] = [
        day_of(step, day) for step, day in zip(lines["step"], lines["day"], strict=True)
    ]
    full = lines["list_price"] * lines["quantity"]
    lines["other_discount"] = (-full * lines["offer_percent"] / 100).round(2)
    lines["selling_price"] = full + lines["other_discount"]
    lines["coupon_discount"] = 0.0
    for optional in ("basket_id", "cart_position"):
        if optional not in lines:
            lines[optional] = None
    return lines[list(TRANSACTION_TYPES)]


@dataclass(frozen=True)
class Shop:
    """The clean tables."""

    transactions: pd.DataFrame
    items: pd.DataFrame
    consumers: pd.DataFrame
    campaigns: pd.DataFrame
    coupon_items: pd.DataFrame
    issued_coupons: pd.DataFrame
    offers: pd.DataFrame

    def without(self, deleted: pd.Series) -> Self:
        """Return the same shop, had some receipt lines never been printed."""
        assert deleted.any(), "nothing to delete: the test would show nothing"
        return replace(self, transactions=self.transactions[~deleted])

    def table(self, name: str) -> ibis.Table:
        types = {"transactions": TRANSACTION_TYPES, "offers": OFFER_TYPES}.get(name)
        frame = getattr(self, name)
        return ibis.memtable(frame, schema=types) if types else ibis.memtable(frame)


TABLES = [field.name for field in fields(Shop)]


def chance_shop(
    seed: int = 7,
    n_consumers: int = 30,
    n_items: int = 8,
    busiest: float = 0.5,
    logged: bool = False,
) -> Shop:
    """Draw a shop in which nothing decides on a purchase but chance.

    Prices and offers differ by item, step and consumer, since personal coupons add to promotions.
    """
    random = np.random.default_rng(seed)
    shape = (n_consumers, n_items, N_STEPS)
    promotion = random.choice([0, 0, 10, 25, 33.33], size=(1, n_items, N_STEPS))
    personal = random.choice([0, 0, 0, 12.5], size=shape)
    offer = np.round(promotion + personal, 2)
    price = np.round(
        np.exp(
            random.normal(1, 0.5, (1, n_items, 1)) + random.normal(0, 0.1, (1, n_items, N_STEPS))
        ),
        2,
    )
    price = np.broadcast_to(price, shape)
    bought = random.random(shape) < random.uniform(0.05, busiest, (1, n_items, 1))
    consumer, item, step = np.nonzero(bought)
    rows = [
        {
            "customer_id": 100 + c,
            "item_id": 1 + i,
            "step": s,
            "quantity": q,
            "list_price": price[c, i, s],
            "offer_percent": offer[c, i, s],
            "day": day,
            "cart_position": position,
        }
        for c, i, s, q, day, position in zip(
            consumer.tolist(),
            item.tolist(),
            step.tolist(),
            random.integers(1, 6, len(step)).tolist(),
            random.integers(0, 14, len(step)).tolist(),
            random.integers(1, 20, len(step)).tolist(),
            strict=True,
        )
    ]
    rows[0] |= {"step": N_STEPS - 1, "day": 13}
    log = pd.DataFrame(
        [(100 + c, 1 + i, s, offer[c, i, s]) for c, i, s in np.ndindex(*shape) if (c + i + s) % 9],
        columns=list(OFFER_TYPES),
    )
    consumers = np.arange(n_consumers) + 100
    return Shop(
        transactions=transactions_of(rows),
        items=pd.DataFrame(
            {
                "item_id": np.arange(n_items) + 1,
                "brand": [str(i % 3) for i in range(n_items)],
                "brand_type": ["Local" if i % 2 else "Established" for i in range(n_items)],
                "category": [
                    "Bakery" if i < n_items // 2 else "Meat, fresh" for i in range(n_items)
                ],
            }
        ),
        consumers=pd.DataFrame(
            {
                "customer_id": consumers,
                "age_range": ["46-55", "70+", None] * (n_consumers // 3),
                "marital_status": ["Married", None, "Single"] * (n_consumers // 3),
                "rented": ["0", "1", None] * (n_consumers // 3),
                "family_size": ["2", "5+", None] * (n_consumers // 3),
                "no_of_children": [None, "3+", None] * (n_consumers // 3),
                "income_bracket": ["4", "12", None] * (n_consumers // 3),
            }
        ),
        campaigns=pd.DataFrame(
            {
                "campaign_id": [1, 2],
                "campaign_type": ["X", "Y"],
                "start_date": [day_of(3, 5), day_of(9, 0)],
                "end_date": [day_of(5, 0), day_of(12, 3)],
            }
        ),
        coupon_items=pd.DataFrame({"coupon_id": [1, 1, 2, 2], "item_id": [1, 2, 2, 5]}),
        issued_coupons=pd.DataFrame(
            {
                "campaign_id": np.where(consumers % 2, 1, 2),
                "coupon_id": np.where(consumers % 3, 1, 2),
                "customer_id": consumers,
            }
        ),
        offers=log if logged else log.iloc[:0],
    )


@dataclass(frozen=True)
class Frozen:
    """What is fitted once: the calendar, the relevant consumer-items and the item encodings."""

    calendar: pd.DataFrame
    relevant: pd.DataFrame
    encodings: pd.DataFrame


def fit(shop: Shop, parameters: DataEngineeringParameters = PARAMETERS) -> Frozen:
    transactions, items = shop.table("transactions"), shop.table("items")
    manifest = {
        "calendar": {"calendar_end": day_of(N_STEPS - 1, 13).isoformat(), "n_steps": N_STEPS},
        "categories": parameters.categories or sorted(set(shop.items["category"])),
    }
    calendar = panel_nodes.build_calendar(manifest, parameters)
    relevant = panel_nodes.find_relevant_consumer_items(
        transactions, items, calendar, manifest, parameters
    )
    encodings = feature_nodes.encode_items(transactions, relevant, calendar, parameters)
    return Frozen(calendar, relevant.to_pandas(), encodings.to_pandas())


def panel_of(
    shop: Shop, frozen: Frozen, parameters: DataEngineeringParameters = PARAMETERS
) -> pd.DataFrame:
    tables = (shop.table(name) for name in ("transactions", "items", "offers"))
    relevant = ibis.memtable(frozen.relevant)
    panel = panel_nodes.build_panel(*tables, relevant, frozen.calendar, parameters)
    return panel.to_pandas().sort_values(CELL).set_index(CELL)


def features_of(
    shop: Shop, frozen: Frozen, parameters: DataEngineeringParameters = PARAMETERS
) -> pd.DataFrame:
    """Run the nodes from the clean tables to the features, in order of window and cell."""
    lines, items, offers = (shop.table(name) for name in ("transactions", "items", "offers"))
    relevant, calendar = ibis.memtable(frozen.relevant), frozen.calendar
    rest = (relevant, calendar, parameters)
    # As the catalog does between nodes: keeps the expressions small.
    panel = panel_nodes.build_panel(lines, items, offers, *rest).cache()
    consumers = feature_nodes.profile_consumers(lines, *rest).cache()
    categories = feature_nodes.profile_consumers_by_category(lines, items, *rest).cache()
    of_items = feature_nodes.profile_items(lines, *rest).cache()
    levels = feature_nodes.find_price_levels(lines, items, *rest).cache()
    coupons = feature_nodes.find_coupons_in_force(
        *(shop.table(name) for name in ("campaigns", "coupon_items", "issued_coupons")),
        relevant,
        calendar,
    ).cache()
    static = feature_nodes.describe_statics(
        relevant, items, shop.table("consumers"), ibis.memtable(frozen.encodings), parameters
    ).cache()
    own = feature_nodes.build_consumer_item_features(
        panel, lines, consumers, levels, calendar, parameters
    ).cache()
    features = feature_nodes.join_features(
        own, consumers, categories, of_items, coupons, static, calendar, parameters
    ).to_pandas()
    keys = ["window", *CELL]
    return features.sort_values(keys).set_index(keys)


def features_of_all(shops: list[Shop], frozen: Frozen) -> list[pd.DataFrame]:
    """Run several shops at once as districts that share no consumer, item, coupon or category."""
    # Ids that are alike but for the prime lie in the same fold.
    offsets = dict.fromkeys(("item_id", "coupon_id", "campaign_id"), 100)
    offsets["customer_id"] = LARGEST_PRIME

    def moved(frame: pd.DataFrame, district: int) -> pd.DataFrame:
        ids = {name: frame[name] + district * by for name, by in offsets.items() if name in frame}
        if "category" in frame:
            ids["category"] = frame["category"] + f" {district}"
        return frame.assign(**ids)

    def stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
        return pd.concat([moved(frame, d) for d, frame in enumerate(frames)], ignore_index=True)

    tables = {name: stacked([getattr(shop, name) for shop in shops]) for name in TABLES}
    fitted = Frozen(
        frozen.calendar,
        stacked([frozen.relevant] * len(shops)),
        stacked([frozen.encodings] * len(shops)),
    )
    found = features_of(Shop(**tables), fitted).reset_index()
    district = found["item_id"] // offsets["item_id"]
    return [
        moved(found[district == d].drop(columns="category"), -d).set_index(["window", *CELL])
        for d in range(len(shops))
    ]


@contextmanager
def engine(threads: int) -> Iterator[None]:
    """Run everything inside on a DuckDB of its own with so many threads."""
    used = ibis.get_backend()
    ibis.set_backend(ibis.duckdb.connect(threads=threads))
    try:
        yield
    finally:
        ibis.set_backend(used)
