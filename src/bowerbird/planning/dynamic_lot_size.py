"""When to order, and how much, for known demand that differs from day to day? Dynamic lot sizing of single items.

Wagner and Whitin's exact plan (the "cycle stock" that document 004 asks of dynamic programming, CIMS) beside two rules:
Silver and Meal's, and lot for lot. All items at once; without something that items share, no larger program is needed.
Orders arrive at once and all demand must be met; stock on hand serves demand before any order does.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.checks import at_least, spread_over
from bowerbird.errors import ParameterError

CHUNK = 2000
"""Items planned side by side; bounds the memory that a large catalogue takes."""


@dataclass(frozen=True)
class LotSizes:
    """A plan of orders; arrays (n_items, n_periods) unless said otherwise.

    Attributes
    ----------
    orders : Units ordered at the start of each period.
    stock : Units on hand at the end of each period.
    cost : array (n_items,)
        Ordering, purchase and holding cost of the whole plan, stock on hand at its start included.
    """

    orders: np.ndarray
    stock: np.ndarray
    cost: np.ndarray


@dataclass(frozen=True)
class _Items:
    """The arguments, checked and spread over items and periods; arrays (n_items, n_periods)."""

    demand: np.ndarray
    net: np.ndarray  # demand that the opening stock does not serve
    opening_stock: np.ndarray  # (n_items, 1)
    order_cost: np.ndarray
    holding_cost: np.ndarray
    purchase_cost: np.ndarray

    def plan(self, orders: np.ndarray) -> LotSizes:
        """The orders with their stock and cost, counted period by period."""
        stock = self.opening_stock + np.cumsum(orders - self.demand, axis=1)
        cost = self.order_cost * (orders > 0) + self.purchase_cost * orders + self.holding_cost * stock
        return LotSizes(orders, stock, cost.sum(axis=1))


def _items(demand, order_cost, holding_cost, purchase_cost, opening_stock) -> _Items:
    demand = at_least("demand", demand)
    if demand.ndim != 2 or demand.size == 0:
        raise ParameterError(f"demand has shape {demand.shape}; give (n_items, n_periods), at least one of each")
    opening = spread_over("opening_stock", at_least("opening_stock", opening_stock), demand.shape[:1])[:, None]
    served = np.minimum(demand, np.maximum(opening - (np.cumsum(demand, axis=1) - demand), 0))
    net = np.where(served < demand * (1 - 1e-12), demand - served, 0)  # a rounding error is no demand
    costs = {"order_cost": order_cost, "holding_cost": holding_cost, "purchase_cost": purchase_cost}
    costs = {name: spread_over(name, at_least(name, cost), demand.shape) for name, cost in costs.items()}
    return _Items(demand, net, opening, **costs)


def wagner_whitin(demand, *, order_cost, holding_cost, purchase_cost=0.0, opening_stock=0.0) -> LotSizes:
    """The plan of least cost, by dynamic programming over the period of the last order.

    Parameters
    ----------
    demand : array (n_items, n_periods)
        Units needed in each period [d], not negative.
    order_cost, holding_cost, purchase_cost : float, array (n_periods,), (n_items, 1) or (n_items, n_periods)
        Fixed cost of an order [K], cost per unit on hand at the end of a period [h], price of a unit [c].
    opening_stock : float or array (n_items,)
        Units on hand before the first period.

    Returns
    -------
    LotSizes

    Raises
    ------
    ParameterError
        If demand, a cost or the opening stock is negative, NaN, or of the wrong shape.

    Source
    ------
    H. Wagner, T. Whitin, Management Science 5 (1958) 89-96; the lines of A. Wagelmans, S. van Hoesel, A. Kolen,
    Operations Research 40 (1992) S145-S156; Snyder & Shen, 2nd ed., example 3.9.
    """
    items = _items(demand, order_cost, holding_cost, purchase_cost, opening_stock)
    orders = np.empty(items.net.shape)
    for first in range(0, len(orders), CHUNK):
        rows = slice(first, first + CHUNK)
        orders[rows] = _best_orders(
            *(x[rows].T for x in (items.net, items.order_cost, items.holding_cost, items.purchase_cost))
        ).T
    return items.plan(orders)


def _best_orders(net, order_cost, holding_cost, purchase_cost) -> np.ndarray:
    """Orders of least cost; all arrays (n_periods, n_items), so that a period is one block of memory."""
    n_periods, n_items = net.shape
    # D_t: demand before period t. A unit bought in t for a later period pays c_t + H_period - H_t.
    total = np.zeros((n_periods + 1, n_items))
    np.cumsum(net, axis=0, out=total[1:])
    carried = np.cumsum(holding_cost, axis=0) - holding_cost  # H_t: cost of a unit held from period 0 to t
    held = np.zeros((n_periods + 1, n_items))
    np.cumsum(carried * net, axis=0, out=held[1:])  # E_t = sum_{i<t} H_i d_i

    # Demand before j costs at least, with the last order in t:
    # F(j) = min_t F(t) + K_t + (c_t - H_t) (D_j - D_t) + E_j - E_t,   a straight line in D_j for each t.
    slope = purchase_cost - carried  # (n_periods, n_items)
    intercept = np.empty((n_periods, n_items))
    costs = np.empty((n_periods, n_items))
    least = np.zeros(n_items)  # F(j)
    for j in range(1, n_periods + 1):
        intercept[j - 1] = least + order_cost[j - 1] - slope[j - 1] * total[j - 1] - held[j - 1]
        np.multiply(slope[:j], total[j], out=costs[:j])
        costs[:j] += intercept[:j]
        # Without demand in period j - 1 there is nothing to add to the plan.
        least = np.where(net[j - 1] > 0, costs[:j].min(axis=0) + held[j], least)

    # Backwards: the last period not yet covered tells, by the line that was lowest, where its demand was ordered.
    orders = np.zeros((n_periods, n_items))
    covered_from = np.full(n_items, n_periods)
    for j in range(n_periods, 0, -1):
        column = np.flatnonzero(covered_from == j)
        start = (intercept[:j, column] + slope[:j, column] * total[j, column]).argmin(axis=0)
        orders[start, column] = total[j, column] - total[start, column]
        covered_from[column] = start
    return orders


def silver_meal(demand, *, order_cost, holding_cost, purchase_cost=0.0, opening_stock=0.0) -> LotSizes:
    """The plan of Silver and Meal's rule: an order covers further periods while its cost per period falls.

    Parameters
    ----------
    demand, order_cost, holding_cost, purchase_cost, opening_stock
        As in `wagner_whitin`. The rule looks at ordering and holding cost only; purchase is counted in the plan's cost.

    Returns
    -------
    LotSizes

    Raises
    ------
    ParameterError
        As in `wagner_whitin`.

    Source
    ------
    E. Silver, H. Meal, Production and Inventory Management 14 (1973) 64-74.
    """
    items = _items(demand, order_cost, holding_cost, purchase_cost, opening_stock)
    n_items, n_periods = items.net.shape
    every = np.arange(n_items)
    carried = np.cumsum(items.holding_cost, axis=1) - items.holding_cost
    orders = np.zeros((n_items, n_periods))
    start = np.zeros(n_items, np.int64)  # period of the latest order
    cost = per_period = np.full(n_items, np.nan)  # of that order so far; there is none yet
    for period in range(n_periods):
        need = items.net[:, period]
        longer = cost + need * (carried[:, period] - carried[every, start])
        longer_per_period = longer / (period - start + 1)
        joins = (longer_per_period <= per_period) | (need == 0)
        start = np.where(joins, start, period)
        cost = np.where(joins, longer, items.order_cost[:, period])
        per_period = np.where(joins, longer_per_period, cost)
        orders[every, start] += need
    return items.plan(orders)


def lot_for_lot(demand, *, order_cost, holding_cost, purchase_cost=0.0, opening_stock=0.0) -> LotSizes:
    """The plan that orders each period's demand in that period, and never holds stock.

    Parameters
    ----------
    demand, order_cost, holding_cost, purchase_cost, opening_stock
        As in `wagner_whitin`.

    Returns
    -------
    LotSizes

    Raises
    ------
    ParameterError
        As in `wagner_whitin`.
    """
    items = _items(demand, order_cost, holding_cost, purchase_cost, opening_stock)
    return items.plan(items.net.copy())
