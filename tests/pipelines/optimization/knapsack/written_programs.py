"""Offer programs drawn at random, and the same written out option by option in plain numpy."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from hypothesis import strategies as st
from scipy.special import expit, logit

from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.offers import OfferColumns, OfferOptions
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.types import Array

TOLERANCE = 1e-9
"""Share of what a row asks, or of what it adds up, within which it counts as kept."""


@dataclass(frozen=True)
class Menu:
    """What offers may become: changes of the reference offer, or offers in percent."""

    relative: bool
    values: Array


MENUS = {
    "Eq. 13": Menu(True, 0.05 * np.arange(-19, 20)),
    "even": Menu(False, np.arange(5.0, 60, 5)),
    "uneven": Menu(False, np.array([3.0, 5, 10, 20, 33])),
}


@dataclass(frozen=True)
class Written:
    """Options of consumer-items by their definitions, word for word."""

    columns: OfferColumns
    mode: str
    menu: Menu
    indicator: bool
    cells: int = 1
    rule: ConsumerRule | None = None

    def __len__(self) -> int:
        return len(self.columns)

    def options(self, threads: int = 1) -> OfferOptions:
        """Return the same options as the pipeline reckons them."""
        return OfferOptions(
            self.columns,
            self.mode,
            self.menu,
            indicator_retention=self.indicator,
            consumer_rule=self.rule,
            cells=self.cells,
            threads=threads,
        )

    @cached_property
    def offer(self) -> Array:
        """Today's offer, none, and the steps: percent, (units, options)."""
        k, values = self.columns.reference_offer[:, None], self.menu.values
        steps = k * (1 + values) if self.menu.relative else np.tile(values, (len(k), 1))
        return np.hstack([self.columns.offer_today[:, None], 0 * k, steps])

    @cached_property
    def allowed(self) -> Array:
        """Whether an option may be chosen, (units, options)."""
        c = self.columns
        inside = (self.offer > c.offer_min[:, None]) & (self.offer < c.offer_max[:, None])
        bit = np.array([1, 2] + [4] * len(self.menu.values))
        may = (c.permitted[:, None] & bit) > 0
        inside[:, :2] = True
        return may & inside

    @cached_property
    def probability(self) -> Array:
        """Of a purchase under each option, (units, options)."""
        c, o, k = self.columns, self.offer, self.columns.reference_offer[:, None]
        f = c.probability[:, None]
        if self.mode == "exact":
            with np.errstate(divide="ignore"):
                return expit(logit(f) + c.slope[:, None] * (o - k))
        change = np.where(k > 0, o / np.where(k > 0, k, 1), 1) - 1
        return np.clip(f + change * c.elasticity[:, None] * f, 0, 1)

    @cached_property
    def measures(self) -> Array:
        """Of each option, retention of each unit by itself, (units, options, 7)."""
        c, p, o = self.columns, self.probability, self.offer
        clears = (p >= c.cutoff[:, None]).astype(float)
        counted = self.rule is not None and self.rule.any_retained
        found = np.empty((*p.shape, MEASURES))
        worth = clears if self.mode == "paper" else p
        found[..., Measure.SALES] = c.price[:, None] * worth
        found[..., Measure.SPEND] = c.price[:, None] * (o / 100) * worth
        found[..., Measure.COST] = c.cost[:, None] * worth
        found[..., Measure.RETENTION] = clears if self.indicator or counted else p
        found[..., Measure.PROBABILITY] = p
        found[..., Measure.OFFER] = o
        found[..., Measure.OFFERED] = o > 0
        return found

    def totals(self, choice: Array) -> Array:
        """Sum the measures of these options per cell: (cells, 7)."""
        own = self.measures[np.arange(len(self)), choice]
        if self.rule is not None and self.rule.any_retained:
            starts = np.flatnonzero(np.diff(self.rule.consumer, prepend=-1))
            any_of = [r.max() for r in np.split(own[:, Measure.RETENTION], starts[1:])]
            own[:, Measure.RETENTION] = 0
            own[starts, Measure.RETENTION] = any_of
        totals = np.zeros((self.cells, MEASURES))
        np.add.at(totals, self.columns.cell, own)
        return totals

    def is_allowed(self, choice: Array) -> bool:
        """Return whether every option may be chosen, and no consumer gets too many offers."""
        if not self.allowed[np.arange(len(self)), choice].all():
            return False
        if self.rule is None or self.rule.most_offers is None:
            return True
        offered = self.offer[np.arange(len(self)), choice] > 0
        return bool(np.bincount(self.rule.consumer, offered).max() <= self.rule.most_offers)

    def best(self, weights: Array) -> Array:
        """Return each unit's best option at these weights by itself, within the cap on offers."""
        scores = np.einsum("ujm,um->uj", self.measures, weights[self.columns.cell])
        scores = np.where(self.allowed, scores, -np.inf)
        choice = scores.argmax(axis=1)
        if self.rule is not None and self.rule.most_offers is not None:
            offered = self.offer[np.arange(len(self)), choice] > 0
            for consumer in np.unique(self.rule.consumer):
                of = np.flatnonzero(offered & (self.rule.consumer == consumer))
                choice[of[self.rule.most_offers :]] = 1
        return choice

    def ordered(self, units: Array) -> "Written":
        """Return these units, in this order."""
        return replace(self, columns=self.columns.take(units))

    def twice(self) -> "Written":
        """Return every unit twice; under a consumer rule, every consumer."""
        columns = {
            each.name: np.tile(getattr(self.columns, each.name), 2) for each in fields(OfferColumns)
        }
        rule = self.rule
        if rule is not None:
            rule = replace(rule, consumer=np.append(rule.consumer, rule.consumer + len(self)))
            rule = replace(rule, consumer=np.unique(rule.consumer, return_inverse=True)[1])
        return replace(self, columns=OfferColumns(**columns), rule=rule)


