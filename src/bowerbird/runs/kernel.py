"""The kernel of a run: this interpreter's own, without the user's startup files and styles; it ends with the run."""

import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from bowerbird.errors import ParameterError
from bowerbird.runs.stage import project_root

# Variables, by their beginning, that change what a notebook computes, draws or can read
FOREIGN = ("IPYTHON", "JPY_", "JUPYTER", "MATPLOTLIBRC", "MPLBACKEND", "PYTHON")
# Those among them that say where packages lie, or change nothing
KEPT = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
)  # fmt: skip

PR_SET_PDEATHSIG = 1


class OwnKernel(AsyncKernelManager):
    """Starts this interpreter, whatever kernel the user has installed under the name python3."""

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-m", "bowerbird.runs.kernel", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


@contextmanager
def own_environment() -> Iterator[None]:
    """Environment variables of a run: nothing of the user's that changes its numbers, figures or pages."""
    if (project_root() / "matplotlibrc").exists():  # matplotlib reads it before all others
        raise ParameterError(f"{project_root() / 'matplotlibrc'} would change the figures; move it to another folder")
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="bowerbird-") as folder:
        style = Path(folder) / "matplotlibrc"
        style.touch()  # an empty one: matplotlib's defaults
        for name in before:
            if name.startswith(FOREIGN) and name not in KEPT:
                del os.environ[name]
        places = dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"), folder)
        os.environ.update(places, MATPLOTLIBRC=str(style), PYTHONUTF8="1")
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def end_with(parent: int) -> None:
    """End this process when its parent ends, even if both are killed with -9."""
    if sys.platform == "linux":  # elsewhere ipykernel looks once a second
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        sys.exit(1)


if __name__ == "__main__":
    end_with(int(os.environ["JPY_PARENT_PID"]))
    del sys.path[0]  # the current folder, which IPython adds again

    from ipykernel.kernelapp import IPKernelApp

    class RunApplication(IPKernelApp):
        """Reads no configuration and runs no startup file, the machine's included."""

        def load_config_file(self, *_, **__):
            pass

        def _run_startup_files(self):
            pass

    RunApplication.launch_instance()
