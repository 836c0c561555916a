import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.simulate import assumed_costs


def test_the_assumed_price_scales_both_costs_and_leaves_the_service_level():
    costs = assumed_costs(np.array([1.0, 10.0, 250.0]), holding_rate=0.002, shortage_rate=0.018)
    np.testing.assert_allclose(costs.holding, [0.002, 0.02, 0.5])
    np.testing.assert_allclose(costs.shortage, [0.018, 0.18, 4.5])
    np.testing.assert_allclose(costs.critical_ratio, 0.9)


def test_default_assumption_is_95_percent_and_no_order_cost():
    costs = assumed_costs()
    assert costs.critical_ratio == pytest.approx(0.95)
    assert costs.order == 0
    assert 365 * costs.holding == pytest.approx(0.30)


@pytest.mark.parametrize("wrong", [{"price": [1.0, 0.0]}, {"holding_rate": 0}, {"order_cost": -1}, {"price": np.nan}])
def test_prices_and_rates_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError, match=r"price|holding_rate|order_cost"):
        assumed_costs(**wrong)
