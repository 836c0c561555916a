"""The kernel of a run: nothing of the user's environment reaches it, and it ends with the run."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from bowerbird.errors import ParameterError
from bowerbird.files import read_json
from bowerbird.runs import kernel, pipeline

PARAMETERS = 'out: str = ""  # folder\nseed: int = 0  # seed'


def write_notebook(folder: Path, *cells: str) -> Path:
    """A stage that begins and then runs the cells."""
    begin = 'from bowerbird.runs import Stage\nstage = Stage.begin("03_denoising", out)'
    parameters = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=[parameters, *map(new_code_cell, (begin, *cells))], metadata={"kernelspec": python})
    nbformat.write(notebook, folder / "03_denoising.ipynb")
    return folder / "03_denoising.ipynb"


@pytest.fixture
def one_notebook(tmp_path, monkeypatch):
    """Give a notebook's cells; get what runs it into tmp_path/run."""

    def prepare(*cells: str):
        path = write_notebook(tmp_path, *cells)
        monkeypatch.setattr(pipeline, "notebook_paths", lambda: [path])
        monkeypatch.setattr(pipeline, "READS", {"03_denoising": ()})
        monkeypatch.setattr(pipeline, "load_profile", lambda profile: {})
        return lambda: pipeline.reproduce(profile="smoke", out=str(tmp_path / "run"), quiet=True)

    return prepare


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
        "PYTHONPATH": os.environ.get("PYTHONPATH", str(Path(pipeline.__file__).parents[2])),
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
    from bowerbird.runs import pipeline
    pipeline.notebook_paths = lambda: [Path(sys.argv[1])]
    pipeline.READS = {"03_denoising": ()}
    pipeline.load_profile = lambda profile: {}
    pipeline.reproduce(profile="smoke", out=sys.argv[2], quiet=True)
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
sum(range(10**13))  # holds the interpreter's lock: no thread of the kernel can look for its parent
"""


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere ipykernel looks for its parent, when it can")
def test_a_run_killed_with_9_leaves_no_kernel_and_no_worker(tmp_path):
    path = write_notebook(tmp_path, WORKING)
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


def test_a_kernel_whose_run_has_ended_before_it_began_ends_too():
    """Its parent is another process than the one that asked for it."""
    code = f"from bowerbird.runs.kernel import end_with; end_with({os.getpid()}); print('goes on'); end_with(1)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "goes on\n")


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_a_kernel_that_is_gone_ends_the_run_with_its_cell(one_notebook, tmp_path, number):
    flag = tmp_path / "flag"
    end = f"""
import os, signal, time
from pathlib import Path
if not Path({str(flag)!r}).exists():
    Path({str(flag)!r}).touch()
    os.kill(os.getpid(), signal.{number})
    time.sleep(600)
"""
    run = one_notebook(end, 'stage.write("denoising", {"done": 1})')
    with pytest.raises(pipeline.StageFailed, match=r"(?s)03_denoising: .* ended without a word in cell 3: .*goes on"):
        run()
    run()
    assert read_json(tmp_path / "run" / "results" / "denoising.json") == {"done": 1}
