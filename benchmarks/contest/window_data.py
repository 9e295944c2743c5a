"""One window's consumer-items, read and encoded by the project's own code."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import ibis
import numpy as np

from promo_kedro.pipelines.modelling.encoding import encode
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.lessons import make_lesson
from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.pipelines.modelling.reading import read_consumer_items, windows_and_categories
from promo_kedro.pipelines.modelling.tensors import (
    ConsumerItems,
    FeatureGroups,
    pool,
    with_category,
)
from promo_kedro.pipelines.modelling.training import Lesson
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary


@dataclass(frozen=True)
class WindowData:
    """All categories of a window together.

    Attributes:
        items: Consumer-items with their ids.
        groups: Which features stand in which tensor, the category among them.
        levels: Vocabulary size of each static, then each temporal categorical.
        inputs: The four tensors, over all steps.
        lesson: What models learn from.
    """

    items: ConsumerItems
    groups: FeatureGroups
    levels: tuple[list[int], list[int]]
    inputs: Inputs
    lesson: Lesson


def read_window(data_dir: Path, window: int, parameters: ModellingParameters) -> WindowData:
    """Read and encode a window as the pooled model sees it."""
    folder = data_dir / "04_feature"
    groups = FeatureGroups.from_json(json.loads((folder / "feature_groups.json").read_text()))
    connection = ibis.duckdb.connect()
    features = connection.read_parquet(
        str(folder / "features" / "*" / "*" / "*.parquet"), hive_partitioning=True
    )
    categories = windows_and_categories(features)[window]
    parts = [read_consumer_items(features, groups, window, name) for name in categories]
    items = with_category(pool(parts))
    every = list(dict.fromkeys([*groups.static_categorical, "category"]))
    groups = replace(groups, static_categorical=every)
    vocabularies = fit_vocabularies(items, groups)
    inputs = encode(items, groups, vocabularies)
    lesson = make_lesson(
        f"window {window}",
        items,
        inputs,
        mask_before_first_purchase=parameters.training.mask_before_first_purchase,
        calibration_share=parameters.roles.calibration_share,
        history=items.purchased.shape[1],
    )
    levels = (
        [vocabularies[name].size for name in groups.static_categorical],
        [vocabularies[name].size for name in groups.temporal_categorical],
    )
    return WindowData(items, groups, levels, inputs, lesson)


def fit_vocabularies(items: ConsumerItems, groups: FeatureGroups) -> dict[str, Vocabulary]:
    """Fit the vocabulary of every categorical on the training steps."""
    names = [*groups.static_categorical, *groups.temporal_categorical]
    training = items.positions("train")
    return {name: Vocabulary.fit(items.categorical(name), training) for name in names}


def scored_steps(items: ConsumerItems) -> list[int]:
    """Return the positions of the validation and the test step."""
    return [int(items.positions(split)[-1]) for split in ("validation", "test")]


def oldest_window(data_dir: Path) -> int:
    """Return the number of the oldest window made."""
    folders = (data_dir / "04_feature" / "features").glob("window=*")
    return max(int(folder.name.removeprefix("window=")) for folder in folders)


def standardised(values: np.ndarray, training: np.ndarray, limit: float) -> np.ndarray:
    """Return values in standard deviations of the training part; constants become 0."""
    flat = training.reshape(-1, training.shape[-1]).astype(np.float64)
    scale = flat.std(axis=0)
    scale[scale < 1e-6] = np.inf
    return np.clip((values - flat.mean(axis=0)) / scale, -limit, limit).astype(np.float32)
