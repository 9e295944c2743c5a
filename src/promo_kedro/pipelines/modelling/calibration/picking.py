"""Which calibration: the lowest log loss on consumers that it was not fitted on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from promo_kedro.pipelines.modelling.calibration.beta import Beta, fit_beta
from promo_kedro.pipelines.modelling.calibration.folds import (
    deal_folds,
    folds_with_both_classes,
)
from promo_kedro.pipelines.modelling.calibration.isotonic import Isotonic, fit_isotonic
from promo_kedro.pipelines.modelling.calibration.logistic import RefusedError, log_losses
from promo_kedro.pipelines.modelling.calibration.platt import (
    IDENTITY,
    Platt,
    count_classes,
    fit_level,
    fit_platt,
)
from promo_kedro.pipelines.modelling.parameters import CalibrationParameters
from promo_kedro.types import Array

Calibrator = Platt | Beta | Isotonic

_KINDS: dict[str, Callable[..., Calibrator]] = {
    IDENTITY: Platt,
    "platt": Platt,
    "beta": Beta,
    "isotonic": Isotonic,
}


@dataclass(frozen=True)
class Calibration:
    """What was picked, and why.

    Attributes:
        chosen: Gives the purchase probabilities.
        smooth: Answers at other offers: the best that is not isotonic. The same as ``chosen``
            unless that is isotonic.
        scores: Candidate to its log loss on held-out consumers; empty when none were compared.
        reason: The choice in words, with what was left out of it.
    """

    chosen: Calibrator = field(default_factory=Platt)
    smooth: Calibrator = field(default_factory=Platt)
    scores: dict[str, float] = field(default_factory=dict)
    reason: str = ""

    def to_card(self) -> dict[str, Any]:
        """Return what JSON can hold and ``from_card`` reads."""
        return {
            "chosen": self.chosen.to_card(),
            "smooth": self.smooth.to_card(),
            "scores": dict(self.scores),
            "reason": self.reason,
        }

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> "Calibration":
        """Return the calibration that ``to_card`` described, exactly."""
        return cls(
            chosen=calibration_from_card(card["chosen"]),
            smooth=calibration_from_card(card["smooth"]),
            scores=dict(card["scores"]),
            reason=card["reason"],
        )


def calibration_from_card(card: dict[str, Any]) -> Calibrator:
    """Return the calibrator that its ``to_card`` described, exactly."""
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in card.items()
        if name != "kind"
    }
    return _KINDS[card["kind"]](**values)


def pick_calibration(
    logit: Array, purchased: Array, groups: Array, parameters: CalibrationParameters
) -> Calibration:
    """Pick a calibration by cross-validation over consumers and refit it on all rows.

    Doing nothing is always a candidate. With fewer than two folds that have both classes there
    is nothing to compare by, and Platt's ladder decides: slope and level, level alone, nothing.

    Args:
        logit: (n,) raw logits of rows that the model was not fitted on.
        purchased: (n,) 0 or 1.
        groups: (n,) consumer of each row.
        parameters: The candidates, the folds, and how many of each class a fit needs.
    """
    logit, target = (np.asarray(values, np.float64) for values in (logit, purchased))
    fewest, found = count_classes(target)
    fold = deal_folds(groups, parameters.folds)
    usable = folds_with_both_classes(fold, target)
    if fewest < parameters.min_positives or usable < 2:
        platt = fit_platt(
            logit, target, parameters.min_positives, parameters.min_positives_for_slope
        )
        folds = f"purchases and non-purchases meet in {usable} of {parameters.folds} folds"
        reason = platt.reason or f"{found}; {folds}, too few to compare calibrations"
        return Calibration(platt, platt, {}, f"{platt.kind}: {reason}")

    needed = f"{parameters.min_positives_for_slope} of each class are needed for a slope"
    too_few = "" if fewest >= parameters.min_positives_for_slope else f"{found}; {needed}"
    fitted, scores, remarks = {}, {}, []
    for kind in dict.fromkeys([IDENTITY, *parameters.candidates, *_stand_in(parameters)]):
        try:
            fitted[kind] = _fit(kind, logit, target, too_few)
            scores[kind] = _held_out_loss(kind, logit, target, fold, too_few)
        except RefusedError as refusal:
            remarks.append(f"{kind} left out: {refusal}")
    if isinstance(ladder := fitted.get("platt"), Platt) and ladder.reason:
        remarks.append(f"platt moves the level alone: {ladder.reason}")
    rivals = [kind for kind in scores if kind in (IDENTITY, *parameters.candidates)]
    chosen = smooth = min(rivals, key=scores.__getitem__)
    if chosen == "isotonic":
        smooth = min((kind for kind in scores if kind != "isotonic"), key=scores.__getitem__)
    return Calibration(
        fitted[chosen], fitted[smooth], scores, _reason(chosen, smooth, scores, remarks)
    )


def _stand_in(parameters: CalibrationParameters) -> list[str]:
    """Return Platt's for the questions about offers, where isotonic is all that was asked for."""
    return ["platt"] if set(parameters.candidates) == {"isotonic"} else []


def _fit(kind: str, logit: Array, target: Array, too_few: str) -> Calibrator:
    """Fit one kind; where a class has ``too_few`` rows (in words) Platt's is a level alone.

    The number of all rows decides, in every fold, so that what is judged is what is refitted.
    """
    if kind == IDENTITY:
        return Platt()
    if kind == "platt":
        platt = fit_level(logit, target, too_few) if too_few else fit_platt(logit, target, 1, 1)
        if platt.kind == IDENTITY:
            raise RefusedError(platt.reason)
        return platt
    if too_few:
        raise RefusedError(too_few)
    return fit_beta(logit, target) if kind == "beta" else fit_isotonic(logit, target)


def _held_out_loss(kind: str, logit: Array, target: Array, fold: Array, too_few: str) -> float:
    """Return the mean log loss over all rows, each answered by a fit on the other folds."""
    losses = np.empty(len(target))
    for held_out in np.unique(fold):
        out = fold == held_out
        calibrator = _fit(kind, logit[~out], target[~out], too_few)
        losses[out] = log_losses(calibrator.logit(logit[out]), target[out])
    return float(losses.mean())


def _reason(chosen: str, smooth: str, scores: dict[str, float], remarks: list[str]) -> str:
    losses = ", ".join(
        f"{kind} {scores[kind]:.5f}" for kind in sorted(scores, key=scores.__getitem__)
    )
    parts = [f"{chosen}: lowest log loss on held-out consumers ({losses})", *remarks]
    if smooth != chosen:
        parts.append(f"{smooth} answers at other offers")
    return "; ".join(parts)
