"""DM clustering, eqs (1) to (10): every demand curve follows one of K polynomials of time, plus noise.

First the equations in the order of the paper, for curves with or without missing days. Then the estimator that iterates
them, `PolynomialRegressionMixture`, by way of `dm.fast`: the same numbers, many times faster.

Source: Gaffney & Smyth, "Trajectory clustering with mixtures of regression models", KDD 1999; section 3.1 of the paper.
"""

import warnings
from collections.abc import Callable, Iterator
from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.special import logsumexp, xlogy
from sklearn.exceptions import ConvergenceWarning

from bowerbird.checks import floats, whole
from bowerbird.dm.fast import SINGULAR, Statistics
from bowerbird.errors import ParameterError
from bowerbird.seeds import streams

# ---- the equations ---------------------------------------------------------------------------------------------------


def design_matrix(n_days: int, degree: int) -> np.ndarray:
    """Design matrix [X] (n_days, p + 1) of polynomials of degree p, on days mapped to x in [-1, 1].

    >>> design_matrix(3, 2)
    array([[ 1., -1.,  1.],
           [ 1.,  0.,  0.],
           [ 1.,  1.,  1.]])
    """
    # Eq. (2): X = [1, x, x^2, ..., x^p]; the paper prints its size as n_i x p, with the ones it is n_i x (p + 1)
    return np.vander(np.linspace(-1, 1, n_days), degree + 1, increasing=True)


