"""The same EM on a few numbers a curve, many times faster than the plain equations of `dm.mixture`.

Let Q be an orthonormal basis of the mean curves (X = QR). On the observed days of curve i it is Q_i = U_i R_i with
U_i'U_i = I. Let u_i = U_i'y_i be the coordinates of the curve's own least-squares fit, r_i = ||y_i - U_i u_i||^2. Then

    ||y_i - Q_i b||^2 = r_i + ||u_i - R_i b||^2,

and R_i = I where no day is missing. So an iteration needs P + 1 numbers a curve instead of all its days. The expanded
square ||y||^2 - 2 y'Qb + ||Qb||^2 would do so too, but it loses the digits of a small variance beside a high level.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial.distance import cdist

SINGULAR = 1e-9  # eigenvalues of eq. (8)'s matrix below this share of the largest are treated as zero (rounding)
TINY = 1e-300  # divides the sums of an empty cluster, which are 0


@dataclass(frozen=True)
class Statistics:
    """What EM needs to know of some curves."""

    own: np.ndarray  # (n, P), u_i
    residual: np.ndarray  # (n,), r_i
    n_observed: np.ndarray  # (n,), n_i
    triangle: np.ndarray | None  # (n, P, P), R_i; None without missing days
    variance: float = 1.0  # of all values

    @classmethod
    def gather(cls, chunks: Iterable[np.ndarray], q: np.ndarray, complete: bool, variance: float = 1.0) -> "Statistics":
        """From some thousand curves at a time (., n_days), NaN where a day is missing, and the basis Q (n_days, P)."""
        *arrays, triangle = zip(*(_condense(rows, q, complete) for rows in chunks), strict=True)
        return cls(*map(np.concatenate, arrays), None if complete else np.concatenate(triangle), variance)

    def take(self, which: np.ndarray) -> "Statistics":
        """Some of the curves."""
        triangle = None if self.triangle is None else self.triangle[which]
        return Statistics(self.own[which], self.residual[which], self.n_observed[which], triangle, self.variance)

    def __len__(self) -> int:
        return len(self.own)

    def own_fits(self) -> np.ndarray:
        """Coordinates in Q of each curve's own fit (n, P), as near as its days tell to that of the mean curve."""
        if self.triangle is None:
            return self.own
        mean = self.m_step(np.ones((len(self), 1)))[1][0]
        away = self.own - self.triangle @ mean
        return mean + np.einsum("npq,nq->np", np.linalg.pinv(self.triangle, rcond=1e-3), away)

    def squared_distances(self, centres: np.ndarray) -> np.ndarray:
        """||y_i - Q_i b_k||^2 (K, n)."""
        if self.triangle is None:
            return self.residual + cdist(centres, self.own, "sqeuclidean")
        away = self.own[:, :, None] - self.triangle @ centres.T  # (n, P, K)
        return self.residual + (away**2).sum(axis=1).T

    def e_step(self, weights, centres, variances) -> tuple[np.ndarray, float]:
        """Responsibilities (n, K) and the log-likelihood, as `mixture.e_step`."""
        # Eq. (4); in place, since the arrays leave the cache
        joint = self.squared_distances(centres)  # (K, n)
        joint *= (-0.5 / variances)[:, None]
        joint += np.multiply.outer(-0.5 * np.log(2 * np.pi * variances), self.n_observed)
        with np.errstate(divide="ignore"):  # the weight of an empty cluster
            joint += np.log(weights)[:, None]
        # Eqs (3) and (6) from the largest term on
        highest = joint.max(axis=0)
        joint -= highest
        np.exp(joint, out=joint)
        total = joint.sum(axis=0)
        joint /= total
        return joint.T, float((highest + np.log(total)).sum())

    def m_step(self, w, eq9: str = "corrected") -> tuple:
        """Weights, centres and variances, as `mixture.m_step`."""
        mass = w.sum(axis=0)
        # Eq. (8): beta_k = (sum_i w_ik X_i'X_i)^-1 sum_i w_ik X_i'y_i
        if self.triangle is None:  # the weighted mean of the u_i
            centres = w.T @ self.own / np.maximum(mass, TINY)[:, None]
        else:
            linear, normal = self._linear_and_normal
            inverse = np.linalg.pinv(np.tensordot(w, normal, (0, 0)), rcond=SINGULAR, hermitian=True)
            centres = np.einsum("kpq,kq->kp", inverse, w.T @ linear)
        # Eq. (9), as printed without n_i
        squared = np.einsum("nk,kn->k", w, self.squared_distances(centres))
        size = w.T @ self.n_observed if eq9 == "corrected" else mass
        # Eq. (10)
        return mass / len(self), centres, squared / np.maximum(size, TINY)

    @cached_property
    def _linear_and_normal(self) -> tuple[np.ndarray, np.ndarray]:
        """X_i'y_i = R_i'u_i (n, P) and X_i'X_i = R_i'R_i (n, P, P)."""
        transposed = self.triangle.mT
        return (transposed @ self.own[:, :, None])[:, :, 0], transposed @ self.triangle


def _condense(rows: np.ndarray, q: np.ndarray, complete: bool) -> tuple:
    """The first four fields of `Statistics` for some curves (n, n_days)."""
    if complete:
        own = rows @ q
        return own, ((rows - own @ q.T) ** 2).sum(axis=1), np.full(len(rows), float(len(q))), None
    seen = ~np.isnan(rows)
    rows = np.where(seen, rows, 0.0)
    bases, triangle = np.linalg.qr(seen[:, :, None] * q)  # (n, n_days, P), (n, P, P)
    own = np.einsum("ntp,nt->np", bases, rows)
    residual = ((rows - np.einsum("ntp,np->nt", bases, own)) ** 2).sum(axis=1)
    return own, residual, seen.sum(axis=1).astype(float), triangle
