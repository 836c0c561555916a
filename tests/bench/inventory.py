"""Rows of the bench: inventory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from peers import peer_seconds
from scipy.stats import norm
from timing import row, seconds

from bowerbird.inventory.demand import Demand, level_cost, negative_binomial_demand, poisson_demand
from bowerbird.inventory.policy import exact_levels
from bowerbird.inventory.simulate import simulate_paths
from bowerbird.planning.finite_horizon import finite_horizon
from bowerbird.planning.lot_sizing import lot_sizing_plan, wagner_whitin
from bowerbird.planning.network import Network, genetic_search, network_plan
from bowerbird.planning.service import best_service, marginal_analysis


def rows() -> list[dict]:
    """All of them."""
    return [
        *exact_inventory(), *monte_carlo_walks(), *planning_lots(), *planning_network(), *serving_on_a_budget(),
        *searching_levels(),
    ]  # fmt: skip


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

    horizon = {"holding_cost": 1, "shortage_cost": 25, "order_cost": 40}
    normal = Demand(np.diff(norm.cdf(np.arange(42) + 0.5, 18, 3), prepend=0)[None])  # rounded to whole units
    ours = seconds(lambda: finite_horizon(normal, 10, **horizon), 3)
    peer, theirs = peer_seconds("stockpyl", "finite horizon")
    rows.append(row("finite-horizon (s, S), 10 periods, N(18, 3), K = 40", ours, peer, theirs))
    return rows


def monte_carlo_walks() -> list[dict]:
    mean, size = np.random.default_rng(0).uniform(0.2, 8, 200), {"n_paths": 1000, "n_days": 180}
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

    drawn = seconds(lambda: simulate_paths(poisson_demand(mean), 20, 30, **size), 3) / 36
    a_million = {
        "Poisson demand drawn inside": (drawn, "<= 0.067 s"),
        "given samples": (seconds(lambda: simulate_paths(given, 20, 30), 3) / 18, "<= 0.025 s"),
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
        "import re, time, numpy as np\nfrom bowerbird.inventory.simulate import simulate_paths\n"
        "from bowerbird.inventory.demand import poisson_demand\n"
        "demand = poisson_demand(np.random.default_rng(0).uniform(0.2, 8, 2000))\n"
        "start = time.perf_counter(); simulate_paths(demand, 20, 30, n_paths=1000, n_days=180)\n"
        "print(time.perf_counter() - start)\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]) / 1024)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    took, peak = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    name = f"(s, S) Monte Carlo, 2,000 items x 1,000 paths x 180 days: peak memory {peak:.0f} MiB"
    return [row(name, took, target="<= 30 s, <= 1 GB")]


def planning_lots() -> list[dict]:
    """40 items that would order every third day alone, under a capacity that demand uses to nine tenths."""
    rng, found = np.random.default_rng(0), []
    mean = np.exp(rng.normal(2, 1, (40, 1)))
    demand, holding = rng.poisson(mean, (40, 15)), rng.uniform(0.5, 1.5, 40)
    costs = {"order_cost": 4.5 * holding * mean[:, 0], "holding_cost": holding, "lost_sale_cost": 30 * holding}
    capacity = demand.sum() / 15 / 0.9
    ours = seconds(lambda: found.append(lot_sizing_plan(demand, **costs, capacity=capacity, time_limit=30)), 1)
    return [row(f"lot sizing, 40 x 15, 90% of capacity: gap {found[-1].gap:.2%}", ours, target="1 % in <= 30 s")]


def planning_network() -> list[dict]:
    rng = np.random.default_rng(0)
    demand = rng.poisson(rng.gamma(2, 5, (30, 20, 1)), (30, 20, 30))
    supplier, warehouse, merchant = (rng.uniform(0, 1, (n, 2)) for n in (3, 10, 30))

    def distance(a, b):
        return np.linalg.norm(a[:, None] - b[None], axis=2)

    network = Network(
        demand, 1 + 2 * distance(supplier, warehouse), 3 * distance(warehouse, merchant),
        supply_lead_time=rng.integers(1, 4, (3, 10)), supply_capacity=demand.sum() / 30 / 3 * 1.05,
        holding_cost=rng.uniform(0.05, 0.1, 10), lost_sale_cost=20, opening_stock=rng.poisson(30, (10, 20)),
    )  # fmt: skip
    name = "network plan, 3 x 10 x 30 places, 20 products, 30 days: about 221,000 variables"
    return [row(name, seconds(lambda: network_plan(network), 1), target="<= 20 s")]


def serving_on_a_budget() -> list[dict]:
    demand = poisson_demand(np.random.default_rng(0).gamma(1, 3, 500))
    ours = seconds(lambda: marginal_analysis(demand, budget=1000), 3)
    theirs = seconds(lambda: best_service(demand, budget=1000), 3)
    return [row("marginal analysis, 500 items, budget 1,000", ours, "the exact dynamic program", theirs)]


def searching_levels() -> list[dict]:
    demand = poisson_demand([2.0, 3.0, 5.0, 8.0, 13.0, 21.0])

    def search():
        return genetic_search(lambda levels: level_cost(demand, levels, 1.0, 9.0).sum(), [0] * 6, [40] * 6)

    return [row("genetic search of 6 base-stock levels", seconds(search, 3))]
