"""What calibration changed on the test step, for better or worse."""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.scores import calibration_error, log_loss

_NAMES = {"log_loss": "log loss", "expected_calibration_error": "calibration error"}
_DIGITS = 4  # shown, and differences that cannot be seen are none


def calibration_effect(tested: pd.DataFrame, bins: int) -> dict[str, dict[str, float]]:
    """Score the probabilities before and after calibration.

    Args:
        tested: Rows of ``purchase_probabilities`` of a test step.
        bins: Number of equal-count bins of the calibration error.

    Returns:
        ``log_loss`` and ``expected_calibration_error``, each ``before`` and ``after``.
    """
    purchased = tested["purchased"].to_numpy(dtype=float)
    sides = {"before": "raw_probability", "after": "probability"}
    said = {side: tested[column].to_numpy(dtype=float) for side, column in sides.items()}
    return {
        "log_loss": {side: log_loss(purchased, said[side]) for side in sides},
        "expected_calibration_error": {
            side: calibration_error(purchased, said[side], bins) for side in sides
        },
    }


def made_worse(effect: dict[str, dict[str, float]]) -> bool:
    """Whether calibration raised the log loss or the calibration error as far as people see."""
    return any(_change(score) > 0 for score in effect.values())


def calibration_sentence(effect: dict[str, dict[str, Any]]) -> str:
    """Both scores before and after in one sentence, which does not spare calibration."""
    if not any(_change(score) for score in effect.values()):
        scores = (f"the {words} at {effect[name]['after']:.4f}" for name, words in _NAMES.items())
        return f"On the test step calibration leaves {' and '.join(scores)}."
    (first, change), (second, next_change) = (
        (_told(words, effect[name]), _change(effect[name])) for name, words in _NAMES.items()
    )
    link = ", but" if change * next_change < 0 else " and"
    harm = ": what it learned in the validation step does not all hold there"
    return f"On the test step calibration {first}{link} {second}" + (
        f"{harm}." if made_worse(effect) else "."
    )


def _told(words: str, score: dict[str, float]) -> str:
    if not _change(score):
        return f"leaves the {words} at {score['after']:.4f}"
    verb = "raises" if _change(score) > 0 else "lowers"
    return f"{verb} the {words} from {score['before']:.4f} to {score['after']:.4f}"


def _change(score: dict[str, float]) -> float:
    return round(score["after"], _DIGITS) - round(score["before"], _DIGITS)
