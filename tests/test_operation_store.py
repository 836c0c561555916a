"""Store (transactions, one writer, kill -9), a day's file (read right or refused with its place), pseudonyms."""

import hashlib
import hmac
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import Panel, build_panel
from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY, read_attachments
from bowerbird.data.twin import write_twin
from bowerbird.errors import DataError, ParameterError
from bowerbird.files import LOCK_NAME
from bowerbird.operation import pseudonyms
from bowerbird.operation import store as storage
from bowerbird.operation.delivery import Delivery, find_deliveries, read_day, write_deliveries
from bowerbird.operation.pseudonyms import pseudonym, pseudonymise, pseudonymise_panel
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


def test_a_new_series_has_no_demand_before_its_first_day(folder):
    new = pd.DataFrame({"seller_no": ["s1", "s9"], "product_no": ["q", "z"], "warehouse_no": ["w", "v"], "qty": [4, 5]})
    with open_store(folder) as store, store.transaction():
        store.connection.execute("UPDATE series SET category1 = product_no, seller_level = seller_no")
        store.add_day(Delivery(DAY, np.arange(3.0), "x.csv", unknown=new))
    with open_store(folder) as store:
        panel = store.panel()
        assert panel.keys[3:] == ["s1/q/w", "s9/z/v"] and np.isnan(panel.demand[3:, :-1]).all()
        np.testing.assert_array_equal(panel.demand[:, -1], [0, 1, 2, 4, 5])
        np.testing.assert_array_equal(panel.demand[:3, :-1], small_panel().demand)
        # An attribute is that of a series with the same id, or unknown
        assert panel.series.loc[3, ["category1", "seller_level", "warehouse_region"]].tolist() == ["q", "s1", "a"]
        assert set(panel.series.loc[4, list(ATTRIBUTES)]) == {"unknown"}
        assert (store.first_days[:3] == DATES[0]).all() and (store.first_days[3:] == DAY).all()


def test_what_is_known_ahead_is_kept_and_read_from_files(tmp_path):
    promoted = np.arange(24.0).reshape(3, 8)  # of the six days and two more
    with create_store(tmp_path, replace(small_panel(), ahead={"promoted": promoted})):
        pass
    rows = small_panel().series[list(SERIES_KEY)].assign(date="2023-04-07", qty="4", promoted="5")
    later = rows.assign(date="2023-04-09", qty="", promoted="0.5")
    pd.concat([rows, later]).to_csv(tmp_path / "day.csv", index=False)
    with open_store(tmp_path) as store:
        delivery = read_day(tmp_path / "day.csv", store.series, ahead=store.fact("ahead"))
        np.testing.assert_array_equal(delivery.demand, [4, 4, 4])
        with store.transaction():
            store.add_day(delivery)
        expected = np.column_stack([promoted[:, :6], [5.0] * 3, promoted[:, 7], [0.5] * 3])
        np.testing.assert_array_equal(store.panel().ahead["promoted"], expected)
        rows.rename(columns={"promoted": "Promoted "}).to_csv(tmp_path / "day.csv", index=False)
        assert (read_day(tmp_path / "day.csv", store.series, ahead=["promoted"]).ahead["promoted"] == 5).all()
        rows.assign(promoted="yes").to_csv(tmp_path / "day.csv", index=False)
        with pytest.raises(DataError, match="row 2, column promoted: 'yes' is no number"):
            read_day(tmp_path / "day.csv", store.series, ahead=["promoted"])


def test_only_the_owner_reads_a_store(folder):
    assert folder.stat().st_mode & 0o077 == 0 and (folder / FILE_NAME).stat().st_mode & 0o077 == 0


def test_an_encrypted_store(tmp_path, monkeypatch):
    """All but the random numbers, for which a real store needs DuckDB's extension httpfs."""
    monkeypatch.setattr(storage, "CRYPTOGRAPHY", "SET force_mbedtls_unsafe = 'true'")
    key, other = b"sixteen bytes or more", b"another key of 16 bytes"
    with create_store(tmp_path / "it's", small_panel(), key, opened="2023-04-06"):
        pass
    with open_store(tmp_path / "it's", key) as store:
        np.testing.assert_array_equal(store.panel().demand, small_panel().demand)
        with store.transaction():
            store.add_day(Delivery(DAY, np.arange(3.0), "a_name_to_look_for.csv"))
        for path in (tmp_path / "it's").iterdir():
            assert b"a_name_to_look_for" not in path.read_bytes(), path.name  # neither in the file nor in its log
    for wrong in (other, None):
        with pytest.raises(StoreError, match="give the --store-key-file that the store was made with"):
            open_store(tmp_path / "it's", wrong)
    with create_store(tmp_path / "plain", small_panel()):
        pass
    with pytest.raises(StoreError, match="or none if it had none"):
        open_store(tmp_path / "plain", key)


def test_encryption_is_never_weak(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "CRYPTOGRAPHY", "LOAD no_such_extension")
    with pytest.raises(StoreError, match="install it once"), create_store(tmp_path / "new", small_panel(), b"k" * 16):
        pass
    assert not (tmp_path / "new" / FILE_NAME).exists()


