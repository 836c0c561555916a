"""The periodic-review (s, S) policy in simulation: one day of stock, all days of all items, many sampled paths.

A day runs in this order:

1. On days 0, NRT, 2 NRT, ... the position (on hand + on order - backorders) is reviewed. If it is below s, an order
   raises it to S.
2. Orders due arrive. An order of day t arrives on day t + LT; with LT = 0 it serves the same day's demand.
3. Demand is served, backorders first. Demand not met is lost, or waits as a backorder.

Nothing is on order before day 0. Textbooks often order at or below s: their reorder point s is s + 1 here.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np

from bowerbird.checks import above, at_least, check_size, finite, probabilities, spread_over, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, check_samples
from bowerbird.seeds import streams

ASSUMED_HOLDING_RATE = 0.30 / 365
"""Share of the price per day; 30 % a year, a common textbook rate."""

BLOCK = 8192
"""Items x paths simulated at once: a dozen float32 arrays of this length fit the second-level cache."""


@dataclass(frozen=True)
class Costs:
    """Cost coefficients of each item, numbers or arrays (n_items,), none negative."""

    holding: np.ndarray  # per unit on hand at the end of a day [h]
    shortage: np.ndarray  # per unit short and day [p]
    order: np.ndarray  # per order [K]

    def __post_init__(self):
        for name in ("holding", "shortage", "order"):
            at_least(f"{name} of costs", getattr(self, name))


def assumed_costs(service_level=0.95, price=1.0) -> Costs:
    """Costs that give a critical ratio p / (p + h) at an assumed price of a unit, both numbers or arrays (n_items,).

    The contest published no prices. It says only that both costs rise with the price. Orders are free.

    >>> costs = assumed_costs(0.9, price=365.0)
    >>> round(float(costs.holding), 3), round(float(costs.shortage), 3)
    (0.3, 2.7)
    """
    holding = ASSUMED_HOLDING_RATE * above("price", price)
    service_level = probabilities("service_level", service_level)
    return Costs(holding, holding * service_level / (1 - service_level), 0.0)


class Stock:
    """Stock of every item (and path) between two days, moved on by `order` and `serve`.

    Parameters
    ----------
    on_hand : array (...)  Units on hand; below 0 they are owed to customers who wait.
    on_order : list of LT arrays (...)  Units that arrive on the coming days, the next day's first.

    >>> stock = Stock(np.array([5.0]), [np.array([2.0])])  # a lead time of one day
    >>> stock.order(np.array([4.0]))
    >>> stock.serve(np.array([10.0]), lost_sales=True)  # two units arrive, seven are sold, three are lost
    (array([2.]), array([7.]))
    >>> stock.on_hand, stock.position
    (array([0.]), array([4.]))
    """

    def __init__(self, on_hand: np.ndarray, on_order: list[np.ndarray]):
        self.on_hand, self.on_order = on_hand, list(on_order)
        self.position = sum(self.on_order, on_hand)

    def order(self, units: np.ndarray) -> None:
        """Place the morning's order, 0 where nothing is ordered."""
        self.on_order.append(units)
        self.position = self.position + units

    def serve(self, demand: np.ndarray, lost_sales: bool) -> tuple[np.ndarray, np.ndarray]:
        """Receive what is due and serve the day's demand; return units received and units sold on the day."""
        arrivals = self.on_order.pop(0)
        there = self.on_hand + arrivals
        sales = np.minimum(there if lost_sales else np.maximum(there, 0), demand)
        gone = sales if lost_sales else demand
        self.on_hand, self.position = there - gone, self.position - gone
        return arrivals, sales


def stock_by_day(demand, s, S, opening_stock, lead_time: int, review: int, lost_sales: bool) -> Iterator[tuple]:
    """Yield the orders, arrivals, sales and stock at the end of each day; the days are the first axis of the inputs."""
    nothing = np.zeros(demand.shape[1:], demand.dtype)
    lead_time = min(lead_time, len(demand))  # what arrives after the last day never arrives
    stock = Stock(nothing + opening_stock, lead_time * [nothing])
    for day, asked in enumerate(demand):
        orders = nothing
        if day % review == 0:
            orders = (S[day] - stock.position) * (stock.position < s[day])
        stock.order(orders)
        arrivals, sales = stock.serve(asked, lost_sales)
        yield orders, arrivals, sales, stock.on_hand


