"""Small programs with their plans, made so that the plan is known to be optimal.

A plan is chosen at given prices, and each row with a price then asks for just what the plan
reaches: by weak duality no plan that keeps the rows is worth more.
"""

from dataclasses import dataclass, field, fields, replace
from types import SimpleNamespace

import numpy as np
from pandas import DataFrame
from scipy.special import expit, logit

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.offers import OfferColumns, OfferOptions
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule, OptionTable
from promo_kedro.pipelines.optimization.knapsack.program import Plan, Program, Row
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions
from promo_kedro.pipelines.optimization.rules.base import Standing

GRID = SimpleNamespace(relative=True, values=0.05 * np.arange(-19, 20))
MENU = SimpleNamespace(relative=False, values=np.arange(5.0, 60.0, 5.0))
KEPT = "the response to offers is not identified"


def make_items(n: int, seed: int, categories: tuple[str, ...] = ("Bakery", "Dairy")) -> DataFrame:
    """Return ``offer_decisions`` of n consumer-items, some of which cannot be changed."""
    rng = np.random.default_rng(seed)
    reference, probability = rng.uniform(6, 38, n), expit(rng.normal(-1.5, 1.2, n))
    price = rng.uniform(0.5, 20, n).round(2)
    adjustable = rng.random(n) > 0.15
    slope = rng.uniform(0.01, 0.12, n)
    items = DataFrame(
        {
            "category": np.sort(rng.choice(categories, n)),
            "customer_id": np.arange(n) // 3,
            "item_id": np.arange(n) % 3,
            "price": price,
            "quantity": 1.0,
            "cost": (price * rng.uniform(0.3, 0.8, n)).round(2),
            "reference_offer": reference,
            "offer_today": np.where(rng.random(n) > 0.3, reference * rng.uniform(0.4, 1.4, n), 0.0),
            "probability": probability,
            "elasticity": slope * reference * (1 - probability),
            "slope": slope,
            "cutoff": rng.uniform(0.05, 0.4, n),
            "offer_min": 4.0,
            "offer_max": 45.0,
            "range_min": 4.0,
            "range_max": 45.0,
            "permitted": np.where(adjustable, 4, 1).astype(np.int8),
            "adjustable": adjustable,
            "kept": np.where(adjustable, "", KEPT),
            "cost_known": True,
        }
    )
    return items


@dataclass(frozen=True)
class PlainOptions:
    """Options reckoned straight from the decisions, with the methods of ``OfferOptions``."""

    decisions: DataFrame
    mode: str = "exact"
    steps: SimpleNamespace = field(default_factory=lambda: GRID)
    indicator: bool | None = None
    consumer_rule: ConsumerRule | None = None

    @property
    def cell(self):
        return np.unique(self.decisions["category"], return_inverse=True)[1]

    @property
    def cells(self):
        return self.decisions["category"].nunique()

    def __len__(self):
        return len(self.decisions)

    def measures(self, offers):
        measures, rule = self.item_measures(offers), self.consumer_rule
        if rule is not None and rule.any_retained:
            retained = DataFrame({"consumer": rule.consumer, "any": measures[:, 3]})
            first = ~retained["consumer"].duplicated()
            measures[:, 3] = retained.groupby("consumer")["any"].transform("max") * first
        return measures

    def item_measures(self, offers):
        d = {name: column.to_numpy() for name, column in self.decisions.items()}
        o, k, f = np.asarray(offers, dtype=float), d["reference_offer"], d["probability"]
        if self.mode == "exact":
            p = expit(logit(f) + d["slope"] * (o - k))
        else:
            p = np.clip(f * (1 + (o / k - 1) * d["elasticity"]), 0, 1)
        clears = (p >= d["cutoff"]).astype(float)
        q = clears if self.mode == "paper" else p
        counted = self.consumer_rule is not None and self.consumer_rule.any_retained
        indicator = self.mode == "paper" if self.indicator is None else self.indicator
        r = clears if indicator or counted else p
        sales = d["price"] * q
        return np.stack([sales, sales * o / 100, d["cost"] * q, r, p, o, 1.0 * (o > 0)], axis=1)

    def coupled_by(self, rule):
        counted = self.consumer_rule is not None and self.consumer_rule.any_retained
        return replace(self, consumer_rule=rule, indicator=True if counted else self.indicator)

    def columns(self):
        d, values = self.decisions, np.asarray(self.steps.values)
        k = d["reference_offer"].to_numpy()[:, None]
        steps = k * (1 + values) if self.steps.relative else np.tile(values, (len(d), 1))
        offers = np.hstack([d[["offer_today"]].to_numpy(), np.zeros((len(d), 1)), steps])
        inside = (offers > d[["offer_min"]].to_numpy()) & (offers < d[["offer_max"]].to_numpy())
        bits = d["permitted"].to_numpy()[:, None] & np.array([1, 2] + [4] * len(values)) > 0
        inside[:, :2] = True
        return offers, bits & inside

    def tabulate(self, units):
        offers, allowed = self.columns()
        measures = np.stack([self.item_measures(column) for column in offers.T], axis=1)
        rule = self.consumer_rule
        if rule is not None:
            rule = replace(rule, consumer=np.unique(rule.consumer[units], return_inverse=True)[1])
        return OptionTable(allowed[units], measures[units], self.cell[units], self.cells, rule)

    def choose(self, weights, *, regret=False):
        return TabulatedOptions(self.tabulate(np.arange(len(self)))).choose(weights, regret=regret)

    def totals(self, choice):
        return TabulatedOptions(self.tabulate(np.arange(len(self)))).totals(choice)

    def offers(self, choice):
        return np.take_along_axis(self.columns()[0], choice[:, None].astype(int), axis=1)[:, 0]


