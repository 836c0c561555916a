import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.simulate import simulate
from bowerbird.planning.network import Network
from bowerbird.planning.network_flow import network_plan
from bowerbird.planning.network_policy import base_stock_cost


def random_network(seed, **more) -> Network:
    rng = np.random.default_rng(seed)
    return Network(
        rng.poisson(4, (5, 2, 12)), rng.uniform(1, 3, (2, 3)), rng.uniform(0, 3, (3, 5)),
        supply_lead_time=rng.integers(0, 3, (2, 3)), delivery_lead_time=rng.integers(0, 2, (3, 5)),
        holding_cost=rng.uniform(0.05, 0.2, 3), lost_sale_cost=15, opening_stock=6, supply_capacity=30, **more,
    )  # fmt: skip


@pytest.mark.parametrize("lead_time", [0, 2])
def test_one_warehouse_walks_as_the_simulation_of_one_item(lead_time):
    demand = np.random.default_rng(1).poisson(3, (1, 40))
    walk = simulate(demand, 9, 9, opening_stock=5, lead_time=lead_time)
    network = Network(
        demand[None], [[2.0]], [[0.5]], supply_lead_time=lead_time, holding_cost=0.1, lost_sale_cost=7, opening_stock=5
    )
    expected = 2 * walk.orders.sum() + 0.5 * walk.sales.sum() + 0.1 * walk.closing_stock.sum() + 7 * walk.short.sum()
    assert base_stock_cost([9], network) == pytest.approx(expected)


def test_shares_by_hand():
    # The supplier can send 6 of the 8 + 4 asked for: 4 and 2. Warehouse 0 has 4 for wishes of 6 and 2: 3 and 1.
    network = Network(
        [[[6.0]], [[2.0]], [[2.0]]], [[1.0, 1.0]], [[0, 0, 9], [9, 9, 0]], supply_capacity=6, lost_sale_cost=10
    )
    assert base_stock_cost([[8], [4]], network) == pytest.approx(6 + 10 * (3 + 1 + 0))


def test_demand_that_no_delivery_reaches_is_lost():
    network = Network(np.ones((2, 1, 3)), [[1.0]], [[0.5, np.inf]], delivery_lead_time=1, lost_sale_cost=[10, 20])
    # Merchant 0 loses day 0, merchant 1 all days; 2 units go out for days 1 and 2, and a third is bought for nobody.
    assert base_stock_cost([1], network) == pytest.approx(10 + 3 * 20 + 2 * 0.5 + 3)


@pytest.mark.parametrize("seed", range(5))
def test_rules_never_beat_the_plan_that_knows_all_demand(seed):
    network = random_network(seed, warehouse_capacity=60)
    levels = np.random.default_rng(seed).integers(0, 30, (3, 2))
    assert base_stock_cost(levels, network) >= network_plan(network).cost * (1 - 1e-9)


def test_levels_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="levels has shape"):
        base_stock_cost([1, 2], random_network(0))
    with pytest.raises(ParameterError, match="levels of warehouse 1 add up to 5 more"):
        base_stock_cost([[1, 2], [20, 25], [0, 0]], random_network(0, warehouse_capacity=40))
