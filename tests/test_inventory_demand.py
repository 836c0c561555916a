"""Tables of demand and the newsvendor, against scipy's distributions, slow sums and textbook values."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import (
    Demand,
    check_samples,
    critical_ratio,
    demand_over_days,
    level_cost,
    negative_binomial_demand,
    newsvendor,
    normal_newsvendor,
    poisson_demand,
    sample_newsvendor,
    sampled_demand,
)

MEANS = np.array([0.0, 0.3, 6.0, 60.0])


def random_table(seed: int, n_items: int, n_units: int) -> Demand:
    return Demand(np.random.default_rng(seed).dirichlet(np.full(n_units, 0.4), size=n_items))


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


@pytest.mark.parametrize("days", [0, 1, 2, 5])
def test_sum_over_days(days):
    total = demand_over_days(poisson_demand(MEANS), days)
    units = np.arange(total.probability.shape[1])
    np.testing.assert_allclose(total.probability, poisson.pmf(units, days * MEANS[:, None]), atol=1e-12)
    total = demand_over_days(negative_binomial_demand(4, 8), days)
    exact = nbinom.pmf(np.arange(total.probability.shape[1]), 4 * days, 0.5) if days else 1
    np.testing.assert_allclose(total.probability[0], exact, atol=1e-12)
    day = random_table(3, 1, 5)
    slow = np.zeros(4 * days + 1)
    for units in product(range(5), repeat=days):
        slow[sum(units)] += np.prod(day.probability[0, list(units)])
    np.testing.assert_allclose(demand_over_days(day, days).probability[0], slow, atol=1e-14)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.floats(0.01, 0.99))
def test_quantile_is_the_smallest_level_that_demand_stays_below(sample, level):
    units = sampled_demand([sample]).quantile(level)[0]
    assert np.mean(np.array(sample) <= units) >= level - 1e-9
    assert np.mean(np.array(sample) <= units - 1) < level


def test_quantile_is_not_pushed_up_by_rounding():
    tenth = Demand(np.full((1, 10), 0.1))
    assert [int(tenth.quantile(k / 10)[0]) for k in range(1, 10)] == list(range(9))


def test_samples_follow_the_table_and_the_generator_and_are_independent():
    demand = Demand(np.vstack([random_table(5, 2, 6).probability, np.eye(6)[3]]))
    drawn = demand.sample(np.random.default_rng(6), 400, 100)
    assert drawn.shape == (3, 400, 100) and (drawn[2] == 3).all()
    share = np.stack([np.bincount(row.ravel(), minlength=6) for row in drawn]) / 40_000
    assert (np.abs(share - demand.probability) < 4 * np.sqrt(demand.probability / 40_000) + 1e-12).all()
    np.testing.assert_array_equal(drawn, demand.sample(np.random.default_rng(6), 400, 100))
    days = drawn[:2].reshape(2, -1)
    for first, second in ((days[0, 1:], days[0, :-1]), (days[0], days[1])):
        assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(40_000)


# ---- the newsvendor -------------------------------------------------------------------------------------------------


@given(mean=st.floats(0.05, 30), holding=st.floats(0.05, 5), shortage=st.floats(0.05, 50), days=st.integers(1, 3))
def test_poisson_newsvendor_against_summing_every_outcome(mean, holding, shortage, days):
    outcomes = np.arange(1000)
    probability = poisson.pmf(outcomes, days * mean)
    levels = np.arange(300)[:, None]
    costs = (holding * np.maximum(levels - outcomes, 0) + shortage * np.maximum(outcomes - levels, 0)) @ probability
    best = newsvendor(demand_over_days(poisson_demand(mean), days), holding, shortage)
    assert best.cost[0] == pytest.approx(costs[int(best.level[0])], rel=1e-7)
    assert best.cost[0] == pytest.approx(costs.min(), rel=1e-7)


def test_cost_of_a_level_against_a_slow_sum_below_inside_and_beyond_the_table():
    rng = np.random.default_rng(8)
    demand = Demand(rng.dirichlet(np.ones(7), size=3))
    holding, shortage = rng.uniform(0.5, 2, 3), rng.uniform(2, 9, 3)
    levels = np.array([[-4, 0, 3, 6, 7, 20]] * 3)
    costs = level_cost(demand, levels, holding, shortage)
    for i, k in np.ndindex(levels.shape):
        slow = sum(
            chance * (holding[i] * max(levels[i, k] - d, 0) + shortage[i] * max(d - levels[i, k], 0))
            for d, chance in enumerate(demand.probability[i])
        )
        assert costs[i, k] == pytest.approx(slow)
    np.testing.assert_allclose(level_cost(demand, 3, holding, shortage), costs[:, 2])
    best = newsvendor(demand, holding, shortage)
    everywhere = level_cost(demand, np.tile(np.arange(-2, 10), (3, 1)), holding, shortage)
    np.testing.assert_allclose(best.cost, everywhere.min(axis=1))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.integers(1, 20), st.integers(1, 20))
def test_sample_newsvendor_is_the_cheapest_level_for_its_samples(sample, holding, shortage):
    sample = np.array(sample)
    level = sample_newsvendor(sample[None, :], critical_ratio(holding, shortage))[0]
    costs = [sum(holding * max(y - d, 0) + shortage * max(d - y, 0) for d in sample) for y in range(21)]
    assert costs[level] == min(costs)


def test_sample_newsvendor_takes_one_level_an_item_and_hits_exact_ranks():
    samples = np.tile(np.random.default_rng(1).permutation(100) + 1, (3, 1))
    np.testing.assert_array_equal(sample_newsvendor(samples, np.array([0.55, 0.29, 0.951])), [55, 29, 96])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: Demand(np.array([0.5, 0.5])), "probability"),
        (lambda: Demand([[0.5, 0.4]]), "probability"),
        (lambda: Demand([[1.5, -0.5]]), "probability"),
        (lambda: Demand([[np.nan, 1.0]]), "probability"),
        (lambda: poisson_demand([1.0, -2.0]), "mean holds -2"),
        (lambda: poisson_demand(1e9), r"mean would take 1e\+09 cells"),
        (lambda: poisson_demand(1).quantile(1.0), "level"),
        (lambda: poisson_demand(1).sample(np.random.default_rng(), 10**9), "shape would take"),
        (lambda: negative_binomial_demand(3, 3), "variance 3 is not above the mean 3"),
        (lambda: negative_binomial_demand(0, 3), "mean"),
        (lambda: sampled_demand([[1.5]]), "samples"),
        (lambda: sampled_demand(np.empty((2, 0))), "samples"),
        (lambda: demand_over_days(poisson_demand(1), 1.5), "days is 1.5"),
        (lambda: demand_over_days(poisson_demand(1), 10**9), "days would take"),
        (lambda: critical_ratio([0.0, 1.0], 2.0), "holding_cost"),
        (lambda: level_cost(poisson_demand(3), 3, 1.0, 0), "shortage_cost"),
        (lambda: normal_newsvendor(50, -8, 0.18, 0.7), "std holds -8"),
        (lambda: normal_newsvendor(-50, 8, 0.18, 0.7), "mean holds -50"),
        (lambda: normal_newsvendor([1, 2], [1, 2, 3], 0.18, 0.7), r"mean \(2,\), std \(3,\)"),
        (lambda: sample_newsvendor(np.full((2, 3), np.nan), 0.9), "samples holds nan"),
        (lambda: sample_newsvendor(np.empty((2, 0)), 0.9), r"samples, shape \(2, 0\)"),
        (lambda: sample_newsvendor(np.ones((2, 5)), 1.2), "service_level"),
        (lambda: check_samples(np.ones((2, 3))), "samples, shape"),
        (lambda: check_samples(np.ma.masked_array(np.ones((1, 2, 3)), np.ones((1, 2, 3), bool))), "samples holds"),
    ],
)
def test_unusable_arguments_are_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
