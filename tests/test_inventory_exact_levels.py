import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory import policy as module
from bowerbird.inventory.demand import (
    Demand,
    demand_over_days,
    negative_binomial_demand,
    poisson_demand,
    table_newsvendor,
)
from bowerbird.inventory.policy import exact_levels, levels_cost
from bowerbird.inventory.simulate import Costs, holding_cost, ordering_cost, shortage_cost, simulate

# Zheng & Federgruen (1991), h = 1, p = 9, K = 64: Poisson mean, s of the textbook (order at or below it), S, cost.
PUBLISHED = np.array(
    [
        (10, 6, 40, 35.022), (15, 10, 49, 42.698), (20, 14, 62, 49.173), (21, 15, 65, 50.406), (22, 16, 68, 51.632),
        (23, 17, 52, 52.757), (24, 18, 54, 53.518), (25, 19, 56, 54.262), (30, 23, 66, 57.819), (35, 28, 77, 61.215),
        (40, 33, 87, 64.512), (45, 37, 97, 67.776), (50, 42, 108, 70.975), (51, 43, 110, 71.611), (52, 44, 112, 72.246),
        (55, 47, 118, 74.149), (59, 51, 126, 76.679), (60, 52, 129, 77.306), (61, 52, 131, 77.929),
        (63, 54, 73, 78.287), (64, 55, 74, 78.402), (65, 56, 75, 78.518), (70, 62, 81, 79.037), (75, 67, 86, 79.554),
    ]
)  # fmt: skip


def test_all_published_instances_of_zheng_and_federgruen():
    best = exact_levels(poisson_demand(PUBLISHED[:, 0]), holding_cost=1, shortage_cost=9, order_cost=64)
    np.testing.assert_array_equal(best.s - 1, PUBLISHED[:, 1])
    np.testing.assert_array_equal(best.S, PUBLISHED[:, 2])
    np.testing.assert_allclose(best.cost, PUBLISHED[:, 3], atol=6e-4)


def test_example_4_7_and_problem_4_31():
    best = exact_levels(poisson_demand([6, 4]), holding_cost=[1, 40], shortage_cost=[4, 125], order_cost=[5, 150])
    assert best.s.tolist() == [4 + 1, 2 + 1] and best.S.tolist() == [10, 7]
    np.testing.assert_allclose(best.cost, [8.0341116, 223.5748296], atol=5e-8)


def test_costs_of_other_levels_in_the_textbook():
    demand = poisson_demand([6, 6, 4, 4])
    cost = levels_cost(
        demand,
        np.array([4, 6, 4, 2]) + 1,
        [10, 18, 10, 7],
        holding_cost=[1, 1, 40, 40],
        shortage_cost=[4, 4, 125, 125],
        order_cost=[5, 5, 150, 150],
    )
    np.testing.assert_allclose(cost, [8.034111561, 10.193798672, 262.2755613773, 223.5748295670], rtol=1e-9)


def stationary_cost(table, s, S, h, p, K, lead_time, review):
    """Cost per day by the stationary distribution of the position after review, a Markov chain on s ... S."""
    between = demand_over_days(Demand(table[None]), review).probability[0]
    states = np.arange(s, S + 1)
    move = np.zeros((len(states), len(states)))
    ordering = np.zeros(len(states))
    for row, position in enumerate(states):
        for units, chance in enumerate(between):
            if position - units < s:
                move[row, -1] += chance
                ordering[row] += chance * K
            else:
                move[row, position - units - s] += chance
    balance = np.vstack([move.T - np.eye(len(states)), np.ones(len(states))])
    share = np.linalg.lstsq(balance, np.append(np.zeros(len(states)), 1), rcond=None)[0]
    daily = ordering / review
    for days in range(lead_time + 1, lead_time + review + 1):
        ends = demand_over_days(Demand(table[None]), days).probability[0]
        net = states[:, None] - np.arange(len(ends))
        daily += (h * np.maximum(net, 0) + p * np.maximum(-net, 0)) @ ends / review
    return share @ daily


