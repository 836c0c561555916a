"""A quantity discount, against the textbook and a grid of quantities; document 003's order quantity."""

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.policy import economic_order_quantity
from bowerbird.planning.order_quantity import all_units_discount

PRICES = {"breakpoints": [0, 400, 800], "unit_costs": [0.75, 0.72, 0.68]}  # examples 3.5 and 3.6


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


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: all_units_discount(0, 0.3, 1300, [0], [2]), "order_cost holds 0"),
        (lambda: all_units_discount(8, 0.3, 1300, [0, 400, 400], [3, 2, 1]), "breakpoints"),
        (lambda: all_units_discount(8, 0.3, 1300, [0, 400], [1, 2]), "unit_costs"),
    ],
)
def test_unusable_arguments_are_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
