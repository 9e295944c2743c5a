"""What people may see of the assessment: nothing that describes a few consumers alone.

Nor anything that would give it back when subtracted from what is shown: all brands together are
their strata together, and the consumers of a sample are those who bought and those who did not.
"""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.assessing.strata import ALL
from promo_kedro.pipelines.evaluation.brands.parameters import (
    BrandAssessmentParameters,
    EmptyParameters,
)

GROUP = ["sample", "run", "sizing"]
KEY = [*GROUP, "level", "stratum"]
COUNTS = ["scored", "addressed", "empty_truth", "empty_prediction", "empty_both"]
OF_PRECISION = ["precision", "precision_mean", "precision_q1", "precision_q3", "f1_harmonic"]


def hide_small_groups(
    assessment: pd.DataFrame, parameters: BrandAssessmentParameters
) -> pd.DataFrame:
    """The table for people, without figures of fewer consumers than ``min_group_consumers``.

    A stratum is hidden at both levels when fewer bought its brands, or were addressed with them:
    what is said of brands is said of their consumers as well. The smallest of the other strata
    hides with it. Counts of consumers are missing when they, or their counterpart, are few but not
    none.
    """
    few, empty = parameters.min_group_consumers, parameters.empty_for_consumers
    table = assessment.reset_index(drop=True).astype(dict.fromkeys(COUNTS, "Int64"))
    users = table[table["level"] == "user"]
    shown = _shown(_cells(users, empty).assign(**users[[*GROUP, "stratum"]]), few)
    place = pd.MultiIndex.from_frame(table[[*GROUP, "stratum"]])
    hidden = ~shown.reindex(place, fill_value=False).to_numpy(dtype=bool)
    figures = [name for name in table if name not in KEY]
    blank = pd.DataFrame(dict.fromkeys(figures, hidden))
    for name, missing in _few_counted(_cells(users, empty), empty, few).items():
        blank.loc[missing.index, name] |= missing
    few_addressed = users.index[_is_few(users["addressed"], few)]
    blank.loc[few_addressed, OF_PRECISION] = True
    return table.assign(**{name: table[name].mask(blank[name]) for name in figures})


def hidden_among(windows: list[dict[Any, float]], few: int) -> set[Any]:
    """Names that hide: those of few consumers, and another one that covers them.

    Args:
        windows: Consumers by name; what the names of a window add up to is told.
        few: Fewer consumers than this are too few.

    Returns:
        Names such that the hidden ones of a window are enough consumers together, or all of it.
    """
    hidden = {name for sizes in windows for name, size in sizes.items() if not size >= few}
    while bare := [sizes for sizes in windows if _uncovered(sizes, hidden, few)]:
        sizes = bare[0]
        hidden.add(min(set(sizes) - hidden, key=lambda name: (sizes[name], name)))
    return hidden


def _uncovered(sizes: dict[Any, float], hidden: set[Any], few: int) -> bool:
    """Whether somebody's figures hide alone: several small groups may be the same consumers."""
    largest = max((sizes[name] for name in hidden & set(sizes)), default=0)
    return 0 < largest < few and bool(set(sizes) - hidden)


def shown_strata(assessment: pd.DataFrame) -> set[tuple[str, str]]:
    """Run and stratum of the rows with figures, of one sample and rule of size."""
    told = assessment[(assessment["level"] == "item") & assessment["scored"].notna()]
    return set(zip(told["run"], told["stratum"], strict=True))


def _cells(users: pd.DataFrame, empty: EmptyParameters) -> pd.DataFrame:
    """Four kinds of consumers: who bought, or did not, and was addressed, or was not."""
    count = users[COUNTS].astype(float)
    bought = count["scored"]
    if empty.truth == "zero":
        bought = bought - count["empty_truth"]
    if empty.both == "one":
        bought = bought - count["empty_both"]
    return pd.DataFrame(
        {
            "reached": bought - count["empty_prediction"].fillna(0),
            "missed": count["empty_prediction"].fillna(0),
            "wrong": count["empty_truth"].fillna(0),
            "neither": count["empty_both"].fillna(0),
        }
    )


def _shown(cells: pd.DataFrame, few: int) -> pd.Series:
    """Whether each stratum of a sample, run and rule is shown."""
    bought = cells["reached"] + cells["missed"]
    sent = cells["reached"] + cells["wrong"]
    # An audience of no one describes no one.
    behind = bought.where(sent == 0, pd.concat([bought, sent], axis=1).min(axis=1))
    cells = cells.assign(behind=behind, shown=behind >= few)
    for _, group in cells[cells["stratum"] != ALL].groupby(GROUP, sort=False):
        cells.loc[list(hidden_among([group["behind"].to_dict()], few)), "shown"] = False
    return cells.set_index([*GROUP, "stratum"])["shown"]


def _few_counted(cells: pd.DataFrame, empty: EmptyParameters, few: int) -> dict[str, pd.Series]:
    """Which counts would tell of a few.

    How many bought, and how many did not, is the same in all rows and so may be known: a count
    that holds one half of either gives the other half away.
    """
    halves = (("reached", "missed"), ("wrong", "neither"))
    nobody = pd.Series(False, index=cells.index)
    telling = {}
    for name, held in _held(empty).items():
        missing = nobody
        for half in halves:
            if len(held & set(half)) == 1:
                missing = missing | _is_few(cells[half[0]], few) | _is_few(cells[half[1]], few)
        if "reached" in held and not held & set(halves[1]):
            missing = missing | _is_few(cells["wrong"] + cells["neither"], few)
        telling[name] = missing
    return telling


def _held(empty: EmptyParameters) -> dict[str, set[str]]:
    """The kinds of consumers that each count is of."""
    by_convention = {
        "wrong": empty.truth == "zero",
        "neither": empty.both == "one",
    }
    more = {cell for cell, counts in by_convention.items() if counts}
    missed = {"missed"} if empty.prediction == "zero" else set()
    return {
        "scored": {"reached", "missed"} | more,
        "addressed": {"reached"} | missed | more,
        "empty_prediction": {"missed"},
        "empty_truth": {"wrong"},
        "empty_both": {"neither"},
    }


def _is_few(count: pd.Series, few: int) -> pd.Series:
    return ((count > 0) & (count < few)).fillna(False).astype(bool)
