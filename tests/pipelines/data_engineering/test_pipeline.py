from promo_kedro.pipelines.data_engineering import create_pipeline


def test_every_node_bears_the_name_of_its_function():
    nodes = create_pipeline().nodes
    assert nodes
    assert [node.name for node in nodes] == [node.func.__name__ for node in nodes]
