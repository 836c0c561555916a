"""A plan for 100 million series, on measured costs: `python tests/bench/scale.py` writes reports/SCALE.md."""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import torch
from forecasting import gather, made_up_curves
from timing import seconds

from bowerbird import cluster
from bowerbird.data.panel import Panel, build_panel
from bowerbird.data.reader import read_attachments
from bowerbird.data.twin import write_twin
from bowerbird.device import describe
from bowerbird.dm.fast import Statistics
from bowerbird.files import atomic_path
from bowerbird.forecaster import Settings, fit, predict
from bowerbird.inventory.demand import poisson_demand
from bowerbird.inventory.policy import exact_levels
from bowerbird.inventory.simulate import simulate_paths
from bowerbird.runs import project_root
from bowerbird.runs.runner import versions

SERIES, CORES = 100_000_000, 1000
SAMPLE = 1_000_000  # series the network learns from; it is one network for all, and the rest only forecast
EM_ITERATIONS, EPOCHS, PATHS = 100, 10, 1000
CLUSTERS, DEGREE = 10, 3
SHARD = 65_536  # series
PRICE = 0.05  # dollars a core-hour, assumed; about what a cloud asks

TEXT = """# To 100 million series

A plan on paper. The table is what `tests/bench/scale.py` measured here, the seconds one core worked on a series, and
what they come to for {series:,} series of {days} days on {cores:,} cores. Nothing of that size was run: a cost is taken
to grow with the number of series, as it does from one shard to many. Dollars are at an assumed {price} a core-hour.

{date}. {machine}.

{table}

In all {total:,.0f} core-hours, {dollars:,.0f} dollars, {minutes:.0f} minutes on {cores:,} cores if none ever waits.
The network is one for all series and learns from {sample:,} of them; SBO multiplies that row by its evaluations: 60
take {search:,.0f} core-hours.

**What is sharded.** Series, by product. A shard of {block:,} holds its {panel_mb:.0f} MB of demand (float32) and all
that is asked of a series alone, or of the other series of its product. Sellers, warehouses and categories are few:
their daily totals, {group_mb:.2f} MB for the {groups:,} groups of the twin, are added up once over the shards, of which
there are {n_blocks:,}.

**What is reduced.** EM: the weighted moments of a shard, {moments:,} bytes however many curves it holds, {em_mb:.1f}
MB an iteration, added in the shards' order, so that the bits do not depend on who was quick. The network: the
gradient, {gradient:,} bytes a shard and step. The rest is a map: s, S and the forecast of a series concern no other.

**What it costs to move.** A task's way through Dask and back took {task_ms:.1f} ms here: {scheduler:.1f} s for an
iteration of EM over all shards, beside {em_work:.2f} s of work on {cores:,} cores.
{bound}

**What is there, and what is missing.** `cluster.executor` carries SBO's candidates, the ladder's forecasts and the
simulation's paths, and loses no bit when a worker dies. Not built: EM over shards, whose statistics, {per_curve:,}
bytes a curve, must be gathered where the curves lie; reading in shards, one training on several GPUs, and a store of
many files for daily operation.
"""
BOUND = {
    True: "The scheduler bounds it, not arithmetic; larger shards or a tree of sums cure that.",
    False: "Arithmetic bounds it, not the scheduler.",
}


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_twin(folder, 2000, 0)
        panel = build_panel(read_attachments(folder))
        reading = core_seconds(lambda: build_panel(read_attachments(folder)), 3) / panel.n_series
    curves = made_up_curves(2 * SHARD, panel.n_days)
    gathered = gather(curves, DEGREE)
    start = gathered.m_step(np.eye(CLUSTERS)[np.arange(len(curves)) % CLUSTERS])
    network = network_costs(panel)
    condensing = core_seconds(lambda: gather(curves, DEGREE), 1) / len(curves)
    iteration = core_seconds(lambda: gathered.m_step(gathered.e_step(*start)[0])) / len(curves)
    totals = group_bytes(panel)[1]
    moments = 8 * CLUSTERS * (3 + gathered.own.shape[1])
    some, share = f"a sample of {SAMPLE:,}", EPOCHS * SAMPLE / SERIES
    steps = [
        ("read, check and merge", reading, 1, "files", "–", 0),
        ("condense curves for EM", condensing, 1, "series", "mean curve", 8 * panel.n_days),
        ("EM, an iteration, K = 10", iteration, EM_ITERATIONS, "series", "weighted moments", moments),
        ("network, training, an epoch", network["train"], share, some, "gradient", network["bytes"]),
        ("network, inputs and a forecast", network["predict"], 1, "series", "daily totals of groups", totals),
        ("exact (s, S), LT = 3", levels_cost(panel), 1, "series", "–", 0),
        (f"simulation, {PATHS:,} paths of 15 days", simulation_cost(panel), 1, "series, paths", "means, squares", 0),
    ]
    table = pd.DataFrame([cost(*step) for step in steps])
    with atomic_path(project_root() / "reports" / "SCALE.md") as path:
        path.write_text(text(table, panel, gathered, task_seconds()), encoding="utf-8")
    print(table.to_string())


