"""What a user may set about the purchase model; see conf/base/modelling/parameters.yml."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from promo_kedro.parameters import Parameters

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Changes = dict[str, dict[str, Any] | None]
RecipeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
RESERVED = [
    "prevalence",
    "personal_frequency",
    "logistic_regression",
    "lightgbm",
    "lightgbm_pooled",
    "trees",
    "pooled",
    "stack",
    "stack_with_lightgbm",
    "in_use",
]
Calibrator = Literal["platt", "beta", "isotonic"]


class NetworkParameters(Parameters):
    """The network: that of Figure 1, or ours."""

    architecture: Literal["figure1", "ours"] = "ours"
    kernel_size: int = Field(default=3, ge=1, le=26)
    dilations: list[Count] = Field(default=[1, 2, 4], min_length=1)
    channels: int = Field(default=32, ge=1, le=1024)
    dense_units: list[Count] = Field(default=[64, 64, 32], min_length=1)
    embedding_size: int = Field(default=8, ge=1, le=256)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    input_limit: float = Field(default=8.0, gt=0)


class TrainingParameters(Parameters):
    """A recipe of §3.1.4: optimiser, schedule, averaging, and when to stop."""

    optimizer: Literal["adam", "rmsprop"] = "adam"
    scheduler: Literal["plateau", "cyclic"] = "plateau"
    averaging: Literal["none", "swa", "best_checkpoints"] = "best_checkpoints"
    start: Literal["scratch", "pooled"] = "pooled"
    mask_before_first_purchase: bool = True
    batch_size: int = Field(default=256, ge=1)
    min_batches: int = Field(default=64, ge=1)
    max_epochs: int = Field(default=12, ge=1)
    stop_patience: int = Field(default=2, ge=1)
    learning_rate: float = Field(default=0.001, gt=0)
    fine_tuning_rate: float = Field(default=0.3, gt=0, le=1)
    min_learning_rate: float = Field(default=1e-06, gt=0)
    weight_decay: float = Field(default=1e-05, ge=0)
    plateau_factor: float = Field(default=0.3, gt=0, lt=1)
    plateau_patience: int = Field(default=0, ge=0)
    cycle_epochs: float = Field(default=2.0, gt=0)
    swa_learning_rate: float = Field(default=0.001, gt=0)
    swa_start: float = Field(default=0.5, ge=0, lt=1)
    best_checkpoints: int = Field(default=3, ge=1)
    checkpoint_temperature: float = Field(default=0.001, gt=0)

    @model_validator(mode="after")
    def _rates_in_order(self) -> "TrainingParameters":
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"min_learning_rate ({self.min_learning_rate}) is above learning_rate "
                f"({self.learning_rate})"
            )
        return self


class Recipe(Parameters):
    """A network and how it is trained."""

    network: NetworkParameters = NetworkParameters()
    training: TrainingParameters = TrainingParameters()


class TreesParameters(Parameters):
    """LightGBM: a baseline, and a member of the stack where wanted."""

    rounds: int = Field(default=400, ge=1)
    stop_patience: int = Field(default=20, ge=1)
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    leaves: int = Field(default=8, ge=2, le=4096)
    min_rows_in_leaf: int = Field(default=200, ge=1)
    feature_share: float = Field(default=0.3, gt=0, le=1)
    row_share: float = Field(default=0.5, gt=0, le=1)
    l2: float = Field(default=20.0, ge=0)
    level_smoothing: float = Field(default=50.0, ge=0)


class StackingParameters(Parameters):
    """Which members answer together, and how the choice among them is judged."""

    with_trees: bool = False
    leave_out: list[str] = []
    folds: int = Field(default=5, ge=2, le=50)
    min_positives: int = Field(default=100, ge=1)
    penalty: float = Field(default=1.0, gt=0)


class ComputeParameters(Parameters):
    """Where and how the arithmetic runs."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: int = Field(default=1, ge=1)
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    threads: int | None = Field(default=1, ge=1)
    tree_threads: int | None = Field(default=1, ge=1)
    prediction_batch_size: int = Field(default=2048, ge=1)
    memory_gb: float = Field(default=4.0, gt=0)


class PooledParameters(Parameters):
    """The model over all categories that serves those with too few purchases."""

    min_positives: int = Field(default=3000, ge=1)
    max_consumer_items: int = Field(default=80000, ge=1)


class RolesParameters(Parameters):
    """Which consumers' validation step decides what."""

    calibration_share: float = Field(default=0.5, gt=0, lt=1)


class WindowsParameters(Parameters):
    """How the networks of one window follow those of the window before it."""

    later: Literal["refit", "warm_start"] = "refit"


