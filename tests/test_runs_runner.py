"""The runner: order, skipping, resuming after a failure or a kill, and what a user is told."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from conftest import PARAMETERS, write_notebook

from bowerbird.errors import ParameterError
from bowerbird.files import read_json, read_record, write_record
from bowerbird.runs import Stage, kernel, runner

OPTIONS = """
fail: bool = False  # stop with an error
spoil: str = ""  # file to overwrite
sleep: float = 0.0  # seconds"""
BODY = """
import time
from pathlib import Path
log = stage.folder / "log.txt"
log.open("a").write(stage.name + " ")
assert not fail, "asked to fail"
time.sleep(sleep)
for name in "{reads}".split():
    stage.read(name)
if spoil:
    Path(spoil).write_text("{{}}")
stage.write("{result}", {{"seed": seed}})
"""


def two_stages(folder, monkeypatch):
    """Two stages in place of the real ones; the second reads the first."""
    paths = [
        write_notebook(folder, name, BODY.format(result=result, reads=reads), parameters=PARAMETERS + OPTIONS)
        for name, result, reads in (("04_denoising", "denoising", ""), ("06_sbo_lstm", "settings", "denoising"))
    ]
    monkeypatch.setattr(runner, "notebook_paths", lambda: paths)
    monkeypatch.setattr(runner, "load_profile", lambda profile: {})
    return folder


