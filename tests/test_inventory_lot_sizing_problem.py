import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.planning.lot_sizing_problem import LotSizing, plan_of


def test_document_004_section_4_1_total_cost_is_1100_not_1200():
    # Printed: 1 x 1000 + 100 x 1 + 200 x 0 = 1200. A thousand units held for a day, one order, nothing short.
    problem = LotSizing([[0, 1000]], holding_cost=1, order_cost=100, lost_sale_cost=200)
    plan = plan_of(problem, np.array([[1000.0, 0]]), np.zeros((1, 2)))
    assert plan.costs == {"holding": 1000, "ordering": 100, "purchase": 0, "lost_sales": 0}
    assert plan.cost == 1100 != 1200


def test_opening_stock_meets_the_first_demand():
    problem = LotSizing([[2, 3, 4], [1, 1, 1]], holding_cost=[1, 2], order_cost=0, opening_stock=[4, 9])
    np.testing.assert_array_equal(problem.net_demand, [[0, 1, 4], [0, 0, 0]])
    assert problem.opening_stock_cost == 1 * 2 + 2 * (8 + 7 + 6)


def test_plan_counts_stock_and_costs_by_hand():
    problem = LotSizing([[2, 3, 4]], holding_cost=1, order_cost=10, unit_cost=[[1, 2, 3]], lost_sale_cost=7,
                        opening_stock=1)  # fmt: skip
    plan = plan_of(problem, np.array([[4.0, 0, 2.0]]), np.array([[0, 0, 2.0]]), lower_bound=30)
    np.testing.assert_array_equal(plan.stock, [[3, 0, 0]])
    assert plan.costs == {"holding": 3, "ordering": 20, "purchase": 4 + 6, "lost_sales": 14}
    assert plan.gap == pytest.approx((47 - 30) / 47)


def test_capacity_too_small_for_what_must_be_met_says_by_how_much():
    with pytest.raises(ParameterError, match="days 0 to 1 is 4, 6 less"):
        LotSizing([[1, 5, 0], [2, 2, 9]], 1, 1, capacity=[2, 2, 99])
    with pytest.raises(ParameterError, match="days 0 to 1 is 8, 5 less"):
        LotSizing([[1, 5, 0]], 1, 1, capacity=4, space=2.5, opening_stock=0.8)
    LotSizing([[1, 5, 0], [2, 2, 9]], 1, 1, capacity=[2, 2, 99], lost_sale_cost=[np.inf, 3], opening_stock=[4, 0])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"demand": [1, 2]}, "demand"),
        ({"demand": np.empty((0, 3))}, "demand"),
        ({"demand": [[1, np.nan]]}, "demand"),
        ({"holding_cost": -1}, "holding_cost"),
        ({"order_cost": [1, 2, 3]}, "order_cost"),
        ({"lost_sale_cost": np.nan}, "lost_sale_cost"),
        ({"unit_cost": np.inf}, "unit_cost"),
        ({"capacity": [1, 2, 3]}, "capacity"),
        ({"order_minimum": -2}, "order_minimum"),
    ],
)
def test_arguments_that_do_not_fit_are_named(wrong, named):
    with pytest.raises(ParameterError, match=named):
        LotSizing(**({"demand": [[1, 2]], "holding_cost": 1, "order_cost": 1} | wrong))
