"""Dynamic prices, markdowns, transfers and the end of an item's life; how demand answers to price."""

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from conftest import panel_of
from scipy.optimize import minimize
from scipy.stats import poisson

from bowerbird.errors import ParameterError
from bowerbird.planning.price_response import LEAST_SERIES, price_response, shrink
from bowerbird.planning.pricing import end_of_life, exponential_pricing, fixed_price, markdown_plan, transfer
from bowerbird.studies.prices import plant_prices

INF = np.inf


def test_gallego_van_ryzin_1994_a_20_t_1():
    best = exponential_pricing(10, 1.0, scale=20.0)
    assert best.revenue[0] == 0 and best.price[0] == np.inf
    np.testing.assert_allclose(best.revenue[[1, 5, 10]], [2.12317, 6.0004, 7.223107], rtol=1e-5)
    np.testing.assert_allclose(best.price[[1, 10]], [3.12317, 1.098123], rtol=1e-5)


def test_the_closed_form_against_a_backward_dp_of_short_steps():
    prices, steps = np.linspace(0.5, 6, 200), 20_000
    rates, revenue = 9 * np.exp(-prices), np.zeros(5)
    for _ in range(steps):  # in a short step one customer comes with chance lambda dt, or none
        chance = rates * 2.0 / steps
        revenue[1:] = (chance * (prices + revenue[:-1, None]) + (1 - chance) * revenue[1:, None]).max(axis=1)
    np.testing.assert_allclose(exponential_pricing(4, 2.0, scale=9.0).revenue, revenue, rtol=5e-4)


def test_sensitivity_is_a_change_of_currency_and_large_stocks_do_not_overflow():
    dollars, cents = (exponential_pricing(8, 2.0, scale=9.0, sensitivity=b) for b in (1.0, 0.01))
    np.testing.assert_allclose(cents.revenue, 100 * dollars.revenue)
    np.testing.assert_allclose(cents.price, 100 * dollars.price)
    best = exponential_pricing(3000, 100.0, scale=50.0)
    assert best.revenue[-1] == pytest.approx(5000 / np.e)  # as good as unlimited stock: a t / e customers at price 1
    assert best.price[-1] == pytest.approx(1.0)


def test_nothing_to_sell_and_no_time_left():
    assert exponential_pricing(4, 0.0, scale=5.0).revenue.tolist() == [0] * 5
    np.testing.assert_allclose(exponential_pricing(4, 0.0, scale=5.0).price[1:], 1.0)
    assert exponential_pricing(0, 1.0, scale=5.0).revenue.tolist() == [0]
    assert fixed_price(0, 1.0, scale=20.0).bound == 0


@pytest.mark.parametrize(("n_units", "t"), [(1, 1.0), (5, 1.0), (10, 1.0), (40, 5.0), (3, 50.0)])
def test_bounds_of_gallego_and_van_ryzin_hold(n_units, t):
    best = exponential_pricing(n_units, t, scale=20.0).revenue[-1]
    fixed = fixed_price(n_units, t, scale=20.0)
    assert fixed.revenue <= best <= fixed.bound
    # Theorem 3: J_FP / J* >= 1 - 1 / (2 sqrt(min(n, lambda* t)))
    assert fixed.revenue / best >= 1 - 1 / (2 * np.sqrt(min(n_units, 20 / np.e * t)))


def test_fixed_price_by_hand():
    scarce = fixed_price(1, 1.0, scale=20.0)  # run-out price log 20: one customer expected
    assert scarce.price == pytest.approx(np.log(20)) and scarce.bound == pytest.approx(np.log(20))
    assert scarce.revenue == pytest.approx(np.log(20) * (1 - np.exp(-1)))
    plenty = fixed_price(1000, 1.0, scale=20.0)
    assert plenty.price == 1 and plenty.bound == pytest.approx(20 / np.e) == pytest.approx(plenty.revenue)


# ---------------------------------------------------------------- markdowns


