"""Do losses give away who was trained on? Attacks that call those with a low loss members.

Yeom et al. (2018) attack with one threshold for everybody. Watson et al. (2022) first take off what
another model loses, for some consumers are hard to foretell for anybody. Carlini et al. (2022) ask
for the share found at few false accusations beside the AUC, since an attack that is no better than
a coin on average may still be sure of a few.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from promo_kedro.types import Array, DataFrame

ATTACKS = ("loss", "loss_minus_reference")
FALSE_ACCUSATIONS = 0.01
CONFIDENCE = 0.95
_FEWEST = 2  # of each kind: one alone has no variance


def attack(brand_membership: DataFrame, fewest: int = _FEWEST) -> DataFrame:
    """Attack every run on the brands of every stratum, and on all.

    The stronger of the two attacks is told of, as an attacker would choose it. To choose between
    two draws of chance raises the AUC a little: a run that remembers nobody may stand at 0.51.

    Args:
        brand_membership: losses of consumers who trained and of others, per run and stratum, and
            these minus the reference run's, missing for that one.
        fewest: consumers of each kind; of fewer nothing is said, nor how few they are.

    Returns:
        ``run``, ``stratum``, ``members``, ``non_members``; ``attack``, the column that the stronger
        attack looks at, and ``auc_other`` of the weaker, if there are two; ``auc`` with ``auc_se``,
        ``auc_low`` and ``auc_high`` (95 %); ``tpr_at_1_percent_fpr`` with ``tpr_low`` and
        ``tpr_high``. Runs and strata keep their order; figures are missing with too few of a
        kind.
    """
    groups = brand_membership.groupby(["run", "stratum"], sort=False)
    rows = [
        {"run": run, "stratum": stratum} | _attacked(group, max(fewest, _FEWEST))
        for (run, stratum), group in groups
    ]
    table = pd.DataFrame(rows, columns=["run", "stratum", *_FIGURES])
    return table.astype({"members": "Int64", "non_members": "Int64"})


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


def _attacked(losses: DataFrame, fewest: int) -> dict[str, Any]:
    is_member = losses["member"].to_numpy(dtype=bool)
    counts = {"members": int(is_member.sum()), "non_members": int((~is_member).sum())}
    if min(counts.values()) < fewest:
        return {kind: None if 0 < n < fewest else n for kind, n in counts.items()}
    tried = []
    for name in ATTACKS:
        loss = losses[name].to_numpy(dtype=np.float64)
        if np.isfinite(loss).all():
            tried.append({"attack": name} | _judged(loss[is_member], loss[~is_member]))
    stronger, *weaker = sorted(tried, key=lambda attack: -attack["auc"])
    return counts | stronger | {"auc_other": weaker[0]["auc"] if weaker else np.nan}


def _judged(members: Array, strangers: Array) -> dict[str, Any]:
    """Return how well low losses tell the two apart."""
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    auc, error = auc_and_error(members, strangers)
    found = found_at(members, strangers, FALSE_ACCUSATIONS)
    low, high = _wilson(found, len(members), z)
    return {
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
    *("members", "non_members", "attack"),
    *("auc", "auc_other", "auc_se", "auc_low", "auc_high"),
    *("tpr_at_1_percent_fpr", "tpr_low", "tpr_high"),
]
