"""What a user may set about the brand models; see conf/base/modelling/parameters_brands.yml."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from promo_kedro.parameters import Parameters
from promo_kedro.pipelines.modelling.parameters import ComputeParameters

P = TypeVar("P", bound=Parameters)
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
RunName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
ModelName = Literal["popularity", "bau", "one_vs_rest", "varemb_v1", "varemb_v2"]
Resampling = Literal["none", "square_root", "over", "under"]


class BrandNetworkParameters(Parameters):
    """VarEmb: one embedding per variable, a consumer embedding, a logit per brand."""

    embedding_size: int = Field(default=8, ge=1, le=1024)
    consumer_size: int = Field(default=16, ge=1, le=4096)
    hidden_units: list[Count] = [32]
    dropout: float = Field(default=0.3, ge=0, lt=1)
    own_history: bool = True
    bottleneck: Literal["none", "gaussian"] = "none"
    bottleneck_weight: float = Field(default=0.001, ge=0)


class BrandTrainingParameters(Parameters):
    """How a network is trained, and when it stops."""

    batch_size: int = Field(default=256, ge=1)
    max_epochs: int = Field(default=30, ge=1)
    stop_patience: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=0.003, gt=0)
    weight_decay: float = Field(default=1e-05, ge=0)
    plateau_factor: float = Field(default=0.3, gt=0, lt=1)


class LossParameters(Parameters):
    """A loss by name, and the weight of each brand in it."""

    name: Literal["bce", "focal", "weighted", "asymmetric", "logit_adjusted"] = "bce"
    weights: Literal["equal", "inverse", "effective_number", "allowlist", "custom"] = "equal"
    weight_on: Literal["term", "positives"] = "term"
    gamma: float = Field(default=2.0, ge=0)
    gamma_positive: float = Field(default=0.0, ge=0)
    gamma_negative: float = Field(default=4.0, ge=0)
    margin: float = Field(default=0.05, ge=0, lt=1)
    tau: float = Field(default=1.0, ge=0)
    beta: float = Field(default=0.999, ge=0, lt=1)
    allowlist_weight: float = Field(default=20.0, gt=0)
    largest_weight: float = Field(default=20.0, ge=1)


class PrivateParameters(Parameters):
    """Differentially private training (DP-SGD); needs the extra ``privacy``.

    Noise comes from the system's own source of secrets. ``repeatable`` draws it from the seed
    instead: then ε holds only towards those who do not know the seed, which stands in the card.
    """

    epsilon: float = Field(gt=0)
    delta: float = Field(default=1e-05, gt=0, lt=1)
    clip: float = Field(default=1.0, gt=0)
    epochs: int = Field(default=10, ge=1)
    learning_rate: float = Field(default=0.01, gt=0)
    repeatable: bool = False


class RunParameters(Parameters):
    """One run of the experiment; a private one always learns from the latest snapshot alone."""

    model: ModelName = "varemb_v2"
    loss: LossParameters = LossParameters()
    resampling: Resampling = "none"
    snapshots: Literal["all", "latest"] = "all"
    network: dict[str, Any] = {}
    training: dict[str, Any] = {}
    private: PrivateParameters | None = None

    @property
    def learns_from(self) -> Literal["all", "latest"]:
        """Which training snapshots the run learns from."""
        return "latest" if self.private else self.snapshots


class BauParameters(Parameters):
    """Segment popularity mixed with the consumer's own frequency."""

    segment_by: list[str] = ["age_range", "lines_year"]
    smoothing: float = Field(default=100.0, gt=0)
    own_steps: float = Field(default=6.0, gt=0)


class OneVsRestParameters(Parameters):
    """Gradient boosting per brand, for the larger ones; own frequency for the others."""

    brands: int = Field(default=20, ge=1)
    rounds: int = Field(default=150, ge=1)
    stop_patience: int = Field(default=15, ge=1)
    learning_rate: float = Field(default=0.1, gt=0)
    leaves: int = Field(default=8, ge=2)
    min_rows_in_leaf: int = Field(default=50, ge=1)
    max_rows: int = Field(default=50_000, ge=1)


