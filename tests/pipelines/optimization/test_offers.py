import pandas as pd
import pytest

from promo_kedro.pipelines.optimization.offers import shortfall


@pytest.mark.parametrize(("after", "said"), [(9.0, True), (10.0, False), (11.0, False)])
def test_a_plan_that_promises_less_than_today_says_so(after, said):
    offers = pd.DataFrame({"revenue_before": [4.0, 6.0], "revenue_after": [0.0, after]})
    lines = shortfall(offers)
    assert bool(lines) == said
    assert all("9.00 against 10.00" in line for line in lines)
