"""What lessons show of the package's code."""

import numpy as np

from bowerbird.dm import mixture
from bowerbird.runs.lesson import source_without_docstring


def test_a_function_is_shown_without_its_docstring_and_computes_the_same():
    source = source_without_docstring(mixture.m_step)
    assert '"""' not in source and "# Eq. (8)" in source
    names = dict(vars(mixture))
    exec(source, names)
    given = np.array([[1, 2], [3, 6.0]]), np.ones((2, 1)), np.ones((2, 1))
    for shown, own in zip(names["m_step"](*given), mixture.m_step(*given), strict=True):
        np.testing.assert_array_equal(shown, own)
