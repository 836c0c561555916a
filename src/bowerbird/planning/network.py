"""A supply network of suppliers, factories, warehouses and merchants over days (SCOLLAB in document 004).

The plan of the whole network is one linear program. Variables, all units of product k sent or held on day t:

    x_swkt   supplier s -> warehouse w      z_vwkt   warehouse v -> warehouse w (transhipment)
    r_sfkt   material s -> factory f        q_fwkt   begun in factory f for warehouse w, a unit of material each
    y_wmkt   warehouse w -> merchant m      u_mkt    sales lost by m
    I_wkt    stock of w at the end of the day         M_fkt    material of f at the end of the day

    minimise    sum a_sw x + a_sf r + c_fw q + b_vw z + g_wm y + h_w I + h_f M + p_m u
    subject to  I_wkt = I_wk,t-1 + sum_s x_swk,t-L(s,w) + sum_f q_fwk,t-L(f,w) + sum_v z_vwk,t-L(v,w)
                        - sum_m y_wmkt - sum_v z_wvkt
                M_fkt = M_fk,t-1 + sum_s r_sfk,t-L(s,f) - sum_w q_fwkt
                sum_w y_wmkt + u_mkt = d_mkt          merchants hold no stock: what arrives is sold
                sum_w,k x_swkt + sum_f,k r_sfkt <= U_st      capacity of a supplier
                sum_w,k q_fwkt <= C_ft                       capacity of a factory

A network without factories has no r, q and M. Sales can be lost, so that every network has a plan. Beside it stand the
plan of stages that decide for themselves, base-stock levels found by a genetic algorithm, and the bullwhip effect of
stages that do or do not share demand.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

from bowerbird.checks import at_least, spread_over, whole
from bowerbird.errors import ParameterError
from bowerbird.seeds import stream


@dataclass(frozen=True)
class Network:
    """Suppliers, factories (if any), warehouses and merchants over n_days; a number may be one for all places."""

    demand: np.ndarray  # (n_merchants, n_products, n_days), units asked for each day [d]
    supply_cost: np.ndarray  # (n_suppliers, n_warehouses), price and transport of a unit [a]; infinite: no route
    delivery_cost: np.ndarray  # (n_warehouses, n_merchants), transport of a unit [g], on the same day
    lost_sale_cost: np.ndarray  # (n_merchants,), per unit of demand not met [p]
    transhipment_cost: np.ndarray = np.inf  # (n_warehouses, n_warehouses), from row to column [b]
    supply_lead_time: np.ndarray = 0  # (n_suppliers, n_warehouses), whole days [L]
    transhipment_lead_time: np.ndarray = 0  # (n_warehouses, n_warehouses)
    supply_capacity: np.ndarray = np.inf  # (n_suppliers, n_days), units of all products together [U]
    holding_cost: np.ndarray = 0.0  # (n_warehouses,), per unit in stock at the end of a day [h]
    opening_stock: np.ndarray = 0.0  # (n_warehouses, n_products), units
    material_cost: np.ndarray | None = None  # (n_suppliers, n_factories), material of a unit, brought; None: none made
    material_lead_time: np.ndarray = 0  # (n_suppliers, n_factories)
    material_holding_cost: np.ndarray = 0.0  # (n_factories,)
    production_cost: np.ndarray = 0.0  # (n_factories, n_warehouses), making a unit and bringing it to a warehouse [c]
    production_lead_time: np.ndarray = 0  # (n_factories, n_warehouses)
    production_capacity: np.ndarray = np.inf  # (n_factories, n_days), units begun a day, of all products together [C]

    def __post_init__(self):
        m, k, t = at_least("demand", self.demand, axes="n_merchants, n_products, n_days").shape
        s, w = at_least("supply_cost", self.supply_cost, endless=True, axes="n_suppliers, n_warehouses").shape
        material = np.empty((s, 0)) if self.material_cost is None else np.atleast_2d(self.material_cost)
        object.__setattr__(self, "material_cost", material)
        f = material.shape[1]
        shapes = {
            "demand": (m, k, t), "supply_cost": (s, w), "delivery_cost": (w, m), "transhipment_cost": (w, w),
            "supply_lead_time": (s, w), "transhipment_lead_time": (w, w), "supply_capacity": (s, t),
            "holding_cost": (w,), "lost_sale_cost": (m,), "opening_stock": (w, k),
            "material_cost": (s, f), "material_lead_time": (s, f), "material_holding_cost": (f,),
            "production_cost": (f, w), "production_lead_time": (f, w), "production_capacity": (f, t),
        }  # fmt: skip
        endless = (
            "supply_cost", "material_cost", "production_cost", "delivery_cost", "transhipment_cost", "supply_capacity",
            "production_capacity",
        )  # fmt: skip
        for name in (field.name for field in fields(self)):
            value = at_least(name, getattr(self, name), endless=name in endless)
            if name.endswith("lead_time"):
                if (value % 1).any():
                    raise ParameterError(f"{name} holds {value[value % 1 > 0].flat[0]:g}; give whole days")
                value = value.astype(int)
            object.__setattr__(self, name, spread_over(name, value, shapes[name]))


ROUTES = "supply", "material", "production", "transhipment", "delivery"


@dataclass(frozen=True)
class NetworkPlan:
    """What to move, hold and lose, and what it costs."""

    flows: pd.DataFrame  # route (of ROUTES), origin, destination, product, day, arrival, units
    stock: np.ndarray  # (n_warehouses, n_products, n_days), at the end of the day
    material: np.ndarray  # (n_factories, n_products, n_days), at the end of the day
    lost: np.ndarray  # (n_merchants, n_products, n_days)
    costs: dict[str, float]  # of each of ROUTES, holding and lost_sales
    dual_cost: float  # of the dual program; equal to the cost, up to rounding, it proves the plan optimal

    @property
    def cost(self) -> float:
        """Total cost of the plan."""
        return sum(self.costs.values())


def network_plan(network: Network, most: dict[str, np.ndarray] | None = None) -> NetworkPlan:
    """The plan of least cost for the whole network, all stages planned together.

    `most` bounds routes of some kinds further, each by units (n_origins, n_destinations, n_products, n_days).
    """
    n_products, n_days = network.demand.shape[1:]
    kinds = _routes(network)
    sizes = [*map(len, kinds.values()), network.opening_stock.size * n_days]
    sizes += [len(network.material_holding_cost) * n_products * n_days, network.demand.size]
    *flow, stock, material, lost = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])  # columns of the program
    flow = dict(zip(kinds, flow, strict=True))
    stock, material = stock.reshape(-1, n_products, n_days), material.reshape(-1, n_products, n_days)
    lost = lost.reshape(network.demand.shape)
    daily = zip(
        (network.holding_cost, network.material_holding_cost, network.lost_sale_cost), (stock, material, lost),
        strict=True,
    )  # fmt: skip
    cost = np.concatenate([
        *(kind["cost"] for kind in kinds.values()),
        *(np.broadcast_to(rate[:, None, None], of.shape).ravel() for rate, of in daily),
    ])  # fmt: skip

    def block(n_rows, *terms):  # each term: rows, columns, sign
        row = np.concatenate([np.ravel(rows) for rows, _, _ in terms])
        column = np.concatenate([np.ravel(columns) for _, columns, _ in terms])
        sign = np.concatenate([np.full(np.size(columns), sign) for _, columns, sign in terms])
        return coo_array((sign, (row, column)), shape=(n_rows, len(cost)))

    def place(route, end, when):  # row of a flow at one of its ends: place, product and day
        kind = kinds[route]
        return (kind[end].to_numpy() * n_products + kind["product"].to_numpy()) * n_days + kind[when].to_numpy()

    def balance(held, comes, goes):  # held_t - held_t-1 - sum of what comes + sum of what goes = 0
        row_of = np.arange(held.size).reshape(held.shape)
        return block(
            held.size,
            (row_of, held, 1.0),
            (row_of[:, :, 1:], held[:, :, :-1], -1.0),
            *((place(route, "destination", "arrival"), flow[route], -1.0) for route in comes),
            *((place(route, "origin", "day"), flow[route], 1.0) for route in goes),
        )

    # On day 0 a warehouse's balance is the opening stock; factories open without material.
    opening = np.zeros(stock.shape)
    opening[:, :, 0] = network.opening_stock
    # sum_w y + u = d
    arrives = place("delivery", "destination", "arrival")
    met = block(lost.size, (arrives, flow["delivery"], 1.0), (np.arange(lost.size), lost, 1.0))
    equal = [
        balance(stock, ("supply", "production", "transhipment"), ("transhipment", "delivery")),
        balance(material, ("material",), ("production",)),
        met,
    ]

    def sent(n_places, *routes):  # units that leave each place on each day
        each = ((kinds[r]["origin"].to_numpy() * n_days + kinds[r]["day"].to_numpy(), flow[r], 1.0) for r in routes)
        return block(n_places * n_days, *each)

    # sum x + sum r <= U_s and sum q <= C_f, where finite
    capacity = np.concatenate([network.supply_capacity.ravel(), network.production_capacity.ravel()])
    below = [sent(len(network.supply_cost), "supply", "material"), sent(len(material), "production")]
    limited = np.isfinite(capacity)

    upper = np.full(len(cost), np.inf)
    for route, units in (most or {}).items():
        upper[flow[route]] = units[tuple(kinds[route][name] for name in ("origin", "destination", "product", "day"))]
    right = np.concatenate([opening.ravel(), np.zeros(material.size), network.demand.ravel()])
    result = linprog(
        cost,
        A_ub=vstack(below, format="csr")[limited],
        b_ub=capacity[limited],
        A_eq=vstack(equal, format="csr"),
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
        + capacity[limited] @ result.ineqlin.marginals
        + upper[bounded] @ result.upper.marginals[bounded]
    )
    units = np.where(result.x > 1e-9 * (1 + network.demand.max()), result.x, 0)
    flows = pd.concat([kind.assign(route=name) for name, kind in kinds.items()], ignore_index=True)
    flows["units"] = units[: len(flows)]
    spent = (flows["cost"] * flows["units"]).groupby(flows["route"]).sum()
    costs = {route: float(spent.get(route, 0.0)) for route in kinds}
    costs["holding"] = float(network.holding_cost @ units[stock].sum(axis=(1, 2)))
    costs["holding"] += float(network.material_holding_cost @ units[material].sum(axis=(1, 2)))
    costs["lost_sales"] = float(network.lost_sale_cost @ units[lost].sum(axis=(1, 2)))
    columns = ["route", "origin", "destination", "product", "day", "arrival", "units"]
    moved = flows.loc[flows["units"] > 0, columns].reset_index(drop=True)
    return NetworkPlan(moved, units[stock], units[material], units[lost], costs, float(dual_cost))


def _routes(network: Network) -> dict[str, pd.DataFrame]:
    """By kind, a flow variable for each route, product and day of departure whose units arrive before the end."""
    n_products, n_days = network.demand.shape[1:]
    itself = np.eye(len(network.holding_cost), dtype=bool)  # a warehouse does not tranship to itself
    ways = (
        (network.supply_cost, network.supply_lead_time),
        (network.material_cost, network.material_lead_time),
        (network.production_cost, network.production_lead_time),
        (np.where(itself, np.inf, network.transhipment_cost), network.transhipment_lead_time),
        (network.delivery_cost, np.zeros(network.delivery_cost.shape, int)),
    )
    routes = {}
    for kind, (cost, lead_time) in zip(ROUTES, ways, strict=True):
        way, product, day = np.indices((np.isfinite(cost).sum(), n_products, n_days)).reshape(3, -1)
        origin, destination = (end[way] for end in np.nonzero(np.isfinite(cost)))
        arrival = day + lead_time[origin, destination]
        each = {"origin": origin, "destination": destination, "product": product, "day": day, "arrival": arrival}
        table = pd.DataFrame(each | {"cost": cost[origin, destination]})
        routes[kind] = table[arrival < n_days]
    return routes


def plan_of_each_alone(network: Network) -> NetworkPlan:
    """The plan that comes out when every stage decides for itself, from what the stage below asks for.

    Each merchant asks the warehouse with the lowest delivery cost for all its demand. Each warehouse, without
    transhipment and as if suppliers and factories had no limits, orders what is cheapest for these requests, and so do
    factories for theirs. A supplier or factory over its capacity grants all orders the same share. The warehouses make
    the best of what arrives.
    """
    apart = replace(network, transhipment_cost=np.inf)
    nearest = apart.delivery_cost == apart.delivery_cost.min(axis=0)
    nearest &= nearest.cumsum(axis=0) == 1  # of equally near ones the first, (n_warehouses, n_merchants)
    apart = replace(apart, delivery_cost=np.where(nearest, apart.delivery_cost, np.inf))
    orders = network_plan(replace(apart, supply_capacity=np.inf, production_capacity=np.inf)).flows
    sizes = {route: getattr(network, f"{route}_cost").shape for route in ("supply", "material", "production")}
    ordered = {route: np.zeros((*size, *network.demand.shape[1:])) for route, size in sizes.items()}
    for route, units in ordered.items():
        of = orders[orders["route"] == route]
        units[tuple(of[name] for name in ("origin", "destination", "product", "day"))] = of["units"]
    asked = {route: units.sum(axis=(1, 2)) for route, units in ordered.items()}  # (n_origins, n_days)
    granted = _share(network.supply_capacity, asked["supply"] + asked["material"])
    shares = {"supply": granted, "material": granted}
    shares["production"] = _share(network.production_capacity, asked["production"])
    return network_plan(apart, {route: units * shares[route][:, None, None, :] for route, units in ordered.items()})


def _share(limit: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The part of all orders that a stage can grant: 1, or less where more than the limit is asked for."""
    return np.divide(limit, asked, out=np.ones(asked.shape), where=asked > limit)


