"""The same EM on a few numbers a curve, many times faster than the plain equations of `dm.mixture`.

Let Q be an orthonormal basis of the mean curves (X = QR). On the observed days of curve i it is Q_i = U_i R_i with
U_i'U_i = I. Let u_i = U_i'y_i be the coordinates of the curve's own least-squares fit, r_i = ||y_i - U_i u_i||^2. Then

    ||y_i - Q_i b||^2 = r_i + ||u_i - R_i b||^2,

and R_i = I where no day is missing. So an iteration needs P + 1 numbers a curve instead of all its days. The expanded
square ||y||^2 - 2 y'Qb + ||Qb||^2 would do so too, but it loses the digits of a small variance beside a high level.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

CHUNK = 4096  # curves; their log densities under ten clusters stay in the cache
SINGULAR = 1e-9  # eigenvalues of eq. (8)'s matrix below this share of the largest are treated as zero (rounding)
TINY = 1e-300  # divides the sums of an empty cluster, which are 0


@dataclass(frozen=True)
class Statistics:
    """What EM needs to know of some curves."""

    own: np.ndarray  # (n, P), u_i
    residual: np.ndarray  # (n,), r_i
    moments: np.ndarray  # (n, 2 + P), what an M-step sums up: 1, n_i, R_i'u_i; with missing days also R_i'R_i
    triangle: np.ndarray | None  # (n, P, P), R_i; None without missing days
    variance: float = 1.0  # of all values

    @classmethod
    def gather(cls, chunks: Iterable[np.ndarray], q: np.ndarray, complete: bool, variance: float = 1.0) -> "Statistics":
        """From some thousand curves at a time (., n_days), NaN where a day is missing, and the basis Q (n_days, P)."""
        *arrays, triangle = zip(*(_condense(rows, q, complete) for rows in chunks), strict=True)
        return cls(*map(np.concatenate, arrays), None if complete else np.concatenate(triangle), variance)

    def take(self, which: slice | np.ndarray) -> "Statistics":
        """Some of the curves."""
        triangle = None if self.triangle is None else self.triangle[which]
        return Statistics(self.own[which], self.residual[which], self.moments[which], triangle, self.variance)

    def __len__(self) -> int:
        return len(self.own)

    @property
    def n_observed(self) -> np.ndarray:
        return self.moments[:, 1]

    def own_fits(self) -> np.ndarray:
        """Coordinates in Q of each curve's own fit (n, P), as near as its days tell to that of the mean curve."""
        if self.triangle is None:
            return self.own
        mean = self._centres(self.moments.sum(axis=0)[None])[0]
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
        parts = [(w.T, log_density.sum()) for _, w, log_density, _ in self._chunks(weights, centres, variances)]
        return np.concatenate([w for w, _ in parts]), float(sum(likelihood for _, likelihood in parts))

    def m_step(self, w, eq9: str = "corrected") -> tuple:
        """Weights, centres and variances, as `mixture.m_step`."""
        moments = w.T @ self.moments
        centres = self._centres(moments)
        squared = np.einsum("nk,kn->k", w, self.squared_distances(centres))
        return self._parameters(moments, centres, squared, eq9)

    def step(self, weights, centres, variances, eq9: str = "corrected") -> tuple[tuple, float]:
        """E-step and M-step in one pass: the next parameters, and the log-likelihood of the given ones."""
        moments, squared, likelihood = 0.0, 0.0, 0.0
        for chunk, w, log_density, distances in self._chunks(weights, centres, variances):
            moments = moments + w @ chunk.moments
            squared = squared + np.einsum("kn,kn->k", w, distances)
            likelihood += log_density.sum()
        moved = self._centres(moments)
        # The weighted squares about the former centres, less what the move to the new ones takes off
        away = moved - centres
        squared = squared - np.einsum("kp,kpq,kq->k", away, self._normal(moments), away)
        return self._parameters(moments, moved, squared, eq9), float(likelihood)

    def _normal(self, moments) -> np.ndarray:
        """sum_i w_ik R_i'R_i (K, P, P)."""
        size = self.own.shape[1]
        if self.triangle is None:
            return moments[:, :1, None] * np.eye(size)
        return moments[:, 2 + size :].reshape(-1, size, size)

    def _centres(self, moments) -> np.ndarray:
        # Eq. (8): beta_k = (sum_i w_ik X_i'X_i)^-1 sum_i w_ik X_i'y_i; complete curves: the weighted mean of the u_i
        linear = moments[:, 2 : 2 + self.own.shape[1]]
        if self.triangle is None:
            return linear / np.maximum(moments[:, :1], TINY)
        inverse = np.linalg.pinv(self._normal(moments), rcond=SINGULAR, hermitian=True)
        return np.einsum("kpq,kq->kp", inverse, linear)

    def _parameters(self, moments, centres, squared, eq9) -> tuple:
        # Eq. (9), as printed without n_i; eq. (10)
        mass, days = moments[:, 0], moments[:, 1]
        return mass / len(self), centres, squared / np.maximum(days if eq9 == "corrected" else mass, TINY)

    def _chunks(self, weights, centres, variances) -> Iterator[tuple]:
        """Some thousand curves at a time: they, w (K, n), log p(y) (n,), squared distances (K, n)."""
        with np.errstate(divide="ignore"):  # the weight of an empty cluster
            log_prior = np.log(weights)[:, None]
        for start in range(0, len(self), CHUNK):
            chunk = self.take(slice(start, start + CHUNK))
            squared = chunk.squared_distances(centres)
            # Eq. (4), then eqs (3) and (6) from the largest term on
            joint = squared * (-0.5 / variances)[:, None]
            joint += log_prior + np.multiply.outer(-0.5 * np.log(2 * np.pi * variances), chunk.n_observed)
            highest = joint.max(axis=0)
            joint -= highest
            np.exp(joint, out=joint)
            total = joint.sum(axis=0)
            joint /= total
            yield chunk, joint, highest + np.log(total), squared


def _condense(rows: np.ndarray, q: np.ndarray, complete: bool) -> tuple:
    """The fields of `Statistics` for some curves (n, n_days)."""
    n, (n_days, size) = len(rows), q.shape
    if complete:
        own = rows @ q
        return own, ((rows - own @ q.T) ** 2).sum(axis=1), np.column_stack([np.ones(n), np.full(n, n_days), own]), None
    seen = ~np.isnan(rows)
    rows = np.where(seen, rows, 0.0)
    bases, triangle = np.linalg.qr(seen[:, :, None] * q)  # (n, n_days, P), (n, P, P)
    own = np.einsum("ntp,nt->np", bases, rows)
    residual = ((rows - np.einsum("ntp,np->nt", bases, own)) ** 2).sum(axis=1)
    linear, normal = np.einsum("nqp,nq->np", triangle, own), np.einsum("nrp,nrq->npq", triangle, triangle)
    moments = np.column_stack([np.ones(n), seen.sum(axis=1), linear, normal.reshape(n, size**2)])
    return own, residual, moments, triangle
