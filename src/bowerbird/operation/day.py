"""What is done with a day once it is known? Forecasts move on, s and S are set, orders placed, alerts raised.

Each step of a day is one transaction of the store and is recorded in it: broken off anywhere, the day goes on with the
step that was not done, and a day that is done is not done again.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.forecaster import Forecaster
from bowerbird.inventory.policy import periodic_review_levels
from bowerbird.operation import daily_alerts, daily_page, forecasts, network_state, pseudonyms, stock
from bowerbird.operation.delivery import Delivery
from bowerbird.operation.rules import Rules
from bowerbird.operation.stock import Stock
from bowerbird.operation.store import Store, create_store


def begin(
    folder: Path | str, panel: Panel, forecaster: Forecaster, rules: Rules = Rules(), key: bytes | None = None
) -> None:
    """Make the store: the days known so far, the forecaster, the rules. Its last day's steps run with the first file.

    Parameters
    ----------
    folder : path
        Of the store.
    panel : Panel
        The days known.
    forecaster : Forecaster
        Trained on days of the panel, with a recurrent cell.
    rules : Rules
    key : bytes, optional
        Ids are replaced by their pseudonyms before anything is written.

    Raises
    ------
    StoreError
        There is a store already.
    ParameterError
        The forecaster keeps no state, or looks fewer days ahead than lead time and reviews need.
    """
    needed = rules.lead_time + 2 * rules.review
    if forecaster.settings.horizon < needed:
        raise ParameterError(
            f"the forecaster looks {forecaster.settings.horizon} days ahead; lead_time {rules.lead_time} and review "
            f"{rules.review} need {needed}: shorten them, or train one with --set 05_sbo_lstm.test_days={needed}"
        )
    network_state.check(forecaster, panel)
    if key is not None:
        panel = pseudonyms.pseudonymise_panel(panel, key)
        forecaster = forecasts.pseudonymised(forecaster, key)
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


def decide(store: Store, day: pd.Timestamp) -> None:
    """Book the day's arrivals and sales, set s and S for the next morning, and order.

    Parameters
    ----------
    store : Store
        With the day's demand and forecasts.
    day : Timestamp
    """
    rules, age, rows = Rules.of(store), forecasts.days_run(store, day), np.arange(len(store.series))
    if age == 0:
        shelf = stock.opening(len(rows), rules.opening_stock, rules.lead_time)
    else:
        expected = forecasts.forecast_after(store, day - pd.Timedelta(days=1)).mean[:, 0]
        shelf, booked = stock.serve(Stock(**store.recall_arrays("stock")), store.demand_of(day), expected)
        store.insert("stock", date=day, row=rows, **vars(booked))
    timing = {"lead_time": rules.lead_time, "review": rules.review}
    forecast = forecasts.forecast_after(store, day)
    paths = forecasts.sample_paths(forecast, rules, rules.lead_time + 2 * rules.review)
    levels = periodic_review_levels(paths, n_days=1, service_level=rules.service_level, **timing)
    s, S, position = levels.s[:, 0], levels.S[:, 0], shelf.position
    quantity = np.zeros(len(rows))
    if age % rules.review == 0:
        least = s.copy()
        least[store.on_hold["row"]] = 0  # no order before a person has looked
        shelf, quantity = stock.order(shelf, least, S)
    about = {"reorder_point": s, "order_up_to": S, "position": position, "quantity": quantity}
    store.insert("orders", date=forecast.dates[0], row=rows, **about)
    store.remember("stock", vars(shelf))


STEPS = {"update": forecasts.write, "decide": decide, "alert": daily_alerts.write, "report": daily_page.write}
"""The steps of a day after its demand is in, in their order: each called as step(store, day) in one transaction."""
