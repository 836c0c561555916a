"""The supply network: its plan, stages on their own, base-stock levels, the genetic search, the bullwhip effect."""

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import level_cost, newsvendor, poisson_demand
from bowerbird.inventory.simulate import simulate
from bowerbird.planning.network import (
    Network,
    base_stock_costs,
    bullwhip_ratios,
    chain_orders,
    genetic_search,
    network_plan,
    plan_of_each_alone,
)


def random_network(seed, **more) -> Network:
    rng = np.random.default_rng(seed)
    return Network(
        rng.poisson(6, (4, 2, 8)), rng.uniform(1, 3, (2, 3)), rng.uniform(0, 3, (3, 4)), lost_sale_cost=20,
        supply_lead_time=rng.integers(0, 3, (2, 3)), holding_cost=rng.uniform(0.05, 0.2, 3), transhipment_lead_time=1,
        **({"transhipment_cost": 0.5, "supply_capacity": 30, "opening_stock": 9} | more),
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
        {"supply": 3 * 8, "material": 0, "production": 0, "transhipment": 0, "delivery": 6 + 8, "holding": 0.2,
         "lost_sales": 18}
    )  # fmt: skip
    np.testing.assert_allclose(plan.lost, [[[0, 2, 0, 0]]], atol=1e-9)
    sent = plan.flows.query("route == 'supply'")
    assert sent["day"].tolist() == [0, 1] and sent["arrival"].tolist() == [2, 3]


def test_transhipment_by_hand():
    # The only supplier reaches warehouse 0, the merchant is next to warehouse 1: through 0 at 1 + 2, direct fare 9.
    network = Network(
        [[[0, 5.0]]], [[1.0, np.inf]], [[9.0], [0.0]], transhipment_cost=2, transhipment_lead_time=1, lost_sale_cost=50
    )
    plan = network_plan(network)
    assert plan.cost == pytest.approx(5 * 3)
    moved = plan.flows.query("route == 'transhipment'").iloc[0]
    assert (moved.origin, moved.destination, moved.day, moved.arrival, moved.units) == (0, 1, 0, 1, 5)


@pytest.mark.parametrize("seed", range(4))
def test_plans_conserve_units_keep_limits_and_are_proven_by_duality(seed):
    network = random_network(seed)
    plan = network_plan(network)
    assert plan.dual_cost == pytest.approx(plan.cost, rel=1e-9)
    sold, change, sent = (np.zeros(array.shape) for array in (network.demand, plan.stock, network.supply_capacity))
    change[:, :, 0] = network.opening_stock
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
        else:
            change[flow.destination, flow.product, flow.arrival] += flow.units
    np.testing.assert_allclose(plan.stock, change.cumsum(axis=2), atol=1e-7)
    np.testing.assert_allclose(sold + plan.lost, network.demand, atol=1e-7)
    assert (sent <= network.supply_capacity + 1e-7).all()
    cost += network.holding_cost @ plan.stock.sum(axis=(1, 2)) + network.lost_sale_cost @ plan.lost.sum(axis=(1, 2))
    assert plan.cost == pytest.approx(cost)


@pytest.mark.parametrize("lead_time", [0, 1])
def test_a_factory_against_every_schedule(lead_time):
    demand, loss = [1, 0, 3, 3], 9.0
    network = Network(
        [[demand]], [[np.inf]], [[0.5]], loss, supply_capacity=[[3, 0, 2, 3]], holding_cost=0.3,
        material_cost=[[2.0]], material_holding_cost=0.1,
        production_cost=1.0, production_lead_time=lead_time, production_capacity=[[2, 2, 2, 1]],
    )  # fmt: skip
    costs = []
    limits = (3, 0, 2, 3, 2, 2, 2, 1)  # bought, then made, on each of four days
    for units in product(*(range(most + 1) for most in limits)):
        bought, made = units[:4], units[4:]
        material = np.cumsum(bought) - np.cumsum(made)
        if material.min() < 0:
            continue
        arrived, stock = [0] * lead_time + list(made), 0
        cost = 2 * sum(bought) + 1.0 * sum(made[: 4 - lead_time]) + 0.1 * material.sum()
        for units, asked in zip(arrived, demand, strict=False):
            sold = min(stock + units, asked)  # waiting to sell never pays
            stock += units - sold
            cost += 0.5 * sold + loss * (asked - sold) + 0.3 * stock
        costs.append(cost)
    plan = network_plan(network)
    assert plan.cost == pytest.approx(min(costs)) and plan.dual_cost == pytest.approx(plan.cost)
    assert plan.material.sum() > 0  # bought on day 0, since none is to be had on day 1


