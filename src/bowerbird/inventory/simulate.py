"""Walk the contest's periodic-review (s, S) policy through demand, all items at once.

A day runs: (1) orders due arrive; (2) on days 0, NRT, 2 NRT, ... the position, on hand + on order - backorders, is
reviewed, and if it is below s an order raises it to S; (3) demand is served, backorders first. An order of day t
arrives at the start of day t + LT; with LT = 0 it serves the same day's demand. Nothing is on order on day 0.
Textbooks often order at or below s: their reorder point s is s + 1 here, and a base-stock policy has s = S.
"""

from dataclasses import dataclass

import numpy as np

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


def _by_day(name: str, values, shape: tuple[int, int]) -> np.ndarray:
    """An argument as a contiguous (n_days, n_items) array, so that each day is one block of memory."""
    try:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(values, float), shape).T)
    except ValueError:
        raise ParameterError(f"{name} has shape {np.shape(values)}; give (n_items, n_days) = {shape}") from None


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
    demand = np.asarray(demand, float)
    if demand.ndim != 2 or not (demand >= 0).all():
        raise ParameterError(f"demand, shape {demand.shape}: give (n_items, n_days) without NaN or negative values")
    if lead_time < 0 or review < 1:
        raise ParameterError(f"lead_time is {lead_time} and review {review}; give at least 0 and 1")
    n_items, n_days = demand.shape
    reorder_point, order_up_to = _by_day("s", s, demand.shape), _by_day("S", S, demand.shape)  # (n_days, n_items)
    if not (reorder_point <= order_up_to).all():
        raise ParameterError("s exceeds S, or one of them is NaN; every reorder point must be at most its S")
    asked = _by_day("demand", demand, demand.shape)  # (n_days, n_items)

    names = ("opening_stock", "arrivals", "orders", "sales", "short", "backorders", "closing_stock", "on_order")
    record = {name: np.zeros((n_days, n_items)) for name in names}
    stock = np.array(np.broadcast_to(np.asarray(opening_stock, float), n_items))  # (n_items,)
    on_order, backorders = np.zeros(n_items), np.zeros(n_items)
    for day in range(n_days):
        record["opening_stock"][day] = stock
        if day % review == 0:
            # Today's arrivals only move from on order to on hand, so the position is the same before and after them.
            position = stock + on_order - backorders
            record["orders"][day] = np.where(position < reorder_point[day], order_up_to[day] - position, 0.0)
            on_order += record["orders"][day]
        if day >= lead_time:
            record["arrivals"][day] = record["orders"][day - lead_time]
            on_order -= record["arrivals"][day]
            stock += record["arrivals"][day]
        made_good = np.minimum(stock, backorders)
        stock -= made_good
        backorders -= made_good
        record["sales"][day] = np.minimum(stock, asked[day])
        stock -= record["sales"][day]
        record["short"][day] = asked[day] - record["sales"][day]
        if not lost_sales:
            backorders += record["short"][day]
        record["backorders"][day] = backorders
        record["closing_stock"][day] = stock
        record["on_order"][day] = on_order
    return Walk(demand=demand, **{name: days.T for name, days in record.items()}, lead_time=lead_time, review=review)
