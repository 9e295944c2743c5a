"""A first look at the data: tables for people and their pictures."""

from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters
from promo_kedro.types import DataFrame, Figure, Table


def measure_category_sales(
    transactions: Table, items: Table, parameters: DataEngineeringParameters
) -> DataFrame:
    """Return what each category sells."""
    from promo_kedro.pipelines.data_engineering.exploration import tables

    return tables.category_sales(transactions, items, parameters.exploration)


def measure_offer_percent_density(
    transactions: Table, parameters: DataEngineeringParameters
) -> DataFrame:
    """Return how receipt lines are spread over offer percents."""
    from promo_kedro.pipelines.data_engineering.exploration import tables

    return tables.offer_percent_density(transactions, parameters.exploration)


def measure_basket_size_density(
    transactions: Table, parameters: DataEngineeringParameters
) -> DataFrame:
    """Return how baskets are spread over their size."""
    from promo_kedro.pipelines.data_engineering.exploration import tables

    return tables.basket_size_density(transactions, parameters.exploration)


def measure_order_probability(
    panel: Table, calendar: DataFrame, parameters: DataEngineeringParameters
) -> DataFrame:
    """Return how often consumer-items are ordered, by season and by what went before."""
    from promo_kedro.pipelines.data_engineering.exploration import tables

    return tables.order_probability(panel, calendar, parameters.exploration)


def plot_category_sales(category_sales: DataFrame) -> Figure:
    """Draw Figure 3, graph 1."""
    from promo_kedro.pipelines.data_engineering.exploration import plots

    return plots.category_sales_plot(category_sales)


def plot_offer_percent_density(offer_percent_density: DataFrame) -> Figure:
    """Draw Figure 3, graph 2."""
    from promo_kedro.pipelines.data_engineering.exploration import plots

    return plots.offer_percent_density_plot(offer_percent_density)


def plot_basket_size_density(
    basket_size_density: DataFrame, parameters: DataEngineeringParameters
) -> Figure:
    """Draw Figure 3, graph 3."""
    from promo_kedro.pipelines.data_engineering.exploration import plots

    largest = parameters.exploration.max_basket_size
    return plots.basket_size_density_plot(basket_size_density, largest)


def plot_order_probability(order_probability: DataFrame) -> Figure:
    """Draw the order probabilities of §4.1."""
    from promo_kedro.pipelines.data_engineering.exploration import plots

    return plots.order_probability_plot(order_probability)
