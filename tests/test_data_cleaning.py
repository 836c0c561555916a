"""Fillers and outlier rules against hand-worked numbers and slow loops; statistics from the training days alone."""

from functools import partial
from statistics import fmean, median, pstdev

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bowerbird.data.cleaning import drop_duplicates, fill_missing, outlier_bounds, stock_outs, treat_outliers
from bowerbird.errors import ParameterError

NAN = np.nan
FILLERS = ("mean", "median", "nearest", "linear")
ONES = np.ones((1, 5))
RULES = ("3 sigma", "box plot", "Hampel")

units = st.integers(0, 50).map(float)
holed = hnp.arrays(float, st.tuples(st.integers(1, 3), st.integers(1, 24)), elements=units | st.just(NAN))
# ---- missing days


def filled_slowly(row: list[float], how: str, n_train: int) -> list[float]:
    known = [day for day, value in enumerate(row) if value == value]
    training = [row[day] for day in known if day < n_train]
    filled = []
    for day, value in enumerate(row):
        if value == value:
            filled.append(value)
        elif how in ("mean", "median"):
            filled.append((fmean if how == "mean" else median)(training) if training else NAN)
        elif not known:
            filled.append(NAN)
        elif how == "nearest":
            filled.append(row[min(known, key=lambda other: (abs(other - day), other))])
        else:
            filled.append(np.interp(day, known, [row[other] for other in known]))
    return filled


@given(how=st.sampled_from(FILLERS), demand=holed, n_train=st.integers(1, 24))
def test_fillers_equal_a_slow_loop(how, demand, n_train):
    cleaned = fill_missing(demand, how, n_train)
    expected = np.array([filled_slowly(list(row), how, n_train) for row in demand])
    np.testing.assert_allclose(cleaned.demand, expected, rtol=1e-12, atol=1e-12)
    cells = np.isnan(demand).sum() - np.isnan(expected).sum()
    assert cleaned.record == {"step": "missing values", "choice": how, "cells": cells}
    known = ~np.isnan(demand)
    np.testing.assert_array_equal(cleaned.demand[known], demand[known])


# ---- duplicates


def test_duplicates():
    records = pd.DataFrame({"product_no": list("abacc"), "date": 1, "qty": [1, 2, 3, 4, 5]})
    unique, record = drop_duplicates(records, ["product_no", "date"])
    assert unique.to_dict("list") == {"product_no": list("abc"), "date": [1, 1, 1], "qty": [1, 2, 4]}
    assert record == {"step": "duplicates", "choice": "first", "cells": 2}


# ---- outliers


def bounds_slowly(row: list[float], rule: str, n_train: int) -> list[tuple[float, float]]:
    def quantile(values, share):  # linear between order statistics
        values = sorted(values)
        place = share * (len(values) - 1)
        below = int(place)
        return values[below] + (place - below) * (values[min(below + 1, len(values) - 1)] - values[below])

    training = [value for value in row[:n_train] if value == value]
    if not training and rule != "Hampel":
        return [(NAN, NAN)] * len(row)
    if rule == "3 sigma":
        return [(fmean(training) - 3 * pstdev(training), fmean(training) + 3 * pstdev(training))] * len(row)
    if rule == "box plot":
        q1, q3 = quantile(training, 0.25), quantile(training, 0.75)
        return [(q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1))] * len(row)
    bounds = []
    for day in range(len(row)):
        window = [value for value in row[max(0, day - 14) : day + 1] if value == value]
        if len(window) < 5:
            bounds.append((-np.inf, np.inf))
        else:
            spread = 1.4826 * median(abs(value - median(window)) for value in window)
            bounds.append((median(window) - 3 * spread, median(window) + 3 * spread))
    return bounds


