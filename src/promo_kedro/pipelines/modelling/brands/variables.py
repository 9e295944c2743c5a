"""From tables to levels: what each variable may be, learnt from training rows alone."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, Tokens
from promo_kedro.schemas.brands import ATTRIBUTES, HISTORY_KINDS
from promo_kedro.types import Array, DataFrame

BEHAVIOUR = [
    "tenure_steps",
    "steps_since_purchase",
    "active_steps",
    "lines_recent",
    "lines_quarter",
    "lines_year",
    "spend_quarter",
    "spend_year",
    "brands_year",
    "categories_year",
    "basket_lines",
    "offer_share_year",
]
VARIABLES = ATTRIBUTES + BEHAVIOUR
BINS = 10
MOST_ITEMS = 5000
STEPS_REMEMBERED = 52
YEAR = 26
UNKNOWN = 0

# Upper ends of all bins but the last, which is open.
BOUGHT_UP_TO = np.array([1, 2, 4, 8, 16])
SINCE_UP_TO = np.array([1, 2, 4, 8, 16, 26])
LEVELS = (len(BOUGHT_UP_TO) + 1) * (len(SINCE_UP_TO) + 1)


@dataclass(frozen=True)
class Encoder:
    """What the models met in training.

    Attributes:
        attributes: Levels of each attribute, sorted; level i is i + 1.
        edges: Inner edges of each behaviour's bins.
        brands: Brands by position; the brand at position p is p + 1 in histories.
        categories: Categories; the one at i is i + 1.
        items: The items most bought; the one at i is i + 1.
        history_steps: How far back histories reach.
    """

    attributes: dict[str, list[str]]
    edges: dict[str, list[float]]
    brands: list[str]
    categories: list[str]
    items: list[str]
    history_steps: int = STEPS_REMEMBERED

    @property
    def variable_sizes(self) -> list[int]:
        """Number of levels of each variable, the unknown one included."""
        sizes = [len(levels) + 1 for levels in self.attributes.values()]
        return sizes + [len(edges) + 2 for edges in self.edges.values()]

    def names(self, kind: str) -> list[str]:
        """Return the vocabulary of ``brand``, ``category`` or ``item``."""
        return {"brand": self.brands, "category": self.categories, "item": self.items}[kind]

    def vocabulary(self) -> DataFrame:
        """Return one row per known name: its kind, and its position."""
        parts = [
            pd.DataFrame({"kind": kind, "name": names, "position": range(1, len(names) + 1)})
            for kind in HISTORY_KINDS
            if (names := self.names(kind))
        ]
        return pd.concat(parts, ignore_index=True)

    def to_card(self) -> dict[str, Any]:
        """Return what `from_card` needs, as JSON has it."""
        return asdict(self)

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> Self:
        """Return the encoder that the card describes."""
        return cls(**card)


def fit_encoder(
    features: DataFrame,
    history: DataFrame,
    brand_list: DataFrame,
    history_steps: int = STEPS_REMEMBERED,
) -> Encoder:
    """Learn levels, bins and vocabularies from training rows.

    Args:
        features: ``brand_features`` of training consumers before training snapshots.
        history: ``brand_history`` of the same.
        brand_list: ``brand_list``; brands keep its positions.
        history_steps: How many steps before a snapshot ``brand_history`` reaches back.
    """
    names = {kind: part["name"] for kind, part in history.groupby("kind")}
    empty = pd.Series(dtype=str)
    return Encoder(
        attributes={name: _levels(features[name]) for name in ATTRIBUTES},
        edges={name: _edges(features[name]) for name in BEHAVIOUR},
        brands=brand_list.sort_values("position")["brand"].astype(str).tolist(),
        categories=sorted(names.get("category", empty).unique().tolist()),
        items=_most_bought(names.get("item", empty), MOST_ITEMS),
        history_steps=history_steps,
    )


def encode(
    features: DataFrame, history: DataFrame, purchases: DataFrame | None, encoder: Encoder
) -> BrandInputs:
    """Turn tables into tensors; rows are sorted by snapshot, then consumer.

    Args:
        features: ``brand_features``, one row per consumer and snapshot.
        history: ``brand_history``; rows of other consumers or snapshots are left out.
        purchases: ``brand_purchases``, likewise; none where they are yet to come.
        encoder: Learnt in training.
    """
    known = encoder.vocabulary()
    places = pd.MultiIndex.from_frame(known[["kind", "name"]])
    found = places.get_indexer(pd.MultiIndex.from_frame(history[["kind", "name"]].astype(str)))
    position = np.append(known["position"].to_numpy(), UNKNOWN)[found]
    kind = pd.Index(HISTORY_KINDS).get_indexer(history["kind"])
    numbered = history.assign(position=position, kind=kind)
    if purchases is not None:
        brand = pd.Index(encoder.brands).get_indexer(purchases["brand"].astype(str))
        purchases = purchases.assign(position=brand + 1)
    return encode_numbered(features, numbered, purchases, encoder)


def encode_numbered(
    features: DataFrame, history: DataFrame, purchases: DataFrame | None, encoder: Encoder
) -> BrandInputs:
    """Do the same with texts that are numbers already.

    ``position`` stands for a name, 0 if it is unknown, and ``kind`` is the place in
    ``HISTORY_KINDS``.
    """
    features = features.sort_values(["snapshot", "customer_id"], ignore_index=True)
    rows = _Rows(features)
    tokens = {
        kind: _tokens(history[history["kind"] == number], rows, len(encoder.names(kind)))
        for number, kind in enumerate(HISTORY_KINDS)
    }
    levels = [_level(features[name], known) for name, known in encoder.attributes.items()]
    levels += [_bin(features[name], edges) for name, edges in encoder.edges.items()]
    # Purchases are shares of these steps: before them there is nothing to count.
    tenure = features["tenure_steps"].clip(upper=encoder.history_steps)
    return BrandInputs(
        customer_id=features["customer_id"].to_numpy(np.int64),
        snapshot=features["snapshot"].to_numpy(np.int64),
        variables=torch.from_numpy(np.stack(levels, axis=1)),
        tenure=torch.from_numpy(tenure.to_numpy(np.float32, copy=True)),
        brands=tokens["brand"],
        categories=tokens["category"],
        items=tokens["item"],
        bought=None if purchases is None else _bought(purchases, rows, len(encoder.brands)),
    )


_COUNTED = ("position", "steps_bought", "steps_bought_year", "steps_since")


def level_of(steps_bought: Array, steps_since: Array) -> Array:
    """Return the bin of frequency and recency, 0 to ``LEVELS`` - 1."""
    often = np.searchsorted(BOUGHT_UP_TO, steps_bought)
    lately = np.searchsorted(SINCE_UP_TO, steps_since)
    return often * (len(SINCE_UP_TO) + 1) + lately


class _Rows:
    """Finds the row of a consumer before a snapshot."""

    def __init__(self, features: DataFrame):
        self.count = len(features)
        self._customers = np.unique(features["customer_id"].to_numpy(np.int64))
        self._snapshots = np.unique(features["snapshot"].to_numpy(np.int64))
        self._codes, _ = self._code(features)

    def of(self, table: DataFrame) -> tuple[Array, Array]:
        """Return the row of each of the table's rows, and whether there is one."""
        codes, known = self._code(table)
        row = np.minimum(np.searchsorted(self._codes, codes), max(self.count - 1, 0))
        return row, known & (self._codes[row] == codes) if self.count else known

    def _code(self, table: DataFrame) -> tuple[Array, Array]:
        customer, one = _place(self._customers, table["customer_id"].to_numpy(np.int64))
        snapshot, other = _place(self._snapshots, table["snapshot"].to_numpy(np.int64))
        return snapshot * max(len(self._customers), 1) + customer, one & other


