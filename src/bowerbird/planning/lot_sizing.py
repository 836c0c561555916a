"""Lot sizing of known demand: when to order, and how much, where every order costs a fixed sum.

First the items one by one: Wagner and Whitin's exact plan (cycle stock by dynamic programming, CIMS in document 004),
Silver and Meal's rule, and lot for lot. Then all items under a shared capacity, by an integer program (MINCOST).
Orders arrive at once, before the day's demand; where there is a lead time, place each order that much earlier.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, vstack

from bowerbird.checks import at_least, single_number, spread_over
from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class LotSizes:
    """Orders at the start and stock at the end of each period, and the cost of each item's plan."""

    orders: np.ndarray  # (n_items, n_periods)
    stock: np.ndarray  # (n_items, n_periods)
    cost: np.ndarray  # (n_items,), ordering and holding


def wagner_whitin(demand, *, order_cost, holding_cost) -> LotSizes:
    """The plan of least cost, by dynamic programming over the period of the last order.

    Demand is (n_items, n_periods); costs are one for all or (n_items,). Source: H. Wagner, T. Whitin, Management
    Science 5 (1958) 89-96; Snyder & Shen, 2nd ed., example 3.9.
    """
    demand, K, h = _checked(demand, order_cost, holding_cost)
    n_items, n_periods = demand.shape
    # Arrays (n_periods, n_items), so that a period is one block of memory.
    t, units = np.arange(n_periods)[:, None], demand.T
    total, moment = np.zeros((2, n_periods + 1, n_items))
    np.cumsum(units, axis=0, out=total[1:])  # D_j = sum_{i<j} d_i
    np.cumsum(t * units, axis=0, out=moment[1:])  # E_j = sum_{i<j} i d_i

    # Demand before j costs at least, with the last order in t:
    # F(j) = min_{t<j} F(t) + K + h sum_{t<=i<j} (i - t) d_i
    #      = min_{t<j} F(t) + K - h E_t + h t D_t  - h t D_j  + h E_j,   a straight line in D_j for each t
    slope = h * t
    intercept, costs = np.empty((2, n_periods, n_items))
    least = np.zeros(n_items)  # F(j)
    for j in range(1, n_periods + 1):
        intercept[j - 1] = least + K - h * moment[j - 1] + slope[j - 1] * total[j - 1]
        np.multiply(slope[:j], total[j], out=costs[:j])
        np.subtract(intercept[:j], costs[:j], out=costs[:j])
        # Without demand in period j - 1 there is nothing to add to the plan.
        least = np.where(units[j - 1] > 0, costs[:j].min(axis=0) + h * moment[j], least)

    # Backwards: the line that was lowest for the last period not yet covered tells where its demand was ordered.
    orders = np.zeros((n_periods, n_items))
    covered_from = np.full(n_items, n_periods)
    for j in range(n_periods, 0, -1):
        item = np.flatnonzero(covered_from == j)
        start = (intercept[:j, item] - slope[:j, item] * total[j, item]).argmin(axis=0)
        orders[start, item] = total[j, item] - total[start, item]
        covered_from[item] = start
    return _lot_sizes(orders.T, demand, K, h)


def silver_meal(demand, *, order_cost, holding_cost) -> LotSizes:
    """Silver and Meal's rule: an order covers further periods while its cost per period falls.

    Arguments as in `wagner_whitin`. Source: E. Silver, H. Meal, Production and Inventory Management 14 (1973) 64-74.
    """
    demand, K, h = _checked(demand, order_cost, holding_cost)
    n_items, n_periods = demand.shape
    orders = np.zeros((n_items, n_periods))
    start = np.zeros(n_items, np.int64)  # period of the latest order
    cost = per_period = np.full(n_items, np.nan)  # of that order so far; there is none yet
    for period in range(n_periods):
        need = demand[:, period]
        longer = cost + h * need * (period - start)
        longer_per_period = longer / (period - start + 1)
        joins = (longer_per_period <= per_period) | (need == 0)
        start = np.where(joins, start, period)
        cost = np.where(joins, longer, K)
        per_period = np.where(joins, longer_per_period, K)
        orders[np.arange(n_items), start] += need
    return _lot_sizes(orders, demand, K, h)


def lot_for_lot(demand, *, order_cost, holding_cost) -> LotSizes:
    """The plan that orders each period's demand in that period and never holds stock."""
    demand, K, h = _checked(demand, order_cost, holding_cost)
    return _lot_sizes(demand.copy(), demand, K, h)


def _checked(demand, order_cost, holding_cost) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Demand (n_items, n_periods), order cost and holding cost (n_items,)."""
    demand = at_least("demand", demand, axes="n_items, n_periods")
    costs = {"order_cost": order_cost, "holding_cost": holding_cost}
    return demand, *(spread_over(name, at_least(name, cost), demand.shape[:1]) for name, cost in costs.items())


def _lot_sizes(orders, demand, order_cost, holding_cost) -> LotSizes:
    stock = np.cumsum(orders - demand, axis=1)
    return LotSizes(orders, stock, order_cost * (orders > 0).sum(axis=1) + holding_cost * stock.sum(axis=1))


@dataclass(frozen=True)
class LotPlan:
    """A plan for items that share a capacity, and how far at most it is from the best one."""

    orders: np.ndarray  # (n_items, n_days), units that arrive
    lost: np.ndarray  # (n_items, n_days), units of demand not met
    stock: np.ndarray  # (n_items, n_days), at the end of the day
    costs: dict[str, float]  # holding, ordering and lost_sales, over all items and days
    lower_bound: float  # no plan costs less

    @property
    def cost(self) -> float:
        """Total cost of the plan."""
        return sum(self.costs.values())

    @property
    def gap(self) -> float:
        """Proven distance from the least cost, as a share of the plan's cost."""
        return max(self.cost - self.lower_bound, 0.0) / self.cost if self.cost else 0.0


