from dataclasses import replace

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import poisson_demand, poisson_newsvendor, sampled_demand
from bowerbird.inventory.policy import exact_levels, levels_cost
from bowerbird.inventory.simulate import Costs
from bowerbird.planning.base_stock_search import base_stock_search
from bowerbird.planning.network_flow import network_plan
from bowerbird.planning.network_policy import base_stock_cost
from bowerbird.planning.pricing import exponential_pricing
from bowerbird.studies import planning as planning_study


def test_samples_beat_the_normal_where_demand_is_skewed_and_match_it_where_it_is_normal():
    rng = np.random.default_rng(0)
    skewed = np.rint(rng.lognormal(2, 1, (5, 4000)))
    table = planning_study.normal_against_samples(skewed, (0.5, 0.98))
    assert table["normal above samples"].tolist() == pytest.approx([0.15, 0.07], abs=0.05)
    bell = np.rint(rng.normal(100, 10, (5, 4000)))
    assert np.abs(planning_study.normal_against_samples(bell, (0.5, 0.9))["normal above samples"]).max() < 0.01


def test_the_half_that_judges_is_not_the_half_that_decides():
    samples = np.repeat([[4.0, 10.0]], 20, axis=1)  # decide on 4 alone, be judged on 10
    table = planning_study.normal_against_samples(samples, (0.9,))
    assert table[["samples", "normal"]].to_numpy().tolist() == [[pytest.approx(9 * 6)] * 2]


def test_costs_of_the_newsvendors_are_those_of_its_closed_form():
    samples = np.random.default_rng(1).poisson(6.0, (1, 200_000))
    table = planning_study.normal_against_samples(samples, (0.8,))
    best = poisson_newsvendor(6.0, 1.0, 4.0)
    assert table["samples"][0] == pytest.approx(best.cost, rel=0.01) and best.cost == pytest.approx(3.5701069)


def test_marginal_analysis_lies_between_like_cover_and_the_dynamic_program():
    rng = np.random.default_rng(2)
    demand = sampled_demand(rng.negative_binomial(1, 0.2, (6, 400)))
    cost = rng.integers(1, 6, 6)
    table, gaps = planning_study.service_of_budgets(demand, cost, np.arange(1, 13) / 6, exact_every=2)
    assert table["dynamic program"].notna().tolist() == [False, True] * 6
    solved = table.dropna()
    assert (solved["dynamic program"] >= solved["marginal analysis"] - 1e-12).all()
    missed = (solved["dynamic program"] - solved["marginal analysis"]) * demand.mean.sum()
    assert (missed <= gaps[1::2] + 1e-9).all() and gaps.max() <= 1
    assert (table["marginal analysis"] >= table["same cover for all"]).all()
    assert table["marginal analysis"].is_monotonic_increasing and table["marginal analysis"].iloc[-1] < 1


def test_like_cover_by_hand():
    # Each item is asked for 0 or 4 units, so 2 on average; half of that is one unit each, sold half the time.
    demand = sampled_demand(np.array([[0, 4], [0, 4]]))
    table, _ = planning_study.service_of_budgets(demand, np.array([1, 1]), (0.5, 1.0))
    np.testing.assert_allclose(table["same cover for all"], [2 * 0.5 / 4, 2 * 1.0 / 4])


def test_the_invented_network_can_be_planned_and_walked():
    demand = np.random.default_rng(3).poisson(5.0, (4, 2, 20))
    network = planning_study.invented_network(demand, np.random.default_rng(0))
    np.testing.assert_allclose(network.supply_capacity.sum(axis=0), 1.6 * demand.sum() / 20)
    assert (network.supply_cost[1] - network.supply_cost[0] > -1).all() and network.supply_cost.min() > 2
    np.testing.assert_allclose(network.transhipment_cost, network.transhipment_cost.T)
    plan, again = network_plan(network), planning_study.invented_network(demand, np.random.default_rng(0))
    assert plan.cost == network_plan(again).cost == pytest.approx(plan.dual_cost)
    found = base_stock_search(lambda levels: base_stock_cost(levels, network), [0] * 6, [80] * 6, generations=2)
    assert found.cost > plan.cost


