"""Programs to try the route on: made-up consumer-items, and rows that bind but can be kept."""

import itertools
from dataclasses import replace

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule, OptionTable
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.prices import find_prices
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions
from promo_kedro.types import Array


def offer_table(
    units: int, cells: int = 1, *, seed: int = 0, steps: int = 15, kinds: int | None = None
) -> OptionTable:
    """Return today's offer, none, and steps on a logistic curve; ``kinds`` of units repeated."""
    draw = np.random.default_rng(seed)
    made = kinds or units
    price, reference = draw.lognormal(1, 0.7, (made, 1)), draw.uniform(5, 40, (made, 1))
    odds = np.log(draw.uniform(0.05, 0.6, (made, 1)) / 0.5)
    slope = draw.uniform(0.005, 0.06, (made, 1))
    change = np.linspace(-0.95, 0.95, steps)
    offer = np.hstack([reference, 0 * reference, reference * (1 + change)])
    probability = 1 / (1 + np.exp(-odds - slope * (offer - reference)))
    measures = np.zeros((*offer.shape, MEASURES))
    measures[..., Measure.SALES] = price * probability
    measures[..., Measure.SPEND] = price * probability * offer / 100
    measures[..., Measure.COST] = 0.55 * price * probability
    measures[..., Measure.RETENTION] = probability
    measures[..., Measure.PROBABILITY] = probability
    measures[..., Measure.OFFER] = offer
    measures[..., Measure.OFFERED] = offer > 0
    allowed = offer < 60
    cell = np.sort(draw.integers(0, cells, made))
    order = np.sort(np.arange(units) % made)
    return OptionTable(allowed[order], measures[order], cell[order], cells)


def with_consumers(table: OptionTable, size: int, **rule: int | bool) -> OptionTable:
    """Return the table with ``size`` units to a consumer."""
    consumer = np.arange(len(table.cell)) // size
    return replace(table, consumer_rule=ConsumerRule(consumer, **rule))


def weights(cells: int, **measures: float | Array) -> Array:
    """Return weights of the named measures, the same in every cell or one for each."""
    found = np.zeros((cells, MEASURES))
    for name, weight in measures.items():
        found[:, Measure[name.upper()]] = weight
    return found


def margin(cells: int) -> Array:
    return weights(cells, sales=1, cost=-1, spend=-1)


def retention_row(table: OptionTable, share: float, cell: int | None = None) -> Row:
    """Ask for a share of the way from what the free choice retains to the most there is."""
    options = TabulatedOptions(table)
    where = np.ones(table.cells) if cell is None else np.arange(table.cells) == cell
    row = weights(table.cells, retention=where)
    free = (row * options.choose(margin(table.cells)).totals).sum()
    most = (row * options.choose(row).totals).sum()
    return Row(f"retention {cell}", "retention", row, free + share * (most - free))


def program_with(table: OptionTable, *rows: Row) -> Program:
    return Program(TabulatedOptions(table), margin(table.cells), rows)


def sixteen_rows(table: OptionTable) -> Program:
    """Return retention in thirteen categories, a budget, and fairness both ways."""
    cells = table.cells
    program = program_with(table, *(retention_row(table, 0.4, cell) for cell in range(cells)))
    totals = find_prices(program, SolverParameters()).choices.totals
    budget = weights(cells, spend=-1)
    count = np.bincount(table.cell, minlength=cells)
    first = np.arange(cells) < cells // 2
    share = np.where(first, 1 / count[first].sum(), -1 / count[~first].sum())
    fairness = weights(cells, probability=share)
    difference = float((fairness * totals).sum())
    more = (
        Row("budget", "budget", budget, 0.97 * float((budget * totals).sum()), at_most=True),
        Row("fairness, up", "fairness", fairness, difference + 0.002),
        Row("fairness, down", "fairness", -fairness, -difference - 0.02),
    )
    return replace(program, rows=program.rows + more)


def best_of_all_plans(program: Program) -> float:
    """Return what the best plan is worth, less penalties, by trying all; −∞ if none is one."""
    options = program.options
    table = options.tabulate(np.arange(len(options)))
    best = -np.inf
    for plan in itertools.product(*(np.flatnonzero(unit) for unit in table.allowed)):
        totals = options.totals(np.array(plan, dtype=np.int8))
        if not keeps_consumer_rule(table, np.array(plan)):
            continue
        lacking = np.maximum(program.least - program.activity(totals), 0.0)
        lacking[lacking < 1e-12] = 0.0
        hard = np.isinf(program.penalties)
        if not lacking[hard].any():
            paid = float(program.penalties[~hard] @ lacking[~hard])
            best = max(best, program.value(totals) - paid)
    return best


def keeps_consumer_rule(table: OptionTable, choice: Array) -> bool:
    """Return whether no consumer gets more offers than allowed."""
    rule = table.consumer_rule
    if rule is None or rule.most_offers is None:
        return True
    offered = table.measures[np.arange(len(choice)), choice, Measure.OFFERED]
    return bool(np.bincount(rule.consumer, offered).max() <= rule.most_offers)
