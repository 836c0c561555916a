"""What should somebody look at today? The day's demand and the morning's stock, judged by `inventory.alerts`.

Demand is judged by the days before it. Stock is judged after the morning's order: what still may run short before the
next order could help needs more than ordering. Alerts are ranked by their worth, as `inventory.alerts` defines it; a
unit short costs as much as the service level implies.
"""

import numpy as np
import pandas as pd

from bowerbird.data.reader import SERIES_KEY
from bowerbird.operation.forecasts import forecast_after, sample_paths
from bowerbird.operation.rules import Rules
from bowerbird.operation.stock import Stock
from bowerbird.operation.store import Store
from bowerbird.planning.alerts import demand_alerts, stock_alerts

TOLD = ("kind", "measure", "value", "threshold", "units", "worth", "reason", "action")


def write(store: Store, day: pd.Timestamp) -> None:
    """Write the alerts of a day's demand and of the stock on the morning after.

    Parameters
    ----------
    store : Store
        With the day's demand, forecasts and orders.
    day : Timestamp
    """
    rules, panel = Rules.of(store), store.panel()
    about = {"lead_time": rules.lead_time, "review": rules.review, "shortage_cost": rules.shortage_cost}
    seen = demand_alerts(panel.series, panel.dates, panel.demand, **about)
    shelf = Stock(**store.recall_arrays("stock"))  # with the morning's order as the last that is on its way
    forecast = forecast_after(store, day)
    ahead = stock_alerts(
        panel.series, forecast.dates[0], sample_paths(forecast, rules), shelf.on_hand,
        arrivals=shelf.on_order, **about,
    )  # fmt: skip
    table = pd.concat([seen[seen["date"] == day], ahead], ignore_index=True)
    table = table.sort_values("worth", ascending=False, kind="stable")
    keys = list(SERIES_KEY)
    rows = pd.MultiIndex.from_frame(panel.series[keys]).get_indexer(pd.MultiIndex.from_frame(table[keys]))
    told = {name: table[name].to_numpy() for name in TOLD}
    if len(table):
        store.insert("alerts", date=day, number=np.arange(len(table)), row=rows, **told)
