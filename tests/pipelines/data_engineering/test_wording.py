import pytest

from promo_kedro.pipelines.data_engineering.wording import counted


@pytest.mark.parametrize(("n", "said"), [(0, "0 rows"), (1, "1 row"), (2000, "2,000 rows")])
def test_counts_are_written_as_people_write_them(n, said):
    assert counted(n, "row") == said
