"""How good a plan can thousands of items under one capacity have? Lagrangian relaxation, with a proven gap (MINCOST).

Priced, a unit of capacity on day s costs [lambda_s]; the items then share nothing, and each is planned by the dynamic
program of `lost_sales_lot_size`, all at once. Three steps:

* subgradient steps move the prices; each gives a bound, L(lambda) = sum_i cost_i(lambda) - lambda C <= least cost;
* the schedules met on the way are mixed by a linear program (Dantzig-Wolfe) that keeps to the capacity; its prices give
  better schedules, until cost of the mix and bound agree. At most n_days items are truly mixed, however many there are;
* repair (price and fix): a mix keeps to the capacity but pays for orders in part. Paid in full it is a plan. If its gap
  is too wide, orders that the mix is sure of are fixed, those it is not are decided by the integer program.
"""

from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csc_array, csr_array

from bowerbird.checks import at_least, one, whole
from bowerbird.errors import ParameterError
from bowerbird.planning.lost_sales_lot_size import lost_sales_lot_sizes
from bowerbird.planning.lot_sizing import integer_program
from bowerbird.planning.lot_sizing_problem import LotPlan, LotSizing, plan_of

KEPT = 60
"""Schedules of each item that the mix chooses from: the last ones met."""


@dataclass(frozen=True)
class Relaxation:
    """The plan, what a unit of capacity is worth, and how the bound rose.

    Attributes
    ----------
    plan : LotPlan
        Its lower bound is the best that was proven.
    prices : array (n_days,)
        Money that a unit more of each day's capacity would save, about [lambda].
    bounds : array (n_iterations,)
        Lower bound at each step, not sorted: subgradient steps first, then those of the mix.
    """

    plan: LotPlan
    prices: np.ndarray
    bounds: np.ndarray


@dataclass(frozen=True)
class _Schedules:
    """A schedule of every item: what arrives and is lost (n_items, n_days), its cost (n_items,) without prices."""

    orders: np.ndarray
    lost: np.ndarray
    cost: np.ndarray


def _schedules(problem: LotSizing, demand: np.ndarray, prices: np.ndarray) -> tuple[_Schedules, float]:
    """Each item's best schedule at these prices, and the lower bound L(lambda) that they prove."""
    priced = problem.unit_cost + problem.space[:, None] * prices
    h, K, p = problem.holding_cost, problem.order_cost, problem.lost_sale_cost
    orders, lost = lost_sales_lot_sizes(demand, h, K, priced, p)
    stock = np.cumsum(orders - demand + lost, axis=1)
    given_up = lost.sum(axis=1)
    cost = h * stock.sum(axis=1) + K * (orders > 0).sum(axis=1) + (problem.unit_cost * orders).sum(axis=1)
    cost += np.where(given_up > 0, p, 0) * given_up
    # L(lambda) = sum_i min (cost_i + lambda v_i q_i) - lambda C
    bound = cost.sum() + prices @ (problem.space @ orders - problem.capacity)
    return _Schedules(orders, lost, cost), float(bound)


def _subgradient(problem: LotSizing, demand: np.ndarray, iterations: int, end: float) -> tuple[list, list[float]]:
    """The schedules met last and the bounds of all steps; none begins after `end`, by the monotonic clock."""
    prices, best_prices, direction = np.zeros((3, problem.demand.shape[1]))
    met, bounds, scale, best, since = [], [], 2.0, -np.inf, 0
    for _ in range(iterations):
        if bounds and monotonic() > end:
            break
        schedules, bound = _schedules(problem, demand, prices)
        met, bounds = [*met[1 - KEPT :], schedules], [*bounds, bound]
        since = 0 if bound > best + 1e-4 * abs(best) else since + 1
        if bound > best:
            best, best_prices = bound, prices
        if since == 8:  # a long step overshoots: shorter ones, from the best prices
            scale, since, prices = scale / 2, 0, best_prices
        # g_s = sum_i v_i q_is - C_s, smoothed over steps; Polyak's step length towards a guess 10 % above the bound
        excess = problem.space @ schedules.orders - problem.capacity
        direction = 0.6 * excess + 0.4 * direction if len(bounds) > 1 else excess
        length = scale * (1.1 * max(best, 0) - bound + 1e-9) / max(direction @ direction, 1e-12)
        prices = np.maximum(prices + length * direction, 0)
    return met, bounds


