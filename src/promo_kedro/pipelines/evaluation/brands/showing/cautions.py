"""What a reader has to know before trusting the page."""

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.naming import LEVELS
from promo_kedro.pipelines.evaluation.brands.showing.plots_privacy import GOAL

FEW_BRANDS = 20
MANY_EMPTY = 0.5
NEARLY_ALL = 0.8  # of brands approved
COIN = 0.5  # AUC of an attack that knows nothing


def cautions(
    experiment: pd.DataFrame,
    brand_list: pd.DataFrame,
    consumers: int,
    main: pd.DataFrame,
    privacy: pd.DataFrame,
    audiences: pd.DataFrame,
    in_use: str,
) -> list[str]:
    """What a reader has to know before trusting the page; none when all is well.

    Args:
        experiment: ``brand_experiment``.
        brand_list: ``brand_list``.
        consumers: How many consumers judge.
        main: The assessment's rows over all approved brands, under the rule that compares runs.
        privacy: ``brand_privacy``.
        audiences: ``brand_next_audiences`` under the same rule.
        in_use: The run whose audiences are made.
    """
    found = [
        *_another_in_use(experiment, in_use),
        *_few_brands(brand_list),
        *_zero_medians(main),
        *_empty_truth(main, in_use, consumers),
        *_nearly_plain(brand_list, experiment),
        *_members_told(privacy, experiment),
        *_private_without_use(experiment),
        *_nobody_addressed(audiences),
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
                f"{(main['level'] == level).sum()} runs: at least half of the "
                f"{'consumers' if level == 'user' else 'brands'} scored have not a single hit. "
                f"Compare these runs by their mean F1 "
                f"({', '.join(sorted(zero['run'].astype(str)))})."
            )
    return sentences


def _empty_truth(main: pd.DataFrame, in_use: str, consumers: int) -> list[str]:
    sentences = []
    rows = main[main["run"] == in_use].set_index("level")
    for level in LEVELS:
        counts = rows.loc[level, ["empty_truth", "empty_both"]] if level in rows.index else None
        if counts is None or counts.isna().any():
            continue
        empty = int(counts.sum())
        if level == "user" and empty > MANY_EMPTY * consumers:
            sentences.append(
                f"{100 * empty / consumers:.0f} % of the consumers buy no approved brand in the "
                "period foretold. How they are counted is said under “How it is counted”."
            )
        if level == "item" and empty:
            brands = "brand has" if empty == 1 else "brands have"
            sentences.append(f"{empty:,} approved {brands} no buyer in the period foretold.")
    return sentences


def _nearly_plain(brand_list: pd.DataFrame, experiment: pd.DataFrame) -> list[str]:
    """More weight on approved brands sets nothing apart where nearly all are approved."""
    share = float(brand_list["approved"].mean()) if len(brand_list) else 0.0
    losses = experiment["loss"].fillna("").astype(str)
    weighted = experiment.loc[losses.str.contains("allowlist"), "run"].astype(str)
    if share <= NEARLY_ALL or weighted.empty:
        return []
    return [
        f"{100 * share:.0f} % of all brands are approved, so more weight on approved brands hardly "
        f"tells any apart: {', '.join(weighted)} can show little of what such a weight (1:20) does."
        " Over whole terms it is nearly plain cross-entropy; name fewer brands in "
        "approved_brands.csv to try it."
    ]


def _members_told(privacy: pd.DataFrame, experiment: pd.DataFrame) -> list[str]:
    """An attack above the goal: certain where its interval is above a coin's 0.5.

    Popularity remembers nobody. Where even its interval excludes 0.5, chance has made the two
    groups differ, and the attack on others finds that difference too.
    """
    forgetful = set(experiment.loc[experiment["model"] == "popularity", "run"])
    blind = privacy["run"].isin(forgetful)
    uneven = set(privacy.loc[blind & _not_a_coin(privacy), "stratum"])
    rows = privacy[~blind & (privacy["auc"] > GOAL)]
    certain = rows["auc_low"] > COIN
    by_chance = certain & rows["stratum"].isin(uneven)
    sentences = []
    if (certain & ~by_chance).any():
        sentences.append(
            f"The membership attack reaches an AUC above {GOAL:g} on "
            f"{_attacked(rows[certain & ~by_chance])}: such a model should not leave the house "
            "without private training."
        )
    if by_chance.any():
        sentences.append(
            f"The membership attack reaches an AUC above {GOAL:g} on {_attacked(rows[by_chance])}, "
            f"but on popularity, which remembers nobody, it is no coin either: the consumers it is "
            "played on differ by chance, so part of it says nothing of the model."
        )
    if (~certain).any():
        sentences.append(
            f"The membership attack has an AUC above {GOAL:g} on {_attacked(rows[~certain])}, but "
            f"its interval holds {COIN:g}, a coin: there are too few consumers to tell."
        )
    return sentences


def _not_a_coin(privacy: pd.DataFrame) -> pd.Series:
    return (privacy["auc_low"] > COIN) | (privacy["auc_high"] < COIN)


def _attacked(rows: pd.DataFrame) -> str:
    """The runs, each with the strata it is about unless that is all brands."""
    parts = []
    for run, strata in rows.groupby("run", sort=False)["stratum"]:
        named = [name for name in strata if name != "all"]
        whole = len(named) < len(strata)
        parts.append(str(run) if whole else f"{run} ({', '.join(named)} brands)")
    return ", ".join(parts)


def _private_without_use(experiment: pd.DataFrame) -> list[str]:
    simple = experiment.loc[experiment["model"] == "popularity", "log_loss"].min()
    worse = experiment[experiment["epsilon"].notna() & (experiment["log_loss"] > simple)]
    if worse.empty:
        return []
    has = "has" if len(worse) == 1 else "have"
    return [
        f"{', '.join(worse['run'].astype(str))}, trained privately, {has} a larger log loss than "
        "popularity, which knows no one: from so few consumers nothing is learned that "
        "privately. Use a larger ε, or more consumers."
    ]


def _nobody_addressed(audiences: pd.DataFrame) -> list[str]:
    small = int((audiences["limited_by"] == "smallest_audience").sum())
    if not small or small < MANY_EMPTY * len(audiences):
        return []
    return [
        f"{small:,} of {len(audiences):,} audiences of the coming period are too small and address "
        "nobody. With few consumers, lower brand_sizing.smallest_audience, or foretell longer "
        "periods."
    ]
