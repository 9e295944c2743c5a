import pandas as pd

from promo_kedro.pipelines.evaluation.suppression import (
    small_categories,
    suppress,
    suppress_table,
)

ROWS = [
    {"window": 0, "category": "Meat", "consumers": 9, "f1": 0.4},
    {"window": 0, "category": "Grocery", "consumers": 10, "f1": 0.5},
    {"window": 1, "category": "Meat", "consumers": 30, "f1": 0.6},
]


def test_a_category_is_small_when_any_window_of_it_is():
    assert small_categories(ROWS, 10) == {"Meat"}
    assert small_categories(ROWS, 9) == set()


def test_hidden_rows_keep_their_name_only():
    shown = suppress(ROWS, {"Meat"})
    assert shown[0] == {"window": 0, "category": "Meat", "consumers": None, "f1": None}
    assert shown[1] == ROWS[1]


def test_a_written_table_has_empty_figures_for_hidden_categories_and_the_others_unchanged():
    written = suppress_table(pd.DataFrame(ROWS), {"Meat"}).to_csv(index=False).splitlines()
    assert written == ["window,category,consumers,f1", "0,Meat,,", "0,Grocery,10,0.5", "1,Meat,,"]
    assert suppress_table(pd.DataFrame(ROWS), set()).to_csv() == pd.DataFrame(ROWS).to_csv()
