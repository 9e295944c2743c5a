"""Do losses give away who was trained on? The attack that calls those with a low loss members.

Yeom et al. (2018) attack with one threshold for everybody; Carlini et al. (2022) ask for the share
found at few false accusations beside the AUC, since an attack that is no better than a coin on
average may still be sure of a few.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from promo_kedro.types import Array, DataFrame

FALSE_ACCUSATIONS = 0.01
CONFIDENCE = 0.95
_FEWEST = 2  # of each kind: one alone has no variance


def attack(brand_membership: DataFrame) -> DataFrame:
    """Attack every run on the brands of every stratum, and on all.

    Args:
        brand_membership: losses of consumers who trained and of others, per run and stratum.

    Returns:
        ``run``, ``stratum``, ``members``, ``non_members``; ``auc`` with ``auc_se``, ``auc_low``
        and ``auc_high`` (95 %); ``tpr_at_1_percent_fpr`` with ``tpr_low`` and ``tpr_high``. Runs
        and strata keep their order; figures are missing with fewer than two of a kind.
    """
    groups = brand_membership.groupby(["run", "stratum"], sort=False)
    rows = [{"run": run, "stratum": stratum} | _attacked(group) for (run, stratum), group in groups]
    return pd.DataFrame(rows, columns=["run", "stratum", *_FIGURES])


def auc_and_error(members: Array, strangers: Array) -> tuple[float, float]:
    """Return the AUC of calling low losses members, and its standard error (DeLong, 1988).

    The AUC is the chance that a member's loss is below a stranger's, equal ones counting half.
    Its variance is that of these chances per member and per stranger, each over their number.

    Args:
        members: (m,) losses of those who trained, m ≥ 2.
        strangers: (n,) losses of those who did not, n ≥ 2.
    """
    low = -np.concatenate([members, strangers])
    m, n = len(members), len(strangers)
    together = rankdata(low)
    per_member = (together[:m] - rankdata(low[:m])) / n
    per_stranger = 1 - (together[m:] - rankdata(low[m:])) / m
    variance = per_member.var(ddof=1) / m + per_stranger.var(ddof=1) / n
    return float(per_member.mean()), float(np.sqrt(variance))


def found_at(members: Array, strangers: Array, false_accusations: float) -> float:
    """Return the share of members whom the attack finds at so many false accusations at most.

    The threshold is the largest loss at which the strangers called members are few enough; those
    with the same loss are called alike.
    """
    ordered = np.sort(strangers)
    allowed = int(np.floor(false_accusations * len(ordered) + 1e-9))
    # Everyone below the first stranger too many is called; with everyone allowed, all are.
    limit = ordered[allowed] if allowed < len(ordered) else np.inf
    return float(np.mean(members < limit))


def _attacked(losses: DataFrame) -> dict[str, Any]:
    is_member = losses["member"].to_numpy(dtype=bool)
    loss = losses["loss"].to_numpy(dtype=np.float64)
    members, strangers = loss[is_member], loss[~is_member]
    counts = {"members": len(members), "non_members": len(strangers)}
    if min(counts.values()) < _FEWEST:
        return counts
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    auc, error = auc_and_error(members, strangers)
    found = found_at(members, strangers, FALSE_ACCUSATIONS)
    low, high = _wilson(found, len(members), z)
    return counts | {
        "auc": auc,
        "auc_se": error,
        "auc_low": max(auc - z * error, 0.0),
        "auc_high": min(auc + z * error, 1.0),
        "tpr_at_1_percent_fpr": found,
        "tpr_low": low,
        "tpr_high": high,
    }


def _wilson(share: float, n: int, z: float) -> tuple[float, float]:
    """Return Wilson's interval of a share of n; the threshold counts as given."""
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


_FIGURES = [
    *("members", "non_members"),
    *("auc", "auc_se", "auc_low", "auc_high"),
    *("tpr_at_1_percent_fpr", "tpr_low", "tpr_high"),
]
