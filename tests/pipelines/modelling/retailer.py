"""A made-up table ``features`` with a planted signal, and training on it."""

import copy
from dataclasses import dataclass, field

import ibis
import numpy as np
import pandas as pd

from promo_kedro.pipelines.modelling.nodes import train_purchase_models

GROUPS = {
    "static_categorical": ["brand"],
    "temporal_categorical": ["quarter"],
    "static_continuous": ["household"],
    "temporal_continuous": ["habit", "offer_percent", "noise"],
    "offer_inputs": ["offer_percent"],
    "descriptions": {},
    "families": {
        "brand": "item",
        "category": "item",
        "quarter": "calendar",
        "household": "consumer",
        "habit": "habit",
        "offer_percent": "offer",
        "noise": "noise",
    },
}
MANIFEST = {"raw_data_hash": "abc", "files": {}}


@dataclass
class Retailer:
    """Consumer-items whose logit is known: base + brand + habit + offer slope."""

    categories: dict[str, int] = field(default_factory=lambda: {"Bakery": 600})
    base: float = -2.0
    habit: float = 1.5
    offer_slope: float = 0.05
    windows: int = 1
    seed: int = 5
    train: int = 12

    def frame(self) -> pd.DataFrame:
        """Return ``features`` as a pandas frame."""
        parts = [
            self._category(window, category, count, index)
            for window in range(self.windows)
            for index, (category, count) in enumerate(self.categories.items())
        ]
        return pd.concat(parts, ignore_index=True)

    def _category(self, window: int, category: str, count: int, index: int) -> pd.DataFrame:
        draw = np.random.default_rng([self.seed, window, index])
        steps = np.arange(self.train + 2 + (window == 0)) - window
        splits = np.array(["train"] * self.train + ["validation", "test", "next"])[: len(steps)]
        shape = (count, len(steps))
        brand = draw.integers(0, 3, count)
        habit = draw.normal(size=shape)
        offer = np.where(draw.random(shape) < 0.5, draw.integers(1, 8, shape) * 5.0, 0.0)
        logit = self.base + self.habit * habit + self.offer_slope * offer + 0.3 * brand[:, None]
        bought = draw.random(shape) < 1 / (1 + np.exp(-logit))

        def flat(values: np.ndarray) -> np.ndarray:
            return np.broadcast_to(values, shape).ravel()

        frame = pd.DataFrame(
            {
                "window": window,
                "category": category,
                "customer_id": flat(np.arange(count)[:, None] // 5 + 1),
                "item_id": flat(np.arange(count)[:, None] % 5 + 10 * index + 1),
                "step": flat(steps),
                "split": flat(splits),
                "purchased": bought.ravel().astype(float),
                "brand": flat(np.array(["North", "South", "West"], dtype=object)[brand][:, None]),
                "quarter": flat(steps // 6 % 4 + 1),
                "household": flat(draw.integers(1, 6, count)[:, None]).astype(np.float32),
                "habit": habit.ravel().astype(np.float32),
                "offer_percent": offer.ravel().astype(np.float32),
                "noise": draw.normal(size=shape).ravel().astype(np.float32),
                "true_logit": logit.ravel(),
            }
        )
        frame.loc[frame["split"] == "next", "purchased"] = np.nan
        return frame.sample(frac=1, random_state=1)  # order of rows must never matter


def as_table(frame: pd.DataFrame) -> ibis.Table:
    """Return the frame as ``features`` comes: an Ibis table."""
    return ibis.memtable(frame.drop(columns="true_logit", errors="ignore"))


class Kept:
    """Training states in memory, as the checkpoints' folder keeps them on disk."""

    def __init__(self):
        self.states = {}

    def part(self, name, fingerprint):
        """Return where one training keeps its state."""
        return KeptPart(self.states, (name, fingerprint))

    def clear(self):
        """Forget everything."""
        self.states.clear()


@dataclass
class KeptPart:
    """The state of one training."""

    states: dict
    key: tuple[str, str]

    def load(self):
        """Return the state saved last, or none."""
        return copy.deepcopy(self.states.get(self.key))

    def save(self, state):
        """Keep a copy."""
        self.states[self.key] = copy.deepcopy(state)


def train(frame, parameters, seed=1, checkpoints=None):
    """Return the models and the history that the node makes of a frame."""
    return train_purchase_models(
        as_table(frame), GROUPS, MANIFEST, checkpoints or Kept(), parameters, seed
    )


def changed(parameters, **parts):
    """Return the parameters with some of some parts changed."""
    whole = parameters.model_dump()
    for part, values in parts.items():
        whole[part] = values if part in ("recipes", "by_category") else whole[part] | values
    return type(parameters).model_validate(whole)


def same_tensors(left, right):
    """Say whether two saved models have the same weights, bit for bit."""
    first, second = left["tensors"], right["tensors"]
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name]) for name in first
    )
