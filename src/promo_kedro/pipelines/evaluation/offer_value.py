"""What offers are worth: played out on the simulated retailer, whose demand is known.

Every policy decides one offer for every consumer and item. The plans (``paper``, ``linear``,
``exact``) decide for the consumer-items they cover and leave today's offers elsewhere. All
offers are kept up over the whole horizon, and all policies meet the same random futures (common
random numbers), so that differences to today's offers are known far better than the levels.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from promo_kedro.pipelines.evaluation.parameters import EvaluationParameters, Horizon

TODAY = "today"
PLANS = ("paper", "linear", "exact")
_MEASURES = ("revenue", "retention")
_FIGURES = ("", "_se", "_low", "_high", "_vs_today", "_vs_today_se", "_vs_today_low")
COLUMNS = [
    *("policy", "category", "horizon", "seed", "draws"),
    *(f"{measure}{figure}" for measure in _MEASURES for figure in (*_FIGURES, "_vs_today_high")),
    *("revenue_vs_today_percent", "uniform_offer_percent", "planned_consumer_items"),
    *("promised_probability", "true_probability"),
]


def why_not(truth: dict[str, Any] | None, raw_data_hash: str) -> str | None:
    """Why nothing can be valued, in words for people; None when everything is there."""
    if truth is None:
        return (
            "The value of the offers can be computed on the simulated retailer only: there is no "
            "truth beside these raw tables. On a real retailer it takes an experiment."
        )
    if truth["metadata"]["raw_data_hash"] != raw_data_hash:
        return (
            "The value of the offers was not computed: the truth beside the raw tables belongs to "
            "other raw tables than those that were read (the hashes differ). Run "
            "`kedro run --pipeline=simulation` to make both anew."
        )
    return None


def empty_value() -> pd.DataFrame:
    """The value table without rows."""
    return pd.DataFrame(columns=COLUMNS)


def value_of_policies(
    world: Any, offers: pd.DataFrame, parameters: EvaluationParameters, seed: int
) -> pd.DataFrame:
    """Joint revenue and retention of every policy, over every horizon.

    Args:
        world: The simulated retailer in the state it was left in.
        offers: The optimal offers, all modes.
        parameters: Horizons, draws and the grid of uniform offers.
        seed: Of the common random numbers.

    Returns:
        Columns :data:`COLUMNS`. ``revenue`` is the whole horizon's, ``retention`` the share of
        consumers who shop at its end; ``_se`` is the standard error of the mean over draws,
        ``_low`` and ``_high`` its interval; ``_vs_today`` the paired difference.
    """
    plans = plan_matrices(world, offers, world.offers_as_today(seed))
    promises = pd.DataFrame(
        [row for name, matrix in plans.items() for row in promise(world, offers, name, matrix)]
    )
    tables = []
    for horizon in parameters.horizons:
        uniform = best_uniform(world, horizon, parameters, seed)
        policies = {**plans, "best_uniform": np.full_like(plans[TODAY], uniform)}
        draws = {name: _play(world, matrix, horizon, seed) for name, matrix in policies.items()}
        table = summarise(draws, parameters.confidence)
        table["uniform_offer_percent"] = np.where(
            table["policy"] == "best_uniform", uniform, np.nan
        )
        tables.append(table.assign(horizon=horizon.weeks, seed=seed, draws=horizon.draws))
    everything = pd.concat(tables, ignore_index=True)
    return everything.merge(promises, on=["policy", "category"], how="left")[COLUMNS]


def headlines(value: pd.DataFrame, policy: str) -> list[str]:
    """One sentence per horizon: what a policy earns and keeps against today's offers."""
    rows = value[(value["policy"] == policy) & (value["category"] == "All")]
    return [
        f"Over {row.horizon} weeks the offers of the plan '{policy}' earn "
        f"{row.revenue_vs_today_percent:+.1f} % revenue against today's offers; retention "
        f"changes by {100 * row.retention_vs_today:+.2f} percentage points"
        for row in rows.itertuples()
    ]


