"""Days from files to pages: what each file becomes, every step once, the same content however often broken off."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import Panel
from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY
from bowerbird.data.table import read_table
from bowerbird.errors import DataError, ParameterError
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.training import fit, predict
from bowerbird.inventory.policy import periodic_review_levels
from bowerbird.inventory.simulate import simulate
from bowerbird.operation import day as operation
from bowerbird.operation import forecasts, intake, overrides, pseudonyms
from bowerbird.operation.day import begin, finish_day
from bowerbird.operation.delivery import write_deliveries
from bowerbird.operation.intake import receive
from bowerbird.operation.overrides import override
from bowerbird.operation.page import one_day_scores
from bowerbird.operation.store import Rules, StoreError, open_store

KNOWN, N_DAYS = 60, 66
RULES = Rules(n_samples=40, refit_days=3)
HOSTILE = ["<script>alert('x')</script>", "=cmd|' /C calc'!A0", "@SUM(A1)", "-1+1", '"><img src=x onerror=y>']
TABLES = (
    "days", "demand", "steps", "forecasts", "simple_forecasts", "stock", "orders", "overrides", "alerts", "facts",
    "series",
)  # fmt: skip
DAY = pd.Timedelta(days=1)


def make_panel() -> Panel:
    rng = np.random.default_rng(1)
    series = pd.DataFrame({"seller_no": [f"seller_{i % 3}" for i in range(10)]})
    series["product_no"] = HOSTILE + [f"product_{i}" for i in range(5, 10)]
    series["warehouse_no"] = [f"wh_{i % 2}" for i in range(10)]
    for column in ATTRIBUTES:
        series[column] = [f"{column[:3]} {i % 2}" for i in range(10)]
    demand = rng.poisson(rng.gamma(2, 3, (10, 1)), (10, N_DAYS)).astype(float)
    demand[0, 61] = 90  # an alert on a hostile id
    return Panel(series, pd.date_range("2023-03-01", periods=N_DAYS, name="date"), demand)


PANEL = make_panel()


@pytest.fixture(scope="module")
def forecaster():
    return fit(PANEL.until(KNOWN), Settings(hidden_size=4, epochs=1, horizon=7, warm_up=10), seed=0)


@pytest.fixture(scope="module")
def new_store(forecaster, tmp_path_factory):
    """A new store, and the files of all six days."""
    folder = tmp_path_factory.mktemp("new")
    begin(folder / "store", PANEL.until(KNOWN), forecaster, RULES)
    write_deliveries(PANEL, folder / "in", PANEL.dates[KNOWN])
    return folder


@pytest.fixture(scope="module")
def first_evening(new_store, tmp_path_factory):
    """The same after its first forecast."""
    folder = shutil.copytree(new_store, tmp_path_factory.mktemp("first") / "evening")
    with open_store(folder / "store") as store:
        finish_day(store)
    return folder


@pytest.fixture
def six_days(first_evening, tmp_path):
    """A copy of the store after its first evening, with the files of all six days."""
    return shutil.copytree(first_evening, tmp_path / "six days")


@pytest.fixture
def begun(six_days):
    """The same with the files of the first three days."""
    for later in sorted((six_days / "in").iterdir())[3:]:
        later.unlink()
    return six_days


@pytest.fixture(scope="module")
def undisturbed(new_store, tmp_path_factory):
    folder = shutil.copytree(new_store, tmp_path_factory.mktemp("undisturbed") / "copy")
    outcomes = take(folder)
    return folder, outcomes


@pytest.fixture
def received(undisturbed, tmp_path):
    """A copy of the undisturbed store and its files."""
    shutil.copytree(undisturbed[0], tmp_path / "copy")
    return tmp_path / "copy"


def take(folder, **how):
    """Take in what lies in the folder; what became of each file."""
    with open_store(folder / "store") as store:
        return receive(store, folder / "in", **how)


def content(folder):
    """Everything a store holds and shows."""
    with open_store(folder / "store") as store:
        held = {table: store.frame(f"FROM {table} ORDER BY ALL") for table in TABLES}
        held["forecaster"] = store.recall("forecaster")
    files = (folder / "store" / "days").rglob("*")
    return held | {"files": {str(p.relative_to(folder)): p.read_bytes() for p in files if p.is_file()}}


def assert_same(one, other):
    for table in TABLES:
        pd.testing.assert_frame_equal(one[table], other[table])
    assert one["files"] == other["files"] and len(one["files"]) == 4 * (N_DAYS - KNOWN + 1)


# The days


def test_every_day_is_taken_in_and_forecast_from(undisturbed, forecaster):
    folder, outcomes = undisturbed
    assert [outcome.status for outcome in outcomes] == ["taken in"] * 6
    with open_store(folder / "store") as store:
        np.testing.assert_array_equal(store.panel().demand, PANEL.demand)
        before_tuning = forecasts.forecast_after(store, PANEL.dates[KNOWN + 1])
        whole = predict(forecaster, PANEL.until(KNOWN + 2))
        np.testing.assert_allclose(before_tuning.mean, whole.mean, rtol=1e-4)
        assert before_tuning.dates.equals(whole.dates)
        tuned = forecasts.forecast_after(store, PANEL.dates[KNOWN + 2])  # the third day: fine-tuned
        assert np.abs(tuned.mean / predict(forecaster, PANEL.until(KNOWN + 3)).mean - 1).max() > 1e-6


def test_orders_and_stock_are_the_simulations(undisturbed):
    folder, _ = undisturbed
    with open_store(folder / "store") as store:
        orders, stock = store.frame("FROM orders ORDER BY row, date"), store.frame("FROM stock ORDER BY row, date")
        levels = {
            name: orders[name].to_numpy().reshape(10, -1)[:, :6]
            for name in ("reorder_point", "order_up_to", "quantity")
        }
        first = forecasts.sample_paths(forecasts.forecast_after(store, PANEL.dates[KNOWN - 1]), RULES, 5)
    expected = periodic_review_levels(first, n_days=1, service_level=RULES.service_level)
    np.testing.assert_array_equal(levels["reorder_point"][:, 0], expected.s[:, 0])
    walk = simulate(
        PANEL.demand[:, KNOWN:], levels["reorder_point"], levels["order_up_to"], opening_stock=5, lead_time=3
    )
    np.testing.assert_array_equal(levels["quantity"], walk.orders)
    pairs = {"opening": "opening_stock", "arrivals": "arrivals", "sales": "sales", "closing": "closing_stock"}
    for ours, theirs in pairs.items():
        np.testing.assert_array_equal(stock[ours].to_numpy().reshape(10, -1), getattr(walk, theirs))


def test_a_day_delivered_again_changes_nothing(received):
    before = content(received)
    table = pd.read_csv(received / "in" / "2023-05-01.csv")
    table.iloc[::-1].to_csv(received / "in" / "again.csv", index=False, encoding="utf-8-sig")
    assert [outcome.status for outcome in take(received)] == ["held already"] * 7
    assert_same(before, content(received))


# What goes wrong


class Killed(Exception):
    """Stands for the end of the process."""


def test_another_content_for_a_held_day_is_set_aside(received):
    before = content(received)
    table = pd.read_csv(received / "in" / "2023-05-02.csv")
    table.loc[7, "qty"] += 1
    table.to_csv(received / "in" / "corrected.csv", index=False)
    outcome = next(o for o in take(received) if o.status == "quarantined")
    name = "/".join(PANEL.series.loc[7, list(SERIES_KEY)])
    assert f"{name!r} has {table.loc[7, 'qty']} on 2023-05-02, the store holds" in outcome.reason
    assert not (received / "in" / "corrected.csv").exists()
    set_aside = sorted(path.name for path in (received / "in" / "quarantine").iterdir())
    assert len(set_aside) == 2 and set_aside[1] == set_aside[0] + ".reason.txt"
    assert_same(before, content(received))


def test_a_broken_file_is_set_aside_and_its_day_waited_for(begun):
    first = begun / "in" / "2023-04-30.csv"
    whole = first.read_bytes()
    first.write_bytes(whole.replace(b",2023-04-30,", b",2023-04-31,", 1))
    with open_store(begun / "store") as store:
        outcomes = receive(store, begun / "in")
        assert [o.status for o in outcomes] == ["quarantined"] + ["waits"] * 2
        assert outcomes[0].reason.startswith("2023-04-30.csv, row 2, column date: '2023-04-31' is no day")
        assert outcomes[1].reason == "2023-04-30 has not come yet"
        reason = next((begun / "in" / "quarantine").glob("*.reason.txt")).read_text(encoding="utf-8")
        assert reason.strip() == outcomes[0].reason == store.value("SELECT reason FROM quarantine")
        first.write_bytes(whole)
        assert [o.status for o in receive(store, begun / "in")] == ["taken in"] * 3


def test_quarantine_broken_off_is_done_over_again(received, monkeypatch):
    (received / "in" / "x.csv").write_text("nothing\n", encoding="utf-8")
    with open_store(received / "store") as store, monkeypatch.context() as patched:
        patched.setattr(intake.os, "replace", lambda *names: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            receive(store, received / "in")
    with open_store(received / "store") as store:
        assert sum(o.status == "quarantined" for o in receive(store, received / "in")) == 1
        assert store.value("SELECT count(*) FROM quarantine") == 1
    assert len(list((received / "in" / "quarantine").iterdir())) == 2


@pytest.mark.parametrize(("days", "status"), [(7, "taken in"), (8, "waits")])
def test_a_week_is_the_longest_gap_closed(begun, days, status):
    shutil.rmtree(begun / "in")
    later = replace(PANEL, dates=PANEL.dates + pd.Timedelta(days=days)).until(KNOWN + 1)
    write_deliveries(later, begun / "in", later.dates[-1])
    (outcome,) = take(begun, close_gaps=True)
    assert outcome.status == status
    if status == "waits":
        assert outcome.reason == (
            "column date: 2023-05-08 leaves a gap of 8 days, 2023-04-30 to 2023-05-07, and at most 7 are closed; "
            "deliver the days between, or mend the date"
        )


def test_a_file_with_a_quantity_far_outside_waits_until_it_is_mended_or_confirmed(begun):
    second = begun / "in" / "2023-05-01.csv"
    right, demand = second.read_bytes(), PANEL.demand.copy()
    demand[3, KNOWN + 1] = 10**8
    write_deliveries(replace(PANEL, demand=demand).until(KNOWN + 2), begun / "in", "2023-05-01")
    wrong = second.read_bytes()
    for how in ({}, {"close_gaps": True}, {"confirm": "2023-05-02"}):  # no later day is taken in over its head
        outcomes = {o.file: o for o in take(begun, **how)}
        assert [o.status for o in outcomes.values()][1:] == ["waits"] * 2
        assert outcomes["2023-05-02.csv"].reason == "the file of 2023-05-01 waits"
    name, most = "/".join(PANEL.series.loc[3, list(SERIES_KEY)]), PANEL.demand[3, : KNOWN + 1].max()
    assert outcomes["2023-05-01.csv"].reason == (
        f"1 quantities far outside what is usual: {name} with 100000000 (usual: at most {most:.0f}); give --confirm "
        "2023-05-01 if they are right, or mend the file"
    )
    second.write_bytes(right)
    shutil.copytree(begun, begun / "other")
    assert [o.status for o in take(begun)] == ["held already"] + ["taken in"] * 2
    (begun / "other" / "in" / second.name).write_bytes(wrong)
    assert [o.status for o in take(begun / "other", confirm="2023-05-01")][:2] == ["held already", "taken in"]
    with open_store(begun / "store") as mended, open_store(begun / "other" / "store") as confirmed:
        np.testing.assert_array_equal(mended.panel().demand, PANEL.demand[:, : KNOWN + 3])
        assert confirmed.demand_of(PANEL.dates[KNOWN + 1])[3] == 10**8


def with_new(folder, days=PANEL.dates[KNOWN:], qty=4):
    """Add a row of a new series to the files of some days."""
    for day in days:
        path = folder / "in" / f"{day:%Y-%m-%d}.csv"
        row = f"seller_1,new,wh_1,{day:%Y-%m-%d},{qty}\n"
        path.write_text(path.read_text(encoding="utf-8") + row, encoding="utf-8")


def test_a_new_product_waits_or_is_left_out(begun):
    with_new(begun, PANEL.dates[KNOWN : KNOWN + 1])
    with open_store(begun / "store") as store:
        outcomes = receive(store, begun / "in")
        assert [o.status for o in outcomes] == ["waits"] * 3
        assert outcomes[0].reason == (
            "1 rows of series that the store does not know: seller_1/new/wh_1; give --unknown add to follow them from "
            "this day on, --unknown skip to take the day in without them, or mend the file"
        )
        outcomes = receive(store, begun / "in", unknown="skip")
        told = "1 rows left out, of series that the store does not know: seller_1/new/wh_1"
        assert [o.status for o in outcomes] == ["taken in"] * 3 and outcomes[0].reason == told
        np.testing.assert_array_equal(store.panel().demand, PANEL.demand[:, : KNOWN + 3])


def test_a_new_product_is_followed_from_its_first_day_on(six_days, forecaster):
    with_new(six_days, PANEL.dates[KNOWN + 1 :])
    outcomes = take(six_days, unknown="add")
    assert [o.status for o in outcomes] == ["taken in"] * 6
    assert [o.reason for o in outcomes] == ["", "1 new series: seller_1/new/wh_1"] + [""] * 4
    with open_store(six_days / "store") as store:
        panel = store.panel()
        np.testing.assert_array_equal(panel.demand[:10], PANEL.demand)
        np.testing.assert_array_equal(panel.demand[10], [np.nan] * (KNOWN + 1) + [4] * 5)
        for day in PANEL.dates[KNOWN + 1 :]:  # a forecast, levels and an order from the first evening on
            assert np.isfinite(forecasts.forecast_after(store, day).mean[10]).all()
            assert store.value("SELECT order_up_to FROM orders WHERE row = 10 AND date = ?", day + DAY) > 0
        first = PANEL.dates[KNOWN + 1]
        whole = predict(forecaster, panel.until(KNOWN + 2))
        np.testing.assert_allclose(forecasts.forecast_after(store, first).mean, whole.mean, rtol=1e-4)
        stock = store.frame("FROM stock WHERE row = 10 ORDER BY date")
        assert stock["date"].iloc[0] == first and stock["opening"].iloc[0] == RULES.opening_stock
        assert stock["sales"].iloc[0] == 4 and stock["closing"].iloc[0] == 1 and (stock["arrivals"].iloc[:3] == 0).all()
        ordered = store.value("SELECT quantity FROM orders WHERE row = 10 AND date = ?", first + DAY)
        assert stock["arrivals"].iloc[4] == ordered > 0  # placed on the morning after its first day, three days before


def test_a_new_product_that_a_later_file_lacks_is_missed_like_any_other(begun):
    with_new(begun, PANEL.dates[KNOWN : KNOWN + 1])
    outcomes = take(begun, unknown="add")
    assert [o.status for o in outcomes] == ["taken in"] + ["quarantined"] * 2
    assert "ends without 'seller_1/new/wh_1' (1 series of 11" in outcomes[1].reason


def test_a_new_product_with_a_large_first_quantity_waits(begun):
    with_new(begun, PANEL.dates[KNOWN : KNOWN + 1], qty=101)
    assert "seller_1/new/wh_1 with 101 (usual: at most 0)" in take(begun, unknown="add")[0].reason


def shelf(orders, demand, opening=5, lead_time=3):
    """Closing stock of one item by hand: an order arrives lead_time days after its morning, and sales are lost."""
    on_hand, closing = opening, []
    for day, asked in enumerate(demand):
        on_hand += orders[day - lead_time] if day >= lead_time else 0
        on_hand -= min(on_hand, asked)
        closing.append(on_hand)
    return closing


def test_a_late_file_fills_its_day_and_no_decision_is_rewritten(six_days):
    late = six_days / "in" / "2023-05-01.csv"
    late.rename(six_days / "late")
    last = six_days / "in" / "2023-05-05.csv"
    last.rename(six_days / "last")
    take(six_days, close_gaps=True)
    before = content(six_days)
    (six_days / "late").rename(late)
    outcome = next(o for o in take(six_days) if o.file == late.name)
    assert outcome.status == "taken in" and outcome.reason == (
        "late: the day was closed as missing; its demand is recorded, and the stock of 2023-05-01 to 2023-05-04 booked "
        "anew; orders already made stay"
    )
    after = content(six_days)
    for table in ("orders", "forecasts", "simple_forecasts", "alerts", "steps"):
        pd.testing.assert_frame_equal(before[table], after[table])
    assert before["files"] == after["files"]
    assert {o.status for o in take(six_days)} == {"held already"}
    (six_days / "last").rename(last)
    take(six_days)
    with open_store(six_days / "store") as store:
        np.testing.assert_array_equal(store.panel().demand, PANEL.demand)
        orders = store.array("SELECT quantity FROM orders ORDER BY row, date").reshape(10, -1)
        closing = store.array("SELECT closing FROM stock ORDER BY row, date").reshape(10, -1)
        for row in range(10):
            np.testing.assert_array_equal(closing[row], shelf(orders[row], PANEL.demand[row, KNOWN:]))
        position = store.array("SELECT position FROM orders WHERE date = ? ORDER BY row", PANEL.dates[-1] + DAY)
        np.testing.assert_array_equal(position, closing[:, -1] + orders[:, -4:-1].sum(axis=1))
    changed = pd.read_csv(late)
    changed.assign(qty=changed["qty"] + 1).to_csv(six_days / "in" / "changed.csv", index=False)
    assert next(o for o in take(six_days) if o.file == "changed.csv").status == "quarantined"


def test_a_late_file_brings_no_new_series(six_days):
    with_new(six_days, PANEL.dates[KNOWN + 1 :])
    (six_days / "in" / "2023-05-01.csv").rename(six_days / "late")
    take(six_days, close_gaps=True, unknown="add")
    (six_days / "late").rename(six_days / "in" / "2023-05-01.csv")
    assert next(o for o in take(six_days) if "05-01" in o.file).status == "waits"
    outcome = next(o for o in take(six_days, unknown="add") if "05-01" in o.file)
    assert outcome.status == "taken in"
    assert outcome.reason.startswith(
        "1 rows left out, of series that the store does not know: seller_1/new/wh_1; late:"
    )
    with open_store(six_days / "store") as store:
        demand = store.panel().demand
        np.testing.assert_array_equal(demand[:10], PANEL.demand)
        np.testing.assert_array_equal(demand[10], [np.nan] * (KNOWN + 2) + [4] * 4)
        stock = store.frame("FROM stock WHERE row = 10 ORDER BY date")
        assert len(stock) == 4 and stock["opening"].iloc[0] == RULES.opening_stock


# A person decides


ITEM = "/".join(PANEL.series.loc[7, list(SERIES_KEY)])


def orders_of(folder, day):
    with open_store(folder / "store") as store:
        return store.frame("FROM orders WHERE date = ? ORDER BY row", day)


def test_an_order_is_overridden_kept_and_shown(received):
    tomorrow = PANEL.dates[-1] + DAY
    before, rows = content(received), orders_of(received, tomorrow)
    with open_store(received / "store") as store:
        told = override(store, tomorrow, ITEM, quantity=77, reason="<b>fair</b> in town", who="ann")
        assert told == f"{ITEM}: order 77 on 2023-05-06; changed"
        finish_day(store)
        kept = store.frame("FROM overrides")
        assert kept[["quantity", "reason", "who"]].values.tolist() == [[77, "<b>fair</b> in town", "ann"]]
        assert operation.stock_after(store, PANEL.dates[-1]).on_order[-1][7] == 77
    after = orders_of(received, tomorrow)
    assert after.loc[7, "quantity"] == 77 and after.loc[7, "proposed"] == rows.loc[7, "quantity"]
    pd.testing.assert_frame_equal(after.drop(index=7), rows.drop(index=7))
    pd.testing.assert_frame_equal(content(received)["stock"], before["stock"])
    folder = received / "store" / "days" / f"{PANEL.dates[-1]:%Y-%m-%d}"
    shown = pd.read_csv(folder / "orders.csv").loc[7]
    assert (shown["order"], shown["override"], shown["by"]) == (77, "<b>fair</b> in town", "ann")
    assert shown["proposed"] == rows.loc[7, "quantity"]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "Decided by a person" in page and "&lt;b&gt;fair&lt;/b&gt; in town" in page and "<b>" not in page


def test_the_level_of_a_later_day_holds_when_it_comes(six_days):
    day = PANEL.dates[KNOWN + 2]
    with open_store(six_days / "store") as store:
        assert override(store, day, ITEM, level=3, reason="too much").endswith("kept until its orders are made")
        override(store, day, ITEM, level=200, reason="a mistake of mine")  # the last one holds, both are kept
    take(six_days)
    order = orders_of(six_days, day).loc[7]
    assert order["order_up_to"] == 200 and order["quantity"] == 200 - order["position"]
    with open_store(six_days / "store") as store:
        assert store.value("SELECT count(*) FROM overrides") == 2
        arrived = store.value("SELECT arrivals FROM stock WHERE row = 7 AND date = ?", day + 3 * DAY)
        assert arrived == order["quantity"]


def test_what_cannot_be_overridden_is_refused(received):
    tomorrow, before = PANEL.dates[-1] + DAY, content(received)
    with open_store(received / "store") as store:
        for wrong, words in (
            ({"quantity": 1, "reason": " "}, "reason is empty; say why"),
            ({"quantity": 1, "reason": "x", "item": "a/b/c"}, "item is 'a/b/c'; the store has no such series"),
            (
                {"quantity": 1, "reason": "x", "day": PANEL.dates[-1]},
                "2023-05-05, which is closed.* 2023-05-06 is open",
            ),
            ({"quantity": 1, "level": 2, "reason": "x"}, "give one of them"),
            ({"quantity": -1, "reason": "x"}, "in whole units from 0"),
            ({"reason": "x"}, "give one of them"),
        ):
            how = {"day": tomorrow, "item": ITEM} | wrong
            with pytest.raises(ParameterError, match=words):
                override(store, how.pop("day"), how.pop("item"), **how)
        assert store.value("SELECT count(*) FROM overrides") == 0
    assert_same(before, content(received))


def test_days_new_item_override_and_late_file_survive_being_broken_off(new_store, tmp_path, monkeypatch):
    """Killed before every step of the way, and after it with all written and nothing committed: the same content."""

    class Clock:
        @staticmethod
        def now(zone):
            return pd.Timestamp("2023-05-06", tz=zone)

    monkeypatch.setattr(overrides, "datetime", Clock)
    left, moment, killed = 0, "", []

    def breaking(work):
        def step(*args):
            nonlocal left
            left -= 1
            kill = left == 0
            if kill and moment == "before":
                raise Killed
            work(*args)
            if kill:
                raise Killed

        return step

    monkeypatch.setattr(operation, "STEPS", {name: breaking(work) for name, work in operation.STEPS.items()})
    monkeypatch.setattr(operation, "book", breaking(operation.book))
    monkeypatch.setattr(overrides, "apply", breaking(overrides.apply))

    def scenario(folder, often):
        def tried(work):
            nonlocal left
            for calls in (*often, 0):
                left = calls
                try:
                    return work()
                except Killed:
                    killed.append(moment)

        def decide():
            with open_store(folder / "store") as store:
                finish_day(store)
                if not store.value("SELECT count(*) FROM overrides"):
                    override(store, PANEL.dates[KNOWN + 4], ITEM, quantity=9, reason="why", who="ann")
                finish_day(store)

        shutil.copytree(new_store / "store", folder / "store")
        write_deliveries(PANEL.until(KNOWN + 4), folder / "in", PANEL.dates[KNOWN])
        with_new(folder, PANEL.dates[KNOWN + 2 : KNOWN + 4])
        late = (folder / "in" / "2023-05-01.csv").rename(folder / "late")
        tried(lambda: take(folder, close_gaps=True, unknown="add"))
        tried(decide)
        late.rename(folder / "in" / "2023-05-01.csv")
        tried(lambda: take(folder))
        write_deliveries(PANEL, folder / "in", PANEL.dates[KNOWN + 4])
        with_new(folder, PANEL.dates[KNOWN + 4 :])
        tried(lambda: take(folder))
        return content(folder)

    undisturbed = scenario(tmp_path / "undisturbed", ())
    assert undisturbed["overrides"]["quantity"].tolist() == [9] and len(undisturbed["series"]) == 11
    for moment in ("before", "after"):
        assert_same(undisturbed, scenario(tmp_path / moment, (1, 2, 3, 4, 1, 4, 5, 2)))
        assert killed.count(moment) >= 20


def test_a_day_waits_for_what_must_be_known_ahead(tmp_path):
    promoted = (np.arange(10 * 72) % 9 == 0).astype(float).reshape(10, 72)  # one day short of the last day's horizon
    panel = replace(PANEL, ahead={"promoted": promoted})
    trained = fit(panel.until(KNOWN), Settings(hidden_size=4, epochs=1, horizon=7, warm_up=10), seed=0)
    begin(tmp_path / "store", panel.until(KNOWN), trained, RULES)
    path = write_deliveries(PANEL, tmp_path / "in", PANEL.dates[KNOWN])[-1]
    assert [o.status for o in take(tmp_path)] == ["taken in"] * 5 + ["waits"]
    assert take(tmp_path)[-1].reason == (
        f"promoted of {PANEL.keys[0]} is not known for 2023-05-12 (10 such series and days); add columns promoted to "
        "the file, and rows of days to 2023-05-12 with an empty qty"
    )
    today = pd.read_csv(path, dtype=str).assign(promoted="0")
    later = today.assign(date="2023-05-12", qty="", promoted="1")
    new = pd.concat([today, later])[lambda t: t["product_no"] == "product_5"].assign(product_no="new")
    pd.concat([today, later, new]).to_csv(path, index=False)
    outcome = next(o for o in take(tmp_path, unknown="add") if o.file == path.name)
    assert outcome.status == "waits" and "seller_2/new/wh_1 is not known for 2023-05-06 (6 such" in outcome.reason
    between = [new.assign(date=f"2023-05-{day:02}", qty="") for day in range(6, 12)]
    between = [table.iloc[:1] for table in between]
    pd.concat([today, later, new, *between]).to_csv(path, index=False)
    assert next(o for o in take(tmp_path, unknown="add") if o.file == path.name).status == "taken in"
    with open_store(tmp_path / "store") as store:
        ahead = store.panel().ahead["promoted"]
        assert ahead.shape == (11, 73) and np.isfinite(ahead).all() and (ahead[:, -1] == 1).all()
        np.testing.assert_array_equal(ahead[:10, : N_DAYS - 1], promoted[:, : N_DAYS - 1])
    with pytest.raises(DataError, match="column promoted is known to 2023-05-11"):
        begin(tmp_path / "short", panel, trained, RULES)


def test_files_in_the_form_of_the_runs_own_table(tmp_path):
    """A till's exports: its own headers, several rows a series, a return, a time of day, decimals, a new item."""
    rng = np.random.default_rng(4)
    header, days = "SKU;Sold at;Units;Offer\n", pd.date_range("2024-01-01", periods=80)
    lines = [f"{n};{day:%Y-%m-%d};{rng.poisson(4)};{int(day.day == 1)}\n" for day in days for n in range(100, 106)]
    lines += [f"{n};{day:%Y-%m-%d};;0\n" for day in pd.date_range(days[-1] + DAY, periods=8) for n in range(100, 106)]
    (tmp_path / "till.csv").write_text(header + "".join(lines), encoding="utf-8")
    sales = read_table(tmp_path / "till.csv", "date=Sold at,ahead=Offer", "fill_gaps=zero,leading=zero")
    trained = fit(sales.panel, Settings(hidden_size=4, epochs=1, horizon=7, warm_up=10), seed=0)
    rules = Rules(n_samples=40, fill_gaps="zero")
    begin(tmp_path / "store", sales.panel, trained, rules, own_table=json.loads(json.dumps(sales.form())))
    (tmp_path / "in").mkdir()
    today = (
        "100;2024-03-21 09:10;2;0\n100;2024-03-21 17:00;1.5;0\n101;2024-03-21 11:00;-1;0\n106;2024-03-21 12:00;3;0\n"
    )
    later = "".join(f"106;{day:%Y-%m-%d};;0\n" for day in pd.date_range(days[-1] + 2 * DAY, periods=7))
    (tmp_path / "in" / "a.csv").write_text(header + today + later, encoding="utf-8")
    (tmp_path / "in" / "b.csv").write_text(header + "100;2024-03-22;x;0\n", encoding="utf-8")
    outcomes = take(tmp_path, unknown="add")
    assert {o.file: o.status for o in outcomes} == {"a.csv": "taken in", "b.csv": "quarantined"}
    assert "row 2, column Units: 'x'" in next(o.reason for o in outcomes if o.file == "b.csv")
    with open_store(tmp_path / "store") as store:
        panel = store.panel()
        assert panel.keys == ["100", "101", "102", "103", "104", "105", "106"]
        np.testing.assert_array_equal(panel.demand[:, -1], [3.5, 0, 0, 0, 0, 0, 3])
        assert panel.ahead["Offer"].shape == (7, 88) and panel.ahead["Offer"][0].sum() == 3
    after = Panel(sales.panel.series, days[-1:] + 2 * DAY, np.ones((6, 1)))  # the panel's own headers are read too
    write_deliveries(after, tmp_path / "in")
    told = take(tmp_path)[-1]
    assert told.status == "waits" and "Offer of 100 is not known for 2024-03-29 (7 such series and days)" in told.reason


