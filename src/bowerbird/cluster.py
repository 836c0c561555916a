"""Who does the work: this process, several processes here, or a Dask cluster; the bits are the same.

Whatever takes an `executor` runs on a cluster, such as SBO's candidates (`tuning.tune`) and the ladder's forecasts
(`ladder.make_forecasts`). Every piece brings its own random numbers and results are taken in order. So neither the
number of workers nor the death of one changes a bit: Dask gives the lost pieces to another.

    dask scheduler                                          # prints its address, tcp://...
    dask worker tcp://... --nworkers 8 --nthreads 1         # on each machine, in an environment with bowerbird[cluster]
    python -m bowerbird reproduce --cluster tcp://...
"""

import hashlib
import importlib.metadata
import os
import platform
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context, parent_process
from pathlib import Path
from urllib.parse import urlsplit

from bowerbird.errors import ParameterError

VARIABLE = "BOWERBIRD_CLUSTER"  # environment variable with the scheduler's address; the notebooks' kernels inherit it
PATIENCE = 30  # seconds to wait for the scheduler and a first worker


@contextmanager
def executor(workers: int = 1) -> Iterator[Executor | None]:
    """The cluster that BOWERBIRD_CLUSTER names, else processes here; None where one process does all work."""
    if address := os.environ.get(VARIABLE, ""):
        with _connect(address) as client, client.get_executor(pure=False) as pool:
            yield pool
    elif workers > 1:
        with ProcessPoolExecutor(workers, get_context("spawn"), begin_worker) as pool:
            yield pool
    else:
        yield None


def use(address: str) -> None:
    """Check the cluster of a Dask scheduler at tcp://host:port, and let every `executor` from here on be on it."""
    with _connect(address):
        os.environ[VARIABLE] = address


def begin_worker() -> None:
    """One thread, as `choose_device` sets it; the worker ends when the process that started it is gone."""
    import torch

    torch.set_num_threads(1)
    end_with_parent()


def end_with_parent() -> None:
    """End this process when the one that started it is gone."""
    threading.Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True).start()


def _connect(address: str):
    """A client of the cluster, whose workers were found to be alike."""
    if find_spec("distributed") is None:
        raise ParameterError(f"cluster is {address!r}, but Dask is not installed: pip install 'bowerbird[cluster]'")
    from distributed import Client

    scheduler = urlsplit(address)
    try:
        socket.create_connection((scheduler.hostname, scheduler.port), PATIENCE).close()
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"cluster is {address!r}: no scheduler answers there ({error}); start one with `dask scheduler`, give what "
            "it prints, tcp://host:port"
        ) from error
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        _check(client)
    except BaseException as error:
        client.close()
        if isinstance(error, TimeoutError):
            raise ParameterError(
                f"cluster is {address!r}: it has no worker; start some with `dask worker {address} --nthreads 1`"
            ) from error
        raise
    return client


def _check(client) -> None:
    ours = circumstances() | {"threads": 1}  # as `choose_device` sets them
    cure = "start it with OMP_NUM_THREADS=1, --nthreads 1, and this environment and checkout"
    for worker, theirs in client.run(circumstances).items():
        for name, value in ours.items():
            if theirs[name] != value:
                raise ParameterError(f"worker {worker}: {name} is {theirs[name]}, here {value}; {cure}")
    threads = client.nthreads()
    if crowded := [worker for worker, n in threads.items() if n > 1]:
        raise ParameterError(
            f"worker {crowded[0]} works on {threads[crowded[0]]} things at once, and torch's random numbers are a "
            f"process's; {cure}"
        )


def circumstances() -> dict[str, str | int]:
    """What a process's bits depend on: this package's source, versions, the number of torch's threads."""
    import torch

    source = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        source.update(path.read_bytes())
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "torch")}
    ours = {"bowerbird's source": source.hexdigest()[:12], "python": platform.python_version()}
    return ours | versions | {"threads": torch.get_num_threads()}
