import numpy as np
import pytest
from scipy.stats import poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import negative_binomial_demand, normal_newsvendor
from bowerbird.inventory.policy import exact_levels, levels_cost, normal_levels, periodic_review_levels


@pytest.mark.parametrize("review", [1, 2])
def test_levels_against_a_slow_loop_over_items_days_and_samples(review):
    rng = np.random.default_rng(0)
    samples = rng.poisson(3.0, size=(4, 25, 9))
    holding, shortage, order_cost = rng.uniform(0.5, 2, 4), rng.uniform(4, 9, 4), np.array([0.0, 1.0, 20.0, 90.0])
    lead_time, n_days = 2, 4  # a horizon of n_days + 2 + 2 - 1: nothing to repeat
    costs = {"holding_cost": holding, "shortage_cost": shortage, "order_cost": order_cost}
    levels = periodic_review_levels(samples, lead_time=lead_time, review=review, **costs, n_days=n_days)
    for i in range(4):
        h, p = holding[i], shortage[i]
        for t in range(n_days):

            def cost(y, i=i, t=t, h=h, p=p):
                """Of the days the order must serve, one after the other, from a position y."""
                ends = [sum(path[t : t + lead_time + j]) for path in samples[i] for j in range(1, review + 1)]
                return sum(h * max(y - d, 0) + p * max(d - y, 0) for d in ends)

            daily = np.mean([sum(path[t : t + lead_time + review]) for path in samples[i]]) / (lead_time + review)
            economic = (2 * order_cost[i] * daily / h * (p + h) / p) ** 0.5 - (review - 1) / 2 * daily
            quantity = max(round(economic), 1)
            windows = {s: sum(cost(y) for y in range(s, s + quantity)) for s in range(40)}
            assert windows[levels.s[i, t]] == pytest.approx(min(windows.values()))
            assert levels.S[i, t] == levels.s[i, t] + quantity - 1


@pytest.mark.parametrize(("lead_time", "review", "worst"), [(0, 1, 0.035), (3, 1, 0.02), (2, 7, 0.055)])
@pytest.mark.parametrize("order_cost", [0, 4, 16, 64, 256])
def test_steady_demand_costs_little_more_than_under_the_exact_policy(lead_time, review, worst, order_cost):
    mean = np.exp(np.linspace(np.log(0.3), np.log(40), 25))
    demand = negative_binomial_demand(mean, mean + 0.3 * mean**2)
    costs = {"holding_cost": 1.0, "shortage_cost": 9.0, "order_cost": float(order_cost)}
    timing = {"lead_time": lead_time, "review": review}
    exact = exact_levels(demand, **costs, **timing).cost.sum()
    paths = demand.sample(np.random.default_rng(0), 2000 * 9).reshape(len(mean), 2000, 9)
    sampled = periodic_review_levels(paths, n_days=1, **costs, **timing)
    flat = (np.repeat(values[:, None], 9, axis=1) for values in (demand.mean, np.sqrt(demand.variance)))
    formula = normal_levels(*flat, **costs, **timing)
    for levels in (sampled, formula):
        s, S = (np.ceil(level[:, 0]).astype(int) for level in (levels.s, levels.S))
        assert exact <= levels_cost(demand, s, S, **costs, **timing).sum() <= (1 + worst) * exact


def test_levels_of_many_poisson_samples_are_the_poisson_quantile_on_every_day():
    # The last days reach beyond the horizon. Their demand must spread like independent days: repeating each path's own
    # last day would make the last s 36 in place of 28.
    samples = np.random.default_rng(1).poisson(5.0, size=(1, 40_000, 6))
    levels = periodic_review_levels(samples, lead_time=3, review=1, service_level=0.96)
    exact = poisson.ppf(0.96, 4 * 5.0)
    assert poisson.cdf(exact - 1, 20) < 0.955 and poisson.cdf(exact, 20) > 0.965  # so sampling cannot tip the quantile
    np.testing.assert_array_equal(levels.s, np.full((1, 6), exact))
    np.testing.assert_array_equal(levels.S, levels.s)


