"""The EM algorithm of eqs 6-10 on the statistics of the curves.

The E-step asks which mean curve each curve follows, the M-step refits the mean curves to the curves that follow them.
"""

import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from bowerbird.cluster import hand_out
from bowerbird.dm.statistics import CHUNK, Curves
from bowerbird.errors import ParameterError

BLOCK = 16 * CHUNK  # curves handed to a worker at once
SINGULAR = 1e-9  # of the largest eigenvalue: less is no information on a coefficient, but rounding
ROUNDING = 1e-24  # of the variance of all curves: a variance below it is zero but for rounding
NEVER = -1e300  # log of the weight of an empty cluster; minus infinity would not survive a matrix product


class EmptyClusterWarning(UserWarning):
    """A cluster has lost (nearly) all its curves, and was kept, reseeded or dropped."""


class VarianceFloorWarning(UserWarning):
    """A cluster has no variance of its own: `variance_floor` decides the likelihood and the criteria."""


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


def log_joint(curves: Curves, parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """log alpha_k + log N(y_i | X beta_k, sigma_k^2 I) of every curve and cluster (K, n), and the squared distances."""
    held = parameters.weights > 0
    prior = np.log(parameters.weights, out=np.full(len(held), NEVER), where=held)  # an empty cluster takes no part
    squared = curves.squared_distances(parameters.centres)
    per_day = -0.5 * np.log(2 * np.pi * parameters.variances)
    joint = squared * (-0.5 / parameters.variances)[:, None]
    joint += prior[:, None] + np.multiply.outer(per_day, curves.n_observed).reshape(len(held), -1)
    return joint, squared


def e_step(joint: np.ndarray, classification: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Responsibilities (K, n) and log densities (n,), in place; with `classification`, of the best clusters alone."""
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


def sums(curves: Curves, w: np.ndarray, squared: np.ndarray) -> np.ndarray:
    """What the M-step needs of the curves (K, 1 + F): weighted sums of squared distances and of moments.

    w (K, n) are responsibilities, squared (K, n) the distances from the centres the M-step starts at.
    """
    return np.column_stack([np.einsum("kn,kn->k", w, squared), w @ curves.moments.T])


def m_step(totals: np.ndarray, before: np.ndarray, curves: Curves, rules: Rules) -> tuple[Parameters, int]:
    """Parameters that fit the curves best, and how many variances stand on the floor.

    totals (K, 1 + F) are `sums` about the centres `before` (K, P); curves tell what the columns are.
    """
    moments = totals[:, 1:].T
    mass = moments[0]  # (K,), sum_i w_ik
    linear = moments[1 : 1 + len(curves.shift)].T  # (K, P), sum_i w_ik X'y_i in the coordinates of Q
    gram = curves.gram(moments)  # (K, P, P), sum_i w_ik X'X
    held = mass > 0
    # Eq. (8): beta_k = (sum_i w_ik X'X)^-1 sum_i w_ik X'y_i
    if curves.complete:
        centres = linear / np.where(held, mass, 1.0)[:, None]
    else:
        centres = np.einsum("kpq,kq->kp", np.linalg.pinv(gram, rcond=SINGULAR, hermitian=True), linear)
    # sum_i w_ik ||y_i - X beta_k||^2 is least at beta_k; from the centre before, it falls by d'Gd
    moved = centres - before
    squared = totals[:, 0] - np.einsum("kp,kpq,kq->k", moved, gram, moved)
    # Eq. (9): sigma_k^2 = sum_i w_ik ||y_i - X beta_k||^2 / sum_i w_ik n_i; as printed it omits n_i
    size = curves.days(moments) if rules.eq9 == "corrected" else mass
    if rules.shared_variance:
        squared, size = (np.full(len(mass), total.sum()) for total in (squared, size))
    variances = np.where(held, squared / np.where(size > 0, size, 1.0), curves.variance)
    # Eq. (10): alpha_k = (1/n) sum_i w_ik; printed as a second sigma_k^2
    weights = mass / mass.sum()
    n_floored = int((variances < max(rules.floor, ROUNDING * curves.variance)).sum())
    return Parameters(weights, centres, np.maximum(variances, rules.floor)), n_floored


def first_m_step(curves: Curves, w: np.ndarray, rules: Rules) -> tuple[Parameters, int]:
    """The M-step with which EM begins from responsibilities (K, n)."""
    before = np.zeros((len(w), len(curves.shift)))
    for _ in range(2):  # the second time about the right centres, so that no digit of a variance is lost
        totals = sums(curves, w, curves.squared_distances(before))
        parameters, n_floored = m_step(totals, before, curves, rules)
        before = parameters.centres
    return parameters, n_floored


def pass_over(
    blocks: list, parameters: Parameters, classification: bool = False, executor: Executor | None = None
) -> tuple[np.ndarray, float, int]:
    """One E-step: `sums` for the M-step (K, 1 + F), log-likelihood, the curve explained worst.

    Blocks of curves are added in their order, so that the bits do not depend on the executor.
    """
    run = map if executor is None else executor.map
    totals, likelihood, worst = 0.0, 0.0, (np.inf, 0)
    jobs = run(_block, blocks, [parameters] * len(blocks), [classification] * len(blocks))
    for number, (block_totals, block_likelihood, lowest, where) in enumerate(jobs):
        totals, likelihood = totals + block_totals, likelihood + block_likelihood
        worst = min(worst, (lowest, number * BLOCK + where))
    return totals, likelihood, worst[1]


def _chunks(curves: Curves):
    for start in range(0, max(curves.n_curves, 1), CHUNK):
        yield slice(start, start + CHUNK), curves.take(slice(start, start + CHUNK))


@np.errstate(divide="ignore", over="ignore", invalid="ignore")  # `run` refuses what comes of a variance of zero
def _block(curves: Curves, parameters: Parameters, classification: bool) -> tuple[np.ndarray, float, float, int]:
    totals, likelihood, worst = 0.0, 0.0, (np.inf, 0)
    for where, chunk in _chunks(curves):
        joint, squared = log_joint(chunk, parameters)
        w, log_density = e_step(joint, classification)
        totals = totals + sums(chunk, w, squared)
        likelihood += log_density.sum()
        lowest = int(log_density.argmin())
        worst = min(worst, (float(log_density[lowest]), where.start + lowest))
    return totals, float(likelihood), *worst


def responsibilities(curves: Curves, parameters: Parameters, classification: bool = False) -> np.ndarray:
    """Responsibilities (n, K) of all curves."""
    w = np.empty((curves.n_curves, len(parameters.weights)))
    for where, chunk in _chunks(curves):
        w[where] = e_step(log_joint(chunk, parameters)[0], classification)[0].T
    return w


def log_densities(curves: Curves, parameters: Parameters) -> np.ndarray:
    """log p(y_i) of all curves (n,); eq. 3."""
    return np.concatenate([e_step(log_joint(chunk, parameters)[0])[1] for _, chunk in _chunks(curves)])


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
        Called as callback(iteration, parameters, log_likelihood) after every iteration.
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
        parameters, n_floored = first_m_step(curves, start.T, rules)
    history, converged, disturbed, before = [], False, True, parameters
    blocks = [curves.take(slice(first, first + BLOCK)) for first in range(0, curves.n_curves, BLOCK)]
    blocks = hand_out(blocks, executor)
    for iteration in range(1, max_iter + 1):
        totals, likelihood, worst = pass_over(blocks, parameters, rules.classification, executor)
        if not np.isfinite(likelihood):
            raise ParameterError(
                f"the log-likelihood is {likelihood}: the curves of a cluster are equal, so its variance is "
                f"{parameters.variances.min():g}; give a larger variance_floor"
            )
        if not disturbed and rules.eq9 == "corrected" and _fell(history[-1], likelihood, curves):
            parameters = before
            break
        history.append(likelihood)
        if callback is not None:
            callback(iteration, parameters, likelihood)
        if not disturbed and abs(likelihood - history[-2]) <= tol * (abs(likelihood) + 0.1):
            converged = True
            break
        if iteration == max_iter:
            break
        before = parameters
        parameters, n_floored = m_step(totals, before.centres, curves, rules)
        empty = parameters.weights * curves.n_curves < rules.min_size
        disturbed = False
        if empty.any() and rules.on_empty == "drop" and not empty.all():
            parameters, n_dropped, disturbed = _drop(parameters, empty), n_dropped + int(empty.sum()), True
        elif empty.any() and rules.on_empty == "reseed" and n_reseeded < len(empty):
            parameters = _reseed(parameters, empty, curves, worst, rules.shared_variance)
            n_reseeded, disturbed = n_reseeded + 1, True
    return Run(parameters, history, converged, n_floored, n_reseeded, n_dropped)


def _drop(parameters: Parameters, empty: np.ndarray) -> Parameters:
    weights = parameters.weights[~empty]
    return Parameters(weights / weights.sum(), parameters.centres[~empty], parameters.variances[~empty])


def _reseed(parameters: Parameters, empty: np.ndarray, curves: Curves, worst: int, shared_variance: bool) -> Parameters:
    """Set the first empty cluster about the curve that is explained worst."""
    k = int(np.flatnonzero(empty)[0])
    weights, centres, variances = parameters.weights.copy(), parameters.centres.copy(), parameters.variances.copy()
    weights[k], centres[k] = 1 / len(weights), curves.own[worst]
    if not shared_variance:
        variances[k] = curves.variance
    return Parameters(weights / weights.sum(), centres, variances)


def _fell(before: float, after: float, curves: Curves) -> bool:
    """Whether the log-likelihood fell: EM cannot, but by rounding, where curves seen in part fix no coefficient."""
    fell = after < before - 1e-9 * (abs(before) + curves.n_points)
    assert not (fell and curves.complete), f"the log-likelihood fell from {before} to {after}; EM cannot do that"
    return fell


def warn_of_degenerate(run: Run, rules: Rules, n_curves: int) -> None:
    """Say which clusters have lost their curves or their variance, and what became of them."""
    if run.n_floored:
        warnings.warn(
            f"{run.n_floored} of {len(run.parameters.weights)} clusters stand on the variance floor, since their "
            "curves are nearly equal: log-likelihood, AIC, BIC, ICL and responsibilities depend on variance_floor; "
            "set such curves (without demand, say) apart, or fit fewer clusters",
            VarianceFloorWarning,
            stacklevel=3,
        )
    few = int((run.parameters.weights * n_curves < rules.min_size).sum())
    said = [
        f"{run.n_dropped} clusters lost all but {rules.min_size:g} curves and were dropped" if run.n_dropped else "",
        f"an empty cluster was reseeded {run.n_reseeded} times" if run.n_reseeded else "",
        f"{few} of {len(run.parameters.weights)} clusters hold less than {rules.min_size:g} curves; "
        'fit fewer clusters, or on_empty="reseed" or "drop"' if few else "",
    ]  # fmt: skip
    if any(said):
        warnings.warn("; ".join(s for s in said if s), EmptyClusterWarning, stacklevel=3)
