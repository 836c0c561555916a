import numpy as np
import pytest
import torch
from scipy.stats import poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import poisson_newsvendor
from bowerbird.inventory.simulate import Costs, holding_cost, ordering_cost, shortage_cost, simulate
from bowerbird.planning.learned_policy import FEATURES, LevelRule, rule_inputs, soft_walk, train_rule

torch.set_num_threads(1)


def walked(demand, s, S, costs, opening, lead_time, review, softness=1.0):
    tensors = (torch.as_tensor(np.asarray(x, float)) for x in (demand, s, S))
    opening = torch.as_tensor(np.asarray(opening, float))
    return soft_walk(*tensors, costs, opening_stock=opening, lead_time=lead_time, review=review, softness=softness)


@pytest.mark.parametrize(("lead_time", "review", "order"), [(0, 1, 5.0), (3, 1, 5.0), (2, 3, 5.0), (3, 1, 0.0)])
def test_soft_walk_costs_what_simulate_costs(lead_time, review, order):
    rng = np.random.default_rng(lead_time)
    demand = rng.poisson(3.0, (4, 6, 25))
    s = rng.integers(3, 15, (4, 25))
    S = s + rng.integers(0, 9, (4, 25)) * (order > 0)
    opening = rng.integers(0, 9, 4)
    costs = Costs(np.arange(1.0, 5), np.full(4, 7.0), np.full(4, order))
    soft = walked(demand, s, S, costs, opening, lead_time, review).numpy()
    hard = []
    for path in range(6):
        walk = simulate(
            demand[:, path], s, S, opening_stock=opening, lead_time=lead_time, review=review, lost_sales=False
        )
        early = np.arange(25) < lead_time
        before = (costs.holding[:, None] * walk.closing_stock + costs.shortage[:, None] * walk.unmet)[:, early].sum(
            axis=1
        )
        hard.append(holding_cost(walk, costs) + shortage_cost(walk, costs) + ordering_cost(walk, costs) - before)
    np.testing.assert_allclose(soft * (25 - lead_time), np.mean(hard, axis=0), rtol=1e-5)


def test_gradient_of_a_base_stock_level_is_the_difference_quotient():
    rng = np.random.default_rng(1)
    demand = rng.gamma(4.0, 1.0, (2, 50, 12))  # whole units would put paths on the kinks
    costs = Costs(np.array([1.0, 2.0]), np.array([9.0, 5.0]), np.zeros(2))
    S = torch.full((2, 12), 17.3, dtype=torch.float64, requires_grad=True)
    rules = {"opening_stock": torch.full((2,), 6.0, dtype=torch.float64), "lead_time": 3, "review": 1, "softness": 1.0}
    soft_walk(torch.as_tensor(demand), S, S, costs, **rules).sum().backward()
    for day in (0, 5, 8):
        shifted = []
        for step in (1e-4, -1e-4):
            moved = S.detach().clone()
            moved[1, day] += step
            shifted.append(soft_walk(torch.as_tensor(demand), moved, moved, costs, **rules)[1].item())
        assert S.grad[1, day].item() == pytest.approx((shifted[0] - shifted[1]) / 2e-4, abs=1e-6)
    assert S.grad.abs().max() > 0.01


def test_gate_of_a_fixed_cost_is_sharp_forwards_and_slopes_backwards():
    demand = np.random.default_rng(2).poisson(4.0, (1, 30, 25))
    costs, opening = Costs(np.ones(1), np.full(1, 9.0), np.full(1, 20.0)), np.full(1, 15.0)
    sharp = walked(demand, np.full((1, 25), 3), np.full((1, 25), 16), costs, opening, 0, 1)
    slopes = {}
    for level in (3.0, 16.0):  # too low: days go short; too high: orders every day
        s = torch.full((1, 25), level, dtype=torch.float64, requires_grad=True)
        S = torch.full((1, 25), 16.0, dtype=torch.float64)
        cost = soft_walk(
            torch.as_tensor(demand, dtype=torch.float64), s, S, costs,
            opening_stock=torch.as_tensor(opening), lead_time=0, review=1, softness=2.0,
        )  # fmt: skip
        cost.sum().backward()
        slopes[level] = s.grad.sum().item()
        if level == 3:
            assert cost.item() == pytest.approx(sharp.item())  # however soft the gate
    assert slopes[3.0] < 0 < slopes[16.0]


def test_inputs_by_hand():
    samples = np.array([[[1.0, 2, 3, 4], [3, 2, 1, 0]]])
    inputs = rule_inputs(samples, Costs(2.0, 8.0, 9.0), recent=[4.0], lead_time=1, review=1)
    np.testing.assert_allclose(inputs.mean, [[4, 4, 4]])  # 3 and 5, 5 and 3, 7 and 1
    np.testing.assert_allclose(inputs.std, [[1, 1, 3]])
    np.testing.assert_allclose(inputs.quantity, np.sqrt(2 * 9 * 2 / 2))
    np.testing.assert_allclose(inputs.features[0, 2], [np.log(4), np.log(3), 0, 2, np.log(4), np.log1p(9 / 4)])
    assert inputs.features.shape[2] == len(FEATURES)


