"""Binary cross-entropy; with weights on purchases its scores are too high by ln w."""

from torch import Tensor
from torch.nn.functional import softplus

from promo_kedro.pipelines.modelling.brands.losses.base import BrandLoss


class CrossEntropy(BrandLoss):
    """−ln p of a purchase, −ln(1 − p) of none, p = σ(score). A score is a logit."""

    def if_bought(self, scores: Tensor) -> Tensor:
        """−ln p."""
        return softplus(-scores)

    def if_not(self, scores: Tensor) -> Tensor:
        """−ln(1 − p)."""
        return softplus(scores)

    def log_odds(self, scores: Tensor) -> Tensor:
        """The score itself: l₀' = p and −l₁' = 1 − p."""
        return scores

    def score_of_log_odds(self, log_odds: Tensor) -> Tensor:
        """The logit itself."""
        return log_odds
