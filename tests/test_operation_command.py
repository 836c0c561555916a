"""`bowerbird deliveries`, `daily` and `pseudonymise` as a user meets them."""

import os
import random
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from bowerbird.__main__ import main
from bowerbird.data.attachments import read_attachments
from bowerbird.data.merge import build_panel
from bowerbird.data.twin import write_twin
from bowerbird.forecaster import Settings, fit, predict, save
from bowerbird.operation.store import open_store
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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_store_is_one_message(run, monkeypatch, capsys, tmp_path):
    call(monkeypatch, "deliveries", run, "--out", tmp_path / "in")
    (tmp_path / "store").mkdir(mode=0o500)
    told = refused(
        monkeypatch, capsys, "daily", "--store", tmp_path / "store", "--deliveries", tmp_path / "in", "--run", run
    )
    assert "mend the cause" in told


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


@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_ends_as_if_undisturbed(run, monkeypatch, tmp_path):
    call(monkeypatch, "deliveries", run, "--out", tmp_path / "in", "--first-day", "2023-05-02")

    def command(store):
        daily = ("daily", "--store", store, "--deliveries", tmp_path / "in", "--run", run, "--first-day", "2023-05-12")
        return [sys.executable, "-m", "bowerbird", *map(str, daily)]

    started = time.perf_counter()
    subprocess.run(command(tmp_path / "one"), check=True, capture_output=True)
    whole, chance = time.perf_counter() - started, random.Random(1)
    done = []
    for _ in range(20):
        process = subprocess.Popen(command(tmp_path / "two"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.3, 1) * whole)
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