def _mix(problem: LotSizing, met: list[_Schedules]) -> tuple[np.ndarray, np.ndarray, float]:
    """Weights (n_items, n_schedules) of the cheapest mix within the capacity, its prices (n_days,), its cost."""
    cost = np.stack([schedules.cost for schedules in met], axis=1)  # (n_items, n_schedules)
    space = np.stack([problem.space[:, None] * schedules.orders for schedules in met], axis=1)
    n_items, n_schedules = cost.shape
    first = np.arange(0, cost.size + 1, n_schedules)
    result = linprog(
        cost.ravel(),
        A_ub=csc_array(space.reshape(cost.size, -1).T),
        b_ub=problem.capacity,
        A_eq=csr_array((np.ones(cost.size), np.arange(cost.size), first), shape=(n_items, cost.size)),
        b_eq=np.ones(n_items),
        method="highs",
    )
    return result.x.reshape(cost.shape), -result.ineqlin.marginals, result.fun


def _mixed(weights: np.ndarray, met: list[_Schedules], values) -> np.ndarray:
    """Weighted sum over schedules of an array (n_items, n_days) that `values` reads from each."""
    return sum(weights[:, k, None] * values(schedules) for k, schedules in enumerate(met))


def relaxed_plan(
    problem: LotSizing, *, gap: float = 0.01, iterations: int = 150, time_limit: float = 60.0
) -> Relaxation:
    """A plan for many items under a shared capacity, with the gap it is proven to be within.

    Parameters
    ----------
    problem : LotSizing
        With a capacity. Order minima are left out of the bound, and kept by the plan.
    gap : float
        Stop once the plan's cost is proven to be within this share of the least.
    iterations : int
        Subgradient steps.
    time_limit : float
        Seconds, about: no further step of the mix begins after half of it, the repair takes the rest at most.

    Returns
    -------
    Relaxation

    Raises
    ------
    ParameterError
        If there is no capacity, it leaves no plan, or no plan was found in time.

    Source
    ------
    M. Fisher, Management Science 27 (1981) 1-18 (relaxation and subgradient); A. Manne, Management Science 4 (1958)
    115-135 (mixing schedules, and how few items are mixed).
    """
    if problem.capacity is None:
        raise ParameterError("capacity is None: nothing is shared; lot_sizing_plan plans the items one by one")
    one("gap", at_least("gap", gap)), whole("iterations", iterations, 1)
    time_limit = one("time_limit", at_least("time_limit", time_limit))
    end, demand = monotonic() + time_limit, problem.net_demand
    met, bounds = _subgradient(problem, demand, int(iterations), end - time_limit / 2)
    # To order nothing keeps to any capacity; where that is forbidden, a cost beyond reason drives it out of the mix.
    total, n_days = demand.sum(axis=1), demand.shape[1]
    dear = problem.unit_cost.max(axis=1) + problem.holding_cost * n_days
    beyond_reason = 100 * (problem.order_cost * n_days + dear * total + 1)
    needed = np.isinf(problem.lost_sale_cost) & (total > 0)
    of_nothing = np.where(needed, beyond_reason, np.where(total > 0, problem.lost_sale_cost, 0) * total)
    met.insert(0, _Schedules(np.zeros(demand.shape), demand, of_nothing))
    while True:
        weights, prices, cost = _mix(problem, met)
        schedules, bound = _schedules(problem, demand, prices)
        bounds.append(bound)
        orders, lost = (_mixed(weights, met, part) for part in (lambda m: m.orders, lambda m: m.lost))
        complete = not (weights[needed, 0] > 1e-9).any()
        plan = plan_of(problem, orders, lost, max(bounds) + problem.opening_stock_cost) if complete else None
        late, agreed = monotonic() > end - time_limit / 2, cost - max(bounds) <= 1e-4 * abs(cost)
        if complete and (late or agreed or plan.gap <= gap):
            return Relaxation(_repair(problem, plan, weights, met, gap, end - monotonic()), prices, np.array(bounds))
        if late:
            raise ParameterError(f"time_limit is {time_limit:g} s and no plan was found in half of it; give more")
        if agreed:  # with what is forbidden still in the mix: it was too cheap
            met[0].cost[needed] *= 10
        met.append(schedules)


def _repair(problem: LotSizing, plan: LotPlan, weights, met: list[_Schedules], gap, seconds) -> LotPlan:
    """The plan itself if it keeps the order minima and is close, or the better one that price and fix finds."""
    small = (plan.orders > 0) & (plan.orders < problem.order_minimum[:, None] * (1 - 1e-9))
    if plan.gap <= gap and not small.any():
        return plan
    share = _mixed(weights, met, lambda schedules: schedules.orders > 0)  # of each order that the mix pays, 0 to 1
    sure = (share > 1 - 1e-6) & ~small
    may = (plan.orders > 0) | (problem.order_minimum > 0)[:, None]
    try:
        fixed = integer_program(problem, may_order=may, must_order=sure, gap=gap / 2, time_limit=max(seconds, 1.0))
    except ParameterError:
        if small.any():
            raise
        return plan
    return plan if plan.cost <= fixed.cost and not small.any() else replace(fixed, lower_bound=plan.lower_bound)
