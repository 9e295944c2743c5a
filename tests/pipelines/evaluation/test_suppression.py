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


def sizes(window=0, **consumers):
    return [
        {"window": window, "category": category, "consumers": count}
        for category, count in consumers.items()
    ]


def test_a_category_is_small_when_any_window_of_it_is():
    rows = sizes(Meat=9, Bakery=8, Grocery=10, All=12) + sizes(1, Meat=30, Bakery=30, All=40)
    assert small_categories(rows, 10) == {"Meat", "Bakery"}
    assert small_categories(rows, 8) == set()


def test_one_small_category_takes_the_next_smallest_with_it():
    rows = sizes(Meat=9, Grocery=50, Bakery=20, Seafood=20, All=60)
    assert small_categories(rows, 10) == {"Meat", "Bakery"}
    assert small_categories(sizes(Meat=9, All=9), 10) == {"Meat", "All"}


def test_no_window_is_left_with_one_hidden_category():
    """Bakery goes with Meat in window 0; in window 1 there is no Bakery to go with it."""
    rows = sizes(Meat=9, Grocery=50, Bakery=20, All=60) + sizes(1, Meat=30, Grocery=50, All=60)
    assert small_categories(rows, 10) == {"Meat", "Bakery", "Grocery"}
    rows = sizes(Bakery=20, Grocery=50, All=60) + sizes(1, Meat=9, Bakery=20, Grocery=50, All=60)
    assert small_categories(rows, 10) == {"Meat", "Bakery", "Grocery"}


def test_hidden_rows_keep_their_name_only():
    shown = suppress(ROWS, {"Meat"})
    assert shown[0] == {"window": 0, "category": "Meat", "consumers": None, "f1": None}
    assert shown[1] == ROWS[1]


def test_a_written_table_has_empty_figures_for_hidden_categories_and_the_others_unchanged():
    written = suppress_table(pd.DataFrame(ROWS), {"Meat"}).to_csv(index=False).splitlines()
    assert written == ["window,category,consumers,f1", "0,Meat,,", "0,Grocery,10,0.5", "1,Meat,,"]
    assert suppress_table(pd.DataFrame(ROWS), set()).to_csv() == pd.DataFrame(ROWS).to_csv()