@pytest.mark.parametrize("seed", range(3))
def test_a_factory_that_costs_nothing_changes_nothing(seed):
    direct = random_network(seed)
    # Each warehouse has a factory of its own, which works at once and without cost or limit.
    own = np.where(np.eye(3, dtype=bool), 0, np.inf)
    made = replace(
        direct, supply_cost=np.full((2, 3), np.inf), material_cost=direct.supply_cost,
        material_lead_time=direct.supply_lead_time, material_holding_cost=1.0,
        production_cost=own, production_lead_time=0, production_capacity=np.inf,
    )  # fmt: skip
    for plan_of in (network_plan, plan_of_each_alone):
        assert plan_of(made).cost == pytest.approx(plan_of(direct).cost)
    dear = replace(made, production_cost=own + 0.5, production_lead_time=1, production_capacity=12)
    together, alone = network_plan(dear), plan_of_each_alone(dear)
    assert together.dual_cost == pytest.approx(together.cost) and together.cost <= alone.cost * (1 + 1e-9)
    assert together.cost > network_plan(made).cost
    begun = together.flows.query("route == 'production'").groupby(["origin", "day"])["units"].sum()
    assert begun.max() <= 12 + 1e-7


def test_factories_that_decide_alone_by_hand():
    # Both warehouses want 5 from factory 0, which makes 6 a day; its twin is dearer by 3 and is never asked.
    network = Network(
        [[[5.0]], [[5.0]]], np.full((1, 2), np.inf), [[0, 9], [9, 0]], lost_sale_cost=10, material_cost=[[1.0, 1.0]],
        production_cost=[[1.0, 1.0], [4.0, 4.0]], production_capacity=6,
    )  # fmt: skip
    assert network_plan(network).cost == pytest.approx(10 * 1 + 6 * 1 + 4 * 4)
    alone = plan_of_each_alone(network)
    np.testing.assert_allclose(alone.lost, 2)  # the same share for both
    assert alone.costs["material"] == alone.costs["production"] == pytest.approx(6)


def test_acting_alone_by_hand():
    # Both merchants ask warehouse 0, it orders all 10 from supplier 0, who can send 6; supplier 1 is never asked.
    network = Network([[[5.0]], [[5.0]]], [[1.0], [2.0]], [[0.0, 0.0]], supply_capacity=6, lost_sale_cost=10)
    assert network_plan(network).cost == pytest.approx(6 * 1 + 4 * 2)
    alone = plan_of_each_alone(network)
    assert alone.cost == pytest.approx(6 * 1 + 4 * 10) and alone.dual_cost == pytest.approx(alone.cost)
    # Of two warehouses as near the first is asked; the second would be cheaper to supply, no concern of the merchant.
    network = Network([[[5.0]]], [[3.0, 1.0]], [[0.0], [0.0]], lost_sale_cost=10)
    assert network_plan(network).cost == pytest.approx(5 * 1)
    assert plan_of_each_alone(network).cost == pytest.approx(5 * 3)


def base_stock_cost(levels, network):
    return sum(base_stock_costs(levels, network).values())


@pytest.mark.parametrize("lead_time", [0, 2])
def test_one_warehouse_costs_what_the_simulation_of_one_item_costs(lead_time):
    demand = np.random.default_rng(1).poisson(3, (1, 40))
    walk = simulate(demand, 9, 9, opening_stock=5, lead_time=lead_time)
    network = Network(
        demand[None], [[2.0]], [[0.5]], supply_lead_time=lead_time, holding_cost=0.1, lost_sale_cost=7, opening_stock=5
    )
    expected = 2 * walk.orders.sum() + 0.5 * walk.sales.sum() + 0.1 * walk.closing_stock.sum() + 7 * walk.unmet.sum()
    assert base_stock_cost([9], network) == pytest.approx(expected)
    assert base_stock_costs([9], network)["lost_sales"] == pytest.approx(7 * walk.unmet.sum())


def test_shares_and_merchants_out_of_reach_by_hand():
    # The supplier can send 6 of the 8 + 4 asked for: 4 and 2. Warehouse 0 has 4 for wishes of 6 and 2: 3 and 1.
    network = Network(
        [[[6.0]], [[2.0]], [[2.0]]], [[1.0, 1.0]], [[0, 0, 9], [9, 9, 0]], supply_capacity=6, lost_sale_cost=10
    )
    assert base_stock_cost([[8], [4]], network) == pytest.approx(6 + 10 * (3 + 1 + 0))
    network = Network(np.ones((2, 1, 3)), [[1.0]], [[0.5, np.inf]], lost_sale_cost=[10, 20])
    assert base_stock_cost([1], network) == pytest.approx(3 * 20 + 3 * 0.5 + 3)


