from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, norm, poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import (
    Demand,
    demand_over_days,
    demand_over_random_days,
    negative_binomial_demand,
    normal_demand,
    poisson_demand,
    quantile_demand,
    sampled_demand,
    total_demand,
)

MEANS = np.array([0.0, 0.3, 6.0, 60.0])


def random_table(generator, n_items, n_units):
    return Demand(generator.dirichlet(np.full(n_units, 0.4), size=n_items))


def test_poisson_table_is_the_poisson_distribution():
    demand = poisson_demand(MEANS)
    np.testing.assert_allclose(demand.probability, poisson.pmf(np.arange(demand.probability.shape[1]), MEANS[:, None]))
    np.testing.assert_allclose(demand.mean, MEANS)
    np.testing.assert_allclose(demand.variance, MEANS, atol=1e-8)
    np.testing.assert_array_equal(poisson_demand(0).probability, [[1.0]])


def test_negative_binomial_table_has_the_mean_and_variance_asked_for():
    demand = negative_binomial_demand([0.5, 20.0], [0.8, 60.0])
    np.testing.assert_allclose(demand.mean, [0.5, 20.0], rtol=1e-9)
    np.testing.assert_allclose(demand.variance, [0.8, 60.0], rtol=1e-8)
    # Failures before the 4th success when each trial succeeds with 1/2: mean 4, variance 8.
    np.testing.assert_allclose(negative_binomial_demand(4, 8).probability[0, :9], nbinom.pmf(np.arange(9), 4, 0.5))


def test_normal_table_rounds_and_counts_what_is_negative_as_none():
    demand = normal_demand([5.0, 200.0], [3.0, 10.0])
    assert demand.probability[0, 0] == pytest.approx(norm.cdf(0.5, 5, 3))
    assert demand.probability[0, 7] == pytest.approx(norm.cdf(7.5, 5, 3) - norm.cdf(6.5, 5, 3))
    assert demand.mean[1] == pytest.approx(200) and demand.variance[1] == pytest.approx(100 + 1 / 12)


def test_sampled_table_counts_shares():
    demand = sampled_demand([[0, 3, 0, 1], [2, 2, 2, 2]])
    np.testing.assert_array_equal(demand.probability, [[0.5, 0.25, 0, 0.25], [0, 0, 1, 0]])


def test_quantile_table_by_hand():
    # 2 units at 0.5 and 6 at 0.9: straight from 0 to 2 and to 6, then the exponential through both.
    demand = quantile_demand([0.5, 0.9], np.array([[2.0, 6.0]]))
    cdf = np.cumsum(demand.probability[0])
    np.testing.assert_allclose(cdf[[0, 1, 2, 5]], [0.125, 0.375, 0.55, 0.85], atol=1e-8)
    scale = (6 - 2) / np.log(0.5 / 0.1)
    np.testing.assert_allclose(1 - cdf[[6, 20]], 0.1 * np.exp(-np.array([0.5, 14.5]) / scale), rtol=1e-6)


def test_equal_quantiles_are_one_point_and_an_intermittent_item_mostly_asks_for_nothing():
    demand = quantile_demand([0.6, 0.8, 0.9], np.array([[0.0, 0.0, 1.0], [3.0, 3.0, 3.0]]))
    assert demand.probability[0, 0] == pytest.approx(0.85, abs=1e-7)
    assert demand.probability[1, 3] == pytest.approx(0.5, abs=1e-7)  # half a unit of 3 lies below 2.5
    assert demand.probability[1, 4:].sum() == pytest.approx(0, abs=1e-7)


def test_many_quantiles_give_the_distribution_back():
    levels = np.linspace(0.005, 0.995, 199)
    true = negative_binomial_demand(20, 60)
    demand = quantile_demand(levels, norm.ppf(levels, 20, 6)[None])
    np.testing.assert_allclose(demand.cdf[0], norm.cdf(np.arange(demand.cdf.shape[1]) + 0.5, 20, 6), atol=0.003)
    assert abs(demand.quantile(0.95)[0] - true.quantile(0.95)[0]) > 2  # and not another one


