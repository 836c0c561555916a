"""The best s and S of each of the last few periods, by stochastic dynamic programming (document 003).

With the stock x at the start of period t (backorders count negative), an order that raises it to y, and demand D,

    cost_t(x) = min over y >= x of K [y > x] + G(y) + E[cost_t+1(y - D)],    cost_T(x) = 0,

solved from the last period back. Orders arrive at once. The best policy of each period is (s, S): order up to S if x is
below s, as in `simulate` (textbooks order at or below s; their s is one less). Without a fixed cost s = S.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.checks import MOST_STEPS, above, at_least, check_size, spread_over, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, level_cost


@dataclass(frozen=True)
class FiniteHorizon:
    """The best policy of each item and period, and what it costs."""

    s: np.ndarray  # (n_items, n_periods), stock below s is raised to S, whole units
    S: np.ndarray  # (n_items, n_periods)
    stock: np.ndarray  # (n_levels,), the starting stocks x for which costs are known
    cost: np.ndarray  # (n_items, n_periods + 1, n_levels), expected cost from the start of each period on


def finite_horizon(demand: Demand, n_periods: int, *, holding_cost, shortage_cost, order_cost=0.0) -> FiniteHorizon:
    """The best (s, S) of every period for all items at once; `demand` is that of one period, all are alike.

    Costs are one for all or (n_items,): per unit on hand and per unit backordered at the end of a period [h, p], and
    per order [K]. Source: H. Scarf (1960), in Mathematical Methods in the Social Sciences; Snyder & Shen, 2nd ed.,
    section 4.4.3.
    """
    n_periods, (n_items, n_units) = whole("n_periods", n_periods, 1), demand.probability.shape
    h = spread_over("holding_cost", above("holding_cost", holding_cost), (n_items,))
    p = spread_over("shortage_cost", above("shortage_cost", shortage_cost), (n_items,))
    K = spread_over("order_cost", at_least("order_cost", order_cost), (n_items,))
    low, high = -n_units * min(n_periods, 4), n_units * min(n_periods, 4)
    for _ in range(12):  # the grid of stocks is made wider until it holds every s and S
        name, cells = f"order_cost and n_periods: a grid of {high - low:,} units", n_items * n_periods * (high - low)
        check_size(name, cells)
        check_size(name, cells * n_units, MOST_STEPS)
        result = _solve(np.arange(low, high + 1), demand, n_periods, h, p, K)
        low_enough, high_enough = result.s.min() > low, result.S.max() < high
        if low_enough and high_enough:
            return result
        low, high = low * (1 if low_enough else 2), high * (1 if high_enough else 2)
    raise ParameterError(f"order_cost {K.max():g} puts s or S outside {low} ... {high} units; count in larger units")


def _solve(stock, demand: Demand, n_periods: int, h, p, K) -> FiniteHorizon:
    """One pass over the periods, last to first, on a grid of stocks."""
    n_items, n_units = demand.probability.shape
    item = np.arange(n_items)
    G = level_cost(demand, np.broadcast_to(stock, (n_items, len(stock))), h, p)
    cost = np.zeros((n_items, n_periods + 1, len(stock)))
    s, S = np.empty((2, n_items, n_periods), np.int64)
    for t in reversed(range(n_periods)):
        # H(y) = G(y) + E[cost_t+1(y - D)]; below the grid an order is placed at once, so that the cost is constant.
        following = np.pad(cost[:, t + 1], ((0, 0), (n_units - 1, 0)), mode="edge")
        H = G.copy()
        for units in range(n_units):
            first = n_units - 1 - units
            H += demand.probability[:, units, None] * following[:, first : first + len(stock)]
        best = H.argmin(axis=1)
        with_order = K + H[item, best]
        below = (with_order[:, None] < H) & (np.arange(len(stock)) < best[:, None])  # x < s
        cost[:, t] = np.where(below, with_order[:, None], H)
        s[:, t], S[:, t] = stock[0] + below.sum(axis=1), stock[best]
    return FiniteHorizon(s, S, stock, cost)
