import numpy as np
import pytest
from scipy.stats import poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory.newsvendor import normal_newsvendor
from bowerbird.inventory.policy import normal_levels, periodic_review_levels


def test_levels_against_a_slow_loop_over_items_days_and_samples():
    rng = np.random.default_rng(0)
    samples = rng.poisson(3.0, size=(4, 25, 9))
    holding, shortage, order_cost = rng.uniform(0.5, 2, 4), rng.uniform(4, 9, 4), np.array([0.0, 1.0, 20.0, 90.0])
    lead_time, review, n_days = 2, 2, 4  # a horizon of n_days + 2 + 2 * 2 - 1: nothing to repeat
    levels = periodic_review_levels(
        samples,
        lead_time=lead_time,
        review=review,
        holding_cost=holding,
        shortage_cost=shortage,
        order_cost=order_cost,
        n_days=n_days,
    )
    for i in range(4):
        for t in range(n_days):
            totals = sorted(sum(path[t : t + lead_time + review]) for path in samples[i])
            ratio = shortage[i] / (shortage[i] + holding[i])
            needed = next(y for y in totals if sum(d <= y for d in totals) / 25 >= ratio)
            after = np.mean([sum(path[t + lead_time + review : t + lead_time + 2 * review]) for path in samples[i]])
            economic = (2 * order_cost[i] * np.mean(totals) / (lead_time + review) / holding[i]) ** 0.5
            assert levels.s[i, t] == needed
            assert levels.S[i, t] == needed + int(np.ceil(max(after, economic)))


def test_levels_of_many_poisson_samples_are_the_poisson_quantile_on_every_day():
    # The last days reach beyond the horizon. Their demand must spread like independent days: repeating each path's own
    # last day would make the last s 36 in place of 28.
    samples = np.random.default_rng(1).poisson(5.0, size=(1, 40_000, 6))
    levels = periodic_review_levels(samples, lead_time=3, review=1, service_level=0.96)
    exact = poisson.ppf(0.96, 4 * 5.0)
    assert poisson.cdf(exact - 1, 20) < 0.955 and poisson.cdf(exact, 20) > 0.965  # so sampling cannot tip the quantile
    np.testing.assert_array_equal(levels.s, np.full((1, 6), exact))
    np.testing.assert_allclose(levels.S - levels.s, 5, atol=1)


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
    np.testing.assert_allclose(levels.S, levels.s + 50)


def test_normal_levels_follow_days_that_differ():
    rng = np.random.default_rng(3)
    mean, std = rng.uniform(5, 20, (2, 8)), rng.uniform(1, 3, (2, 8))
    ratio = np.array([0.8, 0.95])
    levels = normal_levels(mean, std, lead_time=2, review=1, service_level=ratio)
    for i in range(2):
        spread = np.sqrt(std[i, 1] ** 2 + std[i, 2] ** 2 + std[i, 3] ** 2)
        p = ratio[i] / (1 - ratio[i])
        assert levels.s[i, 1] == pytest.approx(normal_newsvendor(mean[i, 1:4].sum(), spread, 1.0, p).level)
        assert levels.S[i, 1] - levels.s[i, 1] == pytest.approx(mean[i, 4])
        assert levels.S[i, 7] - levels.s[i, 7] == pytest.approx(mean[i, 7])  # beyond the last day: that day again


def test_sampled_and_normal_levels_agree_on_large_normal_demand():
    samples = np.random.default_rng(4).normal(1000, 30, size=(1, 20_000, 8))
    sampled = periodic_review_levels(samples, service_level=0.9)
    formula = normal_levels(np.full((1, 8), 1000.0), np.full((1, 8), 30.0), service_level=0.9)
    np.testing.assert_allclose(sampled.s, formula.s, atol=5)  # standard error of the sampled quantile: about 0.75


def test_economic_order_quantity_of_example_3_1():
    # Example 3.1: K 8, h 0.225, D 1300 a year gives Q = 304.0467800.
    mean = np.full((1, 4), 1300.0 / 100)  # per hundredth of a year, holding cost 0.225 / 100 for it
    levels = normal_levels(mean, 0 * mean, service_level=0.5, holding_cost=0.225 / 100, order_cost=8)
    np.testing.assert_allclose(levels.S - levels.s, 304.0467800, atol=5e-8)


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
