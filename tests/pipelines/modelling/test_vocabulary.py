"""Vocabularies: training levels only, index 0 for the rest."""

import numpy as np

from promo_kedro.pipelines.modelling.tensors import Categorical
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary


def test_levels_of_later_steps_are_unknown():
    feature = Categorical(np.array([[0, 1, 2], [1, 0, -1]]), ["b", "a", "later"])
    vocabulary = Vocabulary.fit(feature, positions=np.array([0, 1]))
    assert vocabulary.levels == ("a", "b")
    assert vocabulary.size == 3
    assert vocabulary.encode(feature).tolist() == [[2, 1, 0], [1, 2, 0]]


def test_same_levels_whatever_their_codes():
    vocabulary = Vocabulary(("a", "b"))
    feature = Categorical(np.array([0, 1, 2, -1]), ["never met", "b", "a"])
    assert vocabulary.encode(feature).tolist() == [0, 2, 1, 0]
