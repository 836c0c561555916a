"""Simulated stock against a ledger kept by hand, sampled paths, measures, costs and the plan."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bowerbird.errors import ParameterError
from bowerbird.inventory import simulate as module
from bowerbird.inventory.demand import critical_ratio, poisson_demand
from bowerbird.inventory.plan import replenishment_plan, whole_units
from bowerbird.inventory.policy import levels_cost, order_up_to_level, periodic_review_levels
from bowerbird.inventory.simulate import (
    Costs,
    Totals,
    assumed_costs,
    cost_parts,
    cycle_service,
    fill_rate,
    simulate,
    simulate_paths,
    summary,
    turnover_days,
)


def one_item_day_by_day(demand, s, S, opening_stock, lead_time, review, lost_sales):
    """A storekeeper's ledger: units and orders in plain Python lists, one item."""
    shelf, waiting_customers, on_the_road, rows = opening_stock, 0, [], []
    for day, asked in enumerate(demand):
        row = {"opening_stock": shelf, "orders": 0, "arrivals": 0}

        def receive(day=day, row=row):
            nonlocal shelf, on_the_road
            for due, units in on_the_road:
                if due == day:
                    shelf += units
                    row["arrivals"] += units
            on_the_road = [(due, units) for due, units in on_the_road if due != day]

        receive()
        if day % review == 0:
            position = shelf + sum(units for _, units in on_the_road) - waiting_customers
            if position < s[day]:
                row["orders"] = S[day] - position
                on_the_road.append((day + lead_time, S[day] - position))
        receive()  # an order without lead time is here at once
        while waiting_customers and shelf:
            shelf, waiting_customers = shelf - 1, waiting_customers - 1
        row["sales"] = min(shelf, asked)
        shelf -= row["sales"]
        waiting_customers += 0 if lost_sales else asked - row["sales"]
        row |= {"backorders": waiting_customers, "closing_stock": shelf}
        rows.append(row | {"on_order": sum(units for _, units in on_the_road)})
    return rows


@st.composite
def problems(draw):
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 12)))
    demand = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 9)))
    s = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 15)))
    S = s + draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 8)))
    timing = {
        "opening_stock": draw(st.integers(0, 10)),
        "lead_time": draw(st.integers(0, 5)),
        "review": draw(st.integers(1, 4)),
        "lost_sales": draw(st.booleans()),
    }
    return demand, s, S, timing


@given(problems())
def test_simulation_equals_a_ledger_kept_item_by_item(problem):
    demand, s, S, timing = problem
    run = simulate(demand, s, S, **timing)
    for i in range(len(demand)):
        for day, row in enumerate(one_item_day_by_day(demand[i].tolist(), s[i].tolist(), S[i].tolist(), **timing)):
            assert {name: getattr(run, name)[i, day] for name in row} == row


def test_an_order_that_arrives_after_the_end_changes_nothing():
    run = simulate(np.ones((1, 5)), 3.0, 9.0, opening_stock=2, lead_time=10**9)
    assert run.sales.sum() == 2 and run.arrivals.sum() == 0 and run.orders.sum() == 7


def replicated(values):
    """Mean over independent items and its standard error."""
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


def test_base_stock_has_the_cost_of_example_4_4():
    level = order_up_to_level(critical_ratio(0.18, 0.70), 50, 8, lead_time=4, review=1)
    demand = np.maximum(np.random.default_rng(6).normal(50, 8, size=(1500, 210)), 0)
    run = simulate(demand, level, level, opening_stock=level, lead_time=4, lost_sales=False)
    cost, error = replicated((0.18 * run.closing_stock[:, 4:] + 0.70 * run.backorders[:, 4:]).mean(axis=1))
    assert cost == pytest.approx(4.4667810, abs=3 * error) and error < 0.012


# ---- sampled paths --------------------------------------------------------------------------------------------------

LEVELS = {"s": 12, "S": 15}


