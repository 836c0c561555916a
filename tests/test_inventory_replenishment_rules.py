import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.policy import economic_order_quantity, order_up_to_level
from bowerbird.inventory.simulate import simulate
from bowerbird.planning.replenishment_rules import (
    available_share,
    days_of_cover_levels,
    dynamic_levels,
    mean_stock,
    min_max_levels,
    periodic_levels,
    periodic_order_quantity,
    stock_cost,
)


def test_document_003_periodic_order():
    assert periodic_order_quantity(120, 7) == 840


def test_document_004_stock_cost_is_1100_not_1200():
    costs = {"holding_cost": 1, "order_cost": 100, "stockout_cost": 200}
    assert stock_cost(1000, 1, 0, **costs) == 1100  # printed 1200, which would take a second order ...
    assert stock_cost(1000, 2, 0, **costs) == 1200
    assert stock_cost(1000, 1, 0.5, **costs) == 1200  # ... or half a stock-out


def test_document_004_service_level_is_a_fill_rate():
    assert available_share(500, 1000) == 0.5  # as printed
    assert available_share(1500, 1000) == 1  # as printed it would be 1.5
    np.testing.assert_array_equal(available_share([5, 0], [0, 3]), [1, 0])


def test_document_004_200_units_and_two_orders_a_month_cannot_hold():
    # 100 a day ordered twice in 30 days comes in lots of 1,500, so 750 lie in stock on average, not the printed 200.
    assert periodic_order_quantity(100, 15) == 1500
    assert mean_stock(100, 2, 30) == 750
    # 200 on average takes 7.5 orders a month.
    assert mean_stock(100, 7.5, 30) == pytest.approx(200)
    costs = {"holding_cost": 1, "order_cost": 100, "stockout_cost": 200}  # 1 for a unit a month
    printed, two_orders = (stock_cost(stock, 2, 0, **costs) for stock in (200, 750))
    assert (printed, two_orders) == (400, 950)
    # What really costs least is 775 units, 3.9 times a month: 775, above what the print claims and below two orders.
    order = economic_order_quantity(100, 1, 3000)
    assert order.quantity == pytest.approx(774.597, abs=5e-4) and order.cost == pytest.approx(774.597, abs=5e-4)
    orders = 3000 / order.quantity
    assert stock_cost(mean_stock(100, orders, 30), orders, 0, **costs) == pytest.approx(order.cost)
    # And 200 units at hand with two orders a month leave most of the month without stock.
    walk = simulate(np.full((1, 30), 100), 200, 200, opening_stock=200, lead_time=0, review=15)
    assert walk.sales.sum() == 400 and (walk.closing_stock == 0).sum() == 28


def test_periodic_levels_order_the_period_demand_and_never_run_out_of_steady_demand():
    steady = np.full((2, 42), 10.0)
    levels = periodic_levels(steady, 7, lead_time=3, safety=[0, 25])
    np.testing.assert_array_equal(levels.S, [[100] * 42, [125] * 42])
    np.testing.assert_array_equal(levels.s, levels.S)
    walk = simulate(steady, levels.s, levels.S, opening_stock=[30, 55], lead_time=3, review=7)
    np.testing.assert_array_equal(walk.orders[:, 7::7], 70)  # Q = D t
    assert walk.short.sum() == 0 and walk.closing_stock.min(axis=1).tolist() == [0, 25]


def test_periodic_levels_look_ahead_over_days_that_differ():
    mean = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    levels = periodic_levels(mean, 2, lead_time=1)
    np.testing.assert_array_equal(levels.S, [[6, 9, 12, 14, 15]])  # the last day repeats
    np.testing.assert_array_equal(periodic_levels(np.full((1, 3), 7 / 6), 6, lead_time=0).S, [[7, 7, 7]])


def test_min_max_orders_at_or_below_the_reorder_point():
    levels = min_max_levels([4], 6)
    assert levels.s.tolist() == [[5]] and levels.S.tolist() == [[10]]
    walk = simulate([[1, 1, 1, 1]], levels.s, levels.S, opening_stock=6, lead_time=0)
    np.testing.assert_array_equal(walk.orders, [[0, 0, 6, 0]])  # positions 6, 5, 4: the last is at the reorder point
    by_day = min_max_levels(np.array([[3.2, 4.0]]), [[2.5]])
    assert by_day.s.tolist() == [[5, 5]] and by_day.S.tolist() == [[7, 7]]


def test_dynamic_levels_see_the_window_before_each_day_only():
    demand = np.random.default_rng(0).poisson(20, size=(3, 30)).astype(float)
    levels = dynamic_levels(demand, window=7, lead_time=2, service_level=[0.8, 0.9, 0.99])
    assert not levels.S[:, :7].any()
    seen = demand[1, 5:12]
    by_hand = order_up_to_level(0.9, seen.mean(), seen.std(ddof=1), lead_time=2, review=1)
    assert levels.S[1, 12] == int(np.ceil(by_hand))
    later = demand.copy()
    later[:, 12:] = 500
    changed = dynamic_levels(later, window=7, lead_time=2, service_level=[0.8, 0.9, 0.99])
    np.testing.assert_array_equal(changed.S[:, :13], levels.S[:, :13])
    assert (changed.S[:, 13] > levels.S[:, 13]).all()
    assert not dynamic_levels(demand[:, :7], window=7, lead_time=2).S.any()


def test_days_of_cover_by_hand_with_a_promotion():
    mean = np.full((1, 6), 10.0)
    calm = days_of_cover_levels(mean, min_days=2, max_days=4)
    np.testing.assert_array_equal(calm.s, [[20] * 6])
    np.testing.assert_array_equal(calm.S, [[40] * 6])
    raised = days_of_cover_levels(mean, min_days=2, max_days=4, events=[1, 1, 1, 3, 1, 0])
    np.testing.assert_array_equal(raised.s, [[20, 20, 40, 40, 10, 0]])
    np.testing.assert_array_equal(raised.S, [[60, 60, 50, 40, 10, 0]])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: periodic_order_quantity(-1, 7), "daily_demand"),
        (lambda: periodic_order_quantity(1, 0), "days"),
        (lambda: mean_stock(1, 0, 30), "orders"),
        (lambda: stock_cost(1, 1, -1, holding_cost=1, order_cost=1, stockout_cost=1), "stockouts"),
        (lambda: available_share(-1, 3), "stock"),
        (lambda: min_max_levels([3], 0), "quantity"),
        (lambda: periodic_levels(np.ones((1, 3)), 0, lead_time=1), "days is 0"),
        (lambda: periodic_levels(np.ones((1, 3)), 1, lead_time=-1), "lead_time is -1"),
        (lambda: dynamic_levels(np.ones((1, 9)), window=1, lead_time=1), "window is 1"),
        (lambda: days_of_cover_levels(np.ones((1, 3)), min_days=4, max_days=3), "max_days 3"),
        (lambda: days_of_cover_levels(np.full((1, 3), np.nan), min_days=1, max_days=3), "daily_mean"),
    ],
)
def test_wrong_input_is_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
