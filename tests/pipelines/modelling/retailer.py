"""A made-up table ``features`` with a planted signal."""

from dataclasses import dataclass, field

import ibis
import numpy as np
import pandas as pd

GROUPS = {
    "static_categorical": ["brand"],
    "temporal_categorical": ["quarter"],
    "static_continuous": ["household"],
    "temporal_continuous": ["habit", "offer_percent", "noise"],
    "offer_inputs": ["offer_percent"],
    "descriptions": {},
}


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
