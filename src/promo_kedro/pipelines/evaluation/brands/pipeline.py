"""What the brand models are worth, and what people see of it.

::

    selections, purchases ─> assessing ─> assessment, uplift, truth, … ─> showing ─> plots, report
"""

from kedro.pipeline import Pipeline

from promo_kedro.pipelines.evaluation.brands.assessing.pipeline import create_assessing_pipeline
from promo_kedro.pipelines.evaluation.brands.showing.pipeline import create_showing_pipeline


def create_brand_pipeline() -> Pipeline:
    """Return the brands' part of the evaluation."""
    return create_assessing_pipeline() + create_showing_pipeline()
