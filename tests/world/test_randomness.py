import numpy as np
import pytest

from promo_kedro.world.randomness import Stream, normals, uniforms


@pytest.mark.parametrize("columns", [1, 3, 4, 7])
@pytest.mark.parametrize("start", [0, 1, 2, 5])
def test_a_consumer_draws_the_same_in_any_company(columns: int, start: int) -> None:
    everyone = uniforms(3, Stream.SHOPPING, 5, range(9), columns)
    some = uniforms(3, Stream.SHOPPING, 5, range(start, 9), columns)
    assert (everyone[start:] == some).all()


def test_streams_moments_and_seeds_differ() -> None:
    first = uniforms(3, Stream.SHOPPING, 5, range(4), 4)
    others = [
        uniforms(3, Stream.SHOPPING, 6, range(4), 4),
        uniforms(3, Stream.COUPONS, 5, range(4), 4),
        uniforms(4, Stream.SHOPPING, 5, range(4), 4),
        uniforms((3, 0), Stream.SHOPPING, 5, range(4), 4),
    ]
    assert not any((first == other).any() for other in others)


def test_normals_are_standard_normal() -> None:
    drawn = normals(1, Stream.TASTE, 0, range(2000), 50)
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1.0) < 0.02
    assert abs((np.abs(drawn) > 1.959964).mean() - 0.05) < 0.005
