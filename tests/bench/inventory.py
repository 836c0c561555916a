"""Rows of the bench: inventory."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
from peers import peer_seconds
from timing import row, seconds

from bowerbird.inventory.demand import negative_binomial_demand, poisson_demand
from bowerbird.inventory.policy import exact_levels, exact_reorder_quantity
from bowerbird.inventory.simulate import PoissonPaths, assumed_costs, monte_carlo
from bowerbird.planning.base_stock_search import base_stock_search, simulated_serial_cost
from bowerbird.planning.budgeted_service import best_service, marginal_analysis
from bowerbird.planning.dynamic_lot_size import wagner_whitin
from bowerbird.planning.finite_horizon import normal_finite_horizon
from bowerbird.planning.lot_sizing import lot_sizing_plan
from bowerbird.planning.lot_sizing_problem import LotSizing
from bowerbird.planning.lot_sizing_relaxation import relaxed_plan
from bowerbird.planning.network import Network
from bowerbird.planning.network_flow import network_plan
from bowerbird.planning.serial_system import SerialSystem


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
        "import re, time, numpy as np\nfrom bowerbird.inventory.simulate import monte_carlo\n"
        "from bowerbird.inventory.simulate import PoissonPaths\n"
        "from bowerbird.inventory.simulate import assumed_costs\n"
        "paths = PoissonPaths(np.random.default_rng(0).uniform(0.2, 8, 2000), 1000, 180)\n"
        "start = time.perf_counter(); monte_carlo(paths, 20, 30, assumed_costs()); print(time.perf_counter() - start)\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]) / 1024)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    took, peak = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    name = f"(s, S) Monte Carlo, 2,000 items x 1,000 paths x 180 days: peak memory {peak:.0f} MiB"
    return [row(name, took, target="<= 30 s, <= 1 GB")]


def lot_sizing_problem(n_items: int, use: float, order_days: float, stocked: bool) -> LotSizing:
    """Items that would order every `order_days` days alone, under a capacity that demand uses to a share of `use`."""
    rng = np.random.default_rng(0)
    mean = np.exp(rng.normal(2, 1, (n_items, 1)))
    demand = rng.poisson(mean, (n_items, 30))
    holding = rng.uniform(0.5, 1.5, n_items)
    order = holding * mean[:, 0] * order_days**2 / 2 * rng.uniform(0.5, 1.5, n_items)
    opening = demand[:, :4].sum(axis=1) * rng.uniform(0.3, 1.7, n_items) if stocked else 0
    return LotSizing(demand, holding, order, lost_sale_cost=30 * holding, capacity=demand.sum() / 30 / use,
                     opening_stock=opening)  # fmt: skip


def planning_lots() -> list[dict]:
    rows = []
    for n_items, use, days, stocked, gap, target in (
        (200, 0.8, 3, False, 0.01, "1 % in <= 10 s"),
        (200, 0.9, 4, False, 0.01, "1 % in <= 10 s"),
        (200, 0.9, 4, True, 0.01, "1 % in <= 10 s"),
        (2000, 0.9, 4, False, 0.02, "2 % in <= 120 s"),
        (2000, 0.95, 7, False, 0.02, "2 % in <= 120 s"),
    ):
        problem, found = lot_sizing_problem(n_items, use, days, stocked), []
        ours = seconds(lambda p=problem, g=gap, f=found: f.append(relaxed_plan(p, gap=g).plan), 1)
        name = (
            f"lot sizing, {n_items:,} x 30, {use:.0%} of capacity, orders every {days} days"
            f"{', stocked' if stocked else ''}: gap {found[-1].gap:.2%}"
        )
        if n_items == 200:
            whole = []
            theirs = seconds(lambda p=problem, w=whole: w.append(lot_sizing_plan(p, time_limit=30)), 1)
            rows.append(row(name, ours, f"HiGHS alone, at most 30 s: gap {whole[-1].gap:.2%}", theirs, target))
        else:
            rows.append(row(name, ours, target=target))
    return rows


def planning_network() -> list[dict]:
    rng = np.random.default_rng(0)
    demand = rng.poisson(rng.gamma(2, 5, (30, 20, 1)), (30, 20, 30))
    supplier, warehouse, merchant = (rng.uniform(0, 1, (n, 2)) for n in (3, 10, 30))

    def distance(a, b):
        return np.linalg.norm(a[:, None] - b[None], axis=2)

    network = Network(
        demand, 1 + 2 * distance(supplier, warehouse), 3 * distance(warehouse, merchant),
        supply_lead_time=rng.integers(1, 4, (3, 10)), delivery_lead_time=rng.integers(0, 2, (10, 30)),
        supply_capacity=demand.sum() / 30 / 3 * 1.05, warehouse_capacity=demand.sum() / 30 / 10 * 3,
        holding_cost=rng.uniform(0.05, 0.1, 10), lost_sale_cost=20, opening_stock=rng.poisson(30, (10, 20)),
    )  # fmt: skip
    name = "network plan, 3 x 10 x 30 places, 20 products, 30 days: about 222,000 variables"
    return [row(name, seconds(lambda: network_plan(network), 1), target="<= 20 s")]


def serving_on_a_budget() -> list[dict]:
    demand = poisson_demand(np.random.default_rng(0).gamma(1, 3, 500))
    ours = seconds(lambda: marginal_analysis(demand, budget=1000), 3)
    theirs = seconds(lambda: best_service(demand, budget=1000), 3)
    return [row("marginal analysis, 500 items, budget 1,000", ours, "the exact dynamic program", theirs)]


def searching_levels() -> list[dict]:
    system = SerialSystem(poisson_demand(3.0), [1.0, 0.5, 0.25], [2, 1, 3], 10.0)
    demand = np.random.default_rng(0).poisson(3.0, (60, 400))
    cost = partial(simulated_serial_cost, system=system, demand=demand)
    return [
        row("genetic search of 3 base-stock levels", seconds(lambda: base_stock_search(cost, [0] * 3, [40] * 3), 3))
    ]
