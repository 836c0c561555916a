"""An order from live stock when demand that is not met is lost: a newsvendor on the stock that is left when it arrives.

Levels s and S assume that demand waits, so that only the position counts. Where it is lost, units sold out today make
no later shortage. So every demand path is followed from the stock on hand, through the orders already placed, to the
day on which the new order arrives; the order is then set against the demand of the days that it alone can serve.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from bowerbird.checks import above, at_least, spread_over, whole
from bowerbird.data.cells import parse_numbers, refuse, text_of
from bowerbird.data.panel import key_columns
from bowerbird.data.reader import open_table
from bowerbird.errors import DataError, ParameterError
from bowerbird.inventory.demand import check_samples


def stock_at_arrival(samples: np.ndarray, on_hand, on_order: np.ndarray) -> np.ndarray:
    """Units left on each demand path when an order placed now arrives, (n_items, n_samples).

    The arguments are those of `lost_sales_order`.

    Two units on hand and one that arrives tomorrow; both paths ask for three today, one of them for none tomorrow.

    >>> stock_at_arrival(np.array([[[3, 0], [3, 2]]]), on_hand=2, on_order=np.array([[0, 1]]))
    array([[1., 0.]])
    """
    samples, on_order = check_samples(samples), at_least("on_order", on_order)
    n_items, n_samples, horizon = samples.shape
    if on_order.ndim != 2 or len(on_order) != n_items or on_order.shape[1] > horizon:
        raise ParameterError(
            f"on_order has shape {on_order.shape}; {n_items} items and {horizon} days of samples need ({n_items}, "
            f"lead time) and a lead time of at most {horizon}"
        )
    on_hand = spread_over("on_hand", at_least("on_hand", on_hand), (n_items,))
    left = np.repeat(on_hand[:, None], n_samples, axis=1)
    for day in range(on_order.shape[1]):
        left = np.maximum(left + on_order[:, day, None] - samples[:, :, day], 0)
    return left


def lost_sales_order(
    samples: np.ndarray, on_hand, on_order: np.ndarray, *, holding_cost, shortage_cost, review: int = 1
) -> np.ndarray:
    """The whole number of units to order now at least expected cost until the next order can arrive, int (n_items,).

    The order arrives at the start of day LT, the next one at the start of day LT + NRT. With I the stock left then and
    D(j) the demand of the first j days from then on, the order q costs

        G(q) = h sum_j E[(I + q - D(j))+] + p E[(D(NRT) - I - q)+],  j = 1 ... NRT

    For one day it is the newsvendor's quantity for D - I. Like the newsvendor it does not look beyond these days.

    Parameters
    ----------
    samples : array (n_items, n_samples, horizon)  Daily demand from today on; at least LT + NRT days.
    on_hand : float or array (n_items,)  Units in stock this morning.
    on_order : array (n_items, LT)  Units that arrive today, tomorrow, ...; its width is the lead time [LT].
    holding_cost, shortage_cost : float or array (n_items,)  Per unit left at the end of a day, and per unit lost
        [h, p], above 0.
    review : int  Days from this order to the next [NRT].

    Without a lead time and without stock it is the newsvendor: of five equally likely demands, four reach at most 7.

    >>> demand = np.array([[[7], [1], [9], [3], [5]]])
    >>> lost_sales_order(demand, 0, np.empty((1, 0)), holding_cost=1, shortage_cost=4)
    array([7])
    """
    left = stock_at_arrival(samples, on_hand, on_order)
    n_items, lead_time = len(left), np.shape(on_order)[1]
    days = lead_time + whole("review", review, 1)
    if np.shape(samples)[2] < days:
        raise ParameterError(f"samples has {np.shape(samples)[2]} days; lead time and review need {days}")
    h, p = (
        spread_over(name, above(name, cost), (n_items,))
        for name, cost in (("holding_cost", holding_cost), ("shortage_cost", shortage_cost))
    )
    # What the order must serve by the end of each day, D(j) - I
    needed = np.asarray(samples)[:, :, lead_time:days].cumsum(axis=2) - left[:, :, None]

    def cost(order):
        over = order[:, None, None] - needed  # (n_items, n_samples, NRT)
        return h * np.maximum(over, 0).sum(axis=2).mean(axis=1) + p * np.maximum(-over[:, :, -1], 0).mean(axis=1)

    # G is convex: by bisection the least whole q with G(q + 1) >= G(q)
    low, high = np.zeros(n_items), np.ceil(np.maximum(needed[:, :, -1].max(axis=1), 0))
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        falls = (cost(middle + 1) < cost(middle) - 1e-12) & (middle < high)
        low, high = np.where(falls, middle + 1, low), np.where(falls, high, middle)
    return high.astype(np.int64)


def read_stock(
    path: Path | str, series: pd.DataFrame, lead_time: int, own_names: Mapping[str, str] = MappingProxyType({})
) -> pd.DataFrame:
    """Today's stock of every series from a csv, xlsx or parquet file: on_hand, on_order_1 ... on_order_LT, and costs.

    The file has a row a series: the ids as in forecasts.csv, on_hand, and units on order that arrive today
    (on_order_1), tomorrow (on_order_2), ...; a column left out is 0. The columns holding_cost and shortage_cost, both
    or none, are per unit left at the end of a day and per unit lost. Rows of other items are left out. `own_names` are
    the user's names of the ids.
    """
    path, keys = Path(path), key_columns(series)
    own = {own_names.get(key, key): key for key in keys}
    table, *_ = open_table(path, lambda cells: "on_hand" in cells, ("on_hand",))[1].values()
    repeated = table.columns[table.columns.duplicated()]
    table = table.loc[:, ~table.columns.duplicated()].rename(columns=own).apply(text_of)
    arriving = [f"on_order_{day}" for day in range(1, lead_time + 1)]
    costs = [name for name in ("holding_cost", "shortage_cost") if name in table]
    needed = [*keys, "on_hand", *(("holding_cost", "shortage_cost") if costs else ())]
    if missing := [name for name in needed if name not in table]:
        raise DataError(f"{path.name}: no column {missing[0]!r}; the columns are {', '.join(table.columns)}")
    known = (*keys, "on_hand", *arriving, *costs)
    if unknown := [*repeated, *(name for name in table if name not in known)]:
        raise DataError(
            f"{path.name}: column {unknown[0]!r} is not known, or stands twice; with a lead time of {lead_time} give "
            f"{', '.join([*keys, 'on_hand', *arriving])}, and holding_cost and shortage_cost if you like"
        )
    if (twice := table.duplicated(keys)).any():
        raise DataError(f"{path.name}, row {twice.idxmax()}: the item stands twice; give it one row")
    for column in table.columns.difference(keys):
        cells, table[column] = table[column], parse_numbers(table[column], path.name)
        refuse(path.name, cells, (table[column] < 0).to_numpy(), "is negative", "give numbers from 0")
    found = series[keys].astype(str).merge(table, on=keys, how="left").reindex(columns=["on_hand", *arriving, *costs])
    for column in ("on_hand", *costs):
        if (lacks := found[column].isna()).any():
            name, count = "/".join(series[keys].iloc[int(lacks.argmax())].astype(str)), lacks.sum()
            raise DataError(f"{path.name}: {name} has no {column} ({count} items in all); add it, 0 if there is none")
    return found.astype(float).fillna(0)
