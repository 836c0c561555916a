"""Cost coefficients: an assumption, since the contest never published prices.

The contest says only that holding and shortage cost are low and rise with the item's price. Here both are proportional
to an assumed price. The critical ratio p / (p + h) is then free of the price: prices weigh the items in a total
cost, and move the levels only through a fixed cost of an order.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import poisson

from bowerbird.checks import above, at_least, finite, fits, spread_over, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, critical_ratio

ASSUMED_PRICE = 1.0
"""Money per unit, the same for every item."""

ASSUMED_HOLDING_RATE = 0.30 / 365
"""Share of the price per day; 30 % a year, a common textbook rate."""

ASSUMED_SHORTAGE_RATE = 19 * ASSUMED_HOLDING_RATE
"""Share of the price per unit short and day; 19 times holding makes the critical ratio 0.95."""


@dataclass(frozen=True)
class Costs:
    """Cost coefficients of each item, floats or arrays (n_items,).

    Attributes
    ----------
    holding : Per unit on hand at the end of a day [h].
    shortage : Per unit short and day [p].
    order : Per order [K].
    """

    holding: np.ndarray
    shortage: np.ndarray
    order: np.ndarray

    def __post_init__(self):
        for name in ("holding", "shortage", "order"):
            at_least(f"{name} of costs", getattr(self, name))

    @property
    def critical_ratio(self) -> np.ndarray:
        """The service level that these costs make cheapest, p / (p + h)."""
        return critical_ratio(self.holding, self.shortage)


def assumed_costs(
    price=ASSUMED_PRICE,
    *,
    holding_rate: float = ASSUMED_HOLDING_RATE,
    shortage_rate: float = ASSUMED_SHORTAGE_RATE,
    order_cost=0.0,
) -> Costs:
    """Cost coefficients proportional to an assumed price.

    Parameters
    ----------
    price : float or array (n_items,)
        Assumed price of a unit, above 0.
    holding_rate, shortage_rate : float
        Share of the price per unit and day, above 0.
    order_cost : float or array (n_items,)
        Fixed cost of an order [K], at least 0; the contest names none.

    Returns
    -------
    Costs

    Raises
    ------
    ParameterError
        If a price, rate or cost is out of range.
    """
    price, order_cost = above("price", price), at_least("order_cost", order_cost)
    return Costs(above("holding_rate", holding_rate) * price, above("shortage_rate", shortage_rate) * price, order_cost)


@dataclass(frozen=True)
class Walk:
    """What happened to every item on every day; all arrays (n_items, n_days), units.

    Attributes
    ----------
    demand : Units asked for.
    opening_stock : On hand at the start of the day, before arrivals.
    arrivals : Received at the start of the day.
    orders : Ordered at the day's review.
    sales : The day's demand met from stock on the day.
    short : The day's demand not met on the day: lost, or backordered.
    backorders : Owed at the end of the day; 0 when sales are lost.
    closing_stock : On hand at the end of the day.
    on_order : Ordered and not yet received at the end of the day.
    lead_time, review : int
        Days from order to arrival [LT] and between reviews [NRT].
    """

    demand: np.ndarray
    opening_stock: np.ndarray
    arrivals: np.ndarray
    orders: np.ndarray
    sales: np.ndarray
    short: np.ndarray
    backorders: np.ndarray
    closing_stock: np.ndarray
    on_order: np.ndarray
    lead_time: int
    review: int

    @property
    def shipped(self) -> np.ndarray:
        """Units that left stock: sales, and backorders made good."""
        return self.opening_stock + self.arrivals - self.closing_stock

    @property
    def unmet(self) -> np.ndarray:
        """Units short that day: a lost unit counts on its day, a backorder on every day it waits."""
        return np.maximum(self.short, self.backorders)


class Day(NamedTuple):
    """What `walk_days` tells of one day, fields as in `Walk`; the arrays are used again on the next day."""

    arrivals: np.ndarray
    orders: np.ndarray
    ordered: np.ndarray
    sales: np.ndarray
    backorders: np.ndarray
    closing_stock: np.ndarray


def walk_days(demand, s, S, opening_stock, lead_time: int, review: int, lost_sales: bool) -> Iterator[Day]:
    """Walk one day after another, keeping only today's books and the orders under way; arguments are not checked.

    Parameters
    ----------
    demand : array (n_days, ...), each day of the shape of the items, or of items and paths
    s, S : sequences of n_days arrays that broadcast to a day's shape
    opening_stock : array that broadcasts to a day's shape
    lead_time, review, lost_sales
        As in `simulate`.

    Yields
    ------
    Day, n_days times, with `ordered` (bool) telling where an order was placed; copy what is to outlive the day.
    """
    shape, dtype = demand.shape[1:], demand.dtype
    net = np.empty(shape, dtype)  # on hand - backorders
    net[:] = opening_stock
    position = net.copy()  # net + on order
    lead_time = min(lead_time, len(demand))  # what arrives after the last day never arrives
    due = np.zeros((lead_time + 1, *shape), dtype)  # ring: the order of day t in row t mod (LT + 1)
    sales, backorders = np.zeros(shape, dtype), np.zeros(shape, dtype)
    stock = net if lost_sales else np.empty(shape, dtype)
    ordered = np.empty(shape, bool)
    for day, asked in enumerate(demand):
        orders = due[day % (lead_time + 1)]
        if day % review == 0:
            # Today's arrivals only move from on order to on hand, so the position is the same before and after them.
            np.less(position, s[day], out=ordered)
            np.subtract(S[day], position, out=orders)
            orders *= ordered
            position += orders
        else:
            orders.fill(0)
            ordered.fill(False)
        arrivals = due[(day + 1) % (lead_time + 1)]  # ordered LT days ago; today's own row if LT = 0
        net += arrivals
        if lost_sales:
            np.minimum(net, asked, out=sales)
            net -= sales
            position -= sales
        else:
            np.maximum(net, 0, out=stock)  # what is left once backorders are made good
            np.minimum(stock, asked, out=sales)
            net -= asked
            position -= asked
            np.maximum(net, 0, out=stock)
            np.subtract(stock, net, out=backorders)
        yield Day(arrivals, orders, ordered, sales, backorders, stock)


def _by_day(name: str, values, shape: tuple[int, int]) -> np.ndarray:
    """An argument as a contiguous (n_days, n_items) array, so that each day is one block of memory."""
    return np.ascontiguousarray(spread_over(name, finite(name, values), shape).T)


def check_policy(s, S, opening_stock, lead_time: int, review: int, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Levels by day, (n_days, n_items) each, and opening stock, (n_items,), or an error that names what is wrong."""
    whole("lead_time", lead_time), whole("review", review, 1)
    s, S = _by_day("s", s, shape), _by_day("S", S, shape)
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
) -> Walk:
    """Walk reorder points and order-up-to levels through given demand.

    Parameters
    ----------
    demand : array (n_items, n_days)
        Units asked for each day, not negative, no NaN.
    s, S : array (n_items, n_days), or anything that broadcasts to it
        Reorder point and order-up-to level of each day, s <= S.
    opening_stock : float or array (n_items,)
        On hand before day 0; the contest gives every item 5.
    lead_time, review : int
        Days from order to arrival [LT], at least 0, and between reviews [NRT], at least 1.
    lost_sales : bool
        Whether demand not met is lost; otherwise it is backordered.

    Returns
    -------
    Walk

    Raises
    ------
    ParameterError
        If an argument is out of range or has the wrong shape.
    """
    demand = at_least("demand", demand)
    if demand.ndim != 2 or not demand.shape[1]:
        raise ParameterError(f"demand, shape {demand.shape}: give (n_items, n_days)")
    n_items, n_days = demand.shape
    s, S, opening_stock = check_policy(s, S, opening_stock, lead_time, review, demand.shape)
    asked = _by_day("demand", demand, demand.shape)  # (n_days, n_items)

    names = ("arrivals", "orders", "sales", "backorders", "closing_stock")
    record = {name: np.empty((n_days, n_items)) for name in names}
    for day, books in enumerate(walk_days(asked, s, S, opening_stock, lead_time, review, lost_sales)):
        for name in names:
            record[name][day] = getattr(books, name)
    record["opening_stock"] = np.concatenate([opening_stock[None], record["closing_stock"]])[:n_days]
    record["short"] = asked - record["sales"]
    record["on_order"] = np.cumsum(record["orders"] - record["arrivals"], axis=0)
    return Walk(demand=demand, **{name: days.T for name, days in record.items()}, lead_time=lead_time, review=review)