@dataclass(frozen=True)
class Totals:
    """Sums over the simulated days; arrays (n_items,), or (n_paths, n_items) for sampled paths."""

    demand: np.ndarray  # units asked for
    sales: np.ndarray  # units sold on the day they were asked for
    unmet: np.ndarray  # units short: a lost unit counts once, a backorder on every day it waits
    stock: np.ndarray  # unit-days on hand, the closing stocks of all days
    orders: np.ndarray  # number of orders placed


@dataclass(frozen=True)
class Simulation:
    """Every item on every day; all arrays (n_items, n_days), units."""

    demand: np.ndarray  # asked for
    opening_stock: np.ndarray  # on hand at the start of the day, before arrivals
    arrivals: np.ndarray  # received at the start of the day
    orders: np.ndarray  # ordered at the day's review
    sales: np.ndarray  # the day's demand met from stock on the day
    closing_stock: np.ndarray  # on hand at the end of the day
    backorders: np.ndarray  # owed at the end of the day; 0 when sales are lost
    lead_time: int  # days from order to arrival [LT]
    review: int  # days between reviews [NRT]

    @property
    def unmet(self) -> np.ndarray:
        """Units short that day, as in `Totals`."""
        return np.maximum(self.demand - self.sales, self.backorders)

    @property
    def on_order(self) -> np.ndarray:
        """Units ordered and not yet received at the end of the day."""
        return np.cumsum(self.orders - self.arrivals, axis=1)

    @property
    def totals(self) -> Totals:
        """Sums over the days."""
        days = (self.demand, self.sales, self.unmet, self.closing_stock, self.orders > 0)
        return Totals(*(each.sum(axis=1) for each in days))


