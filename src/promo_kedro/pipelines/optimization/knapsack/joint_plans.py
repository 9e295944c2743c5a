"""Joint plans of consumers whose units are coupled, each plan as one option to choose.

What couples the units of a consumer is then nowhere to be stated: any choices of all units that
keep to it give each consumer a joint plan, and any mix of these keeps to it too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack

from promo_kedro.pipelines.optimization.knapsack.local_dual import units_of_consumers
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule, OptionTable
from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.types import Array

CHUNK = 2_000
SOLVED = 0


@dataclass(frozen=True)
class JointPlans:
    """What the undecided consumers may do, and what all others do already.

    Attributes:
        choices: option of every unit, each (units,); settled consumers do as in the first.
        number: of each undecided consumer among all, rising, (undecided,).
        consumer: whose each joint plan is, rising from 0 over the undecided, (plans,).
        source: which of the choices it was taken from, (plans,).
        value: what it earns, (plans,).
        rows: what it adds to each row, (rows, plans).
        settled: value of the settled consumers, and what they add to each row, (1 + rows,).
    """

    choices: tuple[Array, ...]
    number: Array
    consumer: Array
    source: Array
    value: Array
    rows: Array
    settled: Array

    @classmethod
    def of(cls, program: Program, choices: tuple[Array, ...], totals: Array) -> "JointPlans":
        """Compare what consumers do in some choices.

        Args:
            program: under a consumer rule.
            choices: option of every unit, each (units,); each keeps to the consumer rule.
            totals: measures of the first, (cells, 7).
        """
        consumer = coupling(program).consumer
        number = undecided(program, choices)
        chunks = _chunks(consumer, units_of_consumers(consumer, number))
        parts = [_measured(program, units, choices) for units in chunks]
        measured = np.concatenate([np.zeros((0, len(choices), 1 + len(program.rows))), *parts])
        kept = [np.unique(plans, axis=0, return_index=True)[1] for plans in measured]
        source = np.concatenate([np.zeros(0, dtype=int), *kept])
        place = np.repeat(np.arange(number.size), [len(plans) for plans in kept])
        figures = measured[place, source]
        settled = np.append(program.value(totals), program.activity(totals))
        settled -= measured[:, 0].sum(axis=0)
        return cls(choices, number, place, source, figures[:, 0], figures[:, 1:].T, settled)

    def made(self, program: Program, plans: Array) -> Array:
        """Return the option of every unit if undecided consumers follow these, (undecided,)."""
        consumer = coupling(program).consumer
        source = np.zeros(int(consumer[-1]) + 1, dtype=int)
        source[self.number] = self.source[plans]
        choice = self.choices[0].copy()
        for used in np.unique(self.source[plans]):
            follows = (source == used)[consumer]
            choice[follows] = self.choices[used][follows]
        return choice

    def largest(self, shares: Array) -> Array:
        """Return the joint plan of each undecided consumer that has the largest share."""
        order = np.lexsort((-shares, self.consumer))
        return order[np.flatnonzero(np.diff(self.consumer[order], prepend=-1))]


@dataclass(frozen=True)
class Mixed:
    """The linear program over joint plans solved.

    Attributes:
        value: the objective, less penalties, where prices are kept in the box; money.
        prices: of the rows, (rows,).
        shares: of each joint plan, (plans,).
    """

    value: float
    prices: Array
    shares: Array


def mixed(
    program: Program, plans: JointPlans, box: tuple[Array, Array], spare: Array | float = 0.0
) -> Mixed | None:
    """Return the best mix of joint plans, with the price of each row in a box.

    A price is at least what is earned by each unit of the row, and at most that and a penalty.

    Args:
        program: under a consumer rule.
        plans: of some consumers.
        box: the least and the most that each price may be, (rows,) each, both finite.
        spare: what is to be left in each row, (rows,).

    Returns:
        The mix; none where the linear program was not solved, which is a matter of its numbers
        alone, since every row may be missed at the most that its price may be.
    """
    low, high = box
    count, consumers, rows = plans.value.size, plans.number.size, low.size
    least = program.least + spare - plans.settled[1:]
    earned = plans.value + low @ plans.rows
    size = np.abs(plans.rows).max(axis=1, initial=0)
    size = np.where(size > 0, size, 1.0)
    money = np.abs(earned).max(initial=0) or 1.0
    kept = hstack([csr_array(plans.rows / size[:, None]), eye_array(rows)])
    each = csr_array(
        (np.ones(count), (plans.consumer, np.arange(count))), shape=(consumers, count + rows)
    )
    cost = np.concatenate([-earned, (high - low) * size]) / money
    solved = linprog(cost, -kept, -least / size, each, np.ones(consumers), method="highs-ds")
    if solved.status != SOLVED:
        return None
    prices = np.clip(low - solved.ineqlin.marginals * money / size, low, high)
    value = plans.settled[0] - solved.fun * money - low @ least
    return Mixed(float(value), prices, solved.x[:count])


def undecided(program: Program, choices: tuple[Array, ...]) -> Array:
    """Return the consumers who do not do the same in all choices, rising."""
    consumer = coupling(program).consumer
    differ = np.zeros(consumer.size, dtype=bool)
    for choice in choices[1:]:
        differ |= choice != choices[0]
    mask = np.zeros(int(consumer[-1]) + 1, dtype=bool)
    mask[consumer[differ]] = True
    return np.flatnonzero(mask)


def coupling(program: Program) -> ConsumerRule:
    """Return what couples the units of a consumer.

    Raises:
        ValueError: nothing does.
    """
    rule = program.options.consumer_rule
    if rule is None:
        raise ValueError("joint plans are of consumers whose units are coupled")
    return rule


def _chunks(consumer: Array, units: Array) -> Iterator[Array]:
    """Yield runs of units that hold whole consumers."""
    first = np.flatnonzero(np.diff(consumer[units], prepend=-1))
    cuts = first[np.flatnonzero(np.diff(first // CHUNK)) + 1]
    if units.size:
        yield from np.split(units, cuts)


def _measured(program: Program, units: Array, choices: tuple[Array, ...]) -> Array:
    """Return value and rows of some consumers in each choice, (consumers, choices, 1 + rows)."""
    table = program.options.tabulate(units)
    weights = np.concatenate([program.objective[None], program.coefficients])[:, table.cell]
    consumer = coupling(program).consumer[units]
    first = np.flatnonzero(np.diff(consumer, prepend=-1))
    measured = [
        np.add.reduceat(
            np.einsum("um,wum->uw", _counted(table, first, choice[units]), weights), first, axis=0
        )
        for choice in choices
    ]
    return np.stack(measured, axis=1)


def _counted(table: OptionTable, first: Array, choice: Array) -> Array:
    """Return what units measure in a choice, (units, 7), consumers counted as the rule has it."""
    measures = table.measures[np.arange(choice.size), choice]
    if table.consumer_rule is not None and table.consumer_rule.any_retained:
        retained = np.maximum.reduceat(measures[:, Measure.RETENTION], first) > 0
        measures[:, Measure.RETENTION] = 0
        measures[first, Measure.RETENTION] = retained
    return measures
