"""A small market whose purchases are pure chance, as clean tables."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self

import ibis
import numpy as np
import pandas as pd

from promo_kedro.pipelines.data_engineering.brands.parameters import BrandDataParameters
from promo_kedro.pipelines.data_engineering.brands.snapshots import snapshots_of

N_STEPS = 12
FIRST_DAY = date(2020, 1, 6)
END = FIRST_DAY + timedelta(days=14 * N_STEPS - 1)
PARAMETERS = BrandDataParameters(
    training_snapshots=3,
    min_history_steps=3,
    history_steps=5,
    quarter_steps=3,
    recent_steps=1,
    min_buyers=5,
)
SNAPSHOTS = snapshots_of(END, N_STEPS, PARAMETERS)
ODD_BRANDS = ["Müller, Söhne", "a=b", "雪印", 'O\'Neill "x"', "100 %"]
DEMOGRAPHICS = [
    "age_range",
    "marital_status",
    "rented",
    "family_size",
    "no_of_children",
    "income_bracket",
]
TYPES = {
    "date": "date",
    "step": "int64",
    "customer_id": "int64",
    "item_id": "int64",
    "selling_price": "float64",
    "offer_percent": "float64",
}


@dataclass(frozen=True)
class Market:
    """The clean tables that brand prediction reads."""

    lines: pd.DataFrame
    items: pd.DataFrame
    people: pd.DataFrame

    def keeping(self, kept: pd.Series) -> Self:
        """The same market, had some receipt lines never been printed."""
        assert not kept.all(), "nothing to delete: the test would show nothing"
        return replace(self, lines=self.lines[kept])

    @property
    def tables(self) -> tuple[ibis.Table, ibis.Table, ibis.Table]:
        people = ibis.memtable(
            self.people,
            schema={"customer_id": "int64"} | dict.fromkeys(DEMOGRAPHICS, "string"),
        )
        return ibis.memtable(self.lines, schema=TYPES), ibis.memtable(self.items), people


def chance_market(seed: int = 3, consumers: int = 40, lines: int = 900) -> Market:
    """Draw receipt lines of steps -1 to the last; some consumers never buy or have no past."""
    random = np.random.default_rng(seed)
    customer = random.integers(0, consumers - 4, lines)
    # They come early or late and every fifth soon stays away, so that tenure and absence differ.
    first = customer % 7
    last = np.where(customer % 5 == 0, first + 1, N_STEPS - customer % 3)
    step = np.floor(random.uniform(first - 1, last)).astype(int)
    days = 14 * step + random.integers(0, 14, lines)
    people = pd.DataFrame({"customer_id": np.arange(consumers) * 3})
    for column in DEMOGRAPHICS:
        people[column] = None
    people.loc[people.index % 4 == 1, "age_range"] = "46-55"
    people.loc[people.index % 8 == 2, "income_bracket"] = "4"
    return Market(
        lines=pd.DataFrame(
            {
                "date": [FIRST_DAY + timedelta(days=int(day)) for day in days],
                "step": step,
                "customer_id": customer * 3,
                "item_id": random.geometric(0.15, lines) % 15,
                "selling_price": random.integers(0, 2000, lines) / 100,
                "offer_percent": random.choice([0, 0, 12.5, 33.33], lines),
            }
        ),
        items=pd.DataFrame(
            {
                "item_id": np.arange(15),
                "brand": [ODD_BRANDS[i % 5] for i in range(15)],
                "category": [f"Aisle {i // 4}" for i in range(15)],
            }
        ),
        people=people,
    )