@settings(max_examples=60)
@given(problems(), st.integers(1, 4), st.booleans())
def test_totals_are_those_of_simulate_on_every_path(problem, n_paths, whole):
    demand, s, S, timing = problem
    samples = np.random.default_rng(demand.sum()).permuted(np.repeat(demand[:, None], n_paths, axis=1), axis=2)
    if not whole:
        samples, s, S = samples / 4, s / 4, S / 4
    many = simulate_paths(samples, s, S, **timing)
    for path in range(n_paths):
        one = simulate(samples[:, path], s, S, **timing).totals
        for name in Totals.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(many, name)[path], getattr(one, name), err_msg=name)


def equal(first: Totals, second: Totals) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in Totals.__dataclass_fields__)


def test_the_same_seed_gives_the_same_bits_with_any_executor(monkeypatch):
    demand, size = poisson_demand(np.linspace(0.5, 6, 90)), {"n_paths": 400, "n_days": 30}
    alone = simulate_paths(demand, **LEVELS, **size, seed=7)
    for pool in (ThreadPoolExecutor(3), ProcessPoolExecutor(2)):
        with pool:
            assert equal(simulate_paths(demand, **LEVELS, **size, seed=7, executor=pool), alone)
    assert not equal(simulate_paths(demand, **LEVELS, **size, seed=8), alone)
    given_samples = np.random.default_rng(0).poisson(3.0, (9, 50, 20))
    whole = simulate_paths(given_samples, **LEVELS)
    monkeypatch.setattr(module, "BLOCK", 7)  # every item a block of its own
    assert equal(simulate_paths(given_samples, **LEVELS), whole)


@pytest.mark.parametrize("samples", [np.full((1, 1, 400), 301), np.full((1, 1, 400), 0.1)])
def test_large_and_broken_numbers_are_simulated_in_double_precision(samples):
    # 400 days of 301 units, backordered until the end, add up to more than 2^24, where float32 would round.
    options = {"s": 0, "S": 0, "opening_stock": 0, "lead_time": 400, "lost_sales": False}
    totals, one = simulate_paths(samples, **options), simulate(samples[0], **options).totals
    assert totals.unmet[0] == pytest.approx(one.unmet, rel=1e-14) and totals.demand.sum() == samples.sum()


@pytest.mark.parametrize(("lead_time", "review"), [(0, 1), (2, 1), (2, 3)])
def test_long_run_cost_of_levels_is_the_exact_one(lead_time, review):
    # Problem 4.31's costs; the cost of the first 99 days is taken off, so that the opening stock does not count.
    s, S, demand = 14 + 4 * review, 22 + 4 * review, poisson_demand(4.0)
    costs, timing = Costs(40.0, 125.0, 150.0), {"lead_time": lead_time, "review": review}
    exact = levels_cost(demand, s, S, holding_cost=40, shortage_cost=125, order_cost=150, **timing)[0]
    timing |= {"opening_stock": S, "lost_sales": False}
    totals = (simulate_paths(demand, s, S, n_paths=500, n_days=n, seed=n, **timing) for n in (99, 699))
    short, long = (cost_parts(total, costs)["total_cost"][:, 0] for total in totals)
    cost, error = (long.mean() - short.mean()) / 600, np.hypot(long.std(), short.std()) / np.sqrt(500) / 600
    assert cost == pytest.approx(exact, abs=3 * error) and error < 0.005 * exact


# ---- measures and costs ---------------------------------------------------------------------------------------------

DEMAND = np.array([[2, 3, 2, 4, 1], [0, 0, 0, 0, 0], [0, 0, 9, 0, 0]])
S_CONTEST = np.array([[6] * 5, [0] * 5, [0] * 5]), np.array([[10] * 5, [0] * 5, [0] * 5])
COSTS = Costs(holding=np.array([1.0, 2.0, 10.0]), shortage=np.array([7.0, 7.0, 3.0]), order=4.0)


def contest(lost_sales=True, item=None):
    """Item 0 as in the contest by hand; item 1 is never asked for; item 2 sells its 5 and is 4 short."""
    rows = slice(None) if item is None else [item]
    return simulate(DEMAND[rows], S_CONTEST[0][rows], S_CONTEST[1][rows], lost_sales=lost_sales)


