"""Which brands consumers take to: features, scores, audiences and their assessment.

A *snapshot* is the step before which features end; labels are what is bought in the
``horizon_steps`` steps from it on. `next` is the snapshot after the data, without labels.
"""

import pandas as pd
import pandera.pandas as pp
from ibis.expr import datatypes as dt

from promo_kedro.schemas.base import (
    IbisTable,
    PandasTable,
    not_negative,
    probability_field,
)

ROLES = ["training", "validation", "out_of_training"]
SAMPLES = ["validation", "out_of_training", "next"]
SNAPSHOT_USES = ["train", "test", "next"]
STRATA = ["head", "mid", "niche"]
HISTORY_KINDS = ["brand", "category", "item"]
SIZINGS = ["prevalence", "expected_count", "f1_cutoff", "fixed", "precision_floor", "threshold"]
LEVELS = ["user", "item"]
ATTRIBUTES = [
    "age_range",
    "marital_status",
    "rented",
    "family_size",
    "no_of_children",
    "income_bracket",
]


class BrandSnapshots(PandasTable):
    """When features end and which steps are foretold; the latest training one validates too."""

    snapshot: int = not_negative()
    use: str = pp.Field(isin=SNAPSHOT_USES)
    history_from: int = not_negative()
    first_day: str
    last_day: str


class BrandList(PandasTable):
    """Every brand that may be foretold, the most bought first; counted on training consumers."""

    position: int = not_negative(unique=True)
    brand: str = pp.Field(unique=True)
    items: int = not_negative()
    buyers: int = not_negative()
    prevalence: float = probability_field()
    approved: bool
    stratum: str = pp.Field(isin=STRATA)


class BrandConsumers(PandasTable):
    """Who trains, who validates, and who is never seen in training."""

    customer_id: int = pp.Field(unique=True)
    role: str = pp.Field(isin=ROLES)


class BrandFeatures(IbisTable):
    """What is known of a consumer before a snapshot: attributes and behaviour."""

    snapshot: int
    customer_id: int
    age_range: str = pp.Field(nullable=True)
    marital_status: str = pp.Field(nullable=True)
    rented: str = pp.Field(nullable=True)
    family_size: str = pp.Field(nullable=True)
    no_of_children: str = pp.Field(nullable=True)
    income_bracket: str = pp.Field(nullable=True)
    tenure_steps: int = not_negative()
    steps_since_purchase: int = pp.Field(ge=0, nullable=True)
    active_steps: int = not_negative()
    lines_recent: int = not_negative()
    lines_quarter: int = not_negative()
    lines_year: int = not_negative()
    spend_quarter: float = not_negative()
    spend_year: float = not_negative()
    brands_year: int = not_negative()
    categories_year: int = not_negative()
    basket_lines: float = pp.Field(ge=0, nullable=True)
    offer_share_year: float = pp.Field(ge=0, le=1, nullable=True)


class BrandHistory(IbisTable):
    """What a consumer bought of a brand, category or item before a snapshot."""

    snapshot: int
    customer_id: int
    kind: str = pp.Field(isin=HISTORY_KINDS)
    name: str
    steps_bought: int = pp.Field(ge=1)
    steps_bought_year: int = not_negative()
    steps_bought_quarter: int = not_negative()
    steps_since: int = pp.Field(ge=1)
    lines: int = pp.Field(ge=1)


class BrandPurchases(IbisTable):
    """Brands bought in the steps that a snapshot foretells."""

    snapshot: int
    customer_id: int
    brand: str


class BrandRuns(PandasTable):
    """The runs of the experiment: what was trained, how, on which data, for how long."""

    run: str = pp.Field(unique=True)
    model: str
    loss: str = pp.Field(nullable=True)
    resampling: str = pp.Field(nullable=True)
    epsilon: float = pp.Field(nullable=True)
    parameters: str
    seed: pd.Int64Dtype = pp.Field(nullable=True)
    raw_data_hash: str
    epochs: int = not_negative()
    weights: int = not_negative()
    seconds: float = not_negative()


class BrandTrainingHistory(PandasTable):
    """Each epoch of each run: losses, and how well the validation consumers are foretold."""

    run: str
    epoch: int
    train_loss: float = pp.Field(nullable=True)
    validation_loss: float
    precision: float = probability_field()
    recall: float = probability_field()
    f1: float = probability_field()
    learning_rate: float
    seconds: float


