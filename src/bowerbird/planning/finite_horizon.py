"""Which s and S for each of the last few periods? Stochastic dynamic programming over a finite horizon.

With the stock x at the start of period t (backorders count negative), an order that raises it to y, and demand D_t,

    cost_t(x) = min over y >= x of K_t [y > x] + c_t (y - x) + G_t(y) + gamma E[cost_t+1(y - D_t)]

solved from the last period back. Orders arrive at once. The best policy of each period is (s, S): order up to S if x is
below s, as in `simulate` (textbooks order at or below s; their s is one less). Without a fixed cost s = S.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bowerbird.checks import MOST_STEPS, above, at_least, finite, fits, one, spread_over, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, level_cost, normal_demand, normal_shortage


@dataclass(frozen=True)
class FiniteHorizon:
    """The best policy of each item and period, and what it costs.

    Attributes
    ----------
    s, S : array (n_items, n_periods)
        Stock below s is raised to S, whole units; both -inf in a period in which no order ever pays.
    stock : array (n_levels,)
        The starting stocks x for which costs are known.
    cost : array (n_items, n_periods + 1, n_levels)
        Expected discounted cost from the start of each period on; the last is the terminal value.
    """

    s: np.ndarray
    S: np.ndarray
    stock: np.ndarray
    cost: np.ndarray

    def cost_from(self, opening_stock) -> np.ndarray:
        """Expected discounted cost of the whole horizon from a whole opening stock, (n_items,)."""
        n_items = len(self.cost)
        column = spread_over("opening_stock", finite("opening_stock", opening_stock), (n_items,)) - self.stock[0]
        if not ((column >= 0) & (column < len(self.stock)) & (column == np.floor(column))).all():
            raise ParameterError(
                f"opening_stock is {opening_stock}; give whole units from {self.stock[0]} to {self.stock[-1]}"
            )
        return self.cost[np.arange(n_items), 0, column.astype(np.int64)]


def finite_horizon(
    demand: Demand | Sequence[Demand],
    n_periods: int | None = None,
    *,
    holding_cost,
    shortage_cost,
    order_cost=0.0,
    purchase_cost=0.0,
    discount: float = 1.0,
    terminal_holding_cost=0.0,
    terminal_shortage_cost=0.0,
) -> FiniteHorizon:
    """The best (s, S) of every period against any tables of demand, for all items at once.

    Parameters
    ----------
    demand : Demand, or sequence of Demand
        Demand of every period alike, or one table a period; n_items rows.
    n_periods : int, optional
        Length of the horizon [T]; the length of the sequence if there is one.
    holding_cost, shortage_cost : float, array (n_periods,), (n_items, 1) or (n_items, n_periods)
        Cost per unit on hand, and per unit backordered, at the end of a period [h, p], above 0.
    order_cost, purchase_cost : as holding_cost
        Fixed cost of an order [K] and price of a unit [c], at least 0. K must not rise faster than the discount allows:
        K_t >= gamma K_t+1, or (s, S) would not be the best kind of policy.
    discount : float
        Worth of next period's money today [gamma], in (0, 1].
    terminal_holding_cost, terminal_shortage_cost : float or array (n_items,)
        Cost per unit left, and per unit owed, after the last period; a negative terminal_holding_cost is salvage.

    Returns
    -------
    FiniteHorizon

    Raises
    ------
    ParameterError
        If an argument is out of range, or stocking without end would pay.

    Source
    ------
    H. Scarf (1960), in Mathematical Methods in the Social Sciences; Snyder & Shen, 2nd ed., sections 4.3.3 and 4.4.3.
    """
    if isinstance(demand, Demand):
        n_periods = whole("n_periods", -1 if n_periods is None else n_periods, 1)
        fits("n_periods", n_periods * demand.probability.size)
        tables = [demand] * n_periods
    else:
        tables = list(demand)
        if n_periods not in (None, len(tables)) or not tables:
            raise ParameterError(f"n_periods is {n_periods} and demand has {len(tables)} tables; give one a period")
    shape = (len(tables[0].probability), len(tables))
    h = spread_over("holding_cost", above("holding_cost", holding_cost), shape)
    p = spread_over("shortage_cost", above("shortage_cost", shortage_cost), shape)
    return _backwards(
        [table.probability for table in tables],
        lambda period, levels: level_cost(tables[period], levels, h[:, period], p[:, period]),
        (h, p, order_cost, purchase_cost, discount, terminal_holding_cost, terminal_shortage_cost),
    )


def normal_finite_horizon(
    mean,
    std,
    n_periods: int,
    *,
    holding_cost,
    shortage_cost,
    order_cost=0.0,
    purchase_cost=0.0,
    discount: float = 1.0,
    terminal_holding_cost=0.0,
    terminal_shortage_cost=0.0,
) -> FiniteHorizon:
    """The best (s, S) of every period against normal demand; stock in whole units, a period's own cost not rounded.

    Parameters
    ----------
    mean, std : float, array (n_periods,), (n_items, 1) or (n_items, n_periods)
        Mean and standard deviation of a period's demand [mu, sigma].
    n_periods : int
        Length of the horizon [T].
    holding_cost, shortage_cost, order_cost, purchase_cost, discount, terminal_holding_cost, terminal_shortage_cost
        As in `finite_horizon`.

    Returns
    -------
    FiniteHorizon

    Raises
    ------
    ParameterError
        As in `finite_horizon`.

    Source
    ------
    Snyder & Shen, 2nd ed., problem 4.29.
    """
    n_items = max(len(np.atleast_2d(x)) for x in (mean, std, holding_cost, shortage_cost, order_cost, purchase_cost))
    n_periods = whole("n_periods", n_periods, 1)
    fits("n_periods", n_items * n_periods * 1000.0)
    shape = (n_items, n_periods)
    mean, std = spread_over("mean", at_least("mean", mean), shape), spread_over("std", above("std", std), shape)
    h = spread_over("holding_cost", above("holding_cost", holding_cost), shape)
    p = spread_over("shortage_cost", above("shortage_cost", shortage_cost), shape)
    fits("mean and std", 10.0 * n_items * n_periods * (mean + 7 * std).max())

    def period_cost(period: int, levels: np.ndarray) -> np.ndarray:
        mu, sigma = mean[:, period, None], std[:, period, None]
        # G(y) = h (y - mu) + (h + p) E[(D - y)+]
        short = normal_shortage(levels, mu, sigma)
        return h[:, period, None] * (levels - mu + short) + p[:, period, None] * short

    return _backwards(
        [normal_demand(mean[:, period], std[:, period]).probability for period in range(n_periods)],
        period_cost,
        (h, p, order_cost, purchase_cost, discount, terminal_holding_cost, terminal_shortage_cost),
    )


def _backwards(probabilities: list[np.ndarray], period_cost: Callable, costs: tuple) -> FiniteHorizon:
    """Check the costs, then solve on a grid of stocks, made wider until it holds every s and S."""
    h, p, order_cost, purchase_cost, discount, terminal_holding, terminal_shortage = costs
    n_items, n_periods = h.shape
    K = spread_over("order_cost", at_least("order_cost", order_cost), h.shape)
    c = spread_over("purchase_cost", at_least("purchase_cost", purchase_cost), h.shape)
    if not 0 < one("discount", finite("discount", discount)) <= 1:
        raise ParameterError(f"discount is {discount}; give a number in (0, 1]")
    if (K[:, :-1] < discount * K[:, 1:]).any():
        raise ParameterError("order_cost rises faster than the discount allows; then no (s, S) policy is best")
    left_over = spread_over("terminal_holding_cost", finite("terminal_holding_cost", terminal_holding), (n_items,))
    owed = spread_over("terminal_shortage_cost", at_least("terminal_shortage_cost", terminal_shortage), (n_items,))

    # What one more unit in stock costs, and one more unit owed, in all periods left: slopes at the ends of the grid.
    more, missing = left_over, owed
    slopes = np.empty((n_items, n_periods + 1))  # of cost_t far below 0, with its sign turned
    slopes[:, -1] = owed
    for period in reversed(range(n_periods)):
        more = h[:, period] + discount * more
        if not (more + c[:, period] > 0).all():
            raise ParameterError(
                f"terminal_holding_cost {left_over.min():g} is a salvage above the cost of a unit bought in "
                f"period {period}; stocking without end would pay"
            )
        missing = np.minimum(c[:, period], p[:, period] + discount * missing)
        slopes[:, period] = missing

    terminal = (left_over[:, None], owed[:, None])
    reach = max(table.shape[1] for table in probabilities) * min(n_periods, 4)
    low, high = -reach, reach
    for _ in range(12):
        name, cells = f"order_cost: a grid of {high - low:,} units", n_items * n_periods * (high - low)
        fits(name, cells)
        fits(name, cells * max(table.shape[1] for table in probabilities), MOST_STEPS)
        grid = np.arange(low, high + 1)
        result, low_enough, high_enough = _solve(grid, probabilities, period_cost, p, K, c, discount, terminal, slopes)
        if low_enough and high_enough:
            return result
        low, high = low * (1 if low_enough else 2), high * (1 if high_enough else 2)
    raise ParameterError(f"order_cost {K.max():g} puts s or S outside {low} ... {high} units; count in larger units")


def _solve(stock, probabilities, period_cost, p, K, c, discount, terminal, slopes):
    """One pass over the periods on a grid of stocks, and whether that reached low and high enough."""
    n_items, n_periods = p.shape
    levels = np.broadcast_to(stock, (n_items, len(stock)))
    cost = np.empty((n_items, n_periods + 1, len(stock)))
    cost[:, -1] = terminal[0] * np.maximum(stock, 0) + terminal[1] * np.maximum(-stock, 0)
    s, S = np.full((n_items, n_periods), -np.inf), np.full((n_items, n_periods), -np.inf)
    low_enough = high_enough = True
    for t in reversed(range(n_periods)):
        table = probabilities[t]
        # Far below 0 the next cost is a straight line, so the grid can be extended exactly.
        n_beyond = table.shape[1] - 1
        beyond = cost[:, t + 1, :1] + slopes[:, t + 1, None] * np.arange(n_beyond, 0, -1)
        following = np.concatenate([beyond, cost[:, t + 1]], axis=1)
        H = period_cost(t, levels)
        for units in range(table.shape[1]):
            H += discount * table[:, units, None] * following[:, n_beyond - units : n_beyond - units + len(stock)]
        # cost_t(x) = -c x + min(V(x), K + V(S)),  V(y) = H(y) + c y, S its minimum
        V = H + c[:, t, None] * stock
        best = V.argmin(axis=1)
        with_order = K[:, t] + V[np.arange(n_items), best]
        orders = slopes[:, t] < p[:, t] + discount * slopes[:, t + 1]  # an order pays if stock is low enough
        below = (with_order[:, None] < V) & (np.arange(len(stock)) < best[:, None])  # x < s
        cost[:, t] = np.where(below, with_order[:, None], V) - c[:, t, None] * stock
        s[orders, t], S[orders, t] = (stock[0] + below.sum(axis=1))[orders], stock[best][orders]
        low_enough &= bool((below[:, 0] | ~orders).all())
        high_enough &= bool((best < len(stock) - 1).all())
    return FiniteHorizon(s, S, stock, cost), low_enough, high_enough
