"""Gradient-boosted trees (LightGBM): a baseline, and a member of the stack where wanted.

A row is a cell: a consumer-item in one step, with its static and that step's temporal features.
What came before reaches the trees through the lagged and profile features alone.

No copy of all cells as numbers is made, but LightGBM holds their bins in memory whatever
``compute.memory_gb`` says, laid out by row and by column: with gradients and indices, about 3.5
bytes per cell and feature (measured: 216 bytes per cell of 60 features).
"""

import logging
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from torch import Tensor

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.parameters import TreesParameters
from promo_kedro.pipelines.modelling.training import Lesson
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 65_536
ROUNDS_PER_DRAW = 5  # rounds that learn from the same draw of cells: drawing takes its time too
UNSTOPPED_SHARE = 0.25  # of the rounds allowed, where no validation step can say when to stop


@dataclass(frozen=True)
class Cells:
    """Chosen cells as rows of numbers, built a stretch at a time: no copy of all of them exists.

    The columns are the static categorical, temporal categorical, static continuous and temporal
    continuous features. LightGBM reads rows one by one to find its bins and in stretches of
    ``batch_size`` to fill them, always forward; the last stretch built is kept for the former.

    Attributes:
        inputs: The four tensors.
        rows, steps: (m,) which consumer-item and which step each cell is.
        batch_size: Rows that LightGBM asks at once.
    """

    inputs: Inputs
    rows: Array
    steps: Array
    batch_size: int = 4096
    _kept: dict[int, Array] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: Any) -> Array:
        """Return one row (features,) or some rows (k, features)."""
        if not isinstance(at, (int, np.integer)):
            return self._built(at)
        stretch, place = divmod(int(at), self.batch_size)
        if stretch not in self._kept:
            self._kept.clear()
            start = stretch * self.batch_size
            self._kept[stretch] = self._built(slice(start, start + self.batch_size))
        row: Array = self._kept[stretch][place].astype(np.float64)  # LightGBM takes no less here
        return row

    def _built(self, at: Any) -> Array:
        rows, steps, inputs = self.rows[at], self.steps[at], self.inputs
        parts = [
            inputs.static_categorical.numpy()[rows],
            inputs.temporal_categorical.numpy()[rows, steps],
            inputs.static_continuous.numpy()[rows],
            inputs.temporal_continuous.numpy()[rows, steps],
        ]
        return np.concatenate([part.astype(np.float32, copy=False) for part in parts], axis=1)


class Trees:
    """Fitted trees, which answer as a network does.

    Whether just fitted or restored, they are built from LightGBM's own text form, so that both
    give the same numbers to the last bit.
    """

    def __init__(self, text: str, threads: int | None = None) -> None:
        self.text = text
        self.threads = threads
        self._booster = load_lightgbm().Booster(model_str=text)

    @property
    def rounds(self) -> int:
        """Number of trees."""
        return int(self._booster.num_trees())

    def logits(self, inputs: Inputs, last: int) -> Array:
        """Return raw logits (n, last) of the last steps, in double precision."""
        count, length = inputs.temporal_continuous.shape[:2]
        rows = np.repeat(np.arange(count), last)
        steps = np.tile(np.arange(length - last, length), count)
        cells = Cells(inputs, rows, steps)
        parts = [self._predict(cells[at]) for at in stretches(len(cells))]
        return np.concatenate([np.empty(0), *parts]).reshape(count, last)

    def at_last_step(self, inputs: Inputs, places: list[int], values: list[float]) -> Array:
        """Return raw logits (n, values) of the last step, each value put in place of its own.

        Args:
            inputs: The four tensors.
            places: The temporal continuous features that take the value.
            values: What they take.
        """
        count, length, continuous = inputs.temporal_continuous.shape
        cells = Cells(inputs, np.arange(count), np.full(count, length - 1))
        answers = np.empty((count, len(values)))
        for at in stretches(count):
            asked = cells[at]
            columns = [asked.shape[1] - continuous + place for place in places]
            for number, value in enumerate(values):
                asked[:, columns] = value
                answers[at, number] = self._predict(asked)
        return answers

    def to_array(self) -> Array:
        """Return the trees as bytes (uint8), to be kept beside a network's weights."""
        return np.frombuffer(self.text.encode(), dtype=np.uint8).copy()

    @classmethod
    def from_array(cls, array: Array, threads: int | None = None) -> "Trees":
        """Restore trees from ``to_array``."""
        return cls(array.astype(np.uint8, copy=False).tobytes().decode(), threads)

    def _predict(self, rows: Array) -> Array:
        threads = self.threads or 0
        answer = self._booster.predict(rows, raw_score=True, num_threads=threads)
        return np.asarray(answer, dtype=np.float64)


