"""The headers of the raw tables, compared with what they must be."""

from collections.abc import Sequence
from difflib import get_close_matches

from promo_kedro.pipelines.data_engineering.cleaning.raw_tables import RawTable

OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def header_faults(table: RawTable, header: Sequence[str]) -> list[str]:
    """Describe everything that is wrong with a header, one line per column.

    Args:
        table: What the table must hold.
        header: The column names as they stand in the file.

    Returns:
        One sentence per missing, misspelt, wrongly cased, repeated or unexpected column.
    """
    if len(header) == 1 and any(mark in header[0] for mark in OTHER_SEPARATORS):
        mark = next(mark for mark in OTHER_SEPARATORS if mark in header[0])
        return [
            f"{table.name}: columns are separated by {OTHER_SEPARATORS[mark]}; "
            "save the file with commas between columns"
        ]
    expected = [column.name for column in table.columns]
    absent = [column.name for column in table.columns if column.name not in header]
    unexpected = [name for name in header if name not in expected]
    repeated = sorted({name for name in header if list(header).count(name) > 1})

    faults, taken = [], set()
    for name in unexpected:
        match = _nearest(name, [known for known in absent if known not in taken])
        if match:
            taken.add(match)
            faults.append(f"{table.name}: column {name!r} must be called {match!r}: rename it")
        else:
            faults.append(
                f"{table.name}: column {name!r} is not known: remove it "
                f"(columns are {', '.join(expected)})"
            )
    required = {column.name for column in table.columns if column.required}
    faults += [
        f"{table.name}: column {name!r} is missing: add it"
        for name in absent
        if name in required - taken
    ]
    return faults + [f"{table.name}: column {name!r} stands twice" for name in repeated]


def _nearest(name: str, candidates: list[str]) -> str | None:
    plain = {candidate.casefold(): candidate for candidate in candidates}
    spelling = name.strip().casefold().replace(" ", "_").replace("-", "_")
    matches = get_close_matches(spelling, list(plain), n=1, cutoff=0.6)
    return plain[matches[0]] if matches else None