def _policy(s, S, opening_stock, lead_time: int, review: int, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """The checked levels of each day, (n_days, n_items), and the opening stock, (n_items,)."""
    whole("lead_time", lead_time), whole("review", review, 1)
    s, S = (np.ascontiguousarray(spread_over(name, finite(name, x), shape).T) for name, x in (("s", s), ("S", S)))
    if not (s <= S).all():
        raise ParameterError("s exceeds S; every reorder point must be at most its S")
    return s, S, spread_over("opening_stock", at_least("opening_stock", opening_stock), shape[:1])


def simulate(
    demand: np.ndarray,
    s: np.ndarray,
    S: np.ndarray,
    *,
    opening_stock=5,
    lead_time: int = 3,
    review: int = 1,
    lost_sales: bool = True,
) -> Simulation:
    """Simulate reorder points and order-up-to levels on given demand.

    Parameters
    ----------
    demand : array (n_items, n_days)  Units asked for each day, not negative.
    s, S : array (n_items, n_days), or what broadcasts to it  Reorder point and order-up-to level, s <= S.
    opening_stock : float or array (n_items,)  On hand before day 0; the contest gives every item 5.
    lead_time, review : int  Days from order to arrival [LT], at least 0, and between reviews [NRT], at least 1.
    lost_sales : bool  Whether demand not met is lost; otherwise it is backordered.

    On day 0 the position 5 lies below s = 6, so 5 units are ordered; they arrive on day 3.

    >>> run = simulate([[2, 3, 2, 4, 1]], s=6, S=10)
    >>> run.orders[0].tolist(), run.sales[0].tolist(), run.closing_stock[0].tolist()
    ([5.0, 0.0, 5.0, 0.0, 0.0], [2.0, 3.0, 0.0, 4.0, 1.0], [3.0, 0.0, 0.0, 1.0, 0.0])
    """
    demand = at_least("demand", demand, axes="n_items, n_days")
    s, S, opening_stock = _policy(s, S, opening_stock, lead_time, review, demand.shape)
    days = list(stock_by_day(np.ascontiguousarray(demand.T), s, S, opening_stock, lead_time, review, lost_sales))
    orders, arrivals, sales, net = (np.array(each).T for each in zip(*days, strict=True))  # (n_items, n_days)
    closing = np.maximum(net, 0)
    opening = np.column_stack([opening_stock, closing[:, :-1]])
    return Simulation(demand, opening, arrivals, orders, sales, closing, np.maximum(-net, 0), lead_time, review)


def simulate_paths(
    demand: np.ndarray | Demand,
    s: np.ndarray,
    S: np.ndarray,
    *,
    n_paths: int = 0,
    n_days: int = 0,
    seed: int = 0,
    opening_stock=5,
    lead_time: int = 3,
    review: int = 1,
    lost_sales: bool = True,
    executor: Executor | None = None,
) -> Totals:
    """Simulate a policy on many demand paths and keep the totals of each path, arrays (n_paths, n_items).

    Items are simulated in blocks that fit a processor's cache. Each block draws from a generator of its own, so the
    result is the same with any executor.

    Parameters
    ----------
    demand : array (n_items, n_paths, n_days), or Demand of one day  Units asked for each day. A table is drawn from,
        independently every day.
    n_paths, n_days, seed : int  Size and seed of the sample that is drawn from a table.
    s, S, opening_stock, lead_time, review, lost_sales  As in `simulate`.
    executor : concurrent.futures.Executor, optional  Shares out the blocks.

    >>> totals = simulate_paths([[[2, 3, 2, 4, 1], [0, 0, 0, 0, 0]]], s=6, S=10)
    >>> totals.sales[:, 0].tolist(), totals.orders[:, 0].tolist()
    ([10.0, 0.0], [2.0, 1.0])
    """
    if isinstance(demand, Demand):
        items, parts = len(demand.probability), demand.probability
        shape = items, whole("n_paths", n_paths, 1), whole("n_days", n_days, 1)
    else:
        parts = check_samples(demand)
        shape = parts.shape
    check_size("items, n_paths and n_days", np.prod(shape, dtype=float), 1e10)  # a few minutes
    s, S, opening_stock = _policy(s, S, opening_stock, lead_time, review, (shape[0], shape[2]))
    step = max(BLOCK // shape[1], 1)
    blocks = [slice(first, first + step) for first in range(0, shape[0], step)]
    generators = streams(whole("seed", seed), "simulated demand", len(blocks))
    arguments = [(parts[b], s[:, b], S[:, b], opening_stock[b], own) for b, own in zip(blocks, generators, strict=True)]
    drawn = shape[1:] if isinstance(demand, Demand) else None
    work = partial(_block_totals, drawn=drawn, lost_sales=lost_sales, lead_time=lead_time, review=review)
    results = list((map if executor is None else executor.map)(work, arguments))
    return Totals(*(np.concatenate(each).T for each in zip(*results, strict=True)))


def _block_totals(block: tuple, drawn: tuple[int, int] | None, lost_sales: bool, **timing) -> tuple[np.ndarray, ...]:
    """Totals of some items' paths, each (n_items, n_paths), in the order of `Totals`."""
    samples, s, S, opening_stock, generator = block
    if drawn:
        n_paths, n_days = drawn
        days = Demand(samples).sample(generator, n_days, n_paths).transpose(1, 0, 2)
    else:
        days = samples.transpose(2, 0, 1)  # (n_days, n_items, n_paths)
    # Whole numbers below 2^24 are exact in float32, which is twice as fast; the bound holds for every total.
    owed = 1 if lost_sales else len(days)  # days of demand that may wait
    bound = len(days) * max(S.max(), opening_stock.max(), owed * float(days.max()))
    are_whole = (x.dtype.kind in "iu" or (x == np.rint(x)).all() for x in (s, S, opening_stock, days))
    dtype = np.float32 if bound < 2**24 and all(are_whole) else np.float64
    s, S, opening_stock = (values[..., None].astype(dtype) for values in (s, S, opening_stock))
    demand = np.ascontiguousarray(days, dtype)
    sales, stock, waiting, placed = np.zeros((4, *demand.shape[1:]), dtype)
    for orders, _, sold, net in stock_by_day(demand, s, S, opening_stock, lost_sales=lost_sales, **timing):
        on_hand = net if lost_sales else np.maximum(net, 0)
        sales += sold
        stock += on_hand
        waiting += on_hand - net
        placed += orders > 0
    asked = demand.sum(axis=0)
    return asked, sales, asked - sales if lost_sales else waiting, stock, placed


def cost_parts(totals: Totals, costs: Costs) -> dict[str, np.ndarray]:
    """Holding, shortage, ordering and total cost over all days, by name; arrays like the totals.

    >>> run = simulate([[2, 3, 2, 4, 1]], s=6, S=10)  # stock 3 + 1, two units lost, two orders
    >>> {name: float(cost[0]) for name, cost in cost_parts(run.totals, Costs(1.0, 7.0, 4.0)).items()}
    {'holding_cost': 4.0, 'shortage_cost': 14.0, 'ordering_cost': 8.0, 'total_cost': 26.0}
    """
    parts = {
        "holding_cost": costs.holding * totals.stock,
        "shortage_cost": costs.shortage * totals.unmet,
        "ordering_cost": costs.order * totals.orders,
    }
    return parts | {"total_cost": sum(parts.values())}


def fill_rate(simulated: Simulation | Totals) -> float:
    """The contest's service level: units satisfied on their day / units demanded; 1 where nothing is demanded.

    >>> round(fill_rate(simulate([[2, 3, 2, 4, 1]], s=6, S=10)), 3)  # 10 of 12 units
    0.833
    """
    demand = simulated.demand.sum()
    return float(simulated.sales.sum() / demand) if demand else 1.0


def cycle_service(simulation: Simulation) -> float:
    """Share of cycles without a shortage [alpha], which the critical ratio of the newsvendor aims at.

    A cycle is the `review` days from one possible arrival to the next. Cycles start on day `lead_time`, as no order
    can help earlier days; days after the last whole cycle are left out. NaN if there is no whole cycle.

    >>> cycle_service(simulate([[2, 3, 2, 4, 1]], s=6, S=10))  # the short day lies before the first possible arrival
    1.0
    """
    n_items, n_days = simulation.demand.shape
    n_cycles = max(n_days - simulation.lead_time, 0) // simulation.review
    if not n_cycles:
        return np.nan
    days = simulation.unmet[:, simulation.lead_time :][:, : n_cycles * simulation.review]
    return float((days.reshape(n_items, n_cycles, -1) == 0).all(axis=2).mean())


def turnover_days(simulation: Simulation) -> float:
    """The contest's turnover: (opening + closing stock) / 2 x days / units sold, late sales included.

    Without sales it is infinite if stock lies there, else 0.

    >>> turnover_days(simulate([[2, 3, 2, 4, 1]], s=6, S=10))  # (5 + 0) / 2 x 5 / 10
    1.25
    """
    first, last = simulation.opening_stock[:, 0].sum(), simulation.closing_stock[:, -1].sum()
    sold = first + simulation.arrivals.sum() - last
    stock_days = (first + last) / 2 * simulation.demand.shape[1]
    return float(stock_days / sold) if sold else (np.inf if stock_days else 0.0)


def summary(simulation: Simulation, costs: Costs) -> dict[str, float]:
    """One row of a table that compares policies, over all items and days; `mean_stock` is units at the end of a day."""
    totals = simulation.totals
    return {
        "fill_rate": fill_rate(simulation),
        "cycle_service": cycle_service(simulation),
        "turnover_days": turnover_days(simulation),
        "mean_stock": float(totals.stock.sum() / simulation.demand.shape[1]),
        "orders": int(totals.orders.sum()),
        **{name: float(cost.sum()) for name, cost in cost_parts(totals, costs).items()},
    }
