"""What all losses share: weights per brand, the mean, and the way back to a probability."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

LARGEST_SCORE = 20.0
_HALVINGS = 50  # of 40: as fine as float32 tells scores apart


class BrandLoss(nn.Module, ABC):
    """A loss per consumer and brand: ``if_bought`` or ``if_not``, times the brand's weight.

    At purchase probability q the expected loss of a score x is ``q·w·l₁(x) + (1 − q)·l₀(x)``
    with w the weight on purchases. Its minimum is where ``q / (1 − q) = l₀'(x) / (−w·l₁'(x))``,
    so a score that the loss taught stands for exactly one probability: ``logit``.

    Args:
        weights: (B,) positive weights of the brands.
        weight_on: ``term``: a weight counts for purchases and non-purchases of its brand alike.
            It leaves the meaning of scores alone and says which brands the shared layers serve.
            The weights are brought to mean 1, so that the learning rate keeps its meaning
            between runs. ``positives``: it counts for purchases alone and multiplies the odds
            that the scores stand for. It is used as it is, since only its size sets the odds.
    """

    term_weight: Tensor
    purchase_weight: Tensor

    def __init__(self, weights: Tensor, weight_on: Literal["term", "positives"] = "term") -> None:
        super().__init__()
        weights, ones = weights.to(torch.float32), torch.ones(len(weights))
        on_term = weight_on == "term"
        self.register_buffer("term_weight", weights / weights.mean() if on_term else ones)
        self.register_buffer("purchase_weight", ones if on_term else weights)

    @abstractmethod
    def if_bought(self, scores: Tensor) -> Tensor:
        """Return l₁, the loss (n, B) of scores (n, B) of brands that were bought, unweighted."""

    @abstractmethod
    def if_not(self, scores: Tensor) -> Tensor:
        """Return l₀, the loss (n, B) of scores (n, B) of brands that were not, unweighted."""

    @abstractmethod
    def log_odds(self, scores: Tensor) -> Tensor:
        """Return ln(l₀' / −l₁'), the logit (n, B) that scores stand for without weights."""

    def terms(self, scores: Tensor, bought: Tensor) -> Tensor:
        """Return the weighted loss (n, B) of each consumer and brand.

        Args:
            scores: (n, B) what the network says.
            bought: (n, B) 0 or 1.
        """
        bought = bought.to(scores.dtype)
        purchases = bought * self.purchase_weight * self.if_bought(scores)
        return self.term_weight * (purchases + (1 - bought) * self.if_not(scores))

    def mean(self, scores: Tensor, bought: Tensor) -> Tensor:
        """Return the mean over brands and consumers, a scalar with a gradient.

        Args:
            scores: (n, B) what the network says.
            bought: (n, B) 0 or 1.
        """
        # Half precision, where a network may run, is too coarse for logarithms near a margin.
        return self.terms(scores.to(torch.float32), bought).mean()

    def logit(self, scores: Tensor) -> Tensor:
        """Return the logit (n, B) of the probability at which scores (n, B) are the optimum."""
        return self.log_odds(scores) - self.purchase_weight.log()

    def score_of(self, logit: Tensor) -> Tensor:
        """Return the scores that stand for logits, the way back of ``logit``.

        Args:
            logit: (n, B), or (B,) for one row.

        Returns:
            float32 of the same shape; ±``LARGEST_SCORE`` where no score in between stands for it.
        """
        return self.score_of_log_odds(logit.double() + self.purchase_weight.log()).float()

    def score_of_log_odds(self, log_odds: Tensor) -> Tensor:
        """Return the scores of ``log_odds``, which never falls where a score grows: by bisection.

        Args:
            log_odds: (n, B) or (B,), float64.
        """
        low, high = (torch.full_like(log_odds, end) for end in (-LARGEST_SCORE, LARGEST_SCORE))
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            below = self.log_odds(middle) < log_odds
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return high
