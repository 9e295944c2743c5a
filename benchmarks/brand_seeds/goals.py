"""What the experiment wanted, judged over seeds; whatever was missed comes first."""

from collections.abc import Mapping

import pandas as pd

from brand_seeds.retailers import Outcome

REPORTED, LEVELS = "out_of_training", ["user", "item"]
FIGURES = ["precision", "recall", "f1_median", "f1_harmonic", "f1_mean", "f1_pooled"]
RIVALS = ["bau", "varemb_v1", "popularity"]
SHARE_OF_TRUTH, MOST_AUC = 0.75, 0.55
VERDICTS = {True: "met", False: "missed", None: "not measured"}


def figures(outcome: Outcome, level: str) -> pd.DataFrame:
    """The figures of all runs at a level, under the rule of size that all are compared by."""
    rows = outcome.assessment
    chosen = (rows["sample"] == REPORTED) & (rows["sizing"] == outcome.sizing)
    chosen &= (rows["level"] == level) & (rows["stratum"] == "all")
    table = rows[chosen].set_index("run")[FIGURES].astype(float)
    return table.sort_values("f1_median", ascending=False)


def mean_figures(outcomes: Mapping[int, Outcome], level: str) -> pd.DataFrame:
    """The figures' means over seeds, and in how many seeds each run was chosen."""
    parts = pd.concat({seed: figures(outcome, level) for seed, outcome in outcomes.items()})
    table = parts.groupby(level="run").mean().sort_values("f1_median", ascending=False)
    chosen = pd.Series([outcome.winner for outcome in outcomes.values()]).value_counts()
    table.insert(0, "chosen", chosen.reindex(table.index).fillna(0).astype(int))
    return table


def margins(outcome: Outcome) -> dict[str, float]:
    """By how much F1 of the chosen run is above the best run of each rival model."""
    models = outcome.runs.set_index("run")["model"]
    found = {}
    for level in LEVELS:
        f1 = figures(outcome, level)["f1_median"]
        for rival in RIVALS:
            of_rival = f1[f1.index.map(models) == rival]
            if len(of_rival):
                name = f"median F1 above {rival}, {level} level"
                found[name] = float(f1[outcome.winner] - of_rival.max())
    return found


def share_of_truth(outcome: Outcome) -> float | None:
    """Item-level median F1 of the chosen run as a share of what true probabilities reach."""
    rows = outcome.truth
    if rows.empty:
        return None
    chosen = (rows["run"] == outcome.winner) & (rows["level"] == "item")
    chosen &= (rows["stratum"] == "all") & (rows["sizing"] == outcome.sizing)
    return float(rows.loc[chosen, "share_of_truth"].iloc[0])


def membership_auc(outcome: Outcome) -> float | None:
    """How well the chosen run's losses tell who was trained on, 0.5 being not at all."""
    rows = outcome.privacy
    chosen = rows[(rows["run"] == outcome.winner) & (rows["stratum"] == "all")]
    return float(chosen["auc"].iloc[0]) if len(chosen) else None


def goals(outcomes: Mapping[int, Outcome]) -> pd.DataFrame:
    """Judge every goal on every seed.

    Returns:
        what, wanted, the worst seed's figure, the mean, in how many seeds it was met, and the
        verdict, misses first.
    """
    above = {seed: margins(outcome) for seed, outcome in outcomes.items()}
    names = dict.fromkeys(name for found in above.values() for name in found)
    rows = [
        _judged(name, "> 0", {seed: found.get(name) for seed, found in above.items()}, 0.0, True)
        for name in names
    ]
    truth = {seed: share_of_truth(outcome) for seed, outcome in outcomes.items()}
    rows.append(
        _judged(
            "item-level median F1, share of what true probabilities reach",
            f"≥ {SHARE_OF_TRUTH}",
            truth,
            SHARE_OF_TRUTH,
        )
    )
    auc = {seed: membership_auc(outcome) for seed, outcome in outcomes.items()}
    rows.append(_at_most("AUC of membership inference", auc, MOST_AUC))
    table = pd.DataFrame(rows)
    return table.sort_values("goal", key=_misses_first, kind="stable", ignore_index=True)


def _judged(
    what: str, wanted: str, by_seed: dict[int, float | None], least: float, strict: bool = False
) -> dict[str, object]:
    values = pd.Series([*by_seed.values()], dtype=float).dropna()
    reached = values > least if strict else values >= least
    return _row(what, wanted, values, reached, values.min() if len(values) else None)


def _at_most(what: str, by_seed: dict[int, float | None], most: float) -> dict[str, object]:
    values = pd.Series([*by_seed.values()], dtype=float).dropna()
    worst = values.max() if len(values) else None
    return _row(what, f"≤ {most}", values, values <= most, worst)


def _row(
    what: str, wanted: str, values: pd.Series, reached: pd.Series, worst: float | None
) -> dict[str, object]:
    return {
        "what": what,
        "wanted": wanted,
        "worst": worst,
        "mean": values.mean(),
        "seeds": f"{int(reached.sum())} of {len(values)}",
        "goal": VERDICTS[bool(reached.all()) if len(values) else None],
    }


def _misses_first(verdicts: pd.Series) -> pd.Series:
    order = {VERDICTS[False]: 0, VERDICTS[None]: 1, VERDICTS[True]: 2}
    return verdicts.map(order)