@dataclass(frozen=True)
class Totals:
    """What the days of a walk add up to; arrays (n_items,), or (n_paths, n_items) where many paths were walked.

    Attributes
    ----------
    demand, sales, shipped, unmet : Units, as in `Walk`.
    stock : Unit-days on hand, the closing stocks of all days.
    orders : Number of orders placed.
    met_cycles : Cycles without a shortage, of `n_cycles`.
    opening_stock, closing_stock : On hand before the first day and after the last.
    n_days, n_cycles : int
    """

    demand: np.ndarray
    sales: np.ndarray
    shipped: np.ndarray
    unmet: np.ndarray
    stock: np.ndarray
    orders: np.ndarray
    met_cycles: np.ndarray
    opening_stock: np.ndarray
    closing_stock: np.ndarray
    n_days: int
    n_cycles: int


def count_cycles(n_days: int, lead_time: int, review: int) -> int:
    """Whole cycles of a walk, `review` days each, from the first possible arrival on day `lead_time`."""
    return max(n_days - lead_time, 0) // review


def totals(walk: Walk | Totals) -> Totals:
    """Totals of a walk, one value an item."""
    if isinstance(walk, Totals):
        return walk
    n_items, n_days = walk.demand.shape
    n_cycles = count_cycles(n_days, walk.lead_time, walk.review)
    days = walk.unmet[:, walk.lead_time : walk.lead_time + n_cycles * walk.review]
    met = (days.reshape(n_items, n_cycles, walk.review) == 0).all(axis=2)  # (n_items, n_cycles)
    return Totals(
        demand=walk.demand.sum(axis=1),
        sales=walk.sales.sum(axis=1),
        shipped=walk.shipped.sum(axis=1),
        unmet=walk.unmet.sum(axis=1),
        stock=walk.closing_stock.sum(axis=1),
        orders=(walk.orders > 0).sum(axis=1),
        met_cycles=met.sum(axis=1),
        opening_stock=walk.opening_stock[:, 0],
        closing_stock=walk.closing_stock[:, -1],
        n_days=n_days,
        n_cycles=n_cycles,
    )