class CalibrationParameters(Parameters):
    """Which calibrations compete, and what they need."""

    candidates: list[Calibrator] = Field(default=["platt", "beta"], min_length=1)
    folds: int = Field(default=5, ge=2, le=50)
    min_positives: int = Field(default=50, ge=1)
    min_positives_for_slope: int = Field(default=150, ge=1)


class BaselinesParameters(Parameters):
    """What the model is compared with."""

    models: list[Literal["prevalence", "personal_frequency", "logistic_regression", "lightgbm"]] = [
        "prevalence",
        "personal_frequency",
        "logistic_regression",
        "lightgbm",
    ]
    max_consumer_items: int = Field(default=5000, ge=1)


class ImportanceParameters(Parameters):
    """Permutation importance of the feature groups."""

    repeats: int = Field(default=2, ge=1, le=100)
    max_consumer_items: int = Field(default=1500, ge=10)


class SearchParameters(Parameters):
    """The hyperparameter search: its budget, its data and its space."""

    trials: int = Field(default=40, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    max_consumer_items: int = Field(default=16384, ge=10)
    startup_trials: int = Field(default=8, ge=1)
    warmup_epochs: int = Field(default=2, ge=0)
    learning_rate: tuple[Positive, Positive] = (3e-4, 5e-3)
    weight_decay: tuple[Positive, Positive] = (1e-6, 1e-2)
    max_epochs: tuple[Count, Count] = (4, 15)
    batch_size: list[Count] = Field(default=[64, 128, 256], min_length=1)
    channels: list[Count] = Field(default=[32, 48, 64], min_length=1)
    kernel_size: list[Count] = Field(default=[2, 3, 5], min_length=1)
    dilations: list[list[Count]] = Field(default=[[1, 2], [1, 2, 4], [1, 2, 4, 8]], min_length=1)
    dense_layers: tuple[Count, Count] = (1, 4)
    dense_units: list[Count] = Field(default=[32, 64, 128], min_length=1)
    embedding_size: list[Count] = Field(default=[4, 8, 16], min_length=1)
    dropout: tuple[Share, Share] = (0.0, 0.4)

    @model_validator(mode="after")
    def _low_before_high(self) -> "SearchParameters":
        for name in ("learning_rate", "weight_decay", "max_epochs", "dense_layers", "dropout"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: the range [{low}, {high}] starts above its end")
        return self


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
    """All parameters of the pipeline ``modelling``.

    Attributes:
        network, training: The recipe that all others start from.
        recipes: Name to what differs in that recipe; every recipe is trained, then stacked.
        by_category: Category to what differs there, on top of any recipe.
    """

    network: NetworkParameters = NetworkParameters()
    training: TrainingParameters = TrainingParameters()
    recipes: dict[RecipeName, Changes] = Field(default={"ours": {}}, min_length=1)
    by_category: dict[str, Changes] = {}
    trees: TreesParameters = TreesParameters()
    stacking: StackingParameters = StackingParameters()
    compute: ComputeParameters = ComputeParameters()
    pooled: PooledParameters = PooledParameters()
    roles: RolesParameters = RolesParameters()
    windows: WindowsParameters = WindowsParameters()
    calibration: CalibrationParameters = CalibrationParameters()
    baselines: BaselinesParameters = BaselinesParameters()
    importance: ImportanceParameters = ImportanceParameters()
    search: SearchParameters = SearchParameters()
    offer_grid: OfferGridParameters = OfferGridParameters()

    @model_validator(mode="after")
    def _recipes_make_sense(self) -> "ModellingParameters":
        left_out = set(self.stacking.leave_out)
        if strangers := sorted(left_out - set(self.recipes)):
            raise ValueError(f"stacking.leave_out: there is no recipe {strangers[0]!r}")
        if left_out == set(self.recipes):
            raise ValueError("stacking.leave_out leaves no recipe to answer")
        for name in self.recipes:
            if name in RESERVED:
                raise ValueError(f"recipes: {name!r} is the name of something else in the results")
            self._check(name, None, f"recipes.{name}")
        for category in self.by_category:
            for name in self.recipes:
                self._check(name, category, f"by_category.{category}")
        return self

    def _check(self, name: str, category: str | None, place: str) -> None:
        """Name the place in the file: the recipe made of it is in none."""
        try:
            self.recipe(name, category)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(
                ".".join([place, *map(str, first["loc"])]) + f": {first['msg']}"
            ) from None

    def recipe(self, name: str, category: str | None = None) -> Recipe:
        """Return a recipe as it is in a category; without one, as it is for the pooled model."""
        changes = [self.recipes[name], self.by_category.get(category or "", {})]
        parts = {"network": self.network.model_dump(), "training": self.training.model_dump()}
        for change in changes:
            for part, values in change.items():
                parts[part] = {**parts.get(part, {}), **(values or {})}
        return Recipe.model_validate(parts)
