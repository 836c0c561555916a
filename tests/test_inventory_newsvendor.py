import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import (
    Demand,
    critical_ratio,
    demand_over_days,
    level_cost,
    negative_binomial_demand,
    negative_binomial_newsvendor,
    normal_newsvendor,
    normal_shortage,
    poisson_demand,
    poisson_newsvendor,
    sample_newsvendor,
    table_newsvendor,
)


def test_example_4_3():
    best = normal_newsvendor(50, 8, 0.18, 0.70)
    assert best.level == pytest.approx(56.6039559, abs=5e-8)
    assert best.cost == pytest.approx(1.9976052, abs=5e-8)


def test_example_4_4_base_stock_with_lead_time_4():
    best = normal_newsvendor(50, 8, 0.18, 0.70, periods=4 + 1)
    assert best.level == pytest.approx(264.7668944, abs=5e-8)
    assert best.cost == pytest.approx(4.4667810, abs=5e-8)


def test_poisson_newsvendor_of_the_textbook():
    best = poisson_newsvendor(6, 1, 4)
    assert best.level == 8
    assert best.cost == pytest.approx(3.5701069, abs=5e-8)


@given(mean=st.floats(0.05, 30), holding=st.floats(0.05, 5), shortage=st.floats(0.05, 50), periods=st.integers(1, 3))
def test_poisson_newsvendor_against_summing_every_outcome(mean, holding, shortage, periods):
    outcomes = np.arange(1000)
    probability = poisson.pmf(outcomes, periods * mean)
    levels = np.arange(300)[:, None]
    costs = (holding * np.maximum(levels - outcomes, 0) + shortage * np.maximum(outcomes - levels, 0)) @ probability
    best = poisson_newsvendor(mean, holding, shortage, periods=periods)
    assert best.cost == pytest.approx(costs[int(best.level)], rel=1e-8)
    assert best.cost == pytest.approx(costs.min(), rel=1e-8)


def test_newsvendor_takes_items_at_once():
    best = poisson_newsvendor(np.array([6.0, 20.0]), np.array([1.0, 2.0]), 4)
    alone = [poisson_newsvendor(6, 1, 4), poisson_newsvendor(20, 2, 4)]
    np.testing.assert_array_equal(best.level, [one.level for one in alone])
    np.testing.assert_allclose(best.cost, [one.cost for one in alone])


@pytest.mark.parametrize("periods", [1, 4])
def test_negative_binomial_newsvendor_is_the_one_of_its_table(periods):
    mean, variance, shortage = np.array([0.7, 6.0, 40.0]), np.array([1.5, 9.0, 160.0]), np.array([4.0, 19.0, 3.0])
    best = negative_binomial_newsvendor(mean, variance, 1.0, shortage, periods=periods)
    table = table_newsvendor(demand_over_days(negative_binomial_demand(mean, variance), periods), 1.0, shortage)
    np.testing.assert_array_equal(best.level, table.level)
    np.testing.assert_allclose(best.cost, table.cost, rtol=1e-8)


def test_table_newsvendor_is_the_poisson_newsvendor_of_the_textbook():
    best = table_newsvendor(poisson_demand([6, 30]), 1, 4)
    np.testing.assert_array_equal(best.level, poisson_newsvendor([6, 30], 1, 4).level)
    np.testing.assert_allclose(best.cost, poisson_newsvendor([6, 30], 1, 4).cost, rtol=1e-9)
    assert best.cost[0] == pytest.approx(3.5701069, abs=5e-8)


def test_cost_of_a_level_against_a_slow_sum_below_inside_and_beyond_the_table():
    rng = np.random.default_rng(8)
    demand = Demand(rng.dirichlet(np.ones(7), size=3))
    holding, shortage = rng.uniform(0.5, 2, 3), rng.uniform(2, 9, 3)
    levels = np.array([[-4, 0, 3, 6, 7, 20]] * 3)
    costs = level_cost(demand, levels, holding, shortage)
    for i in range(3):
        for k, level in enumerate(levels[i]):
            slow = sum(
                chance * (holding[i] * max(level - d, 0) + shortage[i] * max(d - level, 0))
                for d, chance in enumerate(demand.probability[i])
            )
            assert costs[i, k] == pytest.approx(slow)
    np.testing.assert_allclose(level_cost(demand, 3, holding, shortage), costs[:, 2])
    best = table_newsvendor(demand, holding, shortage)
    everywhere = level_cost(demand, np.tile(np.arange(-2, 10), (3, 1)), holding, shortage)
    np.testing.assert_allclose(best.cost, everywhere.min(axis=1))
    with pytest.raises(ParameterError, match="shortage_cost"):
        level_cost(demand, 3, holding, 0)


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=40),
    st.integers(1, 20),
    st.integers(1, 20),
)
def test_sample_newsvendor_is_the_cheapest_level_for_its_samples(sample, holding, shortage):
    sample = np.array(sample)
    level = sample_newsvendor(sample[None, :], critical_ratio(holding, shortage))[0]
    costs = [sum(holding * max(y - d, 0) + shortage * max(d - y, 0) for d in sample) for y in range(21)]
    assert costs[level] == min(costs)


def test_sample_newsvendor_takes_one_level_an_item_and_hits_exact_ranks():
    samples = np.tile(np.random.default_rng(1).permutation(100) + 1, (3, 1))
    np.testing.assert_array_equal(sample_newsvendor(samples, np.array([0.55, 0.29, 0.951])), [55, 29, 96])


@pytest.mark.parametrize("level", [0, 1, 1.2, np.nan])
def test_service_levels_outside_zero_to_one_are_refused(level):
    with pytest.raises(ParameterError, match="service_level"):
        sample_newsvendor(np.ones((2, 5)), level)


def test_costs_of_zero_are_refused():
    with pytest.raises(ParameterError, match="holding_cost"):
        critical_ratio([0.0, 1.0], 2.0)


def test_normal_shortage_by_integration_and_in_example_4_3():
    for level, mean, std in ((50.0, 50.0, 8.0), (56.6, 50.0, 8.0), (-3.0, 2.0, 0.5)):
        units = np.linspace(mean - 10 * std, mean + 10 * std, 200_001)
        expected = np.trapezoid(np.maximum(units - level, 0) * norm.pdf(units, mean, std), units)
        assert normal_shortage(level, mean, std) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    best = normal_newsvendor(50, 8, 0.18, 0.70)
    short = normal_shortage(best.level, 50, 8)
    assert 0.18 * (best.level - 50 + short) + 0.70 * short == pytest.approx(best.cost)
