"""The retailer's own files, read as they are: text as text, nothing inferred."""

import csv
import gzip
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from ibis import Table
from ibis.util import gen_name
from kedro.io import AbstractDataset
from kedro_datasets._utils import ConnectionMixin

from promo_kedro.datasets.atomic import replacing
from promo_kedro.datasets.simulated import SimulatedFiles
from promo_kedro.errors import InputError, MissingRunError

FORMATS = (".csv", ".csv.gz", ".parquet")
RAW_FILES = (
    "customer_transaction_data",
    "item_data",
    "customer_demographics",
    "campaign_data",
    "coupon_item_mapping",
    "train",
    "offer_log",
)


class RawTableDataset(ConnectionMixin, AbstractDataset[Any, Table | None]):
    """One raw table, in ``name.csv``, ``name.csv.gz`` or ``name.parquet``.

    Args:
        path: The raw folder.
        name: The file's name without its ending.
        connection: The Ibis engine, as in every other table of the catalog.
        optional: An absent file loads as None instead of being refused.
        file_format: The ending to write: ``.csv.gz`` or ``.parquet``.
        metadata: For kedro-viz.
    """

    _CONNECTION_GROUP = "ibis"

    def __init__(
        self,
        path: str,
        name: str,
        connection: dict[str, Any] | None = None,
        optional: bool = False,
        file_format: str = "csv.gz",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._folder = Path(path)
        self._name = name
        self._connection_config = connection or {"backend": "duckdb"}
        self._file_format = f".{file_format}"
        self.optional = optional
        self.metadata = metadata
        self._read_names: list[str] = []

    def _connect(self) -> Any:
        config = dict(self._connection_config)
        return getattr(ibis, config.pop("backend")).connect(**config)

    def load(self) -> Table | None:
        """Return the table and ``row``, the 1-based row in the file.

        Every column of a text file is text; a parquet file's columns have their own types.

        Raises:
            MissingRunError: If a required file is absent.
            InputError: If the file is there twice, damaged, or not text of the expected form.
        """
        path = self._path()
        if path is None:
            if self.optional:
                return None
            raise MissingRunError(missing_raw_file(self._folder, self._name))
        read = self._read_parquet if path.suffix == ".parquet" else self._read_csv
        table = read(path)
        return table.mutate(row=ibis.row_number().cast("int64") + 1)

    def _path(self) -> Path | None:
        paths = _files_of(self._folder, self._name)
        if len(paths) > 1:
            raise InputError(
                f"{self._name}: the raw folder holds it more than once "
                f"({', '.join(path.name for path in paths)}); keep one of them."
            )
        return paths[0] if paths else None

    def _read_parquet(self, path: Path) -> Table:
        try:
            return self._connection.read_parquet(str(path))
        except duckdb.Error as error:
            raise InputError(
                f"{path.name}: not a readable parquet file ({_first_line(error)})."
            ) from None

    def _read_csv(self, path: Path) -> Table:
        names = _header(path)
        try:
            lazy = self._connection.read_csv(
                str(path),
                columns=dict.fromkeys(names, "VARCHAR"),
                header=True,
                delim=",",
                quote='"',
                escape='"',
                auto_detect=False,
                strict_mode=True,
            )
            # Reading now, not when a node first asks, is what finds a damaged line.
            self._read_names.append(gen_name(self._name))
            return self._connection.create_table(self._read_names[-1], lazy, temp=True)
        except duckdb.Error as error:
            raise InputError(
                f"{path.name}: a line does not have the header's {len(names)} columns, or is not "
                f"UTF-8 text ({_first_line(error)}). Export it again as comma-separated UTF-8."
            ) from None

    def save(self, data: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
        """Write a table, or the chunks of one, over nothing but a file that this class wrote.

        Raises:
            InputError: If the retailer's own file is there.
        """
        path = self._folder / f"{self._name}{self._file_format}"
        self._refuse_foreign_files()
        chunks = [data] if isinstance(data, pd.DataFrame) else data
        write = _write_parquet if self._file_format == ".parquet" else _write_csv
        with replacing(path) as partial:
            write(chunks, partial)
            # Noted before it takes its place: after a kill the file is still known as ours.
            SimulatedFiles(self._folder).note(path.name, sha256_of(partial))

    def _refuse_foreign_files(self) -> None:
        # Any of them: a folder half the retailer's and half simulated would be worse than none.
        simulated = SimulatedFiles(self._folder)
        for path in (path for name in RAW_FILES for path in _files_of(self._folder, name)):
            if not simulated.wrote(path.name, sha256_of(path)):
                raise InputError(
                    f"{path}: simulation does not write over files that it did not make. Simulate "
                    "into an empty folder with --params=raw_dir=DIR, or move the file away."
                )

    def _release(self) -> None:
        while self._read_names:
            self._connection.drop_table(self._read_names.pop(), force=True)

    def _exists(self) -> bool:
        return bool(_files_of(self._folder, self._name))

    def _describe(self) -> dict[str, Any]:
        return {"folder": str(self._folder), "name": self._name}


class RawFilesDataset(AbstractDataset[None, dict[str, Any]]):
    """Which raw files there are, with their sizes and SHA-256, and one hash of them all."""

    def __init__(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(path)
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return ``{file: {"sha256", "bytes"}}`` and ``raw_data_hash``.

        Raises:
            MissingRunError: If the folder holds none of the raw tables.
        """
        paths = [path for name in RAW_FILES for path in _files_of(self._folder, name)]
        if not paths:
            raise MissingRunError(missing_raw_file(self._folder, RAW_FILES[0]))
        files = {
            path.name: {"sha256": sha256_of(path), "bytes": path.stat().st_size} for path in paths
        }
        together = "\n".join(f"{name} {files[name]['sha256']}" for name in sorted(files))
        return {**files, "raw_data_hash": hashlib.sha256(together.encode()).hexdigest()}

    @property
    def interrupted(self) -> bool:
        """Whether a simulation into this folder did not come to its end."""
        return SimulatedFiles(self._folder).interrupted

    def save(self, data: None) -> None:
        """Raw files are the retailer's: nothing is saved here."""
        raise InputError("raw_files is only read.")

    def _exists(self) -> bool:
        return any(_files_of(self._folder, name) for name in RAW_FILES)

    def _describe(self) -> dict[str, Any]:
        return {"folder": str(self._folder)}


def missing_raw_file(folder: Path, name: str) -> str:
    """Say which file is missing and the two ways to get one."""
    return (
        f"no {name}{{.csv,.csv.gz,.parquet}} in {folder}: name your own folder with "
        "--params=raw_dir=DIR, or make a simulated retailer with `kedro run --pipeline=simulation`."
    )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_of(folder: Path, name: str) -> list[Path]:
    paths = (folder / f"{name}{ending}" for ending in FORMATS)
    return [path for path in paths if path.exists()]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _header(path: Path) -> list[str]:
    """Read the column names; for a compressed file, also its end, where damage shows."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                while file.read(1 << 24):
                    pass
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as text:
            names = next(csv.reader(text), [])
    except (EOFError, OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path.name}: not readable as UTF-8 text ({_first_line(error)})."
        ) from None
    if len(names) == 1 and (separator := next((s for s in ";\t|" if s in names[0]), None)):
        raise InputError(
            f"{path.name}: columns are separated by {separator!r}; export it with commas."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        problem = f"names {', '.join(twice)} more than once" if twice else "is missing"
        raise InputError(f"{path.name}: the header line {problem}.")
    return names


def _write_csv(chunks: Iterable[pd.DataFrame], path: Path) -> None:
    # No time stamp inside: the same table gives the same bytes.
    with path.open("wb") as file, gzip.GzipFile("", "wb", 4, file, mtime=0) as packed:
        for number, chunk in enumerate(_arrow(chunks)):
            options = pa.csv.WriteOptions(include_header=number == 0, quoting_style="needed")
            pa.csv.write_csv(chunk, packed, options)


def _write_parquet(chunks: Iterable[pd.DataFrame], path: Path) -> None:
    tables = _arrow(chunks)
    first = next(tables)
    with closing(pa.parquet.ParquetWriter(path, first.schema)) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def _arrow(chunks: Iterable[pd.DataFrame]) -> Iterator[pa.Table]:
    return (pa.Table.from_pandas(chunk, preserve_index=False) for chunk in chunks)
