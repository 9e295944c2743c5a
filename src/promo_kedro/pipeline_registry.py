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

# What a saved brand model needs to score the coming period, besides itself.
_KNOWN_OF_CONSUMERS = ("make_brand_features", "make_brand_history")


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
    default = sum(flow.values(), Pipeline([]))
    brands = sum(
        _boxed(
            data_engineering=data_engineering.create_brand_pipeline(),
            modelling=modelling.create_brand_pipeline(),
            thresholding=thresholding.create_brand_pipeline(),
            evaluation=evaluation.create_brand_pipeline(),
        ).values(),
        Pipeline([]),
    )
    whole = default + brands
    return {
        **_boxed(simulation=simulation.create_pipeline()),
        **flow,
        **_boxed(
            search=modelling.create_search_pipeline(),
            export=modelling.create_export_pipeline(),
        ),
        "brands": whole.to_nodes(*(node.name for node in brands.nodes)),
        "brand_scoring": _up_to(whole, _KNOWN_OF_CONSUMERS)
        + brands.only_nodes_with_tags("brand_scoring"),
        "__default__": default,
    }


def _up_to(pipeline: Pipeline, short_names: tuple[str, ...]) -> Pipeline:
    """Return the nodes of these names and all that they rest on."""
    return pipeline.to_nodes(
        *(node.name for node in pipeline.nodes if node.short_name in short_names)
    )


def _boxed(**pipelines: Pipeline) -> dict[str, Pipeline]:
    """Give each pipeline a box of its own in kedro-viz; dataset names stay as they are."""
    return {
        name: Pipeline(pipeline, namespace=name, prefix_datasets_with_namespace=False)
        for name, pipeline in pipelines.items()
    }
