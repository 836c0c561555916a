import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.policy import (
    all_units_discount,
    economic_order_quantity,
    economic_order_quantity_as_printed,
    economic_order_with_backorders,
    economic_production_quantity,
    incremental_discount,
    order_quantity_cost,
)

PRICES = {"breakpoints": [0, 400, 800], "unit_costs": [0.75, 0.72, 0.68]}  # examples 3.5 to 3.7


def test_example_3_1():
    order = economic_order_quantity(8, 0.225, 1300)
    assert order.quantity == pytest.approx(304.0467800, abs=5e-8)
    assert order.cost == pytest.approx(68.4105255, abs=5e-8)
    assert order_quantity_cost(order.quantity, 8, 0.225, 1300) == pytest.approx(order.cost)
    assert order_quantity_cost(250, 8, 0.225, 1300) == pytest.approx(69.725)


def test_example_3_6_all_units_discount():
    order = all_units_discount(8, 0.3, 1300, **PRICES)
    assert (order.quantity, order.price_level) == (800, 2)
    assert order.cost == pytest.approx(978.60)


def test_example_3_7_incremental_discount():
    order = incremental_discount(8, 0.3, 1300, **PRICES)
    assert order.price_level == 0
    assert order.quantity == pytest.approx(304.04678003)
    assert order.cost == pytest.approx(1043.41052551)


def test_example_3_8_backorders():
    order = economic_order_with_backorders(8, 0.225, 5, 1300)
    assert order.quantity == pytest.approx(310.8125552, abs=5e-8)
    assert order.cost == pytest.approx(66.9213636, abs=5e-8)
    assert order.backordered_share == pytest.approx(0.0430622, abs=5e-8)


def test_problem_3_22_finite_production():
    order = economic_production_quantity(4, 0.08, 80, 110)
    assert order.quantity == pytest.approx(171.2697677, abs=5e-8)
    assert order.cost == pytest.approx(3.7367949, abs=5e-8)


def test_document_003_labels_the_costs_wrongly():
    # Printed: C is the cost of a unit in stock, H that of a unit short. On example 3.8 its order is 29 times too small,
    # and it grows with the cost of stock, where it should fall.
    printed = economic_order_quantity_as_printed(0.225, 5, 1300)
    assert printed == pytest.approx(10.8167, abs=5e-5)
    assert economic_order_quantity_as_printed(4 * 0.225, 5, 1300) == pytest.approx(2 * printed)
    assert economic_order_quantity(8, 4 * 0.225, 1300).quantity == pytest.approx(304.04678 / 2)
    # With the right costs in its place the printed formula is the right one.
    assert economic_order_quantity_as_printed(8, 0.225, 1300) == pytest.approx(304.0467800)


def sawtooth_cost(quantity, held_back, K, h, p, demand, production=np.inf, steps=20_000):
    """Cost per unit of time of one cycle, stock followed in small steps; `held_back` units wait at its end."""
    share = demand / production
    making = np.linspace(0, 1, steps + 1)[:-1] + 0.5 / steps
    peak = quantity * (1 - share) - held_back
    stock = np.concatenate([-held_back + (peak + held_back) * making, peak - (peak + held_back) * making])
    weight = np.repeat([share, 1 - share], steps) / steps
    rate = weight @ (h * np.maximum(stock, 0) + p * np.maximum(-stock, 0))
    return rate + K * demand / quantity


@pytest.mark.parametrize("production", [np.inf, 2000.0])
def test_costs_and_optima_by_following_the_stock_through_a_cycle(production):
    K, h, p, demand = 8, 0.225, 5, 1300
    if production == np.inf:
        best, waiting = economic_order_with_backorders(K, h, p, demand), None
        waiting = best.quantity * best.backordered_share
    else:
        best, waiting = economic_production_quantity(K, h, demand, production), 0.0
        assert best.quantity == pytest.approx(513.9328596) and best.cost == pytest.approx(40.4722127)
    at_best = sawtooth_cost(best.quantity, waiting, K, h, p, demand, production)
    assert at_best == pytest.approx(best.cost, rel=1e-6)
    for factor in (0.97, 1.03):
        assert sawtooth_cost(factor * best.quantity, waiting, K, h, p, demand, production) > at_best
        assert production < np.inf or sawtooth_cost(best.quantity, factor * waiting, K, h, p, demand) > at_best


