"""The vocabulary: a schema for every table that crosses from one pipeline to another.

Offer percents are 0–100, probabilities 0–1, money is in the currency of the raw data. Ibis
tables are checked when they are read (checking an unsaved expression would execute it again for
each check), pandas tables when they are written and read. The catalog names these classes.
"""

from promo_kedro.schemas.base import MODES, SPLITS
from promo_kedro.schemas.clean import (
    Campaigns,
    Consumers,
    CouponItems,
    IssuedCoupons,
    Items,
    Offers,
    RejectedRows,
    Transactions,
)
from promo_kedro.schemas.elasticity import (
    ElasticityBins,
    ElasticityCurves,
    OfferElasticities,
)
from promo_kedro.schemas.offers import (
    OptimalOffers,
    OptimizationSummary,
    RevenueRetentionFrontier,
)
from promo_kedro.schemas.panel import (
    Calendar,
    Features,
    Panel,
    RelevantConsumerItems,
)
from promo_kedro.schemas.probabilities import (
    CandidateProbabilities,
    ConsumerCutoffs,
    CutoffCandidates,
    FeatureImportance,
    OfferResponse,
    PurchasePredictions,
    PurchaseProbabilities,
    SearchTrials,
    TrainingHistory,
)
from promo_kedro.schemas.results import (
    CutoffComparison,
    ModelComparison,
    ModelResults,
    ModelResultsSpread,
    OfferValue,
    TrueProbabilities,
)

__all__ = [
    "MODES",
    "SPLITS",
    "Calendar",
    "Campaigns",
    "CandidateProbabilities",
    "ConsumerCutoffs",
    "Consumers",
    "CouponItems",
    "CutoffCandidates",
    "CutoffComparison",
    "ElasticityBins",
    "ElasticityCurves",
    "FeatureImportance",
    "Features",
    "IssuedCoupons",
    "Items",
    "ModelComparison",
    "ModelResults",
    "ModelResultsSpread",
    "OfferElasticities",
    "OfferResponse",
    "OfferValue",
    "Offers",
    "OptimalOffers",
    "OptimizationSummary",
    "Panel",
    "PurchasePredictions",
    "PurchaseProbabilities",
    "RejectedRows",
    "RelevantConsumerItems",
    "RevenueRetentionFrontier",
    "SearchTrials",
    "TrainingHistory",
    "Transactions",
    "TrueProbabilities",
]
