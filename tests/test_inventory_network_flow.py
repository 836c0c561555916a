import numpy as np
import pytest

from bowerbird.planning.network import Network
from bowerbird.planning.network_flow import network_plan, plan_of_each_alone


def random_network(seed, n_suppliers=2, n_warehouses=3, n_merchants=4, n_products=2, n_days=8, **more) -> Network:
    rng = np.random.default_rng(seed)
    demand = rng.poisson(6, (n_merchants, n_products, n_days))
    return Network(
        demand, rng.uniform(1, 3, (n_suppliers, n_warehouses)), rng.uniform(0, 3, (n_warehouses, n_merchants)),
        supply_lead_time=rng.integers(0, 3, (n_suppliers, n_warehouses)),
        delivery_lead_time=rng.integers(0, 2, (n_warehouses, n_merchants)),
        transhipment_lead_time=1, holding_cost=rng.uniform(0.05, 0.2, n_warehouses), lost_sale_cost=20,
        **({"transhipment_cost": 0.5, "supply_capacity": 30, "warehouse_capacity": 40, "opening_stock": 9} | more),
    )  # fmt: skip


def test_one_of_each_by_hand():
    # Two days' lead time: day 0's and 1's demand of 4 can only come from the 6 in stock, and 2 are lost. Day 2 and 3
    # need 4 each; 5 a day can be sent, and what is sent a day early would be held at .1.
    network = Network(
        np.full((1, 1, 4), 4.0), [[3.0]], [[1.0]], supply_lead_time=2, supply_capacity=5, holding_cost=0.1,
        lost_sale_cost=9, opening_stock=6,
    )  # fmt: skip
    plan = network_plan(network)
    # Stock of day 0 after serving 4 is 2: held once. Lost: 2 units.
    assert plan.costs == pytest.approx(
        {"supply": 3 * 8, "transhipment": 0, "delivery": 6 + 8, "holding": 0.2, "lost_sales": 18}
    )
    assert plan.lost["units"].sum() == pytest.approx(2) and plan.lost["day"].tolist() == [1]
    sent = plan.flows.query("route == 'supply'")
    assert sent["day"].tolist() == [0, 1] and sent["arrival"].tolist() == [2, 3]
    assert plan.prices.empty


def test_transhipment_by_hand():
    # The only supplier reaches warehouse 0, the merchant is next to warehouse 1: through 0 at 1 + 2, direct fare 9.
    network = Network(
        [[[0, 5.0]]], [[1.0, np.inf]], [[9.0], [0.0]], transhipment_cost=2, transhipment_lead_time=1, lost_sale_cost=50
    )
    plan = network_plan(network)
    assert plan.cost == pytest.approx(5 * 3)
    moved = plan.flows.query("route == 'transhipment'").iloc[0]
    assert (moved.origin, moved.destination, moved.day, moved.arrival, moved.units) == (0, 1, 0, 1, 5)


def test_price_of_capacity_by_hand():
    # One unit more on day 0 saves a lost sale of 10 for a purchase of 3.
    plan = network_plan(Network([[[7.0]]], [[3.0]], [[0.0]], supply_capacity=5, lost_sale_cost=10))
    assert plan.prices.to_dict("records") == [{"constraint": "supply_capacity", "place": 0, "day": 0, "price": 7.0}]


