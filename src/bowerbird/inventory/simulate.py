"""Walk the contest's periodic-review (s, S) policy through demand, all items at once.

A day runs: (1) orders due arrive; (2) on days 0, NRT, 2 NRT, ... the position, on hand + on order - backorders, is
reviewed, and if it is below s an order raises it to S; (3) demand is served, backorders first. An order of day t
arrives at the start of day t + LT; with LT = 0 it serves the same day's demand. Nothing is on order on day 0.
Textbooks often order at or below s: their reorder point s is s + 1 here, and a base-stock policy has s = S.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bowerbird.checks import at_least, finite, spread_over, whole
from bowerbird.errors import ParameterError


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
