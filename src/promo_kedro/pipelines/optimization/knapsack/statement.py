"""Eq. 13's family, stated in CVXPY and solved by HiGHS: the choice form, over an option table.

::

    maximise    Σ_i Σ_j value_ij·x_ij + Σ_c value_c·z_c − Σ_r penalty_r·bought_r
    subject to  Σ_j x_ij = 1                                        one option per unit
                Σ_i Σ_j a^r_ij·x_ij + Σ_c a^r_c·z_c + bought_r ≥ b_r    one row per rule
                Σ_{i of c} Σ_{j: o > 0} x_ij ≤ K                    offers of a consumer
                z_c ≤ Σ_{i of c} Σ_{j: r > 0} x_ij,  z_c ≤ 1        a consumer is retained once
                x_ij ∈ {0, 1}, or in [0, 1] in the linear program

Value price · (1 − o/100) · 1[clears] and one row a = 1[clears] are Eq. 13 as printed; with the
probability in the indicator's place, expected revenue under expected retention. z is there only
where retention counts consumers and then carries its weight; ``bought`` only in rows that have a
penalty. Identical units stand for themselves as one, Σ_j x_ij = how many there are.
"""

import warnings
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from scipy.sparse import csr_array

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.options import OptionTable
from promo_kedro.pipelines.optimization.knapsack.tabulated import counts_once, deciders
from promo_kedro.types import Array

TOLERANCE = 1e-10


@dataclass(frozen=True)
class Solution:
    """What the solver found.

    Attributes:
        shares: x of the program, (units, options); whole numbers where it was asked for.
        value: the objective less penalties, money.
        prices: multiplier of each row, money per unit of the row, ≥ 0, (rows,); of the linear
            program: a search for whole options has none, and gives 0.
        slack: activity − least, (rows,); negative by what a row with a penalty is bought out.
    """

    shares: Array
    value: float
    prices: Array
    slack: Array


def solve_statement(
    table: OptionTable,
    objective: Array,
    coefficients: Array,
    least: Array,
    penalties: Array,
    *,
    integer: bool = False,
    max_nodes: int = 2_000,
    tolerance: float = 0.0,
    counts: Array | None = None,
) -> Solution | None:
    """Choose one option per unit.

    Args:
        table: the options.
        objective: weights of the measures, (cells, 7).
        coefficients: weights of the measures in each row, (rows, cells, 7).
        least: right-hand side of each row, (rows,).
        penalties: money per unit by which a row may be bought out, (rows,); +∞ for none.
        integer: whole options only; else the linear program, which has prices.
        max_nodes: branches that the integer search may explore; it then gives the best so far.
        tolerance: money from the best whole options that is close enough.
        counts: how many identical units each one stands for, (units,); none for one each. Under
            a consumer rule every unit stands for itself.

    Returns:
        The solution; none where nothing meets the rows, or none was found in ``max_nodes``.
    """
    if len(table.cell) == 0:
        return _nothing_to_choose(table, least, penalties)
    counts = np.ones(len(table.cell)) if counts is None else np.asarray(counts, dtype=float)
    columns = _Columns.of(table, objective, coefficients)
    stated = _Stated.of(table, columns, least, penalties, counts, integer)
    if not _solved(stated.problem, _settings(integer, max_nodes, tolerance / stated.money)):
        return None
    chosen = stated.chosen.value * stated.size
    retained = np.zeros(0) if stated.retained is None else stated.retained.value
    if integer:
        chosen = np.rint(chosen)
        retained = columns.retained_by(table, chosen)
    shares = np.zeros(table.allowed.shape)
    shares[table.allowed] = chosen
    slack = columns.rows @ chosen + columns.consumer_rows @ retained - least
    short = np.maximum(-slack, 0)
    value = columns.value @ chosen + columns.consumer_value @ retained
    bought = np.isfinite(penalties)
    value -= penalties[bought] @ short[bought]
    prices = np.zeros(len(least)) if integer else stated.prices(penalties)
    return Solution(shares, float(value), prices, slack)