def _over(per_item: bool, *amounts: np.ndarray) -> list[np.ndarray]:
    """The amounts themselves, one an item (and path), or summed over all."""
    return [amount if per_item else amount.sum() for amount in amounts]


def _ratio(numerator, denominator, otherwise) -> np.ndarray:
    """numerator / denominator, and `otherwise` where the denominator is 0."""
    otherwise = np.array(np.broadcast_to(otherwise, np.shape(numerator)), float)
    return np.divide(numerator, denominator, out=otherwise, where=np.asarray(denominator) != 0)[()]


def fill_rate(walk: Walk | Totals, per_item: bool = False) -> np.ndarray:
    """The contest's service level: units satisfied on their day / units demanded; 1 where nothing is demanded.

    Parameters
    ----------
    walk : Walk or Totals
    per_item : bool
        Whether to return one value an item instead of one for all.

    Returns
    -------
    float, or array like the totals, in [0, 1].
    """
    total = totals(walk)
    return _ratio(*_over(per_item, total.sales, total.demand), 1.0)


def cycle_service(walk: Walk | Totals, per_item: bool = False) -> np.ndarray:
    """Share of cycles without a shortage [alpha]; what the critical ratio of the newsvendor aims at.

    A cycle is the `review` days from one possible arrival to the next. Cycles start on day `lead_time`, as no order
    can help earlier days; days after the last whole cycle are left out.

    Parameters
    ----------
    walk : Walk or Totals
    per_item : bool
        Whether to return one value an item instead of one for all.

    Returns
    -------
    float, or array like the totals, in [0, 1]; NaN if the walk is too short for a cycle.
    """
    total = totals(walk)
    return _ratio(*_over(per_item, total.met_cycles, np.full_like(total.met_cycles, total.n_cycles)), np.nan)


