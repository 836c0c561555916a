"""The EM algorithm of eqs 6-10 on the features of `statistics`.

The E-step asks which mean curve each curve follows, the M-step refits the mean curves to the curves that follow them.
"""

import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from bowerbird.dm.statistics import CHUNK, Curves

BLOCK = 16 * CHUNK  # curves handed to a worker at once
NEVER = -1e300  # log of the weight of an empty cluster; minus infinity would not survive a matrix product


class EmptyClusterWarning(UserWarning):
    """A cluster has lost (nearly) all its curves, and was kept, reseeded or dropped."""


@dataclass(frozen=True)
class Parameters:
    """weights (K,) [alpha_k]; centres (K, P), in coordinates of Q from the shift; variances (K,) [sigma_k^2]."""

    weights: np.ndarray
    centres: np.ndarray
    variances: np.ndarray


@dataclass(frozen=True)
class Rules:
    """What an M-step obeys; see `PolynomialRegressionMixture`."""

    floor: float = 0.0  # least variance, absolute
    shared_variance: bool = False
    eq9: str = "corrected"
    classification: bool = False
    on_empty: str = "keep"
    min_size: float = 1.0  # curves; a cluster with fewer counts as empty


@dataclass(frozen=True, eq=False)
class Run:
    """What a run of EM came to."""

    parameters: Parameters
    history: list[float]
    converged: bool
    n_floored: int
    n_reseeded: int
    n_dropped: int


def natural_parameters(parameters: Parameters, curves: Curves) -> np.ndarray:
    """Matrix (K, F) whose product with the features is log alpha_k + log N(y_i | X beta_k, sigma_k^2 I)."""
    centres, precision = parameters.centres, 1 / parameters.variances
    held = parameters.weights > 0
    constant = np.log(parameters.weights, out=np.full(len(held), NEVER), where=held)  # an empty cluster takes no part
    per_day = -0.5 * np.log(2 * np.pi * parameters.variances)
    i, j = np.triu_indices(centres.shape[1])
    squares = centres[:, i] * centres[:, j] * np.where(i == j, 1.0, 2.0)  # b'Gb by the triangle of G
    linear = [-0.5 * precision, *(centres * precision[:, None]).T]
    if curves.complete:  # G is the identity, all curves have as many days
        constant = constant + curves.n_observed[0] * per_day - 0.5 * precision * (centres**2).sum(axis=1)
        return np.column_stack([constant, *linear])
    return np.column_stack([constant, *linear, *(-0.5 * precision[:, None] * squares).T, per_day])


