import gzip

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from promo_kedro.datasets import RawFilesDataset, RawTableDataset, TruthDataset
from promo_kedro.datasets.simulated import SimulatedFiles
from promo_kedro.errors import InputError, MissingRunError

ITEMS = "item_id,brand\n1,a\n2,\n"


@pytest.fixture
def items(tmp_path):
    return RawTableDataset(path=str(tmp_path), name="item_data")


def refused(dataset) -> str:
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    cause = caught.value.__cause__
    assert isinstance(cause, InputError | MissingRunError)
    return str(cause)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_every_format_gives_the_same_rows(items, tmp_path, ending):
    path = tmp_path / f"item_data.{ending}"
    if ending == "parquet":
        pd.DataFrame({"item_id": [1, 2], "brand": ["a", None]}).to_parquet(path)
    else:
        opened = gzip.open if ending == "csv.gz" else open
        with opened(path, "wt") as file:
            file.write(ITEMS)
    table = items.load().to_pandas()
    assert table["item_id"].astype(str).tolist() == ["1", "2"]
    assert table["brand"].isna().tolist() == [False, True]
    assert table["row"].tolist() == [1, 2]


def test_an_absent_table_is_refused_or_none(items, tmp_path):
    assert "--pipeline=simulation" in refused(items)
    assert RawTableDataset(path=str(tmp_path), name="train", optional=True).load() is None


def test_two_files_of_one_table_are_refused(items, tmp_path):
    (tmp_path / "item_data.csv").write_text(ITEMS)
    (tmp_path / "item_data.parquet").write_bytes(b"")
    assert "more than once" in refused(items)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"item_id,brand\n1,a\n2\n", "line"),
        (b"item_id,brand\n1,a,b\n", "line"),
        (b"item_id,brand\n1,\xff\xfe\n", "UTF-8"),
        (b"item_id,item_id\n1,2\n", "more than once"),
        (b"", "header"),
        (b"item_id;brand\n1;a\n", "separated by ';'"),
    ],
    ids=["truncated row", "decimal comma", "not UTF-8", "twice", "empty file", "semicolons"],
)
def test_damaged_text_is_refused(items, tmp_path, content, said):
    (tmp_path / "item_data.csv").write_bytes(content)
    message = refused(items)
    assert "item_data.csv" in message
    assert said in message


def test_a_cut_archive_is_refused(items, tmp_path):
    whole = gzip.compress(ITEMS.encode() * 1000)
    (tmp_path / "item_data.csv.gz").write_bytes(whole[:-20])
    assert "item_data.csv.gz" in refused(items)


def test_a_file_that_is_no_parquet_is_refused(items, tmp_path):
    (tmp_path / "item_data.parquet").write_bytes(b"PAR1 nothing")
    assert "parquet" in refused(items)


def test_same_table_same_bytes_in_one_piece_or_in_chunks(tmp_path):
    table = pd.DataFrame({"item_id": range(10), "brand": list("abcde,fghi"[:10])})
    one = RawTableDataset(path=str(tmp_path / "one"), name="item_data")
    two = RawTableDataset(path=str(tmp_path / "two"), name="item_data")
    one.save(table)
    two.save(iter([table.iloc[:4], table.iloc[4:]]))
    first, second = ((tmp_path / name / "item_data.csv.gz").read_bytes() for name in ("one", "two"))
    assert gzip.decompress(first) == gzip.decompress(second)
    one.save(table)
    assert (tmp_path / "one" / "item_data.csv.gz").read_bytes() == first


def test_simulation_never_writes_over_the_retailers_files(items, tmp_path):
    (tmp_path / "item_data.csv").write_text(ITEMS)
    with pytest.raises(Exception, match="does not write over"):
        items.save(pd.DataFrame({"item_id": [1]}))
    assert (tmp_path / "item_data.csv").read_text() == ITEMS
    with pytest.raises(Exception, match="does not write over"):
        RawTableDataset(path=str(tmp_path), name="train").save(pd.DataFrame({"id": [1]}))
    assert [path.name for path in tmp_path.iterdir()] == ["item_data.csv"]


def test_a_failing_chunk_leaves_the_former_file(items, tmp_path):
    items.save(pd.DataFrame({"item_id": [1]}))

    def broken():
        yield pd.DataFrame({"item_id": [2]})
        raise OSError("disk full")

    with pytest.raises(Exception, match="disk full"):
        items.save(broken())
    assert items.load().to_pandas()["item_id"].tolist() == ["1"]
    assert [path.name for path in tmp_path.glob("*.partial")] == []


def test_the_hash_moves_with_any_byte(tmp_path):
    files = RawFilesDataset(path=str(tmp_path))
    (tmp_path / "item_data.csv").write_text(ITEMS)
    first = files.load()["raw_data_hash"]
    (tmp_path / "notes.txt").write_text("not a table")
    assert files.load()["raw_data_hash"] == first
    (tmp_path / "item_data.csv").write_text(ITEMS.replace("a", "b"))
    assert files.load()["raw_data_hash"] != first


def test_an_interrupted_simulation_is_known_as_such(items, tmp_path):
    files = RawFilesDataset(path=str(tmp_path))
    assert not files.interrupted
    items.save(pd.DataFrame({"item_id": [1]}))
    assert files.interrupted
    TruthDataset(filepath=str(tmp_path / "truth.safetensors")).save(
        {"metadata": {}, "arrays": {"taste": np.zeros(1)}}
    )
    assert not files.interrupted


def test_a_kill_before_the_new_file_is_in_place_leaves_the_former_one_ours(items, tmp_path):
    items.save(pd.DataFrame({"item_id": [1]}))
    SimulatedFiles(tmp_path).note("item_data.csv.gz", "hash of a file that never came")
    items.save(pd.DataFrame({"item_id": [2]}))
    assert items.load().to_pandas()["item_id"].tolist() == ["2"]
