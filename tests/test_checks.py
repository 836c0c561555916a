import numpy as np
import pytest

from bowerbird.checks import above, at_least, spread_over, whole
from bowerbird.errors import ParameterError


def test_good_values_come_back_as_floats_of_the_same_shape():
    for check in (at_least, above):
        values = check("price", [[1, 2], [3, 4]], 0)
        assert values.dtype == float and values.tolist() == [[1, 2], [3, 4]]
    assert at_least("price", 0) == 0 and at_least("price", -2, -2) == -2


@pytest.mark.parametrize("wrong", [-1, np.nan, np.inf, [3, -1], [3, np.nan]])
def test_a_wrong_value_is_named(wrong):
    shown = str(np.atleast_1d(wrong)[-1]).removesuffix(".0")
    for check in (at_least, above):
        with pytest.raises(ParameterError, match=f"price holds {shown}; give values"):
            check("price", wrong)


def test_above_refuses_the_least_value_itself():
    with pytest.raises(ParameterError, match="above 0"):
        above("price", [1, 0])


def test_whole_takes_counts_only():
    assert whole("days", 3.0) == 3 and isinstance(whole("days", 3.0), int) and whole("days", 0) == 0
    for wrong, least in ((2.5, 0), (-1, 0), (0, 1)):
        with pytest.raises(ParameterError, match=f"days is {wrong}; give a whole number of at least {least}"):
            whole("days", wrong, least)


def test_spread_over_stretches_or_names_the_shape_it_wants():
    np.testing.assert_array_equal(spread_over("price", 5, (3,)), [5, 5, 5])
    np.testing.assert_array_equal(spread_over("price", [[1], [2]], (2, 2)), [[1, 1], [2, 2]])
    with pytest.raises(ParameterError, match=r"price has shape \(2,\).*\(3,\)"):
        spread_over("price", [1, 2], (3,))
