"""Every run, under every rule of size, per consumer and per brand."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from ibis import Table

from promo_kedro.errors import InputError
from promo_kedro.pipelines.evaluation.brands.assessing.levels import (
    Ground,
    Pairs,
    count_brands,
    count_consumers,
)
from promo_kedro.pipelines.evaluation.brands.assessing.metrics import Counts, score, summarise
from promo_kedro.pipelines.evaluation.brands.assessing.reading import (
    SAMPLES,
    read_ground,
    read_selected,
)
from promo_kedro.pipelines.evaluation.brands.assessing.strata import ALL, approved_brands
from promo_kedro.pipelines.evaluation.brands.assessing.winner import REPORTED
from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters
from promo_kedro.schemas.brands import SIZINGS, BrandAssessment
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

Row = dict[str, Any]
F1 = dict[str, dict[str, Array]]  # by run and level: of each consumer, or of each brand


@dataclass(frozen=True)
class Judged:
    """One run under one rule of size.

    Attributes:
        sizing: The rule.
        rows: Level, stratum and figures.
        by_consumer: Counts of each consumer over all approved brands.
        by_brand: Counts of each approved brand over all consumers.
    """

    sizing: str
    rows: list[Row]
    by_consumer: Counts
    by_brand: Counts


def assess(
    selections: Table,
    audiences: pd.DataFrame,
    purchases: Table,
    judged: pd.DataFrame,
    brand_list: pd.DataFrame,
    parameters: BrandAssessmentParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, F1]:
    """Judge all audiences, one run of one sample in memory at a time.

    Returns:
        ``brand_assessment``, whole; ``brand_counts``: sample, run, sizing, brand, buyers, size,
        hits of every approved brand; and the F1 of each consumer and brand of the sample reported
        on, under the main rule of size, NaN where it is not scored.

    Raises:
        InputError: The selections are not those that the audiences were sized with.
    """
    brands = approved_brands(brand_list)
    rows: list[Row] = []
    counts: list[pd.DataFrame] = []
    f1: F1 = {}
    for sample in SAMPLES:
        consumers = judged[judged["sample"] == sample]
        runs = audiences.loc[audiences["sample"] == sample, "run"].unique()
        if consumers.empty or not len(runs):
            continue
        ground = read_ground(purchases, consumers, brands)
        for number, run in enumerate(runs, start=1):
            logger.info("Judging %s on %s: run %d of %d", run, sample, number, len(runs))
            chosen = read_selected(
                selections, sample, run, consumers["customer_id"].to_numpy(), brands
            )
            for judged_run in judge_run(ground, *chosen, parameters):
                key = {"sample": sample, "run": run, "sizing": judged_run.sizing}
                rows += [{**key, **row} for row in judged_run.rows]
                counts.append(_named(judged_run.by_brand, brands.names).assign(**key))
                if (sample, judged_run.sizing) == (REPORTED, parameters.sizing):
                    f1[run] = _f1_of_each(judged_run, parameters)
    table = pd.DataFrame(rows, columns=list(BrandAssessment.to_schema().columns))
    of_brands = pd.concat(counts, ignore_index=True) if counts else _named(None, np.array([]))
    _refuse_other_sizes(of_brands, audiences)
    columns = ["sample", "run", "sizing", "brand", "buyers", "size", "hits"]
    return table, of_brands[columns], f1


def judge_run(
    ground: Ground, pairs: Pairs, rules: Array, parameters: BrandAssessmentParameters
) -> Iterator[Judged]:
    """Judge one run under each rule of size.

    Args:
        ground: What was bought.
        pairs: What any rule chose.
        rules: (m,) bits of the rules that chose each pair.
        parameters: Conventions for what is empty.

    Yields:
        What became of each rule.
    """
    hits = ground.hits(pairs)
    for bit, sizing in enumerate(SIZINGS):
        chosen = (rules >> bit & 1).astype(bool)
        parts = ground, pairs.where(chosen), hits[chosen]
        by_consumer, by_brand = count_consumers(*parts), count_brands(*parts)
        rows = _figures(ground, by_consumer, by_brand, parameters)
        yield Judged(sizing, rows, by_consumer[ALL], by_brand)


def judge(
    ground: Ground, selected: Pairs, hits: Array, parameters: BrandAssessmentParameters
) -> list[Row]:
    """The figures of one choice of pairs: both levels, all strata."""
    parts = ground, selected, hits
    return _figures(ground, count_consumers(*parts), count_brands(*parts), parameters)


def _figures(
    ground: Ground,
    by_consumer: dict[str, Counts],
    by_brand: Counts,
    parameters: BrandAssessmentParameters,
) -> list[Row]:
    users = [
        {"level": "user", "stratum": stratum} | summarise(counts, parameters.empty_for_consumers)
        for stratum, counts in by_consumer.items()
    ]
    items = [
        {"level": "item", "stratum": stratum}
        | summarise(by_brand.where(chosen), parameters.empty_for_brands)
        for stratum, chosen in ground.brands.chosen_by_stratum.items()
    ]
    return users + items


def _f1_of_each(judged: Judged, parameters: BrandAssessmentParameters) -> dict[str, Array]:
    """Single precision: one row per consumer and run is kept until all runs are judged."""
    users = score(judged.by_consumer, parameters.empty_for_consumers)
    items = score(judged.by_brand, parameters.empty_for_brands)
    return {"user": users.f1.astype(np.float32), "item": items.f1.astype(np.float32)}


def _named(counts: Counts | None, names: Array) -> pd.DataFrame:
    none = np.array([], dtype=np.int64)
    counts = counts or Counts(none, none, none)
    return pd.DataFrame(
        {
            **dict.fromkeys(("sample", "run", "sizing"), ""),
            "brand": names,
            "buyers": counts.bought,
            "size": counts.selected,
            "hits": counts.hits,
        }
    )


def _refuse_other_sizes(counts: pd.DataFrame, audiences: pd.DataFrame) -> None:
    key = ["sample", "run", "sizing", "brand"]
    both = counts.merge(audiences[[*key, "size"]], on=key, suffixes=("", "_sized"))
    wrong = both[both["size"] != both["size_sized"]]
    if not wrong.empty:
        first = wrong.iloc[0]
        raise InputError(
            f"brand_selections: {len(wrong)} audiences are not of the size in brand_audiences, for "
            f"example {first['brand']!r} of run {first['run']!r} under {first['sizing']}: "
            f"{first['size']} consumers, not {first['size_sized']}. Run `kedro run "
            "--pipeline=brands` again, so that both are of the same scores."
        )
