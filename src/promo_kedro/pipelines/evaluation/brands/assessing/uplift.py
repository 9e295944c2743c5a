"""How far the winner is above each other run, in points and in percent of that run."""

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.brands.assessing.document import (
    DOCUMENT,
    OURS,
    WINNER,
    document_table,
)
from promo_kedro.pipelines.evaluation.brands.assessing.winner import REPORTED, main_rows
from promo_kedro.pipelines.evaluation.wording import written

FIGURES = ("precision", "recall", "f1_median", "f1_harmonic")
KEY = ["source", "winner", "name", "level"]
COLUMNS = [
    *KEY,
    *(f"{figure}_{part}" for figure in FIGURES for part in ("points", "percent", "text")),
]


def uplift_over_runs(assessment: pd.DataFrame, winner: str, sizing: str) -> pd.DataFrame:
    """The winner against each other run on consumers never seen, all approved brands together.

    Returns:
        Columns :data:`COLUMNS`: points (of 100) and percent of the other run's figure.
    """
    rows = main_rows(assessment, REPORTED, sizing).rename(columns={"run": "name"})
    return uplift(rows, winner).assign(source=OURS)[COLUMNS]


def uplift_of_document() -> pd.DataFrame:
    """The document's winner against BAU and V1, from the figures of its own tables.

    It subtracts its one F1 whatever its reading; that difference stands in both columns.
    """
    table = document_table()
    table = table[(table["name"] == WINNER) | (table["model"] != "varemb_v2")]
    rows = table.assign(f1_median=table["f1"], f1_harmonic=table["f1"])
    return uplift(rows, WINNER).assign(source=DOCUMENT)[COLUMNS]


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
    return table[COLUMNS]


def uplift_text(points: float, percent: float) -> str:
    """As the document writes it: ``9.7 (19 %)``."""
    if pd.isna(points):
        return written(None, "")
    return f"{written(points, '{:.1f}')} ({written(percent, '{:.0f}')} %)".replace("– %", "–")
