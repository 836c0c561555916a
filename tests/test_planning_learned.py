"""Rules learned from simulation: the neural rule, the search and Q-learning, against exact optima."""

from itertools import product

import numpy as np
import pytest
import torch

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, demand_over_days, newsvendor, poisson_demand
from bowerbird.inventory.policy import levels_cost
from bowerbird.inventory.simulate import Costs, cost_parts, simulate, simulate_paths
from bowerbird.planning.learned import LevelRule, rule_inputs, search_levels, soft_cost, train_rule
from bowerbird.planning.reinforcement import Shop, cost_of_orders, q_learning, value_iteration

torch.set_num_threads(1)

TEXTBOOK = np.array([  # mean, h, p, K, optimal cost: (s, S) example 4.7, problem 4.31, Zheng and Federgruen
    (6, 1, 4, 5, 8.0341116), (4, 40, 125, 150, 223.5748296), (10, 1, 9, 64, 35.022), (15, 1, 9, 64, 42.698),
    (20, 1, 9, 64, 49.173), (25, 1, 9, 64, 54.262),
]).T  # fmt: skip


def soft(demand, s, S, costs, opening, lead_time=0, softness=1.0):
    tensors = (torch.as_tensor(np.asarray(x, float)) for x in (demand, s, S))
    opening = torch.as_tensor(np.asarray(opening, float))
    return soft_cost(*tensors, costs, opening_stock=opening, lead_time=lead_time, softness=softness)


@pytest.mark.parametrize(("lead_time", "order"), [(0, 5.0), (3, 5.0), (3, 0.0)])
def test_the_soft_cost_is_what_simulate_counts(lead_time, order):
    rng = np.random.default_rng(lead_time)
    demand = rng.poisson(3.0, (4, 6, 25))
    s = rng.integers(3, 15, (4, 25))
    S = s + rng.integers(0, 9, (4, 25)) * (order > 0)
    opening = rng.integers(0, 9, 4)
    costs = Costs(np.arange(1.0, 5), np.full(4, 7.0), np.full(4, order))
    hard = []
    for path in range(6):
        walk = simulate(demand[:, path], s, S, opening_stock=opening, lead_time=lead_time, lost_sales=False)
        each_day = costs.holding[:, None] * walk.closing_stock + costs.shortage[:, None] * walk.unmet
        before = each_day[:, :lead_time].sum(axis=1)  # no order can help these days
        hard.append(cost_parts(walk.totals, costs)["total_cost"] - before)
    found = soft(demand, s, S, costs, opening, lead_time).numpy() * (25 - lead_time)
    np.testing.assert_allclose(found, np.mean(hard, axis=0), rtol=1e-5)


def test_gradient_of_a_base_stock_level_is_the_difference_quotient():
    demand = np.random.default_rng(1).gamma(4.0, 1.0, (2, 50, 12))  # whole units would put paths on the kinks
    costs = Costs(np.array([1.0, 2.0]), np.array([9.0, 5.0]), np.zeros(2))
    S = torch.full((2, 12), 17.3, dtype=torch.float64, requires_grad=True)
    soft_cost(torch.as_tensor(demand), S, S, costs, opening_stock=torch.full((2,), 6.0, dtype=torch.float64),
              lead_time=3, softness=1.0).sum().backward()  # fmt: skip
    for day in (0, 5, 8):
        shifted = []
        for step in (1e-4, -1e-4):
            moved = S.detach().numpy().copy()
            moved[1, day] += step
            shifted.append(soft(demand, moved, moved, costs, [6, 6], 3)[1].item())
        assert S.grad[1, day].item() == pytest.approx((shifted[0] - shifted[1]) / 2e-4, abs=1e-6)
    assert S.grad.abs().max() > 0.01


def test_the_gate_of_a_fixed_cost_is_sharp_forwards_and_slopes_backwards():
    demand = np.random.default_rng(2).poisson(4.0, (1, 30, 25))
    costs, opening = Costs(np.ones(1), np.full(1, 9.0), np.full(1, 20.0)), torch.full((1,), 15.0, dtype=torch.float64)
    slopes = {}
    for level in (3.0, 16.0):  # too low: days go short; too high: orders every day
        s = torch.full((1, 25), level, dtype=torch.float64, requires_grad=True)
        S = torch.full((1, 25), 16.0, dtype=torch.float64)
        about = {"opening_stock": opening, "lead_time": 0}
        costs_of = [soft_cost(torch.as_tensor(demand), s, S, costs, softness=tau, **about) for tau in (2.0, 0.01)]
        assert costs_of[0].item() == pytest.approx(costs_of[1].item())  # however soft the gate
        costs_of[0].sum().backward()
        slopes[level] = s.grad.sum().item()
    assert slopes[3.0] < 0 < slopes[16.0]


