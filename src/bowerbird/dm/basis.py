"""Eq. 2's design matrix X on the days of the curves, in the basis of one's choice."""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from scipy.interpolate import BSpline

from bowerbird.checks import whole
from bowerbird.errors import ParameterError

BASES = ("power", "chebyshev", "bspline", "weekly")
WEEK = 7
HARMONICS = 3  # three harmonics of seven days tell every day of the week from every other


@dataclass(frozen=True)
class Basis:
    """Functions of time that mean curves are made of.

    Parameters
    ----------
    kind : {"power", "chebyshev", "bspline", "weekly"}
        Powers 1, x, ..., x^p; Chebyshev polynomials T_0 ... T_p, the same curves; B-splines of degree p; powers and
        the three harmonics of the week.
    degree : int
        Degree of the polynomials [p].
    n_knots : int
        Inner knots of the B-splines, evenly spaced.
    """

    kind: str = "power"
    degree: int = 3
    n_knots: int = 5

    def __post_init__(self):
        if self.kind not in BASES:
            raise ParameterError(f"basis is {self.kind!r}; choose one of {', '.join(BASES)}")
        whole("degree", self.degree)
        whole("n_knots", self.n_knots)

    @property
    def size(self) -> int:
        """Number of functions [P], p + 1 for polynomials."""
        extra = {"bspline": self.n_knots, "weekly": 2 * HARMONICS}
        return self.degree + 1 + extra.get(self.kind, 0)

    def design(self, n_days: int) -> np.ndarray:
        """Design matrix X (n_days, P) on days mapped to x in [-1, 1]; eq. 2 (printed n_i x p)."""
        x = np.linspace(-1, 1, n_days)
        if self.kind == "chebyshev":
            return chebyshev.chebvander(x, self.degree)
        if self.kind == "bspline":
            inner = np.linspace(-1, 1, self.n_knots + 2)
            knots = np.pad(inner, self.degree, mode="edge")
            return BSpline.design_matrix(x, knots, self.degree).toarray()
        powers = np.vander(x, self.degree + 1, increasing=True)  # Eq. (2): X = [1, x, ..., x^p]
        if self.kind == "power":
            return powers
        angle = 2 * np.pi * np.arange(n_days)[:, None] * np.arange(1, HARMONICS + 1) / WEEK
        return np.hstack([powers, np.cos(angle), np.sin(angle)])
