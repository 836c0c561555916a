import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import norm

from bowerbird.errors import ParameterError
from bowerbird.inventory import policy as module
from bowerbird.inventory.demand import Demand, poisson_demand
from bowerbird.inventory.policy import (
    eoq_with_backorders,
    eoq_with_safety_stock,
    exact_reorder_quantity,
    normal_reorder_point,
    normal_reorder_quantity_cost,
    reorder_quantity_cost,
)

EXAMPLE_5_1 = {
    "demand_rate": 1300, "mean": 1300 / 12, "std": 150 / np.sqrt(12),
    "holding_cost": 0.225, "shortage_cost": 7.5, "order_cost": 8,
}  # fmt: skip
EXAMPLE_5_8 = {"demand_rate": 1.5, "holding_cost": 20, "shortage_cost": 150, "order_cost": 100}
PROBLEM_5_2 = {"demand_rate": 12, "holding_cost": 4, "shortage_cost": 28, "order_cost": 4}


def test_example_5_8():
    best = exact_reorder_quantity(poisson_demand(1.5 * 2), **EXAMPLE_5_8)
    assert (best.reorder_point[0], best.quantity[0]) == (3, 5)
    assert best.cost[0] == pytest.approx(107.9235806, abs=5e-8)


def test_costs_of_other_policies_in_example_5_8_and_problem_5_2():
    cost = reorder_quantity_cost([3, 8], [5, 12], poisson_demand([3, 3]), **EXAMPLE_5_8)
    np.testing.assert_allclose(cost, [107.9235806331498, 242.5281637662021])
    cost = reorder_quantity_cost([6, 3], [7, 9], poisson_demand([6, 6]), **PROBLEM_5_2)
    np.testing.assert_allclose(cost, [28.241312842169155, 34.264154469469503])


def test_example_5_1_cost_under_normal_demand():
    assert normal_reorder_quantity_cost(126.8, 328.5, **EXAMPLE_5_1) == pytest.approx(78.0711625093)
    assert normal_reorder_quantity_cost(100, 250, **EXAMPLE_5_1) == pytest.approx(87.3464780282)


@pytest.mark.parametrize(("quantity", "point"), [(318, 127.7880348670), (150, 147.1949581741), (750, 99.8537733962)])
def test_example_5_2_reorder_point_for_a_quantity(quantity, point):
    lead_time_demand = {name: EXAMPLE_5_1[name] for name in ("mean", "std", "holding_cost", "shortage_cost")}
    assert normal_reorder_point(quantity, **lead_time_demand) == pytest.approx(point, abs=1e-5)


@pytest.mark.parametrize("shortage_cost", [0.02, 2, 200])
def test_best_reorder_point_costs_as_much_as_the_top_of_the_cycle_and_less_than_its_neighbours(shortage_cost):
    lead_time_demand = {"mean": 30, "std": 7, "holding_cost": 2, "shortage_cost": shortage_cost}
    point = normal_reorder_point(25, **lead_time_demand)
    around = [
        normal_reorder_quantity_cost(point + shift, 25, demand_rate=15, order_cost=6, **lead_time_demand)
        for shift in (-0.01, 0, 0.01)
    ]
    assert around[1] < min(around[0], around[2])


def test_examples_5_4_and_5_5_approximations():
    order = eoq_with_backorders(**EXAMPLE_5_1)
    assert order.reorder_point == pytest.approx(128.6378144, abs=1e-5)
    assert order.quantity == pytest.approx(308.5737801, abs=5e-8)
    order = eoq_with_safety_stock(**EXAMPLE_5_1)
    assert order.reorder_point == pytest.approx(190.3369966, abs=5e-8)
    assert order.quantity == pytest.approx(304.0467800, abs=5e-8)


def test_approximations_against_the_best_found_by_a_general_optimizer():
    best = minimize(lambda x: normal_reorder_quantity_cost(*x, **EXAMPLE_5_1), x0=(120, 320), tol=1e-10).fun
    backorders, safety = eoq_with_backorders(**EXAMPLE_5_1).cost, eoq_with_safety_stock(**EXAMPLE_5_1).cost
    assert best <= backorders <= 1.125 * best  # Zheng's bound; here it is .2 % above the best
    assert backorders < 1.003 * best < 1.1 * best < safety


def test_normal_cost_by_numerical_integration():
    def G(y):
        short = quad(lambda d: (d - y) * norm.pdf(d, 30, 7), y, 120)[0]
        return 2 * (y - 30 + short) + 11 * short

    mean = quad(G, 18, 18 + 25)[0]
    cost = normal_reorder_quantity_cost(
        18, 25, demand_rate=15, mean=30, std=7, holding_cost=2, shortage_cost=11, order_cost=6
    )
    assert cost == pytest.approx((6 * 15 + mean) / 25, rel=1e-7)


