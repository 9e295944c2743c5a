"""Tables that are written one partition at a time, because they never fit into memory whole."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from ibis import Table
from pandas import DataFrame

from promo_kedro.datasets.tables import TableDataset

Part = tuple[dict[str, str], DataFrame | Table]
"""The values of the partition's columns, and its rows without those columns."""


class StreamedTableDataset(TableDataset):
    """A partitioned table that is saved from an iterator of its parts, and replaced whole.

    ``save_args: {partition_by: [sample, run]}`` names the columns. Each part becomes one file
    before the next is asked for; several parts of one partition are several files.
    """

    def save(self, data: Iterable[Part]) -> None:
        """Write every part, or leave the former table as it was.

        Raises:
            ValueError: If a part does not name the partition's columns, or there is no part.
        """
        self._save_atomically(self._write_parts, data)

    def _write_parts(self, parts: Iterable[Part]) -> None:
        written = 0
        for values, rows in parts:
            folder = self._folder_of(values)
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"part-{written}.parquet"
            if isinstance(rows, DataFrame):
                rows.to_parquet(file, index=False)
            else:
                self.connection.to_parquet(rows, str(file))
            written += 1
        if not written:
            raise ValueError(f"{self._filepath}: there is no part to write.")

    def _folder_of(self, values: dict[str, str]) -> Path:
        if list(values) != self._partitions:
            raise ValueError(
                f"{self._filepath}: a part names {list(values)}, but the table is partitioned by "
                f"{self._partitions}."
            )
        names = (f"{column}={quote(value, safe='')}" for column, value in values.items())
        return Path(self._filepath).joinpath(*names)