def fit_trees(lesson: Lesson, parameters: TreesParameters, threads: int | None, seed: int) -> Trees:
    """Fit trees to the cells that count, and stop by the deciders' validation step.

    Where all deciders do the same in the validation step, nothing can say when to stop, and a
    quarter of the rounds allowed are made.

    Args:
        lesson: What there is to learn.
        parameters: Size, pace and restraint of the trees.
        threads: CPU threads; None for all that may be used. The trees do not depend on it.
        seed: What picks the rows and features of each round.

    Raises:
        InputError: LightGBM cannot start for want of a system library.
    """
    lightgbm = load_lightgbm()
    lightgbm.Sequence.register(Cells)
    begin = perf_counter()
    train = _dataset(lesson, *counted_cells(lesson))
    deciders = lesson.deciders.numpy()
    steps = np.full(len(deciders), lesson.validation_step)
    watched = _dataset(lesson, deciders, steps, train)
    can_stop = len(np.unique(watched.label)) == 2
    rounds = parameters.rounds if can_stop else max(1, int(UNSTOPPED_SHARE * parameters.rounds))
    patience = lightgbm.early_stopping(parameters.stop_patience, verbose=False)
    booster = lightgbm.train(
        _settings(parameters, threads, seed),
        train,
        num_boost_round=rounds,
        valid_sets=[watched] if can_stop else None,
        callbacks=[patience] if can_stop else None,
    )
    trees = Trees(booster.model_to_string(num_iteration=booster.best_iteration or -1), threads)
    logger.info(
        "%s: trees, %d rounds%s, %.1f s",
        lesson.name,
        trees.rounds,
        "" if can_stop else " (all deciders did the same: nothing could say when to stop)",
        perf_counter() - begin,
    )
    return trees


def counted_cells(lesson: Lesson) -> tuple[Array, Array]:
    """Return consumer-items (int32) and steps (int16) of the training cells that count, (m,)."""
    counted = lesson.counted.numpy()
    rows, steps = [np.empty(0, np.int32)], [np.empty(0, np.int16)]
    for at in stretches(len(counted)):
        its_rows, its_steps = np.nonzero(counted[at] > 0)
        rows.append((its_rows + at.start).astype(np.int32))
        steps.append(its_steps.astype(np.int16))
    return np.concatenate(rows), np.concatenate(steps)


def load_lightgbm() -> Any:
    """Import LightGBM.

    Raises:
        InputError: The OpenMP library that it needs is not on this machine.
    """
    try:
        import lightgbm
    except OSError as error:
        raise InputError(
            f"LightGBM cannot start: {error}. Install the system library libgomp1 (Debian and "
            "Ubuntu: `apt-get install libgomp1`; macOS: `brew install libomp`), or leave out "
            "lightgbm from modelling.baselines.models and set modelling.stacking.with_trees: false."
        ) from error
    return lightgbm


def _dataset(lesson: Lesson, rows: Array, steps: Array, like: Any = None) -> Any:
    """Return cells and their targets as LightGBM takes them, in the bins of ``like``."""
    return load_lightgbm().Dataset(
        Cells(lesson.inputs, rows, steps),
        label=_targets(lesson.purchased, rows, steps),
        categorical_feature=list(range(_categoricals(lesson.inputs))),
        reference=like,
        params={"verbosity": -1},
    )


def _targets(purchased: Tensor, rows: Array, steps: Array) -> Array:
    targets: Array = purchased.numpy()[rows, steps]
    return targets


def _categoricals(inputs: Inputs) -> int:
    return inputs.static_categorical.shape[-1] + inputs.temporal_categorical.shape[-1]


def _settings(parameters: TreesParameters, threads: int | None, seed: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        "learning_rate": parameters.learning_rate,
        "num_leaves": parameters.leaves,
        "min_data_in_leaf": parameters.min_rows_in_leaf,
        "feature_fraction": parameters.feature_share,
        "bagging_fraction": parameters.row_share,
        "bagging_freq": ROUNDS_PER_DRAW,
        "lambda_l2": parameters.l2,
        "cat_smooth": parameters.level_smoothing,
        "num_threads": threads or 0,
        "seed": seed % 2**31,  # LightGBM's seeds are 32-bit
        "deterministic": True,
        "force_row_wise": True,  # else it times both layouts, and sums differ between them
        "verbosity": -1,
    }


def stretches(count: int) -> list[slice]:
    """Part so many rows into stretches that fit in memory."""
    return [slice(at, min(at + ROWS_AT_ONCE, count)) for at in range(0, count, ROWS_AT_ONCE)]