def turnover_days(walk: Walk | Totals, per_item: bool = False) -> np.ndarray:
    """The contest's turnover: (opening + closing stock) / 2 x days / units sold.

    Parameters
    ----------
    walk : Walk or Totals
    per_item : bool
        Whether to return one value an item instead of one for all.

    Returns
    -------
    float, or array like the totals, days; without sales infinite if stock lies there, else 0.
    """
    total = totals(walk)
    stock, shipped = _over(per_item, (total.opening_stock + total.closing_stock) / 2, total.shipped)
    # The mean stock of the period lasts so many days at the period's rate of sale.
    return _ratio(stock * total.n_days, shipped, np.where(stock > 0, np.inf, 0.0))


def holding_cost(walk: Walk | Totals, costs: Costs) -> np.ndarray:
    """Cost of the units on hand at the end of each day, for each item."""
    return costs.holding * totals(walk).stock


def shortage_cost(walk: Walk | Totals, costs: Costs) -> np.ndarray:
    """Cost of the units short on each day, for each item: a lost unit counts once, a backorder every day it waits."""
    return costs.shortage * totals(walk).unmet


def ordering_cost(walk: Walk | Totals, costs: Costs) -> np.ndarray:
    """Fixed cost of the orders placed, for each item."""
    return costs.order * totals(walk).orders


def summary(walk: Walk | Totals, costs: Costs) -> dict[str, float]:
    """One row of a table that compares policies.

    Parameters
    ----------
    walk : Walk or Totals
    costs : Costs
        Cost coefficients; `assumed_costs` if no prices are known.

    Returns
    -------
    dict: fill_rate, cycle_service, turnover_days, mean_stock (units on hand at the end of a day, all items together),
    orders (number placed), holding_cost, shortage_cost, ordering_cost, total_cost (over all items and days).
    """
    total = totals(walk)
    parts = {
        "holding_cost": float(holding_cost(total, costs).sum()),
        "shortage_cost": float(shortage_cost(total, costs).sum()),
        "ordering_cost": float(ordering_cost(total, costs).sum()),
    }
    return {
        "fill_rate": float(fill_rate(total)),
        "cycle_service": float(cycle_service(total)),
        "turnover_days": float(turnover_days(total)),
        "mean_stock": float(total.stock.sum() / total.n_days),
        "orders": int(total.orders.sum()),
        **parts,
        "total_cost": sum(parts.values()),
    }


GUIDE_BITS = 12
LARGEST_MEAN = 2.0**23  # paths are drawn in float32, which is exact up to 2^24
NEGLIGIBLE = 2.0**-33
"""Probability of the tail left out of a table: less than what 32 bits can tell."""


