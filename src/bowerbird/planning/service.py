"""Service on a budget (MAXSERV in document 004): which units to stock when money does not suffice for all.

The k-th unit of an item sells if at least k are asked for. Its expected gain, P(D >= k), falls with k, so each item's
expected sales are concave in its stock. Marginal analysis takes the units with the highest gain per money, one by one.
Dynamic programming over the budget is exact.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.checks import above, at_least, check_size, single_number, spread_over
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand


@dataclass(frozen=True)
class ServicePlan:
    """What to stock within a budget, and what it is expected to sell."""

    stock: np.ndarray  # (n_items,), whole units [S]
    spent: float
    sales: float  # expected units sold
    fill_rate: float  # expected sales / expected demand, 1 without demand
    bound: float  # no stock within the budget sells more

    @property
    def gap(self) -> float:
        """Units that a better choice could sell more, at most."""
        return self.bound - self.sales


def expected_sales(demand: Demand) -> np.ndarray:
    """Expected units sold from a stock of 0, 1, ..., n_units - 1, (n_items, n_units)."""
    # E min(D, S) = sum_{k=1..S} P(D >= k)
    return np.pad(np.cumsum(_gains(demand), axis=1), ((0, 0), (1, 0)))


def _gains(demand: Demand) -> np.ndarray:
    """P(D >= k) for k = 1, ..., n_units - 1, (n_items, n_units - 1)."""
    return np.cumsum(demand.probability[:, :0:-1], axis=1)[:, ::-1]


def _plan(stock, gains, cost, bound=None) -> ServicePlan:
    sold = float(gains[np.arange(gains.shape[1]) < stock[:, None]].sum())
    wanted = gains.sum()
    # Rounding must not push the bound under what was reached.
    bound = sold if bound is None else max(bound, sold)
    return ServicePlan(stock, float(cost @ stock), sold, sold / wanted if wanted else 1.0, bound)


def marginal_analysis(demand: Demand, *, budget: float, cost=1.0) -> ServicePlan:
    """Stock by gain per money, with a bound that tells how far it can be from the best: at most one unit.

    `cost` is the money of a unit [w], one for all or (n_items,). Source: B. Fox, Management Science 13 (1966) 210-216;
    G. Dantzig, Operations Research 5 (1957) 266-277 (the bound).
    """
    gains, budget = _gains(demand), single_number("budget", at_least("budget", budget))
    cost = spread_over("cost", above("cost", cost), gains.shape[:1])
    # Falling gain / cost; an item's units stay in their order, as sorting is stable and its gains fall.
    order = np.argsort(-(gains / cost[:, None]), axis=None, kind="stable")
    order = order[gains.ravel()[order] > 0]
    item = order // max(gains.shape[1], 1)
    spent = np.cumsum(cost[item])
    n_fit = int(np.searchsorted(spent, budget * (1 + 1e-12), side="right"))
    stock = np.bincount(item[:n_fit], minlength=len(cost))
    left = budget - (spent[n_fit - 1] if n_fit else 0.0)
    bound = gains.ravel()[order[:n_fit]].sum()
    if n_fit < len(order):
        # The first unit that does not fit, as far as it does: the optimum if units could be split.
        bound += gains.ravel()[order[n_fit]] * max(left, 0) / cost[item[n_fit]]
        for i in item[n_fit:]:  # cheaper units may still fit
            if cost[i] <= left:
                stock[i] += 1
                left -= cost[i]
            if left < cost.min():
                break
    return _plan(stock, gains, cost, float(bound))


def best_service(demand: Demand, *, budget: int, cost=1) -> ServicePlan:
    """The stock with the most expected sales, by dynamic programming over the budget; budget and costs are whole."""
    gains, budget = _gains(demand), single_number("budget", at_least("budget", budget))
    cost = spread_over("cost", above("cost", cost), gains.shape[:1])
    for name, numbers in (("budget", np.array([budget])), ("cost", cost)):
        if (numbers % 1).any():
            raise ParameterError(f"{name} holds {numbers[numbers % 1 > 0][0]:g}; give whole numbers of a smaller unit")
    check_size("budget", (budget + 1) * len(cost))
    budget, cost = int(budget), cost.astype(int)
    best = np.zeros(budget + 1)  # f_i(b): most sales of the items so far within b
    chosen = np.zeros((len(cost), budget + 1), int)
    for i, w in enumerate(cost):
        # f_i(b) = max_k f_{i-1}(b - w k) + sum_{j<=k} P(D_i >= j)
        before, total = best.copy(), 0.0
        for k in range(1, min(gains.shape[1], budget // w) + 1):
            total += gains[i, k - 1]
            better = before[: budget + 1 - w * k] + total > best[w * k :] + 1e-12
            best[w * k :][better] = (before[: budget + 1 - w * k] + total)[better]
            chosen[i, w * k :][better] = k
    stock, left = np.zeros(len(cost), int), budget
    for i in range(len(cost) - 1, -1, -1):
        stock[i] = chosen[i, left]
        left -= cost[i] * stock[i]
    return _plan(stock, gains, cost)
