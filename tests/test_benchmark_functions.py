"""Test functions are 0 at their shift and positive elsewhere."""

import numpy as np
import pytest

from bowerbird.benchmark_functions import FUNCTIONS, shifted


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