@dataclass(frozen=True)
class SamplePaths:
    """Demand paths that are given.

    Attributes
    ----------
    samples : array (n_items, n_paths, n_days)
        Units asked for, not negative; fastest as integers.
    """

    samples: np.ndarray

    def __post_init__(self):
        at_least("samples", self.samples)
        samples = np.asarray(self.samples)  # integers stay integers
        if samples.ndim != 3 or 0 in samples.shape:
            raise ParameterError(f"samples, shape {samples.shape}: give (n_items, n_paths, n_days), none of them 0")
        object.__setattr__(self, "samples", samples)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.samples.shape

    def part(self, items: slice, paths: slice) -> "SamplePaths":
        """Some items and paths of it."""
        return SamplePaths(self.samples[items, paths])

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Contiguous (n_days, n_items, n_paths); float32 where that is exact."""
        fits = np.issubdtype(self.samples.dtype, np.integer) and self.samples.max() < 2**24
        block = np.empty((self.shape[2], *self.shape[:2]), np.float32 if fits else np.float64)
        np.copyto(block, self.samples.transpose(2, 0, 1), casting="unsafe")
        return block


def _check_paths(paths) -> None:
    for name in ("n_paths", "n_days"):
        object.__setattr__(paths, name, whole(name, getattr(paths, name), 1))
    fits("n_days", paths.n_days * 1000.0)  # days of a thousand paths are held at once


@dataclass(frozen=True)
class PoissonPaths:
    """Independent Poisson demand.

    Attributes
    ----------
    mean : array (n_items,), or (n_items, n_days) where days differ
        Expected units a day [lambda].
    n_paths, n_days : int
    """

    mean: np.ndarray
    n_paths: int
    n_days: int

    def __post_init__(self):
        mean = at_least("mean", self.mean)
        if not mean.size or (mean.ndim != 1 and mean.shape[1:] != (self.n_days,)):
            raise ParameterError(f"mean, shape {mean.shape}: give (n_items,) or (n_items, {self.n_days})")
        if mean.max() >= LARGEST_MEAN:
            raise ParameterError(f"mean holds {mean.max():g}; give units below {LARGEST_MEAN:g}, or larger units")
        _check_paths(self)
        object.__setattr__(self, "mean", mean)

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.mean), self.n_paths, self.n_days

    def part(self, items: slice, paths: slice) -> "PoissonPaths":
        """Some items and paths of it."""
        return replace(self, mean=self.mean[items], n_paths=paths.stop - paths.start)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Float32 (n_days, n_items, n_paths)."""
        block = np.empty((self.n_days, len(self.mean), self.n_paths), np.float32)
        for i, mean in enumerate(self.mean):
            if mean.ndim:
                block[:, i] = rng.poisson(mean[:, None], (self.n_days, self.n_paths))
            else:
                first, beyond = poisson.ppf(NEGLIGIBLE, mean), poisson.isf(NEGLIGIBLE, mean) + 1
                pmf = poisson.pmf(np.arange(max(first, 0), beyond), mean)
                block[:, i] = draw_discrete(pmf, (self.n_days, self.n_paths), rng, first=max(first, 0))
        return block


