"""Small tables as data_engineering writes them, and a world whose best ranking is known."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.variables import (
    BEHAVIOUR,
    Encoder,
    encode,
    fit_encoder,
)
from promo_kedro.schemas.brands import ATTRIBUTES

BRANDS = 12
SNAPSHOT = 20


@dataclass(frozen=True)
class Tables:
    """What the brand models read of one snapshot."""

    features: pd.DataFrame
    history: pd.DataFrame
    purchases: pd.DataFrame
    favourite: np.ndarray

    def encoded(self, encoder: Encoder) -> BrandInputs:
        return encode(self.features, self.history, self.purchases, encoder)


def brand_list() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "position": range(BRANDS),
            "brand": [f"brand {number}" for number in range(BRANDS)],
            "prevalence": 0.6 / BRANDS,
            "approved": True,
        }
    )


def favourites(consumers: int, seed: int, first_id: int = 0) -> Tables:
    """Everyone has one favourite brand, bought with probability 0.6, and nothing else.

    The history shows the favourite bought often; two other brands were bought once, long ago. One
    in eight has no history: nothing tells of that favourite.
    """
    draw = np.random.default_rng(seed)
    ids = np.arange(consumers) + first_id
    favourite = draw.integers(BRANDS, size=consumers)
    seen = ids % 8 != 0
    rows = []
    for offset, often, lately in ((0, 9, 1), (1, 1, 15), (5, 1, 15)):
        brand = (favourite[seen] + offset) % BRANDS
        for kind, names in (
            ("brand", [f"brand {number}" for number in brand]),
            ("category", [f"category {number % 3}" for number in brand]),
            ("item", [f"{number * 10}" for number in brand]),
        ):
            rows.append(
                pd.DataFrame(
                    {
                        "customer_id": ids[seen],
                        "kind": kind,
                        "name": names,
                        "steps_bought": often,
                        "steps_bought_year": often,
                        "steps_since": lately,
                    }
                )
            )
    bought = draw.random(consumers) < 0.6
    purchases = pd.DataFrame(
        {"customer_id": ids[bought], "brand": [f"brand {number}" for number in favourite[bought]]}
    )
    features = pd.DataFrame({"customer_id": ids})
    for name in ATTRIBUTES:
        features[name] = draw.choice(np.array(["a", "b", None], dtype=object), consumers)
    for name in BEHAVIOUR:
        features[name] = draw.integers(0, 20, consumers).astype(float)
    features["tenure_steps"] = np.where(seen, 18, 0)
    history = pd.concat(rows, ignore_index=True).drop_duplicates(["customer_id", "kind", "name"])
    return Tables(
        features.assign(snapshot=SNAPSHOT),
        history.assign(snapshot=SNAPSHOT),
        purchases.assign(snapshot=SNAPSHOT),
        favourite,
    )


def encoder_of(tables: Tables) -> Encoder:
    return fit_encoder(tables.features, tables.history, brand_list())
