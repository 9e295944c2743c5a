"""What a user may set about the purchase model; see conf/base/modelling/parameters.yml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from promo_kedro.parameters import Parameters

Count = Annotated[int, Field(ge=1)]


class NetworkParameters(Parameters):
    """The network of Figure 1."""

    kernel_size: int = Field(default=3, ge=1, le=26)
    dilations: list[Count] = Field(default=[1, 2, 4], min_length=1)
    channels: int = Field(default=32, ge=1, le=1024)
    dense_units: list[Count] = Field(default=[64, 64, 32], min_length=1)
    embedding_size: int = Field(default=8, ge=1, le=256)
    input_limit: float = Field(default=8.0, gt=0)


class TrainingParameters(Parameters):
    """The first recipe: Adam with a learning rate that falls on a plateau."""

    batch_size: int = Field(default=256, ge=1)
    min_batches: int = Field(default=64, ge=1)
    max_epochs: int = Field(default=15, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    min_learning_rate: float = Field(default=1e-6, gt=0)
    weight_decay: float = Field(default=1e-5, ge=0)
    plateau_factor: float = Field(default=0.3, gt=0, lt=1)
    plateau_patience: int = Field(default=1, ge=0)
    stop_patience: int = Field(default=4, ge=1)


class ComputeParameters(Parameters):
    """Where and how the arithmetic runs."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    threads: int | None = Field(default=1, ge=1)
    prediction_batch_size: int = Field(default=2048, ge=1)


class PooledParameters(Parameters):
    """The model over all categories that serves those with too few purchases."""

    min_positives: int = Field(default=200, ge=1)
    max_consumer_items: int = Field(default=12_000, ge=1)


class CalibrationParameters(Parameters):
    """When a calibration is fitted, and when its slope too."""

    min_positives: int = Field(default=10, ge=1)
    min_positives_for_slope: int = Field(default=50, ge=1)


class OfferGridParameters(Parameters):
    """The offer percents at which the model is asked for the next step."""

    lowest: float = Field(default=0, ge=0, le=100)
    highest: float = Field(default=70, ge=0, le=100)
    spacing: float = Field(default=5, gt=0, le=100)

    @model_validator(mode="after")
    def _ordered(self) -> "OfferGridParameters":
        if self.lowest > self.highest:
            raise ValueError(f"lowest ({self.lowest}) is above highest ({self.highest})")
        return self

    def percents(self) -> list[float]:
        """Return the offer percents asked, from the lowest to at most the highest."""
        count = int((self.highest - self.lowest) / self.spacing + 1e-9) + 1
        return [round(self.lowest + index * self.spacing, 2) for index in range(count)]


class ModellingParameters(Parameters):
    """All parameters of the pipeline ``modelling``."""

    network: NetworkParameters = NetworkParameters()
    training: TrainingParameters = TrainingParameters()
    compute: ComputeParameters = ComputeParameters()
    pooled: PooledParameters = PooledParameters()
    calibration: CalibrationParameters = CalibrationParameters()
    offer_grid: OfferGridParameters = OfferGridParameters()