@dataclass(frozen=True)
class DiscretePaths:
    """Independent demand of any distribution over whole units.

    Attributes
    ----------
    demand : Demand
        Of one day.
    n_paths, n_days : int
    """

    demand: Demand
    n_paths: int
    n_days: int

    def __post_init__(self):
        _check_paths(self)

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.demand.probability), self.n_paths, self.n_days

    def part(self, items: slice, paths: slice) -> "DiscretePaths":
        """Some items and paths of it."""
        return replace(self, demand=Demand(self.demand.probability[items]), n_paths=paths.stop - paths.start)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Float32 (n_days, n_items, n_paths)."""
        block = np.empty((self.n_days, self.shape[0], self.n_paths), np.float32)
        for i, probability in enumerate(self.demand.probability):
            block[:, i] = draw_discrete(probability, (self.n_days, self.n_paths), rng)
        return block


def draw_discrete(pmf: np.ndarray, size, rng: np.random.Generator, first: float = 0) -> np.ndarray:
    """Draws from one distribution by inversion through a guide table.

    Parameters
    ----------
    pmf : array (n_outcomes,)
        Probabilities of first, first + 1, ...; scaled to a sum of 1.
    size : int or tuple
    rng : numpy Generator
    first : float
        The smallest outcome.

    Returns
    -------
    float32 array of the given size.

    Source
    ------
    Chen & Asau, AIIE Transactions 6, 1974 (the guide table).
    """
    cdf = np.cumsum(pmf)
    thresholds = np.rint(cdf / cdf[-1] * 2.0**32).astype(np.uint64)  # (n_outcomes,), the last is 2^32
    edges = np.arange(2**GUIDE_BITS + 1, dtype=np.uint64) << np.uint64(32 - GUIDE_BITS)
    lowest = np.searchsorted(thresholds, edges[:-1], side="right")
    highest = np.searchsorted(thresholds, edges[1:] - np.uint64(1), side="right")
    guide = np.where(lowest == highest, first + lowest, -1).astype(np.float32)
    u = rng.integers(2**32, size=size, dtype=np.uint32)
    drawn = guide.take(u >> np.uint32(32 - GUIDE_BITS))
    unsure = np.flatnonzero(drawn < 0)
    drawn.ravel()[unsure] = first + np.searchsorted(thresholds, u.ravel()[unsure], side="right")
    return drawn


BLOCK = 8192
"""Items x paths walked at once: a dozen float32 arrays of this length fit the second-level cache."""
MEASURES = (
    "demand", "sales", "short", "unmet", "mean_stock", "orders", "cycle_service",
    "holding_cost", "shortage_cost", "ordering_cost", "total_cost",
)  # fmt: skip
"""Of each path: units asked for, sold and not sold on their day, unmet (as in `Walk`, summed), units on hand at the end
of a day, number of orders, share of cycles without a shortage, and money over all days; `fill_rate` comes with them."""
BLOCKS_A_TASK = 16
"""Blocks an executor is handed at once, a fifth of a second of work for half a year of days."""


def walk_totals(
    demand: np.ndarray, s, S, opening_stock, *, lead_time: int = 3, review: int = 1, lost_sales: bool = True
) -> Totals:
    """Totals of many paths; arguments are not checked.

    Parameters
    ----------
    demand : float array (n_days, n_items, n_paths)
        Units asked for.
    s, S : arrays (n_days, n_items)
    opening_stock : array (n_items,)
    lead_time, review, lost_sales
        As in `simulate`.

    Returns
    -------
    Totals of arrays (n_paths, n_items).
    """
    n_days = len(demand)
    asked = demand.sum(axis=0)  # (n_items, n_paths)
    # Whole numbers below 2^24 are exact in float32, which is twice as fast; the bound holds for every total.
    bound = n_days * max(S.max(), opening_stock.max(), float(asked.max()))
    whole = all((values == np.rint(values)).all() for values in (s, S, opening_stock))
    demand = demand.astype(np.float64 if bound >= 2**24 or not whole else demand.dtype, copy=False)
    s, S, opening = (values[..., None].astype(demand.dtype) for values in (s, S, opening_stock))

    n_cycles = count_cycles(n_days, lead_time, review)
    sales, stock, orders, unmet, met_cycles, unmet_in_cycle, unmet_today = np.zeros((7, *asked.shape), demand.dtype)
    for day, books in enumerate(walk_days(demand, s, S, opening, lead_time, review, lost_sales)):
        sales += books.sales
        stock += books.closing_stock
        orders += books.ordered
        if lost_sales:
            np.subtract(demand[day], books.sales, out=unmet_today)
        else:
            unmet_today = books.backorders
        unmet += unmet_today
        if lead_time <= day < lead_time + n_cycles * review:
            np.maximum(unmet_in_cycle, unmet_today, out=unmet_in_cycle)
            if (day - lead_time + 1) % review == 0:
                met_cycles += unmet_in_cycle == 0
                unmet_in_cycle.fill(0)
    shipped = sales if lost_sales else asked - books.backorders
    arrays = (asked, sales, shipped, unmet, stock, orders, met_cycles, opening, books.closing_stock)
    return Totals(*(array.T.astype(np.float64) for array in arrays), n_days=n_days, n_cycles=n_cycles)


def monte_carlo(
    demand,
    s: np.ndarray,
    S: np.ndarray,
    costs: Costs,
    *,
    opening_stock=5,
    lead_time: int = 3,
    review: int = 1,
    lost_sales: bool = True,
    seed: int = 0,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Means of a policy's measures over sampled demand paths, with standard errors.

    Parameters
    ----------
    demand : array (n_items, n_paths, n_days), SamplePaths, PoissonPaths or DiscretePaths
        Units asked for each day.
    s, S : array (n_items, n_days), or anything that broadcasts to it
        Reorder point and order-up-to level of each day, s <= S.
    costs : Costs
    opening_stock, lead_time, review, lost_sales
        As in `simulate`.
    seed : int
        Of the drawn demand; given samples need none.
    executor : concurrent.futures.Executor, optional
        Shares out the blocks; the result does not depend on it.

    Returns
    -------
    DataFrame, one row an item: for each of `MEASURES` its mean over paths and, as `<measure>_se`, the standard error
    (NaN for a single path).

    Raises
    ------
    ParameterError
        If an argument is out of range or has the wrong shape.
    """
    paths = demand if hasattr(demand, "draw") else SamplePaths(demand)
    n_items, n_paths, n_days = paths.shape
    fits("items, n_paths and n_days", n_items * n_paths * n_days, 1e10)  # a few minutes
    s, S, opening_stock = check_policy(s, S, opening_stock, lead_time, review, (n_items, n_days))
    holding, shortage, order = (
        spread_over(f"{name} of costs", getattr(costs, name), (n_items,)) for name in ("holding", "shortage", "order")
    )
    seed = whole("seed", seed)

    places = _places(n_items, n_paths)
    blocks = [
        _Block(
            paths.part(items, some),
            s[:, items],
            S[:, items],
            opening_stock[items],
            Costs(holding[items], shortage[items], order[items]),
            child,
        )
        for (items, some), child in zip(places, np.random.SeedSequence(seed).spawn(len(places)), strict=True)
    ]
    tasks = [blocks[first : first + BLOCKS_A_TASK] for first in range(0, len(blocks), BLOCKS_A_TASK)]
    walk_tasks = partial(_walk_blocks, lead_time=lead_time, review=review, lost_sales=lost_sales)
    results = (map if executor is None else executor.map)(walk_tasks, tasks)

    count = np.zeros(n_items)
    mean, squares = np.zeros((2, len(MEASURES), n_items))
    for (items, _), (n, block_mean, block_squares) in zip(places, chain.from_iterable(results), strict=True):
        # Pooled sum of squared deviations: Q = Q1 + Q2 + (m2 - m1)^2 n1 n2 / (n1 + n2)  (Chan et al. 1983)
        total, step = count[items] + n, block_mean - mean[:, items]
        squares[:, items] += block_squares + np.square(step) * count[items] * n / total
        mean[:, items] += step * n / total
        count[items] = total
    return _table(n_paths, mean, squares)


