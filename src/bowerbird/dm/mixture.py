"""The mixture of regressions over curves, as users meet it: fit, posterior, criteria, forecast, sample, save.

Every curve y_i is one of K smooth curves of time plus noise (eqs 1-10). Source: Gaffney & Smyth, KDD 1999; section 3.1.
"""

import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from numbers import Real

import numpy as np
from scipy.special import logsumexp, xlogy
from sklearn.exceptions import ConvergenceWarning

from bowerbird.checks import whole
from bowerbird.dm import em, starts
from bowerbird.dm.basis import Basis
from bowerbird.dm.em import Parameters, Rules
from bowerbird.dm.statistics import Curves, check_curves, condense, gather, read_rows
from bowerbird.errors import ParameterError
from bowerbird.seeds import streams


class PolynomialRegressionMixture:
    """A mixture of K regressions on time over whole curves.

    Parameters
    ----------
    n_components : int
        Number of clusters [K].
    degree : int
        Degree of the polynomials [p].
    basis : {"power", "chebyshev", "bspline", "weekly"}
        What mean curves are made of; see `Basis`. Powers and Chebyshev polynomials give the same curves.
    n_knots : int
        Inner knots of the B-splines.
    shared_variance : bool
        One variance for all clusters instead of one each [sigma_k^2].
    init : {"small_em", "k-means++", "random"}
        The start, where `fit` is given none.
    n_init : int
        Whole restarts; the one with the highest likelihood is kept.
    algorithm : {"soft", "classification"}
        EM, or classification EM, in which every curve belongs to its best cluster alone.
    tol : float
        Stop when |change of log-likelihood| / (|log-likelihood| + 0.1) falls to it.
    max_iter : int
        Most iterations of a run.
    variance_floor : float
        Least variance of a cluster, relative to the variance of all curves. A cluster of equal curves stands on it,
        and the likelihood and the criteria then depend on it: see `VarianceFloorWarning`.
    on_empty : {"keep", "reseed", "drop"}
        What becomes of a cluster with less than `min_size` curves: it stays; it starts anew (at most K times) at the
        curve that is explained worst; it goes. Each with an `EmptyClusterWarning`.
    min_size : float
        Curves, counted by responsibility, below which a cluster counts as empty.
    eq9 : {"corrected", "printed"}
        Denominator of eq. 9; "printed" omits the curve length and exists to show what that does.
    random_state : int
        Seed of the starts.

    Attributes
    ----------
    weights_ : (K,)               mixing weights [alpha_k]
    coefficients_ : (K, P)        of polynomials in powers 1, x, ..., x^p of time x on [-1, 1] [beta_k]; of B-splines,
                                  their heights; of the weekly basis, powers, then cosines, then sines
    variances_ : (K,)             [sigma_k^2]
    responsibilities_ : (n, K)    [w_ik]
    log_likelihood_ : float       of the last E-step; of classification EM, that of the best clusters alone
    history_ : list of float      log-likelihood after every iteration
    n_iter_, converged_ : iterations, whether `tol` was met
    n_floored_, n_reseeded_, n_dropped_ : clusters held up by the variance floor, set anew, dropped
    n_curves_, n_points_, n_days_ : curves with an observed day, observed values, days

    Clusters come in order of rising mean level, unless `fit` was given labels, responsibilities or parameters, whose
    order is kept.

    Source
    ------
    Eqs 1-10; Gaffney & Smyth (1999).
    """

    def __init__(
        self,
        n_components: int = 10,
        degree: int = 3,
        *,
        basis: str = "power",
        n_knots: int = 5,
        shared_variance: bool = False,
        init: str = "small_em",
        n_init: int = 1,
        algorithm: str = "soft",
        tol: float = 1e-8,
        max_iter: int = 500,
        variance_floor: float = 1e-10,
        on_empty: str = "keep",
        min_size: float = 1.0,
        eq9: str = "corrected",
        random_state: int = 0,
    ):
        n_components, n_init, max_iter, random_state = (
            whole(name, value, least)
            for name, value, least in (
                ("n_components", n_components, 1), ("n_init", n_init, 1), ("max_iter", max_iter, 1),
                ("random_state", random_state, 0),
            )
        )  # fmt: skip
        floor_and_size = ("variance_floor", variance_floor, 0), ("min_size", min_size, 0)
        for name, value, least in (("tol", tol, -np.inf), *floor_and_size):
            if not isinstance(value, Real) or not least <= value < np.inf:
                raise ParameterError(f"{name} is {value!r}; give a number of at least {least}")
        for name, value, choices in (
            ("init", init, starts.STARTS),
            ("algorithm", algorithm, ("soft", "classification")),
            ("on_empty", on_empty, ("keep", "reseed", "drop")),
            ("eq9", eq9, ("corrected", "printed")),
        ):
            if value not in choices:
                raise ParameterError(f"{name} is {value!r}; choose one of {', '.join(choices)}")
        self._basis = Basis(basis, degree, n_knots)  # checks its own
        self.n_components, self.degree, self.basis, self.n_knots = n_components, degree, basis, n_knots
        self.shared_variance, self.init, self.n_init, self.algorithm = shared_variance, init, n_init, algorithm
        self.tol, self.max_iter, self.variance_floor = tol, max_iter, variance_floor
        self.on_empty, self.min_size, self.eq9, self.random_state = on_empty, min_size, eq9, random_state

    # ---- fitting ------------------------------------------------------------------------------------------------

    def fit(
        self,
        curves,
        responsibilities: np.ndarray | None = None,
        *,
        labels: np.ndarray | None = None,
        parameters: tuple | None = None,
        callback: Callable | None = None,
        executor: Executor | None = None,
    ) -> "PolynomialRegressionMixture":
        """Fit by EM.

        Parameters
        ----------
        curves : array (n_curves, n_days)
            [y_i]; NaN, or masked, where a day is missing. Anything sliced by rows will do, such as numpy.memmap: it is
            read some thousand curves at a time, twice. Curves without an observed day have no part in the fit.
        responsibilities : array (n_curves, K), optional
            Start from these with an M-step.
        labels : int array (n_curves,), optional
            Start from these clusters, counted from 0, with an M-step.
        parameters : (weights (K,), coefficients (K, P), variances (K,)), optional
            Start from these with an E-step.
        callback : callable, optional
            Called as callback(iteration, responsibilities, log_likelihood) for every iteration of the run that is kept.
        executor : Executor, optional
            Works on blocks of 65,536 curves; the bits do not depend on it.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            Fewer curves than clusters, fewer days than coefficients, all values equal, values beyond 1e-60 to 1e60, a
            start of the wrong shape or no distribution.
        """
        curves = check_curves(curves)
        n, n_days = curves.shape
        self._check_enough(n, n_days)
        self._set_days(n_days)
        all_curves = gather(curves, self._q)
        seen = np.broadcast_to(np.asarray(all_curves.n_observed) > 0, n)
        self._check_enough(seen.sum(), n_days)
        gathered = all_curves if seen.all() else all_curves.take(seen)
        rules = Rules(
            self.variance_floor * gathered.variance, self.shared_variance, self.eq9,
            self.algorithm == "classification", self.on_empty, self.min_size,
        )  # fmt: skip
        given = starts.given(all_curves, self.n_components, self._to_q, responsibilities, labels, parameters)
        if given is not None:
            begins = [given[seen] if isinstance(given, np.ndarray) and not seen.all() else given]
        else:
            generators = streams(self.random_state, "mixture/starts", self.n_init)
            begins = [starts.start(gathered, self.n_components, self.init, rules, rng) for rng in generators]
        runs = [em.run(gathered, begin, rules, self.tol, self.max_iter, executor=executor) for begin in begins]
        best = max(runs, key=lambda run: run.history[-1])
        order = self._order(best.parameters.centres + gathered.shift) if given is None else slice(None)
        if callback is not None:  # the run that is kept once more, its clusters in their final order

            def show(iteration, parameters, likelihood):
                w = em.responsibilities(all_curves, parameters, rules.classification)
                callback(iteration, w[:, order] if w.shape[1] == len(best.parameters.weights) else w, likelihood)

            em.run(gathered, begins[runs.index(best)], rules, self.tol, self.max_iter, show, executor)

        kept = best.parameters
        self._set_parameters(kept.weights[order], kept.centres[order] + gathered.shift, kept.variances[order])
        self.history_, self.converged_ = best.history, best.converged
        self.log_likelihood_, self.n_iter_ = self.history_[-1], len(self.history_)
        self.n_floored_, self.n_reseeded_, self.n_dropped_ = best.n_floored, best.n_reseeded, best.n_dropped
        self.n_curves_, self.n_points_ = gathered.n_curves, gathered.n_points
        w = em.responsibilities(all_curves, self._parameters(gathered.shift), rules.classification)
        self.responsibilities_ = w
        self.entropy_ = float(-xlogy(w, w)[seen].sum())
        em.warn_of_degenerate(best, rules, gathered.n_curves)
        if not self.converged_:
            warnings.warn(
                f"EM did not converge in {self.n_iter_} iterations; raise max_iter or tol"
                + ("" if gathered.complete else ", or lower the degree: few days of some curves are seen"),
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _check_enough(self, n: int, n_days: int) -> None:
        if n < self.n_components or n_days <= self._basis.size:
            raise ParameterError(
                f"{n} curves of {n_days} days cannot carry {self.n_components} clusters of degree {self.degree} "
                f"({self._basis.size} coefficients); take fewer clusters or a lower degree"
            )

    def _set_days(self, n_days: int) -> None:
        # Any basis of the same curves will do for EM; Q has the best digits: X = QR, X beta = Q (R beta)
        self.n_days_ = n_days
        design = self._basis.design(n_days)
        self._q = np.linalg.qr(design)[0]  # (n_days, P)
        reported = Basis("power", self.degree).design(n_days) if self.basis == "chebyshev" else design
        self._to_q = self._q.T @ reported  # (P, P), R

    def _order(self, centres: np.ndarray) -> np.ndarray:
        return np.argsort((centres @ self._q.T).mean(axis=1), kind="stable")

    def _set_parameters(self, weights: np.ndarray, centres: np.ndarray, variances: np.ndarray) -> None:
        self.weights_, self._centres, self.variances_ = weights, centres, variances
        self.coefficients_ = np.linalg.solve(self._to_q, centres.T).T

    def _parameters(self, shift: np.ndarray) -> Parameters:
        return Parameters(self.weights_, self._centres - shift, self.variances_)

    # ---- using a fit --------------------------------------------------------------------------------------------

    def _chunks(self, curves):
        """Some thousand curves at a time, and the parameters that read them."""
        self._check_fitted()
        curves = check_curves(curves, self.n_days_)
        shift = self._centres.mean(axis=0)
        for rows in read_rows(curves, self.n_days_):
            yield Curves(*condense(rows, self._q, shift), shift, self.n_days_), self._parameters(shift)

    def _check_fitted(self) -> None:
        if not hasattr(self, "weights_"):
            raise ParameterError("the mixture is not fitted; call fit first")

    def predict_proba(self, curves) -> np.ndarray:
        """Posterior probability of each cluster for each curve (n_curves, K); eq. 6.

        Curves may be partial: NaN where a day is missing, or shorter than the fitted ones, which stops them early.
        Without any observed day the posterior is the prior, `weights_`.
        """
        return np.concatenate([em.responsibilities(*chunk) for chunk in self._chunks(curves)])

    def predict(self, curves) -> np.ndarray:
        """Most probable cluster of each curve (n_curves,)."""
        return self.predict_proba(curves).argmax(axis=1)

    def score_samples(self, curves) -> np.ndarray:
        """Log density log p(y_i) of each curve's observed days (n_curves,); eq. 3."""
        return np.concatenate([em.log_densities(*chunk) for chunk in self._chunks(curves)])

    def forecast(self, curves) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of every day of every curve given its observed days, from the clusters it may belong to.

        Parameters
        ----------
        curves : array (n_curves, <= n_days)
            Partial curves, as in `predict_proba`.

        Returns
        -------
        mean, variance : arrays (n_curves, n_days), on the scale of the curves; the variance is that of a new value,
        between and within clusters.
        """
        w = self.predict_proba(curves)
        means = self.mean_curves()
        mean = w @ means
        return mean, np.maximum(w @ means**2 - mean**2, 0.0) + (w @ self.variances_)[:, None]

    def predict_proba_by_day(self, curves: np.ndarray) -> np.ndarray:
        """Posterior probability of each cluster as it stood at the end of each day, from the days so far alone.

        Parameters
        ----------
        curves : array (n_curves, n_days)
            The fitted days, and possibly later ones, on which the last posterior is kept; NaN where a day is missing.

        Returns
        -------
        array (n_curves, n_days, K); its last fitted day equals `predict_proba`.
        """
        self._check_fitted()
        curves = np.concatenate(list(read_rows(check_curves(curves))))
        n_fitted = self.n_days_
        log_density = np.empty((*curves[:, :n_fitted].shape, len(self.weights_)))  # (n, n_fitted, K)
        for k, (mean, variance) in enumerate(zip(self.mean_curves(), self.variances_, strict=True)):
            squared = (curves[:, :n_fitted] - mean[: curves.shape[1]]) ** 2
            log_density[..., k] = -0.5 * (np.log(2 * np.pi * variance) + squared / variance)
        log_density = np.nan_to_num(log_density, copy=False, nan=0.0)  # a missing day says nothing
        with np.errstate(divide="ignore"):
            joint = np.log(self.weights_) + log_density.cumsum(axis=1)  # Eq. (6), day by day
        posterior = np.exp(joint - logsumexp(joint, axis=2, keepdims=True))
        later = np.repeat(posterior[:, -1:], max(curves.shape[1] - n_fitted, 0), axis=1)
        return np.concatenate([posterior, later], axis=1)

    def mean_curves(self) -> np.ndarray:
        """The K mean curves on the fitted days (K, n_days), on the scale of the curves."""
        self._check_fitted()
        return self._centres @ self._q.T

    def sample(self, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Draw curves from the mixture: (n, n_days), and the cluster of each (n,)."""
        self._check_fitted()
        n, rng = whole("n", n), np.random.default_rng(whole("seed", seed))
        labels = rng.choice(len(self.weights_), size=n, p=self.weights_)
        noise = rng.standard_normal((n, self.n_days_)) * np.sqrt(self.variances_)[labels, None]
        return self.mean_curves()[labels] + noise, labels

    # ---- how many clusters? -------------------------------------------------------------------------------------

    @property
    def n_parameters_(self) -> int:
        """Free parameters: K (p + 1) coefficients, K - 1 weights, K variances or one."""
        k = len(self.weights_)
        return k * self._basis.size + (k - 1) + (1 if self.shared_variance else k)

    def aic(self) -> float:
        """Akaike's criterion of the fit; the least is best."""
        return -2 * self.log_likelihood_ + 2 * self.n_parameters_

    def bic(self, count: str = "curves") -> float:
        """Bayesian information criterion of the fit; the least is best.

        Parameters
        ----------
        count : {"curves", "points"}
            What the sample size counts: independent curves, or all observed values, as flexmix does.
        """
        if count not in ("curves", "points"):
            raise ParameterError(f"count is {count!r}; choose 'curves' or 'points'")
        size = self.n_curves_ if count == "curves" else self.n_points_
        return -2 * self.log_likelihood_ + self.n_parameters_ * np.log(size)

    def icl(self, count: str = "curves") -> float:
        """BIC plus twice the entropy of the responsibilities (integrated completed likelihood); the least is best."""
        return self.bic(count) + 2 * self.entropy_

    # ---- saving -------------------------------------------------------------------------------------------------

    _SETTINGS = (
        "n_components", "degree", "basis", "n_knots", "shared_variance", "init", "n_init", "algorithm", "tol",
        "max_iter", "variance_floor", "on_empty", "min_size", "eq9", "random_state",
    )  # fmt: skip
    _FITTED = (
        "history_", "converged_", "log_likelihood_", "n_iter_", "n_floored_", "n_reseeded_", "n_dropped_", "n_curves_",
        "n_points_", "n_days_", "entropy_",
    )  # fmt: skip

    def to_dict(self) -> dict:
        """Settings and fit as plain numbers, lists and strings that JSON can hold; no responsibilities, no data."""
        self._check_fitted()
        fitted = {name: getattr(self, name) for name in self._FITTED}
        fitted |= {name: getattr(self, name).tolist() for name in ("weights_", "variances_", "_centres")}
        return {"settings": {name: getattr(self, name) for name in self._SETTINGS}, "fit": fitted}

    @classmethod
    def from_dict(cls, saved: dict) -> "PolynomialRegressionMixture":
        """The mixture that `to_dict` saved; it predicts the same bits."""
        mixture = cls(**saved["settings"])
        for name in cls._FITTED:
            setattr(mixture, name, saved["fit"][name])
        mixture._set_days(mixture.n_days_)
        mixture._set_parameters(*(np.array(saved["fit"][name]) for name in ("weights_", "_centres", "variances_")))
        return mixture
