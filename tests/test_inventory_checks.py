"""What no inventory function can compute with is refused by the name of its argument, before any work is done."""

import numpy as np
import pytest

from bowerbird.checks import above, at_least, finite, fits, inside, together
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import (
    Demand,
    demand_over_days,
    negative_binomial_demand,
    negative_binomial_newsvendor,
    normal_demand,
    normal_newsvendor,
    normal_shortage,
    poisson_demand,
    poisson_newsvendor,
    sample_newsvendor,
    sampled_demand,
)
from bowerbird.inventory.policy import (
    economic_order_quantity,
    economic_production_quantity,
    exact_levels,
    exact_reorder_quantity,
    levels_cost,
    normal_levels,
    normal_reorder_quantity_cost,
    periodic_review_levels,
)
from bowerbird.inventory.simulate import Costs, PoissonPaths, SamplePaths, simulate

COSTS = {"holding_cost": 1.0, "shortage_cost": 9.0}
DEMAND = poisson_demand([3.0, 5.0])
SAMPLES = np.random.default_rng(0).poisson(3, (2, 20, 8)).astype(float)
MASKED = np.ma.masked_array(SAMPLES, np.ones(SAMPLES.shape, bool))


def with_one(value):
    samples = SAMPLES.copy()
    samples[1, 3, 2] = value
    return samples


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e16, "a", None, 1j, [1, [2]], np.ma.masked_array([1.0], [True])])
def test_what_is_no_usable_number_is_named(wrong):
    for check in (finite, at_least, above, inside):
        with pytest.raises(ParameterError, match=r"^price "):
            check("price", wrong)


def test_infinity_passes_where_it_means_no_limit():
    assert at_least("capacity", [1, np.inf], endless=True).tolist() == [1, np.inf]
    for wrong in (-np.inf, np.nan):
        with pytest.raises(ParameterError, match="capacity holds"):
            at_least("capacity", wrong, endless=True)


def test_sizes_and_shapes_are_named():
    fits("mean", 1000)
    with pytest.raises(ParameterError, match=r"mean would take 1e\+09 cells"):
        fits("mean", 1e9)
    together(mean=np.ones((2, 3)), std=1.0)
    with pytest.raises(ParameterError, match=r"mean \(2,\), std \(3,\)"):
        together(mean=[1, 2], std=[1, 2, 3])


@pytest.mark.parametrize("samples", [with_one(np.nan), with_one(np.inf), with_one(-1), MASKED])
@pytest.mark.parametrize(
    "function",
    [
        SamplePaths,
        lambda samples: periodic_review_levels(samples, service_level=0.9, n_days=5),
        lambda samples: sampled_demand(samples[:, :, 2]),
        lambda samples: simulate(samples[:, 3], 5.0, 9.0),
    ],
)
def test_unknown_and_impossible_samples_give_no_levels(function, samples):
    with pytest.raises(ParameterError, match=r"(samples|demand) holds"):
        function(samples)


def test_the_levels_of_known_samples_stay_as_they_are():  # the smallest sum of four days that 18 of 20 do not exceed
    levels = periodic_review_levels(SAMPLES, service_level=0.9, n_days=5)
    expected = np.sort(SAMPLES[:, :, :4].sum(axis=2), axis=1)[:, 17]
    np.testing.assert_array_equal(levels.s[:, 0], expected)
    masked = np.ma.masked_array(SAMPLES, np.zeros(SAMPLES.shape, bool))  # without a masked value
    np.testing.assert_array_equal(periodic_review_levels(masked, service_level=0.9, n_days=5).s, levels.s)


