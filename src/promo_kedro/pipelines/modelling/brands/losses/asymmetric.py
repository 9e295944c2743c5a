"""Asymmetric loss (Ridnik et al., 2021): easy non-purchases count little, or not at all."""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from promo_kedro.pipelines.modelling.brands.losses.base import BrandLoss
from promo_kedro.pipelines.modelling.brands.losses.stable import (
    log_or_minus_infinity,
    log_slope_if_bought,
    log_softplus,
)

# The map is exact down to this logit, one purchase in nine million.
_LOWEST_LOGIT = -16.0
# Float32 cannot tell scores that are closer to the margin apart from it.
_CLOSEST = 1e-5


class Asymmetric(BrandLoss):
    """−(1 − p)^γ₊·ln p of a purchase, −pₘ^γ₋·ln(1 − pₘ) of none, pₘ = max(p − m, 0).

    Below the margin m a non-purchase costs nothing, so no score there is an optimum of any
    probability above 0. The map to a probability is exact above it. Where that would be lower
    than one in nine million, or the score is below the margin, the logit goes on with slope 1:
    finite, and in the order of the scores.

    With a margin the loss of a non-purchase is bounded, so beyond the odds
    ``(1 − m)^γ₋·(γ₋·(−ln m)/(1 − m) + 1/m)/w`` (γ₊ = 0) scores grow without end: no score stands
    for more. With the usual numbers that is a probability of 0.96; with w = 20, of 0.57.

    Args:
        weights: (B,) as in ``BrandLoss``.
        weight_on: As in ``BrandLoss``.
        gamma_positive: γ₊ ≥ 0, how little counts a purchase that is foretold well.
        gamma_negative: γ₋ ≥ 0, how little counts a non-purchase that is foretold well.
        margin: m, 0 ≤ m < 1, the probability up to which a non-purchase costs nothing.
    """

    def __init__(
        self,
        weights: Tensor,
        weight_on: Literal["term", "positives"] = "term",
        gamma_positive: float = 0.0,
        gamma_negative: float = 4.0,
        margin: float = 0.05,
    ) -> None:
        super().__init__(weights, weight_on)
        self.gamma_positive, self.gamma_negative, self.margin = (
            gamma_positive,
            gamma_negative,
            margin,
        )
        self.lowest_score = self._find_lowest_score() if margin > 0 else -math.inf

    def if_bought(self, scores: Tensor) -> Tensor:
        """−(1 − p)^γ₊·ln p."""
        return (self.gamma_positive * logsigmoid(-scores)).exp() * softplus(-scores)

    def if_not(self, scores: Tensor) -> Tensor:
        """−pₘ^γ₋·ln(1 − pₘ)."""
        log_shifted, loss, _ = self._shifted(scores)
        return (self.gamma_negative * log_shifted).exp() * loss

    def log_odds(self, scores: Tensor) -> Tensor:
        """The logit of the probability, going on with slope 1 below ``lowest_score``."""
        if self.margin == 0:
            return self._exact(scores)
        below = (scores - self.lowest_score).clamp(max=0)
        return self._exact(scores.clamp(min=self.lowest_score)) + below

    def _exact(self, scores: Tensor) -> Tensor:
        """ln(l₀' / −l₁'); l₀' = p(1 − p)·pₘ^γ₋·(γ₋·(−ln(1 − pₘ))/pₘ + 1/(1 − pₘ))."""
        log_shifted, loss, log_loss = self._shifted(scores)
        focused = log_or_minus_infinity(self.gamma_negative) - log_shifted + log_loss
        slope = logsigmoid(scores) + logsigmoid(-scores) + torch.logaddexp(focused, loss)
        slope = slope + self.gamma_negative * log_shifted
        return slope - log_slope_if_bought(scores, self.gamma_positive)

    def _shifted(self, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return ln pₘ, −ln(1 − pₘ) and the logarithm of that."""
        if self.margin == 0:
            return logsigmoid(scores), softplus(scores), log_softplus(scores)
        above = scores.clamp(min=self._score_at_margin + _CLOSEST)
        # p − m without the digits that a difference of two close numbers loses.
        over = -torch.expm1(self._score_at_margin - above)
        shifted = torch.sigmoid(above) * (1 - self.margin) * over
        loss = -torch.log1p(-shifted)
        return shifted.log(), loss, loss.log()

    @property
    def _score_at_margin(self) -> float:
        return math.log(self.margin / (1 - self.margin))

    def _find_lowest_score(self) -> float:
        """Return the score of the lowest logit that is exact, by bisection."""
        low, high = self._score_at_margin + 2 * _CLOSEST, self._score_at_margin + 50.0
        for _ in range(60):
            middle = (low + high) / 2
            exact = self._exact(torch.tensor(middle, dtype=torch.float64))
            low, high = (middle, high) if exact < _LOWEST_LOGIT else (low, middle)
        return high
