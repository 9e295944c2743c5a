"""Who decides and who calibrates: a fair, fixed draw by consumer."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from promo_kedro.pipelines.modelling.calibration.folds import deal_folds
from promo_kedro.pipelines.modelling.roles import are_calibrators, calibrators

from .lessons import ROWS, lesson_of

IDS = np.arange(1, 10_001)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("ids", [IDS, 7 * IDS + 10**12, -IDS])
def test_the_share_is_the_parameter(share, ids):
    # Five standard deviations of a fair draw.
    spread = 5 * np.sqrt(share * (1 - share) / len(ids))
    assert are_calibrators(ids, share).mean() == pytest.approx(share, abs=spread)


def test_nothing_but_the_id_decides():
    roles = are_calibrators(IDS, 0.5)
    order = np.random.default_rng(0).permutation(len(IDS))
    np.testing.assert_array_equal(are_calibrators(IDS[order], 0.5), roles[order])
    np.testing.assert_array_equal(are_calibrators(IDS[:7], 0.5), roles[:7])


def test_all_rows_of_a_consumer_have_one_role():
    once = are_calibrators(IDS[:50], 0.5)
    assert set(once) == {True, False}
    np.testing.assert_array_equal(are_calibrators(np.tile(IDS[:50], 3), 0.5), np.tile(once, 3))


def test_a_larger_share_only_adds_calibrators():
    small, large = are_calibrators(IDS, 0.3), are_calibrators(IDS, 0.6)
    assert not (small & ~large).any()


@pytest.mark.parametrize("folds", [2, 5, 8])
def test_roles_say_nothing_of_the_folds(folds):
    roles, fold = are_calibrators(IDS, 0.5), deal_folds(IDS, folds)
    met = np.array([np.bincount(fold[roles == role], minlength=folds) for role in (True, False)])
    assert chi2_contingency(met).pvalue > 1e-3


def test_calibrators_are_those_who_do_not_decide():
    lesson = lesson_of()
    assert sorted([*calibrators(lesson), *lesson.deciders.tolist()]) == list(range(ROWS))
