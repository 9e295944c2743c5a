"""What modelling and thresholding write."""

import pandera.pandas as pp

from promo_kedro.schemas.base import (
    SPLITS,
    PandasTable,
    percent,
    probability_field,
)


class PurchaseProbabilities(PandasTable):
    """What the models say of each consumer-item after the training steps."""

    window: int
    customer_id: int
    item_id: int
    step: int
    category: str
    split: str = pp.Field(isin=SPLITS[1:])
    purchased: float = pp.Field(isin=[0, 1], nullable=True)
    raw_probability: float = probability_field()
    probability: float = probability_field()
    model: str = pp.Field(isin=["category", "pooled"])


class OfferResponse(PandasTable):
    """The calibrated model at ``next``, asked again with the offer moved over a grid."""

    customer_id: int
    item_id: int
    offer_percent: float = percent()
    category: str
    probability: float = probability_field()


class TrainingHistory(PandasTable):
    """Losses epoch by epoch; ``weight`` is the epoch's share in the weights that were kept."""

    window: int
    category: str
    recipe: str
    epoch: int
    train_loss: float
    validation_loss: float = pp.Field(nullable=True)
    learning_rate: float
    seconds: float
    samples_per_second: float
    weight: float = probability_field()


class CandidateProbabilities(PandasTable):
    """What simpler models, and the parts of the model in use, say of the test step."""

    window: int
    customer_id: int
    item_id: int
    step: int
    category: str
    split: str = pp.Field(isin=["test"])
    purchased: float = pp.Field(isin=[0, 1])
    candidate: str
    probability: float = probability_field()


class FeatureImportance(PandasTable):
    """How much the log loss of the test step rises without a family of features."""

    window: int
    category: str
    group: str
    features: int
    log_loss: float
    log_loss_permuted: float
    increase: float


class SearchTrials(PandasTable):
    """The trials of a hyperparameter search, the recipe it started from first."""

    number: int
    state: str = pp.Field(isin=["complete", "stopped early", "failed"])
    value: float = pp.Field(nullable=True)
    seconds: float
    epochs: int
    optimizer: str
    scheduler: str
    averaging: str
    learning_rate: float
    weight_decay: float
    max_epochs: int
    batch_size: int
    channels: int
    kernel_size: int
    dilations: str
    dense_units: str
    embedding_size: int
    dropout: float


class ConsumerCutoffs(PandasTable):
    """Per consumer, the probability from which an item counts as predicted."""

    window: int
    split: str = pp.Field(isin=["test", "next"])
    customer_id: int
    category: str
    cutoff: float = pp.Field(ge=0)
    n_items: int
    n_purchased: int
    source: str


class CutoffCandidates(PandasTable):
    """The cut-off by each method, and the F1 expected of it under the probabilities."""

    window: int
    split: str = pp.Field(isin=["test", "next"])
    customer_id: int
    category: str
    method: str = pp.Field(isin=["expected_f1", "ratio", "empirical", "global", "shrunk"])
    cutoff: float = pp.Field(ge=0)
    expected_f1: float = probability_field()


class PurchasePredictions(PandasTable):
    """Probabilities cut into yes and no."""

    window: int
    customer_id: int
    item_id: int
    step: int
    category: str
    split: str = pp.Field(isin=["test", "next"])
    probability: float = probability_field()
    cutoff: float = pp.Field(ge=0)
    predicted: bool
    purchased: float = pp.Field(isin=[0, 1], nullable=True)