def test_changing_days_before_the_interval_leaves_the_level_unchanged():
    samples = np.random.default_rng(2).poisson(4.0, size=(3, 50, 10))
    other = samples.copy()
    other[:, :, :4] = 99
    first, second = (periodic_review_levels(x, service_level=0.9) for x in (samples, other))
    np.testing.assert_array_equal(first.s[:, 4:], second.s[:, 4:])
    assert (first.s[:, :4] < second.s[:, :4]).all()


def test_items_without_demand_are_never_ordered():
    levels = periodic_review_levels(np.zeros((2, 10, 5)), service_level=0.99)
    assert not levels.s.any() and not levels.S.any()


def test_normal_levels_are_the_base_stock_of_example_4_4():
    mean, std = np.full((1, 3), 50.0), np.full((1, 3), 8.0)
    levels = normal_levels(mean, std, lead_time=4, review=1, holding_cost=0.18, shortage_cost=0.70)
    np.testing.assert_allclose(levels.s, 264.7668944, atol=5e-8)
    np.testing.assert_array_equal(levels.S, levels.s)


def test_normal_levels_follow_days_that_differ():
    rng = np.random.default_rng(3)
    mean, std = rng.uniform(5, 20, (2, 8)), rng.uniform(1, 3, (2, 8))
    ratio = np.array([0.8, 0.95])
    levels = normal_levels(mean, std, lead_time=2, review=1, service_level=ratio)
    for i in range(2):
        spread = np.sqrt(std[i, 1] ** 2 + std[i, 2] ** 2 + std[i, 3] ** 2)
        p = ratio[i] / (1 - ratio[i])
        assert levels.s[i, 1] == pytest.approx(normal_newsvendor(mean[i, 1:4].sum(), spread, 1.0, p).level)
        last = normal_newsvendor(3 * mean[i, 7], np.sqrt(3) * std[i, 7], 1.0, p).level
        assert levels.s[i, 7] == pytest.approx(last)  # beyond the last day: that day again


def test_sampled_and_normal_levels_agree_on_large_normal_demand():
    samples = np.random.default_rng(4).normal(1000, 30, size=(1, 20_000, 8))
    sampled = periodic_review_levels(samples, service_level=0.9)
    formula = normal_levels(np.full((1, 8), 1000.0), np.full((1, 8), 30.0), service_level=0.9)
    np.testing.assert_allclose(sampled.s, formula.s, atol=5)  # standard error of the sampled quantile: about 0.75


def test_demand_without_chance_gives_example_3_8():
    # Example 3.8, K 8, h .225, p 5, D 1300 a year: Q = 310.8125552, of which x = h / (h + p) are backordered.
    mean = np.full((1, 4), 1300.0 / 1000)  # per thousandth of a year, costs per unit for it
    costs = {"holding_cost": 0.225 / 1000, "shortage_cost": 5 / 1000, "order_cost": 8}
    levels = normal_levels(mean, 0 * mean, lead_time=0, **costs)
    assert (levels.S - levels.s)[0, 0] == pytest.approx(310.8125552, abs=5e-7)
    assert levels.s[0, 0] == pytest.approx(1.3 - 310.8125552 * 0.225 / 5.225, abs=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"service_level": 0.9, "holding_cost": 1.0, "shortage_cost": 9.0},
        {"shortage_cost": 9.0},
        {"service_level": 0.9, "order_cost": 5.0},
        {"service_level": 1.0},
    ],
)
def test_costs_and_service_level_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ParameterError):
        periodic_review_levels(np.ones((1, 5, 3)), **wrong)


def test_several_service_levels_at_once_are_each_alone():
    samples = np.random.default_rng(5).negative_binomial(2, 0.2, size=(7, 41, 6))
    ratios = np.array([0.5, 0.55, 0.9, 0.99])
    together = periodic_review_levels(samples, service_level=ratios[:, None], lead_time=1)
    assert together.s.shape == together.S.shape == (4, 7, 6)
    for ratio, s, S in zip(ratios, together.s, together.S, strict=True):
        alone = periodic_review_levels(samples, service_level=ratio, lead_time=1)
        np.testing.assert_array_equal(s, alone.s)
        np.testing.assert_array_equal(S, alone.S)
    with pytest.raises(ParameterError, match="service_level has rows"):
        periodic_review_levels(samples, service_level=ratios[:, None], holding_cost=1.0, order_cost=5.0)