def _place(known: Array, values: Array) -> tuple[Array, Array]:
    if not len(known):
        return np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=bool)
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return place, known[place] == values


def _tokens(history: DataFrame, rows: _Rows, names: int) -> Tokens:
    """Return the histories row by row, each in the order of names, whatever the table's."""
    row, known = rows.of(history)
    row = row[known]
    name, bought, year, since = (history[column].to_numpy(np.int64)[known] for column in _COUNTED)
    since, base = np.minimum(since, STEPS_REMEMBERED), np.int64(STEPS_REMEMBERED + 1)
    place = row * (names + 1) + name
    for count in (bought, year, since):
        place = place * base + np.minimum(count, STEPS_REMEMBERED)
    order = np.argsort(place, kind="stable")
    name, bought, year, since = name[order], bought[order], year[order], since[order]
    start = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows.count))])
    return Tokens(
        start=torch.from_numpy(start.astype(np.int64)),
        name=torch.from_numpy(name),
        level=torch.from_numpy(level_of(bought, since)),
        steps_bought=torch.from_numpy(bought.astype(np.float32)),
        steps_bought_year=torch.from_numpy(year.astype(np.float32)),
        steps_since=torch.from_numpy(since.astype(np.float32)),
    )


def _bought(purchases: DataFrame, rows: _Rows, brands: int) -> torch.Tensor:
    """Return sorted pairs of row and brand position; brands unknown in training are left out."""
    row, known = rows.of(purchases)
    position = purchases["position"].to_numpy(np.int64)
    known &= position != UNKNOWN
    pairs = np.unique(row[known] * brands + position[known] - 1)
    return torch.from_numpy(np.stack([pairs // max(brands, 1), pairs % max(brands, 1)], axis=1))


def _levels(column: Any) -> list[str]:
    return sorted(column.dropna().astype(str).unique().tolist())


def _edges(column: Any) -> list[float]:
    """Return inner quantiles, each once: a number that many share gets a bin of its own."""
    values = column.dropna().to_numpy(np.float64)
    if not len(values):
        return []
    quantiles = np.quantile(values, np.arange(1, BINS) / BINS, method="inverted_cdf")
    return [float(edge) for edge in np.unique(quantiles)]


def _most_bought(names: Any, limit: int) -> list[str]:
    """Return the names with most rows; among equals the first in the alphabet."""
    counts = names.astype(str).value_counts().rename_axis("name").reset_index(name="rows")
    ordered = counts.sort_values(["rows", "name"], ascending=[False, True])
    return [str(name) for name in ordered["name"].head(limit)]


def _level(column: Any, levels: list[str]) -> Array:
    """Return the level of an attribute; missing and unknown ones are 0."""
    codes, met = pd.factorize(column)
    places = pd.Index(levels, dtype=object).get_indexer(pd.Index(met, dtype=object).astype(str))
    return np.append(places + 1, UNKNOWN)[codes].astype(np.int64)


def _bin(column: Any, edges: list[float]) -> Array:
    """Return the bin of a number, from 1; a missing one is 0."""
    values = column.to_numpy(np.float64, na_value=np.nan)
    bins = np.searchsorted(np.asarray(edges), values, side="left") + 1
    return np.where(np.isnan(values), UNKNOWN, bins).astype(np.int64)
