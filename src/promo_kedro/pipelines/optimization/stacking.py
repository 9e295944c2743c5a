"""Tables of several programs, one beneath the other."""

from collections.abc import Iterable

import pandas as pd
from pandas import DataFrame


def stacked(tables: Iterable[DataFrame]) -> DataFrame:
    """Return the tables beneath each other; one without rows has nothing to say of types."""
    known = list(tables)
    filled = [table for table in known if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else known[0]
