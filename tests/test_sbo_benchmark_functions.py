"""Test functions are 0 at their shift and positive elsewhere; tuning problems have a valley inside their space."""

import numpy as np
import pytest

from bowerbird.sbo.space import Choice, Float, decode, limits
from bowerbird.studies.search import FUNCTIONS, TUNING, WIDTHS, Problem, shifted, shifted_problem, tuning_problem


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_minimum_is_zero_at_the_shift(name):
    rng = np.random.default_rng(0)
    shift = rng.uniform(-3, 3, 6)
    function = shifted(name, shift)
    assert function({f"x{k}": value for k, value in enumerate(shift)}) == pytest.approx(0, abs=1e-12)
    for _ in range(50):
        point = rng.uniform(-5, 5, 6)
        assert function({f"x{k}": value for k, value in enumerate(point)}) > 0


def test_rosenbrock_is_the_textbooks_moved_to_the_origin():
    from scipy.optimize import rosen

    x = np.array([0.3, -1.2, 2.0, 0.1])
    assert FUNCTIONS["Rosenbrock"](x) == pytest.approx(rosen(x + 1))


def test_griewank_by_hand():
    # x = (pi, 0): pi^2/4000 - cos(pi) cos(0) + 1
    assert FUNCTIONS["Griewank"](np.array([np.pi, 0.0])) == pytest.approx(np.pi**2 / 4000 + 2)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_seed_moves_the_minimum_within_the_limits(name):
    found = [shifted_problem(name, seed, 4) for seed in range(20)]
    assert all(list(p.space.values()) == [Float(-WIDTHS[name], WIDTHS[name])] * 4 for p in found)
    centre = [p.loss(dict.fromkeys(p.space, 0.0)) for p in found]
    assert len(set(centre)) == 20 and min(centre) > 0
    near = [shifted_problem(name, seed, 4, spread=0.0) for seed in range(2)]
    assert all(p.loss(dict.fromkeys(p.space, 0.0)) == pytest.approx(0, abs=1e-12) for p in near)
    assert shifted_problem(name, 3, 4).loss(dict.fromkeys(found[3].space, 0.0)) == centre[3]


@pytest.mark.parametrize("name", TUNING)
def test_tuning_problems_can_be_improved_and_differ_by_seed(name):
    rng = np.random.default_rng(1)
    best = []
    for seed in range(3):
        problem = tuning_problem(name, seed)
        low, high = limits(problem.space)
        candidates = decode(problem.space, rng.uniform(low, high, (2000, len(low))))
        losses = np.array([problem.loss(x) for x in candidates])
        usable = losses[np.isfinite(losses)]
        assert 0.3 < usable.min() < usable.max() < 5, "losses are near 1, as errors of models are"
        assert np.median(usable) > usable.min() + 0.01, "there is something to gain"
        best.append(candidates[int(np.nanargmin(losses))])
        failing = np.isnan(losses).mean()
        assert (0.02 < failing < 0.7) if "fail" in name else failing == 0
    numbers = [name for name, dimension in problem.space.items() if not isinstance(dimension, Choice)]
    assert len({tuple(x[name] for name in numbers) for x in best}) == 3


def test_noise_belongs_to_the_candidate_and_has_the_stated_size():
    problem = Problem("flat", {"x": Float(0, 1)}, lambda x: 2.0, noise=0.05)
    seen = np.array([problem.observe({"x": x}) for x in np.linspace(0, 1, 4000)])
    assert seen.mean() == pytest.approx(2.0, abs=0.005) and seen.std() == pytest.approx(0.1, rel=0.05)
    assert problem.observe({"x": 0.3}) == problem.observe({"x": 0.3})
    assert Problem("flat", problem.space, problem.loss).observe({"x": 0.3}) == 2.0
    assert tuning_problem("network with noise", 0).noise > 0