@pytest.mark.parametrize(("lead_time", "review"), [(0, 1), (2, 1), (1, 2)])
def test_brute_force_over_every_s_and_S_on_small_random_tables(lead_time, review):
    rng = np.random.default_rng(lead_time + 10 * review)
    table = rng.dirichlet(np.full(4, 0.6), size=6)
    h, p, K = rng.uniform(0.5, 2, 6), rng.uniform(2, 12, 6), rng.uniform(0, 6, 6)
    timing = {"lead_time": lead_time, "review": review}
    best = exact_levels(Demand(table), holding_cost=h, shortage_cost=p, order_cost=K, **timing)
    given = levels_cost(Demand(table), best.s, best.S, holding_cost=h, shortage_cost=p, order_cost=K, **timing)
    np.testing.assert_allclose(given, best.cost, rtol=1e-12)
    for i in range(6):
        costs = {
            (s, S): stationary_cost(table[i], s, S, h[i], p[i], K[i], lead_time, review)
            for S in range(14)
            for s in range(max(S - 9, -3), S + 1)
        }
        assert best.cost[i] == pytest.approx(min(costs.values()), rel=1e-9)
        assert costs[best.s[i], best.S[i]] == pytest.approx(best.cost[i], rel=1e-9)


def test_without_an_order_cost_the_best_policy_is_base_stock():
    demand = negative_binomial_demand([0.4, 3.0, 20.0], [0.9, 9.0, 50.0])
    best = exact_levels(demand, holding_cost=1, shortage_cost=[9, 19, 4], order_cost=0, lead_time=3)
    newsvendor = table_newsvendor(demand_over_days(demand, 4), 1, [9, 19, 4])
    np.testing.assert_array_equal(best.S, newsvendor.level)
    np.testing.assert_array_equal(best.s, best.S)
    np.testing.assert_allclose(best.cost, newsvendor.cost)


def test_known_demand_is_ordered_for_the_best_number_of_days():
    # 5 a day, K 64, h 1: an order for n days costs 64 / n + 5 (n - 1) / 2 a day, least for n = 5.
    five = Demand(np.eye(6)[[5]])
    best = exact_levels(five, holding_cost=1, shortage_cost=1e4, order_cost=64, lead_time=2)
    assert best.S.tolist() == [2 * 5 + 25] and 10 < best.s[0] <= 15
    assert best.cost[0] == pytest.approx(min(64 / n + 5 * (n - 1) / 2 for n in range(1, 20)))


def test_item_without_demand_is_never_ordered_and_keeps_what_it_has():
    demand = poisson_demand([0.0, 6.0])
    costs = {"holding_cost": 1, "shortage_cost": 4, "order_cost": 5}
    best = exact_levels(demand, **costs)
    assert (best.s[0], best.S[0], best.cost[0]) == (0, 0, 0) and best.S[1] == 10
    np.testing.assert_allclose(levels_cost(demand, [2, 5], [3, 10], **costs), [3, best.cost[1]])
    assert exact_levels(poisson_demand(0), **costs).S.tolist() == [0]
    np.testing.assert_allclose(levels_cost(poisson_demand(0), 0, 7, **costs), [7])


def test_first_guess_of_the_width_does_not_matter(monkeypatch):
    rng = np.random.default_rng(3)
    demand = poisson_demand(rng.uniform(0.05, 20, 30))
    shortage = np.exp(rng.uniform(np.log(0.1), np.log(99), 30))
    costs = {"holding_cost": 1.0, "shortage_cost": shortage, "order_cost": rng.uniform(0, 900, 30)}
    best = exact_levels(demand, **costs)
    narrow = type("Narrow", (), {"quantity": np.zeros(30)})
    monkeypatch.setattr(module, "economic_order_with_backorders", lambda *_: narrow)
    monkeypatch.setattr(module, "CHUNK", 7)
    again = exact_levels(demand, **costs)
    np.testing.assert_array_equal(best.s, again.s)
    np.testing.assert_array_equal(best.S, again.S)
    np.testing.assert_allclose(best.cost, again.cost, rtol=1e-12)


