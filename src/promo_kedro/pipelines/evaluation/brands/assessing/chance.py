"""Whether chance alone may have made the winner's mean F1 better than another run's."""

from typing import Any

import numpy as np

from promo_kedro.types import Array

CERTAIN = 2.0  # standard errors


def errors_against(f1: dict[str, dict[str, Array]], winner: str) -> list[dict[str, Any]]:
    """Standard errors of the winner's mean F1 minus that of each other run.

    Args:
        f1: By run and level, (n,) F1 of the same consumers, or of the same brands.
        winner: The best run.

    Returns:
        Rows of ``name``, ``level`` and ``f1_mean_se``, shares; None where it is not known.
    """
    if winner not in f1:
        return []
    return [
        {"name": run, "level": level, "f1_mean_se": paired_error(f1[winner][level], theirs)}
        for run, of_levels in f1.items()
        if run != winner
        for level, theirs in of_levels.items()
    ]


def paired_error(ours: Array, theirs: Array) -> float | None:
    """Standard error of mean(ours) − mean(theirs) over the same consumers or brands.

    The two figures of one are paired: what makes it hard for both runs is no difference. That
    of all who are scored in both is the usual paired standard error; who is scored in one alone
    moves that one's mean alone.

    Args:
        ours: (n,) figures, NaN where not scored.
        theirs: (n,) of the same.

    Returns:
        None with fewer than two scored, or none in one of them.
    """
    scored = np.isfinite(ours) | np.isfinite(theirs)
    n = int(scored.sum())
    if n < 2 or not np.isfinite(ours).any() or not np.isfinite(theirs).any():
        return None
    pull = _pull(ours[scored]) - _pull(theirs[scored])
    return float(np.sqrt(np.sum(pull**2) * n / (n - 1)))


def _pull(figures: Array) -> Array:
    """By how much each one moves the mean away from where it is."""
    counted = np.isfinite(figures)
    values = np.where(counted, figures, 0.0).astype(np.float64)
    return np.where(counted, values - values.sum() / counted.sum(), 0.0) / counted.sum()
