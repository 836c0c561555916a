import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.planning.bullwhip import (
    bullwhip_ratios,
    chain_orders,
    exponential_smoothing_bullwhip,
    moving_average_bullwhip,
)


def demand(seed=0, n_paths=300, n_days=600, correlation=0.0):
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 10, (n_paths, n_days))
    days = np.empty_like(noise)
    days[:, 0] = noise[:, 0] / np.sqrt(1 - correlation**2)
    for day in range(1, n_days):
        days[:, day] = correlation * days[:, day - 1] + noise[:, day]
    return 100 + days


def test_theorem_2_2_by_hand():
    assert moving_average_bullwhip(4, 8) == pytest.approx(1 + 1 + 0.5)
    assert moving_average_bullwhip(2, 4, correlation=0.5) == pytest.approx(1 + (1 + 0.5) * (1 - 1 / 16))
    assert exponential_smoothing_bullwhip(2, 0.5) == pytest.approx(1 + 2 + 2 * 4 * 0.25 / 1.5)
    np.testing.assert_allclose(moving_average_bullwhip(np.array([0, 4]), 8), [1, 2.5])


@pytest.mark.parametrize(("lead_time", "window", "correlation"), [(2, 5, 0.0), (4, 10, 0.0), (3, 4, 0.6), (3, 5, -0.4)])
def test_moving_average_formula_is_what_simulation_finds(lead_time, window, correlation):
    seen = demand(correlation=correlation)
    orders = chain_orders(seen, [lead_time], window=window)
    by_path = orders[0][:, window:].var(axis=1) / seen[:, window:].var(axis=1)
    error = by_path.std(ddof=1) / np.sqrt(len(by_path))
    expected = moving_average_bullwhip(lead_time, window, correlation=correlation)
    assert by_path.mean() == pytest.approx(expected, abs=3 * error + 0.005 * expected) and error < 0.02


@pytest.mark.parametrize(("lead_time", "smoothing"), [(2, 0.2), (5, 0.1), (1, 1.0)])
def test_exponential_smoothing_formula_is_what_simulation_finds(lead_time, smoothing):
    seen = demand(seed=1)
    ratio = bullwhip_ratios(seen, chain_orders(seen, [lead_time], smoothing=smoothing), warm_up=100)
    assert ratio[0] == pytest.approx(exponential_smoothing_bullwhip(lead_time, smoothing), rel=0.01)


def test_smoothing_with_weight_one_is_a_moving_average_of_one_day():
    seen = demand(n_paths=2, n_days=30)
    np.testing.assert_allclose(
        chain_orders(seen, [2, 3], smoothing=1.0)[:, :, 3:], chain_orders(seen, [2, 3], window=1)[:, :, 3:]
    )


def test_shared_demand_grows_by_the_sum_of_lead_times_else_by_products():
    seen, lead_times, window = demand(seed=2), [2, 2, 2], 6
    shared = bullwhip_ratios(seen, chain_orders(seen, lead_times, window=window, shared=True))
    alone = bullwhip_ratios(seen, chain_orders(seen, lead_times, window=window))
    # With shared demand: 1 + 2 sum(L) / p + 2 sum(L)^2 / p^2, theorem 3.1
    np.testing.assert_allclose(shared, moving_average_bullwhip(np.cumsum(lead_times), window), rtol=0.01)
    # Without: at least the product of the stages' ratios, theorem 3.2
    assert alone[0] == pytest.approx(shared[0], rel=0.01)  # measured from a later day on
    assert (alone[1:] > np.cumprod(moving_average_bullwhip(np.array(lead_times), window))[1:] * 0.99).all()
    assert (alone[1:] > shared[1:]).all()


def test_orders_by_hand():
    # Averages of two days: -, 3, 5, 8. Orders: 2 x (5 - 3) + 6 and 2 x (8 - 5) + 10.
    orders = chain_orders(np.array([[2.0, 4, 6, 10]]), [2], window=2)
    np.testing.assert_array_equal(orders, [[[np.nan, np.nan, 10, 16]]])
    # Smoothing by one half from the first day on: 2, 3, 4.5, 7.25.
    orders = chain_orders(np.array([[2.0, 4, 6, 10]]), [2], smoothing=0.5)
    np.testing.assert_array_equal(orders, [[[np.nan, 2 + 4, 3 + 6, 5.5 + 10]]])


def test_steady_demand_is_ordered_as_it_is():
    orders = chain_orders(np.full((1, 20), 7.0), [3, 2], window=4)
    assert (orders[:, :, 9:] == 7).all()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: moving_average_bullwhip(2, 0), "window"),
        (lambda: moving_average_bullwhip(-1, 3), "lead_time"),
        (lambda: moving_average_bullwhip(2, 3, correlation=1), "correlation"),
        (lambda: exponential_smoothing_bullwhip(2, 0), "smoothing"),
        (lambda: chain_orders(np.ones((1, 9)), [1]), "window"),
        (lambda: chain_orders(np.ones((1, 9)), [1], window=2, smoothing=0.5), "window"),
        (lambda: chain_orders(np.ones((1, 9)), [-1], window=2), "lead_time"),
        (lambda: bullwhip_ratios(np.ones((1, 9)), np.ones((1, 1, 9)), warm_up=8), "warm_up"),
    ],
)
def test_arguments_out_of_range_are_named(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
