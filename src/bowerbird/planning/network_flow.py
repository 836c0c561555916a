"""What should move where, and when, from suppliers through warehouses to merchants? One linear program (SCOLLAB).

Variables, all units of product k sent or held on day t:

    x_swkt   supplier s -> warehouse w      z_vwkt   warehouse v -> warehouse w (transhipment)
    y_wmkt   warehouse w -> merchant m      I_wkt    stock of w at the end of the day       u_mkt   sales lost by m

    minimise    sum a_sw x + b_vw z + g_wm y + h_w I + p_m u
    subject to  I_wkt = I_wk,t-1 + sum_s x_swk,t-L(s,w) + sum_v z_vwk,t-L(v,w) - sum_m y_wmkt - sum_v z_wvkt
                sum_w y_wmk,t-L(w,m) + u_mkt = d_mkt          merchants hold no stock: what arrives is sold
                sum_w,k x_swkt <= U_st                        capacity of a supplier
                sum_k I_wkt <= V_w                            room in a warehouse

Sales can be lost, so that every network has a plan. Routes with an infinite cost do not exist.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

from bowerbird.errors import ParameterError
from bowerbird.planning.network import Network, NetworkPlan


def _routes(cost, lead_time, n_products: int, n_days: int) -> pd.DataFrame:
    """A flow variable for each route, product and day of departure whose units arrive before the end."""
    origin, destination = np.nonzero(np.isfinite(cost))
    each = pd.DataFrame({"origin": origin, "destination": destination, "lead_time": lead_time[origin, destination]})
    each["cost"] = cost[origin, destination]
    each = each.loc[each.index.repeat(n_products * n_days)].reset_index(drop=True)
    each["product"] = np.tile(np.repeat(np.arange(n_products), n_days), len(origin))
    each["day"] = np.tile(np.arange(n_days), len(origin) * n_products)
    each["arrival"] = each["day"] + each["lead_time"]
    return each[each["arrival"] < n_days]


def _variables(network: Network) -> dict[str, pd.DataFrame]:
    """Routes by kind; a warehouse does not tranship to itself."""
    n_products, n_days = network.demand.shape[1:]
    between = np.where(np.eye(len(network.holding_cost), dtype=bool), np.inf, network.transhipment_cost)
    costs = {"supply": network.supply_cost, "transhipment": between, "delivery": network.delivery_cost}
    return {
        kind: _routes(cost, getattr(network, f"{kind}_lead_time"), n_products, n_days) for kind, cost in costs.items()
    }


def network_plan(network: Network) -> NetworkPlan:
    """The plan of least cost for the whole network, all stages planned together.

    Parameters
    ----------
    network : Network

    Returns
    -------
    NetworkPlan

    Source
    ------
    The supply chain collaboration of document 004 (SCOLLAB, by linear programming). HiGHS by scipy.optimize.linprog.
    """
    return _solve(network)


def plan_of_each_alone(network: Network) -> NetworkPlan:
    """The plan that comes out when every stage decides for itself, from what the stage below asks for.

    Each merchant asks the warehouse with the lowest delivery cost for all its demand; each warehouse, without
    transhipment and as if suppliers had no limits, orders what is cheapest for these requests; a supplier over its
    capacity sends all warehouses the same share of their orders; the warehouses make the best of what arrives.

    Parameters
    ----------
    network : Network

    Returns
    -------
    NetworkPlan; its cost less that of `network_plan` is the cost of acting alone, never below 0.
    """
    apart = replace(network, transhipment_cost=np.inf)
    nearest = apart.delivery_cost == apart.delivery_cost.min(axis=0)
    nearest &= nearest.cumsum(axis=0) == 1  # of equally near ones the first, (n_warehouses, n_merchants)
    apart = replace(apart, delivery_cost=np.where(nearest, apart.delivery_cost, np.inf))
    orders = _solve(replace(apart, supply_capacity=np.inf)).flows.query("route == 'supply'")
    (n_suppliers, n_warehouses), (_, n_products, n_days) = network.supply_cost.shape, network.demand.shape
    ordered = np.zeros((n_suppliers, n_warehouses, n_products, n_days))
    ordered[tuple(orders[name] for name in ("origin", "destination", "product", "day"))] = orders["units"]
    asked = ordered.sum(axis=(1, 2))  # (n_suppliers, n_days)
    share = np.divide(network.supply_capacity, asked, out=np.ones_like(asked), where=asked > network.supply_capacity)
    return _solve(apart, most_supply=ordered * share[:, None, None, :])


def _solve(network: Network, most_supply: np.ndarray | None = None) -> NetworkPlan:
    """The linear program; `most_supply` (n_suppliers, n_warehouses, n_products, n_days) bounds the supply further."""
    n_warehouses, n_products, n_days = len(network.holding_cost), *network.demand.shape[1:]
    kinds = _variables(network)
    supply, between, delivery = kinds.values()
    sizes = [*map(len, kinds.values()), n_warehouses * n_products * n_days, network.demand.size]
    x, z, y, stock, lost = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])  # columns of the program
    stock, lost = stock.reshape(n_warehouses, n_products, n_days), lost.reshape(network.demand.shape)
    cost = np.concatenate([
        *(kind["cost"] for kind in kinds.values()),
        np.broadcast_to(network.holding_cost[:, None, None], stock.shape).ravel(),
        np.broadcast_to(network.lost_sale_cost[:, None, None], lost.shape).ravel(),
    ])  # fmt: skip

    def block(n_rows, *terms):  # each term: rows, columns, sign
        number = np.concatenate([np.ravel(row) for row, _, _ in terms])
        column = np.concatenate([np.ravel(columns) for _, columns, _ in terms])
        sign = np.concatenate([np.full(np.size(columns), sign) for _, columns, sign in terms])
        return coo_array((sign, (number, column)), shape=(n_rows, len(cost)))

    def place(kind, end, when):  # row of a flow at one of its ends: place, product and day
        return (kind[end].to_numpy() * n_products + kind["product"].to_numpy()) * n_days + kind[when].to_numpy()

    # I_t - I_t-1 - sum_s x - sum_v z + sum_m y + sum_v z = 0, on day 0 the opening stock
    balance_of = np.arange(stock.size).reshape(stock.shape)
    balance = block(
        stock.size,
        (balance_of, stock, 1.0),
        (balance_of[:, :, 1:], stock[:, :, :-1], -1.0),
        (place(supply, "destination", "arrival"), x, -1.0),
        (place(between, "destination", "arrival"), z, -1.0),
        (place(between, "origin", "day"), z, 1.0),
        (place(delivery, "origin", "day"), y, 1.0),
    )
    opening = np.zeros(stock.shape)
    opening[:, :, 0] = network.opening_stock
    # sum_w y + u = d
    met = block(lost.size, (place(delivery, "destination", "arrival"), y, 1.0), (np.arange(lost.size), lost, 1.0))
    # sum_w,k x <= U_s and sum_k I <= V_w, where finite
    limits = np.concatenate([network.supply_capacity.ravel(), np.repeat(network.warehouse_capacity, n_days)])
    room_of = np.arange(n_warehouses * n_days).reshape(n_warehouses, 1, n_days) + network.supply_capacity.size
    sent_of = supply["origin"].to_numpy() * n_days + supply["day"].to_numpy()
    used = block(len(limits), (sent_of, x, 1.0), (np.broadcast_to(room_of, stock.shape), stock, 1.0)).tocsr()
    finite = np.isfinite(limits)

    upper = np.full(len(cost), np.inf)
    if most_supply is not None:
        upper[x] = most_supply[tuple(supply[name] for name in ("origin", "destination", "product", "day"))]
    right = np.concatenate([opening.ravel(), network.demand.ravel()])
    result = linprog(
        cost,
        A_ub=used[finite],
        b_ub=limits[finite],
        A_eq=vstack([balance, met], format="csr"),
        b_eq=right,
        bounds=np.column_stack([np.zeros(len(cost)), upper]),
        method="highs-ipm",  # with crossover to a corner; five times faster here than the simplex method
    )
    if result.x is None:
        raise ParameterError(f"the linear program has no plan: {result.message}; check the sizes of demand and costs")
    # Strong duality: b'pi + U'mu + (bounds)'nu equals the cost at an optimum, and bounds it otherwise.
    bounded = np.isfinite(upper)
    dual_cost = (
        right @ result.eqlin.marginals
        + limits[finite] @ result.ineqlin.marginals
        + upper[bounded] @ result.upper.marginals[bounded]
    )
    prices = np.zeros(len(limits))
    prices[finite] = -result.ineqlin.marginals
    return _plan_of(network, kinds, result.x, (x, z, y, stock, lost), prices, float(dual_cost))


def _plan_of(network: Network, kinds, units, columns, prices, dual_cost: float) -> NetworkPlan:
    """The program's solution as tidy tables."""
    units = np.where(units > 1e-9 * (1 + network.demand.max()), units, 0)
    *flows, stock, lost = (units[column] for column in columns)
    names = ["origin", "destination", "product", "day", "arrival", "units"]
    tables = [kind.assign(units=flow)[names].assign(route=route)
              for (route, kind), flow in zip(kinds.items(), flows, strict=True)]  # fmt: skip
    costs = {route: float(kind["cost"] @ flow) for (route, kind), flow in zip(kinds.items(), flows, strict=True)}
    costs["holding"] = float(network.holding_cost @ stock.sum(axis=(1, 2)))
    costs["lost_sales"] = float(network.lost_sale_cost @ lost.sum(axis=(1, 2)))
    supply_prices, room_prices = np.split(prices, [network.supply_capacity.size])
    n_days = network.demand.shape[2]
    return NetworkPlan(
        flows=pd.concat(tables, ignore_index=True).query("units > 0").reset_index(drop=True)[["route", *names]],
        stock=_tidy(stock, ["warehouse", "product", "day"], "units"),
        lost=_tidy(lost, ["merchant", "product", "day"], "units"),
        costs=costs,
        prices=pd.concat([
            _tidy(p.reshape(-1, n_days), ["place", "day"], "price").assign(constraint=constraint)
            for constraint, p in (("supply_capacity", supply_prices), ("warehouse_capacity", room_prices))
        ], ignore_index=True)[["constraint", "place", "day", "price"]],
        dual_cost=dual_cost,
    )  # fmt: skip


def _tidy(values: np.ndarray, axes: list[str], name: str) -> pd.DataFrame:
    """The entries of an array that are not 0, a row each."""
    where = np.nonzero(values)
    return pd.DataFrame(dict(zip(axes, where, strict=True)) | {name: values[where]})
