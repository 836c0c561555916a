from itertools import product

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, normal_demand, poisson_demand, poisson_newsvendor
from bowerbird.planning.base_stock_search import simulated_serial_cost
from bowerbird.planning.serial_system import SerialSystem, newsvendor_bounds, serial_cost, serial_optimum


def example_6_1() -> SerialSystem:
    """Demand N(5, 1), in hundredths of a unit; stage 1 serves customers."""
    return SerialSystem(normal_demand(500, 100), np.array([3, 2, 2]) / 100, [1, 1, 2], 37.12 / 100)


def test_example_6_1_levels_and_cost():
    best = serial_optimum(example_6_1())
    np.testing.assert_array_equal(best.echelon_levels, [649, 1202, 2271])  # printed: 6.49, 12.02, 22.71
    assert best.cost == pytest.approx(47.65, abs=0.015)  # printed; 47.660 on ever finer grids
    assert best.cost == pytest.approx(47.6602, abs=1e-4)


def test_example_6_1_cost_of_other_levels_and_the_newsvendor_rule():
    # stockpyl's expected_cost on its coarser grid of 100 points: 402.99, 336.51, 630.91.
    for levels, coarse in (([4, 9, 10], 402.99), ([10, 10, 12], 336.51), ([3, -1, 4], 630.91)):
        assert serial_cost(example_6_1(), 100 * np.array(levels)) == pytest.approx(coarse, rel=0.03)
    lower, upper = newsvendor_bounds(example_6_1())
    np.testing.assert_allclose((lower + upper) / 2, [649.09, 1202.74, 2263.40], atol=1)  # eq. (6.32), stockpyl
    best = serial_optimum(example_6_1()).echelon_levels
    assert ((lower <= best) & (best <= upper)).all()


def test_problem_6_16_two_stages():
    tenths = SerialSystem(normal_demand(200, 40), np.array([5, 2]) / 10, [8, 3], 24 / 10)
    # stockpyl keeps local levels of 171.19 and 57.73 with it, echelon 228.9: near the best, not the best.
    best = serial_optimum(tenths)
    assert best.echelon_levels[0] == pytest.approx(1711.9, abs=1)
    assert best.cost < serial_cost(tenths, [1712, 2289]) < 1.01 * best.cost


@pytest.mark.parametrize("seed", range(4))
def test_random_systems_against_every_pair_of_levels(seed):
    rng = np.random.default_rng(seed)
    system = SerialSystem(
        Demand(rng.dirichlet(np.ones(4), 1)), rng.uniform(0.5, 2, 2), rng.integers(0, 3, 2), rng.uniform(2, 20)
    )
    costs = {levels: serial_cost(system, levels) for levels in product(range(-2, 16), repeat=2)}
    assert serial_optimum(system).cost == pytest.approx(min(costs.values()))


@pytest.mark.parametrize("levels", [(9, 17, 23), (5, 5, 30), (12, 14, 10)])
def test_expected_cost_is_what_simulation_finds(levels):
    system = SerialSystem(poisson_demand(3.0), [1.0, 0.5, 0.25], [2, 1, 3], 10.0)
    demand = np.random.default_rng(4).poisson(3.0, (400, 400))
    by_path = np.array([simulated_serial_cost(levels, system, path[None], warm_up=20) for path in demand])
    error = by_path.std(ddof=1) / np.sqrt(len(by_path))
    assert serial_cost(system, levels) == pytest.approx(by_path.mean(), abs=3 * error)
    assert error < 0.01 * by_path.mean()


def test_one_stage_is_the_newsvendor():
    known = poisson_newsvendor(6, 1, 4, periods=3)
    best = serial_optimum(SerialSystem(poisson_demand(6.0), 1.0, 3, 4.0))
    assert best.echelon_levels == known.level and best.cost == pytest.approx(known.cost)


def test_a_stage_without_lead_time_only_adds_what_travels_below_it():
    # Stage 2 is no place for stock, but its echelon cost is paid for the two days of demand on the way to stage 1 too.
    two = serial_optimum(SerialSystem(poisson_demand(6.0), [1.0, 0.5], [2, 0], 9.0))
    one = serial_optimum(SerialSystem(poisson_demand(6.0), 1.5, 2, 9.0))
    assert two.cost == pytest.approx(one.cost + 0.5 * 2 * 6)
    np.testing.assert_allclose(SerialSystem(poisson_demand(6.0), [1.0, 0.5], [2, 0], 9).local_holding_cost, [1.5, 0.5])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"echelon_holding_cost": [1.0, 0.0]}, "echelon_holding_cost"),
        ({"lead_time": [1, -1]}, "lead_time"),
        ({"lead_time": [1, 2, 3]}, "lead_time"),
        ({"shortage_cost": 0}, "shortage_cost"),
        ({"demand": poisson_demand([1.0, 2.0])}, "demand"),
    ],
)
def test_arguments_out_of_range_are_named(wrong, named):
    fits = {
        "demand": poisson_demand(2.0),
        "echelon_holding_cost": [1.0, 1.0],
        "lead_time": [1, 1],
        "shortage_cost": 5.0,
    }
    with pytest.raises(ParameterError, match=named):
        SerialSystem(**(fits | wrong))


@pytest.mark.parametrize("levels", [[1, 2, 3], [1.5, 2]])
def test_levels_that_do_not_fit_are_refused(levels):
    with pytest.raises(ParameterError, match="echelon_levels"):
        serial_cost(SerialSystem(poisson_demand(2.0), [1.0, 1.0], [1, 1], 5.0), levels)
