"""The frontier and its prices, against the whole program and finite differences."""

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.frontier import per_point, trace_frontier
from promo_kedro.pipelines.optimization.options import build_options
from promo_kedro.pipelines.optimization.program import solve_program


@pytest.mark.parametrize("mode", ["linear", "exact"])
def test_revenue_falls_ever_faster(decisions, mode):
    frontier = trace_frontier(build_options(decisions(500, seed=1), mode), 20)
    assert len(frontier) == 20
    assert (frontier["revenue"].diff().dropna() < 0).all()
    assert (frontier["shadow_price"].diff().dropna() >= 0).all()
    assert frontier["shadow_price"].iloc[0] == 0


@pytest.mark.parametrize("mode", ["linear", "exact"])
def test_points_agree_with_the_whole_program(decisions, mode):
    table = build_options(decisions(300, seed=2), mode)
    frontier = trace_frontier(table, 5)
    for point in frontier.iloc[1:-1].itertuples():
        whole = solve_program(table, point.retention_required * 300)
        assert point.revenue == pytest.approx(whole.value, rel=1e-9)
        assert point.shadow_price == pytest.approx(per_point(whole.price, 300), rel=1e-6)


@pytest.mark.parametrize("mode", ["linear", "exact"])
def test_shadow_price_is_what_a_point_of_retention_costs(decisions, mode):
    """On a concave frontier a price lies between the differences on its left and its right."""
    frontier = trace_frontier(build_options(decisions(5_000, seed=3), mode), 400)
    revenue, points = frontier["revenue"].to_numpy(), 100 * frontier["retention"].to_numpy()
    cost = -np.diff(revenue) / np.diff(points)
    price = frontier["shadow_price"].to_numpy()[1:-1]
    assert (cost[:-1] <= price * (1 + 1e-6)).all()
    assert (price <= cost[1:] * (1 + 1e-6)).all()
    assert price[100] == pytest.approx((cost[100] + cost[101]) / 2, rel=0.02)


def test_one_point_where_nothing_can_be_traded(decisions):
    kept = decisions(10, seed=4, lowest=90, highest=91)
    frontier = trace_frontier(build_options(kept, "exact"), 20)
    assert len(frontier) == 1
