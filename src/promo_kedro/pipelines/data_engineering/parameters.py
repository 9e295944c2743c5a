"""What a user can set about cleaning, the panel, its features and the first look at the data."""

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from promo_kedro.parameters import Parameters


def _one_explicit_format(text: str) -> str:
    parts = sorted(re.findall(r"%(.)", text))
    days = [part for part in parts if part not in "HMS"]
    if days not in (["Y", "d", "m"], ["d", "m", "y"]):
        raise ValueError(
            f"date format {text!r}: write %d, %m and one of %Y (four digits) or %y (two digits), "
            "each once, for example %Y-%m-%d; %H, %M and %S may follow and are ignored"
        )
    return text


DateFormat = Annotated[str, AfterValidator(_one_explicit_format)]
Statistic = Literal["mean", "median", "variance", "skewness", "kurtosis"]
LARGEST_LAG = 26


class DateParameters(Parameters):
    """How dates are written in each file, and which are believable."""

    transactions: DateFormat = "%Y-%m-%d"
    campaigns: DateFormat = "%d/%m/%y"
    offer_log: DateFormat = "%Y-%m-%d"
    earliest: date = date(1990, 1, 1)
    latest: date | None = None


class CalendarParameters(Parameters):
    """Where the history ends."""

    calendar_end: date | None = None


class CleaningParameters(Parameters):
    """Which rows are set aside, and how many are too many."""

    max_rejected_share: float = Field(default=0.05, ge=0, le=1)
    max_quantity_ratio: float = Field(default=100, gt=1)
    max_quantity_ratio_by_category: dict[str, Annotated[float, Field(gt=1)]] = {}
    duplicate_lines: Literal["keep", "drop", "refuse"] = "keep"
    max_duplicate_share: float = Field(default=0.5, gt=0, le=1)


class ExplorationParameters(Parameters):
    """The first look at the data."""

    min_consumers: int = Field(default=10, ge=1)
    offer_bin_width: float = Field(default=2.5, gt=0, le=50)
    max_basket_size: int = Field(default=60, ge=2)
    max_steps: int = Field(default=12, ge=2)


class LagWindow(Parameters):
    """The steps before a cell that rolling statistics look back on, and which they are."""

    # 26 steps of values up to 1,000 are the most whose fourth powers an int64 holds exactly.
    steps: int = Field(ge=2, le=LARGEST_LAG)
    statistics: list[Statistic] = Field(min_length=1)


class EncodingParameters(Parameters):
    """How items are described by other consumers' purchases in the training steps."""

    folds: int = Field(default=5, ge=2, le=100)
    prior_cells: float = Field(default=240, gt=0)


class PanelParameters(Parameters):
    """Everything between the clean tables and the features."""

    training_steps: int = Field(default=24, ge=1)
    validation_steps: int = Field(default=1, ge=1)
    test_steps: int = Field(default=1, ge=1)
    windows: int = Field(default=1, ge=1)
    min_orders: int = Field(default=1, ge=1)
    history_steps: int = Field(default=13, ge=0)
    lag_windows: list[LagWindow] = [
        LagWindow(steps=4, statistics=["mean"]),
        LagWindow(steps=12, statistics=["mean", "median", "variance", "skewness", "kurtosis"]),
    ]
    encoding: EncodingParameters = EncodingParameters()

    @property
    def window_steps(self) -> int:
        """Steps of one window: training, validation and test."""
        return self.training_steps + self.validation_steps + self.test_steps

    @model_validator(mode="after")
    def _each_lag_window_once(self) -> Self:
        steps = [lag.steps for lag in self.lag_windows]
        if len(set(steps)) != len(steps):
            raise ValueError(f"lag_windows repeat a number of steps: {steps}")
        return self


class DataEngineeringParameters(Parameters):
    """Everything that ``data_engineering`` reads from its parameters file."""

    categories: list[str] | None = None
    dates: DateParameters = DateParameters()
    calendar: CalendarParameters = CalendarParameters()
    cleaning: CleaningParameters = CleaningParameters()
    exploration: ExplorationParameters = ExplorationParameters()
    panel: PanelParameters = PanelParameters()
