"""Rows of the bench: inventory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from peers import peer_seconds
from timing import row, seconds

from bowerbird.inventory.costs import assumed_costs
from bowerbird.inventory.demand import negative_binomial_demand, poisson_demand
from bowerbird.inventory.demand_paths import PoissonPaths
from bowerbird.inventory.dynamic_lot_size import wagner_whitin
from bowerbird.inventory.exact_levels import exact_levels
from bowerbird.inventory.finite_horizon import normal_finite_horizon
from bowerbird.inventory.monte_carlo import monte_carlo
from bowerbird.inventory.reorder_quantity import exact_reorder_quantity


def rows() -> list[dict]:
    """All of them."""
    return [*exact_inventory(), *monte_carlo_walks()]


def exact_inventory() -> list[dict]:
    """Seconds an item of a catalogue of 2,000; means from 0.5 to 60 a day, evenly on the logarithmic scale."""
    n = 2000
    rng = np.random.default_rng(0)
    means = np.exp(rng.uniform(np.log(0.5), np.log(60), n))
    costs = {"holding_cost": 1.0, "shortage_cost": 9.0, "order_cost": 64.0}
    rows = []

    peer, theirs = peer_seconds("stockpyl", "(s, S)")
    for name, demand, lead_time in (
        ("Poisson, LT = 0", lambda: poisson_demand(means), 0),
        ("Poisson, LT = 3", lambda: poisson_demand(means), 3),
        ("negative binomial, LT = 3", lambda: negative_binomial_demand(means, 3 * means), 3),
    ):
        ours = seconds(lambda d=demand, lead=lead_time: exact_levels(d(), **costs, lead_time=lead), 3) / n
        rows.append(row(f"exact (s, S), {name}, an item", ours, f"{peer}, mean 20", theirs, ">= 500 items/s"))

    demand = rng.poisson(means[:, None], (n, 180)).astype(float)
    ours = seconds(lambda: wagner_whitin(demand, order_cost=50, holding_cost=1), 3) / n
    peer, theirs = peer_seconds("stockpyl", "Wagner-Whitin")
    rows.append(row("Wagner-Whitin, T = 180, an item", ours, peer, theirs, ">= 5,000 items/s"))

    rq = {"demand_rate": means, "holding_cost": 1.0, "shortage_cost": 9.0, "order_cost": 64.0}
    ours = seconds(lambda: exact_reorder_quantity(poisson_demand(3 * means), **rq), 3) / n
    peer, theirs = peer_seconds("stockpyl", "(r, Q)")
    rows.append(row("exact (r, Q), LT = 3, an item", ours, f"{peer}, mean 20", theirs))

    horizon = {"holding_cost": 1, "shortage_cost": 25, "purchase_cost": 1, "order_cost": 40, "discount": 0.98}
    terminal = {"terminal_holding_cost": 1, "terminal_shortage_cost": 25}
    ours = seconds(lambda: normal_finite_horizon(18, 3, 10, **horizon, **terminal), 3)
    peer, theirs = peer_seconds("stockpyl", "finite horizon")
    rows.append(row("finite-horizon (s, S), 10 periods, N(18, 3), K = 40", ours, peer, theirs))
    return rows


def monte_carlo_walks() -> list[dict]:
    costs, mean = assumed_costs(), np.random.default_rng(0).uniform(0.2, 8, 200)
    drawn = PoissonPaths(mean, 1000, 180)
    given = np.random.default_rng(0).poisson(mean[:100, None, None], (100, 1000, 180)).astype(np.int16)
    few = given[0, :20].tolist()

    def loop():
        for item in few:
            stock, pipeline = 5.0, [0.0, 0.0, 0.0]
            for units in item:
                stock += pipeline.pop(0)
                position = stock + sum(pipeline)
                pipeline.append(30.0 - position if position < 20 else 0.0)
                stock = max(stock - units, 0.0)

    a_million = {
        "Poisson demand drawn inside": (seconds(lambda: monte_carlo(drawn, 20, 30, costs), 3) / 36, "<= 0.067 s"),
        "given samples": (seconds(lambda: monte_carlo(given, 20, 30, costs), 3) / 18, "<= 0.025 s"),
    }
    theirs = seconds(loop, 3) / (20 * 180) * 1e6
    rows = [
        row(f"(s, S) Monte Carlo, {name}, a million item-days", ours, "a plain loop", theirs, target)
        for name, (ours, target) in a_million.items()
    ]
    walk = "(s, S) Monte Carlo, Poisson demand drawn inside, a million item-days"
    rows.append(row(walk, rows[0]["seconds"], *peer_seconds("stockpyl", "simulation")))
    return rows + monte_carlo_memory()


def monte_carlo_memory() -> list[dict]:
    """2,000 items x 1,000 paths x 180 days in a process of their own: seconds and peak memory (on Linux)."""
    if not Path("/proc/self/status").exists():
        return []
    code = (
        "import re, time, numpy as np; from bowerbird.inventory.monte_carlo import monte_carlo\n"
        "from bowerbird.inventory.demand_paths import PoissonPaths; from bowerbird.inventory.costs import assumed_costs\n"
        "paths = PoissonPaths(np.random.default_rng(0).uniform(0.2, 8, 2000), 1000, 180)\n"
        "start = time.perf_counter(); monte_carlo(paths, 20, 30, assumed_costs()); print(time.perf_counter() - start)\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]) / 1024)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    took, peak = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    name = f"(s, S) Monte Carlo, 2,000 items x 1,000 paths x 180 days: peak memory {peak:.0f} MiB"
    return [row(name, took, target="<= 30 s, <= 1 GB")]
