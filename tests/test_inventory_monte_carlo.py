from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory import simulate as module
from bowerbird.inventory.demand import poisson_demand, poisson_newsvendor
from bowerbird.inventory.policy import levels_cost
from bowerbird.inventory.simulate import (
    MEASURES,
    Costs,
    PoissonPaths,
    Totals,
    cycle_service,
    fill_rate,
    monte_carlo,
    simulate,
    totals,
    turnover_days,
    walk_totals,
)

COSTS = Costs(holding=1.0, shortage=9.0, order=5.0)


@st.composite
def problems(draw):
    n_items, n_paths, n_days = (draw(st.integers(1, top)) for top in (3, 4, 12))
    whole = draw(st.booleans())
    samples = draw(hnp.arrays(np.int64, (n_items, n_paths, n_days), elements=st.integers(0, 9)))
    s = draw(hnp.arrays(np.int64, (n_items, n_days), elements=st.integers(0, 15)))
    S = s + draw(hnp.arrays(np.int64, (n_items, n_days), elements=st.integers(0, 8)))
    timing = {
        "lead_time": draw(st.integers(0, 5)),
        "review": draw(st.integers(1, 4)),
        "lost_sales": draw(st.booleans()),
    }
    opening = np.array([draw(st.integers(0, 10)) for _ in range(n_items)])
    return (samples, s, S, opening, timing) if whole else (samples / 4, s / 4, S / 4, opening / 4, timing)


@settings(max_examples=60)
@given(problems())
def test_totals_are_those_of_simulate_on_every_path_to_the_last_unit(problem):
    samples, s, S, opening, timing = problem
    many = walk_totals(samples.transpose(2, 0, 1).astype(float), s.T, S.T, opening, **timing)
    for path in range(samples.shape[1]):
        one = totals(simulate(samples[:, path], s, S, opening_stock=opening, **timing))
        for name in Totals.__dataclass_fields__:
            expected, got = getattr(one, name), getattr(many, name)
            if name not in ("n_days", "n_cycles"):
                got = np.broadcast_to(got, (samples.shape[1], len(samples)))[path]
            np.testing.assert_array_equal(got, expected, err_msg=name)


@settings(max_examples=40)
@given(problems())
def test_table_holds_the_paths_means_and_standard_errors(problem):
    samples, s, S, opening, timing = problem
    n_paths = samples.shape[1]
    table = monte_carlo(samples, s, S, COSTS, opening_stock=opening, **timing)
    walks = [simulate(samples[:, path], s, S, opening_stock=opening, **timing) for path in range(n_paths)]
    by_hand = {
        "demand": [walk.demand.sum(axis=1) for walk in walks],
        "sales": [walk.sales.sum(axis=1) for walk in walks],
        "short": [walk.short.sum(axis=1) for walk in walks],
        "unmet": [walk.unmet.sum(axis=1) for walk in walks],
        "mean_stock": [walk.closing_stock.mean(axis=1) for walk in walks],
        "orders": [(walk.orders > 0).sum(axis=1) for walk in walks],
        "cycle_service": [cycle_service(walk, per_item=True) for walk in walks],
        "holding_cost": [walk.closing_stock.sum(axis=1) for walk in walks],
        "shortage_cost": [9 * walk.unmet.sum(axis=1) for walk in walks],
        "ordering_cost": [5 * (walk.orders > 0).sum(axis=1) for walk in walks],
    }
    by_hand["total_cost"] = sum(np.array(by_hand[f"{part}_cost"]) for part in ("holding", "shortage", "ordering"))
    assert set(by_hand) == set(MEASURES)
    for name, values in by_hand.items():
        np.testing.assert_allclose(table[name], np.mean(values, axis=0), err_msg=name)
        if n_paths > 1:
            error = np.std(values, axis=0, ddof=1) / np.sqrt(n_paths)
            np.testing.assert_allclose(table[f"{name}_se"], error, atol=1e-7, err_msg=name)
    sold, asked = (np.sum(by_hand[name], axis=0, dtype=float) for name in ("sales", "demand"))
    np.testing.assert_allclose(table["fill_rate"], np.divide(sold, asked, out=np.ones_like(sold), where=asked > 0))


def test_paths_cut_into_blocks_are_pooled_as_if_walked_at_once(monkeypatch):
    samples = np.random.default_rng(0).poisson(3.0, (3, 50, 20))
    whole = monte_carlo(samples, 12, 15, COSTS)
    monkeypatch.setattr(module, "BLOCK", 7)  # 50 paths in blocks of 7 and a last one of 1
    pd.testing.assert_frame_equal(monte_carlo(samples, 12, 15, COSTS), whole, rtol=1e-12)


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_the_same_seed_gives_the_same_bits_with_any_executor(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 40)
    monkeypatch.setattr(module, "BLOCKS_A_TASK", 2)
    demand = PoissonPaths(np.linspace(0.5, 6, 9), 20, 15)
    alone = monte_carlo(demand, 12, 15, COSTS, seed=7)
    with ThreadPoolExecutor(3) as threads:
        pd.testing.assert_frame_equal(monte_carlo(demand, 12, 15, COSTS, seed=7, executor=threads), alone, rtol=0)
    assert not alone.equals(monte_carlo(demand, 12, 15, COSTS, seed=8))
    assert not np.isclose(alone["demand"][1] / alone["demand"][0], demand.mean[1] / demand.mean[0], rtol=1e-6)


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_the_same_bits_from_processes():
    demand = PoissonPaths(np.linspace(0.5, 6, 90), 400, 30)
    with ProcessPoolExecutor(2) as processes:
        shared = monte_carlo(demand, 12, 15, COSTS, seed=7, executor=processes)
    pd.testing.assert_frame_equal(shared, monte_carlo(demand, 12, 15, COSTS, seed=7), rtol=0)


