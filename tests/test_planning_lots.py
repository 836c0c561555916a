"""Replenishment rules, lot sizing, service on a budget, finite horizon."""

from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, poisson_demand
from bowerbird.inventory.policy import economic_order_quantity, exact_levels, order_up_to_level
from bowerbird.inventory.simulate import simulate
from bowerbird.planning.finite_horizon import finite_horizon
from bowerbird.planning.lot_sizing import lot_for_lot, lot_sizing_plan, silver_meal, wagner_whitin
from bowerbird.planning.rules import days_of_cover_levels, dynamic_levels, periodic_levels
from bowerbird.planning.service import best_service, expected_sales, marginal_analysis

# ---------------------------------------------------------------- rules


def test_document_004_stock_cost_is_1100_not_1200():
    # Units in stock at 1, orders at 100, stock-outs at 200: C = C_h I + C_p P + C_s S
    assert 1 * 1000 + 100 * 1 + 200 * 0 == 1100  # printed 1200, which would take a second order ...
    assert 1 * 1000 + 100 * 2 == 1 * 1000 + 100 * 1 + 200 * 0.5 == 1200  # ... or half a stock-out


def test_document_004_200_units_and_two_orders_a_month_cannot_hold():
    # 100 a day ordered twice in 30 days comes in lots of 1,500, so 750 lie in stock on average, not the printed 200.
    def mean_stock(orders):
        return 100 * 30 / orders / 2

    assert mean_stock(2) == 750 and mean_stock(7.5) == pytest.approx(200)
    order = economic_order_quantity(100, 1, 3000)  # 100 for an order, 1 for a unit a month
    assert order.quantity == pytest.approx(774.597, abs=5e-4) and order.cost == pytest.approx(774.597, abs=5e-4)
    orders = 3000 / order.quantity
    assert mean_stock(orders) + 100 * orders == pytest.approx(order.cost)
    # 200 units at hand with two orders a month leave most of the month without stock.
    walk = simulate(np.full((1, 30), 100), 200, 200, opening_stock=200, lead_time=0, review=15)
    assert walk.sales.sum() == 400 and (walk.closing_stock == 0).sum() == 28


def test_periodic_levels_order_the_period_demand_and_never_run_out_of_steady_demand():
    steady = np.full((2, 42), 10.0)
    levels = periodic_levels(steady, 7, lead_time=3, safety=[0, 25])
    np.testing.assert_array_equal(levels.S, [[100] * 42, [125] * 42])
    np.testing.assert_array_equal(levels.s, levels.S)
    walk = simulate(steady, levels.s, levels.S, opening_stock=[30, 55], lead_time=3, review=7)
    np.testing.assert_array_equal(walk.orders[:, 7::7], 70)  # Q = D t
    assert walk.unmet.sum() == 0 and walk.closing_stock.min(axis=1).tolist() == [0, 25]


def test_periodic_levels_look_ahead_over_days_that_differ():
    levels = periodic_levels(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2, lead_time=1)
    np.testing.assert_array_equal(levels.S, [[6, 9, 12, 14, 15]])  # the last day repeats
    np.testing.assert_array_equal(periodic_levels(np.full((1, 3), 7 / 6), 6, lead_time=0).S, [[7, 7, 7]])


def test_dynamic_levels_see_the_window_before_each_day_only():
    demand = np.random.default_rng(0).poisson(20, size=(3, 30)).astype(float)
    levels = dynamic_levels(demand, window=7, lead_time=2, service_level=[0.8, 0.9, 0.99])
    assert not levels.S[:, :7].any()
    seen = demand[1, 5:12]
    by_hand = order_up_to_level(0.9, seen.mean(), seen.std(ddof=1), lead_time=2, review=1)
    assert levels.S[1, 12] == int(np.ceil(by_hand))
    later = demand.copy()
    later[:, 12:] = 500
    changed = dynamic_levels(later, window=7, lead_time=2, service_level=[0.8, 0.9, 0.99])
    np.testing.assert_array_equal(changed.S[:, :13], levels.S[:, :13])
    assert (changed.S[:, 13] > levels.S[:, 13]).all()
    assert not dynamic_levels(demand[:, :7], window=7, lead_time=2).S.any()


