"""Consumer-items as arrays of shape (consumer-items, steps, features)."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.scaling import Scaler
from promo_kedro.types import Array, Table

KEYS = ["customer_id", "item_id", "step"]


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

    def rows(self, rows: Array | slice) -> "Categorical":
        """Return the feature of some consumer-items."""
        return Categorical(self.codes[rows], self.levels)


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
        on_disk: Whether the large arrays are mapped from files.
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
    on_disk: bool = False

    def __len__(self) -> int:
        return len(self.customer_id)

    @property
    def gigabytes(self) -> float:
        """Memory of the temporal features, which is nearly all there is."""
        codes = sum(column.codes.nbytes for column in self.temporal_categorical.values())
        return 0.0 if self.on_disk else (self.temporal_continuous.nbytes + codes) / 1e9

    @cached_property
    def scalers(self) -> tuple[Scaler, Scaler]:
        """Scales of the static and temporal continuous features, the same for every recipe."""
        temporal = Scaler.fit(self.temporal_continuous, self.positions("train"))
        return Scaler.fit(self.static_continuous), temporal

    def categorical(self, name: str) -> Categorical:
        """Return a categorical feature, static or temporal."""
        return self.static_categorical.get(name) or self.temporal_categorical[name]

    def positions(self, *splits: str) -> Array:
        """Return where along the step axis the steps of these splits lie."""
        return np.flatnonzero(np.isin(self.splits, splits))

    def positives(self, split: str) -> int:
        """Count the purchases in a split."""
        return int(np.nansum(self.purchased[:, self.positions(split)]))

    def take(self, rows: Array) -> "ConsumerItems":
        """Return some of the consumer-items."""

        def chosen(columns: dict[str, Categorical]) -> dict[str, Categorical]:
            return {name: column.rows(rows) for name, column in columns.items()}

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
            on_disk=False,
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
        on_disk=False,
    )


def with_category(items: ConsumerItems) -> ConsumerItems:
    """Add the category itself as a static categorical feature."""
    levels, codes = np.unique(items.category.astype(str), return_inverse=True)
    category = Categorical(codes.astype(np.int32), levels.tolist())
    return replace(items, static_categorical={**items.static_categorical, "category": category})


def _unite(columns: list[Categorical]) -> Categorical:
    """Join codes whose level lists differ."""
    levels: dict[str, int] = {}
    united = []
    for column in columns:
        table = [levels.setdefault(level, len(levels)) for level in column.levels]
        united.append(np.asarray([*table, -1], dtype=np.int32)[column.codes])
    return Categorical(np.concatenate(united), list(levels))