@pytest.mark.parametrize("seed", range(20))
def test_markdowns_against_trying_every_price_at_every_turn(seed):
    rng = np.random.default_rng(seed)
    n_periods, n_prices, n_units, salvage = *rng.integers(1, 4, size=2), int(rng.integers(0, 7)), rng.uniform(-1, 2)
    prices = np.sort(rng.choice(np.arange(1, 15), n_prices, replace=False))[::-1].astype(float)
    mean = np.sort(rng.uniform(0, 4, (n_periods, n_prices)), axis=1)

    @cache
    def worth(t, units, choice):
        if t == n_periods:
            return salvage * units
        options = []
        for k in range(choice, n_prices):
            expected = 0.0
            for asked in range(60):
                sold = min(asked, units)
                expected += poisson.pmf(asked, mean[t, k]) * (prices[k] * sold + worth(t + 1, units - sold, k))
            options.append(expected)
        return max(options)

    plan = markdown_plan(n_units, prices, mean, salvage=salvage)
    for t, units, choice in np.ndindex(n_periods + 1, n_units + 1, n_prices):
        assert plan.value[t, units, choice] == pytest.approx(worth(t, units, choice), abs=1e-9)
    assert plan.value[0, n_units, 0] <= plan.bound + 1e-9


def test_markdown_of_one_period_by_hand():
    # One unit, prices 10 and 6, mean demand 1 and 3: 10 (1 - 1/e) = 6.32 against 6 (1 - e^-3) = 5.70.
    plan = markdown_plan(1, [10, 6], [[1.0, 3.0]])
    assert plan.value[0, 1, 0] == pytest.approx(10 * (1 - np.exp(-1))) and plan.choice[0, 1, 0] == 0
    assert plan.value[0, 1, 1] == pytest.approx(6 * (1 - np.exp(-3)))  # once marked down, it stays
    assert plan.bound == pytest.approx(10)
    assert markdown_plan(1, [10, 6], [[1.0, 3.0]], salvage=-5).choice[0, 1, 0] == 1  # disposal makes selling urgent
    many = markdown_plan(50, [10, 6], [[1.0, 3.0]])
    assert many.value[0, 50, 0] == pytest.approx(18) == many.bound and many.choice[0, 50, 0] == 1


# ---------------------------------------------------------------- transfers


def test_two_by_two_by_hand():
    # A spares 10, B spares 5; C is short of 8, D of 12. All 15 units move: A-C 8 at 1, A-D 2 at 4, B-D 5 at 2.
    best = transfer([10, 5], [8, 12], [[1, 4], [3, 2]], worth=9)
    np.testing.assert_array_equal(best.units, [[8, 2], [0, 5]])
    assert best.gain == pytest.approx(8 * (9 - 1) + 2 * (9 - 4) + 5 * (9 - 2))
    np.testing.assert_allclose(best.surplus_worth, [5, 7])  # one more unit of either serves D
    np.testing.assert_allclose(best.shortage_worth, [3, 0])  # one more short at C: 8 gained, 5 given up at D


def test_a_unit_stays_where_moving_it_does_not_pay_or_there_is_no_way():
    best = transfer([10, 10], [8, 8], [[1, 4], [3, 2]], worth=[3, 1])
    np.testing.assert_array_equal(best.units, [[8, 0], [0, 0]])  # to D costs 4 or 2 for a worth of 1
    assert best.gain == 16
    apart = transfer([5, 5], [6, 6], [[1, INF], [INF, INF]], worth=9)
    np.testing.assert_array_equal(apart.units, [[5, 0], [0, 0]])
    nowhere = transfer([5], [6], [[INF]], worth=9)
    assert nowhere.gain == 0 and nowhere.surplus_worth.tolist() == [0]


@pytest.mark.parametrize("seed", range(15))
def test_transfer_against_trying_all_whole_numbers(seed):
    rng = np.random.default_rng(seed)
    surplus, shortage = rng.integers(0, 4, 2), rng.integers(0, 4, 2)
    cost, worth = rng.integers(0, 6, (2, 2)), rng.integers(1, 9, 2)
    best = transfer(surplus, shortage, cost, worth=worth)
    gains = []
    for flat in product(range(4), repeat=4):
        units = np.reshape(flat, (2, 2))
        if (units.sum(axis=1) <= surplus).all() and (units.sum(axis=0) <= shortage).all():
            gains.append((units * (worth - cost)).sum())
    assert best.gain == pytest.approx(max(gains))
    np.testing.assert_array_equal(best.units, np.rint(best.units))
    # Strong duality: the gain is what surplus and shortage are worth together.
    assert best.gain == pytest.approx(best.surplus_worth @ surplus + best.shortage_worth @ shortage)