def base_stock_costs(levels: np.ndarray, network: Network) -> dict[str, float]:
    """Cost by kind of base-stock levels (n_warehouses, n_products) over the network's days, without foresight.

    On each day the orders due arrive. Every warehouse orders its position, on hand and on order, up to its level from
    its cheapest supplier; a supplier over its capacity sends all the same share. Merchants ask their nearest warehouse;
    all of a warehouse's merchants get the same share of what it has, and what they do not get is lost. A network with
    factories is refused: how a factory orders without foresight is not modelled.
    """
    if network.material_cost.size:
        raise ParameterError("network has factories; base-stock levels serve networks without: leave material_cost out")
    n_warehouses, n_products = network.opening_stock.shape
    levels = at_least("levels", levels)
    levels = levels.reshape(n_warehouses, n_products)
    n_merchants, _, n_days = network.demand.shape
    w, m = np.arange(n_warehouses), np.arange(n_merchants)
    supplier, nearest = network.supply_cost.argmin(axis=0), network.delivery_cost.argmin(axis=0)
    price, fare = network.supply_cost[supplier, w], network.delivery_cost[nearest, m]
    lead_time, supplied, reached = network.supply_lead_time[supplier, w], np.isfinite(price), np.isfinite(fare)
    price, fare = np.where(supplied, price, 0), np.where(reached, fare, 0)
    arrivals = np.zeros((n_warehouses, n_products, n_days + lead_time.max() + 1))
    stock, on_order = network.opening_stock.astype(float), np.zeros(levels.shape)
    supply, delivery, holding, lost_sales = np.zeros(4)
    for day in range(n_days):
        wanted = supplied[:, None] * np.maximum(levels - stock - on_order, 0)
        asked = np.bincount(supplier, wanted.sum(axis=1), len(network.supply_cost))  # (n_suppliers,)
        limit = network.supply_capacity[:, day]
        orders = wanted * _share(limit, asked)[supplier, None]
        arrivals[w, :, day + lead_time] += orders
        on_order += orders - arrivals[:, :, day]
        stock = stock + arrivals[:, :, day]

        asked_for = reached[:, None] * network.demand[:, :, day]  # (n_merchants, n_products)
        total = np.zeros(levels.shape)
        np.add.at(total, nearest, asked_for)
        filled = np.divide(stock, total, out=np.ones_like(total), where=total > stock)  # (n_warehouses, n_products)
        sent = asked_for * filled[nearest]
        stock = np.maximum(stock - total * filled, 0)
        lost = (network.demand[:, :, day] - sent).sum(axis=1)
        supply += price @ orders.sum(axis=1)
        delivery += fare @ sent.sum(axis=1)
        holding += network.holding_cost @ stock.sum(axis=1)
        lost_sales += network.lost_sale_cost @ lost
    return {"supply": supply, "delivery": delivery, "holding": holding, "lost_sales": lost_sales}