def e_step(matrix: np.ndarray, features: np.ndarray, classification: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Responsibilities (K, n) and log densities (n,) of some curves; with `classification`, of their best cluster."""
    joint = matrix @ features  # (K, n)
    highest = joint.max(axis=0)
    if classification:
        winner = joint.argmax(axis=0)
        joint[:] = 0.0
        joint[winner, np.arange(joint.shape[1])] = 1.0
        return joint, highest
    # Eq. (3): p(y_i) = sum_k alpha_k N(y_i | X beta_k, sigma_k^2 I), in logarithms and from the largest term on
    joint -= highest
    np.exp(joint, out=joint)
    total = joint.sum(axis=0)
    # Eq. (6): w_ik = alpha_k N(y_i | X beta_k, sigma_k^2 I) / p(y_i)
    joint /= total
    return joint, highest + np.log(total)


def m_step(sums: np.ndarray, curves: Curves, rules: Rules) -> tuple[Parameters, int]:
    """Parameters that fit weighted sums of the features (K, F) best, and how many variances stand on the floor."""
    mass = sums[:, 0]  # (K,), sum_i w_ik
    h = sums[:, 2 : 2 + len(curves.shift)]
    gram = curves.gram(sums.T)  # (K, P, P), sum_i w_ik X'X in the coordinates of Q
    held = mass > 0
    # Eq. (8): beta_k = (sum_i w_ik X'X)^-1 sum_i w_ik X'y_i
    if curves.complete:
        centres = h / np.where(held, mass, 1.0)[:, None]
    else:
        centres = np.einsum("kpq,kq->kp", np.linalg.pinv(gram, hermitian=True), h)
    # sum_i w_ik ||y_i - X beta_k||^2
    squared = sums[:, 1] - 2 * (h * centres).sum(axis=1) + np.einsum("kp,kpq,kq->k", centres, gram, centres)
    # Eq. (9): sigma_k^2 = sum_i w_ik ||y_i - X beta_k||^2 / sum_i w_ik n_i; as printed it omits n_i
    size = curves.days(sums.T) if rules.eq9 == "corrected" else mass
    if rules.shared_variance:
        squared, size = (np.full(len(mass), total.sum()) for total in (squared, size))
    variances = np.where(held, squared / np.where(size > 0, size, 1.0), curves.variance)
    # Eq. (10): alpha_k = (1/n) sum_i w_ik; printed as a second sigma_k^2
    weights = mass / mass.sum()
    return Parameters(weights, centres, np.maximum(variances, rules.floor)), int((variances < rules.floor).sum())


def pass_over(
    curves: Curves, parameters: Parameters, classification: bool = False, executor: Executor | None = None
) -> tuple[np.ndarray, float, int]:
    """One E-step: weighted sums of the features for the M-step (K, F), log-likelihood, the curve explained worst.

    Blocks of curves are added in their order, so that the bits do not depend on the executor.
    """
    matrix = natural_parameters(parameters, curves)
    blocks = [curves.features[:, start : start + BLOCK] for start in range(0, curves.n_curves, BLOCK)]
    run = map if executor is None else executor.map
    sums, likelihood, worst = np.zeros_like(matrix), 0.0, (np.inf, 0)
    jobs = run(_block, [matrix] * len(blocks), blocks, [classification] * len(blocks))
    for number, (block_sums, block_likelihood, lowest, where) in enumerate(jobs):
        sums, likelihood = sums + block_sums, likelihood + block_likelihood
        worst = min(worst, (lowest, number * BLOCK + where))
    return sums, likelihood, worst[1]


def _block(matrix: np.ndarray, block: np.ndarray, classification: bool) -> tuple[np.ndarray, float, float, int]:
    sums, likelihood, worst = np.zeros_like(matrix), 0.0, (np.inf, 0)
    for start in range(0, block.shape[1], CHUNK):
        features = block[:, start : start + CHUNK]
        w, log_density = e_step(matrix, features, classification)
        sums += w @ features.T
        likelihood += log_density.sum()
        lowest = int(log_density.argmin())
        worst = min(worst, (float(log_density[lowest]), start + lowest))
    return sums, float(likelihood), *worst


def responsibilities(curves: Curves, parameters: Parameters, classification: bool = False) -> np.ndarray:
    """Responsibilities (n, K) of all curves."""
    w = np.empty((curves.n_curves, len(parameters.weights)))
    matrix = natural_parameters(parameters, curves)
    for start in range(0, curves.n_curves, CHUNK):
        chunk = slice(start, start + CHUNK)
        w[chunk] = e_step(matrix, curves.features[:, chunk], classification)[0].T
    return w


def log_densities(curves: Curves, parameters: Parameters) -> np.ndarray:
    """log p(y_i) of all curves (n,); eq. 3."""
    matrix = natural_parameters(parameters, curves)
    starts = range(0, curves.n_curves, CHUNK)
    return np.concatenate([e_step(matrix, curves.features[:, start : start + CHUNK])[1] for start in starts])


def run(
    curves: Curves,
    start: np.ndarray | Parameters,
    rules: Rules,
    tol: float = 1e-8,
    max_iter: int = 500,
    callback: Callable | None = None,
    executor: Executor | None = None,
) -> Run:
    """Iterate until the log-likelihood stands still.

    Parameters
    ----------
    curves : Curves
    start : array (n, K) or Parameters
        Responsibilities, with which an M-step begins, or parameters, with which an E-step begins.
    rules : Rules
    tol, max_iter : float, int
        Stop when |change of log-likelihood| / (|log-likelihood| + 0.1) falls to `tol`, or after so many iterations.
    callback : callable, optional
        Called as callback(iteration, responsibilities, log_likelihood) after every iteration.
    executor : Executor, optional
        Works on blocks of curves.

    Returns
    -------
    Run
    """
    n_floored = n_reseeded = n_dropped = 0
    if isinstance(start, Parameters):
        parameters = start
    else:
        parameters, n_floored = m_step(start.T @ curves.features.T, curves, rules)
    history, converged, disturbed = [], False, True
    for iteration in range(1, max_iter + 1):
        sums, likelihood, worst = pass_over(curves, parameters, rules.classification, executor)
        if not disturbed and rules.eq9 == "corrected":
            _assert_no_fall(history[-1], likelihood, curves.n_points)
        history.append(likelihood)
        if callback is not None:
            callback(iteration, responsibilities(curves, parameters, rules.classification), likelihood)
        if not disturbed and abs(likelihood - history[-2]) <= tol * (abs(likelihood) + 0.1):
            converged = True
            break
        if iteration == max_iter:
            break
        parameters, n_floored = m_step(sums, curves, rules)
        empty = parameters.weights * curves.n_curves < rules.min_size
        disturbed = False
        if empty.any() and rules.on_empty == "drop" and not empty.all():
            parameters, n_dropped, disturbed = _drop(parameters, empty), n_dropped + int(empty.sum()), True
        elif empty.any() and rules.on_empty == "reseed" and n_reseeded < len(empty):
            parameters, n_reseeded, disturbed = _reseed(parameters, empty, curves, worst), n_reseeded + 1, True
    return Run(parameters, history, converged, n_floored, n_reseeded, n_dropped)


def _drop(parameters: Parameters, empty: np.ndarray) -> Parameters:
    weights = parameters.weights[~empty]
    return Parameters(weights / weights.sum(), parameters.centres[~empty], parameters.variances[~empty])


def _reseed(parameters: Parameters, empty: np.ndarray, curves: Curves, worst: int) -> Parameters:
    """Set the first empty cluster about the curve that is explained worst."""
    k = int(np.flatnonzero(empty)[0])
    weights, centres, variances = parameters.weights.copy(), parameters.centres.copy(), parameters.variances.copy()
    weights[k], centres[k] = 1 / len(weights), curves.take(np.array([worst])).own_fits()[0]
    variances[k] = curves.variance
    return Parameters(weights / weights.sum(), centres, variances)


def _assert_no_fall(before: float, after: float, n_points: int) -> None:
    rounding = 1e-9 * (abs(before) + n_points)
    assert after >= before - rounding, f"the log-likelihood fell from {before} to {after}; EM cannot do that"


def warn_of_empty(run: Run, rules: Rules, n_curves: int) -> None:
    """Say which clusters have lost their curves, and what became of them."""
    few = int((run.parameters.weights * n_curves < rules.min_size).sum())
    said = [
        f"{run.n_dropped} clusters lost all but {rules.min_size:g} curves and were dropped" if run.n_dropped else "",
        f"an empty cluster was reseeded {run.n_reseeded} times" if run.n_reseeded else "",
        f"{few} of {len(run.parameters.weights)} clusters hold less than {rules.min_size:g} curves; "
        'fit fewer clusters, or on_empty="reseed" or "drop"' if few else "",
    ]  # fmt: skip
    if any(said):
        warnings.warn("; ".join(s for s in said if s), EmptyClusterWarning, stacklevel=3)