@pytest.fixture
def two_notebooks(tmp_path, monkeypatch):
    return two_stages(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The run's folder after both stages, made once for all tests that begin there."""
    with pytest.MonkeyPatch.context() as patch:
        folder = two_stages(tmp_path_factory.mktemp("finished"), patch)
        assert run(folder) == ["04_denoising", "06_sbo_lstm"]
    return folder / "run"


@pytest.fixture
def already_run(two_notebooks, finished):
    shutil.copytree(finished, two_notebooks / "run")
    return two_notebooks


def run(folder, **options):
    runner.reproduce(profile="smoke", out=str(folder / "run"), quiet=True, **options)
    return (folder / "run" / "log.txt").read_text().split()


def test_stages_run_once_and_are_recorded(already_run):
    assert run(already_run) == ["04_denoising", "06_sbo_lstm"], "nothing changed, nothing runs"
    record = read_json(already_run / "run" / "records" / "06_sbo_lstm.json")
    assert {"results/settings.json", "notebooks/06_sbo_lstm.ipynb"} < set(record["files"])
    assert {"commit", "versions", "device", "seconds", "fingerprint", "data"} <= set(record)
    summary = read_json(already_run / "run" / "run.json")
    assert set(summary["seconds"]) == {"04_denoising", "06_sbo_lstm"}
    assert (already_run / "run" / "index.html").is_file()


def test_a_stage_that_does_not_apply_is_not_run_and_why_is_said(two_notebooks, capsys, monkeypatch, tables, write):
    why = "these data have no such file"
    monkeypatch.setattr(runner, "skipped", lambda source: {"06_sbo_lstm": why})
    assert run(two_notebooks, data=str(write(tables))) == ["04_denoising"]
    assert re.search(f"06_sbo_lstm +skipped: {why}", capsys.readouterr().out)
    assert read_json(two_notebooks / "run" / "run.json")["skipped"] == {"06_sbo_lstm": why}
    assert f"06_sbo_lstm was skipped: {why}." in (two_notebooks / "run" / "index.html").read_text(encoding="utf-8")


def test_a_stage_is_run_again_when_what_it_read_is_another(already_run, capsys):
    assert run(already_run, settings=("04_denoising.sleep=0.01",))[2:] == ["04_denoising"], "it made the same"
    capsys.readouterr()
    assert run(already_run, settings=("04_denoising.seed=5",))[3:] == ["04_denoising", "06_sbo_lstm"]
    assert re.search("06_sbo_lstm +made again: results/denoising.json made anew", capsys.readouterr().out)


def test_the_record_of_a_run_says_with_what_each_stage_was_run(already_run):
    page = already_run / "run" / "index.html"
    with pytest.raises(runner.StageFailed):
        run(already_run, seed=1, settings=("06_sbo_lstm.fail=true",))
    record = read_json(already_run / "run" / "run.json")
    assert record["seed"] == 1 and set(record["mixed"]) == {"04_denoising", "06_sbo_lstm"}, "as it was broken off"
    assert "Mixed" in page.read_text()
    run(already_run, seed=1, until="04_denoising")
    record = read_json(already_run / "run" / "run.json")
    seeds = {name: values["seed"] for name, values in record["parameters"].items()}
    assert seeds == {"04_denoising": 1, "06_sbo_lstm": 0}
    made = {key: record["mixed"]["06_sbo_lstm"][key] for key in ("profile", "seed", "data")}
    assert list(record["mixed"]) == ["06_sbo_lstm"] and made == {"profile": "smoke", "seed": 0, "data": "synthetic"}
    assert "06_sbo_lstm (smoke, synthetic, seed 0)" in page.read_text()
    run(already_run, seed=1)
    record = read_json(already_run / "run" / "run.json")
    assert "mixed" not in record and "Mixed" not in page.read_text()
    assert {values["seed"] for values in record["parameters"].values()} == {1}, "another seed is another run"


def test_whatever_was_changed_is_made_again_and_said(already_run, capsys):
    """A changed, cut or lost file of any kind, and a record that is none."""
    folder = already_run / "run"
    stage = Stage("06_sbo_lstm", folder)
    files, fingerprint = stage.record()["files"], stage.record()["fingerprint"]
    assert len(files) == 3, "a result, a notebook, and the list of files"
    for path in (folder / place for place in files):
        whole = path.read_bytes()
        for change in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[: len(whole) // 2], b""):
            path.write_bytes(change)
            assert runner.why_again(stage, fingerprint) == f"{path.relative_to(folder)} changed or lost"
        path.unlink()
        assert runner.why_again(stage, fingerprint) == f"{path.relative_to(folder)} changed or lost"
        path.write_bytes(whole)
    assert runner.why_again(stage, fingerprint) is None and runner.why_again(stage, "another") == ""

    whole = stage.record_path.read_bytes()
    for record in (b"[]", b"{}", b"null", b"\xff\xfe", b'{"fingerprint": "x", "files": {}}', whole[:-40]):
        stage.record_path.write_bytes(record)
        assert runner.why_again(stage, fingerprint) == "its record is damaged"
    (folder / "results" / "denoising.json").write_text('{"seed": 1}')
    capsys.readouterr()
    assert run(already_run)[2:] == ["04_denoising", "06_sbo_lstm"]
    said = capsys.readouterr().out
    assert re.search("04_denoising +made again: results/denoising.json changed or lost", said)
    assert re.search("06_sbo_lstm +made again: its record is damaged", said)
    assert read_json(folder / "results" / "denoising.json") == {"seed": 0}
    made = {name: digest for name, digest in stage.record()["files"].items() if name.startswith("results/")}
    assert made and made.items() <= files.items(), "the same results; the notebook holds the time of its run"


def test_what_is_changed_while_a_run_is_at_work_is_not_vouched_for(two_notebooks, tables, write):
    """A stage changes the attachments, the next one what the first has written; the same command mends both."""
    first, data = two_notebooks / "run" / "results" / "denoising.json", write(tables)
    products = next(data.glob("附件2*"))
    for stage, spoilt in (("04_denoising", products), ("06_sbo_lstm", first)):
        with pytest.raises(runner.StageFailed, match=rf"(?s){stage}: .*(json|附件2) changed while the run was at work"):
            run(two_notebooks, data=str(data), settings=(f"{stage}.spoil={spoilt}",))
        assert not Stage(stage, two_notebooks / "run").record()
        write(tables, encoding="utf-8-sig")  # the first run read other bytes
    stages = run(two_notebooks, data=str(data))
    assert stages[-2:] == ["04_denoising", "06_sbo_lstm"]
    sums = {label: file["sha256"] for label, file in read_json(first.parents[1] / "run.json")["data_files"].items()}
    assert sums["附件2"] == hashlib.sha256(products.read_bytes()).hexdigest()


def test_a_stage_that_failed_or_was_interrupted_leaves_nothing_half_and_is_run_again(two_notebooks, monkeypatch):
    with pytest.raises(runner.StageFailed, match=r"06_sbo_lstm, cell .*AssertionError: asked to fail"):
        run(two_notebooks, settings=("06_sbo_lstm.fail=true",))
    notebooks = two_notebooks / "run" / "notebooks"
    assert [path.name for path in notebooks.glob("06*.ipynb")] == ["06_sbo_lstm.failed.ipynb"], "kept to be looked at"

    def interrupted(source, target, *arguments, **options):
        Path(target).write_text("{")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runner.papermill, "execute_notebook", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(two_notebooks)
    assert not (notebooks / "06_sbo_lstm.ipynb").exists() and not list(notebooks.glob("*.running.ipynb"))
    assert run(two_notebooks) == ["04_denoising", "06_sbo_lstm", "06_sbo_lstm"], "the first stage is not run again"
    assert not (notebooks / "06_sbo_lstm.failed.ipynb").exists()


def test_wrong_input_is_refused_before_anything_runs(two_notebooks):
    for options in ({"device": "tpu"}, {"until": "07_forcast"}, {"settings": ("04_denoising.sead=1",)}):
        with pytest.raises(ParameterError):
            run(two_notebooks, **options)
    assert not (two_notebooks / "run").exists()


MEETS = """
import time
(stage.folder / stage.name).touch()
for _ in range(600):
    if all((stage.folder / name).is_file() for name in ("04_denoising", "05_bowerbird_search")):
        break
    time.sleep(0.1)
else:
    raise TimeoutError("the other one does not run")
stage.write("{result}", {{"seed": seed}})
"""


def test_notebooks_run_side_by_side_and_after_those_they_read(tmp_path, monkeypatch):
    """Two that wait for each other would never end one after the other; the third reads both."""
    cells = {
        "04_denoising": (MEETS.format(result="denoising"), "Reads nothing"),
        "05_bowerbird_search": (MEETS.format(result="other"), "Reads nothing"),
        "06_sbo_lstm": (
            "assert stage.read('denoising') == stage.read('other')",
            "Reads what they write (04, 05) · Writes",
        ),
    }
    paths = []
    for name, (cell, header) in cells.items():
        paths.append(write_notebook(tmp_path, name, cell))
        notebook = nbformat.read(paths[-1], as_version=4)
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell(header))
        nbformat.write(notebook, paths[-1])
    monkeypatch.setattr(runner, "notebook_paths", lambda: paths)
    monkeypatch.setattr(runner, "load_profile", lambda profile: {})
    folder = runner.reproduce(profile="smoke", out=str(tmp_path / "run"), jobs=2)
    assert set(read_json(folder / "run.json")["seconds"]) == {path.stem for path in paths}


def test_a_cell_that_hangs_is_named(already_run):
    with pytest.raises(runner.StageFailed, match=r"06_sbo_lstm, cell 3: not done after 0.02 minutes; .*--cell-minutes"):
        run(already_run, settings=("06_sbo_lstm.sleep=60",), cell_minutes=0.02)


def test_any_name_of_a_folder_will_do(two_notebooks):
    folder = two_notebooks / '{3F2504E0} {out} 100 %s % it\'s "so" #1 运行 结果\\n'
    folder.mkdir()
    assert run(folder, until="04_denoising") == ["04_denoising"]


# The kernel

SEEN = """
import os, sys
import matplotlib, matplotlib.pyplot as plt
stage.write("denoising", {
    "interpreter": sys.executable,
    "added": [name for name in ("from_startup", "from_config", "from_python_startup") if name in globals()],
    "usetex": matplotlib.rcParams["text.usetex"], "dpi": matplotlib.rcParams["figure.dpi"],
    "backend": "inline" in matplotlib.get_backend(), "asserts": __debug__, "utf-8": sys.flags.utf8_mode,
    "packages": os.environ["PYTHONPATH"],
})
"""


def test_nothing_of_the_users_environment_reaches_a_notebook(one_notebook, tmp_path, monkeypatch):
    """Startup files, configuration, styles, a backend and a kernel called python3 that would each change a run."""
    home, other = tmp_path / "home", tmp_path / "jupyter" / "kernels" / "python3"
    startup = home / "profile_default" / "startup"
    for folder in (startup, other):
        folder.mkdir(parents=True)
    (startup / "mine.py").write_text("from_startup = 1")
    lines = "c = get_config()\nc.InteractiveShellApp.exec_lines = ['from_config = 1']"
    for name in ("ipython_config.py", "ipython_kernel_config.py"):
        (home / "profile_default" / name).write_text(lines)
    (tmp_path / "startup.py").write_text("from_python_startup = 1")
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfigure.dpi: 50")
    (other / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "mine", "language": "python"}')
    users = {
        "IPYTHONDIR": home, "JUPYTER_PATH": tmp_path / "jupyter", "MATPLOTLIBRC": tmp_path / "matplotlibrc",
        "MPLBACKEND": "nonsense", "PYTHONSTARTUP": tmp_path / "startup.py", "PYTHONOPTIMIZE": "1", "LC_ALL": "C",
        "PYTHONPATH": os.environ.get("PYTHONPATH", str(Path(runner.__file__).parents[2])),
    }  # fmt: skip
    for name, value in users.items():
        monkeypatch.setenv(name, str(value))
    run, before = one_notebook(SEEN), dict(os.environ)
    run()
    assert read_json(tmp_path / "run" / "results" / "denoising.json") == {
        "interpreter": sys.executable, "added": [], "usetex": False, "dpi": 100.0, "backend": True,
        "asserts": True, "utf-8": 1, "packages": before["PYTHONPATH"],
    }  # fmt: skip
    assert dict(os.environ) == before, "the caller's variables are as they were"


def test_a_style_that_cannot_be_kept_out_is_refused(one_notebook, tmp_path, monkeypatch):
    run = one_notebook(SEEN)
    monkeypatch.setattr(kernel, "project_root", lambda: tmp_path)
    (tmp_path / "matplotlibrc").write_text("text.usetex: True")
    with pytest.raises(ParameterError, match=r"matplotlibrc would change the figures; move it to another folder"):
        run()
    assert not (tmp_path / "run").exists()


# Killed

RUN = """
    import sys
    from pathlib import Path
    from bowerbird.runs import runner
    runner.notebook_paths = lambda: [Path(sys.argv[1])]
    runner.load_profile = lambda profile: {}
    runner.reproduce(profile="smoke", out=sys.argv[2], quiet=True)
"""
WORKING = """
import os
from pathlib import Path
from bowerbird.cluster import executor
context = executor(2)
pool = context.__enter__()
workers = {pool.submit(os.getpid).result() for _ in range(2)}
text = " ".join(map(str, [os.getpid(), *workers]))
Path(out, "partial").write_text(text)
Path(out, "partial").rename(Path(out, "processes"))
while True:
    pass
"""


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_run_killed_with_9_leaves_no_kernel_and_no_worker(tmp_path):
    path = write_notebook(tmp_path, "04_denoising", WORKING)
    command = [sys.executable, "-c", textwrap.dedent(RUN), str(path), str(tmp_path / "run")]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "run" / "processes").exists():
        assert run.poll() is None
        time.sleep(0.1)
    processes = [int(number) for number in (tmp_path / "run" / "processes").read_text().split()]
    assert len(processes) >= 2 and all(map(alive, processes))
    run.send_signal(signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 300  # far more than it takes
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = [process for process in processes if alive(process)]
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert not left


# ---- a notebook run by papermill alone -------------------------------------------------------------------------------

DECLARED = PARAMETERS + "\nlevel: int = 3  # of the wavelet [1 to 7]"


@pytest.fixture
def alone(tmp_path):
    """Run a notebook that reads no result by papermill alone, with these parameters; get its first output."""
    cells = "stage.write('denoising', {'level': level})", "assert level != 7, 'too long'", "stage.complete()"
    path = write_notebook(tmp_path, "04_denoising", *cells, parameters=DECLARED)

    def run(**parameters):
        parameters["out"] = str(tmp_path / "run")
        papermill.execute_notebook(str(path), str(tmp_path / "out.ipynb"), parameters, progress_bar=False)
        shown = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[2].outputs
        return shown[0]["data"]["text/markdown"]

    return run


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"levels": 3}, "04_denoising has no parameter 'levels'; did you mean 'level'"),
        ({"level": 9}, "04_denoising.level: 9 is not allowed; give 1 to 7"),
    ],
)
def test_papermill_alone_refuses_what_reproduce_refuses(alone, tmp_path, parameters, words):
    with pytest.raises(papermill.PapermillExecutionError) as error:
        alone(**parameters)
    assert words in str(error.value) and not (tmp_path / "run" / "results").exists()


def test_a_trial_that_fails_changes_nothing_and_one_that_ends_says_how_it_was_made(alone, tmp_path):
    assert "level 4" in alone(level=4)
    with pytest.raises(papermill.PapermillExecutionError, match="too long"):
        alone(level=7)
    later = Stage("05_bowerbird_search", tmp_path / "run")
    assert later.read("denoising") == {"level": 4}
    assert Stage("04_denoising", tmp_path / "run").parameters["level"] == 4


def test_the_introduction_says_with_which_parameters_what_is_read_was_made(tmp_path):
    stage = Stage.begin("02_clustering", str(tmp_path))
    assert "- reads panel, merge_counts of 01_data: not made yet" in stage.introduction()
    maker = Stage.begin("01_data", str(tmp_path))
    maker.write("panel", {"n": 2})
    write_record(maker.files_path, read_record(maker.files_path) | {"parameters": {"n_series": 2, "out": "x"}})
    maker.complete()
    assert "of 01_data: n_series 2" in stage.introduction() and "out" not in stage.introduction()
