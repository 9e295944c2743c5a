"""How far the winner is above each other run, in points and in percent of that run."""

from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.brands.assessing.chance import CERTAIN
from promo_kedro.pipelines.evaluation.brands.assessing.document import (
    DOCUMENT,
    OURS,
    WINNER,
    document_table,
)
from promo_kedro.pipelines.evaluation.brands.assessing.winner import REPORTED, main_rows
from promo_kedro.pipelines.evaluation.wording import written

FIGURES = ("precision", "recall", "f1_median", "f1_harmonic", "f1_mean")
KEY = ["source", "winner", "name", "level"]
COLUMNS = [
    *KEY,
    *(f"{figure}_{part}" for figure in FIGURES for part in ("points", "percent", "text")),
    *("f1_mean_se", "within_chance", "basis"),
]
MEASURED, COMPUTED = "measured", "computed from its tables"


def uplift_over_runs(
    assessment: pd.DataFrame, winner: str, sizing: str, errors: list[dict[str, Any]]
) -> pd.DataFrame:
    """The winner against each other run on consumers never seen, all approved brands together.

    Args:
        assessment: ``brand_assessment``, for people.
        winner: The best run.
        sizing: The main rule of size.
        errors: Of :func:`errors_against`.

    Returns:
        Columns :data:`COLUMNS`: points (of 100) and percent of the other run's figure. Of the
        mean F1 also the standard error of the points, and whether chance may have made them: they
        are fewer than two standard errors.
    """
    rows = main_rows(assessment, REPORTED, sizing).rename(columns={"run": "name"})
    table = uplift(rows, winner).drop(columns="f1_mean_se")
    known = pd.DataFrame(errors, columns=["name", "level", "f1_mean_se"])
    table = table.merge(known.astype({"f1_mean_se": float}), on=["name", "level"], how="left")
    points = table["f1_mean_points"]
    error = (100 * table["f1_mean_se"]).where(points.notna())
    # Equal figures of everyone differ by 0 with an error of 0: chance, not a finding.
    within = (points.abs() < CERTAIN * error) | (points == 0)
    within = within.astype("boolean").where(error.notna())
    table = table.assign(f1_mean_se=error, within_chance=within)
    return table.assign(source=OURS, basis=MEASURED)[COLUMNS]


def uplift_of_document() -> pd.DataFrame:
    """The document's winner against BAU and V1, from the figures of its own tables.

    It subtracts its one F1 whatever its reading; that difference stands in both columns. It has
    no mean F1 and no errors.
    """
    table = document_table()
    table = table[(table["name"] == WINNER) | (table["model"] != "varemb_v2")]
    rows = table.assign(f1_median=table["f1"], f1_harmonic=table["f1"], f1_mean=np.nan)
    return uplift(rows, WINNER).assign(source=DOCUMENT, basis=COMPUTED)[COLUMNS]


def uplift(rows: pd.DataFrame, winner: str) -> pd.DataFrame:
    """The winner's figures minus those of every other name at the same level."""
    figures = list(FIGURES)
    best = rows[rows["name"] == winner].set_index("level")[figures].astype(float)
    others = rows[rows["name"] != winner].reset_index(drop=True)
    theirs = others[figures].astype(float)
    points = best.reindex(others["level"]).reset_index(drop=True) - theirs
    percent = 100 * points / theirs.where(theirs > 0, np.nan)
    table = others[["name", "level"]].assign(source="", winner=winner)
    for figure in FIGURES:
        table[f"{figure}_points"] = 100 * points[figure]
        table[f"{figure}_percent"] = percent[figure]
        table[f"{figure}_text"] = [
            uplift_text(*both) for both in zip(100 * points[figure], percent[figure], strict=True)
        ]
    unknown = pd.Series(pd.NA, index=table.index, dtype="boolean")
    return table.assign(f1_mean_se=np.nan, within_chance=unknown, basis="")[COLUMNS]


def uplift_text(points: float, percent: float) -> str:
    """As the document writes it: ``9.7 (19 %)``."""
    if pd.isna(points):
        return written(None, "")
    return f"{written(points, '{:.1f}')} ({written(percent, '{:.0f}')} %)".replace("– %", "–")
