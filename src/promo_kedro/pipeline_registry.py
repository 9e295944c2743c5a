"""The project's pipelines, by the names that ``kedro run --pipeline=NAME`` takes."""

from kedro.pipeline import Pipeline

from promo_kedro.pipelines import (
    data_engineering,
    elasticity,
    evaluation,
    modelling,
    optimization,
    simulation,
    thresholding,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline, in the order in which data flows through them."""
    flow = _boxed(
        data_engineering=data_engineering.create_pipeline(),
        modelling=modelling.create_pipeline(),
        thresholding=thresholding.create_pipeline(),
        elasticity=elasticity.create_pipeline(),
        optimization=optimization.create_pipeline(),
        evaluation=evaluation.create_pipeline(),
    )
    return {
        **_boxed(simulation=simulation.create_pipeline()),
        **flow,
        **_boxed(
            search=modelling.create_search_pipeline(),
            export=modelling.create_export_pipeline(),
        ),
        "__default__": sum(flow.values(), Pipeline([])),
    }


def _boxed(**pipelines: Pipeline) -> dict[str, Pipeline]:
    """Give each pipeline a box of its own in kedro-viz; dataset names stay as they are."""
    return {
        name: Pipeline(pipeline, namespace=name, prefix_datasets_with_namespace=False)
        for name, pipeline in pipelines.items()
    }
