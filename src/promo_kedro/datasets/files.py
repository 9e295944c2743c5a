"""Datasets of one file, written atomically."""

from typing import Any

from kedro_datasets import json, pandas, text
from kedro_datasets._typing import TablePreview
from pandas import DataFrame

from promo_kedro.datasets.atomic import AtomicSave

_FORMULA_STARTS = ("=", "+", "-", "@")


class ParquetDataset(AtomicSave, pandas.ParquetDataset):
    """A pandas table in one parquet file."""

    def save(self, data: DataFrame) -> None:
        """Write the table whole."""
        self._save_atomically(super().save, data)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz, without the consumers' ids."""
        return preview_of(self.load().head(nrows))


class CSVDataset(AtomicSave, pandas.CSVDataset):
    """A table for people: text that a spreadsheet would run as a formula is quoted."""

    def save(self, data: DataFrame) -> None:
        """Write the table whole."""
        self._save_atomically(super().save, neutralise_formulas(data))


class JSONDataset(AtomicSave, json.JSONDataset):
    """A JSON document."""

    def save(self, data: Any) -> None:
        """Write the document whole."""
        self._save_atomically(super().save, data)


class TextDataset(AtomicSave, text.TextDataset):
    """A text file, such as the report."""

    def save(self, data: str) -> None:
        """Write the text whole."""
        self._save_atomically(super().save, data)


def preview_of(rows: DataFrame) -> TablePreview:
    """Return rows as kedro-viz shows them; who the consumers are is nobody's business there."""
    shown = rows.drop(columns="customer_id", errors="ignore").astype(str)
    return TablePreview(shown.to_dict(orient="split"))


def neutralise_formulas(table: DataFrame) -> DataFrame:
    """Put an apostrophe before text that starts like a formula.

    Args:
        table: Any table; its index is not looked at.

    Returns:
        A copy whose text cells are safe to open in a spreadsheet.
    """
    texts = table.select_dtypes(include=["object", "string", "category"]).columns

    def quoted(cell: Any) -> Any:
        is_formula = isinstance(cell, str) and cell.startswith(_FORMULA_STARTS)
        return f"'{cell}" if is_formula else cell

    return table.assign(**{name: table[name].map(quoted) for name in texts})
