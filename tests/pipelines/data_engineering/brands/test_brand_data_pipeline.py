"""The parameters file and the nodes' names."""

from promo_kedro.pipelines.data_engineering.brands.parameters import BrandDataParameters
from promo_kedro.pipelines.data_engineering.brands.pipeline import create_brand_pipeline


def test_every_node_bears_the_name_of_its_function_and_the_tag():
    nodes = create_brand_pipeline().nodes
    assert {node.name for node in nodes} == {
        "make_brand_snapshots",
        "split_brand_consumers",
        "list_brands",
        "approve_next_brands",
        "make_brand_features",
        "make_brand_history",
        "make_brand_purchases",
    }
    assert all(node.name == node.func.__name__ for node in nodes)
    assert all("brands" in node.tags for node in nodes)


def test_the_parameters_file_states_the_defaults(base_parameters):
    assert BrandDataParameters(**base_parameters["brand_data"]) == BrandDataParameters()