def squared_distances(curves: np.ndarray, x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """||y_i - X_i beta_k||^2 over the observed days of each curve (n, K); NaN is a missing day."""
    return np.stack([np.nansum((curves - x @ beta) ** 2, axis=1) for beta in coefficients], axis=1)


def e_step(curves, x, weights, coefficients, variances) -> tuple[np.ndarray, float]:
    """The E-step, eqs (1), (3), (4), (6): responsibilities (n, K) [w_ik], and the log-likelihood, sum_i log p(y_i).

    Parameters
    ----------
    curves : array (n, n_days)
        Demand curves [y_i]; NaN where a day is missing.
    x : array (n_days, P)
        Design matrix [X]; P is p + 1.
    weights : array (K,)
        Mixing weights [alpha_k].
    coefficients : array (K, P)
        Regression coefficients [beta_k].
    variances : array (K,)
        Variances of the noise [sigma_k^2].

    Examples
    --------
    A curve (0, 0) between clusters of mean 0 and 1 and variance 1: the odds are exp(0) to exp(-2/2).

    >>> w, _ = e_step(np.zeros((1, 2)), np.ones((2, 1)), [0.5, 0.5], [[0], [1]], np.ones(2))
    >>> w.round(3)
    array([[0.731, 0.269]])
    """
    n_observed = (~np.isnan(curves)).sum(axis=1)[:, None]  # (n, 1), n_i
    # Eq. (1): y_i = X_i beta_k + e_i, e_i ~ N(0, sigma_k^2 I), so log N(y_i | X_i beta_k, sigma_k^2 I) is
    squared = squared_distances(curves, x, coefficients)  # (n, K)
    log_density = -0.5 * (n_observed * np.log(2 * np.pi * variances) + squared / variances)
    # Eq. (4): p(y_i, z_i = k) = alpha_k N(y_i | X_i beta_k, sigma_k^2 I)
    with np.errstate(divide="ignore"):  # the logarithm of an empty cluster's weight
        joint = np.log(weights) + log_density
    # Eq. (3): p(y_i) = sum_k alpha_k N(y_i | X_i beta_k, sigma_k^2 I)
    marginal = logsumexp(joint, axis=1, keepdims=True)
    # Eq. (6): w_ik = alpha_k N(y_i | X_i beta_k, sigma_k^2 I) / p(y_i)
    return np.exp(joint - marginal), float(marginal.sum())


def m_step(curves, x, w, eq9: str = "corrected") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The M-step, eqs (8), (9), (10): weights (K,), coefficients (K, P) and variances (K,), given the responsibilities.

    They maximize eq. (7), the posterior mean of eq. (5): Q = sum_i sum_k w_ik log alpha_k N(y_i | X_i beta_k, sigma_k^2
    I). With `eq9` "printed" the denominator of eq. (9) omits the length n_i of the curves.

    Examples
    --------
    One cluster of constant curves (1, 2) and (3, 6): their mean is 3, their variance (4 + 1 + 0 + 9) / 4.

    >>> weights, coefficients, variances = m_step(np.array([[1, 2], [3, 6.0]]), np.ones((2, 1)), np.ones((2, 1)))
    >>> float(weights[0]), float(coefficients[0, 0]), float(variances[0])
    (1.0, 3.0, 3.5)
    """
    seen = ~np.isnan(curves)
    mass = w.sum(axis=0)  # (K,), sum_i w_ik
    days = w.T @ seen  # (K, n_days), sum_i w_ik over the curves observed on a day
    # Eq. (8): beta_k = (sum_i w_ik X_i'X_i)^-1 sum_i w_ik X_i'y_i
    normal = np.einsum("kt,tp,tq->kpq", days, x, x)
    right = w.T @ np.where(seen, curves, 0.0) @ x
    coefficients = np.einsum("kpq,kq->kp", np.linalg.pinv(normal, rcond=SINGULAR, hermitian=True), right)
    # Eq. (9): sigma_k^2 = sum_i w_ik ||y_i - X_i beta_k||^2 / sum_i w_ik n_i; printed over sum_i w_ik
    squared = (w * squared_distances(curves, x, coefficients)).sum(axis=0)
    size = days.sum(axis=1) if eq9 == "corrected" else mass
    variances = squared / np.where(mass > 0, size, 1.0)
    # Eq. (10): alpha_k = (1/n) sum_i w_ik; printed as a second sigma_k^2
    return mass / len(curves), coefficients, variances


# ---- the estimator ---------------------------------------------------------------------------------------------------

LARGEST = 1e60  # of a value; the squares of larger ones, and of values below 1 / LARGEST, may leave the range of floats
FLOOR = 1e-10  # least variance of a cluster, relative to the variance of all values
SHORT_RUNS, SHORT_ITERATIONS = 10, 8  # of small EM
ENOUGH = 20_000  # curves; of more, a random sample chooses the start
CHUNK = 4096  # curves read at a time


class DegenerateClusterWarning(UserWarning):
    """A cluster has lost nearly all its curves, or has no variance of its own."""


class Run(NamedTuple):
    """A run of EM: the parameters and the log-likelihood of every iteration, and how it ended."""

    path: list[tuple]
    history: list[float]
    converged: bool


class PolynomialRegressionMixture:
    """A mixture of K polynomial regressions on time over whole curves, fitted by EM.

    Parameters
    ----------
    n_components : int
        Number of clusters [K].
    degree : int
        Degree of the polynomials [p].
    init : {"small_em", "random"}
        The start. "small_em": ten short runs from k-means++ clusters of the curves' own coefficients, of which the
        likeliest goes on (Biernacki, Celeux & Govaert 2003). "random": every curve in a random cluster.
    n_init : int
        Whole restarts; the one with the highest likelihood is kept.
    tol : float
        Stop when |change of log-likelihood| / (|log-likelihood| + 0.1) falls to it.
    max_iter : int
        Most iterations of a run.
    eq9 : {"corrected", "printed"}
        Denominator of eq. (9). "printed" omits the length of the curves; it exists to show what that does.
    random_state : int
        Seed of the starts.

    Attributes
    ----------
    weights_ : (K,)               mixing weights [alpha_k]
    coefficients_ : (K, p + 1)    of the powers 1, x, ..., x^p of time x on [-1, 1] [beta_k]
    variances_ : (K,)             [sigma_k^2]
    responsibilities_ : (n, K)    [w_ik]
    log_likelihood_ : float       of the last E-step
    history_ : list of float      log-likelihood of every iteration
    n_iter_, converged_           iterations; whether `tol` was met
    n_floored_                    clusters whose variance stands on the floor
    n_curves_, n_points_, n_days_ curves with an observed day, observed values, days

    Clusters come in order of rising mean level. If `fit` was given responsibilities, their order is kept.

    Examples
    --------
    Two rising and two falling lines. A mean curve is the least-squares line through the mean of its curves: through
    (0, 1, 2, 3.1) it is 1.525 + 1.545 x.

    >>> curves = [[0, 1, 2, 3], [0, 1, 2, 3.2], [9, 8, 7, 6], [9, 8, 7, 5.8]]
    >>> mixture = PolynomialRegressionMixture(2, degree=1).fit(curves)
    >>> mixture.predict(curves)
    array([0, 0, 1, 1])
    >>> mixture.coefficients_.round(3)
    array([[ 1.525,  1.545],
           [ 7.475, -1.545]])
    """

    def __init__(
        self,
        n_components: int = 10,
        degree: int = 3,
        *,
        init: str = "small_em",
        n_init: int = 1,
        tol: float = 1e-8,
        max_iter: int = 500,
        eq9: str = "corrected",
        random_state: int = 0,
    ):
        self.n_components = whole("n_components", n_components, least=1)
        self.degree = whole("degree", degree)
        self.n_init, self.max_iter = whole("n_init", n_init, least=1), whole("max_iter", max_iter, least=1)
        self.random_state = whole("random_state", random_state)
        if not isinstance(tol, Real) or not np.isfinite(tol):
            raise ParameterError(f"tol is {tol!r}; give a finite number")
        if init not in ("small_em", "random"):
            raise ParameterError(f"init is {init!r}; choose 'small_em' or 'random'")
        if eq9 not in ("corrected", "printed"):
            raise ParameterError(f"eq9 is {eq9!r}; choose 'corrected' or 'printed'")
        self.tol, self.init, self.eq9 = tol, init, eq9

    def fit(
        self, curves, responsibilities: np.ndarray | None = None, *, callback: Callable | None = None
    ) -> "PolynomialRegressionMixture":
        """Fit by EM.

        Parameters
        ----------
        curves : array (n_curves, n_days)
            Demand curves [y_i]; NaN, or masked, where a day is missing. Anything sliced by rows will do, such as
            numpy.memmap. Curves without an observed day have no part in the fit.
        responsibilities : array (n_curves, K), optional
            Start from these with an M-step [w_ik].
        callback : callable, optional
            Called as callback(iteration, responsibilities, log_likelihood) for every iteration of the run that is kept.

        Raises
        ------
        ParameterError
            Fewer curves than clusters, fewer days than coefficients, all values equal, values beyond 1e60, or
            responsibilities of the wrong shape or that are no distribution.
        """
        curves = _two_dimensional(curves)
        n, n_days = curves.shape
        complete, variance = _check_values(curves)
        self._set_days(n_days)
        every = Statistics.gather(_read_rows(curves), self._q, complete, variance)
        seen = every.n_observed > 0
        data = every if seen.all() else every.take(seen)
        if len(data) < self.n_components or n_days <= self.degree + 1:
            raise ParameterError(
                f"{len(data)} curves of {n_days} days cannot carry {self.n_components} clusters of degree "
                f"{self.degree}; take fewer clusters or a lower degree"
            )
        if responsibilities is None:
            starts = [self._start(data, rng) for rng in streams(self.random_state, "mixture/starts", self.n_init)]
        else:
            starts = [data.m_step(self._check_responsibilities(responsibilities, n)[seen], self.eq9)]
        runs = [self._em(data, start, self.max_iter) for start in starts]
        best = max(runs, key=lambda run: run.history[-1])
        order = np.arange(self.n_components)
        if responsibilities is None:
            order = np.argsort((best.path[-1][1] @ self._q.T).mean(axis=1), kind="stable")
        self._set_parameters(*(array[order] for array in best.path[-1]))
        self.history_, self.converged_ = best.history, best.converged
        self.log_likelihood_, self.n_iter_ = self.history_[-1], len(self.history_)
        self.n_curves_, self.n_points_ = len(data), int(data.n_observed.sum())
        self.n_floored_ = int((self.variances_ <= FLOOR * variance).sum())

        self.responsibilities_ = every.e_step(*best.path[-1])[0][:, order]
        w = self.responsibilities_[seen]
        self.entropy_ = float(-xlogy(w, w).sum())
        if callback is not None:
            for iteration, (parameters, likelihood) in enumerate(zip(best.path, best.history, strict=True), 1):
                callback(iteration, every.e_step(*parameters)[0][:, order], likelihood)
        self._warn(complete)
        return self

    def _em(self, data: Statistics, parameters: tuple, max_iter: int) -> Run:
        """Iterate E-step and M-step until the log-likelihood stands still."""
        path, history = [], []
        for _ in range(max_iter):
            weights, centres, variances = parameters
            variances = np.where(weights > 0, np.maximum(variances, FLOOR * data.variance), data.variance)
            w, likelihood = data.e_step(weights, centres, variances)
            change = likelihood - history[-1] if history else np.inf
            rounding = 1e-9 * (abs(likelihood) + data.n_observed.sum())
            if self.eq9 == "corrected" and change < -rounding:
                break  # EM cannot fall, but by rounding, where the observed days fix no coefficient
            path.append((weights, centres, variances))
            history.append(likelihood)
            if abs(change) <= self.tol * (abs(likelihood) + 0.1):
                return Run(path, history, True)
            parameters = data.m_step(w, self.eq9)
        return Run(path, history, False)

    def _start(self, data: Statistics, rng: np.random.Generator) -> tuple:
        """Parameters to begin with."""
        k, runs = self.n_components, []
        if len(data) > ENOUGH:
            data = data.take(np.sort(rng.choice(len(data), ENOUGH, replace=False)))
        if self.init == "random":
            return data.m_step(np.eye(k)[rng.integers(k, size=len(data))], self.eq9)
        for _ in range(SHORT_RUNS):
            with warnings.catch_warnings():  # an empty k-means cluster is no fault here
                warnings.simplefilter("ignore")
                labels = kmeans2(data.own_fits(), k, minit="++", iter=5, rng=rng)[1]
            runs.append(self._em(data, data.m_step(np.eye(k)[labels], self.eq9), SHORT_ITERATIONS))
        return max(runs, key=lambda run: run.history[-1]).path[-1]

    def _warn(self, complete: bool) -> None:
        k, few, said = len(self.weights_), int((self.weights_ * self.n_curves_ < 1).sum()), []
        if self.n_floored_:
            said.append(
                f"{self.n_floored_} of {k} clusters stand on the variance floor, since their curves are nearly equal: "
                "log-likelihood, BIC, ICL and responsibilities depend on the floor; set such curves (without demand, "
                "say) apart, or fit fewer clusters"
            )
        if few:
            said.append(f"{few} of {k} clusters hold less than one curve; fit fewer clusters")
        if said:
            warnings.warn("; ".join(said), DegenerateClusterWarning, stacklevel=3)
        if not self.converged_:
            cure = "" if complete else ", or lower the degree: few days of some curves are observed"
            message = f"EM did not converge in {self.n_iter_} iterations; raise max_iter or tol{cure}"
            warnings.warn(message, ConvergenceWarning, stacklevel=3)

    def _check_responsibilities(self, responsibilities, n: int) -> np.ndarray:
        w = floats("responsibilities", responsibilities)
        if w.shape != (n, self.n_components):
            raise ParameterError(f"responsibilities have shape {w.shape}, not {(n, self.n_components)}")
        if not ((w >= 0).all() and np.allclose(w.sum(axis=1), 1.0, rtol=0, atol=1e-6)):
            raise ParameterError("responsibilities must be at least 0 and sum to 1 over the clusters, without NaN")
        return w

    def _set_days(self, n_days: int) -> None:
        # Any basis of the same curves will do for EM. An orthonormal one has the best digits: X = QR, Xb = Q (Rb).
        self.n_days_ = n_days
        self._q, self._r = np.linalg.qr(design_matrix(n_days, self.degree))  # (n_days, P), (P, P)

    def _set_parameters(self, weights, centres, variances) -> None:
        self.weights_, self._centres, self.variances_ = weights, centres, variances
        self.coefficients_ = np.linalg.solve(self._r, centres.T).T

    # ---- using a fit ---------------------------------------------------------------------------------------------

    def mean_curves(self) -> np.ndarray:
        """The K mean curves on the fitted days (K, n_days), on the scale of the curves."""
        self._check_fitted()
        return self._centres @ self._q.T

    def predict_proba(self, curves) -> np.ndarray:
        """Posterior probability of each cluster for each curve (n_curves, K); eq. (6).

        Curves may be partial: NaN where a day is missing, or shorter than the fitted ones, which stops them early.
        Without any observed day the posterior is the prior, `weights_`.
        """
        self._check_fitted()
        curves = _two_dimensional(curves)
        if curves.shape[1] > self.n_days_:
            raise ParameterError(
                f"curves have {curves.shape[1]} days, the mixture was fitted on {self.n_days_}; leave the rest"
            )
        parameters = self.weights_, self._centres, self.variances_
        x = self._q[: curves.shape[1]]
        return np.concatenate([e_step(rows, x, *parameters)[0] for rows in _read_rows(curves)])

    def predict(self, curves) -> np.ndarray:
        """Most probable cluster of each curve (n_curves,)."""
        return self.predict_proba(curves).argmax(axis=1)

    def forecast(self, curves) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance (n_curves, n_days) of every day of every partial curve, from the clusters it may belong to.

        The variance is that of a new value: between and within clusters.
        """
        w, means = self.predict_proba(curves), self.mean_curves()
        mean = w @ means
        return mean, np.maximum(w @ means**2 - mean**2, 0.0) + (w @ self.variances_)[:, None]

    def predict_proba_by_day(self, curves: np.ndarray) -> np.ndarray:
        """Posterior probability of each cluster at the end of each day, from the days so far (n_curves, n_days, K).

        Curves are as in `predict_proba`, or longer than the fitted ones; on later days the last posterior is kept.
        """
        self._check_fitted()
        curves = np.concatenate(list(_read_rows(_two_dimensional(curves))))
        known = curves[:, : self.n_days_]
        log_density = np.empty((*known.shape, len(self.weights_)))  # (n, n_days, K)
        for k, (mean, variance) in enumerate(zip(self.mean_curves(), self.variances_, strict=True)):
            squared = (known - mean[: known.shape[1]]) ** 2
            log_density[..., k] = -0.5 * (np.log(2 * np.pi * variance) + squared / variance)
        log_density = np.nan_to_num(log_density, copy=False, nan=0.0)  # a missing day says nothing
        with np.errstate(divide="ignore"):
            joint = np.log(self.weights_) + log_density.cumsum(axis=1)  # Eq. (6), day by day
        posterior = np.exp(joint - logsumexp(joint, axis=2, keepdims=True))
        later = np.repeat(posterior[:, -1:], curves.shape[1] - known.shape[1], axis=1)
        return np.concatenate([posterior, later], axis=1)

    def bic(self, count: str = "curves") -> float:
        """Bayesian information criterion, the least is best; it counts "curves", or "points" as flexmix does."""
        if count not in ("curves", "points"):
            raise ParameterError(f"count is {count!r}; choose 'curves' or 'points'")
        size = self.n_curves_ if count == "curves" else self.n_points_
        n_parameters = self.coefficients_.size + len(self.weights_) - 1 + len(self.variances_)
        return -2 * self.log_likelihood_ + n_parameters * np.log(size)

    def icl(self) -> float:
        """BIC plus twice the entropy of the responsibilities (integrated completed likelihood); the least is best."""
        return self.bic() + 2 * self.entropy_

    def to_dict(self) -> dict:
        """What prediction needs, as numbers and lists that JSON can hold."""
        self._check_fitted()
        parameters = [array.tolist() for array in (self.weights_, self._centres, self.variances_)]
        return {"degree": self.degree, "n_days": self.n_days_, "parameters": parameters}

    @classmethod
    def from_dict(cls, saved: dict) -> "PolynomialRegressionMixture":
        """The mixture that `to_dict` saved; it predicts the same bits."""
        mixture = cls(len(saved["parameters"][0]), saved["degree"])
        mixture._set_days(saved["n_days"])
        mixture._set_parameters(*map(np.array, saved["parameters"]))
        return mixture

    def _check_fitted(self) -> None:
        if not hasattr(self, "weights_"):
            raise ParameterError("the mixture is not fitted; call fit first")


def _two_dimensional(curves):
    """Curves as a two-dimensional array, or anything sliced by rows like one, such as numpy.memmap."""
    if not hasattr(curves, "shape"):
        curves = floats("curves", curves)
    if len(curves.shape) != 2:
        raise ParameterError(f"curves must be (n_curves, n_days), not of shape {tuple(curves.shape)}")
    return curves


def _read_rows(curves) -> Iterator[np.ndarray]:
    """Some thousand curves at a time as float64; a missing day is NaN."""
    for start in range(0, max(len(curves), 1), CHUNK):
        rows = floats("curves", curves[start : start + CHUNK])
        if (np.abs(rows) > LARGEST).any():
            row, day = np.argwhere(np.abs(rows) > LARGEST)[0]
            raise ParameterError(
                f"curve {start + row}, day {day}: {rows[row, day]} is not between -{LARGEST:g} and {LARGEST:g}; "
                "use NaN if missing, or divide all curves by one number"
            )
        yield rows


def _check_values(curves) -> tuple[bool, float]:
    """Refuse curves that cannot be clustered; whether no day is missing, and the variance of all values."""
    lowest, highest, count, total = np.inf, -np.inf, 0, 0.0
    for rows in _read_rows(curves):
        lowest, highest = np.nanmin(rows, initial=lowest), np.nanmax(rows, initial=highest)
        count, total = count + (~np.isnan(rows)).sum(), total + np.nansum(rows)
    if not count:
        raise ParameterError("curves hold no value: there are none, or all their days are missing (NaN)")
    if highest - lowest < 1 / LARGEST:
        raise ParameterError(f"all values of curves lie within {highest - lowest:g}; there is nothing to cluster")
    squares = sum(np.nansum((rows - total / count) ** 2) for rows in _read_rows(curves))
    return count == curves.shape[0] * curves.shape[1], squares / count
