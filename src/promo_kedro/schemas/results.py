"""What evaluation writes."""

import pandas as pd
import pandera.pandas as pp

from promo_kedro.schemas.base import (
    PandasTable,
    probability_field,
)


class ModelResults(PandasTable):
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


class ModelResultsSpread(PandasTable):
    """Mean and spread of the results over the windows; figures of small groups are missing."""

    category: str
    metric: str
    windows: pd.Int64Dtype = pp.Field(nullable=True)
    mean: float = pp.Field(nullable=True)
    spread: float = pp.Field(nullable=True)
    lowest: float = pp.Field(nullable=True)
    highest: float = pp.Field(nullable=True)


class TrueProbabilities(PandasTable):
    """What was true of the test rows, where the truth is known."""

    window: int
    customer_id: int
    item_id: int
    step: int
    category: str
    split: str = pp.Field(isin=["test"])
    purchased: float = pp.Field(isin=[0, 1])
    candidate: str = pp.Field(isin=["truth_observable", "truth_whole"])
    probability: float = probability_field()


class ModelComparison(PandasTable):
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


class CutoffComparison(PandasTable):
    """The ways to cut, on the same rows; figures of small groups are missing."""

    window: int
    category: str
    method: str
    consumers: pd.Int64Dtype = pp.Field(nullable=True)
    cutoffs: pd.Int64Dtype = pp.Field(nullable=True)
    mean_f1: float = pp.Field(nullable=True)
    mean_f1_baskets: float = pp.Field(nullable=True)
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
