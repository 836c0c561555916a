"""At which stock to order, and how much, when stock is watched all the time? The (r, Q) policy, exact and approximate.

An order of Q units is placed when the position falls to r. It then passes r + 1 ... r + Q evenly, so with G(y) the
expected holding and shortage cost per unit of time of lead-time demand met from position y,

    cost(r, Q) = (K D + sum_{y = r+1 ... r+Q} G(y)) / Q

Federgruen and Zheng: the best Q positions are the Q cheapest ones; they lie side by side, as G falls and then rises. So
G is sorted, and the best Q is read off one running sum.

An order is placed at or below r, as in textbooks; in `simulate` and `exact_levels` that is s = r + 1, and for demand
that comes one unit at a time S = r + Q. Demand not met waits.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from bowerbird.checks import above, at_least, finite, fits, spread_over, together
from bowerbird.inventory.demand import Demand
from bowerbird.inventory.economic_order import economic_order_quantity, economic_order_with_backorders
from bowerbird.inventory.newsvendor import level_cost, normal_newsvendor, normal_shortage


@dataclass(frozen=True)
class ReorderQuantity:
    """An (r, Q) policy of each item; arrays (n_items,).

    Attributes
    ----------
    reorder_point : An order is placed when the position falls to it [r].
    quantity : Units an order [Q].
    cost : Expected ordering, holding and shortage cost per unit of time.
    """

    reorder_point: np.ndarray
    quantity: np.ndarray
    cost: np.ndarray


def exact_reorder_quantity(
    lead_time_demand: Demand, *, demand_rate, holding_cost, shortage_cost, order_cost
) -> ReorderQuantity:
    """The (r, Q) policy of least expected cost, for any whole-number lead-time demand, all items at once.

    Parameters
    ----------
    lead_time_demand : Demand
        Demand between an order and its arrival; n_items rows. Exact if units are asked for one at a time.
    demand_rate : float or array (n_items,)
        Expected units per unit of time [D], above 0.
    holding_cost, shortage_cost : float or array (n_items,)
        Cost per unit in stock, and per unit backordered, and unit of time [h, p], above 0.
    order_cost : float or array (n_items,)
        Fixed cost of an order [K], at least 0.

    Returns
    -------
    ReorderQuantity, whole units.

    Raises
    ------
    ParameterError
        If a cost or rate is out of range.

    Source
    ------
    A. Federgruen, Y.-S. Zheng, Operations Research 40 (1992) 808-813; Snyder & Shen, 2nd ed., example 5.8.
    """
    n_items, n_units = lead_time_demand.probability.shape
    rate = spread_over("demand_rate", above("demand_rate", demand_rate), (n_items,))
    holding_cost, shortage_cost, order_cost = (
        spread_over(name, check(name, cost), (n_items,))
        for name, check, cost in (
            ("holding_cost", above, holding_cost), ("shortage_cost", above, shortage_cost),
            ("order_cost", at_least, order_cost),
        )
    )  # fmt: skip
    per_cycle = (order_cost * rate)[:, None]  # K D
    economic = economic_order_with_backorders(order_cost, holding_cost, shortage_cost, rate).quantity
    width = np.ceil(economic.max()) + 2
    while True:
        cells = n_items * (n_units + 2 * width)
        fits(f"order_cost and holding_cost: a search over {width:,.0f} units", cells)
        positions = np.arange(-int(width), n_units + int(width))
        G = level_cost(
            lead_time_demand, np.broadcast_to(positions, (n_items, len(positions))), holding_cost, shortage_cost
        )
        order = np.argsort(G, axis=1, kind="stable")
        cheapest_first = np.take_along_axis(G, order, axis=1)
        costs = (per_cycle + np.cumsum(cheapest_first, axis=1)) / np.arange(1, len(positions) + 1)
        quantity = costs.argmin(axis=1) + 1
        cost = costs[np.arange(n_items), quantity - 1]
        # Positions left out cost more than both ends; what costs more than the mean cannot lower the mean.
        if (np.minimum(G[:, 0], G[:, -1]) >= cost).all():
            break
        width *= 2
    lowest = np.minimum.accumulate(order, axis=1)[np.arange(n_items), quantity - 1]
    return ReorderQuantity(positions[lowest] - 1, quantity, cost)


def reorder_quantity_cost(
    reorder_point, quantity, lead_time_demand: Demand, *, demand_rate, holding_cost, shortage_cost, order_cost
) -> np.ndarray:
    """Exact expected cost per unit of time of any whole (r, Q), to hold a rule against the best.

    Parameters
    ----------
    reorder_point, quantity : int or array (n_items,)
        r, of either sign, and Q, at least 1.
    lead_time_demand, demand_rate, holding_cost, shortage_cost, order_cost
        As in `exact_reorder_quantity`.

    Returns
    -------
    array (n_items,)
    """
    shape = lead_time_demand.probability.shape[:1]
    quantity = spread_over("quantity", at_least("quantity", quantity, 1), shape)[:, None]
    reorder_point = spread_over("reorder_point", finite("reorder_point", reorder_point), shape)[:, None]
    fits("quantity", quantity.size * quantity.max())
    steps = np.arange(1, quantity.max() + 1)
    G = level_cost(lead_time_demand, reorder_point + steps, holding_cost, shortage_cost)  # (n_items, largest Q)
    ordering = spread_over("order_cost", at_least("order_cost", order_cost), shape) * spread_over(
        "demand_rate", above("demand_rate", demand_rate), shape
    )
    return (ordering + (G * (steps <= quantity)).sum(axis=1)) / quantity[:, 0]


def normal_reorder_quantity_cost(
    reorder_point, quantity, *, demand_rate, mean, std, holding_cost, shortage_cost, order_cost
) -> np.ndarray:
    """Exact expected cost per unit of time of any (r, Q) under normal lead-time demand.

    Parameters
    ----------
    reorder_point, quantity : float or array
        r and Q, the latter above 0.
    demand_rate : float or array
        Expected units per unit of time [D].
    mean, std : float or array
        Mean and standard deviation of lead-time demand [mu, sigma].
    holding_cost, shortage_cost, order_cost : float or array
        As in `exact_reorder_quantity` [h, p, K].

    Returns
    -------
    float or array

    Source
    ------
    Snyder & Shen, example 5.1.
    """
    quantity, std, mean = above("quantity", quantity), above("std", std), at_least("mean", mean)
    reorder_point, demand_rate = finite("reorder_point", reorder_point), at_least("demand_rate", demand_rate)
    holding_cost, shortage_cost = above("holding_cost", holding_cost), above("shortage_cost", shortage_cost)
    order_cost = at_least("order_cost", order_cost)
    together(
        reorder_point=reorder_point, quantity=quantity, demand_rate=demand_rate, mean=mean, std=std,
        holding_cost=holding_cost, shortage_cost=shortage_cost, order_cost=order_cost,
    )  # fmt: skip

    def second_loss(level):
        # integral over y > level of E[(D - y)+] = sigma^2 ((z^2 + 1) (1 - Phi(z)) - z phi(z)) / 2
        z = (level - mean) / std
        return std**2 * ((z**2 + 1) * norm.sf(z) - z * norm.pdf(z)) / 2

    top = reorder_point + quantity
    # integral over r < y < r + Q of G(y) = h (y - mu) + (h + p) E[(D - y)+]
    in_stock = holding_cost * quantity * (reorder_point + quantity / 2 - mean)
    short = (holding_cost + shortage_cost) * (second_loss(reorder_point) - second_loss(top))
    return (order_cost * demand_rate + in_stock + short) / quantity


def normal_reorder_point(quantity, *, mean, std, holding_cost, shortage_cost) -> np.ndarray:
    """The best reorder point for a given order quantity under normal lead-time demand: G(r) = G(r + Q).

    Parameters
    ----------
    quantity : float or array
        Units an order [Q], above 0.
    mean, std, holding_cost, shortage_cost : float or array
        As in `normal_reorder_quantity_cost` [mu, sigma, h, p].

    Returns
    -------
    float or array

    Source
    ------
    Snyder & Shen, example 5.2.
    """
    quantity, std = above("quantity", quantity), above("std", std)
    holding_cost, shortage_cost = above("holding_cost", holding_cost), above("shortage_cost", shortage_cost)
    together(quantity=quantity, mean=mean, std=std, holding_cost=holding_cost, shortage_cost=shortage_cost)

    # G(r + Q) - G(r) = h Q + (h + p) (n(r + Q) - n(r)) rises with r; its zero lies where r is below and r + Q above y*.
    high = normal_newsvendor(mean, std, holding_cost, shortage_cost).level
    low = high - quantity
    for _ in range(100):  # bisection, to the last digit
        middle = (low + high) / 2
        less_short = normal_shortage(middle, mean, std) - normal_shortage(middle + quantity, mean, std)
        rises = holding_cost * quantity > (holding_cost + shortage_cost) * less_short
        low, high = np.where(rises, low, middle), np.where(rises, middle, high)
    return high[()]


def eoq_with_safety_stock(*, demand_rate, mean, std, holding_cost, shortage_cost, order_cost) -> ReorderQuantity:
    """The common approximation: Q of known demand, r of the newsvendor, as if they had nothing to do with each other.

    Parameters
    ----------
    demand_rate, mean, std, holding_cost, shortage_cost, order_cost : float or array
        As in `normal_reorder_quantity_cost` [D, mu, sigma, h, p, K].

    Returns
    -------
    ReorderQuantity with its exact cost.

    Source
    ------
    Snyder & Shen, example 5.5.
    """
    costs = {"holding_cost": holding_cost, "shortage_cost": shortage_cost}
    quantity = economic_order_quantity(order_cost, holding_cost, demand_rate).quantity
    point = normal_newsvendor(mean, std, holding_cost, shortage_cost).level
    cost = normal_reorder_quantity_cost(
        point, quantity, demand_rate=demand_rate, mean=mean, std=std, order_cost=order_cost, **costs
    )
    return ReorderQuantity(point, quantity, cost)


def eoq_with_backorders(*, demand_rate, mean, std, holding_cost, shortage_cost, order_cost) -> ReorderQuantity:
    """The better approximation: Q of known demand that may wait, then the best r for that Q.

    Parameters
    ----------
    demand_rate, mean, std, holding_cost, shortage_cost, order_cost : float or array
        As in `normal_reorder_quantity_cost` [D, mu, sigma, h, p, K].

    Returns
    -------
    ReorderQuantity with its exact cost, at most 1/8 above the best.

    Source
    ------
    Y.-S. Zheng, Management Science 38 (1992) 87-103; Snyder & Shen, example 5.4.
    """
    costs = {"holding_cost": holding_cost, "shortage_cost": shortage_cost}
    quantity = economic_order_with_backorders(order_cost, holding_cost, shortage_cost, demand_rate).quantity
    point = normal_reorder_point(quantity, mean=mean, std=std, **costs)
    cost = normal_reorder_quantity_cost(
        point, quantity, demand_rate=demand_rate, mean=mean, std=std, order_cost=order_cost, **costs
    )
    return ReorderQuantity(point, quantity, cost)