def test_inputs_by_hand():
    samples = np.array([[[1.0, 2, 3, 4], [3, 2, 1, 0]]])
    inputs = rule_inputs(samples, Costs(2.0, 8.0, 9.0), lead_time=1)
    np.testing.assert_allclose(inputs.mean, [[4, 4, 4]])  # 3 and 5, 5 and 3, 7 and 1
    np.testing.assert_allclose(inputs.std, [[1, 1, 3]])
    np.testing.assert_allclose(inputs.quantity, np.sqrt(2 * 9 * 2 / 2))
    np.testing.assert_allclose(inputs.features[0, 2], [np.log(4), np.log(3), 0, np.log(4), np.log1p(9 / 4)])


def test_whole_levels_order_after_the_same_number_of_units(monkeypatch):
    inputs = rule_inputs(np.ones((3, 2, 4)), Costs(1.0, 2.0, 3.0))
    rule = LevelRule(inputs)
    s, S = torch.tensor([[4.3], [4.5], [9.0]]), torch.tensor([[11.6], [11.5], [9.0]])
    monkeypatch.setattr(rule, "forward", lambda inputs: (s, S))
    levels, gone = rule.levels(inputs), np.arange(12)
    np.testing.assert_array_equal(levels.S, [[12], [12], [9]])
    np.testing.assert_array_equal(levels.S - gone < levels.s, (S - torch.as_tensor(gone) < s).numpy())


def poisson_items(n_items, seed):
    """Steady Poisson items of all sizes and critical ratios: mean, costs, samples, inputs and the exact cost."""
    rng = np.random.default_rng(seed)
    mean, shortage = np.exp(rng.uniform(np.log([0.7, 2]), np.log([30, 40]), (n_items, 2))).T
    samples = rng.poisson(mean[:, None, None], (n_items, 300, 19))
    costs = Costs(np.ones(n_items), shortage, np.zeros(n_items))
    best = newsvendor(demand_over_days(poisson_demand(mean), 4), 1.0, shortage).cost
    return mean, costs, samples[:, :, :16], rule_inputs(samples, costs, lead_time=3), best


def long_run_cost(levels, mean, costs, lead_time=3):
    """Exact daily cost of each day's levels in the long run, averaged over days."""
    rates = {"holding_cost": costs.holding, "shortage_cost": costs.shortage, "order_cost": costs.order}
    pairs, demand = zip(levels.s.T, levels.S.T, strict=True), poisson_demand(mean)
    return np.mean([levels_cost(demand, s, S, **rates, lead_time=lead_time) for s, S in pairs], axis=0)


def test_learned_base_stock_is_within_2_percent_of_the_exact_optimum():
    mean, costs, samples, inputs, best = poisson_items(10, seed=0)
    assert (long_run_cost(LevelRule(inputs).levels(inputs), mean, costs) / best).mean() > 1.5
    learned = long_run_cost(train_rule(inputs, samples, epochs=120).levels(inputs), mean, costs) / best
    assert (learned > 1 - 1e-9).all() and learned.mean() < 1.01 and learned.max() < 1.02


@pytest.mark.slow
def test_the_rule_holds_for_items_it_never_saw():
    _, _, samples, inputs, _ = poisson_items(60, seed=1)
    rule = train_rule(inputs, samples, epochs=300)
    mean, costs, _, unseen, best = poisson_items(40, seed=2)
    assert (long_run_cost(rule.levels(unseen), mean, costs) / best).mean() < 1.02


