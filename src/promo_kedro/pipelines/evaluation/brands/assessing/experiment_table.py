"""One row per run: what it was, what it took, how good it was."""

import numpy as np
import pandas as pd

from promo_kedro.pipelines.evaluation.brands.assessing.winner import REPORTED, main_rows

FIGURES = ["precision", "recall", "f1_median", "f1_harmonic", "f1_mean", "f1_pooled"]
LEVELS = ["user", "item"]


def experiment_table(
    runs: pd.DataFrame,
    assessment: pd.DataFrame,
    totals: pd.DataFrame,
    scores: dict[str, float],
    sizing: str,
) -> pd.DataFrame:
    """Every run with its parameters and its main figures on consumers never seen.

    Args:
        runs: ``brand_runs``.
        assessment: ``brand_assessment``, for people.
        totals: ``brand_score_totals``.
        scores: What each run was chosen by, on the validation consumers.
        sizing: The rule of size of the main figures.

    Returns:
        The columns of ``brand_runs``, then ``sizing``, ``log_loss`` (nats per consumer and
        brand), ``validation_score``, ``winner`` and, for each level, the figures.
    """
    rows = main_rows(assessment, REPORTED, sizing).set_index("run")
    figures = pd.concat(
        [
            rows.loc[rows["level"] == level, FIGURES].astype(float).add_prefix(f"{level}_")
            for level in LEVELS
        ],
        axis=1,
    )
    score = runs["run"].map(scores).astype(float)
    beside = figures.reindex(runs["run"]).reset_index(drop=True)
    return (
        runs.reset_index(drop=True)
        .assign(
            sizing=sizing,
            log_loss=runs["run"].map(log_losses(totals)).to_numpy(dtype=float),
            validation_score=score.to_numpy(),
            winner=(runs["run"] == next(iter(scores), None)).to_numpy(),
        )
        .join(beside)
    )


def log_losses(totals: pd.DataFrame) -> pd.Series:
    """Mean log loss of each run over all consumers and brands of the sample reported on."""
    rows = totals[(totals["sample"] == REPORTED) & totals["log_loss"].notna()]
    weights = rows["consumers"].astype(float)
    weighted = (rows["log_loss"].astype(float) * weights).groupby(rows["run"]).sum()
    return weighted / weights.groupby(rows["run"]).sum().replace(0, np.nan)
