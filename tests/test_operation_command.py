"""`bowerbird deliveries`, `daily` and `pseudonymise` as a user meets them."""

import dataclasses
import getpass
import random
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from click.testing import CliRunner

from bowerbird.__main__ import cli
from bowerbird.data.panel import build_panel
from bowerbird.data.reader import read_attachments
from bowerbird.data.twin import write_twin
from bowerbird.errors import BowerbirdError
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.training import fit, predict, save
from bowerbird.operation import store as storage
from bowerbird.operation.store import Rules, open_store
from bowerbird.runs import Stage


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What a run leaves after notebook 06, at its smallest."""
    folder = tmp_path_factory.mktemp("run")
    write_twin(folder / "attachments", 12, seed=0)
    panel = build_panel(read_attachments(folder / "attachments"))
    stage = Stage.begin("01_data", str(folder))
    stage.write("panel", panel.to_frame())
    stage.complete()
    known = panel.until(panel.n_days - 4)
    forecaster = fit(known, Settings(hidden_size=4, epochs=1, horizon=7), seed=0)
    stage = Stage.begin("06_sbo_lstm", str(folder))
    (stage.home / "results").mkdir()
    stage.wrote(save(forecaster, stage.home / "results" / "forecaster.zip"))
    stage.write("forecast_test", predict(forecaster, known).to_frame(panel.series))
    stage.write("lstm_summary", {"correlation between days": 0.1})
    stage.complete()
    return folder


def call(*arguments) -> str:
    """What a command says."""
    return CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False).output


def refused(*arguments) -> str:
    """The error that a command ends with, which the user can act on."""
    error = CliRunner().invoke(cli, list(map(str, arguments))).exception
    assert isinstance(error, BowerbirdError), error
    return str(error)


@pytest.fixture
def daily(run, tmp_path):
    """The run's last days as files, and the command that takes them in."""
    call("deliveries", run, "--out", tmp_path / "in")
    return ("daily", "--store", tmp_path / "store", "--deliveries", tmp_path / "in")


@pytest.fixture(scope="module")
def finished(run, tmp_path_factory):
    """A store after the run's last days, with a lead time of 2 days, and what the command said."""
    folder = tmp_path_factory.mktemp("finished")
    call("deliveries", run, "--out", folder / "in")
    daily = ("daily", "--store", folder / "store", "--deliveries", folder / "in", "--run", run, "--lead-time", "2")
    return folder, call(*daily)


@pytest.fixture
def taken_in(daily, finished, tmp_path):
    """The command, where all files are taken in."""
    shutil.copytree(finished[0] / "store", tmp_path / "store")
    return daily


def test_from_a_run_to_its_pages_and_again(run, finished, taken_in, tmp_path):
    assert "4 files, one a day" in call("deliveries", run, "--out", tmp_path / "again")
    daily, shown = (*taken_in, "--run", run, "--lead-time", "2"), finished[1]
    assert shown.count("taken in") == 4 and "0 files held already" in shown
    assert (tmp_path / "store" / "days" / "2023-05-15" / "index.html").is_file()
    assert "4 files held already" in call(*daily)
    with open_store(tmp_path / "store") as store:
        assert store.fact("rules")["lead_time"] == 2 and store.fact("rules")["correlation"] == 0.1
        assert store.fact("opened") == "2023-05-11"


def test_what_is_wrong_is_said(run, daily, tmp_path):
    assert "no store there; make one from a run with --run" in refused(*daily)
    for told in (refused("deliveries", tmp_path, "--out", tmp_path / "x"), refused(*daily, "--run", tmp_path / "none")):
        assert "01_data" in told and "is the disk full" not in told
    assert "no such folder" in refused(*daily[:-1], tmp_path / "none", "--run", run)
    assert "no readable key file" in refused(*daily, "--run", run, "--key-file", tmp_path / "key")
    perhaps = CliRunner().invoke(cli, [*map(str, daily), "--unknown", "perhaps"])
    assert "'perhaps' is not one of 'wait', 'skip', 'add'" in perhaps.output
    wrong = ("deliveries", run, "--out", tmp_path / "x", "--first-day")
    assert "write it as 2023-05-01" in refused(*wrong, "soon")
    assert "the run knows 2022-12-01 to 2023-05-15" in refused(*wrong, "2024-01-01")


def test_a_store_begins_with_no_day_that_the_forecaster_was_trained_on(run, tmp_path):
    call("deliveries", run, "--out", tmp_path / "in", "--first-day", "2023-05-11")
    daily = ("daily", "--store", tmp_path / "new", "--deliveries", tmp_path / "in", "--run", run, "--first-day")
    told = refused(*daily, "2023-05-11")
    assert "first_day is 2023-05-11" in told and "give 2023-05-12 or a later day" in told
    assert not (tmp_path / "new").exists()
    assert "1 files held already" in call(*daily, "2023-05-12")


def test_the_help_names_the_rules_own_defaults():
    options = {option.name: option.help for option in cli.commands["daily"].params}
    for field in dataclasses.fields(Rules):
        if field.name in options:
            assert options[field.name].endswith(f"[default: {field.default}]"), field.name


