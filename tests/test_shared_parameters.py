import pytest
from pydantic import ValidationError

from promo_kedro.parameters import Parameters


class Colours(Parameters):
    red: int = 1
    green: int = 2


def test_known_names_are_taken():
    assert Colours(red=3) == Colours(red=3, green=2)


@pytest.mark.parametrize(
    ("name", "said"), [("gren", "did you mean 'green'"), ("xyz", "there are green, red")]
)
def test_an_unknown_name_is_refused_with_what_was_meant(name, said):
    with pytest.raises(ValidationError, match=said):
        Colours(**{name: 1})


def test_parameters_are_read_only():
    with pytest.raises(ValidationError, match="frozen"):
        Colours().red = 5