class BrandScoredPairs(IbisTable):
    """The consumers likeliest to buy each approved brand, as many as an audience may have."""

    sample: str = pp.Field(isin=SAMPLES)
    run: str
    customer_id: int
    brand: str
    probability: dt.Float32 = probability_field()
    rank: dt.Int32 = pp.Field(ge=1)


class BrandScoreTotals(PandasTable):
    """Sums over all consumers of a sample, of whom only the likeliest are kept as pairs."""

    sample: str = pp.Field(isin=SAMPLES)
    run: str
    brand: str
    consumers: int = not_negative()
    expected_buyers: float = not_negative()
    buyers: pd.Int64Dtype = pp.Field(nullable=True)
    kept: int = not_negative()
    log_loss: float = pp.Field(nullable=True)


class BrandScoreHistograms(PandasTable):
    """How the probabilities of a brand spread; bins are 0.05 wide in the logit."""

    sample: str = pp.Field(isin=SAMPLES)
    run: str
    brand: str
    bin: int
    probability: float = probability_field()
    consumers: int = pp.Field(ge=1)
    buyers: pd.Int64Dtype = pp.Field(nullable=True)


class BrandScoreSample(PandasTable):
    """All approved brands of a share of the consumers."""

    sample: str = pp.Field(isin=SAMPLES)
    run: str
    customer_id: int
    brand: str
    probability: float = probability_field()
    purchased: float = pp.Field(isin=[0, 1], nullable=True)


class BrandMembership(PandasTable):
    """Loss of single consumers, without their ids: those who trained, and those never seen.

    Beside it how much more the run loses than the reference run; missing for that one itself.
    """

    run: str
    stratum: str
    member: bool
    loss: float
    loss_minus_reference: float = pp.Field(nullable=True)


class BrandAudiences(PandasTable):
    """How many consumers each brand addresses, by each rule of size."""

    sample: str = pp.Field(isin=SAMPLES)
    run: str
    sizing: str = pp.Field(isin=SIZINGS)
    brand: str
    wanted: int = not_negative()
    size: int = not_negative()
    cutoff: float = pp.Field(nullable=True)
    expected_buyers: float = not_negative()
    expected_precision: float = probability_field(nullable=True)
    limited_by: str = pp.Field(
        isin=["nothing", "scored_pairs", "brands_per_consumer", "smallest_audience"]
    )


class BrandSelections(IbisTable):
    """Pairs that at least one rule of size chose."""

    sample: str = pp.Field(isin=SAMPLES)
    run: str
    customer_id: int
    brand: str
    probability: float = probability_field()
    prevalence: bool
    expected_count: bool
    f1_cutoff: bool
    fixed: bool
    precision_floor: bool
    threshold: bool


class BrandAudienceMembers(PandasTable):
    """Whom to address for which brand in the coming step, by the run and rule in use."""

    brand: str
    customer_id: int
    probability: float = probability_field()
    rank: int = pp.Field(ge=1)
    valid_from: str
    valid_to: str


class BrandAssessment(PandasTable):
    """How good audiences are, per consumer over brands (user) or per brand over consumers (item).

    `scored` have an F1, `addressed` a precision: where nothing was foretold there is none, so it is
    over fewer consumers or brands than recall. Figures of groups that are too small to hide a
    consumer in are missing.
    """

    sample: str = pp.Field(isin=SAMPLES)
    run: str
    sizing: str = pp.Field(isin=SIZINGS)
    level: str = pp.Field(isin=LEVELS)
    stratum: str = pp.Field(isin=["all", *STRATA])
    scored: pd.Int64Dtype = pp.Field(nullable=True)
    addressed: pd.Int64Dtype = pp.Field(nullable=True)
    empty_truth: pd.Int64Dtype = pp.Field(nullable=True)
    empty_prediction: pd.Int64Dtype = pp.Field(nullable=True)
    empty_both: pd.Int64Dtype = pp.Field(nullable=True)
    precision: float = pp.Field(nullable=True)
    recall: float = pp.Field(nullable=True)
    f1_median: float = pp.Field(nullable=True)
    f1_harmonic: float = pp.Field(nullable=True)
    precision_mean: float = pp.Field(nullable=True)
    recall_mean: float = pp.Field(nullable=True)
    f1_mean: float = pp.Field(nullable=True)
    precision_q1: float = pp.Field(nullable=True)
    precision_q3: float = pp.Field(nullable=True)
    recall_q1: float = pp.Field(nullable=True)
    recall_q3: float = pp.Field(nullable=True)
    f1_q1: float = pp.Field(nullable=True)
    f1_q3: float = pp.Field(nullable=True)
    f1_pooled: float = pp.Field(nullable=True)