def test_known_demand_needs_no_stock_beyond_it():
    assert normal_newsvendor(50, 0, 0.18, 0.70).level == 50 and normal_newsvendor(50, 0, 0.18, 0.70).cost == 0


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: normal_newsvendor(50, -8, 0.18, 0.7), "std holds -8"),
        (lambda: normal_newsvendor(-50, 8, 0.18, 0.7), "mean holds -50"),
        (lambda: normal_newsvendor([1, 2], [1, 2, 3], 0.18, 0.7), r"mean \(2,\), std \(3,\)"),
        (lambda: normal_newsvendor(50, 8, 0.18, 0.7, periods=0), "periods is 0"),
        (lambda: normal_shortage(5, 4, 0), "std holds 0"),
        (lambda: poisson_newsvendor(np.nan, 1, 9), "mean holds nan"),
        (lambda: negative_binomial_newsvendor(5, 9, 1, 9, periods=1e300), "periods is 1e"),
        (lambda: sample_newsvendor(np.full((2, 3), np.nan), 0.9), "samples holds nan"),
        (lambda: sample_newsvendor(np.empty((2, 0)), 0.9), r"samples, shape \(2, 0\)"),
        (lambda: sample_newsvendor(np.ones((2, 3)), np.nan), "service_level holds nan"),
        (lambda: normal_levels(np.ones((1, 3)), -np.ones((1, 3)), service_level=0.9), "std holds -1"),
        (lambda: normal_levels(np.ones((1, 3)), np.ones((1, 3)), service_level=1.0), "service_level runs from"),
        (lambda: periodic_review_levels(SAMPLES, service_level=0.9, lead_time=2.5), "lead_time is 2.5"),
        (lambda: periodic_review_levels(SAMPLES, service_level=0.9, n_days=10**6), "n_days, lead_time and review"),
        (lambda: Costs(1.0, np.nan, 0.0), "shortage of costs holds nan"),
        (lambda: poisson_demand(1e9), r"mean would take 1e\+09 cells"),
        (lambda: normal_demand(1e9, 1.0), "mean and std would take"),
        (lambda: negative_binomial_demand(1e9, 2e9), "mean and variance would take"),
        (lambda: sampled_demand([[1e9]]), "samples would take"),
        (lambda: demand_over_days(DEMAND, 10**9), "days would take"),
        (lambda: Demand([["a"]]), "probability must be"),
        (lambda: DEMAND.sample(np.random.default_rng(), 1.5), "n_days is 1.5"),
        (lambda: PoissonPaths([1e9], 10, 10), r"mean holds 1e\+09"),
        (lambda: PoissonPaths([1.0], 10, 10**9), "n_days would take"),
        (lambda: economic_order_quantity([1, 2], [1, 2, 3], 5), r"order_cost \(2,\), holding_cost \(3,\)"),
        (lambda: economic_order_quantity(1e300, 1, 5), r"order_cost holds 1e\+300"),
        (lambda: economic_production_quantity(8, 0.2, np.nan, 2000), "demand_rate holds nan"),
        (lambda: exact_levels(DEMAND, order_cost=1e10, **COSTS), "order_cost and holding_cost: a search over 3"),
        (lambda: exact_levels(DEMAND, order_cost=64, holding_cost=1e-12, shortage_cost=9), "a search over 27,82"),
        (lambda: levels_cost(DEMAND, 0, 1e9, order_cost=64, **COSTS), "S - s would take"),
        (lambda: exact_reorder_quantity(DEMAND, demand_rate=1e9, order_cost=1e9, **COSTS), "a search over"),
        (
            lambda: normal_reorder_quantity_cost(1, 5, demand_rate=3, mean=-1, std=1, order_cost=1, **COSTS),
            "mean holds",
        ),
        (lambda: simulate(np.ones((1, 3)), 5.0, np.inf), "S holds inf"),
        (lambda: simulate(np.ones((1, 3)), 5.0, 9.0, review=0.5), "review is 0.5"),
    ],
)
def test_unusable_arguments_are_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()


def test_an_order_that_arrives_after_the_end_changes_nothing():
    walk = simulate(np.ones((1, 5)), 3.0, 9.0, opening_stock=2, lead_time=10**9)
    assert walk.sales.sum() == 2 and walk.arrivals.sum() == 0 and walk.orders.sum() == 7
