"""Every approved brand by itself, for people."""

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.assessing.hiding import hidden_among, shown_strata
from promo_kedro.pipelines.evaluation.brands.assessing.metrics import Counts, score
from promo_kedro.pipelines.evaluation.brands.assessing.strata import ALL
from promo_kedro.pipelines.evaluation.brands.assessing.winner import REPORTED
from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters

HIDDEN = "hidden"  # strata without figures
COLUMNS = [
    *("run", "sizing", "brand", "stratum", "buyers", "size", "precision", "recall", "f1"),
]


def brand_results(
    counts: pd.DataFrame,
    assessment: pd.DataFrame,
    brand_list: pd.DataFrame,
    shown_runs: list[str],
    parameters: BrandAssessmentParameters,
) -> pd.DataFrame:
    """Buyers, audience and scores of each approved brand under the main rule of size.

    A brand's figures are missing where they would describe too few consumers: buyers, or those
    addressed by one of the runs shown. The next smallest hides with them, for what all brands, and
    those of a stratum, add up to is told elsewhere.

    Args:
        counts: ``brand_counts``.
        assessment: ``brand_assessment``, for people.
        brand_list: Positions and strata.
        shown_runs: The runs to tell of.
        parameters: The main rule of size, and how few are too few.

    Returns:
        Columns :data:`COLUMNS`; the runs in the order given, brands by support.
    """
    chosen = (counts["sample"] == REPORTED) & (counts["sizing"] == parameters.sizing)
    rows = counts[chosen & counts["run"].isin(shown_runs)].merge(
        brand_list[["brand", "position", "stratum"]], on="brand"
    )
    order = rows["run"].map(shown_runs.index).rename("order")
    rows = rows.assign(order=order).sort_values(["order", "position"]).reset_index(drop=True)
    figures = score(
        Counts(*(rows[name].to_numpy() for name in ("buyers", "size", "hits"))),
        parameters.empty_for_brands,
    )
    rows = rows.assign(precision=figures.precision, recall=figures.recall, f1=figures.f1)
    told = shown_strata(
        assessment[(assessment["sample"] == REPORTED) & (assessment["sizing"] == parameters.sizing)]
    )
    shown = ~rows["brand"].isin(_small_brands(rows, told, parameters.min_group_consumers))
    rows = rows.astype({"buyers": "Int64", "size": "Int64"})
    hidden = ["buyers", "size", "precision", "recall", "f1"]
    return rows.assign(**{name: rows[name].where(shown) for name in hidden})[COLUMNS]


def runs_to_show(runs: pd.DataFrame, scores: dict[str, float]) -> list[str]:
    """The winner and the best run of every other model, best first."""
    models = dict(zip(runs["run"], runs["model"], strict=True))
    best: dict[str, str] = {}
    for run in scores:  # best first
        best.setdefault(models.get(run, run), run)
    return list(best.values())


def _small_brands(rows: pd.DataFrame, told: set[tuple[str, str]], min_consumers: int) -> set[str]:
    # An audience of no one describes no one.
    smallest = rows["buyers"].where(rows["size"] == 0, rows[["buyers", "size"]].min(axis=1))
    by_brand = smallest.groupby(rows["brand"]).min()
    # All brands, those of each stratum told of, and those of the others together: whatever is
    # told of several brands at once, for a single hidden one to be subtracted from.
    windows: dict[tuple[str, str], dict[str, float]] = {}
    for run, brand, stratum in zip(rows["run"], rows["brand"], rows["stratum"], strict=True):
        part = stratum if (run, stratum) in told else HIDDEN
        for window in ((run, ALL), (run, part)):
            windows.setdefault(window, {})[brand] = by_brand[brand]
    return hidden_among(list(windows.values()), min_consumers)