def test_end_of_life_by_hand():
    # A holds 4 units, worth 5, 2, 1, 0 there; at B two would bring 6 and 4. Moving costs 1, clearing brings 1.5.
    value = np.array([[0, 5, 7, 8, 8], [0, 6, 10, 10, 10]])
    best = end_of_life([4, 0], value, [[0, 1], [1, 0]], clearing_price=1.5)
    np.testing.assert_array_equal(best.keep, [2, 0])
    np.testing.assert_array_equal(best.move, [[0, 2], [0, 0]])
    np.testing.assert_array_equal(best.clear, [0, 0])
    assert best.value == pytest.approx(7 + 10 - 2)
    dear = end_of_life([4, 0], value, [[0, 4.4], [1, 0]], clearing_price=1.5)
    np.testing.assert_array_equal([dear.keep[0], dear.move[0, 1], dear.clear[0]], [2, 1, 1])  # 6 - 4.4 > 1.5 > 1
    with_none = end_of_life([4, 0], value + 2, [[0, 1], [1, 0]]).value
    assert with_none == pytest.approx(15 + 2 + 2)  # no units at all are worth 2 as well
    apart = end_of_life([4, 0], value, [[0, INF], [INF, 0]], clearing_price=1.5)
    np.testing.assert_array_equal([apart.keep[0], apart.clear[0]], [2, 2])


@pytest.mark.parametrize("seed", range(8))
def test_end_of_life_against_trying_everything(seed):
    rng = np.random.default_rng(seed)
    stock = rng.integers(0, 4, 2)
    worth = -np.sort(-rng.uniform(-1, 6, (2, 6)), axis=1)
    value = np.concatenate([np.zeros((2, 1)), worth.cumsum(axis=1)], axis=1)
    cost, price = rng.uniform(0, 3, (2, 2)), rng.uniform(-1, 3, 2)
    options = []
    for moved_a, moved_b in product(range(stock[0] + 1), range(stock[1] + 1)):
        for clear_a, clear_b in product(range(stock[0] - moved_a + 1), range(stock[1] - moved_b + 1)):
            kept = (stock[0] - moved_a - clear_a + moved_b, stock[1] - moved_b - clear_b + moved_a)
            transport = moved_a * cost[0, 1] + moved_b * cost[1, 0]
            cleared = clear_a * price[0] + clear_b * price[1]
            options.append(value[0, kept[0]] + value[1, kept[1]] + cleared - transport)
    best = end_of_life(stock, value, cost, clearing_price=price)
    assert best.value == pytest.approx(max(options))
    np.testing.assert_allclose(best.keep + best.move.sum(axis=1) + best.clear, stock)


# ---------------------------------------------------------------- how demand answers to price


def test_planted_elasticities_lie_in_their_intervals():
    panel, truth = plant_prices(400, np.random.default_rng(3))
    response = price_response(panel, "category1")
    assert response.reason.tolist() == [""] * 399 + ["price never moved"] and np.isnan(response.elasticity[-1])
    low, high = response.interval
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.98
    own, shrunk = (np.sqrt(np.nanmean((found - truth) ** 2)) for found in (response.own, response.elasticity))
    assert abs(np.nanmean(response.own - truth)) < 0.05 and shrunk < 0.85 * own


