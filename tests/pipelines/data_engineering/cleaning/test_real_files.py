"""The real folders beside the project, and files with real damage, from disk to clean tables."""

import gzip
import logging

import pytest
from kedro.io import DatasetError

from promo_kedro.datasets import RawFilesDataset, RawTableDataset
from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.cleaning import nodes
from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters

from .retailer import GOOD_ROWS, HEADERS, ITEMS, TRANSACTIONS


def manifest_and_lines(folder, parameters=None):
    parameters = parameters or DataEngineeringParameters()
    raw = {
        name: RawTableDataset(str(folder), name, optional=name not in (TRANSACTIONS, ITEMS)).load()
        for name in HEADERS
    }
    typed = {
        name: table.cache() for name, table in nodes.read_raw_tables(parameters, **raw).items()
    }
    judged = nodes.judge_rows(parameters, **typed)
    judged = {name: table.cache() for name, table in judged.items()}
    files = RawFilesDataset(str(folder)).load()
    manifest, rejected = nodes.accept_input(files, parameters, **judged)
    lines = nodes.clean_transactions(judged[TRANSACTIONS], manifest)
    return manifest, rejected.to_pandas(), lines.to_pandas()


@pytest.mark.parametrize(
    ("name", "n_lines", "n_returned", "n_steps"),
    [("online_retail", 404_876, 8_539, 26), ("amexpert_partial", 121_399, 648, 39)],
)
def test_real_folders_are_cleaned_with_words_a_retailer_understands(
    real_data, caplog, name, n_lines, n_returned, n_steps
):
    with caplog.at_level(logging.WARNING):
        manifest, rejected, lines = manifest_and_lines(real_data / name)
    assert len(lines) + len(rejected) == n_lines
    assert len(rejected) < 0.03 * n_lines
    assert rejected["reason"].str.startswith("returned").sum() == n_returned
    assert manifest["calendar"]["n_steps"] == n_steps
    assert lines["offer_percent"].between(0, 100).all()
    assert (lines["list_price"] >= 0.01).all()
    assert (lines["quantity"] >= 1).all()
    assert "set aside: " in caplog.text
    assert "No rows of offer_log: what was on offer is rebuilt" in caplog.text


def write(folder, name, rows, ending=".csv"):
    text = "\n".join(",".join(cells) for cells in [HEADERS[name], *rows]) + "\n"
    path = folder / f"{name}{ending}"
    path.write_bytes(gzip.compress(text.encode()) if ending == ".csv.gz" else text.encode())
    return path


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_good_files_are_cleaned(tmp_path, ending):
    write(tmp_path, TRANSACTIONS, GOOD_ROWS[TRANSACTIONS], ending)
    write(tmp_path, ITEMS, GOOD_ROWS[ITEMS], ending)
    _, rejected, lines = manifest_and_lines(tmp_path)
    assert (len(lines), len(rejected)) == (4, 0)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: text.rindex(b",", 0, -12)],
        lambda text: text.replace(b"2013-01-15", b"\xff\xfe\x00\x80"),
        lambda text: text.replace(b",", b";"),
        lambda text: text.decode().encode("utf-16"),
        lambda text: text.splitlines(keepends=True)[0],
        lambda text: text.replace(b"18.0", b'"18,0"'),
        lambda text: b"",
    ],
    ids=["truncated", "binary", "semicolons", "utf-16", "header only", "comma", "empty"],
)
def test_damaged_files_are_refused(tmp_path, damage):
    path = write(tmp_path, TRANSACTIONS, GOOD_ROWS[TRANSACTIONS])
    write(tmp_path, ITEMS, GOOD_ROWS[ITEMS])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises((InputError, DatasetError), match=TRANSACTIONS):
        manifest_and_lines(tmp_path)
