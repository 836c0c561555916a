"""The same bits from a Dask cluster, from one that loses a worker too."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
from test_cli import call

from bowerbird import cluster, sbo
from bowerbird.errors import ParameterError

distributed = pytest.importorskip("distributed")
SPACE = {"x": sbo.Float(-5, 5), "n": sbo.Integer(0, 4)}
FIVE = replace(sbo.VARIANTS["paper"], n_bowers=5)


@pytest.fixture(scope="module")
def here():
    """A scheduler and a worker in threads of this process."""
    options = {"processes": False, "protocol": "tcp", "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **options) as local:
        yield local.scheduler_address


def bowl(x: dict) -> float:
    if x["n"] == 3:
        raise ArithmeticError("a raising candidate")
    return (x["x"] - 1) ** 2 + x["n"]


def searched(evaluate) -> pd.DataFrame:
    return sbo.minimize(evaluate, SPACE, FIVE, max_evaluations=20, seed=1).history


def test_the_same_bits_on_a_cluster(monkeypatch, here):
    monkeypatch.setenv(cluster.VARIABLE, here)
    with cluster.executor() as pool:
        assert type(pool).__name__ == "ClientExecutor"
        shared = searched(sbo.spread(bowl, pool))
    pd.testing.assert_frame_equal(shared, searched(sbo.one_by_one(bowl)), check_exact=True)


def test_what_is_used_is_what_the_environment_says(monkeypatch, here):
    monkeypatch.setenv(cluster.VARIABLE, "")
    with cluster.executor() as pool:
        assert pool is None
    with cluster.executor(2) as pool:
        assert isinstance(pool, ProcessPoolExecutor)
    cluster.use(here)
    assert os.environ[cluster.VARIABLE] == here
    with cluster.executor(2) as pool:  # the cluster comes first
        assert type(pool).__name__ == "ClientExecutor" and pool.submit(abs, -3).result() == 3


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "tcp://localhost"])
def test_no_scheduler_there(monkeypatch, capsys, address):
    monkeypatch.setenv(cluster.VARIABLE, "")
    with pytest.raises(ParameterError, match=f"cluster is '{address}': no scheduler answers there .* `dask scheduler`"):
        cluster.use(address)
    with pytest.raises(SystemExit):
        call(monkeypatch, "reproduce", "--cluster", address)
    assert "no scheduler answers there" in capsys.readouterr().err and not os.environ[cluster.VARIABLE]


def test_no_worker_there(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 3)
    options = {"processes": False, "protocol": "tcp", "dashboard_address": ":0"}
    with (
        distributed.LocalCluster(n_workers=0, **options) as local,
        pytest.raises(ParameterError, match="it has no worker; start some with `dask worker tcp:"),
    ):
        cluster.use(local.scheduler_address)


def test_dask_is_an_extra(monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(ParameterError, match=r"Dask is not installed: pip install 'bowerbird\[cluster\]'"):
        cluster.use("tcp://127.0.0.1:1")


class Workers:
    """What a client says of two workers, the second of which is another."""

    def __init__(self, nthreads=1, **differs):
        self.threads, self.differs = nthreads, differs

    def run(self, function):
        same = function() | {"threads": 1}
        return {"tcp://one": same, "tcp://two": same | self.differs}

    def nthreads(self):
        return {"tcp://one": 1, "tcp://two": self.threads}


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        (Workers(torch="0.1"), "worker tcp://two: torch is 0.1, here "),
        (Workers(**{"bowerbird's source": "abc"}), "worker tcp://two: bowerbird's source is abc, here "),
        (Workers(threads=8), "worker tcp://two: threads is 8, here 1; start it with OMP_NUM_THREADS=1"),
        (Workers(nthreads=4), "worker tcp://two works on 4 things at once"),
    ],
)
def test_a_worker_that_would_give_other_bits_is_refused(workers, words):
    with pytest.raises(ParameterError, match=words):
        cluster._check(workers)
    cluster._check(Workers())


def bowl_that_kills_once(flag: Path, x: dict) -> float:
    """The first worker to come here dies in the middle of its work."""
    try:
        flag.touch(exist_ok=False)
    except FileExistsError:
        return bowl(x)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_changes_no_bit(monkeypatch, tmp_path):
    options = {"dashboard_address": ":0", "env": {"OMP_NUM_THREADS": "1"}}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as local:
        monkeypatch.setenv(cluster.VARIABLE, local.scheduler_address)
        with cluster.executor() as pool:
            shared = searched(sbo.spread(partial(bowl_that_kills_once, tmp_path / "killed"), pool))
    assert (tmp_path / "killed").exists()
    pd.testing.assert_frame_equal(shared, searched(sbo.one_by_one(bowl)), check_exact=True)


def test_processes_here_work_with_one_thread_each(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv(cluster.VARIABLE, "")
    with cluster.executor(2) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
