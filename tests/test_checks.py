"""Checks of arguments: good values come back, a wrong one is named with its value and the cure."""

import numpy as np
import pytest

from bowerbird.checks import (
    above,
    at_least,
    check_shapes,
    check_size,
    finite,
    finite_or_missing,
    probabilities,
    spread_over,
    whole,
)
from bowerbird.errors import ParameterError


def test_good_values_come_back_as_floats_of_the_same_shape():
    for check in (at_least, above):
        values = check("price", [[1, 2], [3, 4]])
        assert values.dtype == float and values.tolist() == [[1, 2], [3, 4]]
    assert at_least("price", 0) == 0 and at_least("price", -2, -2) == -2


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e16, "a", None, 1j, [1, [2]], np.ma.masked_array([1.0], [True])])
def test_what_is_no_usable_number_is_named(wrong):
    for check in (finite, at_least, above, probabilities):
        with pytest.raises(ParameterError, match=r"^price "):
            check("price", wrong)


@pytest.mark.parametrize("wrong", [-1, np.nan, np.inf, [3, -1], [3, np.nan]])
def test_a_wrong_value_is_shown(wrong):
    shown = str(np.atleast_1d(wrong)[-1]).removesuffix(".0")
    for check in (at_least, above):
        with pytest.raises(ParameterError, match=f"price holds {shown}; give values"):
            check("price", wrong)
    with pytest.raises(ParameterError, match="above 0"):
        above("price", [1, 0])


def test_a_missing_or_masked_value_is_nan():
    masked = np.ma.masked_array([2.0, 9.0], [False, True])
    for values in ([2.0, np.nan], masked):
        np.testing.assert_array_equal(finite_or_missing("demand", values), [2, np.nan])
    with pytest.raises(ParameterError, match="demand holds inf"):
        finite_or_missing("demand", [np.inf])


@pytest.mark.parametrize("check", [finite, at_least, finite_or_missing])
def test_the_axes_asked_for_are_named(check):
    assert check("demand", [[1, 2]], axes="n_items, n_days").shape == (1, 2)
    for wrong in ([1, 2], np.empty((3, 0))):
        with pytest.raises(ParameterError, match=r"demand, shape \(.*: give \(n_items, n_days\), none of them 0"):
            check("demand", wrong, axes="n_items, n_days")


def test_infinity_passes_where_it_means_no_limit():
    assert at_least("capacity", [1, np.inf], endless=True).tolist() == [1, np.inf]
    for wrong in (-np.inf, np.nan):
        with pytest.raises(ParameterError, match="capacity holds"):
            at_least("capacity", wrong, endless=True)


def test_whole_takes_counts_only():
    assert whole("days", 3.0) == 3 and isinstance(whole("days", 3.0), int) and whole("days", 0) == 0
    for wrong, least in ((2.5, 0), (-1, 0), (0, 1)):
        with pytest.raises(ParameterError, match=f"days is {wrong}; give a whole number of at least {least}"):
            whole("days", wrong, least)


def test_sizes_and_shapes_are_named():
    np.testing.assert_array_equal(spread_over("price", 5, (3,)), [5, 5, 5])
    np.testing.assert_array_equal(spread_over("price", [[1], [2]], (2, 2)), [[1, 1], [2, 2]])
    with pytest.raises(ParameterError, match=r"price has shape \(2,\).*\(3,\)"):
        spread_over("price", [1, 2], (3,))
    check_size("mean", 1000)
    with pytest.raises(ParameterError, match=r"mean would take 1e\+09 cells"):
        check_size("mean", 1e9)
    check_shapes(mean=np.ones((2, 3)), std=1.0)
    with pytest.raises(ParameterError, match=r"mean \(2,\), std \(3,\)"):
        check_shapes(mean=[1, 2], std=[1, 2, 3])