def test_days_of_cover_by_hand_with_a_promotion():
    levels = days_of_cover_levels(np.array([[10.0, 10, 10, 30, 10, 0]]), min_days=2, max_days=4)
    np.testing.assert_array_equal(levels.s, [[20, 20, 40, 40, 10, 0]])
    np.testing.assert_array_equal(levels.S, [[60, 60, 50, 40, 10, 0]])


# ---------------------------------------------------------------- lot sizing, item by item


@pytest.mark.parametrize(
    ("demand", "order_cost", "holding_cost", "orders", "cost"),
    [
        pytest.param([90, 120, 80, 70], 500, 2, [210, 0, 150, 0], 1380, id="example_3_9"),
        pytest.param([150, 100, 80, 200], 120, 0.8, [150, 180, 0, 200], 424, id="problem_3_27"),
        pytest.param([730, 580, 445, 650, 880], 100, 0.1, [1310, 0, 1095, 0, 880], 423, id="problem_3_29"),
        pytest.param([10, 20, 30, 40], 30, 1, None, 110, id="K_30_h_1"),
    ],
)
def test_wagner_whitin_meets_the_textbook(demand, order_cost, holding_cost, orders, cost):
    plan = wagner_whitin([demand], order_cost=order_cost, holding_cost=holding_cost)
    assert plan.cost[0] == pytest.approx(cost)
    if orders:  # otherwise two plans cost the same
        assert plan.orders[0].tolist() == orders


def cost_of(orders, demand, K, h):
    """A clerk's account of one item's plan; infinite if it ever runs short."""
    stock, cost = 0.0, 0.0
    for units, asked in zip(orders, demand, strict=True):
        stock += units - asked
        if stock < -1e-9:
            return np.inf
        cost += (K if units > 1e-9 else 0) + h * stock
    return cost


def random_items(rng, n_items, n_periods):
    demand = rng.integers(0, 12, (n_items, n_periods)) * (rng.random((n_items, n_periods)) < 0.7)
    costs = {"order_cost": rng.uniform(0, 30, n_items), "holding_cost": rng.uniform(0, 2, n_items)}
    return demand.astype(float), costs


def test_wagner_whitin_against_every_whole_order_on_tiny_problems():
    # No structure assumed: any number of units in any period.
    demand, costs = random_items(np.random.default_rng(1), 15, 4)
    demand = np.minimum(demand, 3)
    plan = wagner_whitin(demand, **costs)
    for i, (K, h) in enumerate(zip(*costs.values(), strict=True)):
        every = product(range(int(demand[i].sum()) + 1), repeat=4)
        assert plan.cost[i] == pytest.approx(min(cost_of(orders, demand[i], K, h) for orders in every))
        assert cost_of(plan.orders[i], demand[i], K, h) == pytest.approx(plan.cost[i])


def test_silver_meal_against_a_slow_loop():
    demand, costs = random_items(np.random.default_rng(3), 50, 15)
    plan = silver_meal(demand, **costs)
    for i, (K, h) in enumerate(zip(*costs.values(), strict=True)):
        orders, t = np.zeros(15), 0
        while t < 15:
            if demand[i, t] == 0:
                t += 1
                continue
            end, average = t + 1, K
            while end < 15:
                longer = K + sum(h * (u - t) * demand[i, u] for u in range(t, end + 1))
                if demand[i, end] > 0 and longer / (end + 1 - t) > average:
                    break
                average = longer / (end + 1 - t)
                end += 1
            orders[t] = demand[i, t:end].sum()
            t = end
        np.testing.assert_allclose(plan.orders[i], orders)
        assert plan.cost[i] == pytest.approx(cost_of(orders, demand[i], K, h))


