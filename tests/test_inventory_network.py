import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.planning.network import Network

SMALL = {
    "demand": np.ones((2, 1, 3)),
    "supply_cost": [[1.0, 2.0]],
    "delivery_cost": [[0, 1], [1, 0]],
    "lost_sale_cost": 9,
}


def test_numbers_spread_over_places_products_and_days():
    network = Network(**SMALL, holding_cost=0.5, supply_capacity=9, transhipment_lead_time=2)
    assert network.holding_cost.shape == (2,) and network.supply_capacity.shape == (1, 3)
    assert network.transhipment_cost.shape == (2, 2) and np.isinf(network.transhipment_cost).all()
    assert network.transhipment_lead_time.dtype.kind == "i" and network.opening_stock.shape == (2, 1)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"demand": np.ones((2, 3))}, "demand"),
        ({"demand": np.ones((2, 1, 0))}, "demand"),
        ({"demand": np.full((2, 1, 3), np.nan)}, "demand"),
        ({"supply_cost": [1.0, 2.0]}, "supply_cost"),
        ({"delivery_cost": np.ones((3, 2))}, "delivery_cost"),
        ({"supply_lead_time": -1}, "supply_lead_time"),
        ({"delivery_lead_time": 1.5}, "delivery_lead_time"),
        ({"supply_capacity": -5}, "supply_capacity"),
        ({"warehouse_capacity": np.nan}, "warehouse_capacity"),
        ({"holding_cost": np.inf}, "holding_cost"),
        ({"lost_sale_cost": [1, 2, 3]}, "lost_sale_cost"),
    ],
)
def test_arguments_that_do_not_fit_are_named(wrong, named):
    with pytest.raises(ParameterError, match=named):
        Network(**(SMALL | wrong))


def test_an_opening_stock_beyond_the_room_says_by_how_much():
    with pytest.raises(ParameterError, match="warehouse 1 is 4, 3 less"):
        Network(**SMALL, warehouse_capacity=4, opening_stock=[[2], [7]])
