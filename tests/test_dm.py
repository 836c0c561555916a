import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score

from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.errors import ParameterError

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
        warnings.filterwarnings("ignore", "EM did not converge")
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
    np.testing.assert_array_equal(calls[-1][1], mixture.responsibilities_)
    np.testing.assert_allclose(mixture.predict_proba(curves), mixture.responsibilities_, atol=1e-9)
    np.testing.assert_allclose(mixture.weights_.sum(), 1)
    with pytest.warns(UserWarning, match="did not converge in 2 iterations"):
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


# ---- errors ---------------------------------------------------------------------------------------------------------

CURVES = draw(0, n_curves=20, n_days=10)[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit(np.where(CURVES > 2, np.nan, CURVES), n_components=2), "fill missing days"),
        (lambda: fit(CURVES[0], n_components=2), "n_curves, n_days"),
        (lambda: fit(CURVES[:3], n_components=4), "3 curves of 10 days"),
        (lambda: fit(CURVES[:, :4], n_components=2, degree=3), "20 curves of 4 days"),
        (lambda: fit(np.full((10, 20), 3.0), n_components=2), "same constant"),
        (lambda: fit(np.full((10, 20), 1 / 3), n_components=2), "same constant"),  # its variance is 3e-33
        (lambda: fit(CURVES, np.ones((20, 3)) / 3, n_components=2), r"shape \(20, 3\), not \(20, 2\)"),
        (lambda: fit(CURVES, n_components=2).predict_proba(CURVES[:, :9]), "9 days, the mixture was fitted on 10"),
        (lambda: PolynomialRegressionMixture(0), "at least 1"),
        (lambda: PolynomialRegressionMixture(degree=-1), "at least 0"),
        (lambda: PolynomialRegressionMixture(eq9="literal"), "eq9 is 'literal'"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
