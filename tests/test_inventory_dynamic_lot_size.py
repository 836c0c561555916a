from itertools import product

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.planning import dynamic_lot_size as module
from bowerbird.planning.dynamic_lot_size import lot_for_lot, silver_meal, wagner_whitin


@pytest.mark.parametrize(
    ("demand", "order_cost", "holding_cost", "orders", "cost"),
    [
        pytest.param([90, 120, 80, 70], 500, 2, [210, 0, 150, 0], 1380, id="example_3_9"),
        pytest.param([150, 100, 80, 200], 120, 0.8, [150, 180, 0, 200], 424, id="problem_3_27"),
        pytest.param([730, 580, 445, 650, 880], 100, 0.1, [1310, 0, 1095, 0, 880], 423, id="problem_3_29"),
        pytest.param([10, 20, 30, 40], 30, 1, None, 110, id="K_30_h_1"),
    ],
)
def test_textbook(demand, order_cost, holding_cost, orders, cost):
    plan = wagner_whitin([demand], order_cost=order_cost, holding_cost=holding_cost)
    assert plan.cost[0] == pytest.approx(cost)
    if orders:  # otherwise two plans cost the same
        assert plan.orders[0].tolist() == orders


def cost_of(orders, demand, K, h, c, opening):
    """A clerk's account of one item's plan; None if it ever runs short."""
    stock, cost = opening, 0.0
    for t, units in enumerate(orders):
        stock += units - demand[t]
        if stock < -1e-9:
            return None
        cost += (K[t] if units > 1e-9 else 0) + c[t] * units + h[t] * stock
    return cost


def random_problem(rng, n_items, n_periods):
    demand = rng.integers(0, 12, (n_items, n_periods)) * (rng.random((n_items, n_periods)) < 0.7)
    costs = {
        "order_cost": rng.uniform(0, 30, (n_items, n_periods)),
        "holding_cost": rng.uniform(0, 2, (n_items, n_periods)),
        "purchase_cost": rng.uniform(0, 4, (n_items, n_periods)),
    }
    return demand.astype(float), costs, rng.integers(0, 20, n_items).astype(float)


def test_brute_force_over_every_set_of_order_periods():
    demand, costs, opening = random_problem(np.random.default_rng(0), 60, 7)
    plan = wagner_whitin(demand, **costs, opening_stock=opening)
    for i in range(60):
        K, h, c = (costs[name][i] for name in ("order_cost", "holding_cost", "purchase_cost"))
        net, left = [], opening[i]
        for units in demand[i]:
            net.append(max(units - left, 0))
            left = max(left - units, 0)
        slow = []
        for pattern in product([False, True], repeat=7):
            orders, last = np.zeros(7), None
            for t in range(7):
                last = t if pattern[t] else last
                if net[t] and last is not None:
                    orders[last] += net[t]  # from the latest order period
            account = cost_of(orders, demand[i], K, h, c, opening[i])
            slow += [] if account is None else [account]
        assert plan.cost[i] == pytest.approx(min(slow))
        assert cost_of(plan.orders[i], demand[i], K, h, c, opening[i]) == pytest.approx(plan.cost[i])


def test_brute_force_over_every_whole_order_on_tiny_problems():
    # No structure assumed: any number of units in any period, while stock from the start may still lie there.
    rng = np.random.default_rng(1)
    for _ in range(15):
        demand = rng.integers(0, 4, 4).astype(float)
        opening = float(rng.integers(0, 4))
        K, h, c = rng.uniform(0, 5, 4), rng.uniform(0, 1, 4), rng.uniform(0, 5, 4)
        plan = wagner_whitin([demand], order_cost=K, holding_cost=h, purchase_cost=c, opening_stock=opening)
        room = range(int(demand.sum()) + 1)
        accounts = (cost_of(orders, demand, K, h, c, opening) for orders in product(room, repeat=4))
        assert plan.cost[0] == pytest.approx(min(account for account in accounts if account is not None))


def test_large_random_problems_against_the_plain_recursion():
    demand, costs, _ = random_problem(np.random.default_rng(2), 4, 60)
    plan = wagner_whitin(demand, **costs)
    for i in range(4):
        K, h, c = (costs[name][i] for name in ("order_cost", "holding_cost", "purchase_cost"))
        least = [0.0] * 61
        for t in reversed(range(60)):
            options = [least[t + 1]] if demand[i, t] == 0 else []
            for end in range(t + 1, 61):
                kept = sum(h[t:u].sum() * demand[i, u] for u in range(t, end))
                options.append(K[t] + c[t] * demand[i, t:end].sum() + kept + least[end])
            least[t] = min(options)
        assert plan.cost[i] == pytest.approx(least[0])