@given(rule=st.sampled_from(RULES), demand=holed, n_train=st.integers(1, 24))
def test_bounds_equal_a_slow_loop(rule, demand, n_train):
    expected = np.array([bounds_slowly(list(row), rule, n_train) for row in demand])  # (n_series, n_days, 2)
    low, high = outlier_bounds(demand, rule, n_train)
    np.testing.assert_allclose(np.broadcast_to(low, demand.shape), expected[..., 0], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(np.broadcast_to(high, demand.shape), expected[..., 1], rtol=1e-9, atol=1e-6)


TREATMENTS = ("cut", "replace")
CLEANERS = [partial(fill_missing, how=how) for how in ("mean", "median")] + [
    partial(treat_outliers, rule=rule, treatment=treatment) for rule in RULES for treatment in TREATMENTS
]


@given(st.sampled_from(CLEANERS), holed.filter(lambda demand: demand.shape[1] > 1), units, st.data())
def test_later_days_leave_the_training_days_bit_equal(cleaned, demand, later, data):
    n_train = data.draw(st.integers(1, demand.shape[1] - 1))
    changed = np.column_stack([demand[:, :n_train], 100 * later + demand[:, n_train:]])
    first, second = (cleaned(each, n_train=n_train).demand[:, :n_train] for each in (demand, changed))
    np.testing.assert_array_equal(first, second)
    for rule in ("3 sigma", "box plot"):  # bounds that hold for the later days as well
        np.testing.assert_array_equal(outlier_bounds(changed, rule, n_train), outlier_bounds(demand, rule, n_train))


@given(st.sampled_from(RULES), st.sampled_from(TREATMENTS), holed, st.integers(1, 24))
def test_only_outliers_change_and_all_of_them(rule, treatment, demand, n_train):
    cleaned = treat_outliers(demand, rule, treatment, n_train)
    low, high = (np.broadcast_to(bound, demand.shape) for bound in outlier_bounds(demand, rule, n_train))
    instead = np.where(demand < low, low, high)
    if treatment == "replace":  # by the median of the training days, which may by chance be the outlier's own value
        instead = np.broadcast_to(pd.DataFrame(demand[:, :n_train].T).median().to_numpy()[:, None], demand.shape)
    outlier = ((demand < low) | (demand > high)) & ~np.isnan(instead)
    assert cleaned.record == {"step": "outliers", "choice": f"{rule}, {treatment}", "cells": outlier.sum()}
    np.testing.assert_array_equal(cleaned.demand[~outlier], demand[~outlier])
    np.testing.assert_array_equal(cleaned.demand[outlier], instead[outlier])


# ---- stock-outs


@given(hnp.arrays(int, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=st.sampled_from([0] * 9 + [50])))
def test_stock_outs_equal_a_slow_loop(demand):
    expected = np.zeros(demand.shape, dtype=bool)
    for i, row in enumerate(demand):
        for first in range(len(row)):
            for last in range(first + 6, len(row)):
                run = row[first : last + 1]
                if row[:first].sum() and row[last + 1 :].sum() and not run.any() and row.mean() > 2:
                    expected[i, first : last + 1] = True
    np.testing.assert_array_equal(stock_outs(demand.astype(float)), expected)


def test_missing_days_are_no_stock_out():
    demand = np.array([[30.0, *[0] * 6, NAN, 0, 30], [NAN] * 10])
    assert np.flatnonzero(stock_outs(demand)).tolist() == [1, 2, 3, 4, 5, 6, 8]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: fill_missing([1.0, NAN], "mean", 1), r"demand, shape \(2,\)"),
        (lambda: fill_missing([[1.0, np.inf]], "linear", 1), "demand holds inf"),
        (lambda: treat_outliers([[1.0, 2.0]], "3 sigma", "cut", 0), "n_train is 0"),
        (lambda: fill_missing(ONES, "mode", 5), "how is 'mode'; choose 'mean', 'median', 'nearest' or 'linear'"),
        (lambda: outlier_bounds(ONES, "sigma", 5), "rule is 'sigma'; choose '3 sigma', 'box plot' or 'Hampel'"),
        (lambda: treat_outliers(ONES, "3 sigma", "drop", 5), "treatment is 'drop'; choose 'cut' or 'replace'"),
    ],
)
def test_what_cannot_be_cleaned_is_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