def test_items_solved_together_are_those_solved_alone():
    means, shortage, order = np.array([0.3, 40.0, 4.0]), np.array([4.0, 19.0, 50.0]), np.array([2.0, 100.0, 0.0])
    many = exact_levels(poisson_demand(means), holding_cost=1, shortage_cost=shortage, order_cost=order, lead_time=2)
    for i in range(3):
        one = exact_levels(
            poisson_demand(means[i]), holding_cost=1, shortage_cost=shortage[i], order_cost=order[i], lead_time=2
        )
        assert (one.s[0], one.S[0]) == (many.s[i], many.S[i]) and one.cost[0] == pytest.approx(many.cost[i])


@pytest.mark.parametrize(("lead_time", "review"), [(3, 1), (1, 4)])
def test_cost_is_met_by_simulation(lead_time, review):
    n_items, warm_up, n_days = 1200, 40, 240
    demand = negative_binomial_demand(np.full(n_items, 2.5), 6.0)
    costs = Costs(holding=np.array(1.0), shortage=np.array(9.0), order=np.array(30.0))
    one = exact_levels(
        negative_binomial_demand(2.5, 6.0),
        holding_cost=1,
        shortage_cost=9,
        order_cost=30,
        lead_time=lead_time,
        review=review,
    )
    asked = demand.sample(np.random.default_rng(7), n_days)
    timing = {"opening_stock": one.S[0], "lead_time": lead_time, "review": review, "lost_sales": False}
    whole = simulate(asked, one.s[0], one.S[0], **timing)
    start = simulate(asked[:, :warm_up], one.s[0], one.S[0], **timing)
    daily = sum(f(whole, costs) - f(start, costs) for f in (holding_cost, shortage_cost, ordering_cost))
    daily = daily / (n_days - warm_up)
    assert daily.mean() == pytest.approx(one.cost[0], abs=3 * daily.std(ddof=1) / np.sqrt(n_items))
    assert daily.std(ddof=1) / np.sqrt(n_items) < 0.004 * one.cost[0]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"holding_cost": 0}, "holding_cost holds 0"),
        ({"shortage_cost": -1}, "shortage_cost holds -1"),
        ({"order_cost": np.nan}, "order_cost holds nan"),
        ({"order_cost": [1, 2, 3]}, "order_cost has shape"),
        ({"lead_time": -1}, "lead_time is -1"),
        ({"review": 0}, "review is 0"),
    ],
)
def test_wrong_input_is_refused_by_name(wrong, named):
    costs = {"holding_cost": 1, "shortage_cost": 9, "order_cost": 5} | wrong
    with pytest.raises(ParameterError, match=named):
        exact_levels(poisson_demand([1, 2]), **costs)
    with pytest.raises(ParameterError, match=named):
        levels_cost(poisson_demand([1, 2]), 1, 2, **costs)


def test_s_above_S_is_refused():
    with pytest.raises(ParameterError, match="s exceeds S by 2"):
        levels_cost(poisson_demand(1), 5, 3, holding_cost=1, shortage_cost=9, order_cost=5)


def test_many_items_may_take_longer_than_one_may():
    """Ordinary items are solved by the thousand; one item whose search is as long as all of theirs is refused."""
    costs = {"holding_cost": 1.0, "shortage_cost": 9.0}
    assert len(exact_levels(poisson_demand(np.full(14_000, 50.0)), order_cost=64.0, **costs).s) == 14_000
    with pytest.raises(ParameterError, match=r"order_cost and holding_cost: a search over .* units would take"):
        exact_levels(poisson_demand(5.0), order_cost=1e8, **costs)