def genetic_search(
    cost: Callable[[np.ndarray], float], low, high, *, generations: int = 40, seed: int = 0
) -> tuple[np.ndarray, float]:
    """The whole-number levels (n_levels,) with the smallest cost that a genetic algorithm finds, and that cost.

    Each generation of 40 keeps its two best. The others are children: of two parents, each the better of two drawn at
    random, a child takes every level from one or the other. Each of its levels changes with a chance of .3, by a
    normal step that shrinks over the generations. No candidate is evaluated twice.
    """
    low, high = np.asarray(low, int), np.asarray(high, int)
    generations, rng, known = whole("generations", generations), stream(whole("seed", seed), "genetic search"), {}

    def best_first(candidates: np.ndarray) -> np.ndarray:
        for levels in candidates:
            if tuple(levels) not in known:
                known[tuple(levels)] = cost(levels.copy())
        return candidates[np.argsort([known[tuple(levels)] for levels in candidates], kind="stable")]

    n, n_levels = 38, len(low)  # children
    candidates = best_first(rng.integers(low, high, (n + 2, n_levels), endpoint=True))
    for generation in range(1, generations + 1):
        step = np.maximum((high - low) / 4 * (1 - generation / (generations + 1)), 1)
        parents = rng.integers(n + 2, size=(2, n, 2)).min(axis=2)  # the better of two has the smaller rank
        children = np.where(rng.random((n, n_levels)) < 0.5, candidates[parents[0]], candidates[parents[1]])
        change = np.rint(step * rng.standard_normal((n, n_levels))).astype(int)
        children = np.clip(children + np.where(rng.random((n, n_levels)) < 0.3, change, 0), low, high)
        candidates = best_first(np.concatenate([candidates[:2], children]))
    return candidates[0], float(known[tuple(candidates[0])])


