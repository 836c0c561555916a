"""What a series costs in every step, and 100 million of them: `python tests/bench/scale.py` writes reports/SCALE.md."""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import torch
from forecasting import gather, made_up_curves

from bowerbird.data.panel import Panel, build_panel
from bowerbird.data.reader import read_attachments
from bowerbird.data.twin import write_twin
from bowerbird.device import describe
from bowerbird.files import atomic_path
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.training import fit, predict
from bowerbird.inventory.demand import poisson_demand
from bowerbird.inventory.policy import exact_levels
from bowerbird.inventory.simulate import simulate_paths
from bowerbird.runs import project_root
from bowerbird.runs.circumstances import versions

SERIES = 100_000_000
SAMPLE = 1_000_000  # series the network learns from; it is one network for all, and the rest only forecast
EM_ITERATIONS, EPOCHS, PATHS = 100, 10, 1000
CLUSTERS, DEGREE = 10, 3
N_CURVES = 131_072  # that EM is timed on

TEXT = """# To 100 million series

What one core takes for a series in every step, measured by `tests/bench/scale.py`, and the core-hours for {series:,}
series of {days} days. Nothing of that size was run: a cost is taken to grow with the number of series.

{date}. {machine}.

{table}

In all {total:,.0f} core-hours. The network is one for all series and learns from {sample:,} of them, {epochs} times
over; SBO multiplies that row by its evaluations: 60 take {search:,.0f} core-hours.

Forecasts, levels and simulations of a series concern no other, once the daily totals of sellers, warehouses and
categories are added up. `cluster.executor` spreads SBO's candidates, the ladder's forecasts and the simulation's paths
over processes or a Dask cluster. Reading, EM and the training of a network each use one process.
"""


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_twin(folder, 2000, 0)
        panel = build_panel(read_attachments(folder))
        reading = core_seconds(lambda: build_panel(read_attachments(folder)))
    curves = made_up_curves(N_CURVES, panel.n_days)
    gathered = gather(curves, DEGREE)
    start = gathered.m_step(np.eye(CLUSTERS)[np.arange(N_CURVES) % CLUSTERS])
    training, forecasting = network_seconds(panel)
    demand = poisson_demand(np.clip(panel.demand[:, -28:].mean(axis=1), 0.1, 60))
    costs = {"holding_cost": 1.0, "shortage_cost": 9.0, "order_cost": 64.0}
    levels = core_seconds(lambda: exact_levels(demand, **costs, lead_time=3))
    simulating = core_seconds(lambda: simulate_paths(demand, 20, 30, n_paths=PATHS, n_days=15))
    steps = [
        ("read, check and merge", reading / panel.n_series, 1),
        ("condense curves for EM", core_seconds(lambda: gather(curves, DEGREE)) / N_CURVES, 1),
        ("EM, an iteration, K = 10", core_seconds(lambda: gathered.m_step(gathered.e_step(*start)[0])) / N_CURVES,
         EM_ITERATIONS),
        ("network, training, an epoch", training / panel.n_series, EPOCHS * SAMPLE / SERIES),
        ("network, inputs and a forecast", forecasting / panel.n_series, 1),
        ("exact (s, S), LT = 3", levels / panel.n_series, 1),
        (f"simulation, {PATHS:,} paths of 15 days", simulating / panel.n_series, 1),
    ]  # fmt: skip
    table = pd.DataFrame(steps, columns=["step", "µs a series", "times"])
    table["core-hours"] = table["µs a series"] * table["times"] * SERIES / 3600
    table["µs a series"] *= 1e6
    with atomic_path(project_root() / "reports" / "SCALE.md") as path:
        path.write_text(text(table, panel), encoding="utf-8")
    print(table.to_string())


def core_seconds(function: Callable) -> float:
    """Least seconds a core worked on a call, after one to warm up: what else the machine does hardly counts."""
    function()
    times = []
    for _ in range(3):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def network_seconds(panel: Panel) -> tuple[float, float]:
    """Seconds of an epoch of training, and of a forecast from all days."""

    def train(epochs: int) -> float:
        start = time.process_time()
        fit(panel, Settings(epochs=epochs))
        return time.process_time() - start

    forecaster = fit(panel, Settings(epochs=1))
    return (train(4) - train(1)) / 3, core_seconds(lambda: predict(forecaster, panel))


def text(table: pd.DataFrame, panel: Panel) -> str:
    training = table.set_index("step").loc["network, training, an epoch", "core-hours"]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return TEXT.format(
        series=SERIES, days=panel.n_days, sample=SAMPLE, epochs=EPOCHS, date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=f"{os.cpu_count()} cores, load {load:.1f} at the end; {describe(torch.device('cpu'))}; "
        + ", ".join(f"{name} {version}" for name, version in versions().items()),
        table=table.to_markdown(index=False, floatfmt=".3g"), total=table["core-hours"].sum(), search=60 * training,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
