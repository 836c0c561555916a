import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.simulate import Costs, simulate
from bowerbird.studies.inventory import SIDES, compare, cost_at_fill_rate, pareto_front, scorecard

COSTS = Costs(holding=1.0, shortage=7.0, order=4.0)
DEMAND = np.array([[2, 3, 2, 4, 1]])


def contest_walk(S=10):
    """By hand in test_inventory_simulate: sales 2 3 0 4 1, closing stock 3 0 0 1 0, orders of 5 on days 0 and 2."""
    return simulate(DEMAND, min(6, S), S)


def test_hand_worked_card():
    card = scorecard(contest_walk(), COSTS, actual=DEMAND, forecast=[[2, 2, 2, 2, 2]])
    expected = {
        ("accuracy", "1-WMAPE"): 1 - (0 + 1 + 0 + 2 + 1) / 12,
        ("accuracy", "bias"): (10 - 12) / 12,
        ("accuracy", "RMSE"): np.sqrt((1 + 4 + 1) / 5),
        ("turnover", "turnover_days"): (5 + 0) / 2 * 5 / 10,
        ("turnover", "turns_a_year"): 365 / 1.25,
        ("turnover", "mean_stock"): 4 / 5,
        ("turnover", "orders"): 2,
        ("cost", "holding_cost"): 4,
        ("cost", "shortage_cost"): 7 * 2,
        ("cost", "ordering_cost"): 4 * 2,
        ("cost", "total_cost"): 26,
        ("cost", "cost_per_unit"): 26 / 12,
        ("satisfaction", "fill_rate"): 10 / 12,
        ("satisfaction", "cycle_service"): 1,  # the short day lies before the first possible arrival
        ("satisfaction", "units_short"): 2,
    }
    assert list(card) == list(expected)
    assert card == pytest.approx(expected)


def test_without_a_forecast_accuracy_is_unknown_and_the_rest_is_not():
    card = scorecard(contest_walk(), COSTS)
    assert all(np.isnan(card["accuracy", name]) for name in SIDES["accuracy"])
    assert card["cost", "total_cost"] == 26
    idle = scorecard(simulate(np.zeros((1, 3)), 0, 0, opening_stock=0), COSTS)
    assert np.isnan(idle["cost", "cost_per_unit"]) and idle["turnover", "turns_a_year"] == np.inf


def test_table_and_what_is_saved_against_a_baseline():
    cards = {"old": scorecard(contest_walk(), COSTS), "new": scorecard(contest_walk(0), COSTS)}
    table = compare(cards, baseline="old")
    # Without orders: 5 sold, 7 lost, closing stock 3 0 0 0 0, cost 3 + 49.
    assert table.loc["new", ("cost", "total_cost")] == 52
    assert table.loc["new", ("cost", "saving")] == pytest.approx(1 - 52 / 26)
    assert table.loc["new", ("satisfaction", "gain")] == pytest.approx(5 / 12 - 10 / 12)
    assert list(dict.fromkeys(side for side, _ in table.columns)) == list(SIDES)
    assert ("cost", "saving") not in compare(cards).columns
    with pytest.raises(ParameterError, match="baseline"):
        compare(cards, baseline="none")


def test_pareto_front_by_hand():
    cost = [10, 12, 12, 15, 9, 20, 10]
    fill = [0.80, 0.90, 0.85, 0.90, 0.80, 0.95, 0.80]
    np.testing.assert_array_equal(pareto_front(cost, fill), [False, True, False, False, True, True, False])


@pytest.mark.parametrize("seed", range(20))
def test_pareto_front_against_comparing_all_pairs(seed):
    rng = np.random.default_rng(seed)
    cost, fill = rng.integers(0, 6, 12), rng.integers(0, 6, 12)
    beaten = [
        any(c <= cost[i] and f >= fill[i] and (c < cost[i] or f > fill[i]) for c, f in zip(cost, fill, strict=True))
        for i in range(12)
    ]
    np.testing.assert_array_equal(pareto_front(cost, fill), ~np.array(beaten))


def test_cost_at_equal_fill_rate():
    cost, fill = [10, 16, 30, 40], [0.8, 0.9, 0.85, 0.95]  # the third plan is beaten by the second
    np.testing.assert_allclose(cost_at_fill_rate(cost, fill, [0.85, 0.9, 0.925, 0.5]), [13, 16, 28, 10])
    assert np.isnan(cost_at_fill_rate(cost, fill, 0.96))


def test_arguments_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="forecast"):
        scorecard(contest_walk(), COSTS, actual=DEMAND)
    for cost, fill in [([1, 2], [1]), ([1, np.nan], [1, 1]), ([[1]], [[1]])]:
        with pytest.raises(ParameterError, match="cost"):
            pareto_front(cost, fill)