def test_rules_on_example_3_9():
    plan = silver_meal([[90, 120, 80, 70]], order_cost=500, holding_cost=2)
    # 500, then 740 / 2, 1060 / 3 = 353.3, 1480 / 4 = 370: three periods, and a second order; 13 % above 1380.
    assert plan.orders[0].tolist() == [290, 0, 0, 70] and plan.cost[0] == pytest.approx(1560)
    each = lot_for_lot([[90, 120, 0, 70]], order_cost=500, holding_cost=2)
    assert each.orders[0].tolist() == [90, 120, 0, 70] and not each.stock.any() and each.cost[0] == 1500


# ---------------------------------------------------------------- lot sizing, a shared capacity


def cheapest_by_trying_all(demand, h, K, p, capacity) -> float:
    """Every set of order days of every item; the rest is a linear program with stock variables, not shares."""
    n, n_days = demand.shape
    size = n * n_days
    q, stock, lost = np.arange(3 * size).reshape(3, n, n_days)
    balance, used = np.zeros((size, 3 * size)), np.zeros((n_days, 3 * size))
    for row, (i, t) in enumerate(product(range(n), range(n_days))):
        balance[row, [q[i, t], lost[i, t], stock[i, t]]] = 1, 1, -1
        if t:
            balance[row, stock[i, t - 1]] = 1
        used[t, q[i, t]] = 1
    cost = np.concatenate([np.zeros(size), np.repeat(h, n_days), np.repeat(p, n_days)])
    best = np.inf
    for ordered in product([0, 1], repeat=size):
        high = np.concatenate([1e4 * np.array(ordered), np.full(size, np.inf), demand.ravel()])
        bounds = np.column_stack([np.zeros(3 * size), high])
        found = linprog(cost, A_ub=used, b_ub=capacity, A_eq=balance, b_eq=demand.ravel(), bounds=bounds)
        best = min(best, found.fun + np.reshape(ordered, (n, n_days)).sum(axis=1) @ K)
    return best


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("capacity", [7, 99])
def test_small_problems_against_trying_every_set_of_orders(seed, capacity):
    rng = np.random.default_rng(seed)
    demand, h, K, p = rng.integers(0, 9, (2, 3)), rng.uniform(0, 2, 2), rng.uniform(1, 15, 2), rng.uniform(2, 15, 2)
    plan = lot_sizing_plan(demand, holding_cost=h, order_cost=K, lost_sale_cost=p, capacity=capacity, gap=0.0)
    capacities = np.full(3, capacity)
    assert plan.cost == pytest.approx(cheapest_by_trying_all(demand, h, K, p, capacities), rel=1e-6)
    assert plan.gap < 1e-6 and plan.stock.min() >= 0 and (plan.lost <= demand + 1e-9).all()
    assert (plan.orders.sum(axis=0) <= capacity * (1 + 1e-9)).all()


def test_nothing_shared_is_wagner_and_whitin_item_by_item():
    rng = np.random.default_rng(3)
    demand, h, K = rng.poisson(5, (12, 20)), rng.uniform(0.5, 1.5, 12), rng.uniform(5, 60, 12)
    known = wagner_whitin(demand, order_cost=K, holding_cost=h)
    plan = lot_sizing_plan(demand, holding_cost=h, order_cost=K, lost_sale_cost=1e4, gap=0)
    assert plan.cost == pytest.approx(known.cost.sum()) and plan.gap == pytest.approx(0, abs=1e-9)
    assert not plan.lost.any()
    by_hand = lot_sizing_plan([[90, 120, 80, 70]], holding_cost=2, order_cost=500, lost_sale_cost=1e4, gap=0)
    np.testing.assert_allclose(by_hand.orders, [[210, 0, 150, 0]])  # example 3.9
    assert by_hand.costs == pytest.approx({"holding": 380, "ordering": 1000, "lost_sales": 0})
    never = lot_sizing_plan([[3, 3]], holding_cost=1, order_cost=100, lost_sale_cost=2)
    assert not never.orders.any() and never.lost.tolist() == [[3, 3]] and never.cost == 12


# ---------------------------------------------------------------- service on a budget