@dataclass(frozen=True)
class _Columns:
    """What the variables of the program add up to; only allowed options are variables.

    Attributes:
        unit: of each x, (columns,).
        value: of each x in the objective, (columns,).
        rows: coefficients of x, (rows, columns).
        consumer_value: of each z, (consumers,); empty unless retention counts consumers.
        consumer_rows: coefficients of z, (rows, consumers).
    """

    unit: Array
    value: Array
    rows: Array
    consumer_value: Array
    consumer_rows: Array

    @classmethod
    def of(cls, table: OptionTable, objective: Array, coefficients: Array) -> "_Columns":
        unit, _ = np.nonzero(table.allowed)
        measures, cell = table.measures[table.allowed], table.cell[unit]
        first = np.zeros(0, dtype=int)
        if counts_once(table):
            measures[:, Measure.RETENTION] = 0
            first = table.cell[np.flatnonzero(np.diff(deciders(table), prepend=-1))]

        def weighted(weights: Array) -> Array:
            return np.einsum("nm,nm->n", measures, weights[cell])

        rows = [weighted(weights) for weights in coefficients]
        return cls(
            unit,
            weighted(objective),
            np.array(rows).reshape(len(coefficients), len(unit)),
            objective[first, Measure.RETENTION],
            coefficients[:, first, Measure.RETENTION],
        )

    def retained_by(self, table: OptionTable, chosen: Array) -> Array:
        """Return z of whole options, (consumers,): 1 where a unit of the consumer is retained.

        The solver may leave z lower where nothing is earned by it.
        """
        if not counts_once(table):
            return np.zeros(0)
        retains = table.measures[table.allowed][:, Measure.RETENTION] > 0
        consumer = deciders(table)[self.unit]
        return (np.bincount(consumer, chosen * retains) > 0).astype(float)

    def row_scales(self, count: Array) -> Array:
        """Return the most that one variable adds to each row, (rows,); 1 where nothing does."""
        rows = zip(self.rows, self.consumer_rows, strict=True)
        return np.array([_largest(units * count, consumers) or 1.0 for units, consumers in rows])

    def largest_value(self, count: Array) -> float:
        """Return the most that one variable adds to the objective."""
        return _largest(self.value * count, self.consumer_value)


@dataclass(frozen=True)
class _Stated:
    """The program in CVXPY, scaled so that tolerances mean the same at any size.

    Attributes:
        problem: what is solved.
        chosen: x, as a share of the unit's count in the linear program, (columns,).
        size: what a whole ``chosen`` stands for, (columns,).
        retained: z, (consumers,), or none.
        rule_rows: the rows; none where there are none.
        money: what the objective was divided by.
        scale: what each row was divided by, (rows,).
    """

    problem: cp.Problem
    chosen: cp.Variable
    size: Array
    retained: cp.Variable | None
    rule_rows: cp.Constraint | None
    money: float
    scale: Array

    @classmethod
    def of(
        cls,
        table: OptionTable,
        columns: _Columns,
        least: Array,
        penalties: Array,
        counts: Array,
        integer: bool,
    ) -> "_Stated":
        count = counts[columns.unit]
        size = np.ones(len(count)) if integer else count
        chosen = cp.Variable(len(count), integer=integer, bounds=[0, count / size])
        scale = columns.row_scales(count)
        buyable = np.flatnonzero(np.isfinite(penalties))
        fines = penalties[buyable] * scale[buyable]
        money = columns.largest_value(count) or _largest(fines) or 1.0
        one_each = _sums(columns.unit, len(counts)) @ chosen == (counts if integer else 1)
        earned = (columns.value * size / money) @ chosen
        constraints = [one_each, *_offers_of_a_consumer(table, columns, chosen)]
        activity = csr_array(columns.rows * size / scale[:, None]) @ chosen
        retained = None
        if len(columns.consumer_value):
            retained = cp.Variable(len(columns.consumer_value), bounds=[0, 1])
            earned += (columns.consumer_value / money) @ retained
            activity += csr_array(columns.consumer_rows / scale[:, None]) @ retained
            constraints += _retained_once(table, columns, chosen, retained)
        if len(buyable):
            bought = cp.Variable(len(buyable), bounds=[0, np.inf])
            earned -= (fines / money) @ bought
            activity += _sums(buyable, len(least)) @ bought
        rule_rows = None
        if len(least):
            rule_rows = activity >= least / scale
            constraints.append(rule_rows)
        problem = cp.Problem(cp.Maximize(earned), constraints)
        return cls(problem, chosen, size, retained, rule_rows, money, scale)

    def prices(self, penalties: Array) -> Array:
        """Return the rows' multipliers in money per unit of the row."""
        if self.rule_rows is None:
            return np.zeros(0)
        multipliers = np.asarray(self.rule_rows.dual_value) * self.money / self.scale
        return np.clip(multipliers, 0, penalties)


