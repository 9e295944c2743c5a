"""What the tables say, in sentences that are computed from them."""

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.main_effects import (
    MainEffects,
    grid,
    loss_runs,
    main_effects,
)
from promo_kedro.pipelines.evaluation.brands.showing.naming import (
    LEVELS,
    MODELS,
    RULES,
    is_true,
    loss_in_words,
)
from promo_kedro.pipelines.evaluation.wording import written

SIMPLER = ("bau", "varemb_v1", "popularity")
FIGURES = {
    "f1_median": "median F1",
    "f1_mean": "mean F1",
    "f1_harmonic": "harmonic mean of the median precision and recall",
}


def verdict(experiment: pd.DataFrame, figure: str) -> str:
    """Whether the best run is ahead of all others at both levels, by the figure it was chosen by.

    Args:
        experiment: ``brand_experiment``.
        figure: ``f1_median``, ``f1_harmonic`` or ``f1_mean``.
    """
    if not experiment["winner"].any():
        return "No run could be called the best."
    best = experiment[experiment["winner"]].iloc[0]
    others = experiment[~experiment["winner"]]
    behind = []
    for level in LEVELS:
        column = f"{level}_{figure}"
        ahead = others[others[column] >= best[column]].sort_values(column, ascending=False)
        if not ahead.empty:
            first = ahead.iloc[0]
            behind.append(
                f"at the {level} level “{first['run']}” does as well or better "
                f"({percent(first[column])} % against {percent(best[column])} %)"
            )
    chosen = (
        f"Chosen on the validation consumers, “{best['run']}” is the best run. On consumers never "
        f"seen its {FIGURES[figure]} is {percent(best[f'user_{figure}'])} % per consumer and "
        f"{percent(best[f'item_{figure}'])} % per brand"
    )
    if not behind:
        return f"{chosen}, above every other run at both levels."
    return f"{chosen}; {'; '.join(behind)}."


def against_simpler(uplift: pd.DataFrame, shown: list[str], models: dict[str, str]) -> str:
    """How far the best run's mean F1 is above each model it is asked to beat, in one sentence.

    Args:
        uplift: ``brand_uplift``.
        shown: The best run of every model, chosen on the validation consumers.
        models: The model of each run.
    """
    ours = uplift[(uplift["source"] == "ours") & uplift["name"].isin(shown)]
    cells = ours.set_index(["name", "level"])
    parts = []
    for model in SIMPLER:
        runs = [run for run in shown if models.get(run) == model and run in set(ours["name"])]
        parts += [
            f"{MODELS[model]} "
            + " and ".join(points_of_mean(cells.loc[(run, level)]) for level in LEVELS)
            for run in runs
        ]
    if not parts:
        return ""
    return (
        "Points of mean F1 against simpler models, per consumer and per brand, ± two standard "
        f"errors: {'; '.join(parts)}."
    )


def within_chance(uplift: pd.DataFrame) -> str:
    """Which runs the best one cannot be told from, in its mean F1 at both levels."""
    ours = uplift[uplift["source"] == "ours"]
    if "within_chance" not in ours or ours.empty:
        return ""
    equal = ours["within_chance"].map(is_true).groupby(ours["name"], sort=False).all()
    names = [f"“{name}”" for name in equal.index[equal]]
    if not names:
        return ""
    return (
        "Within chance of it, less than two standard errors away in mean F1 at both levels: "
        f"{', '.join(names)}."
    )


def crossed_loss(experiment: pd.DataFrame) -> str:
    """Says when resampling was tried with another loss than that of the best run."""
    resampled = experiment["resampling"].notna() & (experiment["resampling"] != "none")
    losses = sorted(set(experiment.loc[resampled, "loss"].dropna().astype(str)))
    best = experiment[experiment["winner"]]
    if not losses or best.empty or best["loss"].iloc[0] in losses:
        return ""
    own = best["loss"].iloc[0]
    has = f"learns with {loss_in_words(own)}" if pd.notna(own) else "has no such loss"
    return (
        f"Resampling is crossed with {' and '.join(map(loss_in_words, losses))}; the best run "
        f"{has}, so whether resampling would help there is not told. Set the loss of the resampled "
        "runs in brand_modelling.runs to try it."
    )


def points_of_mean(row: pd.Series) -> str:
    """Points of mean F1 with twice their standard error, and whether chance makes as many."""
    text = written(row.get("f1_mean_points"), "{:+.1f}")
    error = row.get("f1_mean_se")
    if error is not None and pd.notna(error):
        text += f" ± {2 * error:.1f}"
    return f"{text} (within chance)" if is_true(row.get("within_chance")) else text


