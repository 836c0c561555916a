"""Two runs into one folder would mix their results: the second is refused, and told who is at work there.

The lock is the operating system's own on a file of the folder: a run that was killed, even with kill -9, leaves none.
"""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bowerbird.errors import BowerbirdError, ParameterError
from bowerbird.runs import sweep

try:
    import fcntl
except ImportError:  # Windows: a second run is not refused there
    fcntl = None

FILE_NAME = ".lock"


class RunInUse(BowerbirdError):
    """A folder that another run writes into."""


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold a run's folder, made if need be, against other runs, and sweep up what a killed one left half-written.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    RunInUse
        Another run holds it; the message says which process, on which machine, since when.
    ParameterError
        The folder cannot be made or written to.
    """
    path = Path(folder) / FILE_NAME
    holder = {"process": os.getpid(), "machine": platform.node(), "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    with _open(path) as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunInUse(
                f"{folder}: another run is at work there ({_holder(path)}); wait for it to end, or give another folder "
                "with --out"
            ) from error
        except OSError:  # a file system that knows no locks, as some of clusters: a second run is not refused there
            pass
        with _told(folder):
            file.truncate(0)
            file.write(json.dumps(holder).encode())
            sweep(folder)
        yield


def _open(path: Path):
    with _told(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "a+b", buffering=0)  # what its holder wrote stays


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ParameterError(
            f"{folder} cannot be written to ({error.strerror}); give another folder with --out, or make room"
        ) from error


def _holder(path: Path) -> str:
    try:
        return ", ".join(f"{name} {value}" for name, value in json.loads(path.read_text(encoding="utf-8")).items())
    except (OSError, ValueError):  # it has just begun
        return "just begun"