def test_whole_levels_order_after_the_same_number_of_units(monkeypatch):
    inputs = rule_inputs(np.ones((3, 2, 4)), Costs(1.0, 2.0, 3.0))
    rule = LevelRule(inputs)
    s, S = torch.tensor([[4.3], [4.5], [9.0]]), torch.tensor([[11.6], [11.5], [9.0]])
    monkeypatch.setattr(rule, "forward", lambda inputs: (s, S))
    levels = rule.levels(inputs)
    np.testing.assert_array_equal(levels.S, [[12], [12], [9]])
    gone = np.arange(12)
    np.testing.assert_array_equal(levels.S - gone < levels.s, (S - torch.as_tensor(gone) < s).numpy())


def poisson_items(n_items, seed, lead_time=3, n_days=16, n_paths=300):
    """Stationary Poisson items of all sizes and critical ratios, their samples and their exact optimum."""
    rng = np.random.default_rng(seed)
    mean, shortage = np.exp(rng.uniform(np.log([0.7, 2]), np.log([30, 40]), (n_items, 2))).T
    samples = rng.poisson(mean[:, None, None], (n_items, n_paths, n_days + lead_time))
    costs = Costs(np.ones(n_items), shortage, np.zeros(n_items))
    inputs = rule_inputs(samples, costs, lead_time=lead_time)
    return mean, costs, samples[:, :, :n_days], inputs, poisson_newsvendor(mean, 1.0, shortage, periods=lead_time + 1)


def base_stock_cost(levels, mean, costs, lead_time=3):
    """Exact daily cost of each day's base-stock level in the long run, averaged over days."""
    units = np.arange(400)
    pmf = poisson.pmf(units, (lead_time + 1) * mean[:, None])
    left_over, short = (np.maximum(sign * (levels.S[:, :, None] - units), 0) @ pmf[:, :, None] for sign in (1, -1))
    return (costs.holding[:, None] * left_over[..., 0] + costs.shortage[:, None] * short[..., 0]).mean(axis=1)


def test_learned_base_stock_is_within_2_percent_of_the_exact_optimum():
    mean, costs, samples, inputs, best = poisson_items(10, seed=0)
    untrained = base_stock_cost(LevelRule(inputs).levels(inputs), mean, costs) / best.cost
    assert untrained.mean() > 1.5
    rule = train_rule(inputs, samples, epochs=120)
    learned = base_stock_cost(rule.levels(inputs), mean, costs) / best.cost
    assert (learned > 1 - 1e-9).all() and learned.mean() < 1.01 and learned.max() < 1.02


@pytest.mark.slow
def test_the_rule_holds_for_items_it_never_saw():
    _, _, samples, inputs, _ = poisson_items(60, seed=1)
    rule = train_rule(inputs, samples, epochs=300)
    mean, costs, _, unseen, best = poisson_items(40, seed=2)
    ratio = base_stock_cost(rule.levels(unseen), mean, costs) / best.cost
    assert ratio.mean() < 1.02


@pytest.mark.slow
def test_with_a_fixed_cost_the_rule_comes_within_2_percent_on_average():
    # (s,S) 4.7, problem 4.31 and Zheng-Federgruen; the yardstick is the exact long-run cost.
    from test_inventory_searched_levels import TEXTBOOK, long_run_cost

    cases = [*TEXTBOOK, (15, 1, 9, 64, 42.698), (20, 1, 9, 64, 49.173), (25, 1, 9, 64, 54.262)]
    mean, holding, shortage, order, optimum = (np.array(column, float) for column in zip(*cases, strict=True))
    samples = np.random.default_rng(0).poisson(mean[:, None, None], (6, 400, 40))
    inputs = rule_inputs(samples, Costs(holding, shortage, order), lead_time=0)
    levels = train_rule(inputs, samples, epochs=300).levels(inputs)
    s, S = (np.rint(level.mean(axis=1)).astype(int) for level in (levels.s, levels.S))
    cost = [long_run_cost(*case) for case in zip(s, S, mean.astype(int), holding, shortage, order, strict=True)]
    ratio = np.array(cost) / optimum
    assert ratio.min() > 1 - 1e-5 and ratio.mean() < 1.02 and ratio.max() < 1.04


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_the_same_seed_trains_the_same_rule_and_leaves_torch_alone():
    _, _, samples, inputs, _ = poisson_items(3, seed=4)
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first, second, other = (train_rule(inputs, samples, epochs=5, seed=seed).levels(inputs).S for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert torch.equal(torch.rand(3), expected)


def test_arguments_that_do_not_fit_are_refused():
    _, costs, samples, inputs, _ = poisson_items(3, seed=4)
    with pytest.raises(ParameterError, match="samples"):
        rule_inputs(samples[:, :, :3], costs)
    with pytest.raises(ParameterError, match="samples"):
        rule_inputs(-1.0 - samples, costs)
    with pytest.raises(ParameterError, match="demand"):
        train_rule(inputs, samples[:, :, :-1])
