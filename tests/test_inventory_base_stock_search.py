from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import poisson_demand
from bowerbird.planning.base_stock_search import base_stock_search, simulated_serial_cost
from bowerbird.planning.network import Network
from bowerbird.planning.network_flow import network_plan
from bowerbird.planning.network_policy import base_stock_cost
from bowerbird.planning.serial_system import SerialSystem, serial_cost, serial_optimum

SYSTEM = SerialSystem(poisson_demand(3.0), [1.0, 0.5, 0.25], [2, 1, 3], 10.0)


def walk_stage_by_stage(levels, system, demand, warm_up):
    """The same system with units that lie and travel: arrivals, then demand, then orders from the customer up."""
    n = len(levels)
    levels = np.minimum.accumulate(np.array(levels)[::-1])[::-1]  # nobody can be filled beyond the stock above
    stock = np.diff(levels, prepend=0)  # on hand where nothing has been sent yet
    due = [[] for _ in range(n)]  # of each stage: (day, units) on the way to it
    backorders, total = 0.0, 0.0
    for day, units in enumerate(demand):
        for j in range(n):
            stock[j] += sum(q for when, q in due[j] if when == day)
            due[j] = [(when, q) for when, q in due[j] if when > day]
        backorders += units
        orders_without_wait = True
        while orders_without_wait:  # stages without lead time pass on at once, so repeat until nothing moves
            made_good = min(stock[0], backorders)
            stock[0] -= made_good
            backorders -= made_good
            orders_without_wait = False
            for j in range(n):
                below = sum(stock[: j + 1]) + sum(q for i in range(j + 1) for _, q in due[i]) - backorders
                wish = levels[j] - below
                sent = wish if j == n - 1 else min(wish, stock[j + 1])
                if sent > 0:
                    if j < n - 1:
                        stock[j + 1] -= sent
                    if system.lead_time[j]:
                        due[j].append((day + system.lead_time[j], sent))
                    else:
                        stock[j] += sent
                        orders_without_wait = True
        if day >= warm_up:
            local = system.local_holding_cost
            travelling = sum(local[j + 1] * sum(q for _, q in due[j]) for j in range(n - 1))
            total += local @ stock + travelling + system.shortage_cost * backorders
    return total / (len(demand) - warm_up)


@pytest.mark.parametrize(("levels", "lead_time"), [((9, 17, 23), (2, 1, 3)), ((5, 5, 30), (2, 1, 3)),
                                                   ((12, 14, 10), (1, 2, 1)), ((6, 9, 14), (1, 1, 1))])  # fmt: skip
def test_the_recursion_equals_a_ledger_of_units(levels, lead_time):
    system = SerialSystem(SYSTEM.demand, SYSTEM.echelon_holding_cost, lead_time, 10.0)
    demand = np.random.default_rng(3).poisson(3.0, (2, 60))
    ledger = np.mean([walk_stage_by_stage(levels, system, path, 10) for path in demand])
    assert simulated_serial_cost(levels, system, demand, warm_up=10) == pytest.approx(ledger)


def test_search_comes_within_one_percent_of_the_exact_serial_optimum():
    demand = np.random.default_rng(11).poisson(3.0, (60, 400))
    found = base_stock_search(partial(simulated_serial_cost, system=SYSTEM, demand=demand), [0] * 3, [40] * 3, seed=1)
    best = serial_optimum(SYSTEM)
    assert best.cost <= serial_cost(SYSTEM, found.levels) < 1.01 * best.cost  # judged without the paths of the search
    assert (found.history["best"].diff().dropna() <= 0).all()
    assert found.cost == found.history["best"].iloc[-1]
    random = found.history.iloc[0]["best"]  # the best of a first generation drawn at random
    assert random - best.cost > 10 * (serial_cost(SYSTEM, found.levels) - best.cost)


def test_search_finds_the_best_of_a_small_box_that_can_be_tried_out():
    demand = np.random.default_rng(2).poisson(3.0, (5, 100))
    cost = partial(simulated_serial_cost, system=SYSTEM, demand=demand)
    low, high = np.array([6, 10, 18]), np.array([11, 15, 23])
    everything = min(cost(np.array([a, b, c])) for a in range(6, 12) for b in range(10, 16) for c in range(18, 24))
    assert base_stock_search(cost, low, high, generations=25).cost == everything


def test_search_in_a_network_against_the_plan_that_knows_all_demand():
    demand = np.random.default_rng(5).poisson(5.0, (3, 1, 30))
    network = Network(
        demand, [[1.0, 1.5]], [[0, 1, 2], [2, 1, 0]], supply_lead_time=2, holding_cost=0.2, lost_sale_cost=8,
        opening_stock=25,
    )  # fmt: skip
    found = base_stock_search(partial(base_stock_cost, network=network), [0, 0], [80, 80], generations=15)
    assert network_plan(network).cost <= found.cost < 1.5 * network_plan(network).cost
    assert found.cost < 0.9 * base_stock_cost([15, 15], network)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_same_bits_with_any_executor(kind):
    demand = np.random.default_rng(2).poisson(3.0, (4, 80))
    cost = partial(simulated_serial_cost, system=SYSTEM, demand=demand)
    arguments = {"low": [0] * 3, "high": [40] * 3, "population": 10, "generations": 4, "seed": 7}
    alone = base_stock_search(cost, **arguments)
    with kind(2) as executor:
        together = base_stock_search(cost, **arguments, executor=executor)
    assert alone.history.equals(together.history) and (alone.levels == together.levels).all()
    other = base_stock_search(cost, **(arguments | {"seed": 8}))
    assert not alone.history.equals(other.history)


def test_no_candidate_is_simulated_twice():
    met = []

    def cost(levels):
        met.append(tuple(levels.tolist()))
        return float(np.sum((levels - 3) ** 2))

    found = base_stock_search(cost, [0, 0], [5, 5], population=20, generations=20)
    assert len(met) == len(set(met)) == found.history["evaluations"].iloc[-1]
    np.testing.assert_array_equal(found.levels, [3, 3])
    assert all(0 <= level <= 5 for levels in met for level in levels)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"low": [5]}, "low"),
        ({"low": [1, 9]}, "low"),
        ({"population": 2}, "population"),
        ({"generations": -1}, "generations"),
        ({"mutation_rate": 1.5}, "mutation_rate"),
    ],
)
def test_arguments_out_of_range_are_named(wrong, named):
    with pytest.raises(ParameterError, match=named):
        base_stock_search(np.sum, **({"low": [1, 2], "high": [5, 5]} | wrong))


def test_a_warm_up_that_leaves_no_day_is_refused():
    with pytest.raises(ParameterError, match="warm_up"):
        simulated_serial_cost([1, 2, 3], SYSTEM, np.ones((2, 30)), warm_up=30)