def plan_matrices(world: Any, offers: pd.DataFrame, today: np.ndarray) -> dict[str, np.ndarray]:
    """Each policy's offer for every consumer and item, percent: (consumers, items)."""
    matrices = {TODAY: today, "none": np.zeros_like(today)}
    for mode in PLANS:
        rows, columns, plan = _cells(world, offers, mode)
        if len(plan):
            matrices[mode] = today.copy()
            matrices[mode][rows, columns] = plan["offer_percent"]
    return matrices


def best_uniform(
    world: Any, horizon: Horizon, parameters: EvaluationParameters, seed: int
) -> float:
    """The one offer for everyone and everything that earns most, percent.

    It is chosen on draws of its own, so that it is not judged by the luck that chose it.
    """
    shape = (len(world.customer_ids), len(world.item_ids))
    trial = Horizon(weeks=horizon.weeks, draws=parameters.selection_draws)
    earned = [
        _of_all(_play(world, np.full(shape, float(offer)), trial, seed + 1))["revenue"].mean()
        for offer in parameters.uniform_offers
    ]
    return float(parameters.uniform_offers[int(np.argmax(earned))])


def promise(
    world: Any, offers: pd.DataFrame, policy: str, matrix: np.ndarray
) -> list[dict[str, Any]]:
    """A plan's promised purchase probability beside the true one, mean over what it covers."""
    rows, columns, plan = _cells(world, offers, policy)
    if plan.empty:
        return []
    pairs = pd.DataFrame(
        {
            "category": plan["category"].astype(str).to_numpy(),
            "promised_probability": plan["probability_after"].to_numpy(dtype=float),
            "true_probability": world.purchase_probability(matrix)[rows, columns],
            "planned_consumer_items": 1,
        }
    )
    columns_of = {
        "promised_probability": "mean",
        "true_probability": "mean",
        "planned_consumer_items": "sum",
    }
    by_category = pairs.groupby("category").agg(columns_of).reset_index()
    total = pairs.assign(category="All").groupby("category").agg(columns_of).reset_index()
    return pd.concat([by_category, total]).assign(policy=policy).to_dict("records")


def summarise(draws: dict[str, pd.DataFrame], confidence: float) -> pd.DataFrame:
    """Mean, standard error and interval over draws, and the same of the difference to today.

    The intervals are Student's, since a few draws have to do.
    """
    today = draws[TODAY].set_index(["category", "draw"])[list(_MEASURES)]
    wide = student.ppf(0.5 + confidence / 2, today.groupby(level="category").size().min() - 1)
    tables = []
    for policy, table in draws.items():
        played = table.set_index(["category", "draw"])[list(_MEASURES)]
        difference = (played - today).add_suffix("_vs_today")
        figures = played.join(difference).groupby(level="category")
        mean = figures.mean()
        error = figures.std(ddof=1) / np.sqrt(figures.count())
        summary = pd.concat(
            [
                mean,
                error.add_suffix("_se"),
                (mean - wide * error).add_suffix("_low"),
                (mean + wide * error).add_suffix("_high"),
            ],
            axis=1,
        )
        base = today.groupby(level="category")["revenue"].mean()
        summary["revenue_vs_today_percent"] = 100 * mean["revenue_vs_today"] / base.where(base > 0)
        tables.append(summary.reset_index().assign(policy=policy))
    return pd.concat(tables, ignore_index=True)


def _play(world: Any, matrix: np.ndarray, horizon: Horizon, seed: int) -> pd.DataFrame:
    return world.value_of_offers(matrix, weeks=horizon.weeks, draws=horizon.draws, seed=seed)


def _of_all(played: pd.DataFrame) -> pd.DataFrame:
    return played[played["category"] == "All"]


def _cells(
    world: Any, offers: pd.DataFrame, mode: str
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """The consumer-items of a plan that the world knows, with their place in its matrices."""
    plan = offers[offers["mode"] == mode]
    rows = pd.Index(world.customer_ids).get_indexer(plan["customer_id"])
    columns = pd.Index(world.item_ids).get_indexer(plan["item_id"])
    known = (rows >= 0) & (columns >= 0)
    return rows[known], columns[known], plan[known]