def standing_of(options: PlainOptions, objective: np.ndarray) -> Standing:
    """Return where the units stand before the program."""
    decisions = options.decisions
    counted = decisions.assign(counted=True)
    rule = options.consumer_rule
    if rule is not None and rule.any_retained:
        counted["counted"] = ~DataFrame({"consumer": rule.consumer}).duplicated().to_numpy()
    cells = counted.groupby("category").agg(units=("price", "size"), retainable=("counted", "sum"))
    nothing = np.zeros_like(objective)
    return Standing(cells.reset_index(), nothing, nothing, objective)


def revenue_weights(cells: int, margin: bool = False) -> np.ndarray:
    """Return the weights of revenue, or of margin."""
    weights = np.zeros((cells, len(Measure)))
    weights[:, Measure.SALES], weights[:, Measure.SPEND] = 1, -1
    weights[:, Measure.COST] = -1 if margin else 0
    return weights


def row_on(options: PlainOptions, name: str, measure: Measure, where=slice(None), **known) -> Row:
    """Return a row that weighs one measure in some cells; at most where it is spend."""
    weights = np.zeros((options.cells, len(Measure)))
    weights[where, measure] = -1.0 if known.get("at_most") else 1.0
    return Row(name, name.split(":", maxsplit=1)[0], weights, 0.0, **known)


def plan_at(
    options: PlainOptions, rows: list[Row], prices: list[float], *, name="All", margin=False
) -> SimpleNamespace:
    """Return the program whose optimal plan is the choice at these prices, with that plan."""
    objective = revenue_weights(options.cells, margin)
    prices = np.array(prices, dtype=float)
    loose = Program(options, objective, tuple(rows))
    choices = options.choose(loose.weights(prices))
    activity = loose.activity(choices.totals)
    asked = [
        replace(row, least=float(reached - (0 if price > 0 else abs(reached) / 2)))
        for row, reached, price in zip(rows, activity, prices, strict=True)
    ]
    program = replace(loose, rows=tuple(asked))
    value = program.value(choices.totals)
    plan = Plan(
        choice=choices.option,
        value=value,
        upper_bound=program.bound(choices.score, prices),
        totals=choices.totals,
        activity=activity,
        slack=activity - program.least,
        prices=prices,
        solver="by price",
        seconds=0.5,
    )
    outcome = SimpleNamespace(plan=plan, rows=program.rows, broken={}, relaxations=None, message="")
    return SimpleNamespace(
        mode=options.mode,
        name=name,
        decisions=options.decisions,
        options=options,
        program=program,
        standing=standing_of(options, objective),
        outcome=outcome,
        offer=options.offers(choices.option),
        set_aside={},
        left_out=(),
    )


def without_plan(planned: SimpleNamespace, message: str = "") -> SimpleNamespace:
    """Return the same program as if no plan kept its rows."""
    plan = replace(
        planned.outcome.plan, choice=None, prices=np.full(len(planned.program.rows), np.nan)
    )
    outcome = SimpleNamespace(**vars(planned.outcome) | {"plan": plan, "message": message})
    today = planned.decisions["offer_today"].to_numpy()
    return SimpleNamespace(**vars(planned) | {"outcome": outcome, "offer": today})


def engine_options(plain: PlainOptions) -> OfferOptions:
    """Return the same options as the pipeline reckons them."""
    names = [each.name for each in fields(OfferColumns) if each.name not in ("permitted", "cell")]
    columns = OfferColumns(
        **{name: plain.decisions[name].to_numpy(dtype=float) for name in names},
        permitted=plain.decisions["permitted"].to_numpy(),
        cell=plain.cell.astype(np.int32),
    )
    return OfferOptions(
        columns,
        plain.mode,
        plain.steps,
        indicator_retention=plain.mode == "paper",
        consumer_rule=plain.consumer_rule,
        cells=plain.cells,
    )
