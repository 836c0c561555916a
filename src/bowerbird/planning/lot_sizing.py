"""How much of each item to order on each day, when an order costs a fixed sum and items share a capacity? (MINCOST)

Facility-location form: the demand of day t is met, in shares, by the orders that arrive on days s <= t, or it is lost.

    minimise    sum K_i y_is + (c_is + h_i (t - s)) d_it x_ist + p_i d_it u_it + (c_is + h_i (T - s)) e_is
    subject to  sum_s x_ist + u_it = 1         every day's demand is met or lost
                x_ist <= y_is                  nothing arrives without an order
                sum_i v_i q_is <= C_s          the capacity that all items share, q_is = sum_t d_it x_ist + e_is
                q_is >= m_i y_is               the order minimum; e_is is ordered beyond all demand

Its linear relaxation is far tighter than that of the form with stock variables, where q_is <= (large) y_is. Where
nothing is shared, the items are planned one by one. For hundreds of items that share, see `lot_sizing_relaxation`.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, vstack

from bowerbird.checks import at_least, one
from bowerbird.errors import ParameterError
from bowerbird.planning.lost_sales_lot_size import lost_sales_lot_sizes
from bowerbird.planning.lot_sizing_problem import LotPlan, LotSizing, plan_of


def lot_sizing_plan(problem: LotSizing, *, gap: float = 0.01, time_limit: float = 60.0) -> LotPlan:
    """A plan within a proven gap of the least cost: item by item where nothing is shared, else one integer program.

    Parameters
    ----------
    problem : LotSizing
    gap : float
        Stop once the plan's cost is proven to be within this share of the least.
    time_limit : float
        Seconds for an integer program, which then ends with the best plan found; the plan tells its gap.

    Returns
    -------
    LotPlan

    Raises
    ------
    ParameterError
        If capacity or order minimum leave no plan, or no plan was found in time.

    Source
    ------
    J. Krarup, O. Bilde, Plant location, set covering and economic lot size (1977); Y. Pochet, L. Wolsey, Production
    Planning by Mixed Integer Programming (2006), chapter 7. HiGHS by scipy.optimize.milp.
    """
    if problem.capacity is not None:
        return integer_program(problem, gap=gap, time_limit=time_limit)
    orders, lost = lost_sales_lot_sizes(
        problem.net_demand, problem.holding_cost, problem.order_cost, problem.unit_cost, problem.lost_sale_cost
    )
    free = problem.order_minimum == 0
    bound = plan_of(problem.items(free), orders[free], lost[free]).cost if free.any() else 0.0
    for row in np.flatnonzero(~free):
        alone = integer_program(problem.items([row]), gap=gap, time_limit=time_limit)
        orders[row], lost[row], bound = alone.orders[0], alone.lost[0], bound + alone.lower_bound
    return plan_of(problem, orders, lost, bound)


def integer_program(
    problem: LotSizing, *, may_order=None, must_order=None, gap: float = 0.01, time_limit: float = 60.0
) -> LotPlan:
    """The plan of the facility-location integer program, as above; orders can be allowed and decided beforehand.

    Parameters
    ----------
    problem : LotSizing
    may_order, must_order : bool array (n_items, n_days), optional
        Where an order is possible, everywhere by default, and where it is decided, nowhere by default. No order serves
        past the second decided one after it. The plan's lower bound holds under these restrictions only.
    gap, time_limit : float
        As in `lot_sizing_plan`.

    Returns
    -------
    LotPlan

    Raises
    ------
    ParameterError
        As in `lot_sizing_plan`.
    """
    one("gap", gap), one("time_limit", time_limit)
    gap, time_limit = float(at_least("gap", gap)), float(at_least("time_limit", time_limit, endless=True))
    demand, (n_items, n_days) = problem.net_demand, problem.demand.shape
    must = np.zeros(demand.shape, bool) if must_order is None else np.asarray(must_order, bool)
    may = must | (np.ones(demand.shape, bool) if may_order is None else np.asarray(may_order, bool))
    h, p, minimum = problem.holding_cost, problem.lost_sale_cost, problem.order_minimum

    # x: an arc (i, s, t) wherever an order of day s could meet demand of day t for less than it costs to lose it.
    s, t = np.triu_indices(n_days)
    i, s, t = np.repeat(np.arange(n_items), len(s)), np.tile(s, n_items), np.tile(t, n_items)
    unit = problem.unit_cost[i, s] + h[i] * (t - s)
    keep = (demand[i, t] > 0) & may[i, s] & ((unit < p[i]) | (minimum[i] > 0))
    decided = must.cumsum(axis=1)
    keep &= decided[i, t] - decided[i, s] <= 1  # two decided orders later, stock of this one is hardly worth its keep
    i, s, t, unit = i[keep], s[keep], t[keep], unit[keep]
    u_i, u_t = np.nonzero((demand > 0) & np.isfinite(p)[:, None])
    y_i, y_s = np.nonzero(may)
    e_i, e_s = np.nonzero(may & (minimum > 0)[:, None])
    sizes = [len(i), len(u_i), len(y_i), len(e_i)]
    x, u, y, e = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])  # columns of the program
    cost = np.concatenate([
        unit * demand[i, t],
        p[u_i] * demand[u_i, u_t],
        problem.order_cost[y_i],
        problem.unit_cost[e_i, e_s] + h[e_i] * (n_days - e_s),
    ])  # fmt: skip
    y_of, e_of, asked_of = (np.full(demand.shape, -1) for _ in range(3))  # an item's and day's column or row
    y_of[y_i, y_s], e_of[e_i, e_s] = y, e
    asked_of[demand > 0] = np.arange((demand > 0).sum())
    undecided = np.flatnonzero(~must[i, s])
    bounded = np.flatnonzero(e_of[i, s] >= 0)

    def block(low, high, n_rows, *terms):  # each term: row, column, value
        row, column, value = (np.concatenate(part) for part in zip(*terms, strict=True))
        return coo_array((value, (row, column)), shape=(n_rows, len(cost))), np.full(n_rows, low), np.full(n_rows, high)

    ones, link, order = np.ones(len(cost)), np.arange(len(undecided)), np.arange(len(e))
    blocks = [
        # sum_s x_ist + u_it = 1
        block(1, 1, (demand > 0).sum(), (asked_of[i, t], x, ones[x]), (asked_of[u_i, u_t], u, ones[u])),
        # x_ist - y_is <= 0, needless where the order is decided
        block(-np.inf, 0, len(link), (link, x[undecided], ones[link]), (link, y_of[i, s][undecided], -ones[link])),
        # sum_t d_it x_ist + e_is - m_i y_is >= 0
        block(0, np.inf, len(e), (e_of[i, s][bounded] - sum(sizes[:3]), x[bounded], demand[i, t][bounded]),
              (order, e, ones[order]), (order, y_of[e_i, e_s], -minimum[e_i])),
    ]  # fmt: skip
    if problem.capacity is not None:
        # sum_i v_i (sum_t d_it x_ist + e_is) <= C_s
        v = problem.space
        blocks.append(block(-np.inf, problem.capacity, n_days, (s, x, v[i] * demand[i, t]), (e_s, e, v[e_i])))
    matrices, low, high = zip(*blocks, strict=True)

    lower, upper, whole = np.zeros(len(cost)), np.ones(len(cost)), np.zeros(len(cost))
    lower[y], upper[e], whole[y] = must[y_i, y_s], minimum[e_i], ~must[y_i, y_s]
    result = milp(
        cost,
        integrality=whole,
        bounds=Bounds(lower, upper),
        constraints=LinearConstraint(vstack(matrices, format="csr"), np.concatenate(low), np.concatenate(high)),
        options={"mip_rel_gap": gap, "time_limit": time_limit},
    )
    if result.x is None:
        raise ParameterError(_why_no_plan(problem, result.status, gap, time_limit))
    orders, lost = np.zeros(demand.shape), np.zeros(demand.shape)
    np.add.at(orders, (i, s), demand[i, t] * result.x[x])
    orders[e_i, e_s] += result.x[e]
    lost[u_i, u_t] = demand[u_i, u_t] * result.x[u]
    bound = result.fun if result.mip_dual_bound is None else result.mip_dual_bound
    return plan_of(problem, orders, lost, bound + problem.opening_stock_cost)


def _why_no_plan(problem: LotSizing, status: int, gap: float, time_limit: float) -> str:
    """What stands in the way, and by how much: the demand that would be lost if all demand could be, at a high cost."""
    needed = np.isinf(problem.lost_sale_cost)
    if status != 2 or not needed.any():
        return f"time_limit is {time_limit:g} s and no plan was found in it; give more, or use lot_sizing_relaxation"
    finite = problem.unit_cost.max() + problem.holding_cost.max() * problem.demand.shape[1] + problem.order_cost.max()
    soft = replace(problem, lost_sale_cost=np.where(needed, 100 * (1 + finite), problem.lost_sale_cost))
    lost = integer_program(soft, gap=gap, time_limit=time_limit).lost[needed]
    return (
        f"capacity and order_minimum leave {lost.sum():g} units unmet of items without a lost_sale_cost, first on day "
        f"{np.flatnonzero(lost.any(axis=0))[0]}; raise capacity, lower order_minimum, or give a finite lost_sale_cost"
    )
