"""Logit adjustment (Menon et al., 2021): the prior is added while training."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from promo_kedro.pipelines.modelling.brands.losses.base import BrandLoss

# A brand that no one bought has a finite prior: one purchase in a million.
RAREST = 1e-6


class LogitAdjusted(BrandLoss):
    """Cross-entropy of score + τ·logit(π), with π the prevalence of the brand.

    The prior stands outside the network, whose scores say how much more than usual a consumer
    takes to a brand (τ = 1). Adding it again gives the logit of the probability.

    Args:
        weights: (B,) as in ``BrandLoss``.
        prevalence: (B,) π of the rows that are trained on.
        weight_on: As in ``BrandLoss``.
        tau: τ ≥ 0, how much of the prior is added.
    """

    prior: Tensor

    def __init__(
        self,
        weights: Tensor,
        prevalence: Tensor,
        weight_on: Literal["term", "positives"] = "term",
        tau: float = 1.0,
    ) -> None:
        super().__init__(weights, weight_on)
        prior = tau * torch.logit(prevalence.to(torch.float64), eps=RAREST)
        self.register_buffer("prior", prior.to(torch.float32))

    def if_bought(self, scores: Tensor) -> Tensor:
        """−ln σ(x + τ·logit π)."""
        return softplus(-scores - self.prior)

    def if_not(self, scores: Tensor) -> Tensor:
        """−ln(1 − σ(x + τ·logit π))."""
        return softplus(scores + self.prior)

    def log_odds(self, scores: Tensor) -> Tensor:
        """The score with the prior added again: x + τ·logit π."""
        return scores + self.prior

    def score_of_log_odds(self, log_odds: Tensor) -> Tensor:
        """The logit without the prior."""
        return log_odds - self.prior
