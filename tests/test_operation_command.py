"""`bowerbird deliveries`, `daily` and `pseudonymise` as a user meets them."""

import dataclasses
import random
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from bowerbird.__main__ import cli, main
from bowerbird.data.panel import build_panel
from bowerbird.data.reader import read_attachments
from bowerbird.data.twin import write_twin
from bowerbird.errors import ParameterError
from bowerbird.forecaster import Settings, fit, predict, save
from bowerbird.operation.command import run_daily
from bowerbird.operation.store import Rules, open_store
from bowerbird.runs import Stage


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What a run leaves after notebook 05, at its smallest."""
    folder = tmp_path_factory.mktemp("run")
    write_twin(folder / "attachments", 12, seed=0)
    panel = build_panel(read_attachments(folder / "attachments"))
    Stage.begin("01_data", str(folder)).write("panel", panel.to_frame())
    known = panel.until(panel.n_days - 4)
    forecaster = fit(known, Settings(hidden_size=4, epochs=1, horizon=7), seed=0)
    stage = Stage.begin("05_sbo_lstm", str(folder))
    save(forecaster, folder / "results" / "forecaster.zip")
    stage.write("forecast_test", predict(forecaster, known).to_frame(panel.series))
    stage.write("lstm_summary", {"correlation between days": 0.1})
    return folder


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["bowerbird", *map(str, arguments)])
    main()


def refused(monkeypatch, capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as stop:
        call(monkeypatch, *arguments)
    told = capsys.readouterr().err
    assert stop.value.code == 2 and "Traceback" not in told
    return told


def test_from_a_run_to_its_pages_and_again(run, monkeypatch, capsys, tmp_path):
    call(monkeypatch, "deliveries", run, "--out", tmp_path / "in")
    assert "4 files, one a day" in capsys.readouterr().out
    daily = ("daily", "--store", tmp_path / "store", "--deliveries", tmp_path / "in", "--run", run, "--lead-time", "2")
    call(monkeypatch, *daily)
    shown = capsys.readouterr().out
    assert shown.count("taken in") == 4 and "0 files held already" in shown
    assert (tmp_path / "store" / "days" / "2023-05-15" / "index.html").is_file()
    call(monkeypatch, *daily)
    assert "4 files held already" in capsys.readouterr().out
    with open_store(tmp_path / "store") as store:
        assert store.fact("rules")["lead_time"] == 2 and store.fact("rules")["correlation"] == 0.1
        assert store.fact("opened") == "2023-05-11"


def test_errors_are_one_message(run, monkeypatch, capsys, tmp_path):
    call(monkeypatch, "deliveries", run, "--out", tmp_path / "in", "--first-day", "2023-05-15")
    daily = ("daily", "--store", tmp_path / "store", "--deliveries")
    assert "no store there; make one from a run with --run" in refused(monkeypatch, capsys, *daily, tmp_path / "in")
    assert "no such folder" in refused(monkeypatch, capsys, *daily, tmp_path / "none", "--run", run)
    with_key = (*daily, tmp_path / "in", "--run", run, "--key-file", tmp_path / "key")
    assert "no readable key file" in refused(monkeypatch, capsys, *with_key)
    wrong = ("deliveries", run, "--out", tmp_path / "x", "--first-day")
    assert "write it as 2023-05-01" in refused(monkeypatch, capsys, *wrong, "soon")
    assert "the run knows 2022-12-01 to 2023-05-15" in refused(monkeypatch, capsys, *wrong, "2024-01-01")
    assert "01_data" in refused(monkeypatch, capsys, "deliveries", tmp_path, "--out", tmp_path / "x")


def test_a_store_begins_with_no_day_that_the_forecaster_was_trained_on(run, monkeypatch, capsys, tmp_path):
    call(monkeypatch, "deliveries", run, "--out", tmp_path / "in", "--first-day", "2023-05-11")
    daily = ("daily", "--store", tmp_path / "store", "--deliveries", tmp_path / "in", "--run", run, "--first-day")
    told = refused(monkeypatch, capsys, *daily, "2023-05-11")
    assert "first_day is 2023-05-11" in told and "give 2023-05-12 or a later day" in told
    assert not (tmp_path / "store").exists()
    call(monkeypatch, *daily, "2023-05-12")
    assert "1 files held already" in capsys.readouterr().out


def test_a_wrong_run_is_said_to_be_one(monkeypatch, capsys, tmp_path):
    daily = ("daily", "--store", tmp_path / "store", "--deliveries", tmp_path, "--run", tmp_path / "no run")
    told = refused(monkeypatch, capsys, *daily)
    assert "01_data" in told and "is the disk full" not in told


def test_the_help_names_the_rules_own_defaults():
    options = {option.name: option.help for option in cli.commands["daily"].params}
    for field in dataclasses.fields(Rules):
        if field.name in options:
            assert options[field.name].endswith(f"[default: {field.default}]"), field.name


def test_rules_other_than_the_stores_are_refused(run, monkeypatch, capsys, tmp_path):
    call(monkeypatch, "deliveries", run, "--out", tmp_path / "in")
    daily = ("daily", "--store", tmp_path / "store", "--deliveries", tmp_path / "in")
    call(monkeypatch, *daily, "--run", run, "--lead-time", "2")
    told = refused(monkeypatch, capsys, *daily, "--fill-gaps", "zero")
    assert "--fill-gaps is zero;" in told and "holds refuse; a store's rules are fixed when it is made" in told
    assert "--lead-time is 3;" in refused(monkeypatch, capsys, *daily, "--lead-time", "3")  # the default, but given
    with pytest.raises(ParameterError, match=r"--lead-time is 5; .* holds 2"):  # called without a command line
        list(run_daily(str(tmp_path / "store"), str(tmp_path / "in"), "", "", "", {"lead_time": 5}))
    capsys.readouterr()
    call(monkeypatch, *daily, "--lead-time", "2", "--opening-stock", "5")
    call(monkeypatch, *daily)
    assert capsys.readouterr().out.count("4 files held already") == 2


def test_a_mistyped_quantity_is_on_hold_until_confirmed(run, monkeypatch, capsys, tmp_path):
    call(monkeypatch, "deliveries", run, "--out", tmp_path / "in", "--first-day", "2023-05-15")
    path = tmp_path / "in" / "2023-05-15.csv"
    table = pd.read_csv(path)
    table.loc[3, "qty"] = 10**8
    table.to_csv(path, index=False)
    daily = ("daily", "--store", tmp_path / "store", "--deliveries", tmp_path / "in")
    capsys.readouterr()
    call(monkeypatch, *daily, "--run", run, "--first-day", "2023-05-15")
    told = f"on hold: no order for {'/'.join(table.iloc[3, :3])} with 100000000 on 2023-05-15 (usual: at most "
    assert told in capsys.readouterr().out
    call(monkeypatch, *daily)
    assert told in capsys.readouterr().out
    assert "days with one: 2023-05-15" in refused(monkeypatch, capsys, *daily, "--confirm", "2023-05-14")
    call(monkeypatch, *daily, "--confirm", "2023-05-15")
    assert "on hold" not in capsys.readouterr().out


def test_a_full_disk_is_one_message_and_the_day_goes_on_later(run, monkeypatch, capsys, tmp_path):
    call(monkeypatch, "deliveries", run, "--out", tmp_path / "in")
    daily = ("daily", "--store", tmp_path / "store", "--deliveries", tmp_path / "in", "--run", run)
    with monkeypatch.context() as patched:
        patched.setattr(pd.DataFrame, "to_csv", lambda *args, **kw: (_ for _ in ()).throw(OSError(28, "No space left")))
        told = refused(patched, capsys, *daily)
    assert "No space left" in told and "finished steps are kept" in told
    call(monkeypatch, *daily)
    assert capsys.readouterr().out.count("taken in") == 4


def test_pseudonymise_writes_attachments_that_can_be_read(run, monkeypatch, capsys, tmp_path):
    out, key = tmp_path / "hidden", tmp_path / "key"
    call(monkeypatch, "pseudonymise", run / "attachments", "--out", out, "--key-file", key, "--new-key")
    assert build_panel(read_attachments(out)).n_series == 12
    assert read_attachments(out).shipments["seller_no"].str.match(r"seller-[0-9a-f]{16}$").all()
    told = refused(
        monkeypatch, capsys, "pseudonymise", run / "attachments", "--out", out, "--key-file", key, "--new-key"
    )
    assert "there is a key already" in told


def test_pseudonymise_never_overwrites_the_raw_attachments(run, monkeypatch, capsys, tmp_path):
    raw, key = tmp_path / "raw", tmp_path / "key"
    shutil.copytree(run / "attachments", raw)
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    (tmp_path / "links").mkdir()
    for path in raw.iterdir():
        (tmp_path / "links" / path.name).symlink_to(path)
    for folder, out in ((raw, raw), (raw, raw / ".." / "raw"), (tmp_path / "links", raw)):
        new = () if key.exists() else ("--new-key",)
        told = refused(monkeypatch, capsys, "pseudonymise", folder, "--out", out, "--key-file", key, *new)
        assert f"{out}: holds" in told and "give another folder to write to" in told
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before


@pytest.mark.slow
@pytest.mark.drill("Daily operation")
def test_killed_at_twenty_random_moments_it_ends_as_if_undisturbed(run, monkeypatch, tmp_path):
    """`bowerbird daily` killed with -9 twenty times: tables and pages of the end are those of an undisturbed call."""
    call(monkeypatch, "deliveries", run, "--out", tmp_path / "in", "--first-day", "2023-05-02")

    def command(store):
        daily = ("daily", "--store", store, "--deliveries", tmp_path / "in", "--run", run, "--first-day", "2023-05-12")
        return [sys.executable, "-m", "bowerbird", *map(str, daily)]

    times, chance = [], random.Random(1)
    for name in ("cold", "one"):
        started = time.perf_counter()
        subprocess.run(command(tmp_path / name), check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    whole = min(times)
    done = []
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
