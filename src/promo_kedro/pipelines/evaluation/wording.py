"""Figures and tables as people read them."""

import pandas as pd


def written(value: float | None, form: str) -> str:
    """A figure as people read it; a dash where there is none."""
    if value is None or pd.isna(value):
        return "–"
    text = form.format(value).removesuffix("%")
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")  # nothing has no sign
    return text.replace("-", "−")


def shorten(name: str, longest: int) -> str:
    """The name, cut with an ellipsis where it is longer than that."""
    return name if len(name) <= longest else name[: longest - 1] + "…"


def aligned(table: list[list[str]]) -> str:
    """Cells in columns, a rule below the first row: names to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            [cells[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        )
        for cells in table
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