class BrandCalibrationParameters(Parameters):
    """How scores become probabilities after the loss's own map."""

    min_buyers: int = Field(default=50, ge=1)
    smoothing: float = Field(default=20.0, gt=0)
    max_consumers: int = Field(default=20_000, ge=1)


class ScoringParameters(Parameters):
    """What is kept while scores stream past."""

    consumers_per_chunk: int = Field(default=10_000, ge=1)
    kept_share: float = Field(default=0.05, gt=0, le=1)
    kept_times_prevalence: float = Field(default=5.0, ge=1)
    sample_share: float = Field(default=0.01, ge=0, le=1)


class MembershipParameters(Parameters):
    """The attack that asks whether a consumer was trained on."""

    max_consumers: int = Field(default=10_000, ge=10)


class BrandModellingParameters(Parameters):
    """Everything a user may set about the brand models."""

    network: BrandNetworkParameters = BrandNetworkParameters()
    training: BrandTrainingParameters = BrandTrainingParameters()
    runs: dict[RunName, RunParameters | None] = Field(min_length=1)
    in_use: str
    bau: BauParameters = BauParameters()
    one_vs_rest: OneVsRestParameters = OneVsRestParameters()
    calibration: BrandCalibrationParameters = BrandCalibrationParameters()
    scoring: ScoringParameters = ScoringParameters()
    membership: MembershipParameters = MembershipParameters()
    threads: int | None = Field(default=1, ge=1)
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"

    @model_validator(mode="after")
    def _runs_are_whole(self) -> "BrandModellingParameters":
        if self.in_use not in self.experiment:
            raise ValueError(
                f"in_use is {self.in_use!r}, which is no run; there are "
                f"{', '.join(self.experiment)}."
            )
        for name, run in self.experiment.items():
            for part in ("network", "training"):
                _merged(name, part, getattr(self, part), getattr(run, part))
            if run.private and not run.model.startswith("varemb"):
                raise ValueError(f"runs.{name}: only VarEmb can be trained privately.")
            if run.private:
                _refuse_untold_counts(name, run)
        return self

    @property
    def experiment(self) -> dict[str, RunParameters]:
        """The runs by name; an environment leaves one out by setting it to null."""
        return {name: run for name, run in self.runs.items() if run is not None}

    @property
    def compute(self) -> ComputeParameters:
        """Where the arithmetic runs, in the words of the purchase model."""
        return ComputeParameters(
            accelerator=self.accelerator, precision=self.precision, threads=self.threads
        )

    def network_of(self, name: str) -> BrandNetworkParameters:
        """The network of a run."""
        return _merged(name, "network", self.network, self.experiment[name].network)

    def training_of(self, name: str) -> BrandTrainingParameters:
        """The training of a run."""
        return _merged(name, "training", self.training, self.experiment[name].training)


def _refuse_untold_counts(name: str, run: RunParameters) -> None:
    """Refuse what would put a consumer in twice, or exact counts of buyers into the model."""
    if run.resampling != "none":
        raise ValueError(f"runs.{name}: private training takes each consumer once.")
    if run.loss.name == "logit_adjusted":
        raise ValueError(
            f"runs.{name}: logit_adjusted keeps each brand's exact prevalence in the model, which "
            "ε does not cover; take another loss."
        )
    if run.loss.weights in {"inverse", "effective_number"}:
        raise ValueError(
            f"runs.{name}: weights {run.loss.weights!r} are made of exact counts of buyers, which "
            "ε does not cover; take equal, allowlist or custom."
        )


def _merged(run: str, part: str, common: P, changes: dict[str, Any]) -> P:
    """The common parameters with a run's changes, checked anew."""
    try:
        return type(common).model_validate(common.model_dump() | changes)
    except ValidationError as error:
        raise ValueError(f"runs.{run}.{part}: {error.errors()[0]['msg']}") from None
