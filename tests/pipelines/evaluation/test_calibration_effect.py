"""What is said of calibration: what it mends and what it spoils."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from promo_kedro.pipelines.evaluation.calibration_effect import (
    calibration_effect,
    calibration_sentence,
    made_worse,
)


def effect(loss, error):
    pairs = {"log_loss": loss, "expected_calibration_error": error}
    return {name: dict(zip(("before", "after"), pair, strict=True)) for name, pair in pairs.items()}


def test_both_sides_are_scored_on_the_same_rows():
    rng = np.random.default_rng(5)
    true = rng.uniform(0.05, 0.5, 20_000)
    tested = pd.DataFrame(
        {
            "purchased": (rng.random(20_000) < true).astype(float),
            "raw_probability": true + 0.2,
            "probability": true,
        }
    )
    found = calibration_effect(tested, 10)
    assert found["log_loss"] == {
        "before": pytest.approx(log_loss(tested["purchased"], tested["raw_probability"])),
        "after": pytest.approx(log_loss(tested["purchased"], tested["probability"])),
    }
    assert found["expected_calibration_error"]["before"] == pytest.approx(0.2, abs=0.01)
    assert found["expected_calibration_error"]["after"] < 0.02
    assert not made_worse(found)
    assert made_worse(
        calibration_effect(
            tested.rename(
                columns={"raw_probability": "probability", "probability": "raw_probability"}
            ),
            10,
        )
    )


@pytest.mark.parametrize(
    ("loss", "error", "worse", "said"),
    [
        (
            (0.2, 0.19),
            (0.02, 0.01),
            False,
            "lowers the log loss from 0.2000 to 0.1900 and lowers the calibration error from "
            "0.0200 to 0.0100.",
        ),
        (
            (0.2, 0.19),
            (0.01, 0.02),
            True,
            "lowers the log loss from 0.2000 to 0.1900, but raises the calibration error from "
            "0.0100 to 0.0200: what it learned in the validation step does not all hold there.",
        ),
        (
            (0.2, 0.200001),
            (0.01, 0.02),
            True,
            "leaves the log loss at 0.2000 and raises the calibration error from 0.0100 to "
            "0.0200: what it learned in the validation step does not all hold there.",
        ),
        (
            (0.2, 0.2),
            (0.01, 0.01),
            False,
            "leaves the log loss at 0.2000 and the calibration error at 0.0100.",
        ),
    ],
)
def test_the_sentence_does_not_spare_calibration(loss, error, worse, said):
    assert made_worse(effect(loss, error)) is worse
    sentence = calibration_sentence(effect(loss, error))
    assert sentence == f"On the test step calibration {said}"
