"""The simple forecasters' one-step update against the batch methods."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bowerbird.errors import ParameterError
from bowerbird.evaluation import baselines
from bowerbird.operation.states import WINDOWS, SimpleState, start

UNITS = st.one_of(st.just(0.0), st.just(np.nan), st.integers(0, 50).map(float))


def batch(demand, alpha=0.1, beta=0.1):
    expected = {
        "SES": baselines.exponential_smoothing(demand, 1, alpha)[:, 0],
        "TSB": baselines.tsb(demand, 1, alpha, beta)[:, 0],
    }
    return expected | {f"median {days}": baselines.recent_median(demand, 1, days)[:, 0] for days in WINDOWS}


@settings(max_examples=30)
@given(hnp.arrays(float, (4, 40), elements=UNITS), st.integers(0, 39), st.floats(0.01, 1))
def test_day_by_day_is_the_batch_method_bit_for_bit(demand, n_start, alpha):
    state = start(demand[:, :n_start], alpha)
    for day in range(n_start, 40):
        state = state.advance(demand[:, day])
    for name, expected in batch(demand, alpha).items():
        np.testing.assert_array_equal(state.forecasts()[name], expected, err_msg=name)


def test_one_step_by_hand():
    state = start(np.array([[10.0, 0.0]]), alpha=0.5, beta=0.25)  # SES 10, 5; size 10; chance 1, 0.75
    assert state.forecasts()["SES"] == 5 and state.forecasts()["TSB"] == 7.5
    state = state.advance(np.array([20.0]))  # SES 5 + 0.5 * 15; size 15; chance 0.75 + 0.25 * 0.25
    assert state.forecasts()["SES"] == 12.5 and state.forecasts()["TSB"] == pytest.approx(15 * 0.8125)
    assert state.forecasts()["median 7"] == 10


def test_a_missing_day_moves_no_level_and_leaves_the_window():
    state = start(np.full((1, 30), 4.0))
    after = state.advance(np.array([np.nan]))
    assert after.forecasts() == state.forecasts() and np.isnan(after.window[0, -1]) and after.window.shape == (1, 28)


def test_nothing_known_forecasts_nothing():
    assert all((value == 0).all() for value in start(np.full((2, 5), np.nan)).forecasts().values())


def test_stored_and_read_again_it_goes_on_alike():
    state = start(np.random.default_rng(0).poisson(2, (5, 9)).astype(float), alpha=0.3, beta=0.2)
    again = SimpleState.from_arrays(state.to_arrays())
    for name, value in state.advance(np.arange(5.0)).forecasts().items():
        np.testing.assert_array_equal(again.advance(np.arange(5.0)).forecasts()[name], value)


def test_wrong_input_is_refused():
    with pytest.raises(ParameterError, match="alpha is 0"):
        start(np.ones((2, 3)), alpha=0)
    with pytest.raises(ParameterError, match="one day of 2 series"):
        start(np.ones((2, 3))).advance(np.ones(3))
