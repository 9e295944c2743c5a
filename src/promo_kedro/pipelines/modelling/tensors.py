"""The table ``features`` as arrays of shape (consumer-items, steps, features)."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import ibis
import numpy as np
import pyarrow as pa

from promo_kedro.errors import InputError
from promo_kedro.types import Array, Table

logger = logging.getLogger(__name__)

KEYS = ["customer_id", "item_id", "step"]
ROWS_PER_BATCH = 100_000


@dataclass(frozen=True)
class FeatureGroups:
    """Names of the features in each of the four tensors of Figure 1."""

    static_categorical: list[str]
    temporal_categorical: list[str]
    static_continuous: list[str]
    temporal_continuous: list[str]
    offer_inputs: list[str]

    @classmethod
    def from_json(cls, groups: dict[str, Any]) -> Self:
        """Read ``feature_groups``.

        Raises:
            InputError: A group is missing, a feature stands in two groups, or an offer input is
                no temporal continuous feature.
        """
        names = [item.name for item in fields(cls)]
        missing = [name for name in names if name not in groups]
        if missing:
            raise InputError(
                f"feature_groups lacks {', '.join(missing)}; "
                "run `kedro run --pipeline=data_engineering` to write it anew."
            )
        made = cls(**{name: list(groups[name]) for name in names})
        twice = sorted({name for name in made.all_features if made.all_features.count(name) > 1})
        if twice:
            raise InputError(f"feature_groups names {twice[0]!r} twice: a feature has one group.")
        strangers = [name for name in made.offer_inputs if name not in made.temporal_continuous]
        if strangers:
            raise InputError(
                f"feature_groups: the offer input {strangers[0]!r} is not among "
                "temporal_continuous; an offer changes with the step and is a number."
            )
        return made

    @property
    def all_features(self) -> list[str]:
        """Every feature, group by group."""
        return (
            self.static_categorical
            + self.temporal_categorical
            + self.static_continuous
            + self.temporal_continuous
        )

    def check_columns(self, features: Table) -> None:
        """Raise an ``InputError`` that lists every feature without a column in ``features``."""
        needed = ["window", "category", *KEYS, "split", "purchased", *self.all_features]
        missing = [name for name in dict.fromkeys(needed) if name not in features.columns]
        if missing:
            raise InputError(
                f"features lacks {len(missing)} column(s): {', '.join(missing)}. "
                "Run `kedro run --pipeline=data_engineering` to make it anew."
            )


@dataclass(frozen=True)
class Categorical:
    """A categorical feature: ``levels[codes]``; a code of -1 stands for an empty cell."""

    codes: Array
    levels: list[str]


@dataclass(frozen=True)
class ConsumerItems:
    """Consumer-items of one window as arrays; n consumer-items, S steps.

    Attributes:
        customer_id, item_id: (n,) int64, sorted by both.
        category: (n,) text.
        steps, splits: (S,) step numbers and what each step is for.
        purchased: (n, S) float32, 0 or 1, NaN in ``next``.
        static_categorical: Feature to codes (n,).
        temporal_categorical: Feature to codes (n, S).
        static_continuous: (n, features) float32.
        temporal_continuous: (n, S, features) float32.
    """

    customer_id: Array
    item_id: Array
    category: Array
    steps: Array
    splits: Array
    purchased: Array
    static_categorical: dict[str, Categorical]
    temporal_categorical: dict[str, Categorical]
    static_continuous: Array
    temporal_continuous: Array

    def __len__(self) -> int:
        return len(self.customer_id)

    def positions(self, *splits: str) -> Array:
        """Return where along the step axis the steps of these splits lie."""
        return np.flatnonzero(np.isin(self.splits, splits))

    def positives(self, split: str) -> int:
        """Count the purchases in a split."""
        return int(np.nansum(self.purchased[:, self.positions(split)]))

    def take(self, rows: Array) -> "ConsumerItems":
        """Return some of the consumer-items."""

        def chosen(columns: dict[str, Categorical]) -> dict[str, Categorical]:
            return {k: Categorical(c.codes[rows], c.levels) for k, c in columns.items()}

        return replace(
            self,
            customer_id=self.customer_id[rows],
            item_id=self.item_id[rows],
            category=self.category[rows],
            purchased=self.purchased[rows],
            static_categorical=chosen(self.static_categorical),
            temporal_categorical=chosen(self.temporal_categorical),
            static_continuous=self.static_continuous[rows],
            temporal_continuous=self.temporal_continuous[rows],
        )


def windows_and_categories(features: Table) -> dict[int, list[str]]:
    """Return the windows in ``features`` and the categories in each, both sorted.

    Raises:
        InputError: The table has no rows.
    """
    pairs = features.select("window", "category").distinct().to_pandas()
    if pairs.empty:
        raise InputError(
            "features has no rows: no consumer-item is relevant in any window. "
            "Check `min_orders` and the dates of the transactions."
        )
    groups = pairs.groupby("window")["category"]
    return {int(window): sorted(map(str, names)) for window, names in groups}


def read_consumer_items(
    features: Table,
    groups: FeatureGroups,
    window: int,
    category: str,
    *,
    history: int | None = None,
) -> ConsumerItems:
    """Read one category of one window, streamed so that memory holds little beside the arrays.

    Args:
        features: The Ibis table; only this window and category are read.
        groups: Which features go into which tensor.
        window: Window number.
        category: Category name.
        history: Read only so many steps up to (and with) the first step that is scored; all when
            empty.

    Raises:
        InputError: A feature is not finite, or a consumer-item lacks a step.
    """
    part = features.filter((features.window == window) & (features.category == category))
    steps, splits = _calendar(part, category)
    if history is not None:
        first_scored = int(np.flatnonzero(splits != "train")[0])
        kept = slice(max(0, first_scored - history + 1), None)
        steps, splits = steps[kept], splits[kept]
        part = part.filter(part.step >= int(steps[0]))

    still = part.filter(part.step == int(steps[0]))
    static = _Columns(still, groups.static_categorical, groups.static_continuous, category)
    static.read(["customer_id", "item_id"])
    moving = _Columns(
        part, groups.temporal_categorical, ["purchased", *groups.temporal_continuous], category
    )
    moving.read(KEYS)
    count, length = len(static.keys["customer_id"]), len(steps)
    _check_every_step(static.keys, moving.keys, steps, category)
    cube = moving.continuous.reshape(count, length, -1)
    return ConsumerItems(
        customer_id=static.keys["customer_id"],
        item_id=static.keys["item_id"],
        category=np.full(count, category, dtype=object),
        steps=steps,
        splits=splits,
        purchased=_checked_purchases(cube[:, :, 0], splits, category),
        static_categorical=static.categoricals(),
        temporal_categorical=moving.categoricals((count, length)),
        static_continuous=static.continuous,
        temporal_continuous=cube[:, :, 1:],
    )


def pool(parts: list[ConsumerItems]) -> ConsumerItems:
    """Join consumer-items of several categories of one window; levels are united by name."""

    def joined(columns: list[dict[str, Categorical]]) -> dict[str, Categorical]:
        return {name: _unite([part[name] for part in columns]) for name in columns[0]}

    def stacked(name: str) -> Array:
        return np.concatenate([getattr(part, name) for part in parts])

    return replace(
        parts[0],
        customer_id=stacked("customer_id"),
        item_id=stacked("item_id"),
        category=stacked("category"),
        purchased=stacked("purchased"),
        static_categorical=joined([part.static_categorical for part in parts]),
        temporal_categorical=joined([part.temporal_categorical for part in parts]),
        static_continuous=stacked("static_continuous"),
        temporal_continuous=stacked("temporal_continuous"),
    )


def with_category(items: ConsumerItems) -> ConsumerItems:
    """Add the category itself as a static categorical feature, for the pooled model."""
    levels, codes = np.unique(items.category.astype(str), return_inverse=True)
    category = Categorical(codes.astype(np.int32), levels.tolist())
    return replace(items, static_categorical={**items.static_categorical, "category": category})


@dataclass
class _Columns:
    """Columns of a table, filled batch by batch into arrays allocated once."""

    table: Table
    categorical_names: list[str]
    continuous_names: list[str]
    category: str
    keys: dict[str, Array] = field(default_factory=dict)
    levels: dict[str, dict[str | None, int]] = field(default_factory=dict)
    codes: dict[str, Array] = field(default_factory=dict)
    continuous: Array = field(default_factory=lambda: np.empty((0, 0), np.float32))

    def read(self, keys: list[str]) -> None:
        rows = int(self.table.count().execute())
        self.keys = {name: np.empty(rows, np.int64) for name in keys}
        self.levels = {name: {} for name in self.categorical_names}
        self.codes = {name: np.empty(rows, np.int32) for name in self.categorical_names}
        self.continuous = np.empty((rows, len(self.continuous_names)), np.float32)
        faults = dict.fromkeys(self.continuous_names, 0)
        for at, batch in self._batches(keys):
            for name, key in self.keys.items():
                key[at] = batch[name].to_numpy(zero_copy_only=False)
            for name in self.categorical_names:
                self.codes[name][at] = _codes(batch[name], self.levels[name])
            for index, name in enumerate(self.continuous_names):
                values = batch[name].cast(pa.float32()).to_numpy(zero_copy_only=False)
                self.continuous[at, index] = values
                faults[name] += int((~np.isfinite(values)).sum())
        faults.pop("purchased", None)
        _refuse_faults({name: count for name, count in faults.items() if count}, self.category)

    def _batches(self, keys: list[str]) -> Iterator[tuple[slice, pa.RecordBatch]]:
        """Yield batches in the order of the keys, each with the rows that it fills."""
        text = {name: self.table[name].cast("string") for name in self.categorical_names}
        names = dict.fromkeys([*keys, *self.categorical_names, *self.continuous_names])
        ordered = self.table.order_by([ibis.asc(key) for key in keys])
        ordered = ordered.mutate(**text).select(*names)
        start = 0
        for batch in ordered.to_pyarrow_batches(chunk_size=ROWS_PER_BATCH):
            yield slice(start, start + len(batch)), batch
            start += len(batch)

    def categoricals(self, shape: tuple[int, int] | None = None) -> dict[str, Categorical]:
        return {
            name: Categorical(
                codes if shape is None else codes.reshape(shape),
                [str(level) for level in self.levels[name]],
            )
            for name, codes in self.codes.items()
        }


def _codes(column: pa.Array, levels: dict[str | None, int]) -> Array:
    """Return codes of a text column, adding levels not met before; an empty cell is -1."""
    encoded = column.dictionary_encode()
    known = [levels.setdefault(level, len(levels)) for level in encoded.dictionary.to_pylist()]
    codes = np.asarray([*known, -1], dtype=np.int32)
    return codes[encoded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)]


def _unite(columns: list[Categorical]) -> Categorical:
    """Join codes whose level lists differ."""
    levels: dict[str, int] = {}
    united = []
    for column in columns:
        table = [levels.setdefault(level, len(levels)) for level in column.levels]
        united.append(np.asarray([*table, -1], dtype=np.int32)[column.codes])
    return Categorical(np.concatenate(united), list(levels))


def _calendar(part: Table, category: str) -> tuple[Array, Array]:
    """Return the steps and their splits."""
    calendar = part.select("step", "split").distinct().order_by("step").to_pandas()
    steps, splits = calendar["step"].to_numpy(np.int64), calendar["split"].to_numpy(object)
    if len(np.unique(steps)) < len(steps) or (np.diff(steps) != 1).any():
        raise InputError(
            f"features, category {category!r}: steps are not consecutive with one split each "
            f"({len(steps)} step-split pairs from {steps[0]} to {steps[-1]}). "
            "Run `kedro run --pipeline=data_engineering` to make them anew."
        )
    absent = [split for split in ("train", "validation") if split not in splits]
    if absent:
        raise InputError(
            f"features, category {category!r}: no {' and no '.join(absent)} step; "
            "a window needs both to train and to stop training."
        )
    return steps, splits


def _check_every_step(
    static: dict[str, Array], moving: dict[str, Array], steps: Array, category: str
) -> None:
    """Refuse a category in which a consumer-item lacks a step or has it twice."""
    count, length = len(static["customer_id"]), len(steps)
    whole = len(moving["step"]) == count * length and all(
        np.array_equal(moving[key].reshape(count, length), expected)
        for key, expected in {
            "step": np.broadcast_to(steps, (count, length)),
            "customer_id": np.broadcast_to(static["customer_id"][:, None], (count, length)),
            "item_id": np.broadcast_to(static["item_id"][:, None], (count, length)),
        }.items()
    )
    if not whole:
        raise InputError(
            f"features, category {category!r}: {len(moving['step'])} rows are not one row for "
            f"each of {count} consumer-items and {length} steps. "
            "Run `kedro run --pipeline=data_engineering` to make them anew."
        )


def _checked_purchases(purchased: Array, splits: Array, category: str) -> Array:
    """Refuse an empty or other than 0/1 target outside ``next``; copy, so the cube is freed."""
    known = purchased[:, splits != "next"]
    wrong = int((~np.isin(known, (0.0, 1.0))).sum())
    if wrong:
        raise InputError(
            f"features, category {category!r}, column purchased: {wrong} cells before `next` are "
            "empty or neither 0 nor 1."
        )
    return purchased.copy()


def _refuse_faults(faults: dict[str, int], category: str) -> None:
    if faults:
        listed = ", ".join(f"{name} ({count})" for name, count in faults.items())
        raise InputError(
            f"features, category {category!r}: empty or infinite cells in {listed}. A missing "
            "number must be 0 with a flag or a stated stand-in before it reaches the model."
        )
