"""What the experiment wanted, judged over seeds; whatever was missed comes first."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from brand_seeds.retailers import Outcome

REPORTED, LEVELS = "out_of_training", ["user", "item"]
# The best run is chosen by the mean; the goals of the truth are of the median.
F1 = {"f1_mean": "mean F1", "f1_median": "median F1"}
FIGURES = ["precision", "recall", "f1_mean", "f1_median", "f1_harmonic", "f1_pooled"]
RIVALS = ["bau", "varemb_v1", "popularity"]
SHARE_OF_TRUTH, MOST_AUC = 0.75, 0.55
FEWEST_SEEDS = 5
MISSED, FEW, NOT_MEASURED, MET = "missed", "too few seeds", "not measured", "met"


def figures(outcome: Outcome, level: str) -> pd.DataFrame:
    """The figures of all runs at a level, under the rule of size that all are compared by."""
    rows = outcome.assessment
    chosen = (rows["sample"] == REPORTED) & (rows["sizing"] == outcome.sizing)
    chosen &= (rows["level"] == level) & (rows["stratum"] == "all")
    table = rows[chosen].set_index("run")[FIGURES].astype(float)
    return table.sort_values("f1_mean", ascending=False)


def mean_figures(outcomes: Mapping[Any, Outcome], level: str) -> pd.DataFrame:
    """The figures' means over seeds, and in how many seeds each run was chosen."""
    parts = pd.concat({seed: figures(outcome, level) for seed, outcome in outcomes.items()})
    table = parts.groupby(level="run").mean().sort_values("f1_mean", ascending=False)
    chosen = pd.Series([outcome.winner for outcome in outcomes.values()]).value_counts()
    table.insert(0, "chosen", chosen.reindex(table.index).fillna(0).astype(int))
    return table


def margins(outcome: Outcome) -> dict[str, float]:
    """By how much F1 of the chosen run is above the best run of each rival model."""
    models = outcome.runs.set_index("run")["model"]
    found = {}
    for level in LEVELS:
        table = figures(outcome, level)
        for rival in RIVALS:
            of_rival = table[table.index.map(models) == rival]
            for figure, name in F1.items() if len(of_rival) else ():
                ours = table.loc[outcome.winner, figure]
                found[f"{name} above {rival}, {level} level"] = float(ours - of_rival[figure].max())
    return found


def shares_of_truth(outcome: Outcome) -> dict[str, float]:
    """Item-level F1 of the chosen run as a share of what true probabilities reach."""
    rows = outcome.truth
    chosen = (rows["run"] == "truth") & (rows["level"] == "item") & (rows["stratum"] == "all")
    best = rows[chosen & (rows["sizing"] == outcome.sizing)]
    if best.empty:
        return {}
    reached = {name: float(best[figure].iloc[0]) for figure, name in F1.items()}
    ours = figures(outcome, "item").loc[outcome.winner]
    # A truth of 0 leaves nothing to have a share of.
    return {
        name: float(ours[figure]) / reached[name]
        for figure, name in F1.items()
        if reached[name] > 0
    }


def membership_auc(outcome: Outcome) -> float | None:
    """How well the chosen run's losses tell who was trained on, 0.5 being not at all."""
    rows = outcome.privacy
    chosen = rows[(rows["run"] == outcome.winner) & (rows["stratum"] == "all")]
    return float(chosen["auc"].iloc[0]) if len(chosen) else None


def goals(outcomes: Mapping[Any, Outcome], fewest_seeds: int = FEWEST_SEEDS) -> pd.DataFrame:
    """Judge every goal on every seed.

    A goal is met where every seed has the figure, every seed meets it, and there are enough
    seeds; one seed that misses it is a miss.

    Returns:
        what, wanted, the worst seed's figure, the mean, in how many of the seeds it was met, and
        the verdict, misses first.
    """
    above = {seed: margins(outcome) for seed, outcome in outcomes.items()}
    truth = {seed: shares_of_truth(outcome) for seed, outcome in outcomes.items()}
    rows = []
    for name in dict.fromkeys(name for found in above.values() for name in found):
        values = _by_seed({seed: found.get(name) for seed, found in above.items()})
        rows.append(_row(name, "> 0", values, values > 0, values.min(), fewest_seeds))
    for name in F1.values():
        values = _by_seed({seed: found.get(name) for seed, found in truth.items()})
        what = f"item-level {name}, share of what true probabilities reach"
        reached = values >= SHARE_OF_TRUTH
        rows.append(_row(what, f"≥ {SHARE_OF_TRUTH}", values, reached, values.min(), fewest_seeds))
    auc = _by_seed({seed: membership_auc(outcome) for seed, outcome in outcomes.items()})
    what, wanted = "AUC of membership inference", f"≤ {MOST_AUC}"
    rows.append(_row(what, wanted, auc, auc <= MOST_AUC, auc.max(), fewest_seeds))
    table = pd.DataFrame(rows)
    return table.sort_values("goal", key=_misses_first, kind="stable", ignore_index=True)


def _by_seed(values: dict[Any, float | None]) -> pd.Series:
    return pd.Series(list(values.values()), dtype=float)


def _row(
    what: str,
    wanted: str,
    values: pd.Series,
    reached: pd.Series,
    worst: float,
    fewest_seeds: int,
) -> dict[str, object]:
    measured = values.notna()
    if (measured & ~reached).any():
        verdict = MISSED
    elif not measured.all():
        verdict = NOT_MEASURED
    else:
        verdict = MET if len(values) >= fewest_seeds else FEW
    return {
        "what": what,
        "wanted": wanted,
        "worst": worst,
        "mean": values.mean(),
        "seeds": f"{int(reached.sum())} of {len(values)}",
        "goal": verdict,
    }


def _misses_first(verdicts: pd.Series) -> pd.Series:
    order = [MISSED, NOT_MEASURED, FEW, MET]
    return verdicts.map(order.index)
