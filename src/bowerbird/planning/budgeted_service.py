"""Which units to stock when the budget, or the space, does not suffice for all? The most expected sales (MAXSERV).

The k-th unit of an item sells if at least k are asked for. Its expected gain, P(D >= k), falls with k, so each item's
expected sales are concave in its stock. Two ways to choose:

* marginal analysis takes the units with the highest gain per money, one by one, until the next does not fit. Until then
  no other choice is better; the part of that unit which would still fit bounds what any choice can gain beyond;
* dynamic programming over the budget, exact where costs are whole numbers.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.checks import above, at_least, fits, one, spread_over
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand


@dataclass(frozen=True)
class ServicePlan:
    """What to stock, and what it is expected to achieve.

    Attributes
    ----------
    stock : int array (n_items,)
        Units of each item [S].
    spent : float
        Cost of the stock, within the budget.
    value : float
        Expected sales, weighted.
    fill_rate : float
        Expected sales / expected demand, weighted; 1 where nothing is asked for.
    bound : float
        No stock within the budget has a higher expected value.
    """

    stock: np.ndarray
    spent: float
    value: float
    fill_rate: float
    bound: float

    @property
    def gap(self) -> float:
        """Value that a better choice could add at most."""
        return self.bound - self.value


def expected_sales(demand: Demand) -> np.ndarray:
    """Expected units satisfied from stock, for every stock level.

    Parameters
    ----------
    demand : Demand
        Of the period that the stock must last.

    Returns
    -------
    array (n_items, n_units), for a stock of 0, 1, ..., n_units - 1.
    """
    # E min(D, S) = sum_{k=1..S} P(D >= k)
    return np.pad(np.cumsum(_at_least_k(demand), axis=1), ((0, 0), (1, 0)))


def _at_least_k(demand: Demand) -> np.ndarray:
    """P(D >= k) for k = 1, ..., n_units - 1, (n_items, n_units - 1)."""
    return np.cumsum(demand.probability[:, :0:-1], axis=1)[:, ::-1]


def _gains(demand: Demand, budget, cost, value) -> tuple[np.ndarray, float, np.ndarray]:
    """Expected value of each further unit (n_items, n_units - 1), the budget, and the cost of a unit (n_items,)."""
    sells = _at_least_k(demand)
    cost = spread_over("cost", above("cost", cost), sells.shape[:1])
    value = spread_over("value", at_least("value", value), sells.shape[:1])
    return value[:, None] * sells, one("budget", at_least("budget", budget)), cost


def _plan(stock, gains, cost, bound=None) -> ServicePlan:
    gained = float(gains[np.arange(gains.shape[1]) < stock[:, None]].sum())
    wanted = gains.sum()
    # Rounding must not push the bound under the value that was reached.
    bound = gained if bound is None else max(bound, gained)
    return ServicePlan(stock, float(cost @ stock), gained, gained / wanted if wanted else 1.0, bound)


def marginal_analysis(demand: Demand, *, budget: float, cost=1.0, value=1.0) -> ServicePlan:
    """Stock by gain per money, and a bound that tells how far it can be from the best.

    Parameters
    ----------
    demand : Demand
        Of the period that the stock must last.
    budget : float
        Money, or space, to use at most [B].
    cost : float or array (n_items,)
        Money, or space, of a unit [w], above 0.
    value : float or array (n_items,)
        Weight of a unit sold [v]; its margin, or 1 for the fill rate.

    Returns
    -------
    ServicePlan; its gap is at most the value of a single unit, and 0 where the budget is used up.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Source
    ------
    B. Fox, Management Science 13 (1966) 210-216; G. Dantzig, Operations Research 5 (1957) 266-277 (the bound).
    """
    gains, budget, cost = _gains(demand, budget, cost, value)
    # Falling gain / cost; an item's units stay in their order, as sorting is stable and its gains fall.
    order = np.argsort(-(gains / cost[:, None]), axis=None, kind="stable")
    item = order // max(gains.shape[1], 1)
    useful = gains.ravel()[order] > 0
    order, item = order[useful], item[useful]
    spent = np.cumsum(cost[item])
    fits = int(np.searchsorted(spent, budget * (1 + 1e-12), side="right"))
    stock = np.bincount(item[:fits], minlength=len(cost))
    left = budget - (spent[fits - 1] if fits else 0.0)
    bound = gains.ravel()[order[:fits]].sum()
    if fits < len(order):
        # The unit that does not fit, as far as it does: the optimum if units could be split.
        bound += gains.ravel()[order[fits]] * max(left, 0) / cost[item[fits]]
        for i in item[fits:]:  # smaller units may still fit
            if cost[i] <= left:
                stock[i] += 1
                left -= cost[i]
            if left < cost.min():
                break
    return _plan(stock, gains, cost, float(bound))


def best_service(demand: Demand, *, budget: int, cost=1, value=1.0) -> ServicePlan:
    """The stock with the highest expected value, by dynamic programming over the budget.

    Parameters
    ----------
    demand, value
        As in `marginal_analysis`.
    budget : int
        Whole number [B]; time and memory grow with it.
    cost : int or array (n_items,)
        Whole numbers [w]; measure money in a coarser unit to make the program small.

    Returns
    -------
    ServicePlan; its bound is its value.

    Raises
    ------
    ParameterError
        If an argument is out of range, or budget or a cost is not a whole number.
    """
    gains, budget, cost = _gains(demand, budget, cost, value)
    for name, numbers in (("budget", np.array([budget])), ("cost", cost)):
        if (numbers % 1).any():
            raise ParameterError(f"{name} holds {numbers[numbers % 1 > 0][0]:g}; give whole numbers of a smaller unit")
    fits("budget", (budget + 1) * len(cost))
    budget, cost = int(budget), cost.astype(int)
    best = np.zeros(budget + 1)  # f_i(b): most value of the items so far within b
    chosen = np.zeros((len(cost), budget + 1), int)
    for i, w in enumerate(cost):
        # f_i(b) = max_k f_{i-1}(b - w k) + G_i(k)
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
