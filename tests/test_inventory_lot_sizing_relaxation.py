import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.planning.lot_sizing import lot_sizing_plan
from bowerbird.planning.lot_sizing_problem import LotSizing
from bowerbird.planning.lot_sizing_relaxation import relaxed_plan


def problem(n_items, n_days=20, use=0.85, seed=0, **more) -> LotSizing:
    rng = np.random.default_rng(seed)
    demand = rng.poisson(np.exp(rng.normal(1.5, 0.7, (n_items, 1))), (n_items, n_days))
    h = rng.uniform(0.5, 1.5, n_items)
    return LotSizing(
        demand, h, 6 * h * demand.mean(axis=1), capacity=demand.sum() / n_days / use,
        space=rng.uniform(0.8, 1.2, n_items), opening_stock=demand[:, :3].sum(axis=1), **more,
    )  # fmt: skip


def assert_feasible(problem, plan):
    assert (problem.space @ plan.orders <= problem.capacity * (1 + 1e-9)).all()
    assert plan.stock.min() >= 0 and plan.lost.min() >= 0 and (plan.lost <= problem.demand + 1e-9).all()
    flow = problem.opening_stock[:, None] + np.cumsum(plan.orders + plan.lost - problem.demand, axis=1)
    np.testing.assert_allclose(flow, plan.stock, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_bound_and_plan_lie_either_side_of_the_exact_cost(seed):
    small = problem(8, 8, seed=seed, lost_sale_cost=20)
    exact = lot_sizing_plan(small, gap=0).cost
    found = relaxed_plan(small, gap=0.0, time_limit=5)
    assert_feasible(small, found.plan)
    assert found.plan.lower_bound <= exact * (1 + 1e-9) <= found.plan.cost * (1 + 2e-9)
    assert found.plan.cost < 1.06 * exact and found.plan.lower_bound > 0.93 * exact
    assert (found.bounds <= exact * (1 + 1e-9)).all()


def test_two_hundred_items_within_one_percent():
    large = problem(200, 30, lost_sale_cost=25)
    found = relaxed_plan(large, gap=0.01)
    assert_feasible(large, found.plan)
    assert found.plan.gap <= 0.01
    assert found.bounds.max() == pytest.approx(found.plan.lower_bound - large.opening_stock_cost)


def test_all_demand_can_be_forced_to_be_met():
    strict = problem(60, 20, use=0.95)
    found = relaxed_plan(strict, gap=0.03)
    assert_feasible(strict, found.plan)
    assert not found.plan.lost.any() and found.plan.gap <= 0.03


def test_free_orders_leave_a_linear_program():
    # Without fixed costs the mix is a plan as it is: three of day 2's units come on day 1, two of day 1's on day 0.
    found = relaxed_plan(LotSizing([[1, 4, 5], [1, 0, 3]], [1, 2], 0, capacity=5), gap=0)
    np.testing.assert_allclose(found.plan.orders, [[3, 5, 2], [1, 0, 3]])
    assert found.plan.cost == pytest.approx(2 + 3) and found.plan.gap < 1e-4


def test_prices_are_what_capacity_is_worth():
    # One more unit of every day's capacity lowers the bound by about the sum of the prices; ample capacity is free.
    tight, looser = (problem(10, 8, use=use, lost_sale_cost=25) for use in (0.9, 0.899))
    first, second = (relaxed_plan(each, gap=0.0, time_limit=5) for each in (tight, looser))
    saved = first.bounds.max() - second.bounds.max()
    assert saved == pytest.approx(first.prices @ (looser.capacity - tight.capacity), rel=0.1)
    ample = relaxed_plan(problem(10, 8, use=0.05, lost_sale_cost=25))
    assert not ample.prices.any() and ample.plan.gap < 1e-9


def test_order_minima_are_kept():
    rule = problem(8, 8, use=0.7, lost_sale_cost=25, order_minimum=12)
    found = relaxed_plan(rule, gap=0.05, time_limit=5)
    assert_feasible(rule, found.plan)
    assert not ((found.plan.orders > 0) & (found.plan.orders < 12 * (1 - 1e-9))).any()
    assert found.plan.lower_bound <= lot_sizing_plan(rule, gap=0.01).cost


def test_time_too_short_to_meet_all_demand_says_so():
    with pytest.raises(ParameterError, match="time_limit"):
        relaxed_plan(problem(60, 20, use=0.98), iterations=1, time_limit=1e-6)


def test_without_a_capacity_it_points_to_the_exact_plan():
    with pytest.raises(ParameterError, match="capacity is None"):
        relaxed_plan(LotSizing([[1, 2]], 1, 1))
