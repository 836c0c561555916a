"""What is on the shelf and on its way? The walk of `inventory.simulate`, one day at a time.

In the morning the position is reviewed and ordered up to S, then orders due arrive; demand is served from what is
there, and what is not there is lost. On a day whose demand is unknown the stock falls by the forecast: it is then an
estimate, and need not be a whole number.
"""

from dataclasses import dataclass, replace

import numpy as np

from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class Stock:
    """Stock of every item in the evening, or after the morning's review.

    Attributes
    ----------
    on_hand : array (n_items,)
        Units.
    on_order : array (n_items, LT + 1)
        Units that arrive on the next morning, the one after, ...
    """

    on_hand: np.ndarray
    on_order: np.ndarray

    @property
    def position(self) -> np.ndarray:
        """On hand and on order together (n_items,)."""
        return self.on_hand + self.on_order.sum(axis=1)


@dataclass(frozen=True)
class StockDay:
    """What a day did to every item, arrays (n_items,), units: stock before arrivals, received, sold, lost, left.

    Sold and lost are NaN where demand is unknown.
    """

    opening: np.ndarray
    arrivals: np.ndarray
    sales: np.ndarray
    short: np.ndarray
    closing: np.ndarray


def opening(n_items: int, units: float = 5, lead_time: int = 3) -> Stock:
    """Stock before the first day: `units` of every item on hand (the contest's 5), nothing on order."""
    if lead_time < 0 or units < 0:
        raise ParameterError(f"lead_time is {lead_time} and units {units}; give numbers from 0")
    return Stock(np.full(n_items, float(units)), np.zeros((n_items, lead_time + 1)))


def order(stock: Stock, s: np.ndarray, S: np.ndarray) -> tuple[Stock, np.ndarray]:
    """The morning's review.

    Parameters
    ----------
    stock : Stock
    s, S : arrays (n_items,)
        Reorder point and order-up-to level, s <= S.

    Returns
    -------
    Stock after ordering, and the orders (n_items,) in whole units; an order arrives LT mornings after this one.
    """
    quantity = np.where(stock.position < s, np.ceil(S - stock.position), 0.0)
    on_order = stock.on_order.copy()
    on_order[:, -1] += quantity
    return replace(stock, on_order=on_order), quantity


def serve(stock: Stock, demand: np.ndarray, expected: np.ndarray) -> tuple[Stock, StockDay]:
    """The day itself: orders due arrive, demand is served.

    Parameters
    ----------
    stock : Stock after the morning's review
    demand : array (n_items,)
        Units asked for; NaN where unknown.
    expected : array (n_items,)
        Units forecast for the day, which leave the shelf where demand is unknown.

    Returns
    -------
    Stock in the evening, and the StockDay.
    """
    unknown, arrivals = np.isnan(demand), stock.on_order[:, 0]
    there = stock.on_hand + arrivals
    taken = np.minimum(there, np.where(unknown, expected, demand))
    on_order = np.column_stack([stock.on_order[:, 1:], np.zeros(len(there))])
    sales = np.where(unknown, np.nan, taken)
    return Stock(there - taken, on_order), StockDay(stock.on_hand, arrivals, sales, demand - sales, there - taken)
