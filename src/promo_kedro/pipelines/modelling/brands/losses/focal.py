"""Binary focal cross-entropy (Lin et al., 2017): what is foretold well hardly counts."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from promo_kedro.pipelines.modelling.brands.losses.base import BrandLoss

# Its exponential is not yet 0 in float32.
_SMALLEST_EXPONENT = -80.0


class Focal(BrandLoss):
    """−(1 − p)^γ·ln p of a purchase, −p^γ·ln(1 − p) of none, p = σ(score).

    With γ = 0 it is the cross-entropy. With more, scores are less extreme than logits
    (Charoenphakdee et al., 2021), by a map that keeps their order.

    Args:
        weights: (B,) as in ``BrandLoss``.
        weight_on: As in ``BrandLoss``.
        gamma: γ ≥ 0, how little counts what is foretold well.
    """

    def __init__(
        self, weights: Tensor, weight_on: Literal["term", "positives"] = "term", gamma: float = 2.0
    ) -> None:
        super().__init__(weights, weight_on)
        self.gamma = gamma

    def if_bought(self, scores: Tensor) -> Tensor:
        """−(1 − p)^γ·ln p."""
        # The power as an exponential: 0^γ would have no gradient for γ < 1.
        return (self.gamma * logsigmoid(-scores)).exp() * softplus(-scores)

    def if_not(self, scores: Tensor) -> Tensor:
        """−p^γ·ln(1 − p)."""
        return self.if_bought(-scores)

    def log_odds(self, scores: Tensor) -> Tensor:
        """γ·x + ln(γ(1 − p)(−ln(1 − p)) + p) − ln(γp(−ln p) + 1 − p).

        It is odd in x. With a = −|x| and e = exp(a) the common factor 1/(1 + e) of the logarithms
        cancels, and what is left are numbers between 1 and 1 + γ.
        """
        a = -scores.abs()
        e = a.clamp(min=_SMALLEST_EXPONENT).exp()
        softplus_a = e.log1p()
        below = (self.gamma + 1) * a + (self.gamma * softplus_a / e).log1p()
        below = below - (self.gamma * e * (softplus_a - a)).log1p()
        return torch.where(scores < 0, below, -below)
