"""The steps of audiences: size them by every rule, then list whom to address in the coming step."""

import logging
from collections.abc import Iterator
from typing import Any

from promo_kedro.errors import MissingRunError
from promo_kedro.pipelines.thresholding.brands.parameters import BrandSizingParameters
from promo_kedro.types import DataFrame, Table

logger = logging.getLogger(__name__)

PARTITION = ["sample", "run"]
COMING = "next"


def size_brand_audiences(
    brand_scored_pairs: Table,
    brand_score_totals: DataFrame,
    brand_list: DataFrame,
    parameters: BrandSizingParameters,
) -> tuple[DataFrame, Iterator[Any]]:
    """Size the audience of every brand by every rule, for every sample and run.

    Small audiences are emptied in the coming step alone: nobody is addressed in the others, which
    hold a share of the consumers and would be judged by a bound that is made for all.

    One sample and run is in memory at a time. Who was chosen is kept as bits until the members
    are written, for which the pairs are read a second time.

    Returns:
        ``brand_audiences``; and the parts of ``brand_selections``, each with its sample and run,
        which a dataset asks for one by one.
    """
    import pandas as pd

    from promo_kedro.pipelines.thresholding.brands.audiences import (
        choose_audiences,
        chosen_pairs,
        in_order_of_brands,
    )
    from promo_kedro.pipelines.thresholding.brands.scored_pairs import read_scored_pairs

    totals = {
        tuple(names): in_order_of_brands(part, brand_list)
        for names, part in brand_score_totals.groupby(PARTITION)
    }

    def pairs_of(names: tuple[Any, ...]) -> Any:
        sample, run = names
        own = (brand_scored_pairs["sample"] == sample) & (brand_scored_pairs["run"] == run)
        return read_scored_pairs(brand_scored_pairs.filter(own), totals[names])

    audiences, choices = [], {}
    for (sample, run), of_brands in totals.items():
        smallest = parameters.smallest_audience if sample == COMING else 0
        sized, choices[sample, run] = choose_audiences(
            pairs_of((sample, run)), of_brands, parameters, smallest
        )
        _report(sized, sample, run, parameters)
        audiences.append(sized.assign(sample=sample, run=run))

    def selections() -> Iterator[Any]:
        for names, choice in choices.items():
            brands = totals[names]["brand"].tolist()
            chosen = chosen_pairs(pairs_of(names), brands, choice)
            yield dict(zip(PARTITION, names, strict=True)), chosen

    return pd.concat(audiences, ignore_index=True)[_AUDIENCE], selections()


def list_brand_audience_members(
    brand_next_selections: Table,
    brand_next_audiences: DataFrame,
    brand_snapshots: DataFrame,
    parameters: BrandSizingParameters,
) -> DataFrame:
    """List whom to address for which brand in the coming step, the likeliest first.

    Returns:
        ``brand_audience_members`` by the rule in use, of the run that scored the coming step; a
        brand whose audience was too small has none.

    Raises:
        MissingRunError: the coming step was scored by no run, or by several.
    """
    runs = sorted(set(brand_next_audiences["run"]))
    if len(runs) != 1:
        raise MissingRunError(
            f"brand_next_audiences has audiences of {len(runs)} runs, one is needed: run "
            "`kedro run --pipeline=brands`."
        )
    (coming,) = brand_snapshots.query("use == 'next'").itertuples()
    chosen = brand_next_selections.filter(brand_next_selections[parameters.sizing])
    members = chosen.select("brand", "customer_id", "probability").to_pandas()
    members = members.sort_values(
        ["brand", "probability", "customer_id"], ascending=[True, False, True], ignore_index=True
    )
    logger.info(
        "From %s to %s, %s of %s brands address %s consumers, with %s messages in all (%s, %s).",
        coming.first_day,
        coming.last_day,
        f"{members['brand'].nunique():,}",
        f"{brand_next_audiences['brand'].nunique():,}",
        f"{members['customer_id'].nunique():,}",
        f"{len(members):,}",
        runs[0],
        parameters.sizing,
    )
    if members.empty:
        logger.warning("Nobody is addressed: look at brand_next_audiences for what limits them.")
    return members.assign(
        rank=members.groupby("brand").cumcount() + 1,
        valid_from=coming.first_day,
        valid_to=coming.last_day,
    )


_AUDIENCE = [
    *PARTITION,
    "sizing",
    "brand",
    "wanted",
    "size",
    "cutoff",
    "expected_buyers",
    "expected_precision",
    "limited_by",
]


def _report(audiences: DataFrame, sample: str, run: str, parameters: BrandSizingParameters) -> None:
    """Log how large the audiences of one sample and run are, and what bound them."""
    sizes = audiences.groupby("sizing", sort=False)["size"].sum()
    tell = logger.info if sample == COMING else logger.debug
    tell(
        "Consumers addressed over all brands (%s, %s): %s.",
        sample,
        run,
        ", ".join(f"{size:,} by {rule}" for rule, size in sizes.items()),
    )
    meanings = {
        "scored_pairs": "want more consumers than were kept",
        "brands_per_consumer": (
            f"lose consumers who have {parameters.brands_per_consumer} likelier brands"
        ),
        "smallest_audience": (
            f"address nobody: fewer than {parameters.smallest_audience} consumers"
        ),
    }
    for bound, meaning in meanings.items():
        bounded = audiences.loc[audiences["limited_by"] == bound, "sizing"].value_counts()
        if len(bounded):
            rules = ", ".join(f"{count:,} by {rule}" for rule, count in bounded.items())
            tell("Audiences that %s (%s, %s): %s.", meaning, sample, run, rules)
