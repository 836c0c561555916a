import numpy as np
import pytest

from bowerbird.inventory.simulate import (
    Costs,
    cycle_service,
    fill_rate,
    holding_cost,
    ordering_cost,
    shortage_cost,
    simulate,
    summary,
    turnover_days,
)

DEMAND = np.array([[2, 3, 2, 4, 1], [0, 0, 0, 0, 0], [0, 0, 9, 0, 0]])
NEVER = np.zeros_like(DEMAND)
S_CONTEST = np.array([[6] * 5, [0] * 5, [0] * 5]), np.array([[10] * 5, [0] * 5, [0] * 5])


def walk(lost_sales=True):
    """Item 0 by hand in test_inventory_simulate; item 1 never asked for; item 2 sells its 5 and is 4 short."""
    return simulate(DEMAND, *S_CONTEST, opening_stock=[5, 5, 5], lost_sales=lost_sales)


def test_fill_rate_by_hand():
    np.testing.assert_allclose(fill_rate(walk(), per_item=True), [10 / 12, 1, 5 / 9])
    assert fill_rate(walk()) == pytest.approx(15 / 21)


def test_turnover_days_by_hand():
    # (5 + 0) / 2 x 5 / 10 and (5 + 0) / 2 x 5 / 5; item 1 keeps its 5 for ever.
    np.testing.assert_allclose(turnover_days(walk(), per_item=True), [1.25, np.inf, 2.5])
    assert turnover_days(walk()) == pytest.approx((15 + 5) / 2 * 5 / 15)
    # Backorders made good count as sold: item 0 ships 2 + 3 and the 5 that arrive on day 3, then 0.
    late = simulate(DEMAND[:1], 6, 10, lost_sales=False)
    assert late.sales.sum() == 8 and turnover_days(late) == pytest.approx((5 + 0) / 2 * 5 / 10)
    empty = simulate(NEVER, NEVER, NEVER, opening_stock=0)
    np.testing.assert_array_equal(turnover_days(empty, per_item=True), [0, 0, 0])
    assert fill_rate(empty) == 1


def test_cycle_service_counts_cycles_from_the_first_possible_arrival():
    # Day 2 is short for items 0 and 2 but lies before the first possible arrival on day 3.
    np.testing.assert_array_equal(cycle_service(walk(), per_item=True), [1, 1, 1])
    # Backorders: item 0 owes 2, receives 5 on day 3, is asked for 4 and owes again; item 2 owes 4 to the end.
    np.testing.assert_array_equal(cycle_service(walk(lost_sales=False), per_item=True), [0, 1, 0])


def test_cycle_service_is_one_verdict_a_cycle():
    demand = np.array([[0, 1, 0, 0, 0, 1, 0, 0, 0]])
    short_twice = simulate(demand, 0, 0, opening_stock=0, lead_time=1, review=3)  # cycles: days 1-3, 4-6; 7-8 left out
    assert cycle_service(short_twice) == 0
    short_once = simulate(demand, 0, 0, opening_stock=1, lead_time=1, review=3)
    assert cycle_service(short_once) == 0.5
    assert np.isnan(cycle_service(simulate(demand, 0, 0, lead_time=8, review=2)))


def test_costs_by_hand():
    costs = Costs(holding=np.array([1.0, 2.0, 10.0]), shortage=np.array([7.0, 7.0, 3.0]), order=4.0)
    np.testing.assert_allclose(holding_cost(walk(), costs), [3 + 0 + 0 + 1 + 0, 2 * 25, 10 * (5 + 5)])
    np.testing.assert_allclose(shortage_cost(walk(), costs), [7 * 2, 0, 3 * 4])
    np.testing.assert_allclose(ordering_cost(walk(), costs), [8, 0, 0])
    late = walk(lost_sales=False)
    assert shortage_cost(late, costs)[2] == 3 * 4 * 3  # four backorders wait on days 2, 3 and 4


def test_summary_is_the_sum_of_its_items():
    costs = Costs(holding=np.array([1.0, 2.0, 10.0]), shortage=np.array([7.0, 7.0, 3.0]), order=4.0)
    row = summary(walk(), costs)
    assert row["total_cost"] == pytest.approx(4 + 50 + 100 + 14 + 12 + 8)
    assert row["mean_stock"] == pytest.approx((4 + 25 + 10) / 5)
    assert row["orders"] == 2 and row["fill_rate"] == pytest.approx(15 / 21)
