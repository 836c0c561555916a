"""The steps of a day once its demand is in: forecast, set s and S and order, raise alerts, write the page.

Each step is one transaction of the store and is recorded in it. A day that was broken off goes on with the step that
was not done, and a day that is done is not done again.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.data.reader import SERIES_KEY
from bowerbird.errors import ParameterError
from bowerbird.forecaster import Forecaster
from bowerbird.inventory.policy import periodic_review_levels
from bowerbird.inventory.simulate import Stock
from bowerbird.operation import forecasts, page, pseudonyms
from bowerbird.operation.delivery import Delivery
from bowerbird.operation.store import Rules, Store, create_store
from bowerbird.planning.alerts import demand_alerts, stock_alerts


def begin(
    folder: Path | str, panel: Panel, forecaster: Forecaster, rules: Rules = Rules(), key: bytes | None = None
) -> None:
    """Make the store of the days known so far, the forecaster and the rules; the newest day's steps run later.

    With a `key` ids are replaced by their pseudonyms before anything is written. ParameterError where the forecaster
    looks fewer days ahead than lead time and reviews need.
    """
    needed = rules.lead_time + 2 * rules.review
    if forecaster.settings.horizon < needed:
        raise ParameterError(
            f"the forecaster looks {forecaster.settings.horizon} days ahead; lead_time {rules.lead_time} and review "
            f"{rules.review} need {needed}: shorten them, or train one with --set 06_sbo_lstm.test_days={needed}"
        )
    if key is not None:
        panel = pseudonyms.pseudonymise_panel(panel, key)
    facts = {"rules": asdict(rules), "opened": f"{panel.dates[-1]:%Y-%m-%d}", "key": pseudonyms.fingerprint(key)}
    with create_store(folder, panel, **facts) as store:
        store.remember("forecaster", forecasts.packed(forecaster))


def run_day(store: Store, delivery: Delivery) -> None:
    """Take in the day after the store's last one, and do all its steps."""
    with store.step(delivery.date, "append") as due:
        if due:
            store.add_day(delivery)
    finish_day(store)


def finish_day(store: Store) -> None:
    """Do what is not yet done of the newest day; nothing, if all is."""
    day = store.last_day
    for name, work in STEPS.items():
        with store.step(day, name) as due:
            if due:
                work(store, day)


def stock_after(store: Store, day: pd.Timestamp) -> Stock:
    """The stock at the end of a day and the orders on their way, the next morning's last, once it is placed."""
    rules, age, n_series = Rules.of(store), forecasts.days_run(store, day), len(store.series)
    closing = store.array("SELECT closing FROM stock WHERE date = ? ORDER BY row", day)
    orders = "SELECT quantity FROM orders WHERE date > ?::DATE - ? AND date <= ?::DATE + 1 ORDER BY date, row"
    placed = store.array(orders, day, rules.lead_time, day).reshape(-1, n_series)
    before = max(rules.lead_time - age, 0) * [np.zeros(n_series)]  # mornings before the store was made
    return Stock(closing if age else np.full(n_series, float(rules.opening_stock)), [*before, *placed])


def decide(store: Store, day: pd.Timestamp) -> None:
    """Book the day's arrivals and sales, set s and S for the next morning, and order."""
    rules, age = Rules.of(store), forecasts.days_run(store, day)
    if age:
        book(store, day)
    position = stock_after(store, day).position
    timing = {"lead_time": rules.lead_time, "review": rules.review}
    forecast = forecasts.forecast_after(store, day)
    paths = forecasts.sample_paths(forecast, rules, rules.lead_time + 2 * rules.review)
    levels = periodic_review_levels(paths, n_days=1, service_level=rules.service_level, **timing)
    s, S = levels.s[:, 0], levels.S[:, 0]
    ordered = (position < s) & (age % rules.review == 0)
    about = {"reorder_point": s, "order_up_to": S, "position": position}
    about["quantity"] = np.where(ordered, np.ceil(S - position), 0.0)
    store.insert("orders", date=forecast.dates[0], row=np.arange(len(s)), **about)


def book(store: Store, day: pd.Timestamp) -> None:
    """Book the day's arrivals and sales; where demand is unknown, the forecast leaves the shelf and sales are NaN."""
    before = day - pd.Timedelta(days=1)
    demand, stock = store.demand_of(day), stock_after(store, before)
    unknown, opening = np.isnan(demand), stock.on_hand
    expected = forecasts.forecast_after(store, before).mean[:, 0]
    arrivals, sales = stock.serve(np.where(unknown, expected, demand), lost_sales=True)
    sales = np.where(unknown, np.nan, sales)
    booked = {"opening": opening, "arrivals": arrivals, "sales": sales, "short": demand - sales}
    store.insert("stock", date=day, row=np.arange(len(demand)), closing=stock.on_hand, **booked)


def alert(store: Store, day: pd.Timestamp) -> None:
    """Write the alerts of the day's demand, and of what may run short in spite of the next morning's order.

    They are ranked by their worth (`planning.alerts`); a unit short costs what the service level implies.
    """
    rules, panel = Rules.of(store), store.panel()
    about = {"lead_time": rules.lead_time, "review": rules.review, "shortage_cost": rules.shortage_cost}
    seen = demand_alerts(panel.series, panel.dates, panel.demand, **about)
    stock = stock_after(store, day)
    forecast = forecasts.forecast_after(store, day)
    paths = forecasts.sample_paths(forecast, rules)
    arrivals = np.stack(stock.on_order, axis=1)  # (n_series, lead_time + 1)
    ahead = stock_alerts(panel.series, forecast.dates[0], paths, stock.on_hand, arrivals=arrivals, **about)
    table = pd.concat([seen[seen["date"] == day], ahead], ignore_index=True)
    table = table.sort_values("worth", ascending=False, kind="stable")
    keys = list(SERIES_KEY)
    rows = pd.MultiIndex.from_frame(panel.series[keys]).get_indexer(pd.MultiIndex.from_frame(table[keys]))
    if len(table):
        what = {name: table[name].to_numpy() for name in table.columns.drop([*keys, "date"])}
        store.insert("alerts", date=day, number=np.arange(len(table)), row=rows, **what)


# Each called as step(store, day) in a transaction of its own, in this order
STEPS = {"update": forecasts.write, "decide": decide, "alert": alert, "report": page.write}
