"""What EM needs to know of the curves, gathered in one pass over them.

With an orthonormal basis Q of the polynomials (X = QR) and b a mean curve's coordinates in it, the squared distance of
curve y, observed on the days m, is

    ||m (y - Q b)||^2 = s - 2 h'b + b'G b,    s = ||m y||^2,  h = Q'm y,  G = Q'diag(m)Q.

All of it is linear in the features (s, h, G) of the curve. So one matrix product gives every curve's log density under
every cluster, another gives all weighted sums of an M-step, sums add up over chunks of curves, and the length of the
curves drops out. Without missing days G is the identity and the features are just s and h.

The expanded square would lose all digits at large levels; so every curve is first measured from the fit to all curves.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bowerbird.errors import ParameterError

CHUNK = 4096  # curves; their log densities under ten clusters stay in the cache


@dataclass(frozen=True)
class Curves:
    """The features of all curves.

    Attributes
    ----------
    features : (F, n)         rows: 1, s, h_1 ... h_P; with missing days also G's upper triangle and the days observed
    n_observed : (n,)         days observed of each curve [n_i]
    shift : (P,)              the fit to all curves, from which they are measured
    complete : bool           no day is missing
    variance : float          of all observed values
    """

    features: np.ndarray
    n_observed: np.ndarray
    shift: np.ndarray
    complete: bool
    variance: float

    @property
    def n_curves(self) -> int:
        return self.features.shape[1]

    @property
    def n_points(self) -> int:
        return int(self.n_observed.sum())

    def own_fits(self) -> np.ndarray:
        """Coordinates (n, P) of each curve's own fit, from the shift; of few observed days, the least such."""
        size = len(self.shift)
        h = self.features[2 : 2 + size].T
        if self.complete:
            return h
        return np.einsum("npq,nq->np", np.linalg.pinv(self.gram(self.features), hermitian=True), h)

    def gram(self, features: np.ndarray) -> np.ndarray:
        """G (m, P, P) from feature columns or sums of them (F, m)."""
        size = len(self.shift)
        if self.complete:
            return features[0][:, None, None] * np.eye(size)
        full = np.empty((features.shape[1], size, size))
        rows, columns = np.triu_indices(size)
        full[:, rows, columns] = full[:, columns, rows] = features[2 + size : -1].T
        return full

    def days(self, features: np.ndarray) -> np.ndarray:
        """Observed days (m,) from feature columns or sums of them (F, m)."""
        return features[0] * self.n_observed[0] if self.complete else features[-1]

    def take(self, indices: np.ndarray) -> "Curves":
        """Some of the curves."""
        return replace(self, features=self.features[:, indices], n_observed=self.n_observed[indices])


def check_curves(curves, n_days: int | None = None):
    """Curves as a two-dimensional array, or anything sliced by rows like one, such as numpy.memmap."""
    if not hasattr(curves, "shape"):
        curves = np.asarray(curves, dtype=float)
    if len(curves.shape) != 2:
        raise ParameterError(f"curves must be (n_curves, n_days), not of shape {tuple(curves.shape)}")
    if n_days is not None and curves.shape[1] > n_days:
        raise ParameterError(f"curves have {curves.shape[1]} days, the mixture was fitted on {n_days}; leave the rest")
    return curves


def read_rows(curves, n_days: int | None = None) -> Iterator[np.ndarray]:
    """Some thousand curves at a time as float64; missing days, and those up to `n_days` that they lack, are NaN."""
    for start in range(0, curves.shape[0], CHUNK):
        rows = np.asarray(curves[start : start + CHUNK], dtype=float)
        if np.isinf(rows).any():
            row, day = np.argwhere(np.isinf(rows))[0]
            raise ParameterError(f"curve {start + row}, day {day}: {rows[row, day]} is no demand; use NaN if missing")
        if n_days is not None and rows.shape[1] < n_days:
            rows = np.pad(rows, ((0, 0), (0, n_days - rows.shape[1])), constant_values=np.nan)
        yield rows


def gather(curves, q: np.ndarray) -> Curves:
    """Features of the curves, in two passes over them.

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
        No value, an infinite one, or all values equal.
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
    mean = total.sum() / count.sum()
    shift = np.linalg.pinv(q.T @ (q * count[:, None]), hermitian=True) @ (q.T @ total)  # the fit to all curves
    complete = bool((count == curves.shape[0]).all())
    parts, squares = [], 0.0
    for rows in read_rows(curves):
        squares += np.nansum((rows - mean) ** 2)
        parts.append(features(rows, q, shift, complete))
    gathered = np.concatenate(parts, axis=1)
    n_observed = np.full(curves.shape[0], float(len(q))) if complete else gathered[-1]
    return Curves(gathered, n_observed, shift, complete, squares / count.sum())


def features(rows: np.ndarray, q: np.ndarray, shift: np.ndarray, complete: bool) -> np.ndarray:
    """Features (F, n) of curves (n, n_days), measured from Q shift; see `Curves`."""
    away = rows - q @ shift
    ones = np.ones(len(rows))
    if complete:
        return np.vstack([ones, np.einsum("nt,nt->n", away, away), q.T @ away.T])
    seen = (~np.isnan(rows)).astype(float)
    away = np.where(seen, away, 0.0)
    i, j = np.triu_indices(q.shape[1])
    products = q[:, i] * q[:, j]  # (n_days, P (P + 1) / 2)
    return np.vstack([ones, np.einsum("nt,nt->n", away, away), q.T @ away.T, products.T @ seen.T, seen.sum(axis=1)])
