from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from scipy.stats import poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory.simulate import Costs, monte_carlo
from bowerbird.planning.searched_levels import search_levels


def long_run_cost(s, S, mean, holding, shortage, order):
    """Exact daily cost of ordering below s up to S without lead time: cost of a cycle / its length, by renewal."""
    units = np.arange(int(mean + 20 * mean**0.5) + 20)
    pmf = poisson.pmf(units, mean)
    visits = np.zeros(S - s + 1)  # expected days at position S - j in a cycle
    visits[0] = 1 / (1 - pmf[0])
    for j in range(1, S - s + 1):
        visits[j] = visits[j - 1 :: -1][: len(pmf) - 1] @ pmf[1 : j + 1] / (1 - pmf[0])
    level = S - np.arange(S - s + 1)[:, None]
    a_day = (holding * np.maximum(level - units, 0) + shortage * np.maximum(units - level, 0)) @ pmf
    return (order + visits @ a_day) / visits.sum()


TEXTBOOK = [  # mean, h, p, K, optimal cost: (s,S) 4.7, problem 4.31, Zheng-Federgruen
    (6, 1, 4, 5, 8.0341116),
    (4, 40, 125, 150, 223.5748296),
    (10, 1, 9, 64, 35.022),
]


def test_the_yardstick_gives_the_textbooks_costs():
    assert long_run_cost(5, 10, 6, 1, 4, 5) == pytest.approx(8.0341116, abs=5e-8)
    assert long_run_cost(3, 7, 4, 40, 125, 150) == pytest.approx(223.5748296, abs=5e-7)
    assert long_run_cost(7, 40, 10, 1, 9, 64) == pytest.approx(35.022, abs=5e-4)


def test_search_is_within_2_percent_of_the_exact_optimum():
    mean, holding, shortage, order, optimum = (np.array(column, float) for column in zip(*TEXTBOOK, strict=True))
    samples = np.random.default_rng(0).poisson(mean[:, None, None], (3, 60, 100))
    costs = Costs(holding, shortage, order)
    levels = search_levels(samples, costs, opening_stock=mean, lead_time=0, lost_sales=False, max_evaluations=100)
    for i, best in enumerate(optimum):
        cost = long_run_cost(levels.s[i, 0], levels.S[i, 0], int(mean[i]), holding[i], shortage[i], order[i])
        assert best * (1 - 1e-5) <= cost < 1.02 * best


def test_search_against_trying_all_levels_where_sales_are_lost():
    samples = np.random.default_rng(1).poisson(1.5, (1, 20, 40))
    costs, rules = Costs(1.0, 6.0, 3.0), {"lead_time": 1, "opening_stock": 2}
    levels = search_levels(samples, costs, max_evaluations=120, seed=2, **rules)
    every = {
        (s, S): monte_carlo(samples, s, S, costs, **rules)["total_cost"][0]
        for s, S in product(range(9), range(16))
        if s <= S
    }
    assert every[levels.s[0, 0], levels.S[0, 0]] <= 1.005 * min(every.values())


def test_search_reaches_as_far_as_the_worst_protection_interval():
    levels = search_levels(np.full((1, 1, 20), 10), Costs(1.0, 1000.0, 0.0), opening_stock=20, lead_time=1)
    assert levels.s[0, 0] == levels.S[0, 0] == 20


def test_the_same_levels_with_any_executor_and_items_on_their_own():
    samples = np.random.default_rng(3).poisson([[[2.0]], [[6.0]]], (2, 10, 30))
    costs = Costs(1.0, 9.0, np.array([0.0, 10.0]))
    alone = search_levels(samples, costs, max_evaluations=40, seed=5)
    with ThreadPoolExecutor(2) as threads:
        shared = search_levels(samples, costs, max_evaluations=40, seed=5, executor=threads)
    np.testing.assert_array_equal(alone.s, shared.s)
    np.testing.assert_array_equal(alone.S, shared.S)
    assert alone.s[0, 0] == alone.S[0, 0]  # without a fixed cost: base stock
    second = search_levels(samples[1:], Costs(1.0, 9.0, 10.0), max_evaluations=40, seed=5)
    assert (second.s[0, 0], second.S[0, 0]) == (alone.s[1, 0], alone.S[1, 0])


def test_arguments_that_do_not_fit_are_refused():
    good = {"samples": np.ones((1, 2, 5)), "costs": Costs(1.0, 2.0, 0.0)}
    for wrong, named in [
        ({"samples": np.ones((2, 5))}, "samples"),
        ({"costs": Costs(0.0, 2.0, 0.0)}, "costs"),
        ({"lead_time": -1}, "lead_time"),
        ({"opening_stock": -1}, "opening_stock"),
    ]:
        with pytest.raises(ParameterError, match=named):
            search_levels(**(good | wrong))