def test_weeks_of_one_id_are_run_like_days(tmp_path):
    """A store of weekly data with one id and no attribute: files, orders, alerts and pages a week apart."""
    rng = np.random.default_rng(0)
    series = pd.DataFrame({"product_no": [f"p{i}" for i in range(6)]})
    panel = Panel(series, pd.date_range("2022-01-03", periods=70, freq="7D"), rng.poisson(9, (6, 70)).astype(float))
    trained = fit(panel.until(66), Settings(hidden_size=4, epochs=1, horizon=4, warm_up=10), seed=0)
    begin(tmp_path / "store", panel.until(66), trained, Rules(lead_time=2, n_samples=40, refit_days=2))
    paths = write_deliveries(panel, tmp_path / "in", panel.dates[66])
    paths[1].rename(tmp_path / "late")
    assert [o.status for o in take(tmp_path, close_gaps=True)] == ["taken in"] * 3
    (tmp_path / "late").rename(paths[1])
    outcome = next(o for o in take(tmp_path) if o.file == paths[1].name)
    assert "stock of 2023-04-17 to 2023-05-01 booked anew" in outcome.reason
    with open_store(tmp_path / "store") as store:
        again = store.panel()
        assert again.dates.equals(panel.dates) and again.frequency.word == "week"
        np.testing.assert_array_equal(again.demand, panel.demand)
        orders = store.array("SELECT quantity FROM orders ORDER BY row, date").reshape(6, -1)
        closing = store.array("SELECT closing FROM stock ORDER BY row, date").reshape(6, -1)
        np.testing.assert_array_equal(closing[2], shelf(orders[2], panel.demand[2, 66:], lead_time=2))
        override(store, panel.dates_ahead(1)[0], "p2", level=50, reason="a fair")
        finish_day(store)
        assert one_day_scores(store, store.last_day)["days"].tolist() == [4] * 7
    folder = tmp_path / "store" / "days" / f"{panel.dates[-1]:%Y-%m-%d}"
    assert pd.read_csv(folder / "orders.csv").columns[:2].tolist() == ["product_no", "date"]
    assert "Units a week" in (folder / "index.html").read_text(encoding="utf-8")
    panel.dates_ahead(1)
    odd = Panel(series, panel.dates[-1:] + pd.Timedelta(days=3), panel.demand[:, -1:])
    (path,) = write_deliveries(odd, tmp_path / "in")
    outcome = next(o for o in take(tmp_path) if o.file == path.name)
    assert outcome.status == "quarantined" and "is no first day of a week of the store" in outcome.reason


