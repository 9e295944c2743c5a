"""Learning from the latest training snapshot alone, each consumer once."""

from __future__ import annotations

from dataclasses import replace

import torch

from promo_kedro.pipelines.modelling.brands.classroom import Classroom
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.lesson import prevalence_of
from promo_kedro.pipelines.modelling.brands.parameters import RunParameters


def classroom_of(run: RunParameters, classroom: Classroom) -> Classroom:
    """Return what a run learns from: everything, or the latest snapshot and its prevalences."""
    if run.learns_from == "all":
        return classroom
    training = latest_rows(classroom.training)
    brands = classroom.brand_list
    prevalence = prevalence_of(training, len(brands)).numpy()[brands["position"].to_numpy()]
    return replace(classroom, training=training, brand_list=brands.assign(prevalence=prevalence))


def latest_rows(training: BrandInputs) -> BrandInputs:
    """Return the rows of the latest snapshot."""
    latest = torch.from_numpy(training.snapshot == training.snapshot.max())
    return training.rows(latest.nonzero().flatten())
