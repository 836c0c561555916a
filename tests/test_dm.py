import json
import multiprocessing
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from bowerbird.dm import EmptyClusterWarning, PolynomialRegressionMixture, VarianceFloorWarning, em, statistics
from bowerbird.dm.basis import BASES, Basis
from bowerbird.errors import ParameterError
from bowerbird.studies import clustering as study

GOLDEN = Path(__file__).parent / "golden"
NEVER = -1.0  # a tolerance no change falls below: EM runs for exactly max_iter iterations


def golden():
    """Curves, start and results of R flexmix 2.3-18, and of an independent EM without its factor N/(N - P)."""
    curves = np.loadtxt(GOLDEN / "dm_complete_curves.csv", delimiter=",")  # (200, 40)
    results = json.loads((GOLDEN / "dm_complete_flexmix.json").read_text())
    start = np.full((200, 4), 0.1 / 3)
    start[np.arange(200), results["start_labels"]] = 0.9
    return curves, start, results


def fit(curves, start=None, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", EmptyClusterWarning)
        warnings.simplefilter("ignore", VarianceFloorWarning)
        return PolynomialRegressionMixture(**parameters).fit(curves, start)


def design(n_days, degree):
    return np.vander(np.linspace(-1, 1, n_days), degree + 1, increasing=True)


def draw(seed, n_curves=200, n_days=50, n_components=5, spread=2.0, noise=0.7):
    """Curves about cubic polynomials, and the cluster of each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, spread, (n_components, 4)) @ design(n_days, 3).T
    labels = rng.integers(n_components, size=n_curves)
    return centres[labels] + rng.normal(0, noise, (n_curves, n_days)), labels


def slow_em(curves, w, degree, iterations, flexmix=False):
    """Eqs 8, 9, 10, then 6, as they stand: a design matrix and a residual for every curve; flexmix adds N/(N - P)."""
    n, n_days = curves.shape
    n_components, p = w.shape[1], degree + 1
    X = [design(n_days, degree) for _ in range(n)]
    factor = n * n_days / (n * n_days - p) if flexmix else 1.0
    history = []
    for _ in range(iterations):
        beta, variance, log_density = [], [], np.empty((n, n_components))
        for k in range(n_components):
            normal_matrix = sum(w[i, k] * X[i].T @ X[i] for i in range(n))
            beta.append(np.linalg.solve(normal_matrix, sum(w[i, k] * X[i].T @ curves[i] for i in range(n))))
            squared = [np.sum((curves[i] - X[i] @ beta[k]) ** 2) for i in range(n)]
            variance.append(factor * (w[:, k] @ squared) / sum(w[i, k] * n_days for i in range(n)))
            for i in range(n):
                log_density[i, k] = -0.5 * (n_days * np.log(2 * np.pi * variance[k]) + squared[i] / variance[k])
        weights = w.mean(axis=0)
        joint = np.log(weights) + log_density
        highest = joint.max(axis=1, keepdims=True)
        marginal = highest + np.log(np.exp(joint - highest).sum(axis=1, keepdims=True))
        w = np.exp(joint - marginal)
        history.append(marginal.sum())
    return {"w": w, "beta": np.array(beta), "variance": np.array(variance), "weights": weights, "history": history}


# ---- against others -------------------------------------------------------------------------------------------------


def test_log_likelihoods_are_the_golden_ones():
    curves, start, results = golden()
    expected = results["maximum_likelihood"]["loglik"]
    history = fit(curves, start, n_components=4, tol=NEVER, max_iter=100).history_
    for iteration, value in expected.items():
        assert history[int(iteration) - 1] == pytest.approx(value, rel=1e-10)


def test_maximum_likelihood_parameters_are_the_golden_ones():
    # EM crawls on these curves: the likelihood stands still to its last digit after 2,162 iterations, the parameters
    # only after some 5,000. The golden values are those of iteration 3,000, 1.2e-8 from the end.
    curves, start, results = golden()
    expected = results["maximum_likelihood"]
    mixture = fit(curves, start, n_components=4, tol=NEVER, max_iter=3000)
    assert mixture.log_likelihood_ == pytest.approx(expected["converged"]["loglik"], rel=1e-10)
    np.testing.assert_allclose(mixture.coefficients_.T, expected["coefficients_by_power"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(np.sqrt(mixture.variances_), expected["sigma"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(mixture.weights_, expected["prior"], rtol=0, atol=1e-8)


def test_the_slow_loop_with_its_factor_is_flexmix():
    curves, start, results = golden()
    history = slow_em(curves, start, 3, 20, flexmix=True)["history"]
    for iteration, value in results["loglik"].items():
        assert history[int(iteration) - 1] == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_fast_statistics_are_the_slow_loop(degree):
    curves, _ = draw(degree, n_curves=30, n_days=12, n_components=3, spread=1.0)
    start = np.random.default_rng(0).dirichlet(np.ones(3), 30)
    slow = slow_em(curves, start, degree, 6)
    mixture = fit(curves, start, n_components=3, degree=degree, tol=NEVER, max_iter=6)
    np.testing.assert_allclose(mixture.history_, slow["history"], rtol=1e-12)
    np.testing.assert_allclose(mixture.responsibilities_, slow["w"], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(mixture.coefficients_, slow["beta"], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(mixture.variances_, slow["variance"], rtol=1e-10)
    np.testing.assert_allclose(mixture.weights_, slow["weights"], rtol=1e-10)


def test_the_posterior_is_bayes_rule_over_scipys_normal_density():
    curves, _ = draw(0, n_curves=40, n_days=10, n_components=3, spread=0.5)
    mixture = fit(curves, n_components=3)
    joint = np.column_stack(
        [
            weight * multivariate_normal(mean, variance * np.eye(10)).pdf(curves)
            for weight, mean, variance in zip(mixture.weights_, mixture.mean_curves(), mixture.variances_, strict=True)
        ]
    )
    np.testing.assert_allclose(mixture.predict_proba(curves), joint / joint.sum(axis=1, keepdims=True), rtol=1e-8)
    assert mixture.log_likelihood_ == pytest.approx(np.log(joint.sum(axis=1)).sum(), rel=1e-10)


def test_one_cluster_is_least_squares():
    curves, _ = draw(1, n_curves=20, n_days=30)
    mixture = fit(curves, n_components=1, degree=2)
    expected = np.polynomial.polynomial.polyfit(np.linspace(-1, 1, 30), curves.mean(axis=0), 2)
    np.testing.assert_allclose(mixture.coefficients_[0], expected, rtol=1e-9)
    residuals = curves - np.polynomial.polynomial.polyval(np.linspace(-1, 1, 30), expected)
    assert mixture.variances_[0] == pytest.approx(np.mean(residuals**2), rel=1e-10)


# ---- properties -----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_curves=st.integers(4, 40),
    n_days=st.integers(6, 40),
    n_components=st.integers(1, 4),
    degree=st.integers(0, 4),
    level=st.sampled_from([0.0, 5.0, 1e4]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    counts=st.booleans(),
)
def test_likelihood_never_falls(seed, n_curves, n_days, n_components, degree, level, scale, counts):
    rng = np.random.default_rng(seed)
    shape = (n_curves, n_days)
    curves = rng.negative_binomial(1, 0.3, shape) if counts else rng.standard_t(3, shape).cumsum(axis=1)
    curves = level + scale * curves
    if np.ptp(curves) == 0:
        return
    start = rng.dirichlet(np.full(n_components, 0.5), n_curves)
    history = np.array(fit(curves, start, n_components=n_components, degree=degree, max_iter=60).history_)
    allowed = 1e-9 * (np.abs(history[:-1]) + n_curves * n_days)  # rounding
    assert (np.diff(history) >= -allowed).all()


def test_true_clusters_are_found_from_most_seeds():
    found = []
    for seed in range(20):
        curves, labels = draw(seed)
        mixture = fit(curves, n_components=5, random_state=seed)
        found.append(adjusted_rand_score(labels, mixture.predict(curves)) > 0.99)
    assert np.mean(found) >= 0.9


def test_a_high_level_changes_no_responsibility():
    curves, _ = draw(3, spread=0.25, noise=1.0)  # overlapping: the responsibilities are far from 0 and 1
    start = np.random.default_rng(0).dirichlet(np.ones(5), 200)
    low, high = (fit(c, start, n_components=5, tol=NEVER, max_iter=30) for c in (curves, curves + 1e6))
    assert ((low.responsibilities_ > 0.05) & (low.responsibilities_ < 0.95)).mean() > 0.1
    np.testing.assert_allclose(high.responsibilities_, low.responsibilities_, atol=1e-6)
    np.testing.assert_allclose(high.variances_, low.variances_, rtol=1e-6)
    np.testing.assert_allclose(high.coefficients_ - low.coefficients_, np.eye(1, 4) * 1e6 + np.zeros((5, 4)), atol=1e-5)


@pytest.mark.parametrize("gaps", [0.0, 0.1])
@pytest.mark.parametrize("far", [1e4, 1e8])
def test_clusters_far_apart_keep_their_digits(far, gaps):  # ||y||^2 - 2 y'Xb + ||Xb||^2 would lose all of them
    rng = np.random.default_rng(3)
    labels = np.arange(200) % 4
    near = rng.normal(0, 1, (200, 50)) + labels[:, None] * np.linspace(0.5, 1, 50)
    near[rng.random(near.shape) < gaps] = np.nan
    plain = fit(near[labels < 3], np.eye(3)[labels[labels < 3]], n_components=3, tol=NEVER, max_iter=10)
    curves = near + np.where(labels == 3, far, 0)[:, None]
    beside = fit(curves, np.eye(4)[labels], n_components=4, tol=NEVER, max_iter=10, variance_floor=0)
    np.testing.assert_allclose(beside.responsibilities_[labels < 3, :3], plain.responsibilities_, atol=1e-6)
    np.testing.assert_allclose(beside.variances_[:3], plain.variances_, rtol=1e-6)


def test_eq_9_as_printed_collapses_even_from_the_true_labels():
    # Coefficients as far apart as the noise is wide: plain to see on 166 days, unless its variance is taken 166 times.
    curves, labels = draw(0, n_curves=300, n_days=166, spread=1.0, noise=1.0)
    printed, corrected = (fit(curves, np.eye(5)[labels], n_components=5, eq9=eq9) for eq9 in ("printed", "corrected"))
    assert adjusted_rand_score(labels, printed.predict(curves)) == 0.0
    assert adjusted_rand_score(labels, corrected.predict(curves)) == 1.0
    np.testing.assert_allclose(np.ptp(printed.responsibilities_, axis=0), 0, atol=1e-6)  # the same row for every curve


def test_eq_9_as_printed_omits_the_length_of_the_curves():
    curves, _ = draw(0, n_days=25)
    start = np.random.default_rng(0).dirichlet(np.ones(5), 200)
    printed, corrected = (
        fit(curves, start, n_components=5, eq9=eq9, tol=NEVER, max_iter=1) for eq9 in ("printed", "corrected")
    )
    np.testing.assert_allclose(printed.variances_, 25 * corrected.variances_, rtol=1e-12)


def test_coefficients_in_powers_of_time_give_the_mean_curves():
    curves, _ = draw(2)
    mixture = fit(curves, n_components=5)
    time = np.linspace(-1, 1, 50)
    expected = [np.polynomial.polynomial.polyval(time, c) for c in mixture.coefficients_]
    np.testing.assert_allclose(mixture.mean_curves(), expected, rtol=1e-10, atol=1e-10)
    labels = mixture.predict(curves)
    for k in range(5):  # on the scale of the curves: a mean curve runs through its members
        assert np.abs(curves[labels == k].mean(axis=0) - mixture.mean_curves()[k]).max() < 1


def test_what_a_fit_says_of_itself():
    curves, _ = draw(4)
    calls = []
    mixture = PolynomialRegressionMixture(5).fit(curves, callback=lambda *call: calls.append(call))
    assert mixture.converged_ and mixture.n_floored_ == 0
    assert mixture.n_iter_ == len(mixture.history_) == len(calls)
    assert [call[0] for call in calls] == list(range(1, mixture.n_iter_ + 1))
    assert [call[2] for call in calls] == mixture.history_
    assert mixture.log_likelihood_ == mixture.history_[-1]
    np.testing.assert_allclose(calls[-1][1], mixture.responsibilities_, atol=1e-9)
    np.testing.assert_allclose(mixture.predict_proba(curves), mixture.responsibilities_, atol=1e-9)
    np.testing.assert_allclose(mixture.weights_.sum(), 1)
    with pytest.warns(ConvergenceWarning, match="did not converge in 2 iterations"):
        PolynomialRegressionMixture(5, tol=NEVER, max_iter=2).fit(curves)


def test_more_starts_never_do_worse():
    curves, _ = draw(11, spread=0.5)
    likelihoods = [fit(curves, n_components=5, n_init=n, random_state=2).log_likelihood_ for n in (1, 2, 8)]
    assert likelihoods == sorted(likelihoods)


def test_same_seed_same_bits_other_seed_other_start():
    curves, _ = draw(5, spread=0.3)
    first, again, other = (fit(curves, n_components=5, n_init=2, random_state=seed) for seed in (7, 7, 8))
    assert first.history_ == again.history_ != other.history_
    for name in ("weights_", "coefficients_", "variances_", "responsibilities_"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_equal_curves_are_held_up_by_the_variance_floor_and_counted():
    curves, _ = draw(6, n_curves=60)
    curves[:20] = np.linspace(0, 50, 50)  # a cluster without variance
    start = np.repeat(np.eye(2), [20, 40], axis=0)
    mixture = fit(curves, start, n_components=2, variance_floor=1e-6)
    assert mixture.n_floored_ == 1
    assert mixture.variances_.min() == pytest.approx(1e-6 * curves.var())
    assert np.isfinite(mixture.log_likelihood_)


@pytest.mark.parametrize("level", [0.0, 7.3])
def test_a_cluster_without_variance_is_told_of(level):
    curves, _ = draw(6, n_curves=60, n_components=1)
    curves[:20] = level
    start = np.repeat(np.eye(2), [20, 40], axis=0)
    bic = {}
    for floor in (1e-6, 1e-10, 0.0):  # without a floor the variance is that of rounding
        with pytest.warns(VarianceFloorWarning, match="1 of 2 clusters stand on the variance floor"):
            bic[floor] = PolynomialRegressionMixture(2, variance_floor=floor).fit(curves, start).bic()
    # -2 log-likelihood of 20 x 50 points holds 20 x 50 x ln variance
    assert bic[1e-6] - bic[1e-10] == pytest.approx(20 * 50 * np.log(1e4), rel=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error", VarianceFloorWarning)
        PolynomialRegressionMixture(2).fit(draw(6)[0])


def test_an_empty_cluster_stays_in_the_count_and_harms_nobody():
    curves, _ = draw(7, n_components=2)
    start = np.zeros((200, 3))
    start[:100, 0] = start[100:, 1] = 1
    mixture = fit(curves, start, n_components=3)
    assert mixture.weights_[2] == 0 and mixture.coefficients_.shape == (3, 4)
    assert np.isfinite(mixture.predict_proba_by_day(curves)).all()
    np.testing.assert_array_equal(mixture.predict_proba(curves)[:, 2], 0)
    alone = fit(curves, start[:, :2], n_components=2)
    np.testing.assert_allclose(mixture.history_, alone.history_, rtol=1e-12)


# ---- missing days, other bases, other rules -------------------------------------------------------------------------


def ragged():
    """Curves with missing days, start and results of flexmix, as `golden` for complete ones."""
    curves = np.genfromtxt(GOLDEN / "dm_ragged_curves.csv", delimiter=",")  # (150, 40), empty cells are NaN
    results = json.loads((GOLDEN / "dm_ragged_flexmix.json").read_text())
    start = np.full((150, 3), 0.05)
    start[np.arange(150), results["start_labels"]] = 0.9
    return curves, start, results


def with_gaps(curves, share=0.3, seed=0):
    gaps = np.random.default_rng(seed).random(curves.shape) < share
    return np.where(gaps, np.nan, curves)


def slow_ragged_em(curves, w, X, iterations, flexmix=False):
    """Eqs 8, 9, 10, then 6 with a design matrix of its own observed days for every curve."""
    n, n_components = len(curves), w.shape[1]
    seen = ~np.isnan(curves)
    y = [curves[i, seen[i]] for i in range(n)]
    Xi = [X[seen[i]] for i in range(n)]
    n_points = seen.sum()
    factor = n_points / (n_points - X.shape[1]) if flexmix else 1.0
    history = []
    for _ in range(iterations):
        log_density, beta, variance = np.empty((n, n_components)), [], []
        for k in range(n_components):
            normal_matrix = sum(w[i, k] * Xi[i].T @ Xi[i] for i in range(n))
            beta.append(np.linalg.solve(normal_matrix, sum(w[i, k] * Xi[i].T @ y[i] for i in range(n))))
            squared = np.array([np.sum((y[i] - Xi[i] @ beta[k]) ** 2) for i in range(n)])
            variance.append(factor * (w[:, k] @ squared) / (w[:, k] @ seen.sum(axis=1)))
            log_density[:, k] = -0.5 * (seen.sum(axis=1) * np.log(2 * np.pi * variance[k]) + squared / variance[k])
        joint = np.log(w.mean(axis=0)) + log_density
        marginal = logsumexp(joint, axis=1, keepdims=True)
        w = np.exp(joint - marginal)
        history.append(marginal.sum())
    return {"w": w, "beta": np.array(beta), "variance": np.array(variance), "history": history}


def test_ragged_log_likelihoods_are_the_golden_ones():
    curves, start, results = ragged()
    expected = results["maximum_likelihood"]["loglik"]
    history = fit(curves, start, n_components=3, degree=2, tol=NEVER, max_iter=100).history_
    for iteration, value in expected.items():
        assert history[int(iteration) - 1] == pytest.approx(value, rel=1e-10)


def test_ragged_maximum_likelihood_parameters_are_the_golden_ones():
    curves, start, results = ragged()
    expected = results["maximum_likelihood"]
    mixture = fit(curves, start, n_components=3, degree=2, tol=NEVER, max_iter=2000)
    assert mixture.n_points_ == results["observations"]
    assert mixture.log_likelihood_ == pytest.approx(expected["converged"]["loglik"], rel=1e-10)
    np.testing.assert_allclose(mixture.coefficients_.T, expected["coefficients_by_power"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(np.sqrt(mixture.variances_), expected["sigma"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(mixture.weights_, expected["prior"], rtol=0, atol=1e-8)


def test_the_slow_ragged_loop_with_its_factor_is_flexmix():
    curves, start, results = ragged()
    history = slow_ragged_em(curves, start, design(40, 2), 20, flexmix=True)["history"]
    for iteration, value in results["loglik"].items():
        assert history[int(iteration) - 1] == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("basis", [{"basis": "power"}, {"basis": "bspline", "n_knots": 2}, {"basis": "weekly"}])
def test_missing_days_are_the_slow_loop_in_every_basis(basis):
    curves = with_gaps(draw(1, n_curves=40, n_days=30, n_components=3)[0])
    start = np.random.default_rng(0).dirichlet(np.ones(3), 40)
    X = Basis(basis["basis"], 3, basis.get("n_knots", 0)).design(30)
    slow = slow_ragged_em(curves, start, X, 5)
    mixture = fit(curves, start, n_components=3, tol=NEVER, max_iter=5, **basis)
    np.testing.assert_allclose(mixture.history_, slow["history"], rtol=1e-11)
    np.testing.assert_allclose(mixture.responsibilities_, slow["w"], rtol=1e-7, atol=1e-11)
    np.testing.assert_allclose(mixture.coefficients_, slow["beta"], rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(mixture.variances_, slow["variance"], rtol=1e-9)


def test_a_complete_curve_is_a_ragged_one_without_gaps():
    curves, _ = draw(12, spread=0.4)
    start = np.random.default_rng(0).dirichlet(np.ones(5), 200)
    complete = fit(curves, start, n_components=5, tol=NEVER, max_iter=40)
    longer = np.pad(curves, ((0, 1), (0, 0)), constant_values=np.nan)  # one curve more, without any day
    other = fit(longer, np.vstack([start, np.full(5, 0.2)]), n_components=5, tol=NEVER, max_iter=1)
    np.testing.assert_allclose(
        other.coefficients_, fit(curves, start, n_components=5, tol=NEVER, max_iter=1).coefficients_, rtol=1e-9
    )
    np.testing.assert_allclose(complete.predict_proba(curves), complete.responsibilities_, atol=1e-9)
    assert complete.n_points_ == other.n_points_ == 200 * 50


def test_powers_and_chebyshev_polynomials_give_the_same_fit():
    curves = with_gaps(draw(13, spread=0.5)[0])
    start = np.random.default_rng(0).dirichlet(np.ones(5), 200)
    power, chebyshev = (
        fit(curves, start, n_components=5, degree=6, basis=basis, tol=NEVER, max_iter=30)
        for basis in ("power", "chebyshev")
    )
    np.testing.assert_allclose(chebyshev.history_, power.history_, rtol=1e-11)
    np.testing.assert_allclose(chebyshev.coefficients_, power.coefficients_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(chebyshev.mean_curves(), power.mean_curves(), rtol=1e-8, atol=1e-8)


def test_one_shared_variance_is_the_mean_squared_distance():
    curves, labels = draw(14)
    mixture = fit(curves, n_components=5, shared_variance=True)
    assert np.ptp(mixture.variances_) == 0
    squared = [
        (mixture.responsibilities_[:, k] * ((curves - m) ** 2).sum(axis=1)).sum()
        for k, m in enumerate(mixture.mean_curves())
    ]
    assert mixture.variances_[0] == pytest.approx(np.sum(squared) / curves.size, rel=1e-8)
    assert mixture.n_parameters_ == 5 * 4 + 4 + 1
    assert adjusted_rand_score(labels, mixture.predict(curves)) > 0.99


def test_classification_em_gives_every_curve_to_one_cluster():
    curves, _ = draw(15, spread=0.3)
    mixture = fit(curves, n_components=5, algorithm="classification")
    assert set(np.unique(mixture.responsibilities_)) == {0.0, 1.0}
    assert (np.diff(mixture.history_) >= -1e-9 * np.abs(mixture.history_[:-1])).all()
    assert mixture.entropy_ == 0 and mixture.icl() == mixture.bic()
    labels = mixture.responsibilities_.argmax(axis=1)
    means = np.array([curves[labels == k].mean(axis=0) for k in range(5)])  # an M-step by hand from its own labels
    X = design(50, 3)
    expected = np.linalg.lstsq(X, means.T, rcond=None)[0].T
    np.testing.assert_allclose(mixture.coefficients_, expected, rtol=1e-4, atol=1e-4)
    density = [multivariate_normal(m, v * np.eye(50)).logpdf(curves) + np.log(a) for a, m, v in
               zip(mixture.weights_, mixture.mean_curves(), mixture.variances_, strict=True)]  # fmt: skip
    assert mixture.log_likelihood_ == pytest.approx(np.max(density, axis=0).sum(), rel=1e-9)


# ---- where it starts ------------------------------------------------------------------------------------------------


def test_labels_are_responsibilities_of_zero_and_one():
    curves, labels = draw(16, spread=0.4)
    by_labels = PolynomialRegressionMixture(5).fit(curves, labels=labels)
    by_responsibilities = PolynomialRegressionMixture(5).fit(curves, np.eye(5)[labels])
    assert by_labels.history_ == by_responsibilities.history_


def test_parameters_start_with_an_e_step():
    curves, _ = draw(17, spread=0.4)
    start = np.random.default_rng(0).dirichlet(np.ones(5), 200)
    whole = fit(curves, start, n_components=5, tol=NEVER, max_iter=12)
    half = fit(curves, start, n_components=5, tol=NEVER, max_iter=6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rest = PolynomialRegressionMixture(5, tol=NEVER, max_iter=7).fit(
            curves, parameters=(half.weights_, half.coefficients_, half.variances_)
        )
    np.testing.assert_allclose(rest.history_, whole.history_[5:], rtol=1e-12)  # the sixth E-step is done twice


def test_small_em_reaches_the_likelihood_of_the_true_labels_where_random_starts_do_not():
    reached = {"small_em": 0, "random": 0}
    for seed in range(40):
        curves, labels = draw(seed, n_curves=150, n_components=6)
        truth = PolynomialRegressionMixture(6).fit(curves, labels=labels).log_likelihood_
        for init in reached:
            found = fit(curves, n_components=6, init=init, random_state=seed).log_likelihood_
            reached[init] += found > truth - 1
    assert reached["small_em"] >= 38  # 95 %
    assert reached["random"] <= 20


def test_k_means_start_is_deterministic_and_finds_plain_clusters():
    curves, labels = draw(18)
    first, again = (fit(curves, n_components=5, init="k-means++", n_init=5, random_state=1) for _ in range(2))
    assert first.history_ == again.history_
    assert adjusted_rand_score(labels, first.predict(curves)) > 0.99


def test_clusters_come_in_order_of_level_unless_a_start_is_given():
    curves, labels = draw(19)
    levels = fit(curves, n_components=5).mean_curves().mean(axis=1)
    assert (np.diff(levels) > 0).all()
    given = PolynomialRegressionMixture(5).fit(curves, labels=labels)
    np.testing.assert_array_equal(given.predict(curves), labels)


# ---- empty and tiny clusters ----------------------------------------------------------------------------------------


def emptied(on_empty):
    """Three clusters, one of them started without a curve; two curves stand far off."""
    curves, labels = draw(20, n_curves=100, n_components=2, spread=1.0)
    curves[:2] += 40
    start = np.eye(3)[labels]
    with pytest.warns(EmptyClusterWarning) as said:
        mixture = PolynomialRegressionMixture(3, on_empty=on_empty).fit(curves, start)
    return mixture, str(said[0].message)


def test_an_empty_cluster_is_kept_reseeded_or_dropped_and_never_silently():
    kept, said = emptied("keep")
    assert "1 of 3 clusters hold less than 1 curves" in said and kept.weights_[2] == 0
    dropped, said = emptied("drop")
    assert "dropped" in said and dropped.n_dropped_ == 1 and dropped.weights_.shape == (2,)
    np.testing.assert_allclose(dropped.log_likelihood_, kept.log_likelihood_, rtol=1e-9)
    reseeded, said = emptied("reseed")
    assert "reseeded" in said and reseeded.n_reseeded_ == 1
    assert reseeded.weights_.min() * 100 == pytest.approx(2)  # the two curves that were explained worst
    assert reseeded.log_likelihood_ > kept.log_likelihood_ + 100


# ---- where peers break ----------------------------------------------------------------------------------------------


def test_all_zero_curves_are_a_cluster_on_the_floor():  # flexmix stops on them
    curves, _ = draw(21, n_curves=90, n_components=2, spread=3)
    curves[:30] = 0
    mixture = fit(curves, n_components=3, n_init=3)
    labels = mixture.predict(curves)
    assert len(set(labels[:30])) == 1 and labels[0] not in labels[30:]
    assert mixture.n_floored_ == 1 and np.isfinite(mixture.log_likelihood_)


def test_heavy_tails_on_166_days_lose_no_curve_and_no_digit():  # CCToolbox underflows and drops curves
    rng = np.random.default_rng(22)
    curves = np.exp(rng.normal(1, 1.9, (300, 1))) * rng.standard_t(1.5, (300, 166))
    mixture = fit(curves, n_components=8)
    np.testing.assert_allclose(mixture.responsibilities_.sum(axis=1), 1)
    assert np.isfinite(mixture.score_samples(curves)).all()
    assert np.isfinite([mixture.icl(), mixture.bic("points"), mixture.aic()]).all()  # flexmix's ICL is Inf here


def test_as_many_clusters_as_asked_for():  # flexmix returned 5 of 10 without a word
    rng = np.random.default_rng(23)
    curves = np.log1p(rng.negative_binomial(2, 0.2, (400, 166)) * np.exp(rng.normal(0, 1, (400, 1))))
    mixture = fit(curves, n_components=10)
    assert mixture.weights_.shape == (10,) and (mixture.weights_ * 400 >= 1).all()


def test_a_cluster_of_two_curves_is_found():
    curves, _ = draw(24, n_curves=200, n_components=2, spread=1)
    curves[:2] += 30
    mixture = fit(curves, n_components=3)
    assert sorted(np.bincount(mixture.predict(curves)))[0] == 2


def test_float32_curves_are_float64_ones():
    curves = draw(25, spread=0.4)[0].astype(np.float32)
    start = np.random.default_rng(0).dirichlet(np.ones(5), 200)
    single, double = (fit(c, start, n_components=5, max_iter=50) for c in (curves, curves.astype(float)))
    np.testing.assert_allclose(single.history_, double.history_, rtol=1e-9)
    np.testing.assert_allclose(single.coefficients_, double.coefficients_, rtol=1e-9)


# ---- chunks and workers ---------------------------------------------------------------------------------------------


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_chunks_and_workers_change_nothing(monkeypatch, tmp_path):
    curves = with_gaps(draw(26, n_curves=333, spread=0.3)[0], 0.1)
    start = np.random.default_rng(0).dirichlet(np.ones(5), 333)
    whole = fit(curves, start, n_components=5, max_iter=20)
    for module in (em, statistics):
        monkeypatch.setattr(module, "CHUNK", 50)
    monkeypatch.setattr(em, "BLOCK", 100)
    chunked = fit(curves, start, n_components=5, max_iter=20)
    np.testing.assert_allclose(chunked.history_, whole.history_, rtol=1e-12)
    with ThreadPoolExecutor(3) as threads, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        threaded = PolynomialRegressionMixture(5, max_iter=20).fit(curves, start, executor=threads)
    assert threaded.history_ == chunked.history_
    np.testing.assert_array_equal(threaded.coefficients_, chunked.coefficients_)
    np.save(tmp_path / "curves.npy", curves)
    mapped = fit(np.load(tmp_path / "curves.npy", mmap_mode="r"), start, n_components=5, max_iter=20)
    assert mapped.history_ == chunked.history_


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_processes_give_the_same_bits():
    curves, labels = draw(27, n_curves=300, spread=0.4)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        parallel = PolynomialRegressionMixture(5).fit(curves, labels=labels, executor=processes)
    assert parallel.history_ == PolynomialRegressionMixture(5).fit(curves, labels=labels).history_


# ---- using a fit ----------------------------------------------------------------------------------------------------


def fitted(seed=28, **parameters):
    curves, labels = draw(seed, spread=0.6)
    return PolynomialRegressionMixture(5, n_init=3, **parameters).fit(curves), curves, labels


def test_scores_are_scipys_log_density():
    mixture, curves, _ = fitted()
    density = sum(
        weight * multivariate_normal(mean, variance * np.eye(50)).pdf(curves)
        for weight, mean, variance in zip(mixture.weights_, mixture.mean_curves(), mixture.variances_, strict=True)
    )
    np.testing.assert_allclose(mixture.score_samples(curves), np.log(density), rtol=1e-9)
    assert mixture.score_samples(curves).sum() == pytest.approx(mixture.log_likelihood_, rel=1e-10)


def test_partial_curves_are_judged_by_their_observed_days():
    mixture, curves, _ = fitted()
    missing = curves.copy()
    missing[:, 20:] = np.nan
    by_day = mixture.predict_proba_by_day(curves)[:, 19]
    np.testing.assert_allclose(mixture.predict_proba(missing), by_day, atol=1e-9)
    np.testing.assert_allclose(mixture.predict_proba(curves[:, :20]), by_day, atol=1e-9)
    nothing = np.full((2, 50), np.nan)
    np.testing.assert_allclose(mixture.predict_proba(nothing), [mixture.weights_] * 2, rtol=1e-9)
    gappy = with_gaps(curves)
    np.testing.assert_allclose(mixture.predict_proba_by_day(gappy)[:, -1], mixture.predict_proba(gappy), atol=1e-9)


def test_forecast_of_the_rest_is_the_conditional_mean_and_variance():
    mixture, *_ = fitted()
    curves, _ = mixture.sample(4000, seed=1)
    mean, variance = mixture.forecast(curves[:, :10])
    assert mean.shape == variance.shape == (4000, 50)
    z = ((curves - mean) / np.sqrt(variance))[:, 10:]
    assert abs(z.mean()) < 0.03 and z.var() == pytest.approx(1, abs=0.05)
    w = mixture.predict_proba(curves[:, :10])
    np.testing.assert_allclose(mean, w @ mixture.mean_curves())
    unaware = np.mean((curves[:, 10:] - (mixture.weights_ @ mixture.mean_curves())[10:]) ** 2)
    assert np.mean((curves - mean)[:, 10:] ** 2) < 0.75 * unaware


def test_samples_come_from_the_mixture():
    mixture, *_ = fitted()
    curves, labels = mixture.sample(20_000, seed=3)
    np.testing.assert_allclose(np.bincount(labels) / 20_000, mixture.weights_, atol=0.015)
    for k in range(5):
        np.testing.assert_allclose(curves[labels == k].mean(axis=0), mixture.mean_curves()[k], atol=0.08)
        assert (curves[labels == k] - mixture.mean_curves()[k]).var() == pytest.approx(mixture.variances_[k], rel=0.02)
    np.testing.assert_array_equal(mixture.sample(5, seed=3)[0], mixture.sample(5, seed=3)[0])


def test_criteria_by_hand():
    mixture, curves, _ = fitted()
    n_parameters = 5 * 4 + 4 + 5
    assert mixture.n_parameters_ == n_parameters
    deviance = -2 * mixture.score_samples(curves).sum()
    assert mixture.aic() == pytest.approx(deviance + 2 * n_parameters)
    assert mixture.bic() == pytest.approx(deviance + n_parameters * np.log(200))
    assert mixture.bic("points") == pytest.approx(deviance + n_parameters * np.log(10_000))
    w = mixture.responsibilities_[mixture.responsibilities_ > 0]
    assert mixture.icl() == pytest.approx(mixture.bic() - 2 * (w * np.log(w)).sum())


def test_bic_and_icl_choose_the_true_number_of_clusters():
    curves, _ = draw(29)
    fits = {k: fit(curves, n_components=k, n_init=3) for k in range(2, 9)}
    assert min(fits, key=lambda k: fits[k].bic()) == 5
    assert min(fits, key=lambda k: fits[k].icl("points")) == 5


@pytest.mark.parametrize("basis", BASES)
def test_a_saved_mixture_predicts_the_same_bits(basis):
    mixture, curves, _ = fitted(basis=basis)
    again = PolynomialRegressionMixture.from_dict(json.loads(json.dumps(mixture.to_dict())))
    np.testing.assert_array_equal(again.predict_proba(curves), mixture.predict_proba(curves))
    np.testing.assert_array_equal(again.coefficients_, mixture.coefficients_)
    assert (again.bic(), again.icl(), again.n_iter_) == (mixture.bic(), mixture.icl(), mixture.n_iter_)


# ---- the posterior day by day ---------------------------------------------------------------------------------------


def test_posterior_by_day_ends_at_the_posterior_of_the_whole_curve():
    curves, _ = draw(8, spread=0.3)
    mixture = fit(curves, n_components=5)
    by_day = mixture.predict_proba_by_day(curves)
    assert by_day.shape == (200, 50, 5)
    np.testing.assert_allclose(by_day.sum(axis=2), 1)
    np.testing.assert_allclose(by_day[:, -1], mixture.predict_proba(curves), atol=1e-9)


def test_posterior_by_day_is_bayes_rule_on_the_days_so_far():
    curves, _ = draw(8, n_curves=20, n_days=9, spread=0.5)
    mixture = fit(curves, n_components=3)
    by_day = mixture.predict_proba_by_day(curves)
    for day in range(9):
        joint = [
            weight * multivariate_normal(mean[: day + 1], variance * np.eye(day + 1)).pdf(curves[:, : day + 1])
            for weight, mean, variance in zip(mixture.weights_, mixture.mean_curves(), mixture.variances_, strict=True)
        ]
        np.testing.assert_allclose(by_day[:, day], (joint / np.sum(joint, axis=0)).T, rtol=1e-8)


def test_posterior_by_day_knows_no_later_day():
    curves, _ = draw(9, spread=0.3)
    mixture = fit(curves, n_components=5)
    by_day = mixture.predict_proba_by_day(curves)
    for day in (1, 20, 49):
        other = curves.copy()
        other[:, day:] = 1e3 - other[:, day:]
        np.testing.assert_array_equal(mixture.predict_proba_by_day(other)[:, :day], by_day[:, :day])
        np.testing.assert_array_equal(mixture.predict_proba_by_day(curves[:, :day]), by_day[:, :day])


def test_posterior_by_day_is_kept_after_the_fitted_days():
    curves, _ = draw(10, spread=0.3)
    mixture = fit(curves, n_components=5)
    longer = np.concatenate([curves, np.full((200, 7), 1e4)], axis=1)
    by_day = mixture.predict_proba_by_day(longer)
    assert by_day.shape == (200, 57, 5)
    np.testing.assert_array_equal(by_day[:, :50], mixture.predict_proba_by_day(curves))
    for day in range(50, 57):
        np.testing.assert_array_equal(by_day[:, day], by_day[:, 49])


# ---- masks, curves never observed, scale ----------------------------------------------------------------------------


def test_a_mask_is_a_missing_day():
    curves = with_gaps(draw(3, n_curves=60, n_days=20, n_components=2)[0])
    masked = np.ma.masked_array(np.nan_to_num(curves, nan=99_999.0), np.isnan(curves))
    right, mixture = fit(curves, n_components=2), fit(masked, n_components=2)
    assert mixture.n_points_ == right.n_points_ == (~np.isnan(curves)).sum()
    for method in ("predict_proba", "score_samples", "predict_proba_by_day"):
        np.testing.assert_array_equal(getattr(mixture, method)(masked), getattr(right, method)(curves))
    np.testing.assert_array_equal(mixture.forecast(masked), right.forecast(curves))
    demand = np.ma.masked_array(np.full((2, 3), 99.0), mask=[[1, 0, 0], [0, 0, 0]])
    assert np.isnan(study.on_scale(demand, "log(1 + demand)")).sum() == 1


@pytest.mark.parametrize("algorithm", ["soft", "classification"])
def test_curves_never_observed_have_no_part_in_the_fit(algorithm):
    curves = with_gaps(draw(4, n_curves=70, n_days=30, n_components=2, spread=0.3)[0])
    everywhere = np.insert(curves, [0, 5, 70], np.nan, axis=0)
    seen = ~np.isnan(everywhere).all(axis=1)
    start = np.random.default_rng(0).dirichlet([1, 1], 73)
    calls = []
    right = PolynomialRegressionMixture(2, algorithm=algorithm).fit(curves, start[seen])
    mixture = PolynomialRegressionMixture(2, algorithm=algorithm).fit(
        everywhere, start, callback=lambda *call: calls.append(call)
    )
    assert mixture.n_curves_ == 70 and mixture.n_iter_ == right.n_iter_
    for name in ("log_likelihood_", "weights_", "variances_", "coefficients_", "entropy_"):
        np.testing.assert_allclose(getattr(mixture, name), getattr(right, name), rtol=1e-9)
    for criterion in ("aic", "bic", "icl"):
        assert getattr(mixture, criterion)() == pytest.approx(getattr(right, criterion)(), rel=1e-9)
    np.testing.assert_allclose(mixture.responsibilities_[seen], right.responsibilities_, atol=1e-9)
    assert calls[-1][1].shape == (73, 2)
    if algorithm == "soft":  # what is not seen has the posterior of the prior
        np.testing.assert_allclose(mixture.responsibilities_[~seen], np.tile(mixture.weights_, (3, 1)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 20), exponent=st.floats(-58, 57), gaps=st.booleans())
def test_the_unit_of_demand_changes_no_responsibility(seed, exponent, gaps):
    curves = draw(seed, n_curves=40, n_days=20, n_components=2)[0]
    curves = with_gaps(curves) if gaps else curves
    start = np.repeat(np.eye(2), 20, axis=0)
    parameters = {"n_components": 2, "max_iter": 20, "tol": NEVER}
    one, other = (fit(c, start, **parameters) for c in (curves, curves * 10.0**exponent))
    np.testing.assert_allclose(other.weights_, one.weights_, atol=1e-6)
    np.testing.assert_allclose(other.responsibilities_, one.responsibilities_, atol=1e-6)
    # log N of c y is log N of y less log c a day
    assert other.log_likelihood_ + one.n_points_ * exponent * np.log(10) == pytest.approx(one.log_likelihood_, abs=1e-4)


# ---- errors ---------------------------------------------------------------------------------------------------------

CURVES = draw(0, n_curves=20, n_days=10)[0]


def start_at(weights=(0.5, 0.5), coefficients=((1, 0, 0, 0), (2, 0, 0, 0)), variances=(1.0, 1.0)):
    return PolynomialRegressionMixture(2).fit(CURVES, parameters=(weights, coefficients, variances))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit(np.where(CURVES[3, 7] == CURVES, np.inf, CURVES), n_components=2), "curve 3, day 7: inf"),
        (lambda: fit(np.full((10, 20), np.nan), n_components=2), "hold no value"),
        (lambda: fit(CURVES[0], n_components=2), "n_curves, n_days"),
        (lambda: fit(CURVES[:3], n_components=4), "3 curves of 10 days"),
        (lambda: fit(CURVES[:, :4], n_components=2, degree=3), "20 curves of 4 days"),
        (lambda: fit(np.full((10, 20), 3.0), n_components=2), "same constant"),
        (lambda: fit(np.full((10, 20), 1 / 3), n_components=2), "same constant"),  # its variance is 3e-33
        (lambda: fit(CURVES, np.ones((20, 3)) / 3, n_components=2), r"shape \(20, 3\), not \(20, 2\)"),
        (lambda: fit(CURVES[:, :9], n_components=2).predict_proba(CURVES), "10 days, the mixture was fitted on 9"),
        (lambda: PolynomialRegressionMixture(2).fit(CURVES, labels=np.full(20, 2)), "whole numbers from 0 to 1"),
        (lambda: PolynomialRegressionMixture(2).fit(CURVES, parameters=([1], [[0]], [1])), "parameters must be"),
        (lambda: PolynomialRegressionMixture(2).fit(CURVES, np.eye(2)[[0] * 20], labels=[0] * 20), "one of them"),
        (lambda: PolynomialRegressionMixture(2).predict(CURVES), "call fit first"),
        (lambda: fit(CURVES, n_components=2).bic("days"), "choose 'curves' or 'points'"),
        (lambda: PolynomialRegressionMixture(0), "n_components is 0"),
        (lambda: PolynomialRegressionMixture(2.5), "n_components is 2.5"),
        (lambda: PolynomialRegressionMixture(tol=np.nan), "tol is nan"),
        (lambda: PolynomialRegressionMixture(degree=-1), "degree is -1"),
        (lambda: fit(CURVES, n_components=2).sample(1.5), "n is 1.5"),
        (lambda: fit(CURVES * 1e200, n_components=2), r"is not between -1e\+60 and 1e\+60"),
        (lambda: fit(CURVES * 1e-200, n_components=2), "multiply all curves by one number"),
        (lambda: fit(CURVES + 0j, n_components=2), "real numbers"),
        (lambda: fit(CURVES.astype(str), n_components=2), "real numbers"),
        (lambda: fit([[1, 2], [3]], n_components=2), "real numbers"),
        (lambda: fit(np.where(np.arange(20)[:, None] < 1, CURVES, np.nan), n_components=2), "1 curves of 10 days"),
        (lambda: fit(CURVES, np.full((20, 2), np.nan), n_components=2), "responsibilities must be"),
        (lambda: fit(CURVES, np.ones((20, 2)), n_components=2), "responsibilities must be"),
        (lambda: start_at(weights=[1.5, 1.5]), "weights must be at least 0 and sum to 1"),
        (lambda: start_at(weights=[-0.5, 1.5]), "weights must be at least 0 and sum to 1"),
        (lambda: start_at(variances=[-1.0, 3.0]), r"variances of parameters are \[-1.  3.\]; give values above 0"),
        (lambda: start_at(variances=[np.nan, 3.0]), "variances of parameters"),
        (lambda: start_at(coefficients=np.full((2, 4), np.nan)), "coefficients of parameters"),
        (lambda: PolynomialRegressionMixture(2).fit(CURVES, parameters=([0.5, 0.5], [1.0, 1.0])), "a tuple of weights"),
        (lambda: study.completion(CURVES, 2, n_hidden=10), "less than the 10 days"),
        (lambda: study.on_scale(-np.ones((2, 3)), "raw"), "at least 0"),
        (lambda: PolynomialRegressionMixture(eq9="literal"), "eq9 is 'literal'"),
        (lambda: PolynomialRegressionMixture(basis="fourier"), "basis is 'fourier'"),
        (lambda: PolynomialRegressionMixture(init="best"), "init is 'best'"),
        (lambda: PolynomialRegressionMixture(on_empty="ignore"), "on_empty is 'ignore'"),
        (lambda: PolynomialRegressionMixture(min_size=-1), "at least 0"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def partly_seen(seed: int) -> np.ndarray:
    """60 curves of which the first 1 to 59 days are seen: too few, in some clusters, to fix a cubic."""
    rng = np.random.default_rng(seed)
    curves = np.log1p(rng.poisson(rng.gamma(0.7, 3, (60, 1)), (60, 60))).astype(float)
    curves[np.arange(60) >= rng.integers(1, 60, 60)[:, None]] = np.nan
    return curves


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::UserWarning")
def test_curves_of_which_few_days_are_seen_end_in_a_fit():
    for seed in range(12):
        history = PolynomialRegressionMixture(6, 3, random_state=seed).fit(partly_seen(seed)).history_
        assert (np.diff(history) >= -1e-6 * np.abs(history[0])).all(), seed


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::UserWarning")
def test_a_reseeded_cluster_shares_the_variance():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        curves = np.log1p(rng.poisson(rng.gamma(0.7, 3, (30, 1)), (30, 40))).astype(float)
        mixture = PolynomialRegressionMixture(8, 3, random_state=seed, shared_variance=True, on_empty="reseed")
        assert len(set(mixture.fit(curves).variances_)) == 1
