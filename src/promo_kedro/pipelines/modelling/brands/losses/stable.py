"""Logarithms of small numbers, from logits, where float32 would round the numbers to 0."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

# Below it softplus(x) is eˣ to the last bit of float32.
_TAIL = -17.0


def log_softplus(scores: Tensor) -> Tensor:
    """Return ln(ln(1 + eˣ)), which approaches x far below 0."""
    return torch.where(scores < _TAIL, scores, softplus(scores.clamp(min=_TAIL)).log())


def log_or_minus_infinity(value: float) -> float:
    """Return ln(value), −∞ at 0."""
    return math.log(value) if value > 0 else -math.inf


def log_slope_if_bought(scores: Tensor, gamma: float) -> Tensor:
    """Return ln(−l₁') of l₁ = (1 − p)^γ·(−ln p), p = σ(x).

    −l₁' = (1 − p)^γ·(γ·p·(−ln p) + (1 − p)).
    """
    if gamma == 0:
        return logsigmoid(-scores)
    focused = log_or_minus_infinity(gamma) + logsigmoid(scores) + log_softplus(-scores)
    return gamma * logsigmoid(-scores) + torch.logaddexp(focused, logsigmoid(-scores))
