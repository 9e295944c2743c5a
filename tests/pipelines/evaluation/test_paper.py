import pytest

from promo_kedro.pipelines.evaluation.paper import paper_row, paper_table1


def test_all_twelve_categories_are_there():
    assert len(paper_table1()) == 12
    assert sum(row["sample_size"] for row in paper_table1().values()) == 63276


@pytest.mark.parametrize("category", paper_table1())
def test_the_papers_f1_is_the_harmonic_mean_of_its_precision_and_recall(category):
    row = paper_table1()[category]
    harmonic = 2 * row["precision"] * row["recall"] / (row["precision"] + row["recall"])
    assert row["f1"] == pytest.approx(harmonic, abs=0.0015)


def test_names_match_however_they_are_joined():
    assert paper_row("Skin & Hair Care") == paper_row("Skin, Hair Care")
    assert paper_row("dairy, juices and snacks")["sample_size"] == 2060
    assert paper_row("Meat")["sample_size"] == 1767
    assert paper_row("Fuel") is None
