"""The same bits from a Dask cluster, from one that loses a worker too."""

import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from test_cli import call
from test_evaluation import SHORT
from test_evaluation import panel as ladder_panel

from bowerbird import cluster, sbo
from bowerbird.errors import ParameterError
from bowerbird.evaluation.ladder import make_forecasts, simple_methods
from bowerbird.inventory.demand import poisson_demand
from bowerbird.inventory.simulate import simulate_paths

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


def searched(pool) -> pd.DataFrame:
    evaluate = sbo.spread(bowl, pool) if pool else sbo.one_by_one(bowl)
    return sbo.minimize(evaluate, SPACE, FIVE, max_evaluations=20, seed=1).history


def simulated(pool) -> np.ndarray:
    demand = poisson_demand(np.random.default_rng(0).uniform(0.2, 8, 200))
    return simulate_paths(demand, 12, 20, n_paths=50, n_days=40, seed=3, executor=pool).stock


def forecast(pool) -> np.ndarray:
    made = make_forecasts(ladder_panel(), simple_methods()[:6], SHORT, executor=pool)
    return np.concatenate([one.point.ravel() for one in made.values()])


@pytest.mark.parametrize("work", [searched, simulated, forecast])
def test_the_same_bits_on_a_cluster(monkeypatch, here, work):
    alone = work(None)
    monkeypatch.setenv(cluster.VARIABLE, here)
    with cluster.executor() as pool:
        used = []
        monkeypatch.setattr(pool, "map", lambda *args, inner=pool.map: used.append(1) or inner(*args))
        shared = work(pool)
    assert used
    if isinstance(alone, pd.DataFrame):
        pd.testing.assert_frame_equal(shared, alone, check_exact=True)
    else:
        np.testing.assert_array_equal(shared, alone)


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
        (Workers(threads=8), "worker tcp://two: threads is 8, here 1; start it with OMP_NUM_THREADS=1"),
        (Workers(**{"bowerbird's source": "abc"}), "worker tcp://two: bowerbird's source is abc, here "),
        (Workers(nthreads=4), "worker tcp://two works on 4 things at once"),
    ],
)
def test_a_worker_that_would_give_other_bits_is_refused(workers, words):
    with pytest.raises(ParameterError, match=words):
        cluster._check(workers)
    cluster._check(Workers())


def slow_bowl(x: dict) -> float:
    time.sleep(0.2)
    return bowl(x)


@pytest.fixture
def killed():
    """A cluster of two worker processes, and a function that kills one as soon as it works; then the pids killed."""
    environment = {"OMP_NUM_THREADS": "1"}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", env=environment) as local:
        dead = []

        def kill_one(client):
            pids = client.run(os.getpid)
            while not dead:
                busy = [worker for worker, tasks in client.processing().items() if tasks]
                if busy:
                    time.sleep(0.1)  # in the middle of it
                    os.kill(pids[busy[0]], signal.SIGKILL)
                    dead.append(pids[busy[0]])
                time.sleep(0.02)

        yield local.scheduler_address, kill_one, dead


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_changes_no_bit(monkeypatch, killed):
    address, kill_one, dead = killed
    monkeypatch.setenv(cluster.VARIABLE, address)
    with cluster.executor() as pool, distributed.Client(address, set_as_default=False) as client:
        killer = threading.Thread(target=kill_one, args=(client,), daemon=True)
        killer.start()
        shared = sbo.minimize(sbo.spread(slow_bowl, pool), SPACE, FIVE, max_evaluations=20, seed=1).history
        killer.join(timeout=5)
        assert len(dead) == 1
        with pytest.raises(ProcessLookupError):
            os.kill(dead[0], 0)
    pd.testing.assert_frame_equal(shared, searched(None), check_exact=True)


def test_processes_here_work_with_one_thread_each(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv(cluster.VARIABLE, "")
    with cluster.executor(2) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