def core_seconds(function: Callable, repeats: int = 3) -> float:
    """Least seconds a core worked on a call, after one to warm up: what else the machine does hardly counts."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def cost(what: str, each: float, times: float, sharded: str, reduced: str, n_bytes: int) -> dict:
    hours = each * times * SERIES / 3600
    return {
        "step": what,
        "µs a series": 1e6 * each,
        "times": times,
        "core-hours": hours,
        f"minutes on {CORES:,} cores": 60 * hours / CORES,
        "dollars": hours * PRICE,
        "sharded by": sharded,
        "reduced": reduced,
        "bytes a shard": f"{n_bytes:,}" if n_bytes else "–",
    }


def network_costs(panel: Panel) -> dict[str, float]:
    """Seconds a series: an epoch of training, a forecast from all days; bytes of a gradient."""

    def train(epochs: int) -> float:
        start = time.process_time()
        fit(panel, Settings(epochs=epochs))
        return time.process_time() - start

    forecaster = fit(panel, Settings(epochs=1))
    return {
        "train": (train(4) - train(1)) / 3 / panel.n_series,
        "predict": core_seconds(lambda: predict(forecaster, panel), 3) / panel.n_series,
        "bytes": sum(4 * weight.numel() for weight in forecaster.networks[0].parameters()),
    }


def group_bytes(panel: Panel) -> tuple[int, int]:
    """Sellers, warehouses and first categories, and the bytes of their daily totals in single precision."""
    groups = sum(panel.series[column].nunique() for column in ("seller_no", "warehouse_no", "category1"))
    return groups, 4 * groups * panel.n_days


def levels_cost(panel: Panel) -> float:
    demand = poisson_demand(np.clip(panel.demand[:, -28:].mean(axis=1), 0.1, 60))
    costs = {"holding_cost": 1.0, "shortage_cost": 9.0, "order_cost": 64.0}
    return core_seconds(lambda: exact_levels(demand, **costs, lead_time=3), 3) / panel.n_series


def simulation_cost(panel: Panel) -> float:
    demand = poisson_demand(np.clip(panel.demand[:, -28:].mean(axis=1), 0.1, 60))
    return core_seconds(lambda: simulate_paths(demand, 20, 30, n_paths=PATHS, n_days=15), 3) / panel.n_series


def task_seconds(n: int = 1000) -> float:
    """Seconds of a task that does nothing, through a scheduler and a worker of their own process and back."""
    from distributed import LocalCluster

    environment = {"OMP_NUM_THREADS": "1"}
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", env=environment) as local:
        os.environ[cluster.VARIABLE] = local.scheduler_address
        with cluster.executor() as pool:
            return seconds(lambda: _through(pool, n), 3) / n


def _through(pool: Executor, n: int) -> None:
    assert sum(pool.map(abs, range(n))) == n * (n - 1) // 2


def text(table: pd.DataFrame, panel: Panel, gathered: Statistics, task: float) -> str:
    groups, n_bytes = group_bytes(panel)
    per_curve = sum(array[0].nbytes for array in (gathered.own, gathered.residual, gathered.n_observed))
    n_blocks = -(-SERIES // SHARD)
    moments = 8 * CLUSTERS * (3 + gathered.own.shape[1])
    total = table["core-hours"].sum()
    one = table.set_index("step")
    training, em = one.loc["network, training, an epoch"], one.loc["EM, an iteration, K = 10"]
    em_seconds_all = em["core-hours"] * 3600 / EM_ITERATIONS / CORES
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    shown = table.assign(**{name: table[name].map("{:,.3g}".format) for name in table.columns[1:6]})
    return TEXT.format(
        series=SERIES, days=panel.n_days, cores=CORES, price=PRICE, sample=SAMPLE, block=SHARD, n_blocks=n_blocks,
        date=f"{datetime.now(UTC):%Y-%m-%d}", table=shown.to_markdown(index=False, disable_numparse=True),
        machine=f"{os.cpu_count()} cores, load {load:.1f} at the end; {describe(torch.device('cpu'))}; "
        + ", ".join(f"{name} {version}" for name, version in versions().items()),
        total=total, dollars=total * PRICE, minutes=60 * total / CORES, search=60 * training["core-hours"],
        panel_mb=4 * SHARD * panel.n_days / 1e6, groups=groups, group_mb=n_bytes / 1e6, moments=moments,
        em_mb=moments * n_blocks / 1e6, gradient=int(training["bytes a shard"].replace(",", "")), task_ms=1e3 * task,
        scheduler=n_blocks * task, em_work=em_seconds_all, bound=BOUND[n_blocks * task > em_seconds_all],
        per_curve=per_curve,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