def test_rules_other_than_the_stores_are_refused(taken_in):
    daily = taken_in
    told = refused(*daily, "--fill-gaps", "zero")
    assert "--fill-gaps is zero;" in told and "holds refuse; a store's rules are fixed when it is made" in told
    assert "--lead-time is 3;" in refused(*daily, "--lead-time", "3")  # the default, but given
    for same in ((), ("--lead-time", "2", "--opening-stock", "5")):
        assert "4 files held already" in call(*daily, *same)


def test_an_order_is_overridden_with_a_reason(taken_in, tmp_path):
    with open_store(tmp_path / "store") as store:
        item, tomorrow = store.names[3], f"{store.last_day + pd.Timedelta(days=1):%Y-%m-%d}"
    override = ("override", "--store", tmp_path / "store", "--item", item, "--order", "31", "--day")
    told = call(*override, tomorrow, "--reason", "a fair")
    assert told.startswith(f"{item}: order 31 on {tomorrow}; changed") and "2023-05-15/index.html" in told
    orders = pd.read_csv(tmp_path / "store" / "days" / "2023-05-15" / "orders.csv")
    assert orders.loc[3, ["order", "override", "by"]].tolist() == [31, "a fair", getpass.getuser()]
    without = CliRunner().invoke(cli, [*map(str, override), tomorrow])
    assert without.exit_code == 2 and "Missing option '--reason'" in without.output
    assert "2023-05-15, which is closed" in refused(*override, "2023-05-15", "--reason", "late")
    assert "day is 'soon'; write it as 2023-05-01" in refused(*override, "soon", "--reason", "x")


def test_a_store_key_is_made_once_and_asked_for_every_day(run, daily, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "CRYPTOGRAPHY", "SET force_mbedtls_unsafe = 'true'")
    key = ("--store-key-file", tmp_path / "key")
    assert call(*daily, "--run", run, *key).count("taken in") == 4
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0 and "4 files held already" in call(*daily, *key)
    assert "without a key; give the --store-key-file" in refused(*daily)
    assert "no readable key file" in refused(*daily, "--store-key-file", tmp_path / "none")


def test_a_full_disk_is_one_message_and_the_day_goes_on_later(run, daily, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(pd.DataFrame, "to_csv", lambda *args, **kw: (_ for _ in ()).throw(OSError(28, "No space left")))
        told = refused(*daily, "--run", run)
    assert "No space left" in told and "finished steps are kept" in told
    assert call(*daily).count("taken in") == 4


def test_pseudonymise_never_overwrites_the_raw_attachments(run, tmp_path):
    raw, key = shutil.copytree(run / "attachments", tmp_path / "raw"), tmp_path / "key"
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    (tmp_path / "links").mkdir()
    for path in raw.iterdir():
        (tmp_path / "links" / path.name).symlink_to(path)
    for folder, out in ((raw, raw), (raw, raw / ".." / "raw"), (tmp_path / "links", raw)):
        new = () if key.exists() else ("--new-key",)
        told = refused("pseudonymise", folder, "--out", out, "--key-file", key, *new)
        assert f"{out}: holds" in told and "give another folder to write to" in told
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before
    hide = ("pseudonymise", raw, "--out", tmp_path / "out", "--key-file", key)
    call(*hide)
    assert build_panel(read_attachments(tmp_path / "out")).n_series == 12
    assert "there is a key already" in refused(*hide, "--new-key")


@pytest.mark.slow
@pytest.mark.drill("Daily operation")
def test_killed_at_twenty_random_moments_it_ends_as_if_undisturbed(run, tmp_path):
    """`bowerbird daily` killed with -9 twenty times: tables and pages of the end are those of an undisturbed call."""
    call("deliveries", run, "--out", tmp_path / "in", "--first-day", "2023-05-02")

    def command(store):
        daily = ("daily", "--store", store, "--deliveries", tmp_path / "in", "--run", run, "--first-day", "2023-05-12")
        return [sys.executable, "-m", "bowerbird", *map(str, daily)]

    started = time.perf_counter()
    subprocess.run(command(tmp_path / "one"), check=True, capture_output=True)
    whole, chance, done = time.perf_counter() - started, random.Random(1), []
    for _ in range(20):
        process = subprocess.Popen(command(tmp_path / "two"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.3, 0.9) * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (tmp_path / "two" / "store.duckdb").exists():
            with open_store(tmp_path / "two") as store:
                done.append(store.value("SELECT count(*) FROM steps"))
    assert any(0 < count < 24 for count in done), "some were killed in the middle"
    subprocess.run(command(tmp_path / "two"), check=True, capture_output=True)
    held = []
    for name in ("one", "two"):
        with open_store(tmp_path / name) as store:
            tables = ("demand", "steps", "forecasts", "simple_forecasts", "stock", "orders", "alerts")
            frames = {table: store.frame(f"FROM {table} ORDER BY ALL") for table in tables}
        pages = {str(p.relative_to(tmp_path / name)): p.read_bytes() for p in (tmp_path / name / "days").rglob("*.*")}
        held.append((frames, pages))
    (one, pages), (two, others) = held
    for table, frame in one.items():
        pd.testing.assert_frame_equal(frame, two[table])
    assert pages == others and len(pages) == 20
