"""Binary focal cross-entropy (Lin et al., 2017): what is foretold well hardly counts."""

from typing import Literal

from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from promo_kedro.pipelines.modelling.brands.losses.base import BrandLoss
from promo_kedro.pipelines.modelling.brands.losses.stable import log_slope_if_bought


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
        """γ·x + ln(γ(1 − p)(−ln(1 − p)) + p) − ln(γp(−ln p) + 1 − p)."""
        return log_slope_if_bought(-scores, self.gamma) - log_slope_if_bought(scores, self.gamma)
