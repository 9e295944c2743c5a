"""The retailer's list of approved brands, and everything that may be wrong with it."""

import logging

import ibis
import pandas as pd
import pytest

from promo_kedro.datasets import RawTableDataset
from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.brands.allowlist import approved_by_name

BRANDS = ["Müller, Söhne", "a=b", "雪印", "Nestlé", "7"]


def written(*lines: str | None) -> ibis.Table:
    frame = pd.DataFrame({"brand": list(lines), "row": range(1, len(lines) + 1)})
    return ibis.memtable(frame, schema={"brand": "string", "row": "int64"})


def test_without_a_file_there_is_no_list():
    assert approved_by_name(None, BRANDS) is None


def test_odd_characters_survive_the_file(tmp_path):
    (tmp_path / "approved_brands.csv").write_text('brand\n"Müller, Söhne"\na=b\n雪印\n7\n')
    table = RawTableDataset(path=str(tmp_path), name="approved_brands", optional=True).load()
    assert approved_by_name(table, BRANDS) == sorted(["Müller, Söhne", "a=b", "雪印", "7"])


def test_blank_and_repeated_lines_are_left_out_and_counted(caplog):
    lines = ["7", " 7 ", "", "  ", None, "a=b", "7"]
    with caplog.at_level(logging.WARNING):
        assert approved_by_name(written(*lines), BRANDS) == ["7", "a=b"]
    assert "3 blank lines left out" in caplog.text
    assert "2 repeated lines left out" in caplog.text


@pytest.mark.parametrize("lines", [(), ("", " ")])
def test_an_empty_list_is_refused_with_what_to_do(lines):
    with pytest.raises(InputError, match="names no brand; write one brand in each line, or take"):
        approved_by_name(written(*lines), BRANDS)


def test_a_file_of_a_header_only_is_refused(tmp_path):
    (tmp_path / "approved_brands.csv").write_text("brand\n")
    table = RawTableDataset(path=str(tmp_path), name="approved_brands", optional=True).load()
    with pytest.raises(InputError, match="names no brand"):
        approved_by_name(table, BRANDS)


def test_unknown_brands_are_all_listed_with_the_nearest_name():
    with pytest.raises(InputError) as refused:
        approved_by_name(written("7", "nestle", "Zzz", "A=B"), BRANDS)
    message = str(refused.value)
    assert "3 brands not in item_data" in message
    assert "'nestle' (did you mean 'Nestlé'?)" in message
    assert "'A=B' (did you mean 'a=b'?)" in message
    assert "'Zzz'" in message


def test_a_file_of_another_kind_is_refused_and_every_unknown_brand_is_named():
    names = [f"other {n}" for n in range(100)]
    with pytest.raises(InputError) as refused:
        approved_by_name(written(*names), BRANDS)
    assert all(repr(name) in str(refused.value) for name in names)


def test_another_header_is_refused():
    with pytest.raises(InputError, match="there is no column brand, only name"):
        approved_by_name(written("7").rename(name="brand"), BRANDS)
