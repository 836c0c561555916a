from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from bowerbird.errors import ParameterError
from bowerbird.planning.dynamic_lot_size import wagner_whitin
from bowerbird.planning.lot_sizing import integer_program, lot_sizing_plan
from bowerbird.planning.lot_sizing_problem import LotSizing


def cheapest_by_trying_all(problem: LotSizing) -> float:
    """Every set of order days of every item; the rest is a linear program with stock variables, not shares."""
    n, n_days = problem.demand.shape
    size = n * n_days
    q, stock, lost = np.arange(3 * size).reshape(3, n, n_days)
    balance, right = np.zeros((size, 3 * size)), np.zeros(size)
    for row, (i, t) in enumerate(product(range(n), range(n_days))):
        balance[row, [q[i, t], lost[i, t], stock[i, t]]] = 1, 1, -1
        if t:
            balance[row, stock[i, t - 1]] = 1
        right[row] = problem.demand[i, t] - (0 if t else problem.opening_stock[i])
    used = np.zeros((n_days, 3 * size))
    for i, t in product(range(n), range(n_days)):
        used[t, q[i, t]] = problem.space[i]
    cost = np.concatenate([
        problem.unit_cost.ravel(), np.repeat(problem.holding_cost, n_days),
        np.repeat(np.minimum(problem.lost_sale_cost, 1e6), n_days),
    ])  # fmt: skip
    best = np.inf
    for ordered in product([0, 1], repeat=size):
        open_ = np.reshape(ordered, (n, n_days))
        low, high = np.zeros(3 * size), np.full(3 * size, np.inf)
        low[q.ravel()], high[q.ravel()] = (open_ * problem.order_minimum[:, None]).ravel(), 1e4 * np.ravel(open_)
        high[lost.ravel()] = problem.demand.ravel()
        limits = {} if problem.capacity is None else {"A_ub": used, "b_ub": problem.capacity}
        found = linprog(cost, A_eq=balance, b_eq=right, bounds=np.column_stack([low, high]), **limits)
        if found.status == 0:
            best = min(best, found.fun + (open_ * problem.order_cost[:, None]).sum())
    return best


def random_problem(seed: int, **more) -> LotSizing:
    rng = np.random.default_rng(seed)
    return LotSizing(
        rng.integers(0, 9, (2, 3)), rng.uniform(0, 2, 2), rng.uniform(1, 15, 2), unit_cost=rng.uniform(0, 3, (2, 3)),
        lost_sale_cost=rng.uniform(2, 15, 2), space=rng.uniform(0.5, 2, 2), **more,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "rules", [{"capacity": 7}, {"capacity": 9, "order_minimum": [4, 0], "opening_stock": [9, 2]}, {"order_minimum": 6}]
)
def test_small_problems_against_trying_every_set_of_orders(seed, rules):
    problem = random_problem(seed, **rules)
    plan = lot_sizing_plan(problem, gap=0.0)
    assert plan.cost == pytest.approx(cheapest_by_trying_all(problem), rel=1e-6)
    assert plan.gap < 1e-6
    assert plan.stock.min() >= 0 and (plan.lost <= problem.demand + 1e-9).all()
    assert not ((plan.orders > 0) & (plan.orders < problem.order_minimum[:, None] * (1 - 1e-9))).any()
    if problem.capacity is not None:
        assert (problem.space @ plan.orders <= problem.capacity * (1 + 1e-9)).all()


def test_nothing_shared_is_wagner_and_whitin_item_by_item():
    rng = np.random.default_rng(3)
    demand, h, K = rng.poisson(5, (40, 30)), rng.uniform(0.5, 1.5, 40), rng.uniform(5, 60, 40)
    stock = rng.integers(0, 20, 40)
    known = wagner_whitin(demand, order_cost=K[:, None], holding_cost=h[:, None], purchase_cost=2, opening_stock=stock)
    plan = lot_sizing_plan(LotSizing(demand, h, K, unit_cost=2, opening_stock=stock))
    assert plan.cost == pytest.approx(known.cost.sum()) and plan.gap == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(plan.orders.sum(axis=1), known.orders.sum(axis=1))


def test_example_3_9_is_the_same_by_the_integer_program():
    problem = LotSizing([[90, 120, 80, 70]], 2, 500)
    for plan in (lot_sizing_plan(problem), integer_program(problem, gap=0)):
        assert plan.cost == pytest.approx(1380)
        np.testing.assert_allclose(plan.orders, [[210, 0, 150, 0]])


def test_the_facility_location_bound_is_tight_where_it_is_a_linear_program():
    # Undecided orders cost their share; with one item and no capacity the program's relaxation is whole by itself.
    rng = np.random.default_rng(5)
    problem = LotSizing(rng.integers(1, 9, (1, 12)), 1, 20, lost_sale_cost=15)
    assert integer_program(problem, gap=0).lower_bound == pytest.approx(lot_sizing_plan(problem).cost)


def test_more_capacity_never_costs_more_and_ample_capacity_shares_nothing():
    rng = np.random.default_rng(6)
    demand, K = rng.poisson(6, (4, 6)), rng.uniform(10, 40, 4)
    costs = [
        lot_sizing_plan(LotSizing(demand, 1, K, lost_sale_cost=30, capacity=capacity), gap=0).cost
        for capacity in (16, 24, 36, 1000)
    ]
    assert all(np.diff(costs) < 0)
    assert costs[-1] == pytest.approx(lot_sizing_plan(LotSizing(demand, 1, K, lost_sale_cost=30)).cost)


def test_orders_can_be_decided_and_forbidden():
    problem = LotSizing([[4, 4, 4]], 1, 10)
    must, may = np.array([[True, False, True]]), np.array([[True, False, True]])
    np.testing.assert_allclose(integer_program(problem, may_order=may, must_order=must, gap=0).orders, [[8, 0, 4]])
    # All orders decided, and room for 3 on the second day: the first still serves part of its demand.
    full = LotSizing([[4, 4, 4]], 1, 10, capacity=[9, 3, 4])
    plan = integer_program(full, must_order=np.ones((1, 3), bool), gap=0)
    np.testing.assert_allclose(plan.orders, [[5, 3, 4]])


def test_units_ordered_for_the_minimum_are_sold_even_if_not_worth_ordering():
    # Holding for a day costs 4, losing a sale 3; but the sixth unit has to be bought with the five.
    plan = lot_sizing_plan(LotSizing([[5, 1]], 4, 0, lost_sale_cost=3, order_minimum=6), gap=0)
    np.testing.assert_allclose(plan.orders, [[6, 0]])
    assert plan.cost == pytest.approx(4) and plan.gap < 1e-9


def test_an_order_minimum_without_a_plan_says_what_stays_unmet():
    # Item 1 must be ordered at once, and its minimum fills the first day, so item 0 has its first unit too late.
    problem = LotSizing([[1, 5, 3], [2, 2, 2]], 1, 5, capacity=[9, 9, 9], order_minimum=[0, 9])
    with pytest.raises(ParameterError, match=r"leave 1 units unmet .* on day 0"):
        lot_sizing_plan(problem, gap=0)


def test_time_too_short_for_any_plan_says_so():
    rng = np.random.default_rng(0)
    demand = rng.poisson(6, (60, 30))
    problem = LotSizing(demand, 1, 60, capacity=demand.sum() / 25, lost_sale_cost=30, opening_stock=9)
    with pytest.raises(ParameterError, match="time_limit"):
        lot_sizing_plan(problem, time_limit=1e-3)
