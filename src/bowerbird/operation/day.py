"""The steps of a day once its demand is in: forecast, set s and S and order, raise alerts, write the page.

Each step is one transaction of the store and is recorded in it. A day that was broken off goes on with the step that
was not done, and a day that is done is not done again.
"""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel, rows_of
from bowerbird.errors import ParameterError
from bowerbird.forecaster.training import Forecaster
from bowerbird.inventory.policy import periodic_review_levels
from bowerbird.inventory.simulate import Stock
from bowerbird.operation import forecasts, overrides, page, pseudonyms
from bowerbird.operation.delivery import Delivery
from bowerbird.operation.store import Rules, Store, create_store
from bowerbird.planning.alerts import demand_alerts, stock_alerts


def begin(
    folder: Path | str,
    panel: Panel,
    forecaster: Forecaster,
    rules: Rules = Rules(),
    key: bytes | None = None,
    store_key: bytes | None = None,
    own_table: dict | None = None,
) -> None:
    """Make the store of the days known so far, the forecaster and the rules; the newest day's steps run later.

    With a `key` ids are replaced by their pseudonyms before anything is written; with a `store_key` the store is
    encrypted. `own_table` is the form of the table that the panel was read from (`Sales.form`). ParameterError where
    the forecaster looks fewer days ahead than lead time and reviews need, DataError where a column is not known ahead
    as far as it looks.
    """
    panel.known_ahead(forecaster.settings.horizon)
    needed = rules.lead_time + 2 * rules.review
    if forecaster.settings.horizon < needed:
        raise ParameterError(
            f"the forecaster looks {forecaster.settings.horizon} days ahead; lead_time {rules.lead_time} and review "
            f"{rules.review} need {needed}: shorten them, or train one with --set 06_sbo_lstm.horizon={needed}"
        )
    if key is not None:
        panel = pseudonyms.pseudonymise_panel(panel, key)
    facts = {
        "rules": asdict(rules),
        "horizon": forecaster.settings.horizon,
        "own_table": own_table,
        "opened": f"{panel.dates[-1]:%Y-%m-%d}",
        "key": pseudonyms.fingerprint(key),
    }
    with create_store(folder, panel, store_key, **facts) as store:
        store.remember("forecaster", forecasts.packed(forecaster))


def run_day(store: Store, delivery: Delivery) -> None:
    """Take in the day after the store's last one, and do all its steps; series that it names anew are followed."""
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


def fill_day(store: Store, delivery: Delivery) -> None:
    """Record the demand of a day that was closed as missing, and book the stock anew from that day on.

    Forecasts, orders and alerts that were made without it stay as they are.
    """
    followed = store.value("SELECT count(*) FROM demand WHERE date = ?", delivery.date)  # later series come after them
    with store.transaction():
        store.connection.execute("DELETE FROM demand WHERE date = ?", [delivery.date])
        store.connection.execute("DELETE FROM days WHERE date = ?", [delivery.date])
        store.connection.execute("DELETE FROM stock WHERE date >= ?", [delivery.date])
        store.add_day(replace(delivery, demand=delivery.demand[:followed]))
        for day in pd.date_range(delivery.date, store.last_day, freq=store.frequency.step):
            book(store, day)


def stock_after(store: Store, day: pd.Timestamp) -> Stock:
    """The stock at the end of a day and the orders on their way, the next morning's last, once it is placed.

    A series that is not booked yet has its opening stock.
    """
    rules, age, n_series = Rules.of(store), forecasts.days_run(store, day), len(store.series)
    booked = "SELECT row, closing FROM stock WHERE date = ?"
    closing = f"SELECT coalesce(closing, ?) FROM series LEFT JOIN ({booked}) USING (row) ORDER BY row"
    on_hand = store.array(closing, float(rules.opening_stock), day)
    placed = "SELECT date, row, quantity FROM orders WHERE date > ? AND date <= ?"
    step = store.frequency.step
    coming = store.frame(placed, day - rules.lead_time * step, day + step).pivot(
        index="date", columns="row", values="quantity"
    )
    coming = coming.reindex(columns=range(n_series)).fillna(0.0).to_numpy()  # (mornings, n_series)
    before = max(rules.lead_time - age, 0) * [np.zeros(n_series)]  # mornings before the store was made
    return Stock(on_hand, [*before, *coming])


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
    quantity = np.where(ordered, np.ceil(S - position), 0.0)
    about = {"reorder_point": s, "order_up_to": S, "position": position, "proposed": quantity, "quantity": quantity}
    store.insert("orders", date=forecast.dates[0], row=np.arange(len(s)), **about)
    overrides.apply(store, forecast.dates[0])


def book(store: Store, day: pd.Timestamp) -> None:
    """Book the day's arrivals and sales; where demand is unknown, the forecast leaves the shelf and sales are NaN."""
    before = day - store.frequency.step
    demand, stock = store.demand_of(day), stock_after(store, before)
    unknown, opening = np.isnan(demand), stock.on_hand
    made = "SELECT row, mean FROM forecasts WHERE origin = ? AND date = ?"
    expected = store.array(f"SELECT mean FROM series LEFT JOIN ({made}) USING (row) ORDER BY row", before, day)
    arrivals, sales = stock.serve(np.where(unknown, expected, demand), lost_sales=True)
    sales = np.where(unknown, np.nan, sales)
    booked = {"opening": opening, "arrivals": arrivals, "sales": sales, "short": demand - sales}
    booked = pd.DataFrame(booked | {"closing": stock.on_hand})
    followed = store.value("SELECT count(*) FROM demand WHERE date = ?", day)  # series that came later are not booked
    store.insert("stock", date=day, row=np.arange(followed), **booked[:followed])


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
    if len(table):
        what = {name: table[name].to_numpy() for name in table.columns.drop([*panel.key_columns, "date"])}
        store.insert("alerts", date=day, number=np.arange(len(table)), row=rows_of(table, panel.series), **what)


# Each called as step(store, day) in a transaction of its own, in this order
STEPS = {"update": forecasts.write, "decide": decide, "alert": alert, "report": page.write}