@pytest.mark.slow
def test_with_a_fixed_cost_the_rule_comes_within_2_percent_on_average():
    mean, holding, shortage, order, optimum = TEXTBOOK
    samples = np.random.default_rng(0).poisson(mean[:, None, None], (6, 400, 40))
    costs = Costs(holding, shortage, order)
    inputs = rule_inputs(samples, costs, lead_time=0)
    levels = train_rule(inputs, samples, epochs=300).levels(inputs)
    pair = [np.rint(level.mean(axis=1, keepdims=True)).astype(int) for level in (levels.s, levels.S)]
    ratio = long_run_cost(type(levels)(*pair), mean, costs, lead_time=0) / optimum
    assert ratio.min() > 1 - 1e-5 and ratio.mean() < 1.02 and ratio.max() < 1.04


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_the_same_seed_trains_the_same_rule_and_leaves_torch_alone():
    _, _, samples, inputs, _ = poisson_items(3, seed=4)
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first, second, other = (train_rule(inputs, samples, epochs=5, seed=seed).levels(inputs).S for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any() and torch.equal(torch.rand(3), expected)


def test_the_search_is_within_2_percent_of_the_exact_optimum():
    mean, holding, shortage, order, optimum = TEXTBOOK[:, :3]
    samples = np.random.default_rng(0).poisson(mean[:, None, None], (3, 60, 100))
    costs = Costs(holding, shortage, order)
    levels = search_levels(samples, costs, opening_stock=mean, lead_time=0, lost_sales=False, max_evaluations=100)
    ratio = long_run_cost(levels, mean, costs, lead_time=0) / optimum
    assert (ratio > 1 - 1e-5).all() and (ratio < 1.02).all()


def test_the_search_against_trying_all_levels_where_sales_are_lost():
    samples = np.random.default_rng(1).poisson(1.5, (1, 20, 40))
    costs, rules = Costs(1.0, 6.0, 3.0), {"lead_time": 1, "opening_stock": 2}
    levels = search_levels(samples, costs, max_evaluations=120, seed=2, **rules)
    every = {
        (s, S): cost_parts(simulate_paths(samples, s, S, **rules), costs)["total_cost"].mean()
        for s, S in product(range(9), range(16)) if s <= S
    }  # fmt: skip
    assert every[levels.s[0, 0], levels.S[0, 0]] <= 1.005 * min(every.values())


def test_the_search_reaches_far_enough_and_takes_each_item_on_its_own():
    levels = search_levels(np.full((1, 1, 20), 10), Costs(1.0, 1000.0, 0.0), opening_stock=20, lead_time=1)
    assert levels.s[0, 0] == levels.S[0, 0] == 20  # the worst protection interval
    samples = np.random.default_rng(3).poisson([[[2.0]], [[6.0]]], (2, 10, 30))
    both = search_levels(samples, Costs(1.0, 9.0, np.array([0.0, 10.0])), max_evaluations=40, seed=5)
    assert both.s[0, 0] == both.S[0, 0]  # without a fixed cost: base stock
    second = search_levels(samples[1:], Costs(1.0, 9.0, 10.0), max_evaluations=40, seed=5)
    assert (second.s[0, 0], second.S[0, 0]) == (both.s[1, 0], both.S[1, 0])


def test_value_iteration_against_every_rule_of_a_small_shop():
    shop = Shop(Demand([[0.3, 0.3, 0.4]]), 4, holding_cost=1, lost_sale_cost=6, order_cost=2)
    every = [cost_of_orders(shop, np.array(orders)) for orders in product(*(range(5 - stock) for stock in range(5)))]
    assert len(every) == 120
    q = value_iteration(shop)
    np.testing.assert_allclose(q.min(axis=1), np.min(every, axis=0), atol=1e-8)  # best from every stock at once
    np.testing.assert_allclose(cost_of_orders(shop, q.argmin(axis=1)), q.min(axis=1), atol=1e-8)
    # One unit asked for every day, a shelf of 1: order and lose a sale on one day, sell on the next.
    always = cost_of_orders(Shop(Demand([[0, 1.0]]), 1, 1, 9, 5, discount=0.5), np.array([1, 0]))
    np.testing.assert_allclose(always, [14 / (1 - 0.25), 0.5 * 14 / (1 - 0.25)])


def test_q_learning_corrects_what_it_saw_and_comes_within_2_percent_of_the_optimum():
    shop = Shop(poisson_demand(2.0), 12, holding_cost=1, lost_sale_cost=9, order_cost=5)
    rng = np.random.default_rng(0)
    assert np.random.default_rng(0).random(2).min() > 0.1  # neither of two days is for exploring
    q = q_learning(shop, np.array([1, 1]), rng)
    # Empty twice: no order loses a sale of 9; then one unit is ordered for 5, and 9 are lost again.
    assert (q[0, 0], q[0, 1]) == (9, 14) and np.nansum(np.where(np.isfinite(q), q, 0)) == 23
    least = value_iteration(shop).min(axis=1)
    rng = np.random.default_rng(1)
    orders = q_learning(shop, rng.poisson(2.0, 300_000), rng).argmin(axis=1)
    ratio = cost_of_orders(shop, orders) / least
    assert (ratio > 1 - 1e-9).all() and (ratio < 1.02).all()


COSTS, SAMPLES = Costs(1.0, 2.0, 0.0), np.ones((1, 2, 5))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: rule_inputs(-SAMPLES, COSTS), "samples holds -1"),
        (lambda: search_levels(SAMPLES, Costs(0.0, 2.0, 0.0)), "costs"),
    ],
)
def test_wrong_input_is_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
