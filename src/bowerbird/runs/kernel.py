"""The environment of a run's notebooks: nothing of the user's that changes numbers, figures or pages."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bowerbird.errors import ParameterError
from bowerbird.runs.stage import project_root

# Variables, by their beginning, that change what a notebook computes, draws or can read
FOREIGN = ("IPYTHON", "JPY_", "JUPYTER", "MATPLOTLIBRC", "MPLBACKEND", "PYTHON")
# Those among them that say where packages lie, or change nothing
KEPT = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
)  # fmt: skip


@contextmanager
def own_environment() -> Iterator[None]:
    """Set the environment variables that a run's notebooks inherit, and put the caller's back afterwards."""
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