@dataclass(frozen=True)
class _Block:
    """Some items and paths, and all that is needed to walk them."""

    paths: SamplePaths
    s: np.ndarray
    S: np.ndarray
    opening_stock: np.ndarray
    costs: Costs
    seed: np.random.SeedSequence


def _places(n_items: int, n_paths: int) -> list[tuple[slice, slice]]:
    """Items and paths of each block: several items with all their paths, or some paths of one item."""
    rows, columns = max(BLOCK // n_paths, 1), min(BLOCK, n_paths)
    return [
        (slice(item, min(item + rows, n_items)), slice(path, min(path + columns, n_paths)))
        for item in range(0, n_items, rows)
        for path in range(0, n_paths, columns)
    ]


def _walk_blocks(blocks: list[_Block], **rules) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Number of paths of each block, its measures' means and summed squared deviations (n_measures, n_items)."""
    results = []
    for block in blocks:
        demand = block.paths.draw(np.random.default_rng(block.seed))
        total = walk_totals(demand, block.s, block.S, block.opening_stock, **rules)
        parts = [cost(total, block.costs) for cost in (holding_cost, shortage_cost, ordering_cost)]
        units = [total.demand, total.sales, total.demand - total.sales, total.unmet]
        others = [total.stock / total.n_days, total.orders, cycle_service(total, per_item=True)]
        values = np.stack([*units, *others, *parts, sum(parts)])  # (n_measures, n_paths, n_items)
        mean = values.mean(axis=1)
        results.append((values.shape[1], mean, np.square(values - mean[:, None]).sum(axis=1)))
    return results


def _table(n_paths: int, mean: np.ndarray, squares: np.ndarray) -> pd.DataFrame:
    variance = squares / (n_paths - 1) if n_paths > 1 else np.full_like(squares, np.nan)
    means = pd.DataFrame(mean.T, columns=MEASURES)
    errors = pd.DataFrame(np.sqrt(variance / n_paths).T, columns=[f"{name}_se" for name in MEASURES])
    # Fill rate f = sales / demand, a ratio of means: var f = var(sales - f demand) / (n demand^2), and the variance of
    # short = demand - sales tells their covariance.
    demand, sales, short = variance[:3]
    share = np.divide(mean[1], mean[0], out=np.ones_like(mean[0]), where=mean[0] > 0)
    spread = np.sqrt(np.maximum(sales + share**2 * demand - share * (sales + demand - short), 0) / n_paths)
    means.insert(0, "fill_rate", share)
    errors.insert(0, "fill_rate_se", np.divide(spread, mean[0], out=np.zeros_like(spread), where=mean[0] > 0))
    return means.join(errors)