@pytest.mark.parametrize(("n_units", "scale"), [(1, 20.0), (5, 20.0), (10, 40.0)])
def test_seasons_earn_what_the_closed_form_says(n_units, scale):
    revenue, path = planning_study.selling_seasons(n_units, scale=scale, n_seasons=4000, rng=np.random.default_rng(4))
    expected = exponential_pricing(n_units, 1.0, scale=scale).revenue[-1]
    assert abs(revenue.mean() - expected) < 4 * revenue.std() / np.sqrt(4000)
    assert path["units left"].iloc[0] == n_units and (path["units left"].diff().dropna() <= 0).all()
    assert path["time left"].iloc[[0, -1]].tolist() == [1.0, 0.0] and path["time left"].is_monotonic_decreasing
    assert n_units - path["units left"].iloc[-1] == (path["units left"].diff() == -1).sum()


def test_a_season_without_customers_earns_nothing():
    revenue, path = planning_study.selling_seasons(3, scale=1e-9, n_seasons=5, rng=np.random.default_rng(0))
    assert not revenue.any() and path.to_numpy().tolist() == [[1.0, 3.0], [0.0, 3.0]]


def test_steady_items_lie_within_their_ranges():
    mean, costs = planning_study.steady_items(500, np.random.default_rng(5))
    for values, low, high in ((mean, 0.7, 30), (costs.shortage, 2, 40), (costs.order, 5, 64)):
        assert low < values.min() < 1.1 * low and 0.9 * high < values.max() < high
    assert (costs.holding == 1).all()
    with pytest.raises(ParameterError, match="n_items"):
        planning_study.steady_items(0, np.random.default_rng(5))


def test_training_and_searching_close_in_on_the_optimum_and_never_pass_it():
    mean, costs = planning_study.steady_items(4, np.random.default_rng(6))
    free = replace(costs, order=0 * costs.order)
    learned = planning_study.learned_against_exact(mean, free, (1, 40), seed=1)
    assert learned["mean"][0] > 1.2 > 1.02 > learned["mean"][1] >= 1 and (learned["worst"] >= learned["mean"]).all()
    searched = planning_study.searched_against_exact(mean, costs, (10, 60), seed=1)
    assert searched["mean"][0] > searched["mean"][1] >= 1 and searched["mean"][1] < 1.03


def test_the_optimum_itself_has_ratio_one_and_a_known_pair_its_own():
    mean, costs = np.array([6.0, 6.0]), Costs(np.ones(2), np.full(2, 4.0), np.full(2, 5.0))
    best = exact_levels(poisson_demand(mean), holding_cost=1.0, shortage_cost=4.0, order_cost=5.0)
    assert planning_study._above_optimum(mean, costs, best.s, best.S, 0) == (pytest.approx(1), pytest.approx(1))
    pair = np.array([5, 3]), np.array([10, 12])  # example 4.7, and a worse one
    worse = levels_cost(poisson_demand(6.0), 3, 12, holding_cost=1.0, shortage_cost=4.0, order_cost=5.0)[0] / 8.0341116
    ours = planning_study._above_optimum(mean, costs, *pair, 0)
    assert ours == (pytest.approx((1 + worse) / 2), pytest.approx(worse)) and worse > 1.01


@pytest.mark.parametrize("study", [planning_study.learned_against_exact, planning_study.searched_against_exact])
def test_items_that_do_not_fit_are_refused_before_any_work(study):
    with pytest.raises(ParameterError, match="costs"):
        study(np.ones(2), Costs(np.ones(2), np.ones(2), np.ones(1)), (10,))
    with pytest.raises(ParameterError, match="mean"):
        study(np.zeros(1), Costs(np.ones(1), np.ones(1), np.ones(1)), (10,))