def test_a_store_half_made_is_no_store(tmp_path):
    for end in ("", ".wal"):  # left by a process that was killed
        (tmp_path / f".999999999.{FILE_NAME}{end}").write_bytes(b"half")
    with pytest.raises(ZeroDivisionError), create_store(tmp_path, small_panel()):
        1 / 0  # noqa: B018
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


def test_one_process_at_a_time_makes_a_store(tmp_path):
    other = "from test_operation_store import *\nwith create_store(sys.argv[1], small_panel()):\n  pass"
    with create_store(tmp_path, small_panel(), by="one"):
        command = [sys.executable, "-c", other, str(tmp_path)]
        call = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
        assert f"another run is at work there (process {os.getpid()}" in call.stderr
    with open_store(tmp_path) as store:
        assert store.fact("by") == "one"


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
    """A second process that opens the store is refused with a cure, until the first has closed it."""
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
                    store.remember("sum", store.panel().demand[:, 6:].sum(axis=1).tobytes())
            print(number, flush=True)
"""


@pytest.mark.drill("Daily operation")
def test_killed_at_random_moments_it_goes_on_and_ends_the_same(folder):
    """kill -9 in the middle of steps: no day is there in part, and the end is that of an undisturbed run."""
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
        np.testing.assert_array_equal(np.frombuffer(store.recall("sum")), panel.demand[:, 6:].sum(axis=1))
        assert store.value("SELECT count(*) FROM steps") == 140


# A day's file

SERIES = pd.DataFrame(
    {
        "seller_no": ["seller_1", "seller_1", "seller_2"],
        "product_no": ["p1", "p2", "p1"],
        "warehouse_no": ["w1", "w1", "w2"],
    }
)
MAY = pd.date_range("2023-05-01", periods=3, name="date")
DELIVERED = Panel(SERIES, MAY, np.array([[1.0, 2, 3], [0, 0, 5], [7, 8, 9]]))


@pytest.fixture
def day(tmp_path):
    return write_deliveries(DELIVERED, tmp_path, "2023-05-02")[0]


def rewritten(path, change):
    table = pd.read_csv(path, dtype=str)
    change(table).to_csv(path, index=False)
    return path


def test_files_are_written_a_day_each_and_read_back(tmp_path):
    paths = write_deliveries(DELIVERED, tmp_path)
    assert [path.name for path in paths] == ["2023-05-01.csv", "2023-05-02.csv", "2023-05-03.csv"]
    assert paths[0].read_text().splitlines()[:2] == [
        "seller_no,product_no,warehouse_no,date,qty", "seller_1,p1,w1,2023-05-01,1",
    ]  # fmt: skip
    for column, path in enumerate(paths):
        delivery = read_day(path, SERIES)
        assert delivery.date == MAY[column] and delivery.file == path.name
        np.testing.assert_array_equal(delivery.demand, DELIVERED.demand[:, column])


def test_a_missing_day_of_a_series_has_no_row_and_means_what_is_asked(tmp_path):
    gap = replace(DELIVERED, demand=np.where(DELIVERED.demand == 8, np.nan, DELIVERED.demand))
    path = write_deliveries(gap, tmp_path, "2023-05-02")[0]
    np.testing.assert_array_equal(read_day(path, SERIES, "zero").demand, [2, 0, 0])
    np.testing.assert_array_equal(read_day(path, SERIES, "missing").demand, [2, 0, np.nan])
    with pytest.raises(
        DataError, match=r"2023-05-02\.csv, row 3, columns .*'seller_2/p1/w2' \(1 series of 3.*store with --fill-gaps"
    ):
        read_day(path, SERIES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.assign(qty=["1", "-2", "3"]), "row 3, column qty: '-2' is negative"),
        (
            lambda t: t.assign(date=["2023-05-02", "2023-05-02", "2023-05-03"]),
            "row 4, column date: '2023-05-03' is not the",
        ),
        (
            lambda t: t.assign(product_no=["p1", "p9", "p1"]),
            "row 4, columns .*without 'seller_1/p2/w1' .1 series of 3 have no row, and 1 rows are of no series of the",
        ),
        (lambda t: t.iloc[:2], "row 3, columns .*ends without 'seller_2/p1/w2'"),
    ],
)
def test_what_is_broken_is_refused_with_its_place(day, change, words):
    with pytest.raises(DataError, match=r"2023-05-02\.csv.*" + words):
        read_day(rewritten(day, change), SERIES)


def test_rows_of_unknown_series_are_told_and_kept_apart(day):
    path = rewritten(day, lambda t: pd.concat([t.iloc[:1].assign(product_no="new", qty="4"), t]))
    delivery = read_day(path, SERIES)
    np.testing.assert_array_equal(delivery.demand, [2, 0, 8])
    assert delivery.unknown.to_dict("index") == {
        2: {"seller_no": "seller_1", "product_no": "new", "warehouse_no": "w1", "qty": 4}
    }
    came_later = np.array(["2023-05-01", "2023-05-03", "2023-05-01"], dtype="datetime64[ns]")
    for fill_gaps in ("refuse", "zero"):  # before its first day a series is neither missed nor filled
        without = read_day(rewritten(path, lambda t: t[t["product_no"] != "p2"]), SERIES, fill_gaps, None, came_later)
        np.testing.assert_array_equal(without.demand, [2, np.nan, 8])


def test_a_file_has_the_ids_of_its_panel(tmp_path):
    panel = Panel(SERIES.iloc[:2][["product_no"]], pd.date_range("2023-05-01", periods=2, freq="7D"), np.ones((2, 2)))
    first, second = write_deliveries(panel, tmp_path)
    assert second.read_text().splitlines() == ["product_no,date,qty", "p1,2023-05-08,1", "p2,2023-05-08,1"]
    np.testing.assert_array_equal(read_day(first, panel.series).demand, [1, 1])


def test_only_whole_visible_tables_are_deliveries(tmp_path):
    for name in ("b.csv", "a.XLSX", ".hidden.csv", "~$a.xlsx", "x.csv.part", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    assert [path.name for path in find_deliveries(tmp_path)] == ["a.XLSX", "b.csv"]
    with pytest.raises(DataError, match="no such folder"):
        find_deliveries(tmp_path / "none")


# Pseudonyms

KEY = b"sixteen bytes or more"


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twin")
    write_twin(folder, 25, seed=2)
    return read_attachments(folder)


def test_hmac_of_rfc_4231_case_2_cut_to_64_bits():
    # Key "Jefe", data "what do ya want for nothing?": 5bdcc146bf60754e 6a042426089575c7 ...
    assert hmac.new(b"Jefe", b"what do ya want for nothing?", hashlib.sha256).hexdigest()[:16] == "5bdcc146bf60754e"
    expected = hmac.digest(KEY, b"seller\0seller_6", "sha256").hex()[:16]
    assert pseudonym("seller", "seller_6", KEY) == f"seller-{expected}"


def test_equal_where_id_key_and_kind_are_equal():
    table = pd.DataFrame(
        {"seller_no": ["a", "b", "a"], "product_no": ["a", "c", "a"], "qty": [1, 2, 3]}, index=[5, 6, 9]
    )
    hidden = pseudonymise(table, KEY)
    assert hidden["seller_no"][5] == hidden["seller_no"][9] != hidden["seller_no"][6]
    assert hidden["seller_no"][5].split("-")[1] != hidden["product_no"][5].split("-")[1]
    assert hidden["qty"].equals(table["qty"]) and list(table["seller_no"]) == ["a", "b", "a"]
    assert not hidden["seller_no"].isin(pseudonymise(table, KEY + b"!")["seller_no"]).any()


def test_two_ids_with_one_pseudonym_are_refused(monkeypatch):
    monkeypatch.setattr(pseudonyms, "DIGITS", 0)
    with pytest.raises(DataError, match="column seller_no: two ids share a pseudonym"):
        pseudonymise(pd.DataFrame({"seller_no": ["a", "b"]}), KEY)


def test_key_files(tmp_path):
    path = pseudonyms.new_key(tmp_path / "key")
    key = pseudonyms.read_key(path)
    assert len(key) == 64 and (os.stat(path).st_mode & 0o077) == 0
    with pytest.raises(ParameterError, match="there is a key already"):
        pseudonyms.new_key(path)
    with pytest.raises(ParameterError, match="no readable key file"):
        pseudonyms.read_key(tmp_path / "none")
    (tmp_path / "short").write_bytes(b"12345\n")
    with pytest.raises(ParameterError, match="5 bytes can be guessed"):
        pseudonyms.read_key(tmp_path / "short")
    assert pseudonyms.fingerprint(None) == "" and pseudonyms.fingerprint(key) != pseudonyms.fingerprint(KEY)


def test_a_panels_rows_keep_their_demand_and_lose_their_order(twin):
    panel = build_panel(twin)
    hidden = pseudonymise_panel(panel, KEY)
    rows = dict(zip(hidden.keys, hidden.demand, strict=True))
    names = pseudonymise(panel.series, KEY)[list(SERIES_KEY)].agg("/".join, axis=1)
    for series, demand in zip(names, panel.demand, strict=True):
        np.testing.assert_array_equal(rows[series], demand)
    assert hidden.keys == sorted(hidden.keys)


def test_attachments_are_written_without_a_raw_id_and_read_back(twin, tmp_path):
    pseudonyms.write_pseudonymised(twin, tmp_path, KEY)
    ids = {label for column in SERIES_KEY for label in twin.shipments[column]} | set(twin.new_items["seller_no"])
    for path in tmp_path.iterdir():
        assert not ids & set(re.findall(r"\w+", path.read_text(encoding="utf-8"))), path.name
    again = read_attachments(tmp_path)
    panel, hidden = build_panel(twin), build_panel(again)
    np.testing.assert_array_equal(hidden.demand, pseudonymise_panel(panel, KEY).demand)
    assert len(again.warehouses) == len(twin.warehouses)  # rows that stand twice still do
