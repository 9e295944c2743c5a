"""The vocabulary: a schema for every table that crosses from one pipeline to another.

Offer percents are 0–100, probabilities 0–1, money is in the currency of the raw data. Ibis
tables are checked when they are read (checking an unsaved expression would execute it again for
each check), pandas tables when they are written and read. The catalog names these classes.
"""

from typing import Any

import pandas as pd
import pandera.ibis as pi
import pandera.pandas as pp
from ibis.expr import datatypes as dt
from pandera.config import ValidationDepth, config_context

SPLITS = ["train", "validation", "test", "next"]
MODES = ["paper", "linear", "exact"]


def _percent(**options: Any) -> Any:
    return pp.Field(in_range={"min_value": 0, "max_value": 100}, **options)


def _probability(**options: Any) -> Any:
    return pp.Field(in_range={"min_value": 0, "max_value": 1}, **options)


def _not_negative(**options: Any) -> Any:
    return pp.Field(ge=0, **options)


class _IbisTable(pi.DataFrameModel):
    """Column names are exact: a column too many is as much a mistake as one too few."""

    class Config:
        """Refuse unknown columns."""

        strict = True

    @classmethod
    def validate(cls, check_obj: Any, *args: Any, **options: Any) -> Any:
        """Check a table; of one without rows only the columns.

        An engine answers "do all of no rows pass?" with null, which pandera takes for a no.
        """
        if check_obj.limit(1).count().to_pyarrow().as_py():
            return super().validate(check_obj, *args, **options)
        with config_context(validation_depth=ValidationDepth.SCHEMA_ONLY):
            return super().validate(check_obj, *args, **options)


class _PandasTable(pp.DataFrameModel):
    """As for Ibis tables; whole numbers may come as any integer type."""

    class Config:
        """Refuse unknown columns, unify number types."""

        strict = True
        coerce = True


# ── clean tables ─────────────────────────────────────────────────────────────────────────────


class RejectedRows(_IbisTable):
    """Rows of the raw tables that were set aside, each with the reason."""

    table: str
    row: int = _not_negative()
    reason: str
    values: str


class Transactions(_IbisTable):
    """One line of a receipt; money is a line total except ``list_price``, a unit price."""

    row: int
    date: dt.Date
    step: int = pp.Field(ge=-1)
    customer_id: int
    item_id: int
    quantity: int = pp.Field(gt=0)
    selling_price: float = _not_negative()
    other_discount: float = pp.Field(le=0)
    coupon_discount: float = pp.Field(le=0)
    list_price: float = _not_negative()
    offer_percent: float = _percent()
    basket_id: int = pp.Field(nullable=True)
    cart_position: int = pp.Field(nullable=True)


class Items(_IbisTable):
    """One item of the assortment."""

    item_id: int
    brand: str
    brand_type: str = pp.Field(nullable=True)
    category: str
    unit_cost: float = pp.Field(nullable=True)


class Consumers(_IbisTable):
    """Every consumer seen anywhere, with what is known of them."""

    customer_id: int
    age_range: str = pp.Field(nullable=True)
    marital_status: str = pp.Field(nullable=True)
    rented: str = pp.Field(nullable=True)
    family_size: str = pp.Field(nullable=True)
    no_of_children: str = pp.Field(nullable=True)
    income_bracket: str = pp.Field(nullable=True)


class Campaigns(_IbisTable):
    """When each campaign's coupons were valid."""

    campaign_id: int
    campaign_type: str = pp.Field(nullable=True)
    start_date: dt.Date
    end_date: dt.Date


class CouponItems(_IbisTable):
    """Which items a coupon is for."""

    coupon_id: int
    item_id: int


class IssuedCoupons(_IbisTable):
    """Who was given which coupon; whether it was redeemed is left out on purpose."""

    campaign_id: int
    coupon_id: int
    customer_id: int


class Offers(_IbisTable):
    """Offers made, bought or not, zero offers too; no rows where the retailer logs none."""

    customer_id: int
    item_id: int
    step: int = pp.Field(ge=-1)
    offer_percent: float = _percent()
    explored: bool
    propensity: float = _probability(nullable=True)


# ── calendar, panel, features ────────────────────────────────────────────────────────────────


class Calendar(_PandasTable):
    """The 14-day steps of each window and the part that each plays."""

    window: int = _not_negative()
    step: int = _not_negative()
    start_date: Any
    end_date: Any
    split: str = pp.Field(isin=SPLITS)


class RelevantConsumerItems(_IbisTable):
    """Consumer-items bought often enough in the training steps of a window."""

    window: int = _not_negative()
    customer_id: int
    item_id: int
    category: str


