"""Every run, under every rule of size, per consumer and per brand."""

import logging
from collections.abc import Iterator
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
from promo_kedro.pipelines.evaluation.brands.assessing.metrics import Counts, summarise
from promo_kedro.pipelines.evaluation.brands.assessing.reading import (
    SAMPLES,
    read_ground,
    read_selected,
)
from promo_kedro.pipelines.evaluation.brands.assessing.strata import approved_brands
from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters
from promo_kedro.schemas.brands import SIZINGS, BrandAssessment
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

KEY = ["sample", "run", "sizing", "level", "stratum"]
Row = dict[str, Any]


def assess(
    selections: Table,
    audiences: pd.DataFrame,
    purchases: Table,
    judged: pd.DataFrame,
    brand_list: pd.DataFrame,
    parameters: BrandAssessmentParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge all audiences, one run of one sample in memory at a time.

    Returns:
        ``brand_assessment``, whole; ``brand_counts``: sample, run, sizing, brand, buyers, size,
        hits of every approved brand.

    Raises:
        InputError: The selections are not those that the audiences were sized with.
    """
    brands = approved_brands(brand_list)
    rows: list[Row] = []
    counts: list[pd.DataFrame] = []
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
            for sizing, figures, of_brands in judge_run(ground, *chosen, parameters):
                key = {"sample": sample, "run": run, "sizing": sizing}
                rows += [{**key, **row} for row in figures]
                counts.append(_named(of_brands, brands.names).assign(**key))
    table = pd.DataFrame(rows, columns=list(BrandAssessment.to_schema().columns))
    of_brands = pd.concat(counts, ignore_index=True) if counts else _named(None, np.array([]))
    _refuse_other_sizes(of_brands, audiences)
    return table, of_brands[["sample", "run", "sizing", "brand", "buyers", "size", "hits"]]


def judge_run(
    ground: Ground, pairs: Pairs, rules: Array, parameters: BrandAssessmentParameters
) -> Iterator[tuple[str, list[Row], Counts]]:
    """Judge one run under each rule of size.

    Args:
        ground: What was bought.
        pairs: What any rule chose.
        rules: (m,) bits of the rules that chose each pair.
        parameters: Conventions for what is empty.

    Yields:
        The rule; its rows (level, stratum, figures); its counts per brand.
    """
    hits = ground.hits(pairs)
    for bit, sizing in enumerate(SIZINGS):
        chosen = (rules >> bit & 1).astype(bool)
        selected, of_selected = pairs.where(chosen), hits[chosen]
        yield (
            sizing,
            judge(ground, selected, of_selected, parameters),
            count_brands(ground, selected, of_selected),
        )


def judge(
    ground: Ground, selected: Pairs, hits: Array, parameters: BrandAssessmentParameters
) -> list[Row]:
    """The figures of one choice of pairs: both levels, all strata."""
    by_consumer = count_consumers(ground, selected, hits)
    by_brand = count_brands(ground, selected, hits)
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


def hide_small_groups(assessment: pd.DataFrame, min_consumers: int) -> pd.DataFrame:
    """The table for people: no figures where fewer consumers than that were scored.

    What is said of brands is said of their consumers as well, so it hides with them.
    """
    users = assessment[assessment["level"] == "user"].set_index(KEY)["scored"].droplevel("level")
    place = pd.MultiIndex.from_frame(assessment[["sample", "run", "sizing", "stratum"]])
    shown = users.reindex(place).to_numpy(dtype=float) >= min_consumers
    figures = [name for name in assessment.columns if name not in KEY]
    counts = [name for name in figures if name == "scored" or name.startswith("empty_")]
    table = assessment.astype(dict.fromkeys(counts, "Int64"))
    return table.assign(**{name: table[name].where(shown) for name in figures})


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