@pytest.mark.parametrize("seed", range(5))
def test_rules_never_beat_the_plan_that_knows_all_demand(seed):
    network, levels = random_network(seed), np.random.default_rng(seed).integers(0, 30, (3, 2))
    assert base_stock_cost(levels, network) >= network_plan(network).cost * (1 - 1e-9)


def test_the_search_finds_the_best_of_a_small_box_and_never_tries_twice():
    tried = []

    def cost(levels):
        tried.append(tuple(levels.tolist()))
        return float(np.sum((levels - [3, 8, 1]) ** 2) + 5 * (levels.sum() % 3))

    levels, least = genetic_search(cost, [0, 5, 0], [5, 9, 5], generations=25)
    every = product(range(6), range(5, 10), range(6))
    assert len(tried) == len(set(tried)) and set(tried) <= set(product(range(6), range(5, 10), range(6)))
    assert least == cost(levels) == min(cost(np.array(levels)) for levels in every)
    again, other = (genetic_search(cost, [0] * 3, [90] * 3, generations=1, seed=seed)[1] for seed in (0, 1))
    assert again == genetic_search(cost, [0] * 3, [90] * 3, generations=1)[1] != other


def test_the_search_comes_within_one_percent_of_exact_newsvendor_levels():
    demand = poisson_demand([2.0, 3.0, 5.0, 8.0, 13.0, 21.0])
    cost = partial(level_cost, demand, holding_cost=1.0, shortage_cost=9.0)
    _, found = genetic_search(lambda levels: cost(levels).sum(), [0] * 6, [40] * 6)
    best = newsvendor(demand, 1.0, 9.0).cost.sum()
    assert best - 1e-9 <= found < 1.01 * best


def test_orders_of_a_chain_by_hand():
    # Averages of two days: -, 3, 5, 8. Orders: 2 x (5 - 3) + 6 and 2 x (8 - 5) + 10.
    orders = chain_orders(np.array([[2.0, 4, 6, 10]]), [2], window=2)
    np.testing.assert_array_equal(orders, [[[np.nan, np.nan, 10, 16]]])
    assert (chain_orders(np.full((1, 20), 7.0), [3, 2], window=4)[:, :, 9:] == 7).all()


def test_shared_demand_swings_by_the_sum_of_lead_times_else_by_products():
    seen, window = np.random.default_rng(2).normal(100, 10, (300, 600)), 6
    shared = bullwhip_ratios(seen, chain_orders(seen, [2, 2, 2], window=window, shared=True))
    alone = bullwhip_ratios(seen, chain_orders(seen, [2, 2, 2], window=window))

    def formula(lead_time):  # theorem 2.2
        return 1 + 2 * lead_time / window + 2 * lead_time**2 / window**2

    np.testing.assert_allclose(shared, formula(np.array([2, 4, 6])), rtol=0.01)  # theorem 3.1
    assert alone[0] == pytest.approx(shared[0], rel=0.01)  # measured from a later day on
    assert (alone[1:] > 0.99 * formula(2) ** np.array([2, 3])).all() and (alone[1:] > shared[1:]).all()  # theorem 3.2


SMALL = {
    "demand": np.ones((2, 1, 3)), "supply_cost": [[1.0, 2.0]], "delivery_cost": [[0, 1], [1, 0]], "lost_sale_cost": 9,
}  # fmt: skip


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: Network(**SMALL | {"demand": np.ones((2, 3))}), "demand, shape"),
        (lambda: Network(**SMALL | {"delivery_cost": np.ones((3, 2))}), "delivery_cost"),
        (lambda: Network(**SMALL, transhipment_lead_time=1.5), "transhipment_lead_time"),
        (lambda: Network(**SMALL, material_cost=[1.0, 2.0, 3.0], production_cost=np.ones((2, 2))), "production_cost"),
        (lambda: base_stock_cost([1, 2], Network(**SMALL, material_cost=[[1.0]])), "network has factories"),
        (lambda: chain_orders(np.ones(9), [1], window=2), "demand, shape"),
        (lambda: bullwhip_ratios(np.ones((1, 9)), np.ones((1, 1, 9)), warm_up=8), "warm_up"),
    ],
)
def test_wrong_input_is_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
