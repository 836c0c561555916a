"""What EM needs to know of the curves, gathered in two passes over them.

With an orthonormal basis Q of the mean curves (X = QR), b the coordinates of a mean curve in it and c those of a
curve's own fit, the squared distance of curve y, observed on the days m, is

    ||m (y - Q b)||^2 = r - 2 e'd + d'G d,    d = b - c,  r = ||m (y - Q c)||^2,  e = Q'm (y - Q c),  G = Q'diag(m) Q.

Without missing days e = 0 and G = I: it is r + ||b - c||^2. So the length of the curves drops out of an iteration, and
no digit is lost to the level of a curve, as the expanded square ||y||^2 - 2 y'Qb + ||b||^2 would lose them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from bowerbird.checks import floats
from bowerbird.errors import ParameterError

LARGEST = 1e60  # of a value; the squares of larger ones, and of values below 1 / LARGEST, leave the range of floats
CHUNK = 4096  # curves; their log densities under ten clusters stay in the cache
UNSEEN = 1e-6  # a direction of Q of which the observed days of a curve show less is left out of its own fit


@dataclass(frozen=True)
class Curves:
    """The statistics of some curves.

    Attributes
    ----------
    own : (n, P)               coordinates of each curve's own fit, from the shift [c]
    residual : (n,)            squared distance of each curve from its own fit [r]
    moments : (F, n)           what an M-step sums up, rows: 1, Q'm y from the shift; with missing days also G's upper
                               triangle and the days observed
    gradient : (P, n) or None  Q' times the residuals of the own fit [e]; None without missing days
    shift : (P,)               the fit to all curves, from which they are measured
    n_days : int               days of a complete curve
    variance : float           of all observed values
    """

    own: np.ndarray
    residual: np.ndarray
    moments: np.ndarray
    gradient: np.ndarray | None
    shift: np.ndarray
    n_days: int
    variance: float = 1.0

    @property
    def complete(self) -> bool:
        return self.gradient is None

    @property
    def n_curves(self) -> int:
        return len(self.own)

    @property
    def n_observed(self) -> np.ndarray | int:
        """Days observed [n_i]: of each curve (n,), or of every one."""
        return self.n_days if self.complete else self.moments[-1]

    @property
    def n_points(self) -> int:
        return int(self.days(self.moments).sum())

    def squared_distances(self, centres: np.ndarray) -> np.ndarray:
        """||m (y_i - Q b_k)||^2 of every curve from every centre (K, n); centres (K, P) from the shift."""
        if self.complete:
            return self.residual + cdist(centres, self.own, "sqeuclidean")
        away = centres[:, :, None] - self.own.T  # (K, P, n)
        squared = np.repeat(self.residual[None], len(centres), axis=0)
        size = len(self.shift)
        gram = self.moments[1 + size : -1][_triangle(size)]  # (P, P, n)
        for p in range(size):
            slope = sum(gram[p, q] * away[:, q] for q in range(size))
            squared += away[:, p] * (slope - 2 * self.gradient[p])
        return np.maximum(squared, 0.0)

    def gram(self, moments: np.ndarray) -> np.ndarray:
        """G (m, P, P) from columns of moments or sums of them (F, m)."""
        size = len(self.shift)
        if self.complete:
            return moments[0][:, None, None] * np.eye(size)
        return _full(moments[1 + size : -1], size)

    def days(self, moments: np.ndarray) -> np.ndarray:
        """Observed days (m,) from columns of moments or sums of them (F, m)."""
        return moments[0] * self.n_days if self.complete else moments[-1]

    def take(self, which: slice | np.ndarray) -> "Curves":
        """Some of the curves."""
        gradient = None if self.complete else self.gradient[:, which]
        own, residual, moments = self.own[which], self.residual[which], self.moments[:, which]
        return Curves(own, residual, moments, gradient, self.shift, self.n_days, self.variance)


def check_curves(curves, n_days: int | None = None):
    """Curves as a two-dimensional array, or anything sliced by rows like one, such as numpy.memmap."""
    if not hasattr(curves, "shape"):
        curves = floats("curves", curves)
    if len(curves.shape) != 2:
        raise ParameterError(f"curves must be (n_curves, n_days), not of shape {tuple(curves.shape)}")
    if n_days is not None and curves.shape[1] > n_days:
        raise ParameterError(f"curves have {curves.shape[1]} days, the mixture was fitted on {n_days}; leave the rest")
    return curves


def read_rows(curves, n_days: int | None = None) -> Iterator[np.ndarray]:
    """Some thousand curves at a time as float64; missing days, and those up to `n_days` that they lack, are NaN."""
    for start in range(0, max(curves.shape[0], 1), CHUNK):
        rows = floats("curves", curves[start : start + CHUNK])
        if (np.abs(rows) > LARGEST).any():
            row, day = np.argwhere(np.abs(rows) > LARGEST)[0]
            raise ParameterError(
                f"curve {start + row}, day {day}: {rows[row, day]} is not between -{LARGEST:g} and {LARGEST:g}; "
                "use NaN if missing, or divide all curves by one number"
            )
        if n_days is not None and rows.shape[1] < n_days:
            rows = np.pad(rows, ((0, 0), (0, n_days - rows.shape[1])), constant_values=np.nan)
        yield rows


def gather(curves, q: np.ndarray) -> Curves:
    """The statistics of all curves, in two passes over them.

    Parameters
    ----------
    curves : array (n_curves, n_days)
        NaN where a day is missing; float32 or integers are converted a chunk at a time.
    q : array (n_days, P)
        Orthonormal basis [Q].

    Returns
    -------
    Curves

    Raises
    ------
    ParameterError
        No value, all values equal, or values that are not within 1e-60 to 1e60.
    """
    curves = check_curves(curves)
    count, total = np.zeros(len(q)), np.zeros(len(q))  # by day
    lowest, highest = np.inf, -np.inf
    for rows in read_rows(curves):
        seen = ~np.isnan(rows)
        count, total = count + seen.sum(axis=0), total + np.where(seen, rows, 0.0).sum(axis=0)
        lowest = min(lowest, np.where(seen, rows, np.inf).min(initial=np.inf))
        highest = max(highest, np.where(seen, rows, -np.inf).max(initial=-np.inf))
    if count.sum() == 0:
        raise ParameterError("curves hold no value: there are none, or all their days are missing (NaN)")
    if lowest == highest:  # not the variance: that of equal numbers may miss zero by a rounding
        raise ParameterError("all curves are the same constant; there is nothing to cluster")
    if max(-lowest, highest) < 1 / LARGEST:
        raise ParameterError(
            f"the largest value of curves is {max(-lowest, highest):g}, below {1 / LARGEST:g}; "
            "multiply all curves by one number"
        )
    mean = total.sum() / count.sum()
    shift = np.linalg.pinv(q.T @ (q * count[:, None]), hermitian=True) @ (q.T @ total)  # the fit to all curves
    complete = bool((count == curves.shape[0]).all())
    parts, squares = [], 0.0
    for rows in read_rows(curves):
        squares += np.nansum((rows - mean) ** 2)
        parts.append(condense(rows, q, shift, complete))
    own, residual, moments, gradient = zip(*parts, strict=True)
    return Curves(
        np.concatenate(own),
        np.concatenate(residual),
        np.concatenate(moments, axis=1),
        None if complete else np.concatenate(gradient, axis=1),
        shift,
        len(q),
        squares / count.sum(),
    )


def condense(rows: np.ndarray, q: np.ndarray, shift: np.ndarray, complete: bool = False) -> tuple:
    """`own`, `residual`, `moments` and `gradient` of curves (n, n_days), measured from Q shift; see `Curves`."""
    away = rows - q @ shift
    if complete:
        own = away @ q
        residual = ((away - own @ q.T) ** 2).sum(axis=1)
        return own, residual, np.vstack([np.ones(len(rows)), own.T]), None
    seen = (~np.isnan(rows)).astype(float)
    away = np.where(seen, away, 0.0)
    i, j = np.triu_indices(q.shape[1])
    triangle = (q[:, i] * q[:, j]).T @ seen.T  # (P (P + 1) / 2, n)
    inverse = np.linalg.pinv(_full(triangle, q.shape[1]), rcond=UNSEEN, hermitian=True)
    own = np.einsum("npq,nq->np", inverse, away @ q)
    left = seen * (away - own @ q.T)
    moments = np.vstack([np.ones(len(rows)), q.T @ away.T, triangle, seen.sum(axis=1)])
    return own, (left**2).sum(axis=1), moments, q.T @ left.T


def _full(triangle: np.ndarray, size: int) -> np.ndarray:
    """Symmetric matrices (m, P, P) from their upper triangles (P (P + 1) / 2, m)."""
    return triangle[_triangle(size)].transpose(2, 0, 1)


def _triangle(size: int) -> np.ndarray:
    """Where each entry of a symmetric matrix stands in its upper triangle, row by row (P, P)."""
    where = np.empty((size, size), dtype=int)
    rows, columns = np.triu_indices(size)
    where[rows, columns] = where[columns, rows] = np.arange(len(rows))
    return where