class Panel(_IbisTable):
    """One cell per relevant consumer-item and step."""

    customer_id: int
    item_id: int
    step: int = _not_negative()
    category: str
    purchased: dt.Int8 = pp.Field(isin=[0, 1], nullable=True)
    quantity: int = pp.Field(ge=0, nullable=True)
    list_price: float = pp.Field(ge=0, nullable=True)
    offer_percent: float = _percent()
    offer_known: bool


class Features(pi.DataFrameModel):
    """The panel's cells with the features that ``feature_groups`` names."""

    window: int
    category: str
    customer_id: int
    item_id: int
    step: int
    split: str = pp.Field(isin=SPLITS)
    purchased: dt.Int8 = pp.Field(isin=[0, 1], nullable=True)


# ── probabilities and cut-offs ───────────────────────────────────────────────────────────────


class PurchaseProbabilities(_PandasTable):
    """What the models say of each consumer-item after the training steps."""

    window: int
    customer_id: int
    item_id: int
    step: int
    category: str
    split: str = pp.Field(isin=SPLITS[1:])
    purchased: float = pp.Field(isin=[0, 1], nullable=True)
    raw_probability: float = _probability()
    probability: float = _probability()
    model: str = pp.Field(isin=["category", "pooled"])


class OfferResponse(_PandasTable):
    """The calibrated model at ``next``, asked again with the offer moved over a grid."""

    customer_id: int
    item_id: int
    offer_percent: float = _percent()
    category: str
    probability: float = _probability()


class TrainingHistory(_PandasTable):
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
    weight: float = _probability()


class CandidateProbabilities(_PandasTable):
    """What simpler models, and the parts of the model in use, say of the test step."""

    window: int
    customer_id: int
    item_id: int
    step: int
    category: str
    split: str = pp.Field(isin=["test"])
    purchased: float = pp.Field(isin=[0, 1])
    candidate: str
    probability: float = _probability()


class FeatureImportance(_PandasTable):
    """How much the log loss of the test step rises without a family of features."""

    window: int
    category: str
    group: str
    features: int
    log_loss: float
    log_loss_permuted: float
    increase: float


class SearchTrials(_PandasTable):
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


class ConsumerCutoffs(_PandasTable):
    """Per consumer, the probability from which an item counts as predicted."""

    window: int
    split: str = pp.Field(isin=["test", "next"])
    customer_id: int
    category: str
    cutoff: float = pp.Field(ge=0)
    n_items: int
    n_purchased: int
    source: str


class CutoffCandidates(_PandasTable):
    """The cut-off by each method, and the F1 expected of it under the probabilities."""

    window: int
    split: str = pp.Field(isin=["test", "next"])
    customer_id: int
    category: str
    method: str = pp.Field(isin=["expected_f1", "ratio", "empirical", "global", "shrunk"])
    cutoff: float = pp.Field(ge=0)
    expected_f1: float = _probability()


class PurchasePredictions(_PandasTable):
    """Probabilities cut into yes and no."""

    window: int
    customer_id: int
    item_id: int
    step: int
    category: str
    split: str = pp.Field(isin=["test", "next"])
    probability: float = _probability()
    cutoff: float = pp.Field(ge=0)
    predicted: bool
    purchased: float = pp.Field(isin=[0, 1], nullable=True)


# ── elasticity ───────────────────────────────────────────────────────────────────────────────


class ElasticityCurves(_PandasTable):
    """Eq. 10 fitted per category."""

    category: str
    relation: str = pp.Field(isin=["observed", "response"])
    slope: float = pp.Field(nullable=True)
    intercept: float = pp.Field(nullable=True)
    slope_se: float = pp.Field(nullable=True)
    intercept_se: float = pp.Field(nullable=True)
    r2: float = pp.Field(nullable=True)
    n: int
    n_bins: int
    status: str


class ElasticityBins(_PandasTable):
    """The equal-count bins that a curve's R² is about."""

    category: str
    relation: str = pp.Field(isin=["observed", "response"])
    offer_percent: float = _percent()
    probability: float = _probability()
    n: int


class OfferElasticities(_PandasTable):
    """Eq. 12 for each relevant consumer-item, at its reference offer."""

    customer_id: int
    item_id: int
    category: str
    reference_offer: float = _percent()
    reference_source: str
    offer_today: float = _percent()
    probability: float = _probability()
    elasticity: float
    price: float = _not_negative()
    quantity: float = _not_negative()
    unit_price: float = _not_negative()


# ── offers ───────────────────────────────────────────────────────────────────────────────────


class OptimalOffers(_PandasTable):
    """The plan: one offer per consumer-item for the step after the data."""

    mode: str = pp.Field(isin=MODES)
    customer_id: int
    item_id: int
    category: str
    price: float = _not_negative()
    reference_offer: float = _percent()
    change: float = pp.Field(nullable=True)
    offer_percent: float = _percent()
    valid_from: Any
    valid_to: Any
    probability_before: float = _probability()
    probability_after: float = _probability()
    retained_before: float = _probability()
    retained_after: float = _probability()
    revenue_before: float = _not_negative()
    revenue_after: float = _not_negative()