def lacking(row: Row, totals: Array) -> float:
    """Return by how much a row is missed; 0 within rounding."""
    parts = row.coefficients * totals
    short = row.least - parts.sum()
    return short if short > TOLERANCE * max(abs(row.least), np.abs(parts).sum()) else 0.0


def worth(program: Program, totals: Array) -> float:
    """Return the objective of a plan, less the penalties that it pays."""
    paid = sum(row.penalty * lacking(row, totals) for row in program.rows if row.penalty < np.inf)
    return float((program.objective * totals).sum()) - paid


def weights(cells: int, where: Array | slice = slice(None), **measures: float) -> Array:
    """Return weights of the named measures in these cells, (cells, 7)."""
    found = np.zeros((cells, MEASURES))
    for name, weight in measures.items():
        found[where, Measure[name.upper()]] = weight
    return found


def items(n: int, draw: np.random.Generator, *, awkward: bool, cells: int = 1) -> OfferColumns:
    """Return random consumer-items; awkward ones have zeros, ones and infinities among them."""
    k, f = draw.uniform(5, 40, n), expit(draw.normal(-1, 1, n))
    price = draw.lognormal(1, 0.7, n)
    slope = draw.uniform(0.005, 0.08, n)
    columns = {
        "price": price,
        "cost": price * draw.uniform(0.3, 0.8, n),
        "reference_offer": k,
        "offer_today": np.where(draw.random(n) < 0.7, draw.uniform(0, 45, n), 0.0),
        "probability": f,
        "slope": slope,
        "elasticity": slope * k * (1 - f),
        "cutoff": draw.uniform(0.05, 0.6, n),
        "offer_min": draw.choice([1.0, 2.0, 4.0], n),
        "offer_max": draw.choice([45.0, 60.0], n),
        "permitted": draw.choice([1, 2, 4, 5, 6, 7], n, p=[0.1, 0.05, 0.4, 0.1, 0.25, 0.1]),
        "cell": np.sort(draw.integers(0, cells, n)),
    }
    if awkward:
        odd = {
            "price": [0.0, 1.0],
            "cost": [0.0, 100.0],
            "reference_offer": [10.0, 10.0],
            "offer_today": [0.0, 100.0],
            "probability": [0.0, 1.0, 1e-30],
            "slope": [0.0, -0.03, 40.0],
            "elasticity": [0.0, -0.6, 6.0],
            "cutoff": [0.0, 1.0, np.inf],
        }
        for name, values in odd.items():
            columns[name] = np.where(draw.random(n) < 0.1, draw.choice(values, n), columns[name])
    return OfferColumns(**columns)


