"""The experiment document's own figures, marked as its own, beside ours.

Its F1 is not one figure: in the rows of BAU and V1 it is the harmonic mean of the median precision
and the median recall; in those of V2 it is not, so it is read as the median of F1. That follows
from the printed figures alone; in one row they are too small to tell.
"""

from importlib.resources import files
from io import StringIO

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.assessing.metrics import harmonic_mean

DOCUMENT = "the document"
OURS = "ours"
WINNER = "VarEmb refactored V2 - BFC Loss"
HARMONIC, MEDIAN, EITHER = "harmonic mean", "median", "cannot be told"
FIGURES = ("precision", "recall", "f1_median", "f1_harmonic")
_COLUMNS = ["source", "name", "model", "level", "precision", "recall", "f1"]
_ROUNDING = 0.0005  # it prints tenths of a percent


def document_table() -> pd.DataFrame:
    """The document's two tables, shares 0–1.

    Returns:
        Columns source, name, model, level, precision, recall, f1 (as printed), f1_harmonic (of
        its precision and recall), f1_reading (which of the two readings its F1 is).
    """
    text = files(__package__).joinpath("document.csv").read_text(encoding="utf-8")
    table = pd.read_csv(StringIO(text)).assign(source=DOCUMENT)
    table[["precision", "recall", "f1"]] /= 100
    rows = table.to_dict("records")
    return table[_COLUMNS].assign(
        f1_harmonic=[harmonic_mean(row["precision"], row["recall"]) for row in rows],
        f1_reading=[f1_reading(row["precision"], row["recall"], row["f1"]) for row in rows],
    )


def f1_reading(precision: float, recall: float, f1: float) -> str:
    """Whether a printed F1 can be the harmonic mean of the printed precision and recall.

    Where rounding hides so much that a tenth of the figure would not show, nothing is told.
    """
    lowest = harmonic_mean(precision - _ROUNDING, recall - _ROUNDING)
    highest = harmonic_mean(precision + _ROUNDING, recall + _ROUNDING)
    if highest - lowest > 0.1 * f1:
        return EITHER
    return HARMONIC if lowest <= f1 + _ROUNDING and highest >= f1 - _ROUNDING else MEDIAN


def beside_ours(experiment: pd.DataFrame) -> pd.DataFrame:
    """The document's tables, then every run of ``brand_experiment`` in the same columns.

    Its F1 stands in the column of its reading only; ours is known in both.
    """
    theirs = document_table()
    for figure, reading in (("f1_median", MEDIAN), ("f1_harmonic", HARMONIC)):
        theirs[figure] = theirs["f1"].where(theirs["f1_reading"] == reading)
    parts = [theirs]
    for level in ("user", "item"):
        figures = {f"{level}_{name}": name for name in FIGURES}
        ours = experiment[["run", "model", *figures]].rename(columns={**figures, "run": "name"})
        parts.append(ours.assign(source=OURS, level=level, f1=ours["f1_median"], f1_reading=MEDIAN))
    columns = [*_COLUMNS, "f1_reading", "f1_median", "f1_harmonic"]
    numbers = dict.fromkeys((*FIGURES, "f1"), float)
    return pd.concat([part[columns].astype(numbers) for part in parts], ignore_index=True)