def test_fill_rate_and_turnover_by_hand():
    assert [fill_rate(contest(item=item)) for item in range(3)] == pytest.approx([10 / 12, 1, 5 / 9])
    assert fill_rate(contest()) == pytest.approx(15 / 21)
    # (5 + 0) / 2 x 5 / 10 and (5 + 0) / 2 x 5 / 5; item 1 keeps its 5 for ever.
    assert [turnover_days(contest(item=item)) for item in range(3)] == [1.25, np.inf, 2.5]
    assert turnover_days(contest()) == pytest.approx((15 + 5) / 2 * 5 / 15)
    # Backorders made good count as sold: item 0 ships 2 + 3 and the 5 that arrive on day 3, then 0.
    late = contest(lost_sales=False, item=0)
    assert late.sales.sum() == 8 and turnover_days(late) == pytest.approx((5 + 0) / 2 * 5 / 10)
    empty = simulate(np.zeros((1, 5)), 0, 0, opening_stock=0)
    assert turnover_days(empty) == 0 and fill_rate(empty) == 1


def test_cycle_service_by_hand():
    # Day 2 is short for items 0 and 2 but lies before the first possible arrival on day 3.
    assert cycle_service(contest()) == 1
    # Backorders: item 0 owes 2, receives 5 on day 3, is asked for 4 and owes again; item 2 owes 4 to the end.
    assert [cycle_service(contest(lost_sales=False, item=item)) for item in range(3)] == [0, 1, 0]
    # One verdict a cycle: days 1-3 and 4-6; days 7 and 8 are left out.
    demand = np.array([[0, 1, 0, 0, 0, 1, 0, 0, 0]])
    assert cycle_service(simulate(demand, 0, 0, opening_stock=0, lead_time=1, review=3)) == 0
    assert cycle_service(simulate(demand, 0, 0, opening_stock=1, lead_time=1, review=3)) == 0.5
    assert np.isnan(cycle_service(simulate(demand, 0, 0, lead_time=8, review=2)))


def test_costs_and_summary_by_hand():
    parts = cost_parts(contest().totals, COSTS)
    np.testing.assert_allclose(parts["holding_cost"], [3 + 0 + 0 + 1 + 0, 2 * 25, 10 * (5 + 5)])
    np.testing.assert_allclose(parts["shortage_cost"], [7 * 2, 0, 3 * 4])
    np.testing.assert_allclose(parts["ordering_cost"], [8, 0, 0])
    assert cost_parts(contest(lost_sales=False).totals, COSTS)["shortage_cost"][2] == 3 * 4 * 3  # 4 wait for 3 days
    row = summary(contest(), COSTS)
    assert row["total_cost"] == pytest.approx(4 + 50 + 100 + 14 + 12 + 8)
    assert row["mean_stock"] == pytest.approx((4 + 25 + 10) / 5)
    assert row["orders"] == 2 and row["fill_rate"] == pytest.approx(15 / 21)


def test_the_assumed_price_scales_both_costs_and_leaves_the_service_level():
    costs = assumed_costs(0.9, np.array([1.0, 10.0, 250.0]))
    np.testing.assert_allclose(costs.holding, np.array([1.0, 10.0, 250.0]) * 0.30 / 365)
    np.testing.assert_allclose(critical_ratio(costs.holding, costs.shortage), 0.9)
    with pytest.raises(ParameterError, match="price"):
        assumed_costs(price=[1.0, 0.0])
    with pytest.raises(ParameterError, match="shortage of costs holds nan"):
        Costs(1.0, np.nan, 0.0)


ONE = {"demand": [[1, 2]], "s": [[2, 2]], "S": [[4, 4]]}


