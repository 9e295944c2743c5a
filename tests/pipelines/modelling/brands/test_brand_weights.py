"""Weights per brand: by frequency, by allowlist, and from a file."""

import logging

import numpy as np
import pandas as pd
import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.parameters import LossParameters
from promo_kedro.pipelines.modelling.brands.weights import brand_weights


@pytest.fixture
def brand_list():
    frame = pd.DataFrame(
        {
            "position": [0, 1, 2, 3],
            "brand": ["Oak", "Elm", "Fir", "Yew"],
            "buyers": [1000, 250, 10, 0],
            "approved": [True, False, True, False],
        }
    )
    return frame.sample(frac=1, random_state=3)  # weights follow position, not the rows


def weights(brand_list, custom=None, **parameters):
    return brand_weights(LossParameters(**parameters), brand_list, custom)


def custom(**weights_of):
    return pd.DataFrame({"brand": list(weights_of), "weight": list(weights_of.values())})


def test_equal(brand_list):
    assert weights(brand_list).tolist() == [1, 1, 1, 1]


def test_inverse_frequency_is_cut(brand_list, caplog):
    with caplog.at_level(logging.INFO):
        found = weights(brand_list, weights="inverse", largest_weight=50)
    assert found.tolist() == [1, 4, 50, 50]
    assert "2 of 4 brands" in caplog.text
    uncut = weights(brand_list, weights="inverse", largest_weight=1e9)
    assert uncut.tolist() == [1, 4, 100, 1000]


@pytest.mark.parametrize("beta", [0.9, 0.999, 1 - 1e-9])
def test_effective_number_is_a_geometric_sum(brand_list, beta):
    found = weights(brand_list, weights="effective_number", beta=beta, largest_weight=1e9)
    sums = [sum(beta**k for k in range(buyers)) for buyers in (1000, 250, 10, 1)]
    assert np.allclose(found, sums[0] / np.array(sums), rtol=1e-9)


def test_effective_number_without_beta_is_equal(brand_list):
    assert weights(brand_list, weights="effective_number", beta=0).tolist() == [1, 1, 1, 1]


def test_allowlist_is_twenty_to_one(brand_list):
    assert weights(brand_list, weights="allowlist").tolist() == [20, 1, 20, 1]
    assert weights(brand_list, weights="allowlist", allowlist_weight=50).tolist() == [50, 1, 50, 1]


def test_custom_weights_follow_the_brands(brand_list):
    file = custom(Yew="0.5", Oak=" 1e2", Fir="7", Elm="1")
    file["row"] = [1, 2, 3, 4]
    assert weights(brand_list, file, weights="custom").tolist() == [100, 1, 7, 0.5]


def test_custom_weights_need_a_file(brand_list):
    with pytest.raises(InputError, match="there is no table brand_weights"):
        weights(brand_list, None, weights="custom")


def test_custom_weights_need_their_columns(brand_list):
    file = custom(Oak="1").rename(columns={"weight": "Weight"})
    with pytest.raises(InputError, match="lacks the column weight"):
        weights(brand_list, file, weights="custom")


@pytest.mark.parametrize("bad", ["0", "-1", "inf", "nan", "many", "", None])
def test_custom_weights_are_positive_numbers(brand_list, bad):
    file = custom(Oak="1", Elm="1", Fir=bad, Yew="1")
    with pytest.raises(InputError, match=r"1 of 4 rows hold no positive number, .* 'Fir'"):
        weights(brand_list, file, weights="custom")


def test_all_that_is_wrong_is_told_at_once(brand_list):
    file = pd.DataFrame(
        {"brand": ["Oak", "Oak", "Ash", None], "weight": ["1", "2", "3", "-4"]}, index=[7, 8, 9, 9]
    )
    with pytest.raises(InputError) as error:
        weights(brand_list, file, weights="custom")
    message = str(error.value)
    assert "1 of 4 rows hold no positive number, e.g. '-4'" in message
    assert "1 rows repeat a brand, e.g. 'Oak'" in message
    assert "2 rows name no known brand, e.g. 'Ash'" in message
    assert "3 of 4 brands have no weight, e.g. 'Elm'" in message
    assert "\n" not in message