def random_demand(rng, n_items, n_units) -> Demand:
    return Demand(rng.dirichlet(np.ones(n_units), n_items))


def test_document_004_section_4_2_500_of_1000_is_a_fill_rate_of_one_half():
    certain = Demand(np.eye(1001)[[1000]])
    for plan in (marginal_analysis(certain, budget=500), best_service(certain, budget=500)):
        assert plan.stock == [500] and plan.fill_rate == pytest.approx(0.5)


def test_expected_sales_by_hand_and_against_every_outcome():
    np.testing.assert_allclose(expected_sales(Demand(np.array([[0.2, 0.5, 0.3]]))), [[0, 0.8, 1.1]])
    demand, units = random_demand(np.random.default_rng(0), 3, 9), np.arange(9)
    np.testing.assert_allclose(expected_sales(demand), demand.probability @ np.minimum(units[:, None], units).T)


@pytest.mark.parametrize("seed", range(5))
def test_dynamic_program_against_every_stock(seed):
    rng = np.random.default_rng(seed)
    demand, cost = random_demand(rng, 3, 5), rng.integers(1, 5, 3)
    sales = expected_sales(demand)
    for budget in (0, 3, 8, 40):
        stocks = (stock for stock in product(range(5), repeat=3) if cost @ stock <= budget)
        best = max(sum(sales[i, k] for i, k in enumerate(stock)) for stock in stocks)
        plan = best_service(demand, budget=budget, cost=cost)
        assert plan.sales == pytest.approx(best) and plan.spent == cost @ plan.stock <= budget
        assert plan.sales == pytest.approx(sum(sales[i, k] for i, k in enumerate(plan.stock)))


