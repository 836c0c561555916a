from functools import cache

import numpy as np
import pytest
from scipy.stats import poisson

from bowerbird.errors import ParameterError
from bowerbird.planning.markdown_pricing import markdown_plan


def random_problem(seed):
    rng = np.random.default_rng(seed)
    n_periods, n_prices = rng.integers(1, 4, size=2)
    prices = np.sort(rng.choice(np.arange(1, 15), n_prices, replace=False))[::-1].astype(float)
    mean = np.sort(rng.uniform(0, 4, (n_periods, n_prices)), axis=1)
    return int(rng.integers(0, 7)), prices, mean, float(rng.uniform(-1, 2)), float(rng.choice([0.0, 0.4]))


@pytest.mark.parametrize("seed", range(25))
def test_plan_against_trying_every_price_at_every_turn(seed):
    n_units, prices, mean, salvage, holding = random_problem(seed)
    n_periods, n_prices = mean.shape

    @cache
    def worth(t, units, rung):
        if t == n_periods:
            return salvage * units
        options = []
        for k in range(rung, n_prices):
            expected = 0.0
            for asked in range(60):
                sold = min(asked, units)
                rest = worth(t + 1, units - sold, k) - holding * (units - sold)
                expected += poisson.pmf(asked, mean[t, k]) * (prices[k] * sold + rest)
            options.append(expected)
        return max(options)

    plan = markdown_plan(n_units, prices, mean, salvage=salvage, holding_cost=holding)
    for t, units, rung in np.ndindex(n_periods + 1, n_units + 1, n_prices):
        assert plan.value[t, units, rung] == pytest.approx(worth(t, units, rung), abs=1e-9)
    assert plan.value[0, n_units, 0] <= plan.bound + 1e-9


def test_one_period_by_hand():
    # One unit, prices 10 and 6, mean demand 1 and 3: 10 (1 - 1/e) = 6.32 against 6 (1 - e^-3) = 5.70.
    plan = markdown_plan(1, [10, 6], [[1.0, 3.0]])
    assert plan.value[0, 1, 0] == pytest.approx(10 * (1 - np.exp(-1))) and plan.rung[0, 1, 0] == 0
    assert plan.value[0, 1, 1] == pytest.approx(6 * (1 - np.exp(-3)))  # once marked down, it stays
    assert plan.bound == pytest.approx(10)
    # Salvage of 5: now the low price would gain little; and a cost of disposal makes selling urgent.
    assert markdown_plan(1, [10, 6], [[1.0, 3.0]], salvage=-5).rung[0, 1, 0] == 1
    many = markdown_plan(50, [10, 6], [[1.0, 3.0]])
    assert many.value[0, 50, 0] == pytest.approx(18) == many.bound and many.rung[0, 50, 0] == 1


def test_prices_fall_with_stock_and_stay_down():
    plan = markdown_plan(40, [12, 9, 7, 5], np.tile([1.0, 2.0, 3.5, 6.0], (8, 1)), salvage=1.0)
    assert (np.diff(plan.rung[:, 1:, 0], axis=1) >= 0).all()  # more units, a lower price
    assert all((plan.rung[:, :, j] >= j).all() for j in range(4))
    assert (np.diff(plan.value, axis=2) <= 1e-12).all()  # a lower start leaves fewer choices
    assert plan.rung[0, 3, 0] == 0 and plan.rung[0, 40, 0] > 0


def test_walking_the_plan_earns_its_value():
    prices, mean, holding, salvage, n_runs = np.array([12.0, 9, 5]), np.tile([1.0, 2.0, 6.0], (6, 1)), 0.1, 1.0, 40_000
    plan = markdown_plan(20, prices, mean, salvage=salvage, holding_cost=holding)
    rng = np.random.default_rng(0)
    left, rung, earned = np.full(n_runs, 20), np.zeros(n_runs, int), np.zeros(n_runs)
    for t in range(6):
        rung = plan.rung[t, left, rung]
        sold = np.minimum(rng.poisson(mean[t, rung]), left)
        left = left - sold
        earned += prices[rung] * sold - holding * left
    earned += salvage * left
    assert earned.mean() == pytest.approx(plan.value[0, 20, 0], abs=3 * earned.std() / np.sqrt(n_runs))


def test_bound_is_close_for_large_stocks():
    # The source's theorem: the gap shrinks like 1 / sqrt(n). 6 units are two periods at 12 and two at 9, so that the
    # expected demand needs no price within a period.
    gaps = []
    for scale in (1, 16):
        plan = markdown_plan(6 * scale, [12, 9, 5], scale * np.tile([1.0, 2.0, 6.0], (4, 1)))
        gaps.append(1 - plan.value[0, -1, 0] / plan.bound)
    assert 0 < gaps[1] < gaps[0] / 2 < 0.1


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_units": -1}, "n_units"),
        ({"prices": [5, 9]}, "prices"),
        ({"prices": []}, "prices"),
        ({"mean_demand": [[1.0]]}, "mean_demand"),
        ({"mean_demand": [[1.0, -1]]}, "mean_demand"),
        ({"mean_demand": np.empty((0, 2))}, "mean_demand"),
        ({"holding_cost": -1}, "holding_cost"),
        ({"salvage": np.nan}, "salvage"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(wrong, named):
    with pytest.raises(ParameterError, match=named):
        markdown_plan(**({"n_units": 3, "prices": [9, 5], "mean_demand": [[1.0, 2.0]]} | wrong))