class OptimizationSummary(_PandasTable):
    """How each category's program ended."""

    mode: str = pp.Field(isin=MODES)
    category: str
    n: int
    status: str
    revenue: float = pp.Field(nullable=True)
    upper_bound: float = pp.Field(nullable=True)
    gap: float = pp.Field(nullable=True)
    retention: float = pp.Field(nullable=True)
    retention_required: float = pp.Field(nullable=True)
    retention_attainable: float = pp.Field(nullable=True)
    retention_shadow_price: float = pp.Field(nullable=True)
    offer_min: float = pp.Field(nullable=True)
    offer_max: float = pp.Field(nullable=True)
    solver: str
    seconds: float
    message: str


class RevenueRetentionFrontier(_PandasTable):
    """The most revenue for each retention that may be required."""

    mode: str = pp.Field(isin=MODES)
    category: str
    retention_required: float
    revenue: float
    retention: float
    shadow_price: float


# ── results ──────────────────────────────────────────────────────────────────────────────────


class ModelResults(_PandasTable):
    """The paper's Table 1, with what it needs to be read; figures of small groups are missing."""

    window: int
    category: str
    sample_size: pd.Int64Dtype = pp.Field(nullable=True)
    consumers: pd.Int64Dtype = pp.Field(nullable=True)
    rows: pd.Int64Dtype = pp.Field(nullable=True)
    positives: pd.Int64Dtype = pp.Field(nullable=True)
    prevalence: float = pp.Field(nullable=True)
    log_loss: float = pp.Field(nullable=True)
    skill_prevalence: float = pp.Field(nullable=True)
    precision: float = pp.Field(nullable=True)
    recall: float = pp.Field(nullable=True)
    f1: float = pp.Field(nullable=True)
    expected_calibration_error: float = pp.Field(nullable=True)
    average_elasticity: float = pp.Field(nullable=True)
    weighted_offer_percent: float = pp.Field(nullable=True)
    r2: float = pp.Field(nullable=True)


class ModelResultsSpread(_PandasTable):
    """Mean and spread of the results over the windows; figures of small groups are missing."""

    category: str
    metric: str
    windows: pd.Int64Dtype = pp.Field(nullable=True)
    mean: float = pp.Field(nullable=True)
    spread: float = pp.Field(nullable=True)
    lowest: float = pp.Field(nullable=True)
    highest: float = pp.Field(nullable=True)


class TrueProbabilities(_PandasTable):
    """What was true of the test rows, where the truth is known."""

    window: int
    customer_id: int
    item_id: int
    step: int
    category: str
    split: str = pp.Field(isin=["test"])
    purchased: float = pp.Field(isin=[0, 1])
    candidate: str = pp.Field(isin=["truth_observable", "truth_whole"])
    probability: float = _probability()


class ModelComparison(_PandasTable):
    """The model in use beside simpler ones and the truth; figures of small groups are missing."""

    window: int
    category: str
    candidate: str
    rows: pd.Int64Dtype = pp.Field(nullable=True)
    positives: pd.Int64Dtype = pp.Field(nullable=True)
    prevalence: float = pp.Field(nullable=True)
    log_loss: float = pp.Field(nullable=True)
    skill_prevalence: float = pp.Field(nullable=True)
    average_precision: float = pp.Field(nullable=True)
    expected_calibration_error: float = pp.Field(nullable=True)
    skill_truth: float = pp.Field(nullable=True)
    loss_above_in_use: float = pp.Field(nullable=True)
    loss_above_in_use_se: float = pp.Field(nullable=True)
    in_use: pd.BooleanDtype = pp.Field(nullable=True)


class CutoffComparison(_PandasTable):
    """The ways to cut, on the same rows; figures of small groups are missing."""

    window: int
    category: str
    method: str
    consumers: pd.Int64Dtype = pp.Field(nullable=True)
    mean_f1: float = pp.Field(nullable=True)
    mean_f1_buyers: float = pp.Field(nullable=True)
    expected_f1: float = pp.Field(nullable=True)
    realised_minus_expected: float = pp.Field(nullable=True)
    realised_minus_expected_se: float = pp.Field(nullable=True)
    precision: float = pp.Field(nullable=True)
    recall: float = pp.Field(nullable=True)
    f1: float = pp.Field(nullable=True)
    chosen: pd.BooleanDtype = pp.Field(nullable=True)


class OfferValue(pp.DataFrameModel):
    """What each policy's offers earn in the simulated world; no rows without one."""

    policy: str
    category: str
    horizon: int
    seed: int
    revenue: float = pp.Field(nullable=True)
    retention: float = pp.Field(nullable=True)

    class Config:
        """Intervals and differences may stand beside these columns."""

        coerce = True
