"""Scalers fitted on training days only; weeks and months against hand sums and a slow loop."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bowerbird.data.panel import Panel, aggregate, build_panel, fit_scaler
from bowerbird.errors import ParameterError

NAN = np.nan
demands = hnp.arrays(float, st.tuples(st.integers(1, 3), st.integers(2, 20)), elements=st.integers(0, 1000).map(float))


def panel_of(demand: np.ndarray, first_day) -> Panel:
    series = pd.DataFrame({"seller_no": [f"seller_{i}" for i in range(len(demand))]})
    return Panel(series, pd.date_range(first_day, periods=demand.shape[1]), demand)


def test_scalers_by_hand():
    demand = np.array([[2, 4, 4, 4, 5, 5, 7, 9, 19.0], [1, NAN, 1, 1, 1, 1, 1, 1, 3]])
    min_max = fit_scaler(demand, "min-max", 8)
    assert (min_max.shift.tolist(), min_max.scale.tolist()) == ([[2], [1]], [[7], [1]])
    assert min_max.transform(demand)[0, [0, 7, 8]].tolist() == [0, 1, 17 / 7]
    z = fit_scaler(demand, "z", 8)  # mean 5, standard deviation 2; a constant series gets scale 1
    assert (z.shift.tolist(), z.scale.tolist()) == ([[5], [1]], [[2], [1]])
    assert z.transform(demand)[:, 8].tolist() == [7, 2]


@pytest.mark.parametrize("kind", ["min-max", "z"])
def test_a_constant_that_rounding_spoils_gets_scale_one(kind):
    demand = np.full((1, 3), 0.1)
    assert np.std(demand) > 0  # 0.1 + 0.1 + 0.1 is not 0.3
    assert fit_scaler(demand, kind, 3).scale.tolist() == [[1]]


@given(demand=demands, data=st.data())
def test_scaled_training_days_have_the_promised_range_and_moments(demand, data):
    n_train = data.draw(st.integers(1, demand.shape[1]))
    varies = np.ptp(demand[:, :n_train], axis=1) > 0
    scaled = fit_scaler(demand, "min-max", n_train).transform(demand)[varies, :n_train]
    np.testing.assert_array_equal(scaled.min(axis=1), 0)
    np.testing.assert_array_equal(scaled.max(axis=1), 1)
    scaled = fit_scaler(demand, "z", n_train).transform(demand)[varies, :n_train]
    np.testing.assert_allclose(scaled.mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(axis=1), 1, rtol=1e-9)


@pytest.mark.parametrize("kind", ["min-max", "z"])
@given(demand=demands, data=st.data())
def test_later_days_leave_the_scaler_bit_equal(kind, demand, data):
    n_train = data.draw(st.integers(1, demand.shape[1] - 1))
    changed = demand.copy()
    changed[:, n_train:] = 1e6
    one, other = fit_scaler(demand, kind, n_train), fit_scaler(changed, kind, n_train)
    np.testing.assert_array_equal(one.shift, other.shift)
    np.testing.assert_array_equal(one.scale, other.scale)
    changed[:, n_train - 1] = 1e6  # a change of a training day does show
    other = fit_scaler(changed, kind, n_train)
    assert ((one.shift != other.shift) | (one.scale != other.scale)).all()


@pytest.mark.parametrize("kind", ["min-max", "z"])
@given(demand=demands, data=st.data())
def test_inverse_undoes_transform(kind, demand, data):
    scaler = fit_scaler(demand, kind, data.draw(st.integers(1, demand.shape[1])))
    np.testing.assert_allclose(scaler.inverse(scaler.transform(demand)), demand, rtol=1e-12, atol=1e-9)


def test_unknown_kind():
    with pytest.raises(ParameterError, match="kind is 'log'; choose 'min-max' or 'z'"):
        fit_scaler(np.ones((1, 3)), "log", 3)


# Aggregation


def test_weeks_start_on_monday_and_only_complete_ones_are_kept():
    # 2022-12-01 is a Thursday: 4 days are left over, then Monday 5th to Sunday 11th, 12th to 18th, and one day more
    weeks = aggregate(panel_of(np.arange(38.0).reshape(2, 19), "2022-12-01"), "week")
    assert list(weeks.columns) == [pd.Timestamp("2022-12-05"), pd.Timestamp("2022-12-12")]
    assert weeks.to_numpy().tolist() == [
        [sum(range(4, 11)), sum(range(11, 18))],
        [sum(range(23, 30)), sum(range(30, 37))],
    ]


def test_a_week_that_begins_on_the_first_day_is_complete():
    weeks = aggregate(panel_of(np.ones((1, 14)), "2022-12-05"), "week")
    assert [f"{day:%a %d}" for day in weeks.columns] == ["Mon 05", "Mon 12"]
    assert weeks.to_numpy().tolist() == [[7, 7]]


def test_months():
    months = aggregate(panel_of(np.ones((1, 166)), "2022-12-01"), "month")
    assert [f"{day:%Y-%m-%d}" for day in months.columns] == [
        "2022-12-01", "2023-01-01", "2023-02-01", "2023-03-01", "2023-04-01",
    ]  # fmt: skip
    assert months.to_numpy().tolist() == [[31, 31, 28, 31, 30]]  # 15 days of May are dropped


def test_days_are_as_they_were():
    demand = np.array([[1.0, NAN, 3]])
    np.testing.assert_array_equal(aggregate(panel_of(demand, "2023-01-01"), "day"), demand)


def test_a_period_with_a_missing_day_is_missing():
    demand = np.ones((2, 14))
    demand[0, 9] = NAN
    np.testing.assert_array_equal(aggregate(panel_of(demand, "2022-12-05"), "week"), [[7, NAN], [7, 7]])


@given(first=st.dates(pd.Timestamp("2019-12-01").date(), pd.Timestamp("2024-12-31").date()), n_days=st.integers(1, 80))
def test_aggregates_equal_a_slow_loop(first, n_days):
    demand = np.arange(2.0 * n_days).reshape(2, n_days) ** 2
    days = [first + timedelta(days=k) for k in range(n_days)]
    starts = {
        "day": lambda day: True,
        "week": lambda day: day.weekday() == 0,
        "month": lambda day: day.day == 1,
    }
    for period, starts_one in starts.items():
        begins = [k for k, day in enumerate(days) if starts_one(day)]
        if starts_one(days[-1] + timedelta(days=1)):  # the last period ends with the last day
            begins.append(n_days)
        expected = {days[a]: demand[:, a:b].sum(axis=1) for a, b in pairwise(begins)}
        got = aggregate(panel_of(demand, first), period)
        assert [day.date() for day in got.columns] == list(expected)
        np.testing.assert_allclose(got.to_numpy().T, np.array(list(expected.values())).reshape(-1, 2))


def test_unknown_period():
    with pytest.raises(ParameterError, match="period is 'year'; choose day, week, month"):
        aggregate(panel_of(np.ones((1, 3)), "2023-01-01"), "year")


def test_original_panel_has_23_weeks_and_5_months(original):
    panel = build_panel(original)
    assert aggregate(panel, "week").shape == (1996, 23)
    assert aggregate(panel, "month").shape == (1996, 5)
    assert aggregate(panel, "month").to_numpy().sum() == panel.until(151).demand.sum()