@pytest.mark.parametrize("seed", range(4))
def test_plans_conserve_units_keep_limits_and_are_proven_by_duality(seed):
    network = random_network(seed)
    plan = network_plan(network)
    assert plan.dual_cost == pytest.approx(plan.cost, rel=1e-9)
    n_warehouses, n_products = network.opening_stock.shape
    stock = np.zeros((n_warehouses, n_products, network.demand.shape[2]))
    stock[tuple(plan.stock[axis] for axis in ("warehouse", "product", "day"))] = plan.stock["units"]
    sold = np.zeros(network.demand.shape)
    change = np.zeros(stock.shape)
    change[:, :, 0] = network.opening_stock
    sent = np.zeros(network.supply_capacity.shape)
    cost = 0.0
    for flow in plan.flows.itertuples():  # a ledger kept entry by entry
        fare = {"supply": network.supply_cost, "delivery": network.delivery_cost,
                "transhipment": network.transhipment_cost}[flow.route][flow.origin, flow.destination]  # fmt: skip
        cost += fare * flow.units
        if flow.route == "supply":
            sent[flow.origin, flow.day] += flow.units
            assert flow.arrival - flow.day == network.supply_lead_time[flow.origin, flow.destination]
        else:
            change[flow.origin, flow.product, flow.day] -= flow.units
        if flow.route == "delivery":
            sold[flow.destination, flow.product, flow.arrival] += flow.units
            assert flow.arrival - flow.day == network.delivery_lead_time[flow.origin, flow.destination]
        else:
            change[flow.destination, flow.product, flow.arrival] += flow.units
    np.testing.assert_allclose(stock, change.cumsum(axis=2), atol=1e-7)
    lost = np.zeros(network.demand.shape)
    lost[tuple(plan.lost[axis] for axis in ("merchant", "product", "day"))] = plan.lost["units"]
    np.testing.assert_allclose(sold + lost, network.demand, atol=1e-7)
    assert (sent <= network.supply_capacity + 1e-7).all()
    assert (stock.sum(axis=1) <= network.warehouse_capacity[:, None] + 1e-7).all()
    cost += network.holding_cost @ stock.sum(axis=(1, 2)) + network.lost_sale_cost @ lost.sum(axis=(1, 2))
    assert plan.cost == pytest.approx(cost)


def test_prices_are_the_savings_of_a_little_more():
    network = random_network(7, supply_capacity=14)
    plan = network_plan(network)
    tight = plan.prices.query("constraint == 'supply_capacity'").iloc[0]
    more = np.array(network.supply_capacity)
    more[int(tight.place), int(tight.day)] += 1e-3
    saved = plan.cost - network_plan(random_network(7, supply_capacity=more)).cost
    assert saved == pytest.approx(1e-3 * tight.price, rel=1e-3) and tight.price > 0


@pytest.mark.parametrize("seed", range(4))
def test_acting_alone_never_costs_less_and_transhipment_never_more(seed):
    together, alone = (plan(random_network(seed, supply_capacity=20)) for plan in (network_plan, plan_of_each_alone))
    assert alone.cost > together.cost * (1 - 1e-9)
    assert network_plan(random_network(seed, supply_capacity=20, transhipment_cost=np.inf)).cost >= together.cost - 1e-6


def test_acting_alone_by_hand():
    # Both merchants ask warehouse 0, it orders all 10 from supplier 0, who can send 6; supplier 1 is never asked.
    network = Network([[[5.0]], [[5.0]]], [[1.0], [2.0]], [[0.0, 0.0]], supply_capacity=6, lost_sale_cost=10)
    assert network_plan(network).cost == pytest.approx(6 * 1 + 4 * 2)
    alone = plan_of_each_alone(network)
    assert alone.cost == pytest.approx(6 * 1 + 4 * 10) and alone.dual_cost == pytest.approx(alone.cost)


def test_of_two_warehouses_as_near_a_merchant_alone_asks_the_first():
    # The second would be cheaper to supply, which is not the merchant's concern.
    network = Network([[[5.0]]], [[3.0, 1.0]], [[0.0], [0.0]], lost_sale_cost=10)
    assert network_plan(network).cost == pytest.approx(5 * 1)
    assert plan_of_each_alone(network).cost == pytest.approx(5 * 3)


def test_alone_is_as_good_where_nothing_is_shared():
    # One supplier without limit, one warehouse, one merchant: there is nobody to agree with.
    network = Network(np.full((1, 2, 5), 3.0), [[1.0]], [[1.0]], supply_lead_time=1, lost_sale_cost=9, opening_stock=3)
    assert plan_of_each_alone(network).cost == pytest.approx(network_plan(network).cost)
