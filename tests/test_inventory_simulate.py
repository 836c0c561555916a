import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import critical_ratio, normal_newsvendor, poisson_newsvendor
from bowerbird.inventory.simulate import cycle_service, fill_rate, simulate


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
        row["short"] = asked - row["sales"]
        waiting_customers += 0 if lost_sales else row["short"]
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
def test_walk_equals_a_ledger_kept_item_by_item(problem):
    demand, s, S, timing = problem
    walk = simulate(demand, s, S, **timing)
    for i in range(len(demand)):
        for day, row in enumerate(one_item_day_by_day(demand[i].tolist(), s[i].tolist(), S[i].tolist(), **timing)):
            assert {name: getattr(walk, name)[i, day] for name in row} == row


@given(problems())
def test_units_are_conserved(problem):
    demand, s, S, timing = problem
    walk = simulate(demand, s, S, **timing)
    np.testing.assert_array_equal(walk.sales + walk.short, demand)
    np.testing.assert_array_equal(walk.opening_stock[:, 1:], walk.closing_stock[:, :-1])
    # Net stock falls by demand (less what is lost) and rises by arrivals; what was ordered arrived or is on order.
    lost = walk.short if timing["lost_sales"] else 0
    net = walk.closing_stock - walk.backorders
    np.testing.assert_array_equal(net, timing["opening_stock"] + np.cumsum(walk.arrivals - demand + lost, axis=1))
    np.testing.assert_array_equal(np.cumsum(walk.orders - walk.arrivals, axis=1), walk.on_order)
    assert min(x.min() for x in (walk.closing_stock, walk.on_order, walk.sales, walk.short, walk.orders)) >= 0
    assert not ((walk.closing_stock > 0) & (walk.backorders > 0)).any()
    # After a review the position lies between s and the larger of S and what was there.
    before = walk.opening_stock + np.cumsum(walk.orders - walk.arrivals, axis=1) + walk.arrivals
    owed = np.hstack([np.zeros((len(demand), 1)), walk.backorders[:, :-1]])
    reviewed = slice(None, None, timing["review"])
    assert ((before - owed)[:, reviewed] >= s[:, reviewed]).all()


@given(problems())
def test_more_stock_never_means_fewer_sales(problem):
    # Base stock with s = S only: for general (s, S), a higher s can shift orders to worse days.
    demand, s, _, timing = problem
    S = s.max(axis=1, keepdims=True)
    fewer, more = (simulate(demand, level, level, **timing) for level in (S, S + 3))
    assert fill_rate(more) >= fill_rate(fewer)


def test_the_contest_by_hand():
    # 5 in stock is below s = 6: order 5 to reach S = 10, here on day 3. Day 2 finds the shelf empty and loses 2.
    walk = simulate(np.array([[2, 3, 2, 4, 1]]), [[6, 6, 6, 6, 6]], [[10, 10, 10, 10, 10]])
    np.testing.assert_array_equal(walk.orders, [[5, 0, 5, 0, 0]])  # positions 5, 8, 5, 10, 6
    np.testing.assert_array_equal(walk.arrivals, [[0, 0, 0, 5, 0]])
    np.testing.assert_array_equal(walk.sales, [[2, 3, 0, 4, 1]])
    np.testing.assert_array_equal(walk.closing_stock, [[3, 0, 0, 1, 0]])
    np.testing.assert_array_equal(walk.on_order, [[5, 5, 10, 5, 5]])


def replicated(values):
    """Mean over independent items and its standard error."""
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


@pytest.mark.parametrize(("lead_time", "review"), [(3, 1), (0, 1), (2, 3)])
def test_base_stock_reaches_the_newsvendors_service_on_poisson_demand(lead_time, review):
    n_items, n_days, mean, holding, shortage = 1500, 210, 2.5, 1.0, 9.0
    protection = lead_time + review
    best = poisson_newsvendor(mean, holding, shortage, periods=protection)
    demand = np.random.default_rng(5).poisson(mean, size=(n_items, n_days))
    walk = simulate(
        demand, best.level, best.level, opening_stock=best.level, lead_time=lead_time, review=review, lost_sales=False
    )
    achieved, error = replicated(cycle_service(walk, per_item=True))
    # Whole units: the best level's own probability, the first at or above the critical ratio.
    assert achieved == pytest.approx(poisson.cdf(best.level, protection * mean), abs=3 * error)
    assert achieved > critical_ratio(holding, shortage) - 3 * error
    assert error < 0.004


def test_base_stock_reaches_the_critical_ratio_and_the_cost_of_example_4_4():
    best = normal_newsvendor(50, 8, 0.18, 0.70, periods=5)
    demand = np.maximum(np.random.default_rng(6).normal(50, 8, size=(1500, 210)), 0)
    walk = simulate(demand, best.level, best.level, opening_stock=best.level, lead_time=4, lost_sales=False)
    achieved, error = replicated(cycle_service(walk, per_item=True))
    assert achieved == pytest.approx(critical_ratio(0.18, 0.70), abs=3 * error) and error < 0.002
    daily = 0.18 * walk.closing_stock[:, 4:] + 0.70 * walk.backorders[:, 4:]
    cost, error = replicated(daily.mean(axis=1))
    assert cost == pytest.approx(4.4667810, abs=3 * error) and error < 0.012


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"demand": [[1, -1]]}, "demand"),
        ({"demand": [[1, np.nan]]}, "demand"),
        ({"demand": [1, 2]}, "demand"),
        ({"s": [[9, 9]]}, "s exceeds S"),
        ({"S": [[5, 5, 5]]}, "S has shape"),
        ({"review": 0}, "review"),
        ({"lead_time": -1}, "lead_time"),
        ({"opening_stock": -1}, "opening_stock"),
        ({"opening_stock": np.nan}, "opening_stock"),
        ({"demand": np.empty((1, 0))}, "demand"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(wrong, named):
    with pytest.raises(ParameterError, match=named):
        simulate(**({"demand": [[1, 2]], "s": [[2, 2]], "S": [[4, 4]]} | wrong))