@pytest.mark.parametrize("days", [0, 1, 2, 5])
def test_sum_over_days_of_poisson_and_negative_binomial_demand(days):
    total = demand_over_days(poisson_demand(MEANS), days)
    units = np.arange(total.probability.shape[1])
    np.testing.assert_allclose(total.probability, poisson.pmf(units, days * MEANS[:, None]), atol=1e-12)
    total = demand_over_days(negative_binomial_demand(4, 8), days)
    exact = nbinom.pmf(np.arange(total.probability.shape[1]), 4 * days, 0.5) if days else 1
    np.testing.assert_allclose(total.probability[0], exact, atol=1e-12)


def test_total_of_days_that_differ_is_their_convolution():
    days = [random_table(np.random.default_rng(k), 3, n_units) for k, n_units in enumerate((4, 2, 6))]
    total = total_demand(days)
    for item in range(3):
        slow = np.zeros(10)
        for units in product(range(4), range(2), range(6)):
            slow[sum(units)] += np.prod([day.probability[item, d] for day, d in zip(days, units, strict=True)])
        np.testing.assert_allclose(total.probability[item], slow, atol=1e-14)


def test_random_lead_time_mixes_the_sums_and_adds_its_variance():
    day = random_table(np.random.default_rng(3), 2, 5)
    chances = np.array([[0.1, 0.2, 0.0, 0.7], [0.0, 0.0, 1.0, 0.0]])
    total = demand_over_random_days(day, chances)
    slow = np.zeros(13)
    for days, chance in enumerate(chances[0]):
        for units in product(range(5), repeat=days):
            slow[sum(units)] += chance * np.prod(day.probability[0, list(units)])
    np.testing.assert_allclose(total.probability[0], slow, atol=1e-14)
    np.testing.assert_allclose(
        total.probability[1], np.pad(demand_over_days(day, 2).probability[1], (0, 4)), atol=1e-14
    )
    days = np.arange(4)
    mean, variance = chances @ days, chances @ days**2 - (chances @ days) ** 2
    np.testing.assert_allclose(total.variance, mean * day.variance + day.mean**2 * variance)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.floats(0.01, 0.99))
def test_quantile_is_the_smallest_level_that_demand_stays_below(sample, level):
    units = sampled_demand([sample]).quantile(level)[0]
    assert np.mean(np.array(sample) <= units) >= level - 1e-9
    assert np.mean(np.array(sample) <= units - 1) < level


def test_quantile_is_not_pushed_up_by_rounding():
    tenth = Demand(np.full((1, 10), 0.1))
    assert [int(tenth.quantile(k / 10)[0]) for k in range(1, 10)] == list(range(9))


def test_samples_follow_the_table_and_the_generator():
    demand = random_table(np.random.default_rng(5), 2, 6)
    drawn = demand.sample(np.random.default_rng(6), 40_000)
    assert drawn.shape == (2, 40_000)
    share = np.stack([np.bincount(row, minlength=6) for row in drawn]) / 40_000
    assert (np.abs(share - demand.probability) < 4 * np.sqrt(demand.probability / 40_000) + 1e-12).all()
    np.testing.assert_array_equal(drawn, demand.sample(np.random.default_rng(6), 40_000))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: Demand(np.array([0.5, 0.5])), "probability"),
        (lambda: Demand(np.array([[0.5, 0.4]])), "probability"),
        (lambda: Demand(np.array([[1.5, -0.5]])), "probability"),
        (lambda: Demand(np.array([[np.nan, 1.0]])), "probability"),
        (lambda: poisson_demand([1.0, -2.0]), "mean holds -2"),
        (lambda: negative_binomial_demand(3, 3), "variance 3 is not above the mean 3"),
        (lambda: negative_binomial_demand(0, 3), "mean"),
        (lambda: normal_demand(3, 0), "std"),
        (lambda: sampled_demand([[1.5]]), "samples"),
        (lambda: sampled_demand([[-1]]), "samples"),
        (lambda: sampled_demand(np.empty((2, 0))), "samples"),
        (lambda: quantile_demand([0.9, 0.5], np.ones((1, 2))), "levels"),
        (lambda: quantile_demand([0.5, 0.9], np.array([[2.0, 1.0]])), "quantiles"),
        (lambda: total_demand([]), "days"),
        (lambda: total_demand([poisson_demand(1), poisson_demand([1, 2])]), "days"),
        (lambda: demand_over_days(poisson_demand(1), 1.5), "days is 1.5"),
        (lambda: demand_over_random_days(poisson_demand(1), [0.5, 0.4]), "probability"),
        (lambda: poisson_demand(1).quantile(1.0), "level"),
    ],
)
def test_wrong_input_is_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
