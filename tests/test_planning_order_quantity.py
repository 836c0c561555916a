"""A discount and the (r, Q) policy, against textbook values, grids and every customer followed."""

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, poisson_demand
from bowerbird.inventory.policy import economic_order_quantity
from bowerbird.planning.order_quantity import (
    all_units_discount,
    exact_reorder_quantity,
    reorder_quantity_cost,
)

PRICES = {"breakpoints": [0, 400, 800], "unit_costs": [0.75, 0.72, 0.68]}  # examples 3.5 and 3.6
EXAMPLE_5_8 = {"demand_rate": 1.5, "holding_cost": 20, "shortage_cost": 150, "order_cost": 100}
PROBLEM_5_2 = {"demand_rate": 12, "holding_cost": 4, "shortage_cost": 28, "order_cost": 4}


def test_example_3_6_discount():
    order = all_units_discount(8, 0.3, 1300, **PRICES)
    assert order.quantity == 800 and order.cost == pytest.approx(978.60)


def test_a_discount_against_every_quantity_on_a_grid():
    rng = np.random.default_rng(0)
    quantities = np.arange(1.0, 12_000)
    for _ in range(40):
        K, rate, demand = rng.uniform(1, 300), rng.uniform(0.1, 0.4), rng.uniform(300, 3000)
        breakpoints = np.append(0, np.cumsum(rng.integers(20, 400, 3)))
        unit_costs = 10 * np.cumprod(rng.uniform(0.85, 0.99, 4))
        price = unit_costs[np.searchsorted(breakpoints, quantities, side="right") - 1]
        # A unit in stock costs its share of what the order was paid with.
        cost = K * demand / quantities + price * demand + rate * price * quantities / 2
        order = all_units_discount(K, rate, demand, breakpoints, unit_costs)
        assert cost.min() * (1 - 1e-4) < order.cost <= cost.min() + 1e-9
        assert abs(order.quantity - quantities[cost.argmin()]) <= 1


def test_document_003_labels_the_costs_wrongly():
    def printed(C, H, D=1300):
        return np.sqrt(2 * C * D / H)  # C is said to be the cost of a unit in stock, H that of a unit short

    # On example 3.8 its order is 29 times too small, and it grows with the cost of stock, where it should fall.
    assert printed(0.225, 5) == pytest.approx(10.8167, abs=5e-5)
    assert printed(4 * 0.225, 5) == pytest.approx(2 * printed(0.225, 5))
    assert economic_order_quantity(8, 4 * 0.225, 1300).quantity == pytest.approx(304.04678 / 2)
    # With the right costs in its place the printed formula is the right one.
    assert printed(8, 0.225) == pytest.approx(economic_order_quantity(8, 0.225, 1300).quantity)


# ---- (r, Q) ----------------------------------------------------------------------------------------------------------


def test_example_5_8_and_costs_of_other_policies():
    r, Q = exact_reorder_quantity(poisson_demand(1.5 * 2), **EXAMPLE_5_8)
    assert (r[0], Q[0]) == (3, 5)
    cost = reorder_quantity_cost([3, 8], [5, 12], poisson_demand([3, 3]), **EXAMPLE_5_8)
    np.testing.assert_allclose(cost, [107.9235806331498, 242.5281637662021])
    cost = reorder_quantity_cost([6, 3], [7, 9], poisson_demand([6, 6]), **PROBLEM_5_2)
    np.testing.assert_allclose(cost, [28.241312842169155, 34.264154469469503])


def test_brute_force_over_every_r_and_Q_on_small_random_tables():
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.full(7, 0.6), size=20)
    rate, h, p, K = rng.uniform(0.2, 3, 20), rng.uniform(0.5, 3, 20), rng.uniform(1, 15, 20), rng.uniform(0, 9, 20)
    costs = {"demand_rate": rate, "holding_cost": h, "shortage_cost": p, "order_cost": K}
    best = exact_reorder_quantity(Demand(table), **costs)
    again = reorder_quantity_cost(*best, Demand(table), **costs)
    units = np.arange(7)
    for i in range(20):
        G = {y: table[i] @ (h[i] * np.maximum(y - units, 0) + p[i] * np.maximum(units - y, 0)) for y in range(-20, 35)}
        slow = {
            (r, Q): (K[i] * rate[i] + sum(G[y] for y in range(r + 1, r + Q + 1))) / Q
            for r in range(-12, 9)
            for Q in range(1, 20)
        }
        assert again[i] == pytest.approx(min(slow.values()))
        assert slow[best[0][i], best[1][i]] == pytest.approx(again[i])


def test_large_orders_at_little_shortage_cost_reach_far_below_zero():
    costs = {"demand_rate": 5.0, "holding_cost": 1.0, "shortage_cost": 0.2, "order_cost": 400.0}
    (best_r,), (best_Q,) = exact_reorder_quantity(poisson_demand(10), **costs)
    assert best_r < -100
    nearby = [
        reorder_quantity_cost(best_r + dr, best_Q + dQ, poisson_demand(10), **costs)[0]
        for dr in (-1, 0, 1)
        for dQ in (-1, 0, 1)
    ]
    assert nearby[4] == pytest.approx(min(nearby))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: all_units_discount(0, 0.3, 1300, [0], [2]), "order_cost holds 0"),
        (lambda: all_units_discount(8, 0.3, 1300, [0, 400, 400], [3, 2, 1]), "breakpoints"),
        (lambda: all_units_discount(8, 0.3, 1300, [0, 400], [1, 2]), "unit_costs"),
        (lambda: all_units_discount(8, 0, 1300, [0, 400], [2, 1]), "holding_rate"),
        (lambda: exact_reorder_quantity(poisson_demand(3), **EXAMPLE_5_8 | {"demand_rate": 0}), "demand_rate"),
        (lambda: exact_reorder_quantity(poisson_demand(3), **EXAMPLE_5_8 | {"holding_cost": 0}), "holding_cost"),
        (lambda: exact_reorder_quantity(poisson_demand(3), **EXAMPLE_5_8 | {"order_cost": -1}), "order_cost"),
        (
            lambda: exact_reorder_quantity(poisson_demand(3), **EXAMPLE_5_8 | {"demand_rate": 1e9, "order_cost": 1e9}),
            "a search over",
        ),
        (lambda: reorder_quantity_cost(3, 0, poisson_demand(3), **EXAMPLE_5_8), "quantity holds 0"),
    ],
)
def test_unusable_arguments_are_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