def _sums(group: Array, groups: int) -> csr_array:
    """Return the matrix that sums columns by group, (groups, columns)."""
    count = len(group)
    return csr_array((np.ones(count), (group, np.arange(count))), shape=(groups, count))


def _offers_of_a_consumer(
    table: OptionTable, columns: _Columns, chosen: cp.Variable
) -> list[cp.Constraint]:
    rule = table.consumer_rule
    if rule is None or rule.most_offers is None:
        return []
    offered = table.measures[table.allowed][:, Measure.OFFER] > 0
    consumer = rule.consumer[columns.unit]
    counted = _sums(consumer, consumer.max() + 1) * offered
    return [counted @ chosen <= rule.most_offers]


def _retained_once(
    table: OptionTable, columns: _Columns, chosen: cp.Variable, retained: cp.Variable
) -> list[cp.Constraint]:
    retains = table.measures[table.allowed][:, Measure.RETENTION] > 0
    consumer = deciders(table)
    most = retained <= (_sums(consumer[columns.unit], retained.size) * retains) @ chosen
    if columns.consumer_value.min() >= 0 and columns.consumer_rows.min(initial=0) >= 0:
        return [most]
    # Where a retained consumer costs something, it may not go uncounted either.
    by_unit = (_sums(columns.unit, len(consumer)) * retains) @ chosen
    return [most, retained[consumer] >= by_unit]


def _nothing_to_choose(table: OptionTable, least: Array, penalties: Array) -> Solution | None:
    bought = np.isfinite(penalties)
    if (least[~bought] > 0).any():
        return None
    value = -float(penalties[bought] @ np.maximum(least[bought], 0))
    prices = np.where(bought & (least > 0), penalties, 0)
    return Solution(np.zeros(table.allowed.shape), value, prices, -least)


def _largest(*numbers: Array) -> float:
    return max(float(np.abs(some).max(initial=0)) for some in numbers)


def _solved(program: cp.Problem, settings: dict[str, float]) -> bool:
    """Solve in place; a search cut short counts where it has a plan, which callers certify."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        try:
            program.solve(solver=cp.HIGHS, warm_start=False, ignore_dpp=True, **settings)
        except (cp.SolverError, ValueError):  # cut short, or undecided, before there was one
            return False
    return all(variable.value is not None for variable in program.variables())


def _settings(integer: bool, max_nodes: int, gap: float) -> dict[str, float]:
    tolerances = {
        "primal_feasibility_tolerance": TOLERANCE,
        "dual_feasibility_tolerance": TOLERANCE,
    }
    if not integer:
        return tolerances
    gaps = {"mip_rel_gap": 0.0, "mip_abs_gap": max(gap, TOLERANCE)}
    search = gaps | {"mip_max_nodes": max_nodes}
    return tolerances | search | {"mip_feasibility_tolerance": TOLERANCE}
