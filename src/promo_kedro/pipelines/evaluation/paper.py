"""The paper's own Table 1, printed beside ours."""

import csv
import re
from functools import cache
from importlib.resources import files

PaperRow = dict[str, float]


@cache
def paper_table1() -> dict[str, PaperRow]:
    """The figures of Table 1, as printed, by category."""
    text = files(__package__).joinpath("paper_table1.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row.pop("category"): {name: float(row[name]) for name in row} for row in rows}


def paper_row(category: str) -> PaperRow | None:
    """The paper's figures of a category, or None for a category the paper does not have.

    "Skin & Hair Care" is the paper's "Skin, Hair Care": only the words count.
    """
    return {_words(name): row for name, row in paper_table1().items()}.get(_words(category))


def _words(category: str) -> tuple[str, ...]:
    words = re.findall(r"[a-z0-9]+", category.lower())
    return tuple(word for word in words if word != "and")
