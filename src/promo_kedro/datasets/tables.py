"""Ibis tables on parquet: large tables that an engine reads and writes."""

from pathlib import Path
from typing import Any

import ibis
import pandas as pd
from ibis import Table
from kedro_datasets._typing import TablePreview
from kedro_datasets.ibis import FileDataset

from promo_kedro.datasets.atomic import AtomicSave
from promo_kedro.datasets.files import preview_of

WHOLE_NUMBERS = {"window", "snapshot"}


class TableDataset(AtomicSave, FileDataset):
    """An Ibis table in a parquet file, or in a folder of them partitioned by columns.

    ``save_args: {partition_by: [window, category]}`` writes one folder per value, and replaces
    all of them at each save. Loading gives the whole table; an engine reads only the partitions
    and columns that the expression asks for.
    """

    @property
    def _partitions(self) -> list[str]:
        return list(self._save_args.get("partition_by", []))

    def load(self) -> Table:
        """Return the table as an expression on the connection's engine."""
        path = Path(self._get_load_path())
        if not path.is_dir():
            return self.connection.read_parquet(str(path), **self._load_args)
        # Folder names are text: without this a category named 2024 would come back as a number.
        table = self.connection.read_parquet(
            f"{path}/**/*.parquet",
            hive_partitioning=True,
            hive_types_autocast=False,
            **self._load_args,
        )
        return table.cast(dict.fromkeys(WHOLE_NUMBERS & set(self._partitions), "int64"))

    def save(self, data: Table | pd.DataFrame) -> None:
        """Execute the expression and write its rows whole."""
        table = ibis.memtable(data) if isinstance(data, pd.DataFrame) else data
        self._save_atomically(self._write, table)

    def _write(self, table: Table) -> None:
        arguments: dict[str, Any] = dict(self._save_args)
        if self._partitions:
            arguments["partition_by"] = tuple(self._partitions)
        self.connection.to_parquet(table, str(self._filepath), **arguments)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz, without the consumers' ids."""
        return preview_of(self.load().limit(nrows).to_pandas())