def test_discounts_against_every_quantity_on_a_grid():
    rng = np.random.default_rng(0)
    for _ in range(40):
        K, rate, demand = rng.uniform(1, 300), rng.uniform(0.1, 0.4), rng.uniform(300, 3000)
        breakpoints = np.append(0, np.cumsum(rng.integers(20, 400, 3)))
        unit_costs = 10 * np.cumprod(rng.uniform(0.85, 0.99, 4))
        quantities = np.arange(1.0, 12_000)
        level = np.searchsorted(breakpoints, quantities, side="right") - 1
        at_each_price = np.clip(quantities[:, None] - breakpoints, 0, np.append(np.diff(breakpoints), np.inf))
        for rule, paid in (
            (all_units_discount, unit_costs[level] * quantities),
            (incremental_discount, at_each_price @ unit_costs),
        ):
            # A unit in stock costs its share of what the order was paid with.
            cost = (K + paid) * demand / quantities + rate * paid / 2
            order = rule(K, rate, demand, breakpoints, unit_costs)
            assert cost.min() * (1 - 1e-4) < order.cost <= cost.min() + 1e-9
            assert abs(order.quantity - quantities[cost.argmin()]) <= 1
            assert order.price_level == np.searchsorted(breakpoints, order.quantity, side="right") - 1


def test_items_at_once():
    many = all_units_discount(
        [8, 200], [0.3, 0.2], [1300, 1000], [[0, 400, 800], [0, 200, 500]], [[0.75, 0.72, 0.68], [500, 475, 450]]
    )
    np.testing.assert_allclose(many.quantity, [800, 500])
    np.testing.assert_allclose(many.cost, [978.60, 472_900])
    many = incremental_discount([8, 150], [0.3, 0.25], [1300, 2400], [[0, 400], [0, 300]], [[0.75, 0.72], [100, 90]])
    alone = incremental_discount(150, 0.25, 2400, [0, 300], [100, 90])
    assert many.quantity[1] == pytest.approx(alone.quantity) and many.cost[1] == pytest.approx(alone.cost)
    np.testing.assert_allclose(economic_order_quantity(8, [0.225, 0.9], 1300).quantity, [304.04678, 152.02339])
    assert all_units_discount(0, 0.3, 1300, [0], [2]).cost == pytest.approx(2600)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: economic_order_quantity(-8, 0.2, 1300), "order_cost holds -8"),
        (lambda: economic_order_quantity(8, 0, 1300), "holding_cost holds 0"),
        (lambda: economic_order_quantity(8, 0.2, np.nan), "demand_rate"),
        (lambda: economic_order_with_backorders(8, 0.2, 0, 1300), "shortage_cost"),
        (lambda: economic_production_quantity(8, 0.2, 1300, 1000), "production_rate falls 300 short"),
        (lambda: order_quantity_cost(0, 8, 0.2, 1300), "quantity"),
        (lambda: all_units_discount(8, 0.3, 1300, [1, 400], [2, 1]), "breakpoints"),
        (lambda: all_units_discount(8, 0.3, 1300, [0, 400, 400], [3, 2, 1]), "breakpoints"),
        (lambda: incremental_discount(8, 0.3, 1300, [0, 400], [1, 2]), "unit_costs"),
        (lambda: incremental_discount(8, 0.3, 1300, [0, 400], [1]), r"breakpoints has shape \(2,\)"),
        (lambda: incremental_discount(8, 0, 1300, [0, 400], [2, 1]), "holding_rate"),
    ],
)
def test_wrong_input_is_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()