def grid_sentences(assessment: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """How much of the spread of F1 is the loss's and how much the rule of size's, per level."""
    names = loss_runs(runs)
    sentences = []
    for level in LEVELS:
        effects = grid_effects(assessment, names, level)
        if effects is not None:
            sentences.append(_sentence(level, effects))
    if not sentences:
        return ["There are not enough losses, or not enough rules of size, to tell them apart."]
    return sentences


def grid_effects(assessment: pd.DataFrame, names: list[str], level: str) -> MainEffects | None:
    """Of the median F1; of the mean where every median is the same, as when all are zero."""
    for figure in ("f1_median", "f1_mean"):
        cells = grid(assessment, level, figure)
        effects = main_effects(cells[cells.index.isin(names)], figure)
        if effects is not None:
            return effects
    return None


def _sentence(level: str, effects: MainEffects, other: str = "loss") -> str:
    larger = "the rule of size" if effects.sizing > effects.loss else f"the {other}"
    plural = {"loss": "losses", "model": "models"}[other]
    of_size, of_loss, together = (
        100 * share for share in (effects.sizing, effects.loss, effects.together)
    )
    sentence = (
        f"At the {level} level {larger} decides more: of the spread of the "
        f"{FIGURES[effects.figure]} over all {plural} and rules of size, {of_size:.0f} % goes "
        f"with the rule of size alone, {of_loss:.0f} % with the {other} alone, and "
        f"{together:.0f} % with how the two fit together. Between the best and the worst rule "
        f"of size there are on average {100 * effects.sizing_range:.1f} points of F1, between "
        f"the best and the worst {other} {100 * effects.loss_range:.1f}."
    )
    if effects.left_out:
        rules = " and ".join(rule(name) for name in effects.left_out)
        sentence += f" (Without {rules}: there all {plural} come out at 0.)"
    return sentence


def model_sentences(assessment: pd.DataFrame, shown: list[str]) -> list[str]:
    """The same split over models: the best run of each, chosen on the validation consumers."""
    sentences = []
    for level in LEVELS:
        effects = grid_effects(assessment, shown, level)
        if effects is not None:
            sentences.append(_sentence(level, effects, "model"))
    return sentences


def size_alone(
    assessment: pd.DataFrame, shown: list[str], models: dict[str, str], winner: str, sizing: str
) -> list[str]:
    """Whether another rule of size alone would lift BAU and V1 to the best run, per level.

    The rule is picked in hindsight, on the very consumers who judge, which favours them.
    """
    sentences = []
    for model in ("bau", "varemb_v1"):
        for run in (run for run in shown if models.get(run) == model and run != winner):
            parts = [
                words
                for level in LEVELS
                if (words := _size_alone(grid(assessment, level, "f1_mean"), level, run, winner,
                                         sizing))
            ]  # fmt: skip
            if parts:
                sentences.append(f"{MODELS[model]} (“{run}”): {'; '.join(parts)}.")
    return sentences


def _size_alone(cells: pd.DataFrame, level: str, run: str, winner: str, sizing: str) -> str:
    if sizing not in cells or run not in cells.index or winner not in cells.index:
        return ""
    own, others = (cells.loc[name].astype(float).dropna() for name in (run, winner))
    goal = others.get(sizing, np.nan)
    if sizing not in own.index or np.isnan(goal):
        return ""
    best = str(own.idxmax())
    ahead, gained = goal - own[sizing], own[best] - own[sizing]
    told = (
        f"at the {level} level its best rule, {rule(best)}, gives a mean F1 of "
        f"{percent(own[best])} %, against {percent(own[sizing])} % under {rule(sizing)} and "
        f"{percent(goal)} % of the best run under {rule(sizing)} ({percent(others.max())} % under "
        "its own best)"
    )
    if ahead <= 0:
        return f"{told}, so there is no gap for a rule to close"
    if gained >= ahead:
        return f"{told}, so the size of audiences alone makes up for the gap"
    return f"{told}: {100 * gained / ahead:.0f} % of the gap is a matter of size, the rest is not"


def threshold_sentence(
    assessment: pd.DataFrame, runs: pd.DataFrame, sizing: str, rule_name: str = "threshold"
) -> str:
    """What becomes of plain cross-entropy where a brand is foretold by its probability alone."""
    names = [run for run in loss_runs(runs) if runs.set_index("run").at[run, "loss"] == "bce"]
    cells = grid(assessment, "item")
    if not names or rule_name not in cells or sizing not in cells or names[0] not in cells.index:
        return ""
    alone, sized = (percent(cells.at[names[0], name]) for name in (rule_name, sizing))
    return (
        f"Without a rule of size, every brand foretold that has a probability above the threshold, "
        f"“{names[0]}” (plain cross-entropy) has a median F1 of {alone} % per brand; the same "
        f"scores under {rule(sizing)} have {sized} %."
    )


def empty_words(parameters: dict[str, str], who: str, what: tuple[str, str, str, str]) -> list[str]:
    """The conventions of `EmptyParameters` in words, for consumers or for brands."""
    truth = {"zero": "counts as precision and F1 of 0", "left_out": "is left out"}
    prediction = {"left_out": "has no precision, and recall and F1 of 0", "zero": "counts as 0"}
    both = {"left_out": "is left out", "one": "counts as perfect"}
    return [
        f"{who} with {what[0]} but {what[1]} {truth[parameters['truth']]}.",
        f"{who} with {what[2]} but {what[3]} {prediction[parameters['prediction']]}.",
        f"{who} with neither {both[parameters['both']]}.",
    ]


def percent(share: float | None) -> str:
    """A share in percent, one decimal."""
    return written(None if share is None else 100 * share, "{:.1f}")


def rule(sizing: str) -> str:
    """A rule of size by its name in words."""
    return RULES.get(sizing, sizing)
