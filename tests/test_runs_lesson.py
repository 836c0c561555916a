"""What lessons show of the package's code."""

import numpy as np

from bowerbird.dm import mixture
from bowerbird.runs.lesson import show_code, source_without_docstring


def test_a_function_is_shown_without_its_docstring_and_computes_the_same():
    source = source_without_docstring(mixture.m_step)
    assert '"""' not in source and "# Eq. (8)" in source
    names = dict(vars(mixture))
    exec(source, names)
    given = np.array([[1, 2], [3, 6.0]]), np.ones((2, 1)), np.ones((2, 1))
    for shown, own in zip(names["m_step"](*given), mixture.m_step(*given), strict=True):
        np.testing.assert_array_equal(shown, own)


def test_methods_of_a_class_lose_their_docstrings_too():
    source = source_without_docstring(mixture.PolynomialRegressionMixture)
    assert '"""' not in source and "def bic(self" in source


def test_the_code_is_highlighted_in_a_page_that_loads_nothing():
    page = show_code(mixture.e_step, mixture.m_step)._repr_html_()
    assert "m_step" in page and "<style" in page and "http" not in page