def chain_orders(demand: np.ndarray, lead_times, *, window: int, shared: bool = False) -> np.ndarray:
    """Orders of every stage of a chain, from the one that customers buy from upwards, (n_stages, n_paths, n_days).

    Demand is (n_paths, n_days). Each stage forecasts a day's demand by a moving average of `window` days, of the orders
    it receives or, `shared`, of the customers' demand. It orders up to what its lead time needs; an order below 0
    returns units. The first days are NaN, where forecasts are not complete.
    """
    demand = at_least("demand", demand, axes="n_paths, n_days")
    window, lead_times = whole("window", window, 1), np.atleast_1d(at_least("lead_times", lead_times))
    received, orders = demand, np.empty((len(lead_times), *demand.shape))
    for stage, lead_time in enumerate(lead_times):
        seen = demand if shared else received
        forecast = np.full(demand.shape, np.nan)
        if window <= demand.shape[1]:
            forecast[:, window - 1 :] = np.lib.stride_tricks.sliding_window_view(seen, window, axis=1).mean(axis=2)
        # q_t = L (forecast_t - forecast_{t-1}) + demand of the stage below
        received = orders[stage] = lead_time * np.diff(forecast, axis=1, prepend=np.nan) + received
    return orders


def bullwhip_ratios(demand: np.ndarray, orders: np.ndarray, *, warm_up: int = 0) -> np.ndarray:
    """Variance of each stage's orders / variance of the customers' demand, (n_stages,), after `warm_up` days.

    Days on which any order is NaN are left out. The bullwhip effect is a ratio above 1. For independent demand that all
    stages share it is 1 + 2 L / p + 2 L^2 / p^2, L being the sum of lead times and p the window. Source: F. Chen,
    Z. Drezner, J. Ryan, D. Simchi-Levi, Management Science 46 (2000) 436-443.
    """
    days = ~np.isnan(orders).any(axis=(0, 1))
    days[: whole("warm_up", warm_up)] = False
    if days.sum() < 2:
        raise ParameterError(f"warm_up is {warm_up} and leaves {days.sum()} of {demand.shape[1]} days; leave two")
    return orders[:, :, days].var(axis=2).mean(axis=1) / demand[:, days].var(axis=1).mean()