def test_a_day_before_the_store_began_is_set_aside(received):
    early = replace(PANEL, dates=PANEL.dates - pd.Timedelta(days=365)).until(1)
    write_deliveries(early, received / "in")
    outcome = next(o for o in take(received) if o.file == "2022-03-01.csv")
    assert outcome.status == "quarantined" and "is before the store's first day, 2023-03-01" in outcome.reason


def test_what_cannot_be_run_is_refused_before_anything_is_written(forecaster, tmp_path):
    with pytest.raises(ParameterError, match="looks 7 days ahead; lead_time 6 and review 1 need 8"):
        begin(tmp_path / "store", PANEL.until(KNOWN), forecaster, Rules(lead_time=6))
    for wrong in ({"review": 0}, {"service_level": 1.0}, {"fill_gaps": "nan"}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            Rules(**wrong)
    assert not (tmp_path / "store").exists()


def test_a_day_that_never_came_is_closed_when_asked_and_takes_its_forecast_from_the_shelf(six_days):
    for name in ("2023-05-01.csv", "2023-05-02.csv"):
        (six_days / "in" / name).unlink()
    with open_store(six_days / "store") as store:
        assert [o.status for o in receive(store, six_days / "in")] == ["taken in"] + ["waits"] * 3
        closed = receive(store, six_days / "in", close_gaps=True)
        assert [o.status for o in closed] == ["held already"] + ["taken in"] * 3
        assert np.isnan(store.panel().demand[:, KNOWN + 1 : KNOWN + 3]).all()
        for day in PANEL.dates[KNOWN + 1 : KNOWN + 3]:
            booked = store.frame("FROM stock WHERE date = ? ORDER BY row", day)
            expected = forecasts.forecast_after(store, day - pd.Timedelta(days=1)).mean[:, 0]
            there = booked["opening"] + booked["arrivals"]
            np.testing.assert_allclose(booked["closing"], np.maximum(there - expected, 0), atol=1e-9)
            assert booked["sales"].isna().all() and booked["short"].isna().all() and (expected > 0.1).all()
        assert store.value("SELECT count(*) FROM orders WHERE quantity <> round(quantity)") == 0
        assert store.value("SELECT count(*) FROM alerts WHERE kind <> 'stockout risk' AND date = '2023-05-01'") == 0
    page = (six_days / "store" / "days" / "2023-05-01" / "index.html").read_text(encoding="utf-8")
    assert "<dt>units shipped</dt><dd>unknown</dd>" in page and "<dt>series unknown</dt><dd>10</dd>" in page


# The page


@pytest.mark.drill("Daily operation")
def test_hostile_ids_reach_neither_page_nor_spreadsheet(undisturbed):
    """Ids that are tags or formulas: every page escapes them, and no csv begins a cell with one."""
    folder, _ = undisturbed
    shown = 0
    for page in (folder / "store" / "days").rglob("index.html"):
        text = page.read_text(encoding="utf-8")
        shown += text.count("&lt;script&gt;")
        assert "<script" not in text and "<img" not in text and "http" not in text
    assert shown > 0
    for path in (folder / "store" / "days").rglob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        for column in (*SERIES_KEY, *table.columns.intersection(["kind", "measure", "reason", "action"])):
            assert not table[column].str.match(r"[=+\-@\t\r]").any(), (path, column)
    orders = pd.read_csv(path.parent / "orders.csv")
    assert set(orders["product_no"]) >= {"'=cmd|' /C calc'!A0", "'@SUM(A1)", "'-1+1", "product_9"}
    assert (orders["s"] <= orders["S"]).all() and len(orders) == 10


def test_alerts_are_ranked_by_their_worth(undisturbed):
    folder, _ = undisturbed
    with open_store(folder / "store") as store:
        alerts = store.frame("FROM alerts ORDER BY date, number")
    evenings = alerts.groupby("date")["worth"]
    assert evenings.apply(lambda worth: worth.is_monotonic_decreasing).all() and evenings.size().max() > 2
    assert (alerts["worth"] > 0).all() and (alerts["units"] > 0).all()
    risks = alerts[alerts["kind"] == "stockout risk"]
    assert risks["action"].str.extract(r"transfer (\d+) units")[0].astype(float).tolist() == risks["units"].tolist()
    last = alerts.loc[alerts["date"] == alerts["date"].max(), "worth"]
    page = (folder / "store" / "days" / f"{PANEL.dates[-1]:%Y-%m-%d}" / "index.html").read_text(encoding="utf-8")
    first = f"The first {min(10, len(last))} of {len(last)} alerts hold {last.head(10).sum() / last.sum():.0%}"
    assert first in " ".join(page.split()) and "A unit short costs 9 of these" in " ".join(page.split())


def test_the_next_days_scores_are_those_of_the_forecasts(undisturbed):
    folder, _ = undisturbed
    with open_store(folder / "store") as store:
        scores = one_day_scores(store, store.last_day).set_index("method")
        made = np.stack(
            [forecasts.forecast_after(store, day).point[:, 0] for day in PANEL.dates[KNOWN - 1 : -1]], axis=1
        )
    actual = PANEL.demand[:, KNOWN:]
    assert scores.loc["network", "1-WMAPE"] == pytest.approx(1 - np.abs(actual - made).sum() / actual.sum())
    assert scores.loc["network", "bias"] == pytest.approx((made - actual).sum() / actual.sum())
    assert set(scores.index) == {"network", "SES", "TSB", "median 7", "median 14", "median 21", "median 28"}
    assert (scores["days"] == 6).all()


# Pseudonyms


def test_no_raw_id_is_left_anywhere(forecaster, tmp_path):
    key = b"a key of more than 16 bytes"
    raw = {label for column in SERIES_KEY for label in PANEL.series[column]}
    begin(tmp_path / "store", PANEL.until(KNOWN), forecaster, RULES, key)
    write_deliveries(PANEL, tmp_path / "in", PANEL.dates[KNOWN])
    for name, change in {"qty.csv": (",0\n", ",seller_0\n"), "id.csv": ("wh_1", "wh_9")}.items():
        text = (tmp_path / "in" / "2023-05-02.csv").read_text(encoding="utf-8")
        broken = text.replace(*change) + "seller_0,product_5,wh_0,2023-05-02,x\n"
        (tmp_path / "in" / name).write_text(broken, encoding="utf-8")
    with open_store(tmp_path / "store") as store:
        outcomes = receive(store, tmp_path / "in", key=key)
        assert sorted({o.status for o in outcomes}) == ["quarantined", "taken in"]
        tables = [name for (name,) in store.connection.execute("SHOW TABLES").fetchall()]
        assert len(tables) >= 12
        told = [store.frame(f"FROM {table}").astype(str).to_csv() for table in tables if table != "memory"]
        kept = store.connection.execute("SELECT content FROM memory").fetchall()
        told += [bytes(content).decode("latin-1") for (content,) in kept]
    told += [path.read_bytes().decode("latin-1") for path in (tmp_path / "store").rglob("*") if path.is_file()]
    told += [o.reason for o in outcomes]
    assert sum("seller-" in text for text in told) > 10  # the pseudonyms are there
    for text in told:
        for label in raw:
            escaped = label.replace("<", "&lt;").replace(">", "&gt;")
            assert label not in text and escaped not in text, label


def test_with_pseudonyms_the_forecasts_are_the_same(undisturbed, forecaster, tmp_path):
    key = b"a key of more than 16 bytes"
    folder, _ = undisturbed
    begin(tmp_path / "store", PANEL.until(KNOWN), forecaster, RULES, key)
    hidden = pseudonyms.pseudonymise(PANEL.series, key)
    with open_store(tmp_path / "store") as store, open_store(folder / "store") as plain:
        finish_day(store)
        order = pd.MultiIndex.from_frame(store.series[list(SERIES_KEY)])
        rows = order.get_indexer(pd.MultiIndex.from_frame(hidden[list(SERIES_KEY)]))
        day = PANEL.dates[KNOWN - 1]
        here, there = forecasts.forecast_after(store, day), forecasts.forecast_after(plain, day)
        np.testing.assert_allclose(here.mean[rows], there.mean, rtol=1e-5)
        with pytest.raises(StoreError, match="made with another key"):
            receive(store, folder / "in", key=b"another key of 16 bytes")
        with pytest.raises(StoreError, match="made with a key"):
            receive(store, folder / "in")
        with pytest.raises(StoreError, match="made without a key"):
            receive(plain, folder / "in", key=key)
