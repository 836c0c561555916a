import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory.newsvendor import critical_ratio, normal_newsvendor, poisson_newsvendor, sample_newsvendor


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
