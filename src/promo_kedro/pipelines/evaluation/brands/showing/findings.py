"""What the tables say, in sentences that are computed from them."""

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.main_effects import (
    MainEffects,
    grid,
    loss_runs,
    main_effects,
)
from promo_kedro.pipelines.evaluation.brands.showing.naming import LEVELS, MODELS, RULES
from promo_kedro.pipelines.evaluation.brands.showing.plots_privacy import GOAL
from promo_kedro.pipelines.evaluation.wording import written

FEW_BRANDS = 20
MANY_EMPTY = 0.5
COIN = 0.5  # AUC of an attack that knows nothing
_FIGURES = {
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
        f"seen its {_FIGURES[figure]} is {percent(best[f'user_{figure}'])} % per consumer and "
        f"{percent(best[f'item_{figure}'])} % per brand"
    )
    if not behind:
        return f"{chosen}, above every other run at both levels."
    return f"{chosen}; {'; '.join(behind)}."


def against_simpler(experiment: pd.DataFrame, figure: str) -> str:
    """How far the best run is above each model that it is asked to beat, in one sentence."""
    if not experiment["winner"].any():
        return ""
    best = experiment[experiment["winner"]].iloc[0]
    parts = []
    for model in ("bau", "varemb_v1", "popularity"):
        rows = experiment[(experiment["model"] == model) & ~experiment["winner"]]
        if not rows.empty:
            points = [
                written(100 * (best[column] - rows[column].max()), "{:+.1f}")
                for column in (f"{level}_{figure}" for level in LEVELS)
            ]
            parts.append(f"{MODELS[model]} {points[0]} and {points[1]}")
    if not parts:
        return ""
    return f"Points of F1 against simpler models, per consumer and per brand: {'; '.join(parts)}."


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


def _sentence(level: str, effects: MainEffects) -> str:
    larger = "the rule of size" if effects.sizing > effects.loss else "the loss"
    return (
        f"At the {level} level {larger} decides more: of the spread of the "
        f"{_FIGURES[effects.figure]} over all losses and rules of size, {effects.sizing:.0%} goes "
        f"with the rule of size alone, {effects.loss:.0%} with the loss alone, and "
        f"{effects.together:.0%} with how the two fit together. Between the best and the worst "
        f"rule of size there are on average {100 * effects.sizing_range:.1f} points of F1, between "
        f"the best and the worst loss {100 * effects.loss_range:.1f}."
    )


def warnings(
    experiment: pd.DataFrame,
    brand_list: pd.DataFrame,
    main: pd.DataFrame,
    privacy: pd.DataFrame,
    audiences: pd.DataFrame,
    in_use: str,
) -> list[str]:
    """What a reader has to know before trusting the page; none when all is well.

    Args:
        experiment: ``brand_experiment``.
        brand_list: ``brand_list``.
        main: The assessment's rows over all approved brands, under the rule that compares runs.
        privacy: ``brand_privacy``.
        audiences: ``brand_audiences`` under the same rule, of the sample that judges.
        in_use: The run whose audiences are made.
    """
    found = [
        *_another_in_use(experiment, in_use),
        *_few_brands(brand_list),
        *_zero_medians(main),
        *_empty_truth(main, in_use),
        *_members_told(privacy, experiment),
        *_nobody_addressed(audiences, in_use),
    ]
    return found


def _another_in_use(experiment: pd.DataFrame, in_use: str) -> list[str]:
    winner = experiment.loc[experiment["winner"], "run"]
    if winner.empty or winner.iloc[0] == in_use:
        return []
    return [
        f"The best run, “{winner.iloc[0]}”, is not the one in use: audiences are made by "
        f"“{in_use}”. To change that, set brand_modelling.in_use."
    ]


def _few_brands(brand_list: pd.DataFrame) -> list[str]:
    approved, all_brands = int(brand_list["approved"].sum()), len(brand_list)
    if approved >= FEW_BRANDS:
        return []
    return [
        f"Only {approved} of {all_brands:,} brands are approved. Medians per brand rest on few "
        "figures and jump when one brand does."
    ]


def _zero_medians(main: pd.DataFrame) -> list[str]:
    sentences = []
    for level in LEVELS:
        zero = main[(main["level"] == level) & (main["f1_median"] == 0)]
        if not zero.empty:
            sentences.append(
                f"At the {level} level the median F1 is 0 in {len(zero)} of "
                f"{(main['level'] == level).sum()} runs: at least half of all "
                f"{'consumers' if level == 'user' else 'brands'} have not a single hit. Compare "
                f"these runs by their mean F1 ({', '.join(sorted(zero['run'].astype(str)))})."
            )
    return sentences


def _empty_truth(main: pd.DataFrame, in_use: str) -> list[str]:
    sentences = []
    rows = main[main["run"] == in_use].set_index("level")
    for level, who in (("user", "consumers who buy no approved brand"), ("item", "brands")):
        if level not in rows.index or pd.isna(rows.at[level, "empty_truth"]):
            continue
        row = rows.loc[level]
        empty = int(row["empty_truth"]) + int(row["empty_both"])
        share = empty / max(1, empty + int(row["scored"]))
        if level == "user" and share > MANY_EMPTY:
            sentences.append(
                f"{share:.0%} of the consumers buy no approved brand in the period foretold. "
                "How they are counted is said under “How it is counted”."
            )
        if level == "item" and empty:
            sentences.append(f"{empty:,} approved {who} have no buyer in the period foretold.")
    return sentences


def _members_told(privacy: pd.DataFrame, experiment: pd.DataFrame) -> list[str]:
    """Popularity remembers nobody, so its AUC is what chance made of the two groups."""
    whole = privacy[privacy["stratum"] == "all"]
    forgetful = experiment.loc[experiment["model"] == "popularity", "run"]
    chance = max(COIN, whole.loc[whole["run"].isin(forgetful), "auc"].max())
    rows = whole[(whole["auc"] > GOAL) & ~whole["run"].isin(forgetful)]
    certain = rows["auc_low"] > chance
    sentences = []
    if certain.any():
        sentences.append(
            f"The membership attack reaches an AUC above {GOAL:g} on "
            f"{', '.join(rows.loc[certain, 'run'])}: such a model should not leave the house "
            "without private training."
        )
    if not certain.all():
        sentences.append(
            f"The membership attack has an AUC above {GOAL:g} on "
            f"{', '.join(rows.loc[~certain, 'run'])}, but its interval holds {chance:.3g}, what "
            "a model that remembers nobody reaches: there are too few consumers to tell."
        )
    return sentences


def _nobody_addressed(audiences: pd.DataFrame, in_use: str) -> list[str]:
    own = audiences[audiences["run"] == in_use]
    small = int((own["limited_by"] == "smallest_audience").sum())
    if not small or small < MANY_EMPTY * len(own):
        return []
    return [
        f"{small:,} of {len(own):,} audiences of the run in use are too small and address nobody, "
        "which counts as no hit. With few consumers, lower brand_sizing.smallest_audience, or "
        "foretell longer periods."
    ]


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
