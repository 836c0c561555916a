from itertools import product

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, poisson_demand
from bowerbird.planning.budgeted_service import best_service, expected_sales, marginal_analysis


def random_demand(rng, n_items, n_units) -> Demand:
    return Demand(rng.dirichlet(np.ones(n_units), n_items))


def test_document_004_section_4_2_500_of_1000_is_a_fill_rate_of_one_half():
    certain = Demand(np.eye(1001)[[1000]])
    for plan in (marginal_analysis(certain, budget=500), best_service(certain, budget=500)):
        assert plan.stock == [500] and plan.fill_rate == pytest.approx(0.5)


def test_expected_sales_by_hand_and_against_every_outcome():
    np.testing.assert_allclose(expected_sales(Demand(np.array([[0.2, 0.5, 0.3]]))), [[0, 0.8, 1.1]])
    demand = random_demand(np.random.default_rng(0), 3, 9)
    units = np.arange(9)
    np.testing.assert_allclose(expected_sales(demand), demand.probability @ np.minimum(units[:, None], units).T)


@pytest.mark.parametrize("seed", range(5))
def test_dynamic_program_against_every_stock(seed):
    rng = np.random.default_rng(seed)
    demand, cost, value = random_demand(rng, 3, 5), rng.integers(1, 5, 3), rng.uniform(0.5, 3, 3)
    sales = expected_sales(demand)
    for budget in (0, 3, 8, 40):
        best = max(
            sum(value[i] * sales[i, k] for i, k in enumerate(stock))
            for stock in product(range(5), repeat=3)
            if cost @ stock <= budget
        )
        plan = best_service(demand, budget=budget, cost=cost, value=value)
        assert plan.value == pytest.approx(best)
        assert plan.spent == cost @ plan.stock <= budget
        assert plan.value == pytest.approx(sum(value[i] * sales[i, k] for i, k in enumerate(plan.stock)))


@pytest.mark.parametrize("seed", range(20))
def test_marginal_analysis_between_its_bound_and_one_step_below(seed):
    rng = np.random.default_rng(seed)
    demand, cost, value = random_demand(rng, 8, 12), rng.integers(1, 9, 8), rng.uniform(0.5, 3, 8)
    budget = int(rng.integers(5, 200))
    exact = best_service(demand, budget=budget, cost=cost, value=value)
    quick = marginal_analysis(demand, budget=budget, cost=cost, value=value)
    assert quick.value <= exact.value + 1e-9 and exact.value <= quick.bound + 1e-9
    assert quick.gap <= value.max() + 1e-9  # a unit gains its value at most
    assert quick.spent <= budget


@pytest.mark.parametrize("seed", range(10))
def test_marginal_analysis_is_exact_where_it_uses_the_budget_up(seed):
    rng = np.random.default_rng(seed)
    demand, cost = random_demand(rng, 6, 10), rng.integers(1, 6, 6)
    spent = int(marginal_analysis(demand, budget=60, cost=cost).spent)
    # With units of equal cost every budget is used up; with others, those budgets at which a step ends.
    steps = marginal_analysis(demand, budget=int(rng.integers(1, 50)))
    assert steps.gap == pytest.approx(0, abs=1e-12)
    assert steps.value == pytest.approx(best_service(demand, budget=int(steps.spent)).value)
    order = np.argsort(-(np.diff(expected_sales(demand), axis=1) / cost[:, None]), axis=None, kind="stable")
    ends = np.cumsum(cost[order // 9])
    budget = int(ends[rng.integers(len(ends[ends <= spent]))])
    plan = marginal_analysis(demand, budget=budget, cost=cost)
    assert plan.spent == budget and plan.gap == pytest.approx(0, abs=1e-9)
    assert plan.value == pytest.approx(best_service(demand, budget=budget, cost=cost).value)


def test_smaller_units_fill_what_is_left():
    # The dear unit gains most per money and then does not fit a second time; two cheap ones still do.
    demand = Demand(np.array([[0, 0, 1.0], [0, 0.0, 1.0]]))
    plan = marginal_analysis(demand, budget=7, cost=[5, 1], value=[50, 1])
    np.testing.assert_array_equal(plan.stock, [1, 2])
    assert plan.bound == pytest.approx(50 + 2 / 5 * 50)


def test_a_budget_for_all_stocks_all_and_none_stocks_none():
    demand = poisson_demand([3.0, 7.0])
    assert marginal_analysis(demand, budget=1e6).fill_rate == pytest.approx(1)
    none = marginal_analysis(demand, budget=0)
    assert not none.stock.any() and none.fill_rate == 0 and none.bound == 0
    assert marginal_analysis(Demand(np.ones((2, 1))), budget=5).fill_rate == 1


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"budget": -1}, "budget"), ({"cost": 0}, "cost"), ({"value": [1, 2, 3]}, "value"), ({"value": -1}, "value")],
)
def test_arguments_out_of_range_are_named(wrong, named):
    for solve in (marginal_analysis, best_service):
        with pytest.raises(ParameterError, match=named):
            solve(poisson_demand([1.0, 2.0]), **({"budget": 3} | wrong))


def test_the_dynamic_program_needs_whole_numbers():
    with pytest.raises(ParameterError, match=r"cost holds 1\.5"):
        best_service(poisson_demand([1.0]), budget=3, cost=1.5)