def _usual_price(row: Row, draw: np.random.Generator) -> Array:
    """Return a row's coefficients at a price that matters, or at none."""
    usual = {"retention": 5, "fairness": 1 / np.abs(row.coefficients).max(), "mean offer": 0.05}
    price = draw.exponential(usual.get(row.rule, 0.7)) * (draw.random() < 0.8)
    return price * row.coefficients


SHAPES = ("retention", "budget", "return", "margin", "fairness", "mean offer", "offered")


def row_of(shape: str, name: str, objective: Array, count: Array, draw: np.random.Generator) -> Row:
    """Return a row of a shape that rules make, asking for nothing yet."""
    cells = len(objective)
    where = slice(None) if draw.random() < 0.5 else np.arange(cells) == draw.integers(cells)
    measure = "probability" if draw.random() < 0.5 else "offer"
    high = np.arange(cells) < max(cells // 2, 1)
    fair = weights(cells, high, **{measure: -count.sum() / max(count[high].sum(), 1)})
    if (~high).any():
        fair += weights(cells, ~high, **{measure: count.sum() / max(count[~high].sum(), 1)})
    made = {
        "retention": weights(cells, where, retention=1),
        "budget": weights(cells, where, spend=-1),
        "return": objective - weights(cells, spend=draw.uniform(0, 1)),
        "margin": weights(cells, where, sales=0.8, spend=-0.8, cost=-1),
        "fairness": fair,
        "mean offer": weights(cells, where, offer=-1),
        "offered": weights(cells, where, offered=-1),
    }[shape]
    at_most = shape in ("budget", "fairness", "mean offer", "offered")
    return Row(name, shape, made, -np.inf, at_most=at_most, scale=float(draw.choice([1.0, 2.5])))


@dataclass(frozen=True)
class Drawn:
    """A program drawn at random, with a plan that keeps all its rows where they were drawn so."""

    written: Written
    objective: Array
    rows: tuple[Row, ...]
    witness: Array

    def program(self, threads: int = 1) -> Program:
        return Program(self.written.options(threads), self.objective, self.rows)


@st.composite
def programs(
    draw,
    *,
    units: tuple[int, int] = (1, 60),
    most_rows: int = 5,
    consumers: bool = True,
    penalties: bool = True,
    keepable: bool = True,
) -> Drawn:
    """Draw a program: any mode, steps, masks, rows; one that can be kept, or any."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cells = draw(st.integers(1, 3))
    columns = items(draw(st.integers(*units)), random, awkward=draw(st.booleans()), cells=cells)
    kinds = [None, {"most_offers": 1}, {"any_retained": True}]
    kinds.append({"most_offers": 2, "any_retained": True})
    kind = draw(st.sampled_from(kinds)) if consumers else None
    rule = None
    if kind is not None:
        consumer = np.cumsum(random.random(len(columns)) < 0.4)
        rule = ConsumerRule(consumer - consumer[0], **kind)
        opened = columns.permitted if "most_offers" not in kind else columns.permitted | 2
        columns = replace(columns, permitted=opened, cell=random.permutation(columns.cell))
    mode = draw(st.sampled_from(["paper", "linear", "exact"]))
    menu = MENUS[draw(st.sampled_from(list(MENUS)))]
    written = Written(columns, mode, menu, draw(st.booleans()), cells, rule)
    cost = -1.0 if draw(st.booleans()) else 0.0
    objective = weights(cells, sales=1, spend=-1, cost=cost)
    count = np.bincount(columns.cell, minlength=cells)
    shapes = draw(st.lists(st.sampled_from(SHAPES), max_size=most_rows))
    asked = [
        row_of(shape, f"{shape} {number}", objective, count, random)
        for number, shape in enumerate(shapes)
    ]
    witness = written.best(objective + sum(_usual_price(row, random) for row in asked))
    totals, free = written.totals(witness), written.totals(written.best(objective))
    rows = []
    for row in asked:
        reached, at_ease = ((row.coefficients * sums).sum() for sums in (totals, free))
        distance = abs(at_ease - reached)
        less = random.choice([0, 0.3] if keepable else [-1.5, -0.5, 0, 0.3])
        bought = penalties and random.random() < 0.2
        penalty = float(random.uniform(0, 5)) if bought else np.inf
        rows.append(replace(row, least=float(reached - less * distance), penalty=penalty))
    return Drawn(written, objective, tuple(rows), witness)