def test_brute_force_over_every_r_and_Q_on_small_random_tables():
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.full(7, 0.6), size=20)
    rate, h, p, K = rng.uniform(0.2, 3, 20), rng.uniform(0.5, 3, 20), rng.uniform(1, 15, 20), rng.uniform(0, 9, 20)
    costs = {"demand_rate": rate, "holding_cost": h, "shortage_cost": p, "order_cost": K}
    best = exact_reorder_quantity(Demand(table), **costs)
    again = reorder_quantity_cost(best.reorder_point, best.quantity, Demand(table), **costs)
    np.testing.assert_allclose(best.cost, again, rtol=1e-12)
    units = np.arange(7)
    for i in range(20):
        G = {y: table[i] @ (h[i] * np.maximum(y - units, 0) + p[i] * np.maximum(units - y, 0)) for y in range(-20, 35)}
        slow = {
            (r, Q): (K[i] * rate[i] + sum(G[y] for y in range(r + 1, r + Q + 1))) / Q
            for r in range(-12, 9)
            for Q in range(1, 20)
        }
        assert best.cost[i] == pytest.approx(min(slow.values()))
        assert slow[best.reorder_point[i], best.quantity[i]] == pytest.approx(best.cost[i])


def test_large_orders_at_little_shortage_cost_reach_far_below_zero():
    costs = {"demand_rate": 5.0, "holding_cost": 1.0, "shortage_cost": 0.2, "order_cost": 400.0}
    best = exact_reorder_quantity(poisson_demand(10), **costs)
    assert best.reorder_point[0] < -100
    nearby = [
        reorder_quantity_cost(best.reorder_point[0] + dr, best.quantity[0] + dQ, poisson_demand(10), **costs)[0]
        for dr in (-1, 0, 1)
        for dQ in (-1, 0, 1)
    ]
    assert best.cost[0] == pytest.approx(min(nearby))


def test_first_guess_of_the_width_does_not_matter(monkeypatch):
    costs = {"demand_rate": [0.1, 30.0], "holding_cost": 1.0, "shortage_cost": [0.3, 40.0], "order_cost": [1.0, 900.0]}
    best = exact_reorder_quantity(poisson_demand([1, 60]), **costs)
    narrow = type("Narrow", (), {"quantity": np.zeros(2)})
    monkeypatch.setattr(module, "economic_order_with_backorders", lambda *_: narrow)
    again = exact_reorder_quantity(poisson_demand([1, 60]), **costs)
    np.testing.assert_array_equal(best.reorder_point, again.reorder_point)
    np.testing.assert_array_equal(best.quantity, again.quantity)


def test_cost_is_met_by_walking_every_customer():
    r, Q, rate, lead_time = 3, 5, 1.5, 2.0
    generator = np.random.default_rng(4)
    n_runs, n_customers = 150, 900
    wanted = np.cumsum(generator.exponential(1 / rate, (n_runs, n_customers)), axis=1)  # one unit each
    # From position r + Q every Q-th customer brings it to r and orders Q: the j-th order comes with customer j Q.
    ordered = wanted[:, Q - 1 :: Q]
    arrival = ordered + lead_time
    # Unit k of the supply (r + Q at the start, then the orders in turn) meets customer k: whichever is early waits.
    ready = np.concatenate([np.zeros((n_runs, r + Q)), np.repeat(arrival, Q, axis=1)], axis=1)[:, :n_customers]
    held, waited = np.maximum(wanted - ready, 0), np.maximum(ready - wanted, 0)
    late = slice(100, n_customers)
    per_unit = (20 * held + 150 * waited)[:, late].mean(axis=1) + 100 / Q
    cost, error = rate * per_unit.mean(), rate * per_unit.std(ddof=1) / np.sqrt(n_runs)
    assert cost == pytest.approx(107.9235806, abs=3 * error) and error < 0.6


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"demand_rate": 0}, "demand_rate"),
        ({"holding_cost": 0}, "holding_cost"),
        ({"shortage_cost": np.nan}, "shortage_cost"),
        ({"order_cost": -1}, "order_cost"),
        ({"demand_rate": [1, 2]}, "demand_rate has shape"),
    ],
)
def test_wrong_input_is_refused_by_name(wrong, named):
    with pytest.raises(ParameterError, match=named):
        exact_reorder_quantity(poisson_demand(3), **(EXAMPLE_5_8 | wrong))


def test_quantities_below_one_and_no_spread_are_refused():
    with pytest.raises(ParameterError, match="quantity holds 0"):
        reorder_quantity_cost(3, 0, poisson_demand(3), **EXAMPLE_5_8)
    with pytest.raises(ParameterError, match="std holds 0"):
        eoq_with_backorders(**(EXAMPLE_5_1 | {"std": 0}))
