"""A first look at the data.

::

    transactions, items ──► category_sales ──────────► category_sales_plot
    transactions ─────────► offer_percent_density ───► offer_percent_density_plot
    transactions ─────────► basket_size_density ─────► basket_size_density_plot
    panel, calendar ──────► order_probability ───────► order_probability_plot
"""

from kedro.pipeline import Node, Pipeline

from promo_kedro.pipelines.data_engineering.exploration import nodes

PARAMETERS = "params:data_engineering"


def create_exploration_pipeline() -> Pipeline:
    """Wire the tables of the first look and their pictures."""
    return Pipeline(
        [
            Node(
                nodes.measure_category_sales,
                ["transactions", "items", PARAMETERS],
                "category_sales",
                name="measure_category_sales",
            ),
            Node(
                nodes.measure_offer_percent_density,
                ["transactions", PARAMETERS],
                "offer_percent_density",
                name="measure_offer_percent_density",
            ),
            Node(
                nodes.measure_basket_size_density,
                ["transactions", PARAMETERS],
                "basket_size_density",
                name="measure_basket_size_density",
            ),
            Node(
                nodes.measure_order_probability,
                ["panel", "calendar", PARAMETERS],
                "order_probability",
                name="measure_order_probability",
            ),
            Node(
                nodes.plot_category_sales,
                "category_sales",
                "category_sales_plot",
                name="plot_category_sales",
            ),
            Node(
                nodes.plot_offer_percent_density,
                "offer_percent_density",
                "offer_percent_density_plot",
                name="plot_offer_percent_density",
            ),
            Node(
                nodes.plot_basket_size_density,
                ["basket_size_density", PARAMETERS],
                "basket_size_density_plot",
                name="plot_basket_size_density",
            ),
            Node(
                nodes.plot_order_probability,
                "order_probability",
                "order_probability_plot",
                name="plot_order_probability",
            ),
        ]
    )
