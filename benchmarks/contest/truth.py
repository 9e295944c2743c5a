"""What the simulated retailer knows of the step that is scored, as the evaluation asks it."""

import json

import pandas as pd

from contest.project_runs import ProjectRun
from promo_kedro.datasets import TruthDataset
from promo_kedro.pipelines.evaluation.nodes import ask_the_truth
from promo_kedro.pipelines.evaluation.parameters import EvaluationParameters


def true_probabilities(run: ProjectRun, in_use: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the true probabilities of a window's test step.

    A truth of other raw tables, or one without a step where the calendar has it, is refused, aloud.

    Args:
        run: The run, whose calendar says when the test step was.
        in_use: The window's rows of ``purchase_probabilities``.
        seed: Of the shocks over which the observable truth is averaged.

    Returns:
        Rows with ``candidate`` and ``probability``; none without a truth.
    """
    truth = TruthDataset(filepath=str(run.file("truth"))).load()
    calendar = pd.read_parquet(run.file("calendar"))
    manifest = json.loads(run.file("raw_manifest").read_text())
    parameters = EvaluationParameters.model_validate(run.parameters()["evaluation"])
    answers = ask_the_truth(truth, in_use, calendar, manifest, parameters, seed)
    if truth is not None and answers.empty:
        print(f"{run.raw_dir}: its truth belongs to other tables or dates and is left out")
    return answers