@pytest.mark.parametrize("seed", range(20))
def test_marginal_analysis_lies_within_a_unit_of_the_exact_plan(seed):
    rng = np.random.default_rng(seed)
    demand, cost, budget = random_demand(rng, 8, 12), rng.integers(1, 9, 8), int(rng.integers(5, 200))
    exact, quick = (plan(demand, budget=budget, cost=cost) for plan in (best_service, marginal_analysis))
    assert quick.sales <= exact.sales + 1e-9 and exact.sales <= quick.bound + 1e-9
    assert quick.gap <= 1 + 1e-9 and quick.spent <= budget
    # With units of equal cost the budget is used up, and the plan is exact.
    alike = marginal_analysis(demand, budget=budget // 4)
    assert alike.gap == pytest.approx(0, abs=1e-9)
    assert alike.sales == pytest.approx(best_service(demand, budget=budget // 4).sales)


def test_cheap_units_fill_what_is_left():
    # The dear item's second unit does not fit; both units of the cheap one, which gains least per money, still do.
    plan = marginal_analysis(Demand(np.array([[0, 0, 1.0], [0.9, 0, 0.1]])), budget=7, cost=[5, 1])
    np.testing.assert_array_equal(plan.stock, [1, 2])
    assert plan.bound == pytest.approx(1 + 2 / 5)


def test_a_budget_for_all_stocks_all_and_none_stocks_none():
    demand = poisson_demand([3.0, 7.0])
    assert marginal_analysis(demand, budget=1e6).fill_rate == pytest.approx(1)
    none = marginal_analysis(demand, budget=0)
    assert not none.stock.any() and none.fill_rate == 0 and none.bound == 0
    assert marginal_analysis(Demand(np.ones((2, 1))), budget=5).fill_rate == 1


# ---------------------------------------------------------------- finite horizon


def slow_cost(table, n_periods, h, p, K, highest):
    """The Bellman equation word by word for one item: cost(t, x) and the best stock to raise x to, over every order."""

    @cache
    def raised(t, y):
        now = sum(q * (h * max(y - d, 0) + p * max(d - y, 0)) for d, q in enumerate(table))
        return now + sum(q * cost(t + 1, y - d)[0] for d, q in enumerate(table))

    @cache
    def cost(t, x):
        if t == n_periods:
            return 0.0, x
        options = [(raised(t, x), x)] + [(K + raised(t, y), y) for y in range(x + 1, highest + 1)]
        return min(options, key=lambda option: option[0])

    return cost


def test_brute_force_over_every_order_from_every_stock():
    rng = np.random.default_rng(0)
    tables = rng.dirichlet(np.full(3, 0.7), size=8)
    h, p, K = rng.uniform(0.2, 2, 8), rng.uniform(0.3, 6, 8), rng.uniform(0, 5, 8)
    best = finite_horizon(Demand(tables), 4, holding_cost=h, shortage_cost=p, order_cost=K)
    for i in range(8):
        cost = slow_cost(tables[i], 4, h[i], p[i], K[i], 12)
        for t, x in product(range(4), range(best.stock[0], 9)):
            assert best.cost[i, t, x - best.stock[0]] == pytest.approx(cost(t, x)[0], rel=1e-9)
            assert cost(t, x)[1] == (best.S[i, t] if x < best.s[i, t] else x)


def test_long_horizons_converge_to_the_exact_levels():
    costs = {"holding_cost": 1, "shortage_cost": [4, 9, 9], "order_cost": np.array([5.0, 12.0, 64.0])}
    demand = poisson_demand([6.0, 2.5, 10.0])  # the first is example 4.7, the last Zheng and Federgruen's
    forever, best = exact_levels(demand, **costs), finite_horizon(demand, 120, **costs)
    np.testing.assert_array_equal(best.s[:, 0], forever.s)
    np.testing.assert_array_equal(best.S[:, 0], forever.S)
    column = np.searchsorted(best.stock, 5)
    np.testing.assert_allclose(best.cost[:, 0, column] - best.cost[:, 1, column], forever.cost, rtol=1e-5)


def test_the_grid_grows_until_it_holds_every_s_and_S():
    demand, costs = poisson_demand(2), {"holding_cost": 0.2, "shortage_cost": 1, "order_cost": 500}
    grown = finite_horizon(demand, 60, **costs)
    wide = finite_horizon(Demand(np.pad(demand.probability, ((0, 0), (0, 200)))), 60, **costs)
    assert len(grown.stock) < len(wide.stock) and grown.S.max() > 4 * demand.probability.shape[1]
    np.testing.assert_array_equal(grown.s, wide.s)
    np.testing.assert_array_equal(grown.S, wide.S)
    np.testing.assert_allclose(grown.cost[0, 0, -9 - grown.stock[0]], wide.cost[0, 0, -9 - wide.stock[0]], rtol=1e-9)


# ---------------------------------------------------------------- refusals

ONE_ITEM = {"demand": [[1, 2]], "order_cost": 1, "holding_cost": 1}
SHARED = ONE_ITEM | {"lost_sale_cost": 5}
HORIZON = {"demand": poisson_demand(2), "n_periods": 3, "holding_cost": 1, "shortage_cost": 9}


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: periodic_levels(np.ones((1, 5)), 10**9, lead_time=1), "days would take"),
        (lambda: dynamic_levels(np.ones((1, 9)), window=1, lead_time=1), "window is 1"),
        (lambda: wagner_whitin(**ONE_ITEM | {"demand": [[1, -1]]}), "demand holds -1"),
        (lambda: silver_meal(**ONE_ITEM | {"demand": [1, 2]}), "demand, shape"),
        (lambda: wagner_whitin(**ONE_ITEM | {"holding_cost": [1, 2, 3]}), "holding_cost has shape"),
        (lambda: lot_sizing_plan(**SHARED | {"capacity": [1, 2, 3]}), "capacity has shape"),
        (lambda: best_service(poisson_demand([1.0]), budget=3, cost=1.5), r"cost holds 1\.5"),
        (lambda: finite_horizon(**HORIZON | {"holding_cost": 0}), "holding_cost"),
        (lambda: finite_horizon(**HORIZON | {"n_periods": 10**9}), "n_periods: a grid"),
        (lambda: finite_horizon(**HORIZON | {"order_cost": 1e9}), "order_cost"),
    ],
)
def test_wrong_input_is_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
