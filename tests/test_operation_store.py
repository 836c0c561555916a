"""The store: transactions, one writer, and kill -9 in the middle of them."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import Panel
from bowerbird.data.reader import ATTRIBUTES
from bowerbird.operation.delivery import Delivery
from bowerbird.operation.store import FILE_NAME, FORMAT, StoreError, create_store, open_store

DATES = pd.date_range("2023-04-01", periods=6, name="date")
DAY = pd.Timestamp("2023-04-07")


def small_panel() -> Panel:
    series = pd.DataFrame({"seller_no": ["s1", "s2", "s3"], "product_no": ["p", "q", "r"], "warehouse_no": "w"})
    demand = np.arange(18.0).reshape(3, 6)
    demand[1, 2] = np.nan
    return Panel(series.assign(**dict.fromkeys(ATTRIBUTES, "a")), DATES, demand)


@pytest.fixture
def folder(tmp_path):
    with create_store(tmp_path / "store", small_panel(), opened="2023-04-06"):
        pass
    return tmp_path / "store"


def test_history_is_read_back(folder):
    panel = small_panel()
    with open_store(folder) as store:
        again = store.panel()
        pd.testing.assert_frame_equal(again.series, panel.series, check_dtype=False)
        assert again.dates.equals(panel.dates) and store.last_day == DATES[-1]
        np.testing.assert_array_equal(again.demand, panel.demand)
        np.testing.assert_array_equal(store.demand_of(DATES[2]), panel.demand[:, 2])
        assert store.fact("opened") == "2023-04-06" and store.fact("nothing") is None
        assert store.value("SELECT count(*) FROM demand WHERE qty IS NULL") == 1  # a missing day is NULL, not NaN


def test_a_step_is_done_once_and_whole(folder):
    delivery = Delivery(DAY, np.array([1.0, 2.0, np.nan]), "x.csv")
    with open_store(folder) as store:
        with pytest.raises(ZeroDivisionError), store.step(DAY, "append"):
            store.add_day(delivery)
            1 / 0  # noqa: B018
        assert store.last_day == DATES[-1] and store.value("SELECT count(*) FROM demand") == 18
        for expected in (True, False):
            with store.step(DAY, "append") as due:
                assert due is expected
                if due:
                    store.add_day(delivery)
    with open_store(folder) as store:
        assert store.last_day == DAY and store.value("SELECT count(*) FROM demand") == 21
        np.testing.assert_array_equal(store.demand_of(DAY), delivery.demand)


@pytest.mark.drill("Daily operation")
def test_memory_is_replaced_and_runs_no_code(folder):
    with open_store(folder) as store:
        store.remember("state", {"a": np.arange(3.0)})
        store.remember("state", {"a": np.eye(2), "n": np.asarray(7)})
        arrays = store.recall_arrays("state")
        np.testing.assert_array_equal(arrays["a"], np.eye(2))
        assert arrays["n"] == 7 and store.value("SELECT count(*) FROM memory") == 1
        store.remember("state", {"a": np.array([object()])})
        with pytest.raises(ValueError, match="allow_pickle"):
            store.recall_arrays("state")


def test_a_store_half_made_is_no_store(tmp_path):
    with pytest.raises(ZeroDivisionError), create_store(tmp_path, small_panel()):
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_two_processes_make_one_store_and_the_first_to_finish_keeps_it(tmp_path):
    with pytest.raises(StoreError, match="there is a store already"), create_store(tmp_path, small_panel(), by="one"):
        other = "from test_operation_store import *\nwith create_store(sys.argv[1], small_panel(), by='two'):\n  pass"
        subprocess.run([sys.executable, "-c", other, str(tmp_path)], check=True, cwd=Path(__file__).parent)
        assert (tmp_path / f".{os.getpid()}.{FILE_NAME}").exists(), "the other leaves what a live process is writing"
    with open_store(tmp_path) as store:
        assert store.fact("by") == "two"
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_what_killed_processes_left_is_removed(tmp_path):
    for number in (999_999_999, os.getpid()):  # after a restart a process can have the killed one's number
        for end in ("", ".wal"):
            (tmp_path / f".{number}.{FILE_NAME}{end}").write_bytes(b"half")
    with create_store(tmp_path, small_panel()):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_store_is_made_where_there_are_no_links(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *names: (_ for _ in ()).throw(PermissionError("no links here")))
    with create_store(tmp_path, small_panel(), by="one"):
        pass
    with open_store(tmp_path) as store:
        assert store.fact("by") == "one"
    (tmp_path / FILE_NAME).unlink()
    with pytest.raises(StoreError, match="there is a store already"), create_store(tmp_path, small_panel()):
        (tmp_path / FILE_NAME).write_bytes(b"another's")
    assert (tmp_path / FILE_NAME).read_bytes() == b"another's"


def test_what_is_no_store_is_refused(folder, tmp_path):
    with pytest.raises(StoreError, match="no store there"):
        open_store(tmp_path)
    with pytest.raises(StoreError, match="there is a store already"), create_store(folder, small_panel()):
        pass
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match="not a readable store"):
        open_store(tmp_path)
    with open_store(folder) as store:
        store.connection.execute("UPDATE facts SET value = '99' WHERE name = 'format'")
    with pytest.raises(StoreError, match=f"format 99, this version reads {FORMAT}"):
        open_store(folder)


@pytest.mark.drill("Daily operation")
def test_one_writer_at_a_time(folder):
    script = "import sys\nfrom bowerbird.operation.store import open_store\nopen_store(sys.argv[1])"
    with open_store(folder):
        call = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False)
    assert "another process has the store open; let it end" in call.stderr
    subprocess.run([sys.executable, "-c", script, str(folder)], check=True)


APPENDING = """
    import sys
    import numpy as np, pandas as pd
    from bowerbird.operation.delivery import Delivery
    from bowerbird.operation.store import open_store
    with open_store(sys.argv[1]) as store:
        print("open", flush=True)
        for number in range(70):
            day = pd.Timestamp("2023-04-07") + pd.Timedelta(days=number)
            with store.step(day, "append") as due:
                if due:
                    store.add_day(Delivery(day, np.arange(3.0) * number, f"{number}.csv"))
            with store.step(day, "sum") as due:
                if due:
                    store.remember("sum", {"so far": store.panel().demand[:, 6:].sum(axis=1)})
            print(number, flush=True)
"""


@pytest.mark.drill("Daily operation")
def test_killed_at_random_moments_it_goes_on_and_ends_the_same(folder):
    command = [sys.executable, "-c", textwrap.dedent(APPENDING), str(folder)]
    chance, days = random.Random(5), [6]
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "open\n"
        for _ in range(days[-1] - 6 + chance.randint(3, 12)):  # so many days later, whatever the machine's speed,
            process.stdout.readline()
        time.sleep(chance.uniform(0, 0.02))  # and somewhere in a step
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with open_store(folder) as store:
            days.append(store.panel().n_days)  # raises if a day were there in part
    assert days == sorted(days) and days[-1] < 76, "it was killed in the middle"
    subprocess.run(command, check=True, capture_output=True)
    with open_store(folder) as store:
        panel = store.panel()
        np.testing.assert_array_equal(panel.demand[:, 6:], np.arange(3.0)[:, None] * np.arange(70))
        np.testing.assert_array_equal(store.recall_arrays("sum")["so far"], panel.demand[:, 6:].sum(axis=1))
        assert store.value("SELECT count(*) FROM steps") == 140
