"""What a user can set about the calendar, the panel and the features."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Statistic = Literal["mean", "median", "variance", "skewness", "kurtosis"]
LARGEST_LAG = 26


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LagWindow(_Group):
    """The steps before a cell that rolling statistics look back on, and which they are."""

    # 26 steps of values up to 1,000 are the most whose fourth powers an int64 holds exactly.
    steps: int = Field(ge=2, le=LARGEST_LAG)
    statistics: list[Statistic] = Field(min_length=1)


class EncodingParameters(_Group):
    """How items are described by other consumers' purchases in the training steps."""

    folds: int = Field(default=5, ge=2, le=100)
    prior_cells: float = Field(default=240, gt=0)


class PanelParameters(_Group):
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