def lot_sizing_plan(
    demand, *, holding_cost, order_cost, lost_sale_cost, capacity=np.inf, gap: float = 0.01, time_limit: float = 60.0
) -> LotPlan:
    """A plan for items under a shared capacity of arrivals a day, within a proven gap of the least cost.

    Demand is (n_items, n_days), units may be split; costs are one for all or (n_items,), per unit and day [h], per
    order [K] and per unit of demand not met [p]; capacity is in units a day [C], one for all days or (n_days,). The
    program stops once the plan is proven to be within `gap`, or after `time_limit` seconds. It is the
    facility-location form: orders of days s <= t meet the demand of day t, in shares, or it is lost.

        minimise    sum K_i y_is + h_i (t - s) d_it x_ist + p_i d_it u_it
        subject to  sum_s x_ist + u_it = 1         every day's demand is met or lost
                    x_ist <= y_is                  nothing arrives without an order
                    sum_it d_it x_ist <= C_s       the capacity that all items share

    Its linear relaxation is far tighter than that of the form with stock variables. Source: J. Krarup, O. Bilde, Plant
    location, set covering and economic lot size (1977); Y. Pochet, L. Wolsey, Production Planning by Mixed Integer
    Programming (2006), chapter 7.
    """
    demand, K, h = _checked(demand, order_cost, holding_cost)
    n_items, n_days = demand.shape
    p = spread_over("lost_sale_cost", at_least("lost_sale_cost", lost_sale_cost), (n_items,))
    capacity = spread_over("capacity", at_least("capacity", capacity, endless=True), (n_days,))
    gap = single_number("gap", at_least("gap", gap))
    time_limit = single_number("time_limit", at_least("time_limit", time_limit))

    # x: an arc (i, s, t) wherever an order of day s can meet demand of day t for less than it costs to lose it.
    s, t = np.triu_indices(n_days)
    i, s, t = np.repeat(np.arange(n_items), len(s)), np.tile(s, n_items), np.tile(t, n_items)
    used = (demand[i, t] > 0) & (h[i] * (t - s) < p[i])
    i, s, t = i[used], s[used], t[used]
    u_i, u_t = np.nonzero(demand)
    sizes = [len(i), len(u_i), demand.size]
    x, u, y = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])  # columns of the program
    cost = np.concatenate([h[i] * (t - s) * demand[i, t], p[u_i] * demand[u_i, u_t], np.repeat(K, n_days)])

    def block(low, high, n_rows, *terms):  # each term: row, column, value
        row, column, value = (np.concatenate(part) for part in zip(*terms, strict=True))
        return coo_array((value, (row, column)), shape=(n_rows, len(cost))), np.full(n_rows, low), np.full(n_rows, high)

    row_of = np.zeros(demand.shape, int)
    row_of[u_i, u_t] = np.arange(len(u))
    ones, link = np.ones(len(x)), np.arange(len(x))
    limited = np.isfinite(capacity)[s]
    blocks = [
        # sum_s x_ist + u_it = 1
        block(1, 1, len(u), (row_of[i, t], x, ones), (np.arange(len(u)), u, np.ones(len(u)))),
        # x_ist - y_is <= 0
        block(-np.inf, 0, len(x), (link, x, ones), (link, y.reshape(demand.shape)[i, s], -ones)),
        # sum_it d_it x_ist <= C_s
        block(-np.inf, capacity, n_days, (s[limited], x[limited], demand[i, t][limited])),
    ]
    matrices, low, high = zip(*blocks, strict=True)
    result = milp(
        cost,
        integrality=np.isin(np.arange(len(cost)), y),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(vstack(matrices, format="csr"), np.concatenate(low), np.concatenate(high)),
        options={"mip_rel_gap": gap, "time_limit": time_limit},
    )
    if result.x is None:
        raise ParameterError(f"time_limit is {time_limit:g} s and no plan was found in it; give more, or fewer items")

    orders, lost = np.zeros((2, *demand.shape))
    np.add.at(orders, (i, s), demand[i, t] * result.x[x])
    lost[u_i, u_t] = demand[u_i, u_t] * result.x[u]
    tiny = 1e-9 * (1 + demand.sum(axis=1, keepdims=True))  # a solver's rounding is no order
    orders, lost = np.where(orders > tiny, orders, 0), np.where(lost > tiny, lost, 0)
    stock = np.cumsum(orders - demand + lost, axis=1)
    stock = np.where(np.abs(stock) > 100 * tiny, stock, 0)
    costs = {
        "holding": float(h @ stock.sum(axis=1)),
        "ordering": float(K @ (orders > 0).sum(axis=1)),
        "lost_sales": float(p @ lost.sum(axis=1)),
    }
    bound = result.fun if result.mip_dual_bound is None else result.mip_dual_bound
    return LotPlan(orders, lost, stock, costs, min(float(bound), sum(costs.values())))
