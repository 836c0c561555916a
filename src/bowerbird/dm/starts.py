"""Where EM begins.

Small EM (Biernacki, Celeux & Govaert 2003): many short runs from k-means++ clusters of the curves' own coefficients;
the likeliest goes on.
"""

import warnings

import numpy as np
from scipy.cluster.vq import kmeans2

from bowerbird.checks import floats
from bowerbird.dm.em import Parameters, Rules, first_m_step, run
from bowerbird.dm.statistics import LARGEST, Curves
from bowerbird.errors import ParameterError

STARTS = ("small_em", "k-means++", "random")
SHORT_RUNS = 10
SHORT_ITERATIONS = 8
ENOUGH = 20_000  # curves; of more, a random sample chooses the start


def start(curves: Curves, n_components: int, how: str, rules: Rules, rng: np.random.Generator) -> Parameters:
    """Parameters to begin with.

    Parameters
    ----------
    curves : Curves
    n_components : int
        Number of clusters [K].
    how : {"small_em", "k-means++", "random"}
        Short runs; k-means++ clusters of the curves' own coefficients; a random cluster for every curve.
    rules : Rules
    rng : Generator

    Returns
    -------
    Parameters
    """
    if curves.n_curves > ENOUGH:
        curves = curves.take(np.sort(rng.choice(curves.n_curves, ENOUGH, replace=False)))
    if how == "random":
        return _from_labels(curves, rng.integers(n_components, size=curves.n_curves), n_components, rules)
    points = curves.own
    if how == "k-means++":
        return _from_labels(curves, _k_means(points, n_components, rng), n_components, rules)
    best = None
    for _ in range(SHORT_RUNS):
        begin = _from_labels(curves, _k_means(points, n_components, rng), n_components, rules)
        short = run(curves, begin, rules, max_iter=SHORT_ITERATIONS)
        if best is None or short.history[-1] > best.history[-1]:
            best = short
    return best.parameters


def given(
    curves: Curves,
    n_components: int,
    to_q: np.ndarray,
    responsibilities: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    parameters: tuple | None = None,
) -> np.ndarray | Parameters | None:
    """The start that a user gives, checked.

    Parameters
    ----------
    curves : Curves
    n_components : int
        Number of clusters [K].
    to_q : array (P, P)
        Turns coefficients of the user's basis into those of `curves`.
    responsibilities, labels, parameters
        As in `PolynomialRegressionMixture.fit`; one of them at most.

    Returns
    -------
    Responsibilities (n_curves, K), Parameters, or None where nothing is given.

    Raises
    ------
    ParameterError
        More than one start is given, or one of the wrong shape or no distribution.
    """
    if sum(value is not None for value in (responsibilities, labels, parameters)) > 1:
        raise ParameterError("give responsibilities, labels or parameters, one of them")
    n, k, size = curves.n_curves, n_components, len(to_q)
    if labels is not None:
        masked, labels = np.ma.is_masked(labels), np.asarray(labels)
        if masked or labels.shape != (n,) or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= k:
            raise ParameterError(f"labels must be {n} whole numbers from 0 to {k - 1}")
        return np.eye(k)[labels]
    if responsibilities is not None:
        w = floats("responsibilities", responsibilities)
        if w.shape != (n, k):
            raise ParameterError(f"responsibilities have shape {w.shape}, not {(n, k)}")
        _check_distribution("responsibilities", w)
        return w
    if parameters is not None:
        names = ("weights", "coefficients", "variances")
        if not isinstance(parameters, tuple | list) or len(parameters) != len(names):
            raise ParameterError("parameters must be a tuple of weights, coefficients and variances")
        weights, coefficients, variances = (floats(*pair) for pair in zip(names, parameters, strict=True))
        if weights.shape != (k,) or variances.shape != (k,) or coefficients.shape != (k, size):
            raise ParameterError(f"parameters must be weights ({k},), coefficients ({k}, {size}) and variances ({k},)")
        _check_distribution("weights", weights)
        if not (np.abs(coefficients) <= LARGEST).all():
            raise ParameterError(f"coefficients of parameters must lie within +-{LARGEST:g}, without NaN")
        if not ((variances >= LARGEST**-2) & (variances <= LARGEST**2)).all():
            raise ParameterError(f"variances of parameters are {variances}; give values above 0, without NaN")
        return Parameters(weights, coefficients @ to_q.T - curves.shift, variances)
    return None


def _check_distribution(name: str, shares: np.ndarray) -> None:
    if not ((shares >= 0).all() and np.allclose(shares.sum(axis=-1), 1.0, rtol=0, atol=1e-6)):
        raise ParameterError(f"{name} must be at least 0 and sum to 1 over the clusters, without NaN")


def _from_labels(curves: Curves, labels: np.ndarray, n_components: int, rules: Rules) -> Parameters:
    return first_m_step(curves, np.eye(n_components)[labels].T, rules)[0]


def _k_means(points: np.ndarray, n_components: int, rng: np.random.Generator) -> np.ndarray:
    with warnings.catch_warnings():  # an empty k-means cluster is no fault here; EM has its rule for it
        warnings.simplefilter("ignore")
        return kmeans2(points, n_components, minit="++", iter=5, rng=rng)[1]