@pytest.mark.parametrize(
    ("function", "wrong", "named"),
    [
        (simulate, {"demand": [[1, -1]]}, "demand holds -1"),
        (simulate, {"demand": [[1, np.nan]]}, "demand holds nan"),
        (simulate, {"demand": [1, 2]}, "demand, shape"),
        (simulate, {"s": [[9, 9]]}, "s exceeds S"),
        (simulate, {"S": [[5, 5, 5]]}, "S has shape"),
        (simulate, {"S": np.inf}, "S holds inf"),
        (simulate, {"review": 0}, "review"),
        (simulate, {"lead_time": -1}, "lead_time"),
        (simulate, {"opening_stock": -1}, "opening_stock"),
        (simulate_paths, {"demand": [[1, 2]]}, "samples, shape"),
        (simulate_paths, {"demand": [[[1, -2]]]}, "samples holds -2"),
        (simulate_paths, {"demand": [[[1, 2]]], "s": [[9, 9]]}, "s exceeds S"),
        (simulate_paths, {"demand": poisson_demand(1.0)}, "n_paths is 0"),
        (simulate_paths, {"demand": poisson_demand(1.0), "n_paths": 10, "n_days": 10**10}, "n_paths and n_days would"),
    ],
)
def test_unusable_arguments_are_refused_by_name(function, wrong, named):
    with pytest.raises(ParameterError, match=named):
        function(**ONE | wrong)


# ---- the plan -------------------------------------------------------------------------------------------------------

SERIES = pd.DataFrame(
    {
        "seller_no": ["seller_6", "seller_6", "seller_1"],
        "product_no": ["product_1312", "product_1314", "product_9"],
        "warehouse_no": ["wh_43", "wh_43", "wh_1"],
        "category1": ["a", "b", "c"],
    },
    index=[12, 5, 7],
)
DATES = pd.date_range("2023-05-16", "2023-05-30")


def inputs():
    rng = np.random.default_rng(7)
    mean = np.array([[2.4], [0.3], [17.0]]) * rng.uniform(0.8, 1.2, (3, 15))
    return rng.poisson(mean[:, None, :], size=(3, 200, 15)), mean


def test_plan_can_be_followed_row_by_row():
    samples, mean = inputs()
    plan = replenishment_plan(SERIES, DATES, samples, mean, service_level=0.95)
    assert list(plan) == [
        "seller_no", "product_no", "warehouse_no", "date", "s", "S",
        "opening_stock", "arrivals", "forecast_demand", "order", "closing_stock",
    ]  # fmt: skip
    levels = periodic_review_levels(samples, service_level=0.95)
    np.testing.assert_array_equal(plan[["s", "S"]], np.stack([levels.s.ravel(), levels.S.ravel()], axis=1))
    for k, (product, item) in enumerate(plan.groupby("product_no", sort=False)):
        assert product == SERIES["product_no"].iloc[k] and item["date"].tolist() == list(DATES)
        stock, pending = 5, [0] * 3
        for row in item.itertuples():
            assert row.opening_stock == stock and row.arrivals == pending[0]
            stock += pending.pop(0)
            position = stock + sum(pending)
            assert row.order == (row.S - position if position < row.s else 0)
            pending.append(row.order)
            stock = max(stock - row.forecast_demand, 0)
            assert row.closing_stock == stock


def test_plan_looks_beyond_its_last_day_where_the_samples_do():
    samples, mean = inputs()
    longer = np.concatenate([samples, samples[:, :, :4] + 50], axis=2)
    short, long = (replenishment_plan(SERIES, DATES, x, mean, service_level=0.95) for x in (samples, longer))
    unchanged = (short["s"] == long["s"]).to_numpy().reshape(3, 15)
    assert unchanged[:, :12].all() and not unchanged[:, 12:].any()  # day 12 is the last whose 4 days end in the plan


@given(hnp.arrays(float, (2, 15), elements=st.floats(0, 50)))
def test_whole_units_keep_the_running_total(mean):
    units = whole_units(mean)
    assert (units >= 0).all()
    assert (np.abs(units.cumsum(axis=1) - mean.cumsum(axis=1)) <= 0.5 + 1e-9).all()


def test_shapes_that_do_not_fit_are_refused():
    samples, mean = inputs()
    with pytest.raises(ParameterError, match="forecast_mean"):
        replenishment_plan(SERIES, DATES, samples, mean[:, :14], service_level=0.95)
