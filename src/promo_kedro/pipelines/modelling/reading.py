"""The table ``features`` read into arrays, a batch at a time.

What a category needs beyond ``compute.memory_gb`` lies in unnamed temporary files that the
operating system pages in and out, so that memory holds little more than the batch in use.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from tempfile import TemporaryFile

import ibis
import numpy as np
import pyarrow as pa

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.tensors import Categorical, ConsumerItems, FeatureGroups
from promo_kedro.types import Array, Table

logger = logging.getLogger(__name__)

KEYS = ["customer_id", "item_id", "step"]
ROWS_PER_BATCH = 100_000
BYTES_PER_CELL = 4


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
    memory_gb: float = np.inf,
) -> ConsumerItems:
    """Read one category of one window, streamed so that memory holds little beside the arrays.

    Args:
        features: The Ibis table; only this window and category are read.
        groups: Which features go into which tensor.
        window: Window number.
        category: Category name.
        history: Read only so many steps up to (and with) the first step that is scored; all when
            empty.
        memory_gb: Larger arrays than this, together, are kept on disk.

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
    static.read(keep_keys=["customer_id", "item_id"])
    names = ["purchased", *groups.temporal_continuous]
    moving = _Columns(part, groups.temporal_categorical, names, category)
    on_disk = moving.gigabytes() > memory_gb
    if on_disk:
        logger.info("%s: %.1f GB of features are kept on disk", category, moving.gigabytes())
    moving.read(on_disk=on_disk, refuse=_other_keys(static.keys, steps))
    count, length = len(static.keys["customer_id"]), len(steps)
    if len(moving) != count * length:
        raise _not_every_step(len(moving), count, length, category)
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
        on_disk=on_disk,
    )


def room_for(shape: tuple[int, ...], dtype: type, on_disk: bool) -> Array:
    """Return an array to be filled, in memory or in a file that vanishes with it."""
    if not on_disk or 0 in shape:
        return np.empty(shape, dtype)
    with TemporaryFile() as file:
        return np.memmap(file, dtype, mode="w+", shape=shape)


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

    def __post_init__(self) -> None:
        self.rows = int(self.table.count().execute())

    def __len__(self) -> int:
        return self.rows

    def gigabytes(self) -> float:
        columns = len(self.categorical_names) + len(self.continuous_names)
        return self.rows * columns * BYTES_PER_CELL / 1e9

    def read(
        self,
        keep_keys: list[str] | None = None,
        on_disk: bool = False,
        refuse: Callable[[slice, pa.RecordBatch], bool] | None = None,
    ) -> None:
        """Fill the arrays; ``refuse`` says whether a batch does not hold the rows it should."""
        self.keys = {name: np.empty(self.rows, np.int64) for name in keep_keys or []}
        self.levels = {name: {} for name in self.categorical_names}
        self.codes = {
            name: room_for((self.rows,), np.int32, on_disk) for name in self.categorical_names
        }
        shape = (self.rows, len(self.continuous_names))
        self.continuous = room_for(shape, np.float32, on_disk)
        faults = dict.fromkeys(self.continuous_names, 0)
        for at, batch in self._batches():
            if refuse and refuse(at, batch):
                raise _not_every_step(self.rows, None, None, self.category)
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

    def _batches(self) -> Iterator[tuple[slice, pa.RecordBatch]]:
        """Yield batches in the order of the keys, each with the rows that it fills."""
        text = {name: self.table[name].cast("string") for name in self.categorical_names}
        names = dict.fromkeys([*KEYS, *self.categorical_names, *self.continuous_names])
        ordered = self.table.order_by([ibis.asc(key) for key in KEYS])
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


def _other_keys(static: dict[str, Array], steps: Array) -> Callable[[slice, pa.RecordBatch], bool]:
    """Return a check that rows go through the consumer-items, and through the steps of each."""
    count, length = len(static["customer_id"]), len(steps)

    def differs(at: slice, batch: pa.RecordBatch) -> bool:
        consumer_item, step = np.divmod(np.arange(at.start, at.stop), length)
        if at.stop > count * length:
            return True
        expected = {
            "customer_id": static["customer_id"][consumer_item],
            "item_id": static["item_id"][consumer_item],
            "step": steps[step],
        }
        return any(
            not np.array_equal(batch[key].to_numpy(zero_copy_only=False), values)
            for key, values in expected.items()
        )

    return differs


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


def _not_every_step(rows: int, count: int | None, length: int | None, category: str) -> InputError:
    """Say that a consumer-item lacks a step or has it twice."""
    needed = "each consumer-item and step"
    if count is not None:
        needed = f"each of {count} consumer-items and {length} steps"
    return InputError(
        f"features, category {category!r}: {rows} rows are not one row for {needed}. "
        "Run `kedro run --pipeline=data_engineering` to make them anew."
    )


def _checked_purchases(purchased: Array, splits: Array, category: str) -> Array:
    """Refuse an empty or other than 0/1 target outside ``next``; return it apart from the cube."""
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