def test_silver_meal_against_a_slow_loop():
    demand, costs, opening = random_problem(np.random.default_rng(3), 50, 15)
    plan = silver_meal(demand, **costs, opening_stock=opening)
    for i in range(50):
        K, h = costs["order_cost"][i], costs["holding_cost"][i]
        net, left = demand[i].copy(), opening[i]
        for t in range(15):
            used = min(net[t], left)
            net[t], left = net[t] - used, left - used
        orders, t = np.zeros(15), 0
        while t < 15:
            if net[t] == 0:
                t += 1
                continue
            end, average = t + 1, K[t]
            while end < 15:
                longer = K[t] + sum(h[t:u].sum() * net[u] for u in range(t, end + 1))
                if net[end] > 0 and longer / (end + 1 - t) > average:
                    break
                average = longer / (end + 1 - t)
                end += 1
            orders[t] = net[t:end].sum()
            t = end
        np.testing.assert_allclose(plan.orders[i], orders)
        expected = cost_of(orders, demand[i], K, h, costs["purchase_cost"][i], opening[i])
        assert plan.cost[i] == pytest.approx(expected)


def test_silver_meal_on_example_3_9_costs_13_percent_more():
    plan = silver_meal([[90, 120, 80, 70]], order_cost=500, holding_cost=2)
    # 500, then 740 / 2, 1060 / 3 = 353.3, 1480 / 4 = 370: three periods, and a second order.
    assert plan.orders[0].tolist() == [290, 0, 0, 70] and plan.cost[0] == pytest.approx(1560)


def test_lot_for_lot_holds_nothing_but_what_was_there():
    plan = lot_for_lot([[10, 0, 20, 5]], order_cost=30, holding_cost=1, purchase_cost=2, opening_stock=12)
    assert plan.orders[0].tolist() == [0, 0, 18, 5] and plan.stock[0].tolist() == [2, 2, 0, 0]
    assert plan.cost[0] == pytest.approx(2 * 30 + 23 * 2 + 4)


def test_no_rule_beats_the_exact_plan_and_all_serve_demand():
    demand, costs, opening = random_problem(np.random.default_rng(4), 200, 30)
    exact, *rules = (plan(demand, **costs, opening_stock=opening) for plan in (wagner_whitin, silver_meal, lot_for_lot))
    for plan in (exact, *rules):
        assert plan.stock.min() > -1e-9
        np.testing.assert_allclose(plan.stock[:, -1], np.maximum(opening - demand.sum(axis=1), 0), atol=1e-9)
    for rule in rules:
        assert (rule.cost >= exact.cost - 1e-9).all() and rule.cost.sum() > 1.02 * exact.cost.sum()


def test_nothing_is_ordered_for_nothing():
    plan = wagner_whitin(np.zeros((2, 5)), order_cost=3, holding_cost=1, opening_stock=[0, 4])
    assert not plan.orders.any() and plan.cost.tolist() == [0, 20]
    # 0.1 + 0.2 is not exactly 0.3: the rounding error must not be ordered.
    plan = wagner_whitin([[0.1, 0.2, 0.0]], order_cost=3, holding_cost=1, opening_stock=0.3)
    assert not plan.orders.any()
    assert not silver_meal([[0.1, 0.2, 0.0]], order_cost=3, holding_cost=1, opening_stock=0.3).orders.any()


def test_chunks_do_not_matter(monkeypatch):
    demand, costs, opening = random_problem(np.random.default_rng(5), 11, 20)
    together = wagner_whitin(demand, **costs, opening_stock=opening)
    monkeypatch.setattr(module, "CHUNK", 4)
    np.testing.assert_array_equal(wagner_whitin(demand, **costs, opening_stock=opening).orders, together.orders)


@pytest.mark.parametrize("plan", [wagner_whitin, silver_meal, lot_for_lot])
@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"demand": [[1, -1]]}, "demand holds -1"),
        ({"demand": [[1, np.nan]]}, "demand holds nan"),
        ({"demand": [1, 2]}, "demand has shape"),
        ({"demand": np.empty((1, 0))}, "demand has shape"),
        ({"order_cost": -1}, "order_cost holds -1"),
        ({"holding_cost": [1, 2, 3]}, "holding_cost has shape"),
        ({"purchase_cost": np.inf}, "purchase_cost holds inf"),
        ({"opening_stock": -1}, "opening_stock holds -1"),
    ],
)
def test_wrong_input_is_refused_by_name(plan, wrong, named):
    with pytest.raises(ParameterError, match=named):
        plan(**({"demand": [[1, 2]], "order_cost": 1, "holding_cost": 1} | wrong))
