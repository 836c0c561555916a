"""DM clustering: the mixture of polynomial regressions over demand curves (eqs 1-10), fitted by EM.

Every curve y_i is one of K polynomials of time plus noise. The EM algorithm alternates between asking which polynomial
each curve follows (E-step) and refitting the polynomials to the curves that follow them (M-step).

All curves share their days, hence one design matrix X = QR. With c_i = Q'y_i and r_i = ||y_i - Q c_i||^2,

    ||y_i - X beta||^2 = r_i + ||c_i - R beta||^2,

so after one pass over the data an iteration costs O(n p K): the length of the curves drops out.

Source: Gaffney & Smyth, KDD 1999; section 3.1 of the paper.
"""

import warnings
from collections.abc import Callable

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.special import logsumexp

from bowerbird.errors import ParameterError
from bowerbird.seeds import spawn

SHORT_RUNS = 10  # "small EM": this many short runs, the best of which goes on
SHORT_ITERATIONS = 8


class PolynomialRegressionMixture:
    """A mixture of K polynomial regressions over whole curves.

    Parameters
    ----------
    n_components : int
        Number of clusters [K].
    degree : int
        Degree of the polynomials [p].
    n_init : int
        Whole restarts; the one with the highest likelihood is kept.
    tol : float
        Stop when |change of log-likelihood| / (|log-likelihood| + 0.1) falls below.
    max_iter : int
        Most iterations of a run.
    variance_floor : float
        Least variance of a cluster, relative to the variance of all curves.
    eq9 : {"corrected", "printed"}
        Denominator of eq. 9; "printed" omits the curve length and exists to show what that does.
    random_state : int
        Seed of the starts.

    Attributes
    ----------
    weights_ : (K,)               mixing weights [alpha_k]
    coefficients_ : (K, p + 1)    in powers 1, x, ..., x^p of time x on [-1, 1] [beta_k]
    variances_ : (K,)             [sigma_k^2]
    responsibilities_ : (n, K)    [w_ik]
    log_likelihood_ : float       of the last E-step
    history_ : list of float      log-likelihood after every iteration
    n_iter_, converged_, n_floored_ : iterations, whether `tol` was met, clusters held up by the variance floor

    Source
    ------
    Eqs 1-10; Gaffney & Smyth (1999).
    """

    def __init__(
        self,
        n_components: int = 10,
        degree: int = 3,
        n_init: int = 1,
        tol: float = 1e-8,
        max_iter: int = 500,
        variance_floor: float = 1e-6,
        eq9: str = "corrected",
        random_state: int = 0,
    ):
        if n_components < 1 or degree < 0 or n_init < 1 or max_iter < 1:
            raise ParameterError("n_components, n_init and max_iter must be at least 1, and degree at least 0")
        if eq9 not in ("corrected", "printed"):
            raise ParameterError(f"eq9 is {eq9!r}; choose 'corrected' or 'printed'")
        self.n_components, self.degree, self.n_init = n_components, degree, n_init
        self.tol, self.max_iter, self.variance_floor = tol, max_iter, variance_floor
        self.eq9, self.random_state = eq9, random_state

    def fit(
        self, curves: np.ndarray, responsibilities: np.ndarray | None = None, callback: Callable | None = None
    ) -> "PolynomialRegressionMixture":
        """Fit by EM.

        Parameters
        ----------
        curves : array (n_curves, n_days)
            Complete curves [y_i].
        responsibilities : array (n_curves, K), optional
            Start from these with an M-step; by default short runs from k-means++ labels choose the start.
        callback : callable, optional
            Called as callback(iteration, responsibilities, log_likelihood) after every iteration.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            Missing days, fewer curves than clusters, curves shorter than the polynomial, all days of all curves equal.
        """
        q_coordinates, residuals = self._start(curves)
        if responsibilities is not None:
            starts = [np.asarray(responsibilities, dtype=float)]
        else:
            generators = spawn(self.random_state, self.n_init)
            starts = [self._small_em(q_coordinates, residuals, generator) for generator in generators]
        runs = [self._em(q_coordinates, residuals, start, self.max_iter, callback) for start in starts]
        best = max(runs, key=lambda run: run["history"][-1])

        self.weights_, self.variances_ = best["weights"], best["variances"]
        self._centres = best["centres"]
        self.coefficients_ = np.linalg.solve(self._r, self._centres.T).T  # (K, p + 1), back from Q to powers of x
        self.responsibilities_, self.history_ = best["responsibilities"], best["history"]
        self.log_likelihood_, self.n_iter_ = self.history_[-1], len(self.history_)
        self.converged_, self.n_floored_ = best["converged"], best["n_floored"]
        if not self.converged_:
            warnings.warn(f"EM did not converge in {self.max_iter} iterations; raise max_iter or tol", stacklevel=2)
        return self

    def predict_proba(self, curves: np.ndarray) -> np.ndarray:
        """Posterior probability of each cluster for each curve (n_curves, K); eq. 6."""
        curves = self._check(curves)
        if curves.shape[1] != len(self._q):
            raise ParameterError(f"curves have {curves.shape[1]} days, the mixture was fitted on {len(self._q)}")
        return self._e_step(*self._statistics(curves), self.weights_, self._centres, self.variances_)[0]

    def predict(self, curves: np.ndarray) -> np.ndarray:
        """Most probable cluster of each curve (n_curves,)."""
        return self.predict_proba(curves).argmax(axis=1)

    def predict_proba_by_day(self, curves: np.ndarray) -> np.ndarray:
        """Posterior probability of each cluster as it stood at the end of each day, from the days so far alone.

        Parameters
        ----------
        curves : array (n_curves, n_days)
            The fitted days, and possibly later ones, on which the last posterior is kept.

        Returns
        -------
        array (n_curves, n_days, K); its last fitted day equals `predict_proba`.
        """
        curves = self._check(curves)
        n_fitted = len(self._q)
        log_density = np.empty((*curves[:, :n_fitted].shape, self.n_components))  # (n, n_fitted, K)
        for k, (mean, variance) in enumerate(zip(self.mean_curves(), self.variances_, strict=True)):
            squared = (curves[:, :n_fitted] - mean[: curves.shape[1]]) ** 2
            log_density[..., k] = -0.5 * (np.log(2 * np.pi * variance) + squared / variance)
        with np.errstate(divide="ignore"):
            joint = np.log(self.weights_) + log_density.cumsum(axis=1)  # Eq. (6), day by day
        posterior = np.exp(joint - logsumexp(joint, axis=2, keepdims=True))
        later = np.repeat(posterior[:, -1:], max(curves.shape[1] - n_fitted, 0), axis=1)
        return np.concatenate([posterior, later], axis=1)

    def mean_curves(self) -> np.ndarray:
        """The K polynomials on the fitted days (K, n_days), on the scale of the curves."""
        return self._centres @ self._q.T

    # ---- the EM algorithm ---------------------------------------------------------------------------------------

    def _check(self, curves) -> np.ndarray:
        curves = np.asarray(curves, dtype=float)
        if curves.ndim != 2 or not np.isfinite(curves).all():
            raise ParameterError("curves must be a complete array (n_curves, n_days); fill missing days first")
        return curves

    def _start(self, curves) -> tuple[np.ndarray, np.ndarray]:
        curves = self._check(curves)
        n, n_days = curves.shape
        if n < self.n_components or n_days <= self.degree + 1:
            raise ParameterError(
                f"{n} curves of {n_days} days cannot carry {self.n_components} clusters of degree {self.degree}; "
                "take fewer clusters or a lower degree"
            )
        # Eq. (2): X = [1, x, ..., x^p], n_i x (p + 1) (printed n_i x p), on days mapped to [-1, 1]; factored X = QR
        x = np.linspace(-1, 1, n_days)
        self._q, self._r = np.linalg.qr(np.vander(x, self.degree + 1, increasing=True))  # (n_days, p + 1)
        self._floor = self.variance_floor * curves.var()
        if np.ptp(curves) == 0:  # not the variance: that of equal numbers may miss zero by a rounding
            raise ParameterError("all curves are the same constant; there is nothing to cluster")
        return self._statistics(curves)

    def _statistics(self, curves) -> tuple[np.ndarray, np.ndarray]:
        q_coordinates = curves @ self._q  # (n, p + 1), c_i
        # in this residual form; ||y||^2 - ||c||^2 would lose all digits at large levels
        residuals = ((curves - q_coordinates @ self._q.T) ** 2).sum(axis=1)  # (n,), r_i
        return q_coordinates, residuals

    def _squared_distances(self, q_coordinates, residuals, centres) -> np.ndarray:
        """||y_i - X beta_k||^2 of every curve and cluster (n, K)."""
        shift = q_coordinates.mean(axis=0)  # distances do not change, digits are kept
        c, b = q_coordinates - shift, centres - shift
        squared = (c**2).sum(axis=1)[:, None] - 2 * c @ b.T + (b**2).sum(axis=1)
        return residuals[:, None] + np.maximum(squared, 0)

    def _m_step(self, q_coordinates, residuals, w):
        n, n_days = len(w), len(self._q)
        mass = w.sum(axis=0)  # (K,)
        safe = np.maximum(mass, np.finfo(float).tiny)
        # Eq. (8): beta_k = (sum_i w_ik X'X)^-1 sum_i w_ik X'y_i; in the coordinates of Q a weighted mean of the c_i
        centres = (w.T @ q_coordinates) / safe[:, None]  # (K, p + 1)
        # Eq. (9): sigma_k^2 = sum_i w_ik ||y_i - X beta_k||^2 / sum_i w_ik n_i; as printed it omits n_i
        squared = np.einsum("ik,ik->k", w, self._squared_distances(q_coordinates, residuals, centres))
        variances = squared / (safe * (n_days if self.eq9 == "corrected" else 1))
        # Eq. (10): alpha_k = (1/n) sum_i w_ik; printed as a second sigma_k^2
        weights = mass / n
        return weights, centres, np.maximum(variances, self._floor), int((variances < self._floor).sum())

    def _e_step(self, q_coordinates, residuals, weights, centres, variances):
        n_days = len(self._q)
        squared = self._squared_distances(q_coordinates, residuals, centres)  # (n, K)
        # Eq. (3): p(y_i) = sum_k alpha_k N(y_i | X beta_k, sigma_k^2 I), in logarithms
        with np.errstate(divide="ignore"):  # an empty cluster has weight 0 and takes no part
            joint = np.log(weights) - 0.5 * n_days * np.log(2 * np.pi * variances) - 0.5 * squared / variances
        marginal = logsumexp(joint, axis=1, keepdims=True)
        # Eq. (6): w_ik = alpha_k N(y_i | X beta_k, sigma_k^2 I) / p(y_i)
        return np.exp(joint - marginal), float(marginal.sum())

    def _em(self, q_coordinates, residuals, w, max_iter, callback=None) -> dict:
        if w.shape != (len(residuals), self.n_components):
            raise ParameterError(f"responsibilities have shape {w.shape}, not {(len(residuals), self.n_components)}")
        history, converged = [], False
        for iteration in range(1, max_iter + 1):
            weights, centres, variances, n_floored = self._m_step(q_coordinates, residuals, w)
            w, log_likelihood = self._e_step(q_coordinates, residuals, weights, centres, variances)
            history.append(log_likelihood)
            if callback is not None:
                callback(iteration, w, log_likelihood)
            if len(history) > 1 and abs(history[-1] - history[-2]) <= self.tol * (abs(history[-1]) + 0.1):
                converged = True
                break
        return {
            "responsibilities": w, "weights": weights, "centres": centres, "variances": variances,
            "history": history, "converged": converged, "n_floored": n_floored,
        }  # fmt: skip

    def _small_em(self, q_coordinates, residuals, rng) -> np.ndarray:
        """Short EM runs from k-means++ labels of the polynomial coefficients; responsibilities of the best one."""
        best, best_likelihood = None, -np.inf
        for _ in range(SHORT_RUNS):
            with warnings.catch_warnings():  # an empty k-means cluster is no fault here, EM refills or drops it
                warnings.simplefilter("ignore")
                labels = kmeans2(q_coordinates, self.n_components, minit="++", iter=5, rng=rng)[1]
            run = self._em(q_coordinates, residuals, np.eye(self.n_components)[labels], SHORT_ITERATIONS)
            if run["history"][-1] > best_likelihood:
                best, best_likelihood = run["responsibilities"], run["history"][-1]
        return best
