"""The second derivative of the dual, and steps by it, against what can be worked out."""

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.local_dual import spread_sample
from promo_kedro.pipelines.optimization.knapsack.newton import Bend, corrected, newton_step
from promo_kedro.pipelines.optimization.knapsack.prices import priced
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions

from .instances import offer_table, weights


def retained_and_spent() -> Program:
    """Two rows, and a third that is the sum of both."""
    rows = weights(1, retention=1), weights(1, spend=-1), weights(1, retention=1, spend=-1)
    asked = tuple(Row(f"row {at}", "row", row, 0.0) for at, row in enumerate(rows))
    table = offer_table(3_000, steps=39)
    return Program(TabulatedOptions(table), weights(1, sales=1, spend=-1), asked)


def test_the_curvature_is_about_how_the_slope_changes():
    program, unit = retained_and_spent(), np.ones(3)
    bend = Bend.of(program, spread_sample(program.options, 3_000), unit)
    prices, step = np.array([1.0, 0.2, 0.1]), np.array([0.2, 0.05, 0.0])

    there, back = (priced(program, prices + sign * step, unit).slope for sign in (1, -1))

    np.testing.assert_allclose(2 * step @ bend.at(prices) @ step, step @ (there - back), rtol=0.3)


def test_rows_that_depend_on_each_other_bend_nothing_between_them():
    program = retained_and_spent()
    bend = Bend.of(program, spread_sample(program.options, 3_000), np.ones(3))

    curvature = bend.at(np.array([1.0, 0.2, 0.1]))

    np.testing.assert_allclose(curvature @ [1, 1, -1], 0, atol=1e-9 * np.abs(curvature).max())
    assert np.linalg.eigvalsh(curvature)[0] >= -1e-9 * np.abs(curvature).max()


def test_a_step_ends_where_the_model_is_least_in_the_box():
    curvature, slope, at = np.diag([2.0, 4.0]), np.array([-2.0, 8.0]), np.array([1.0, 1.0])

    step = newton_step(curvature, slope, at, (np.zeros(2), np.full(2, 10.0)))

    np.testing.assert_allclose(step, [2.0, 0.0], atol=1e-9)


def test_a_corrected_curvature_bears_out_the_step_unless_it_is_beyond_belief():
    curvature, step = np.diag([2.0, 4.0]), np.array([1.0, 1.0])

    np.testing.assert_allclose(corrected(curvature, step, np.array([3.0, 5.0])) @ step, [3, 5])
    assert corrected(curvature, step, np.array([300.0, 500.0])) is curvature
