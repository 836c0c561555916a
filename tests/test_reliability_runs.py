"""Drill: runs killed at any moment, twice at once, without room, without a kernel. What is finished stays whole."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from bowerbird import files
from bowerbird.__main__ import cli
from bowerbird.data.twin import write_twin
from bowerbird.errors import ParameterError
from bowerbird.files import RunInUse, atomic_path, only_run, read_json, sweep
from bowerbird.runs import Stage, runner

pytestmark = pytest.mark.drill("Runs killed, doubled, without room, without a kernel")

KILLS = int(os.environ.get("BOWERBIRD_KILLS", "20"))
"""How often the slow drill kills a run of real notebooks."""

SMALLEST = (
    "01_data.n_series=20", "03_tables_1_and_2.n_starts=3", "02_clustering.n_seeds=1", "05_bowerbird_search.length=300",
    "05_bowerbird_search.n_tuning=1", "06_sbo_lstm.tuning_series=20",
)  # fmt: skip
"""What makes that run smaller than smoke."""

SEED = 11


def results(folder: Path) -> dict[str, bytes]:
    """What a run leaves for its reader and for later stages, less what holds times of day or seconds."""
    kinds = ("results", "tables", "attachments", "figures")
    paths = [path for kind in kinds for path in sorted((folder / kind).rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def killed_after(command: list[str], seconds: float, **options) -> bool:
    """Start a process and send it kill -9 after so many seconds; False if it ended by itself before."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    assert process.returncode == 0
    return False


# kill -9

WORKING = """
    import sys, time
    import numpy as np, pandas as pd
    from bowerbird.runs import Stage
    from bowerbird.sbo import Float, minimize, one_by_one

    def slowly(x):
        time.sleep(0.002)
        return sum(v * v for v in x.values())

    stage = Stage.begin("05_bowerbird_search", sys.argv[1])
    space = {f"x{k}": Float(-5, 5) for k in range(3)}
    checkpoint = stage.folder / "results" / "search.json"
    found = minimize(one_by_one(slowly), space, max_evaluations=150, seed=4, checkpoint=checkpoint)
    stage.table("history", found.history)
    rng = np.random.default_rng(0)
    for number in range(6):
        time.sleep(0.02)
        stage.table(f"part_{number}", pd.DataFrame(rng.random((2000, 4))))
    stage.write("sbo_functions", found.history)
    stage.complete()
"""


def test_a_killed_search_and_its_tables_go_on_to_the_same_bits(tmp_path, record_property):
    """kill -9 at a random moment of a search and its tables, then to the end: the bits of an undisturbed one."""
    command = [sys.executable, "-c", textwrap.dedent(WORKING)]
    started = time.perf_counter()
    subprocess.run([*command, str(tmp_path / "whole")], check=True)
    whole, lasted = results(tmp_path / "whole"), time.perf_counter() - started
    after = random.Random(SEED).uniform(0.6, 0.9) * lasted
    while not killed_after([*command, str(tmp_path / "cut")], after):
        shutil.rmtree(tmp_path / "cut")  # it had ended before
        after *= 0.8
    subprocess.run([*command, str(tmp_path / "cut")], check=True)
    sweep(tmp_path / "cut")
    assert results(tmp_path / "cut") == whole and len(whole) > 10
    record_property("measured", f"killed after {after:.1f} of {lasted:.1f} s, {len(whole)} files equal")


@pytest.mark.slow
def test_a_killed_run_of_notebooks_goes_on_to_the_same_bits(tmp_path, record_property):
    """kill -9 at random moments of a smoke run to 06_sbo_lstm, each time the same command again."""
    command = [sys.executable, "-m", "bowerbird", "reproduce", "--profile", "smoke", "--quiet"]
    command += ["--until", "06_sbo_lstm"]
    for setting in SMALLEST:
        command += ["--set", setting]
    started = time.perf_counter()
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True, capture_output=True)
    whole, lasted = results(tmp_path / "whole"), time.perf_counter() - started
    chance, kills = random.Random(SEED), 0
    while kills < KILLS:
        if not killed_after([*command, "--out", str(tmp_path / "cut")], chance.uniform(3, min(lasted, 30))):
            (tmp_path / "cut" / "records" / "01_data.json").unlink()  # it had finished: again from the data on
            continue
        kills += 1
    subprocess.run([*command, "--out", str(tmp_path / "cut")], check=True, capture_output=True)
    cut = results(tmp_path / "cut")
    assert cut.keys() == whole.keys()
    assert [name for name in whole if cut[name] != whole[name]] == []
    assert not [path for path in (tmp_path / "cut").rglob(".[0-9]*") if path.is_file()], "nothing half-written is left"
    record_property("measured", f"{kills} kills in a run of {lasted:.0f} s, {len(whole)} files equal")


def test_what_a_killed_writer_left_is_swept_up(tmp_path):
    """The temporary file of a process that is gone is removed when a run begins; a living one's is not."""
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    left, others = tmp_path / "results" / f".{int(gone.stdout)}.panel.parquet", tmp_path / ".5.hidden"
    with atomic_path(tmp_path / "results" / "mine.csv") as mine:
        mine.touch()
        left.touch()
        (tmp_path / ".ipynb_checkpoints").mkdir()
        sweep(tmp_path)
        assert mine.is_file() and not left.exists() and not others.exists()
    assert (tmp_path / "results" / "mine.csv").is_file() and (tmp_path / ".ipynb_checkpoints").is_dir()


# Two runs at once

