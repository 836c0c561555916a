"""Stock day by day against the simulation of all days at once."""

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.simulate import simulate
from bowerbird.operation import stock


@pytest.mark.parametrize(("lead_time", "review"), [(3, 1), (0, 1), (2, 3), (5, 2)])
def test_day_by_day_is_the_simulation(lead_time, review):
    rng = np.random.default_rng(lead_time)
    demand = rng.poisson(3, (20, 40)).astype(float)
    s = rng.integers(0, 15, (20, 40)).astype(float)
    S = s + rng.integers(0, 9, (20, 40))
    whole = simulate(demand, s, S, opening_stock=5, lead_time=lead_time, review=review)
    shelf = stock.opening(20, 5, lead_time)
    for day in range(40):
        quantity = np.zeros(20)
        if day % review == 0:
            shelf, quantity = stock.order(shelf, s[:, day], S[:, day])
        shelf, booked = stock.serve(shelf, demand[:, day], np.full(20, 99.0))  # no day is unknown
        np.testing.assert_array_equal(quantity, whole.orders[:, day])
        pairs = {"opening": "opening_stock", "closing": "closing_stock"}
        for ours in ("opening", "arrivals", "sales", "short", "closing"):
            expected = getattr(whole, pairs.get(ours, ours))[:, day]
            np.testing.assert_array_equal(getattr(booked, ours), expected, err_msg=f"{ours} {day}")
        np.testing.assert_array_equal(shelf.on_order.sum(axis=1), whole.on_order[:, day])


def test_by_hand():
    shelf = stock.opening(1, 5, lead_time=1)
    shelf, quantity = stock.order(shelf, np.array([6.0]), np.array([8.0]))
    assert quantity == 3 and shelf.position == 8
    shelf, day = stock.serve(shelf, np.array([7.0]), np.array([99.0]))
    assert (day.sales, day.short, day.closing) == (5, 2, 0)
    shelf, day = stock.serve(shelf, np.array([np.nan]), np.array([0.75]))  # unknown: the forecast leaves the shelf
    assert (day.arrivals, day.closing) == (3, 2.25) and np.isnan(day.sales) and np.isnan(day.short)
    shelf, quantity = stock.order(shelf, np.array([6.0]), np.array([8.0]))
    assert quantity == 6 and shelf.position == 8.25  # whole units: 5.75 are missing
    shelf, day = stock.serve(shelf, np.array([np.nan]), np.array([5.0]))
    assert day.closing == 0  # no more than is there


def test_wrong_input_is_refused():
    with pytest.raises(ParameterError, match="lead_time is -1"):
        stock.opening(2, 5, -1)
