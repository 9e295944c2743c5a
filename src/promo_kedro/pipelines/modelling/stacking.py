"""Stacking: several models of the same purchases answer as one ("post stacking", §3.2).

A stack is a weighted sum of its members' logits with weights ≥ 0, so where all members agree
that a deeper offer helps, the stack does too.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from promo_kedro.pipelines.modelling.calibration.folds import (
    deal_folds,
    folds_with_both_classes,
)
from promo_kedro.pipelines.modelling.calibration.logistic import log_losses
from promo_kedro.pipelines.modelling.calibration.platt import (
    count_classes,
    fit_platt,
)
from promo_kedro.pipelines.modelling.parameters import StackingParameters
from promo_kedro.types import Array

AVERAGE = "equal average"
FITTED = "fitted weights"
# Losses this close are a tie, as between the average of two copies and either of them.
_TIE = 1e-9


@dataclass(frozen=True)
class Stack:
    """How the members answer together.

    Attributes:
        weights: Member to its weight, ≥ 0 and not all 0.
        intercept: Added to the weighted sum.
        chosen: A member's name, ``equal average`` or ``fitted weights``.
        scores: Candidate to its log loss on held-out consumers; empty when none were compared.
        reason: The choice in words.
    """

    weights: dict[str, float]
    intercept: float = 0.0
    chosen: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    reason: str = ""

    @property
    def members(self) -> list[str]:
        """The members with a weight: the others need not be asked."""
        return [name for name, weight in self.weights.items() if weight > 0]

    def logit(self, logits: dict[str, Array]) -> Array:
        """Return the stacked logit.

        Args:
            logits: Member to its logits, all of one shape, whatever it is; those without a
                weight may be absent.
        """
        weighted = [
            self.weights[name] * np.asarray(logits[name], np.float64) for name in self.members
        ]
        stacked: Array = np.sum(weighted, axis=0) + self.intercept
        return stacked

    def to_card(self) -> dict[str, Any]:
        """Return what JSON can hold and ``from_card`` reads."""
        return {
            "weights": dict(self.weights),
            "intercept": self.intercept,
            "chosen": self.chosen,
            "scores": dict(self.scores),
            "reason": self.reason,
        }

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> "Stack":
        """Return the stack that ``to_card`` described, exactly."""
        return cls(**card)


def fit_stack(
    logits: Array,
    names: list[str],
    purchased: Array,
    groups: Array,
    parameters: StackingParameters,
) -> Stack:
    """Choose between every single member, their equal average and fitted weights.

    Each is judged on held-out consumers, after slope and level were fitted to it on the others:
    calibration follows anyway, so a member's level must not decide. The lowest loss wins; in a
    tie a single member does, being the cheapest to ask.

    With too few purchases to judge by, the equal average answers: log loss is convex in the
    logit, so the average is never worse than its members are on average, while picking one on
    such evidence is little better than drawing it.

    Args:
        logits: (n, m) raw logits of rows that no member was fitted on.
        names: (m,) the members; their order changes nothing.
        purchased: (n,) 0 or 1.
        groups: (n,) consumer of each row.
        parameters: Folds, the purchases needed, and the pull towards equal weights.
    """
    order = sorted(range(len(names)), key=names.__getitem__)
    names, logits = [names[place] for place in order], np.asarray(logits, np.float64)[:, order]
    target = np.asarray(purchased, np.float64)
    if len(names) == 1:
        return Stack({names[0]: 1.0}, chosen=names[0], reason="the only member")

    fold = deal_folds(groups, parameters.folds)
    alone = dict(zip(names, np.eye(len(names)), strict=True))
    candidates = {**alone, AVERAGE: np.full(len(names), 1 / len(names))}
    if obstacle := _obstacle(target, fold, parameters):
        average = dict(zip(names, candidates[AVERAGE].tolist(), strict=True))
        return Stack(average, chosen=AVERAGE, reason=f"{AVERAGE}: {obstacle}")

    scores = {
        name: _held_out_loss(logits, target, fold, weights) for name, weights in candidates.items()
    }
    fitted, intercept = fit_weights(logits, target, parameters.penalty)
    # All weights 0 would leave no model: everyone's answer the same, at any offer.
    if fitted.max() > 0:
        candidates[FITTED] = fitted
        scores[FITTED] = _held_out_loss(logits, target, fold, None, parameters.penalty)
    lowest = min(scores.values())
    chosen = next(name for name in candidates if scores[name] <= lowest + _TIE)
    return Stack(
        weights=dict(zip(names, candidates[chosen].tolist(), strict=True)),
        intercept=intercept if chosen == FITTED else 0.0,
        chosen=chosen,
        scores=scores,
        reason=_reason(chosen, scores),
    )


def fit_weights(logits: Array, target: Array, penalty: float) -> tuple[Array, float]:
    """Logistic regression on the members' logits, weights ≥ 0, pulled towards 1/m each.

    Minimises Σ log loss + penalty/2 · Σ (weight − 1/m)². The pull is worth a fixed number of
    rows, so it decides where purchases are few and fades where they are many; it also gives
    members that always agree the same weight.

    Args:
        logits: (n, m) raw logits.
        target: (n,) 0 or 1, both present.
        penalty: Strength of the pull; 1 is a prior standard deviation of 1 around 1/m.

    Returns:
        The (m,) weights, and the intercept.
    """
    rows, members = logits.shape
    middle = logits.mean(axis=0)  # without it intercept and weights pull at each other
    centred, equal = logits - middle, 1 / members
    share = target.mean()

    def objective(point: Array) -> tuple[float, Array]:
        weights, level = point[:-1], point[-1]
        logit = centred @ weights + level
        miss, pull = expit(logit) - target, penalty * (weights - equal)
        loss = log_losses(logit, target).sum() + pull @ (weights - equal) / 2
        return loss / rows, np.append(centred.T @ miss + pull, miss.sum()) / rows

    fit = minimize(
        objective,
        np.append(np.full(members, equal), np.log(share / (1 - share))),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * members + [(None, None)],
        options={"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9},
    )
    weights = np.maximum(fit.x[:-1], 0)
    return weights, float(fit.x[-1] - middle @ weights)


def _obstacle(target: Array, fold: Array, parameters: StackingParameters) -> str:
    """Say why the candidates cannot be judged; empty when they can."""
    fewest, found = count_classes(target)
    if fewest < parameters.min_positives:
        return f"{found}; {parameters.min_positives} of each class are needed to choose"
    usable = folds_with_both_classes(fold, target)
    if usable < 2:
        return f"{found}; both meet in {usable} of {parameters.folds} folds, too few to choose"
    return ""


def _held_out_loss(
    logits: Array, target: Array, fold: Array, weights: Array | None, penalty: float = 0.0
) -> float:
    """Return the mean log loss on held-out consumers; without weights they are fitted, too."""
    losses = np.empty(len(target))
    for held_out in np.unique(fold):
        out = fold == held_out
        used = fit_weights(logits[~out], target[~out], penalty)[0] if weights is None else weights
        stacked = logits @ used
        recalibrated = fit_platt(stacked[~out], target[~out], 1, 1)
        losses[out] = log_losses(recalibrated.logit(stacked[out]), target[out])
    return float(losses.mean())


def _reason(chosen: str, scores: dict[str, float]) -> str:
    losses = ", ".join(
        f"{name} {scores[name]:.5f}" for name in sorted(scores, key=scores.__getitem__)
    )
    return f"{chosen}: lowest log loss on held-out consumers ({losses})"