HOLDING = """
    import sys
    from bowerbird.files import only_run
    with only_run(sys.argv[1]):
        print("holds", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path):
    """A folder that another process holds, and that process."""
    command = [sys.executable, "-c", textwrap.dedent(HOLDING), str(tmp_path / "run")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "holds\n"
    yield tmp_path / "run", process
    process.kill()
    process.communicate()


def test_a_second_run_into_one_folder_is_refused(held, record_property):
    """The message names the first run's process, machine and time, and nothing is written; kill -9 frees the folder."""
    folder, process = held
    arguments = ["reproduce", "--profile", "smoke", "--until", "00_start_here", "--out", str(folder), "--quiet"]
    second = CliRunner().invoke(cli, arguments)
    assert isinstance(second.exception, RunInUse)
    for words in (str(folder), f"process {process.pid}", "machine ", "since 20", "wait for it to end"):
        assert words in str(second.exception)
    assert sorted(path.name for path in folder.iterdir()) == [files.LOCK_NAME], "the second run left nothing"
    process.send_signal(signal.SIGKILL)
    process.wait()
    with only_run(folder):
        assert json.loads((folder / files.LOCK_NAME).read_text())["process"] == os.getpid()
        with pytest.raises(RunInUse, match=str(os.getpid())), only_run(folder):
            pass
    with only_run(folder):  # free again
        pass
    record_property("measured", "refused; free again after kill -9")


def test_a_file_system_without_locks_is_no_hindrance(tmp_path, monkeypatch):
    """Some of clusters refuse every lock: the run begins without one."""

    def refused(file, how):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(files.fcntl, "flock", refused)
    with only_run(tmp_path / "run"):
        assert (tmp_path / "run" / files.LOCK_NAME).is_file()


# No room, no permission


@pytest.fixture
def little_room():
    """No file may grow beyond so many bytes: what a full disk does to a writer, without being root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_fills_up_leaves_the_old_file_whole(tmp_path, little_room):
    """A table, a result, a page, a figure and the twin that find no room leave what stood there before, and no half."""
    stage = Stage.begin("05_bowerbird_search", str(tmp_path))
    old = pd.DataFrame({"x": [1.0]})
    stage.table("speed", old)
    stage.write("sbo_functions", old)
    stage.page("PAGE.md", "old", "")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    much = pd.DataFrame({"x": pd.Series(range(100_000), dtype=float)})
    little_room(20_000)
    for write in (
        lambda: stage.table("speed", much),
        lambda: stage.write("sbo_functions", much.sample(frac=1, random_state=0)),
        lambda: stage.page("PAGE.md", "new " * 10_000, ""),
        lambda: write_twin(tmp_path / "twin", 5, 0),
    ):
        with pytest.raises(OSError):
            write()
    left = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "twin"}
    assert left == before
    assert all("附件1" not in path.name or path.name.startswith("partial") for path in (tmp_path / "twin").iterdir())


def test_a_run_on_a_full_disk_says_so_and_goes_on_when_there_is_room(one_notebook, tmp_path, little_room):
    """The stage fails with its name, the cause and the cure; with room again the same command ends well."""
    run = one_notebook("import pandas as pd\nstage.write('denoising', {'text': 'x' * 60_000})")
    little_room(50_000)
    with pytest.raises(runner.StageFailed, match=r"(?s)04_denoising.*File too large.*same command again; it goes on"):
        run()
    folder = tmp_path / "run"
    assert (
        not (folder / "results" / "denoising.json").exists() and not (folder / "records" / "04_denoising.json").exists()
    )
    assert not list(folder.rglob(".[0-9]*")) and not list(folder.rglob("*.running.ipynb"))
    little_room(resource.RLIM_INFINITY)
    run()
    assert read_json(folder / "results" / "denoising.json")["text"] == "x" * 60_000


def test_an_output_that_cannot_be_written_is_refused_before_anything_runs(one_notebook, tmp_path, capsys, monkeypatch):
    """A file where the run's folder should be and a file in the way of the twin."""
    run = one_notebook()
    (tmp_path / "run").write_text("mine")
    with pytest.raises(ParameterError, match=r"run cannot be written to \(File exists\); give another folder"):
        run()
    assert (tmp_path / "run").read_text() == "mine"
    from bowerbird.__main__ import main

    monkeypatch.setattr(sys, "argv", ["bowerbird", "twin", "--series", "5", "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as stop:
        main()
    shown = capsys.readouterr().err
    assert stop.value.code == 2 and "File exists" in shown and "Traceback" not in shown


@pytest.fixture
def nobody():
    """Root, who may write to read-only folders, is nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_a_read_only_folder_is_refused(nobody):
    """A folder without write permission, and one that cannot be made there."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        os.chmod(name, 0o555)
        for folder in (Path(name), Path(name) / "run"):
            with (
                pytest.raises(ParameterError, match=r"cannot be written to \(Permission denied\); give another"),
                only_run(folder),
            ):
                pass
        os.chmod(name, 0o755)


# The kernel


def test_a_killed_kernel_is_told_and_the_run_goes_on(one_notebook, tmp_path):
    """A notebook's process killed in the middle, as the system does when memory ends; then the same command again."""
    kill = """
import os, signal
flag = stage.folder / "flag"
if not flag.exists():
    flag.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    run = one_notebook(kill, "stage.write('denoising', {'done': 1})")
    with pytest.raises(runner.StageFailed, match=r"(?s)04_denoising: the notebook's process ended.*memory.*goes on"):
        run()
    assert (tmp_path / "run" / "notebooks" / "04_denoising.failed.ipynb").is_file()
    assert not (tmp_path / "run" / "results").exists()
    run()
    assert read_json(tmp_path / "run" / "results" / "denoising.json") == {"done": 1}
    assert not list((tmp_path / "run" / "notebooks").glob("*.failed.ipynb"))