def test_large_numbers_are_walked_in_double_precision():
    # 400 days of 300,000 backordered units run beyond 2^24, where float32 would round.
    samples = np.full((1, 1, 400), 300_001)
    table = monte_carlo(samples, 0, 0, COSTS, opening_stock=0, lost_sales=False)
    walk = simulate(samples[0], 0, 0, opening_stock=0, lost_sales=False)
    assert table["unmet"][0] == walk.unmet.sum() and table["demand"][0] == 400 * 300_001


@pytest.mark.parametrize("lost_sales", [True, False])
def test_standard_errors_tell_the_spread_between_seeds(lost_sales):
    # One item 400 times over: the spread of its 400 estimates is what each estimate's standard error promises.
    demand = PoissonPaths(np.full(400, 3.0), 60, 40)
    table = monte_carlo(demand, 11, 14, COSTS, lost_sales=lost_sales, seed=1)
    for name in ("fill_rate", "total_cost", "mean_stock", "cycle_service", "orders"):
        assert table[f"{name}_se"].mean() == pytest.approx(table[name].std(), rel=0.15), name


def test_base_stock_costs_what_the_newsvendor_promises():
    mean, lead_time, n_days = 2.5, 3, 60
    best = poisson_newsvendor(mean, 1.0, 9.0, periods=lead_time + 1)
    demand = PoissonPaths([mean], 4000, n_days)
    timing = {"lead_time": lead_time, "lost_sales": False, "opening_stock": best.level}
    total, warm_up = (
        monte_carlo(PoissonPaths([mean], 4000, days), best.level, best.level, Costs(1.0, 9.0, 0.0), seed=2, **timing)
        for days in (n_days, lead_time)
    )
    cost = (total["total_cost"][0] - warm_up["total_cost"][0]) / (n_days - lead_time)
    error = np.hypot(total["total_cost_se"][0], warm_up["total_cost_se"][0]) / (n_days - lead_time)
    assert cost == pytest.approx(best.cost, abs=3 * error) and error < 0.03
    table = monte_carlo(demand, best.level, best.level, COSTS, seed=3, **timing)
    assert table["cycle_service"][0] == pytest.approx(
        poisson.cdf(best.level, (lead_time + 1) * mean), abs=3 * table["cycle_service_se"][0]
    )


@pytest.mark.parametrize(("lead_time", "review"), [(0, 1), (2, 1), (2, 3)])
def test_long_run_cost_of_levels_is_the_exact_one(lead_time, review):
    # Problem 4.31's costs; the cost of the first 100 days is taken off, so that the opening stock does not count.
    mean, s, S, costs = 4.0, 14 + 4 * review, 22 + 4 * review, Costs(40.0, 125.0, 150.0)
    exact = levels_cost(
        poisson_demand(mean),
        s,
        S,
        holding_cost=40,
        shortage_cost=125,
        order_cost=150,
        lead_time=lead_time,
        review=review,
    )[0]
    tables = [
        monte_carlo(
            PoissonPaths([mean], 500, n_days), s, S, costs,
            opening_stock=S, lead_time=lead_time, review=review, lost_sales=False, seed=n_days,
        )
        for n_days in (99, 699)
    ]  # fmt: skip
    cost = (tables[1]["total_cost"][0] - tables[0]["total_cost"][0]) / 600
    error = np.hypot(tables[1]["total_cost_se"][0], tables[0]["total_cost_se"][0]) / 600
    assert cost == pytest.approx(exact, abs=3 * error) and error < 0.005 * exact


def test_levels_that_are_not_whole_are_walked_in_double_precision():
    samples = np.random.default_rng(4).poisson(3.0, (1, 1, 30))
    table = monte_carlo(samples, 11.1, 14.3, COSTS)
    assert table["holding_cost"][0] == pytest.approx(simulate(samples[0], 11.1, 14.3).closing_stock.sum(), rel=1e-14)
    assert np.isnan(table["total_cost_se"][0])  # one path tells nothing of the spread


def test_measures_take_totals_of_many_paths():
    samples = np.random.default_rng(2).poisson(3.0, (2, 5, 20))
    many = walk_totals(samples.transpose(2, 0, 1).astype(float), *np.full((2, 20, 2), 12.0), np.array([5.0, 5.0]))
    walks = [simulate(samples[:, path], 12, 12) for path in range(5)]
    for measure in (fill_rate, turnover_days, cycle_service):
        np.testing.assert_allclose(measure(many, per_item=True), [measure(walk, per_item=True) for walk in walks])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"demand": np.ones((2, 3))}, "samples"),
        ({"s": 20}, "s exceeds S"),
        ({"S": np.ones((2, 9))}, "S has shape"),
        ({"review": 0}, "review"),
        ({"opening_stock": -1}, "opening_stock"),
        ({"costs": Costs(np.ones(3), 1.0, 0.0)}, "costs"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(wrong, named):
    with pytest.raises(ParameterError, match=named):
        monte_carlo(**({"demand": np.ones((2, 3, 4)), "s": 2, "S": 4, "costs": COSTS} | wrong))