def test_the_estimate_of_one_series_is_the_maximum_of_the_likelihood():
    panel = plant_prices(2, np.random.default_rng(1))[0].select([0])
    weekday, level = np.eye(7)[np.arange(364) % 7], np.eye(13)[np.arange(364) // 28]
    inputs = np.column_stack([np.log(panel.prices[0]), weekday[:, 1:], level])

    def loss(coefficients):
        log_mean = inputs @ coefficients
        return (np.exp(log_mean) - panel.demand[0] * log_mean).sum()

    best = minimize(loss, np.zeros(inputs.shape[1]), options={"gtol": 1e-6})
    response = price_response(panel)
    assert response.own[0] == pytest.approx(best.x[0], abs=1e-4)
    assert response.own_error[0] >= 0.98 * np.sqrt(best.hess_inv[0, 0])  # dispersion is taken as 1 at least


def test_eight_schools():
    """Rubin 1981; Gelman et al., table 5.3: medians 10, 8, 7, 8, 5, 6, 10, 8."""
    effect, error = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    found, spread = shrink(effect, error, np.zeros(8))
    np.testing.assert_allclose(found, [10, 8, 7, 8, 5, 6, 10, 8], atol=1.6)
    assert (spread > 5.5).all() and (spread < 9).all()


def test_limits_of_shrinking():
    rng = np.random.default_rng(0)
    alike, error = rng.normal(-2, 1, 4000), np.ones(4000)  # no variance but that of the errors
    found, spread = shrink(alike, error, np.zeros(4000))
    assert np.abs(found + 2).max() < 0.25 and spread.max() < 0.15
    found, spread = shrink(np.append(alike[:50], -6), np.append(error[:50], 0.001), np.zeros(51))
    assert found[-1] == pytest.approx(-6, abs=1e-3) and spread[-1] == pytest.approx(0.001, rel=0.1)
    groups = np.repeat([0, 1, 2], [50, 50, LEAST_SERIES - 1])  # the third is too small, and taken with all
    own = np.concatenate([rng.normal(-1, 0.1, 50), rng.normal(-3, 0.1, 50), np.full(LEAST_SERIES - 1, -2.0)])
    found, _ = shrink(own, np.full(len(own), 0.1), groups)
    assert found[:50].mean() == pytest.approx(-1, abs=0.05) and found[50:100].mean() == pytest.approx(-3, abs=0.05)
    np.testing.assert_allclose(found[100:], -2, atol=0.05)
    assert np.isnan(shrink(np.full(3, np.nan), np.full(3, np.nan), np.zeros(3))[0]).all()


def test_where_a_price_says_nothing_there_is_no_number_but_a_reason():
    rng = np.random.default_rng(2)
    demand, days = rng.poisson(5.0, (5, 112)).astype(float), np.arange(112)
    price = np.full((5, 112), 4.0)
    price[1] = np.nan
    price[2] = np.where(days % 7 > 4, 3.0, 4.0)  # at weekends only
    price[3:] = np.where(days // 7 % 3 == 0, 3.0, 4.0)
    demand[3, 5:] = 0
    response = price_response(replace(panel_of(demand), prices=price))
    words = ["price never moved", "price not known", "price moved with level or weekday alone", "too few sales", ""]
    assert response.reason.tolist() == words
    assert np.isnan(response.elasticity).tolist() == [True] * 4 + [False]
    with pytest.raises(ParameterError, match="no prices"):
        price_response(panel_of(demand))
    with pytest.raises(ParameterError, match="prices reach down to 0"):
        price_response(replace(panel_of(demand), prices=0 * price))


def test_nothing_after_the_origin_changes_an_elasticity():
    panel = plant_prices(12, np.random.default_rng(5))[0]
    later = panel.dates >= panel.dates[200]
    other = replace(panel, demand=np.where(later, 1, panel.demand), prices=np.where(later, 99, panel.prices))
    before, after = (price_response(known.until(200), "category1") for known in (panel, other))
    np.testing.assert_array_equal(before.elasticity, after.elasticity)
    assert not np.allclose(before.own, price_response(panel, "category1").own, equal_nan=True)


def test_weekly_prices():
    weekly = pd.date_range("2020-01-06", periods=156, freq="7D")
    rng = np.random.default_rng(4)
    price = rng.choice([5.0, 4.0], (30, 156))
    demand = rng.poisson(20 * (price / 5) ** -2.0).astype(float)
    response = price_response(replace(panel_of(np.ones((30, 156))), dates=weekly, demand=demand, prices=price))
    low, high = response.interval
    assert np.mean((low < -2) & (high > -2)) > 0.9 and (response.error < 0.3).all()


# ---------------------------------------------------------------- refusals

SEASON = {"n_units": 3, "time_left": 1.0, "scale": 2.0}
SALE = {"n_units": 3, "prices": [9, 5], "mean_demand": [[1.0, 2.0]]}
MOVE = {"surplus": [1, 2], "shortage": [3], "transport_cost": [[1.0], [2.0]], "worth": 5}
LAST = {"stock": [2], "value": [[0, 2.0, 3.0]], "transport_cost": [[0.0]]}


@pytest.mark.parametrize(
    ("function", "good", "wrong", "named"),
    [
        (exponential_pricing, SEASON, {"n_units": -1}, "n_units"),
        (markdown_plan, SALE, {"n_units": 10**6}, "n_units would take"),
        (markdown_plan, SALE, {"prices": [5, 9]}, "prices"),
        (transfer, MOVE, {"surplus": [-1, 2]}, "surplus"),
        (transfer, MOVE, {"transport_cost": [[1.0, 1.0]]}, "transport_cost"),
        (end_of_life, LAST, {"value": [[0, 1, 3.0]]}, "not concave"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(function, good, wrong, named):
    with pytest.raises(ParameterError, match=named):
        function(**good | wrong)
