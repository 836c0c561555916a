import numpy as np
import pytest
from scipy.stats import poisson

from bowerbird.errors import ParameterError
from bowerbird.planning.pricing import exponential_pricing, fixed_price, intensity_pricing


def test_gallego_van_ryzin_1994_a_20_t_1():
    best = exponential_pricing(10, 1.0, scale=20.0)
    assert best.revenue[0] == 0 and best.price[0] == np.inf
    assert best.revenue[1] == pytest.approx(2.12317, abs=5e-6)
    assert best.revenue[5] == pytest.approx(6.0004, abs=5e-5)
    assert best.revenue[10] == pytest.approx(7.223107, abs=5e-7)
    assert best.price[1] == pytest.approx(3.12317, abs=5e-6)
    assert best.price[10] == pytest.approx(1.098123, abs=5e-7)


def test_more_units_or_more_time_mean_more_revenue_and_more_units_a_lower_price():
    early, late = (exponential_pricing(30, t, scale=12.0, sensitivity=0.3) for t in (4.0, 1.0))
    assert (np.diff(early.revenue) > 0).all() and (np.diff(early.revenue, n=2) < 0).all()
    assert (early.revenue[1:] > late.revenue[1:]).all() and (early.price[1:] > late.price[1:]).all()
    assert (np.diff(early.price[1:]) < 0).all()


def test_sensitivity_is_a_change_of_currency():
    dollars, cents = (exponential_pricing(8, 2.0, scale=9.0, sensitivity=b) for b in (1.0, 0.01))
    np.testing.assert_allclose(cents.revenue, 100 * dollars.revenue)
    np.testing.assert_allclose(cents.price, 100 * dollars.price)


def test_large_stocks_do_not_overflow():
    best = exponential_pricing(3000, 100.0, scale=50.0)
    assert best.revenue[-1] == pytest.approx(5000 / np.e)  # as good as unlimited stock: a t / e customers at price 1
    assert best.price[-1] == pytest.approx(1.0)


def test_nothing_to_sell_and_no_time_left():
    assert exponential_pricing(4, 0.0, scale=5.0).revenue.tolist() == [0] * 5
    np.testing.assert_allclose(exponential_pricing(4, 0.0, scale=5.0).price[1:], 1.0)
    assert exponential_pricing(0, 1.0, scale=5.0).revenue.tolist() == [0]
    assert intensity_pricing(0, 1.0, np.ones_like, [2.0]).revenue.tolist() == [0]


def test_numbers_agree_with_the_closed_form():
    exact = exponential_pricing(10, 1.0, scale=20.0)
    grid = intensity_pricing(10, 1.0, lambda p: 20 * np.exp(-p), np.linspace(0, 8, 4001))
    np.testing.assert_allclose(grid.revenue, exact.revenue, atol=2e-6)
    np.testing.assert_allclose(grid.price[1:], exact.price[1:], atol=2e-3)


def test_linear_demand_against_a_backward_dp_of_short_steps():
    prices, steps, t = np.array([2.0, 4.0, 5.0, 7.0]), 20_000, 3.0
    rates = 4 - 0.5 * prices
    revenue = np.zeros(5)
    for _ in range(steps):  # in a short step one customer comes with chance lambda dt, or none
        chance = rates * t / steps
        revenue[1:] = (chance * (prices + revenue[:-1, None]) + (1 - chance) * revenue[1:, None]).max(axis=1)
    best = intensity_pricing(4, t, lambda p: 4 - 0.5 * p, prices)
    np.testing.assert_allclose(best.revenue, revenue, rtol=2e-4)
    assert set(best.price[1:]) <= set(prices)


def test_one_allowed_price_earns_it_for_every_unit_sold():
    best = intensity_pricing(3, 2.0, lambda p: np.full_like(p, 1.5), np.array([10.0]))
    sold = [sum(min(k, n) * poisson.pmf(k, 3.0) for k in range(80)) for n in range(4)]
    np.testing.assert_allclose(best.revenue, 10 * np.array(sold), rtol=1e-6)


def test_where_nobody_buys_nothing_is_sold_and_no_price_is_named():
    best = intensity_pricing(2, 1.0, np.zeros_like, np.array([1.0, 2.0]))
    assert best.revenue.tolist() == [0, 0, 0] and best.price.tolist() == [np.inf] * 3


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
    assert fixed_price(0, 1.0, scale=20.0).bound == 0


def simulated_season(n_units, t, price_of, rng, n_runs, steps=2000):
    """Mean revenue of a price rule (units left, time left) -> price, customers arriving with intensity 20 exp(-p)."""
    left, revenue = np.full(n_runs, n_units), np.zeros(n_runs)
    for step in range(steps):
        price = price_of(left, t * (1 - step / steps))
        sold = (rng.random(n_runs) < 20 * np.exp(-price) * t / steps) & (left > 0)
        revenue += np.where(sold, price, 0)
        left = left - sold
    return revenue.mean(), revenue.std() / np.sqrt(n_runs)


def test_walking_the_optimal_prices_earns_the_expected_revenue():
    steps, n_units = 400, 5
    tables = {}

    def best(left, time_left):
        key = round(time_left * steps)
        if key not in tables:
            tables[key] = exponential_pricing(n_units, time_left, scale=20.0).price
        return tables[key][left]

    earned, error = simulated_season(n_units, 1.0, best, np.random.default_rng(0), 20_000, steps)
    assert earned == pytest.approx(6.0004, abs=3 * error + 0.02)  # the steps' own error
    fixed = fixed_price(n_units, 1.0, scale=20.0)
    assert earned > fixed.revenue + 10 * error


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_units": -1}, "n_units"),
        ({"n_units": 1.5}, "n_units"),
        ({"time_left": -1.0}, "time_left"),
        ({"time_left": np.nan}, "time_left"),
        ({"scale": 0.0}, "scale"),
        ({"sensitivity": -1.0}, "sensitivity"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(wrong, named):
    for function in (exponential_pricing, fixed_price):
        with pytest.raises(ParameterError, match=named):
            function(**({"n_units": 3, "time_left": 1.0, "scale": 2.0} | wrong))


def test_prices_and_rates_must_fit():
    for intensity, prices in [(np.ones_like, []), (lambda p: -p, [1.0]), (lambda p: np.ones(3), [1.0])]:
        with pytest.raises(ParameterError, match=r"prices|intensity"):
            intensity_pricing(3, 1.0, intensity, np.array(prices))
