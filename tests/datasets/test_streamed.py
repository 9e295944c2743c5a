"""Tables written part by part: whole or not at all."""

import ibis
import pandas as pd
import pytest

from promo_kedro.datasets.streamed import StreamedTableDataset


@pytest.fixture
def dataset(tmp_path):
    return StreamedTableDataset(
        filepath=str(tmp_path / "table"),
        connection={"backend": "duckdb"},
        save_args={"partition_by": ["sample", "run"]},
    )


def part(sample, run, values):
    return {"sample": sample, "run": run}, pd.DataFrame({"value": values})


def rows(dataset):
    table = dataset.load().to_pandas()[["sample", "run", "value"]]
    return sorted(table.itertuples(index=False, name=None))


def test_parts_come_back_with_their_names_as_text(dataset):
    parts = [part("next", "007", [1]), part("next", "a/b=%é ", [2, 3]), part("test", "007", [])]
    dataset.save(iter(parts))
    assert rows(dataset) == [("next", "007", 1), ("next", "a/b=%é ", 2), ("next", "a/b=%é ", 3)]


def test_several_parts_of_a_partition_stand_side_by_side(dataset):
    dataset.save([part("next", "x", [1]), part("next", "x", [2])])
    assert rows(dataset) == [("next", "x", 1), ("next", "x", 2)]


def test_one_part_is_written_before_the_next_is_asked_for(dataset, tmp_path):
    written = []

    def parts():
        for number in range(3):
            written.append(len(list(tmp_path.rglob("*.parquet"))))
            yield part("next", "x", [number])

    dataset.save(parts())
    assert written == [0, 1, 2]


def test_a_save_replaces_everything(dataset):
    dataset.save([part("next", "x", [1]), part("test", "x", [1])])
    dataset.save([part("next", "y", [2])])
    assert rows(dataset) == [("next", "y", 2)]


def test_a_failing_part_leaves_the_former_table(dataset):
    dataset.save([part("next", "x", [1])])

    def parts():
        yield part("next", "y", [2])
        raise OSError("disk full")

    with pytest.raises(Exception, match="disk full"):
        dataset.save(parts())
    assert rows(dataset) == [("next", "x", 1)]


@pytest.mark.parametrize("parts", [[], [({"run": "x"}, pd.DataFrame({"value": [1]}))]])
def test_no_parts_or_parts_without_their_names_are_refused(dataset, parts):
    with pytest.raises(Exception, match=r"no part to write|a part names \['run'\]"):
        dataset.save(parts)


def test_parts_may_be_expressions_and_snapshots_are_numbers(tmp_path):
    dataset = StreamedTableDataset(
        filepath=str(tmp_path / "table"),
        connection={"backend": "duckdb"},
        save_args={"partition_by": ["snapshot"]},
    )
    lines = ibis.memtable(pd.DataFrame({"step": [3, 4, 5]}))
    dataset.save([({"snapshot": str(s)}, lines.filter(lines["step"] < s)) for s in (4, 12)])
    table = dataset.load()
    assert table.schema()["snapshot"].is_integer()
    found = table.to_pandas()[["snapshot", "step"]].itertuples(index=False, name=None)
    assert sorted(found) == [(4, 3), (12, 3), (12, 4), (12, 5)]
