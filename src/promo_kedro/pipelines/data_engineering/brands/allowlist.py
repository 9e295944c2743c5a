"""The retailer's own list of approved brands."""

import logging
from collections.abc import Collection
from difflib import get_close_matches

from ibis.expr.types import Table

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.wording import counted

logger = logging.getLogger(__name__)

FILE = "approved_brands"
# Looking for what may have been meant takes long when the file is a wholly different one.
MOST_SUGGESTIONS = 20


def approved_by_name(approved_brands: Table | None, brands: Collection[str]) -> list[str] | None:
    """Read the list, each brand once.

    Args:
        approved_brands: The raw table with the column ``brand``; None when there is no file.
        brands: Every brand in item_data.

    Returns:
        The approved brands; None when there is no file.

    Raises:
        InputError: When the list has no column ``brand``, is empty, or names a brand that
            item_data does not have.
    """
    if approved_brands is None:
        return None
    written = _names(approved_brands)
    if not written:
        raise InputError(
            f"{FILE}, column brand: the file names no brand; write one brand in each line, or "
            "take the file away to approve all brands with enough buyers"
        )
    names = sorted(set(written))
    if len(names) < len(written):
        repeated = counted(len(written) - len(names), "repeated line")
        logger.warning("%s: %s left out", FILE, repeated)
    _refuse_unknown(names, brands)
    return names


def _names(approved_brands: Table) -> list[str]:
    if "brand" not in approved_brands.columns:
        columns = ", ".join(name for name in approved_brands.columns if name != "row")
        raise InputError(
            f"{FILE}: there is no column brand, only {columns}; write brand into the first line"
        )
    column = approved_brands.select(approved_brands.brand.cast("string"))
    lines = column.to_pyarrow()["brand"].to_pylist()
    names = [line.strip() for line in lines if line and line.strip()]
    if len(names) < len(lines):
        logger.warning("%s: %s left out", FILE, counted(len(lines) - len(names), "blank line"))
    return names


def _refuse_unknown(names: list[str], brands: Collection[str]) -> None:
    known = set(brands)
    unknown = [name for name in names if name not in known]
    if unknown:
        nearest = [_nearest(name, known) for name in unknown[:MOST_SUGGESTIONS]]
        rest = [repr(name) for name in unknown[MOST_SUGGESTIONS:]]
        raise InputError(
            f"{FILE}, column brand: {counted(len(unknown), 'brand')} not in item_data: "
            f"{', '.join(nearest + rest)}; correct or remove them"
        )


def _nearest(name: str, known: Collection[str]) -> str:
    by_small_letters = {brand.casefold(): brand for brand in sorted(known)}
    close = get_close_matches(name.casefold(), by_small_letters, n=1)
    return f"{name!r} (did you mean {by_small_letters[close[0]]!r}?)" if close else repr(name)
