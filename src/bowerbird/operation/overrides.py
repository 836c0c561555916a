"""Overrides: a person decides an order or a level of the store instead of its rules, and says why.

Each is kept with its reason, who gave it and when, also where another one of the same day follows it.
"""

import getpass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from bowerbird.errors import ParameterError
from bowerbird.operation.store import Store

ANEW = ("alert", "report")  # steps that depend on the orders


def override(
    store: Store,
    day: pd.Timestamp,
    item: str,
    *,
    quantity: int | None = None,
    level: int | None = None,
    reason: str,
    who: str = "",
) -> str:
    """Order `quantity` units of an item on a day's morning, or up to `level` units; a line on what follows.

    The item is named as in the store's messages: its ids, with / between them. An order that is still open is changed
    at once; its day's alerts and page are then due again (`day.finish_day`). One of a later day is changed when that
    day's orders are made.
    """
    units = quantity if level is None else level
    if (quantity is None) == (level is None) or units < 0:
        raise ParameterError(f"order {quantity} and level {level}: give one of them, in whole units from 0")
    if not reason.strip():
        raise ParameterError("reason is empty; say why, for those who read the order later")
    rows = np.flatnonzero(store.names == item)
    if len(rows) != 1:
        raise ParameterError(f"item is {item!r}; the store has no such series: name it as {store.names[0]!r}")
    last = store.last_day
    tomorrow = last + store.frequency.step
    if day < tomorrow:
        raise ParameterError(
            f"day is {day:%Y-%m-%d}, which is closed: its order was carried out; {tomorrow:%Y-%m-%d} is open"
        )
    made = {"reason": reason.strip(), "who": who or getpass.getuser(), "made": datetime.now(UTC).replace(tzinfo=None)}
    with store.transaction():
        number = store.value("SELECT count(*) FROM overrides")
        store.insert("overrides", number=number, date=[day], row=rows, quantity=quantity, level=level, **made)
        if day == tomorrow:
            apply(store, day)
            store.connection.execute("DELETE FROM alerts WHERE date = ?", [last])
            for step in ANEW:
                store.connection.execute("DELETE FROM steps WHERE date = ? AND step = ?", [last, step])
    what = f"order {quantity}" if level is None else f"order up to {level}"
    when = "changed" if day == tomorrow else "kept until its orders are made"
    return f"{item}: {what} on {day:%Y-%m-%d}; {when}"


def apply(store: Store, day: pd.Timestamp) -> None:
    """Change the orders of a day's morning as its overrides say, the last one last."""
    for given in store.frame("FROM overrides WHERE date = ? ORDER BY number", day).itertuples():
        change, units = "quantity = $1", given.quantity
        if np.isnan(units):
            units, change = given.level, "order_up_to = $1, reorder_point = least(reorder_point, $1), quantity = "
            change += "greatest(ceil($1 - position), 0)"
        store.connection.execute(
            f"UPDATE orders SET {change} WHERE date = $2 AND row = $3", [float(units), day, given.row]
        )
