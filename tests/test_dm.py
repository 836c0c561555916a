"""The mixture of regressions against R's flexmix, slow loops, scipy's densities and its own plain equations."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from bowerbird.data.panel import build_panel
from bowerbird.dm import DegenerateClusterWarning, PolynomialRegressionMixture, fast, mixture
from bowerbird.dm.mixture import design_matrix, e_step, m_step
from bowerbird.errors import ParameterError

GOLDEN = Path(__file__).parent / "golden"
NEVER = -1.0  # a tolerance no change falls below: EM runs for exactly max_iter iterations


def golden(kind):
    """Curves, start and results of R flexmix 2.3-18, and of an independent EM without its factor N/(N - P)."""
    curves = np.genfromtxt(GOLDEN / f"dm_{kind}_curves.csv", delimiter=",")  # empty cells are NaN
    results = json.loads((GOLDEN / f"dm_{kind}_flexmix.json").read_text())
    labels = results["start_labels"]
    k = max(labels) + 1
    start = np.full((len(curves), k), 0.1 / (k - 1))
    start[np.arange(len(curves)), labels] = 0.9
    return curves, start, results


def fit(curves, start=None, **parameters):
    with warnings.catch_warnings():
        for category in (ConvergenceWarning, DegenerateClusterWarning):
            warnings.simplefilter("ignore", category)
        return PolynomialRegressionMixture(**parameters).fit(curves, start)


def draw(seed, n_curves=200, n_days=50, n_components=5, spread=2.0, noise=0.7):
    """Curves about cubic polynomials, and the cluster of each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, spread, (n_components, 4)) @ design_matrix(n_days, 3).T
    labels = rng.integers(n_components, size=n_curves)
    return centres[labels] + rng.normal(0, noise, (n_curves, n_days)), labels


def with_gaps(curves, share=0.3):
    return np.where(np.random.default_rng(0).random(curves.shape) < share, np.nan, curves)


def random_start(n_curves, k, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(k), n_curves)


def slow_em(curves, w, degree, iterations, flexmix=False):
    """Eqs 8, 9, 10, then 6, with a design matrix of its own observed days for every curve; flexmix adds N/(N - P)."""
    n, seen, x = len(curves), ~np.isnan(curves), np.vander(np.linspace(-1, 1, curves.shape[1]), degree + 1)[:, ::-1]
    y, X = [curves[i, seen[i]] for i in range(n)], [x[seen[i]] for i in range(n)]
    factor = seen.sum() / (seen.sum() - x.shape[1]) if flexmix else 1.0
    history = []
    for _ in range(iterations):
        log_density, beta, variance = np.empty(w.shape), [], []
        for k in range(w.shape[1]):
            normal_matrix = sum(w[i, k] * X[i].T @ X[i] for i in range(n))
            beta.append(np.linalg.solve(normal_matrix, sum(w[i, k] * X[i].T @ y[i] for i in range(n))))
            squared = np.array([np.sum((y[i] - X[i] @ beta[k]) ** 2) for i in range(n)])
            variance.append(factor * (w[:, k] @ squared) / (w[:, k] @ seen.sum(axis=1)))
            log_density[:, k] = -0.5 * (seen.sum(axis=1) * np.log(2 * np.pi * variance[k]) + squared / variance[k])
        weights = w.mean(axis=0)
        joint = np.log(weights) + log_density
        marginal = logsumexp(joint, axis=1, keepdims=True)
        w = np.exp(joint - marginal)
        history.append(marginal.sum())
    return {"w": w, "beta": np.array(beta), "variance": np.array(variance), "weights": weights, "history": history}


# ---- against others -------------------------------------------------------------------------------------------------

KINDS = [("complete", 3, 3000), ("ragged", 2, 2000)]  # degree; iterations after which the parameters stand still


@pytest.mark.parametrize(("kind", "degree", "n_iter"), KINDS)
def test_the_maximum_likelihood_fit_is_the_golden_one(kind, degree, n_iter):
    curves, start, results = golden(kind)
    expected = results["maximum_likelihood"]
    found = fit(curves, start, n_components=start.shape[1], degree=degree, tol=NEVER, max_iter=n_iter)
    for iteration, value in expected["loglik"].items():
        assert found.history_[int(iteration) - 1] == pytest.approx(value, rel=1e-10)
    assert found.log_likelihood_ == pytest.approx(expected["converged"]["loglik"], rel=1e-10)
    np.testing.assert_allclose(found.coefficients_.T, expected["coefficients_by_power"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(np.sqrt(found.variances_), expected["sigma"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.weights_, expected["prior"], rtol=0, atol=1e-8)


@pytest.mark.parametrize(("kind", "degree", "_"), KINDS)
def test_the_slow_loop_with_its_factor_is_flexmix(kind, degree, _):
    curves, start, results = golden(kind)
    history = slow_em(curves, start, degree, 20, flexmix=True)["history"]
    for iteration, value in results["loglik"].items():
        assert history[int(iteration) - 1] == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("gaps", [0.0, 0.3])
@pytest.mark.parametrize("degree", [0, 1, 3])
def test_a_fit_is_the_slow_loop(degree, gaps):
    curves, start = with_gaps(draw(degree, 40, 30, 3, spread=1.0)[0], gaps), random_start(40, 3)
    slow = slow_em(curves, start, degree, 6)
    found = fit(curves, start, n_components=3, degree=degree, tol=NEVER, max_iter=6)
    np.testing.assert_allclose(found.history_, slow["history"], rtol=1e-12)
    np.testing.assert_allclose(found.responsibilities_, slow["w"], rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(found.coefficients_, slow["beta"], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.variances_, slow["variance"], rtol=1e-10)
    np.testing.assert_allclose(found.weights_, slow["weights"], rtol=1e-10)


@pytest.mark.parametrize("eq9", ["corrected", "printed"])
@pytest.mark.parametrize("degree", [0, 3])
@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_the_fast_steps_are_the_plain_ones(degree, eq9, gaps):
    curves = with_gaps(draw(7, n_curves=170, spread=0.5)[0], gaps)
    q = np.linalg.qr(design_matrix(50, degree))[0]
    data = fast.Statistics.gather(np.array_split(curves, 3), q, complete=not gaps)
    w = random_start(170, 5)
    for _ in range(4):
        plain, quick = m_step(curves, q, w, eq9), data.m_step(w, eq9)
        for one, other in zip(plain, quick, strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-12)
        w, likelihood = e_step(curves, q, *plain)
        quick_w, quick_likelihood = data.e_step(*quick)
        np.testing.assert_allclose(quick_w, w, rtol=1e-9, atol=1e-13)
        assert quick_likelihood == pytest.approx(likelihood, rel=1e-12)


def test_plain_and_fast_agree_on_the_contests_curves(original):
    curves = np.log1p(build_panel(original).demand)
    start = np.eye(10)[curves.mean(axis=1).argsort().argsort() * 10 // len(curves)]
    quick = fit(curves, start, tol=NEVER, max_iter=4)
    x, w, history = design_matrix(curves.shape[1], 3), start, []
    for _ in range(4):
        plain = m_step(curves, x, w)
        w, likelihood = e_step(curves, x, *plain)
        history.append(likelihood)
    np.testing.assert_allclose(quick.history_, history, rtol=1e-12)
    np.testing.assert_allclose(quick.coefficients_, plain[1], rtol=1e-8, atol=1e-9)


def joint_density(found, curves):
    """alpha_k N(y_i | X beta_k, sigma_k^2 I) by scipy (n, K), on the first days."""
    n_days = curves.shape[1]
    return np.column_stack(
        [
            weight * multivariate_normal(mean[:n_days], variance * np.eye(n_days)).pdf(curves)
            for weight, mean, variance in zip(found.weights_, found.mean_curves(), found.variances_, strict=True)
        ]
    )


def test_one_cluster_is_least_squares():
    curves, _ = draw(1, n_curves=20, n_days=30)
    found = fit(curves, n_components=1, degree=2)
    time = np.linspace(-1, 1, 30)
    expected = np.polynomial.polynomial.polyfit(time, curves.mean(axis=0), 2)
    np.testing.assert_allclose(found.coefficients_[0], expected, rtol=1e-9)
    mean = np.polynomial.polynomial.polyval(time, expected)
    np.testing.assert_allclose(found.mean_curves()[0], mean, rtol=1e-9)
    assert found.variances_[0] == pytest.approx(np.mean((curves - mean) ** 2), rel=1e-10)


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
def test_the_likelihood_never_falls(seed, n_curves, n_days, n_components, degree, level, scale, counts):
    rng = np.random.default_rng(seed)
    shape = (n_curves, n_days)
    curves = rng.negative_binomial(1, 0.3, shape) if counts else rng.standard_t(3, shape).cumsum(axis=1)
    curves = level + scale * curves
    if np.ptp(curves) == 0:
        return
    q = np.linalg.qr(design_matrix(n_days, degree))[0]
    data = fast.Statistics.gather([curves], q, complete=True)
    parameters, history = data.m_step(rng.dirichlet(np.full(n_components, 0.5), n_curves)), []
    for _ in range(60):
        weights, centres, variances = parameters
        w, likelihood = data.e_step(weights, centres, np.maximum(variances, 1e-10 * curves.var()))
        parameters = data.m_step(w)
        history.append(likelihood)
    allowed = 1e-9 * (np.abs(history[:-1]) + n_curves * n_days)  # rounding
    assert (np.diff(history) >= -allowed).all()


def test_a_high_level_changes_no_responsibility():
    curves, _ = draw(3, spread=0.25, noise=1.0)  # overlapping: the responsibilities are far from 0 and 1
    low, high = (fit(c, random_start(200, 5), n_components=5, tol=NEVER, max_iter=30) for c in (curves, curves + 1e6))
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
    beside = {"tol": NEVER, "max_iter": 10}
    alone = fit(near[labels < 3], np.eye(3)[labels[labels < 3]], n_components=3, **beside)
    curves = near + np.where(labels == 3, far, 0)[:, None]
    if far == 1e8:  # the floor, 1e-10 of the variance of all curves, would hide the digits
        data = fast.Statistics.gather([curves], np.linalg.qr(design_matrix(50, 3))[0], complete=not gaps)
        parameters = data.m_step(np.eye(4)[labels])
        for _ in range(9):
            parameters = data.m_step(data.e_step(*parameters)[0])
        w, variances = data.e_step(*parameters)[0], parameters[2]
    else:
        found = fit(curves, np.eye(4)[labels], n_components=4, **beside)
        w, variances = found.responsibilities_, found.variances_
    np.testing.assert_allclose(w[labels < 3, :3], alone.responsibilities_, atol=1e-6)
    np.testing.assert_allclose(variances[:3], alone.variances_, rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 20), exponent=st.floats(-58, 57), gaps=st.sampled_from([0.0, 0.3]))
def test_the_unit_of_demand_changes_no_responsibility(seed, exponent, gaps):
    curves = with_gaps(draw(seed, n_curves=40, n_days=20, n_components=2)[0], gaps)
    parameters = {"n_components": 2, "max_iter": 20, "tol": NEVER}
    one, other = (fit(c, np.repeat(np.eye(2), 20, axis=0), **parameters) for c in (curves, curves * 10.0**exponent))
    np.testing.assert_allclose(other.weights_, one.weights_, atol=1e-6)
    np.testing.assert_allclose(other.responsibilities_, one.responsibilities_, atol=1e-6)
    # log N of c y is log N of y less log c a day
    assert other.log_likelihood_ + one.n_points_ * exponent * np.log(10) == pytest.approx(one.log_likelihood_, abs=1e-4)


def test_eq_9_as_printed_collapses_even_from_the_true_labels():
    # Coefficients as far apart as the noise is wide: plain to see on 166 days, unless its variance is taken 166 times.
    curves, labels = draw(0, n_curves=300, n_days=166, spread=1.0, noise=1.0)
    printed, corrected = (fit(curves, np.eye(5)[labels], n_components=5, eq9=eq9) for eq9 in ("printed", "corrected"))
    assert adjusted_rand_score(labels, printed.predict(curves)) == 0.0
    assert adjusted_rand_score(labels, corrected.predict(curves)) == 1.0
    np.testing.assert_allclose(np.ptp(printed.responsibilities_, axis=0), 0, atol=1e-6)  # the same row for every curve


# ---- starts, order, what a fit says of itself -----------------------------------------------------------------------


def test_small_em_reaches_the_likelihood_of_the_true_labels_where_random_starts_do_not():
    reached = {"small_em": 0, "random": 0}
    for seed in range(40):
        curves, labels = draw(seed, n_curves=150, n_components=6)
        truth = fit(curves, np.eye(6)[labels], n_components=6).log_likelihood_
        for init in reached:
            found = fit(curves, n_components=6, init=init, random_state=seed).log_likelihood_
            reached[init] += found > truth - 1
    assert reached["small_em"] >= 38  # 95 %
    assert reached["random"] <= 20


def test_same_seed_same_bits_other_seed_other_start():
    curves, _ = draw(5, spread=0.3)
    first, again, other = (fit(curves, n_components=5, n_init=2, random_state=seed) for seed in (7, 7, 8))
    assert first.history_ == again.history_ != other.history_
    for name in ("weights_", "coefficients_", "variances_", "responsibilities_"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_clusters_come_in_order_of_level_unless_a_start_is_given():
    curves, labels = draw(19)
    assert (np.diff(fit(curves, n_components=5).mean_curves().mean(axis=1)) > 0).all()
    np.testing.assert_array_equal(fit(curves, np.eye(5)[labels], n_components=5).predict(curves), labels)


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_what_a_fit_says_of_itself(gaps):
    curves, calls = with_gaps(draw(4)[0], gaps), []
    found = PolynomialRegressionMixture(5).fit(curves, callback=lambda *call: calls.append(call))
    assert found.converged_ and found.n_floored_ == 0 and found.n_points_ == (~np.isnan(curves)).sum()
    assert [call[0] for call in calls] == list(range(1, found.n_iter_ + 1))
    assert [call[2] for call in calls] == found.history_ and found.log_likelihood_ == found.history_[-1]
    np.testing.assert_array_equal(calls[-1][1], found.responsibilities_)
    np.testing.assert_allclose(found.predict_proba(curves), found.responsibilities_, atol=1e-9)
    with pytest.warns(ConvergenceWarning, match="did not converge in 2 iterations"):
        PolynomialRegressionMixture(5, tol=NEVER, max_iter=2).fit(curves)


def test_criteria_by_hand():
    curves, _ = draw(28, spread=0.6)
    found = fit(curves, n_components=5)
    deviance = -2 * np.log(joint_density(found, curves).sum(axis=1)).sum()
    assert found.bic() == pytest.approx(deviance + 29 * np.log(200))  # 5 x 4 coefficients, 4 weights, 5 variances
    assert found.bic("points") == pytest.approx(deviance + 29 * np.log(10_000))
    w = found.responsibilities_[found.responsibilities_ > 0]
    assert found.icl() == pytest.approx(found.bic() - 2 * (w * np.log(w)).sum())


def test_bic_and_icl_choose_the_true_number_of_clusters():
    curves, _ = draw(29)
    fits = {k: fit(curves, n_components=k, n_init=3) for k in range(2, 9)}
    assert min(fits, key=lambda k: fits[k].bic()) == min(fits, key=lambda k: fits[k].icl()) == 5


def test_a_saved_mixture_predicts_the_same_bits():
    curves, _ = draw(28, spread=0.6)
    found = fit(curves, n_components=5)
    again = PolynomialRegressionMixture.from_dict(json.loads(json.dumps(found.to_dict())))
    np.testing.assert_array_equal(again.predict_proba(curves), found.predict_proba(curves))
    np.testing.assert_array_equal(again.predict_proba_by_day(curves), found.predict_proba_by_day(curves))
    np.testing.assert_array_equal(again.coefficients_, found.coefficients_)


# ---- empty clusters, clusters without variance, hard data -----------------------------------------------------------


def test_an_empty_cluster_is_kept_and_never_silently():
    curves, labels = draw(20, n_curves=100, n_components=2, spread=1.0)
    start = np.eye(3)[labels]  # the third is empty
    with pytest.warns(DegenerateClusterWarning, match="1 of 3 clusters hold less than one curve"):
        kept = PolynomialRegressionMixture(3).fit(curves, start)
    assert kept.weights_[2] == 0 and kept.coefficients_.shape == (3, 4)
    assert np.isfinite(kept.predict_proba_by_day(curves)).all()
    np.testing.assert_array_equal(kept.predict_proba(curves)[:, 2], 0)
    alone = fit(curves, start[:, :2], n_components=2)
    np.testing.assert_allclose(kept.log_likelihood_, alone.log_likelihood_, rtol=1e-12)


@pytest.mark.parametrize("level", [0.0, 7.3])
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_a_cluster_without_variance_stands_on_the_floor_and_is_told_of(level, gaps):  # flexmix stops on it
    curves = draw(6, n_curves=60, n_components=1)[0]
    curves[:20] = level
    curves = with_gaps(curves, gaps)
    with pytest.warns(DegenerateClusterWarning, match="1 of 2 clusters stand on the variance floor"):
        found = PolynomialRegressionMixture(2).fit(curves, np.repeat(np.eye(2), [20, 40], axis=0))
    assert found.n_floored_ == 1 and np.isfinite(found.log_likelihood_)
    assert found.variances_.min() == pytest.approx(1e-10 * np.nanvar(curves))
    assert (found.predict(curves) == np.repeat([0, 1], [20, 40])).all()


def test_heavy_tails_on_166_days_lose_no_curve_and_no_digit():  # CCToolbox underflows and drops curves
    rng = np.random.default_rng(22)
    curves = np.exp(rng.normal(1, 1.9, (300, 1))) * rng.standard_t(1.5, (300, 166))
    found = fit(curves, n_components=8)
    np.testing.assert_allclose(found.responsibilities_.sum(axis=1), 1)
    assert np.isfinite([found.icl(), found.bic("points")]).all()  # flexmix's ICL is Inf here


def test_as_many_clusters_as_asked_for():  # flexmix returned 5 of 10 without a word
    rng = np.random.default_rng(23)
    curves = np.log1p(rng.negative_binomial(2, 0.2, (400, 166)) * np.exp(rng.normal(0, 1, (400, 1))))
    found = fit(curves, n_components=10)
    assert found.weights_.shape == (10,) and (found.weights_ * 400 >= 1).all()


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_chunks_memory_maps_and_single_precision_change_nothing(monkeypatch, tmp_path, gaps):
    curves = with_gaps(draw(26, n_curves=333, spread=0.3)[0], gaps).astype(np.float32)
    start = random_start(333, 5)
    whole = fit(curves.astype(float), start, n_components=5, max_iter=20)
    monkeypatch.setattr(mixture, "CHUNK", 50)
    np.save(tmp_path / "curves.npy", curves)
    for other in (curves, np.load(tmp_path / "curves.npy", mmap_mode="r")):
        chunked = fit(other, start, n_components=5, max_iter=20)
        np.testing.assert_allclose(chunked.history_, whole.history_, rtol=1e-12)
        np.testing.assert_allclose(chunked.coefficients_, whole.coefficients_, rtol=1e-9)


# ---- missing days ---------------------------------------------------------------------------------------------------


def test_a_mask_is_a_missing_day():
    curves = with_gaps(draw(3, n_curves=60, n_days=20, n_components=2)[0])
    masked = np.ma.masked_array(np.nan_to_num(curves, nan=99_999.0), np.isnan(curves))
    right, found = fit(curves, n_components=2), fit(masked, n_components=2)
    for method in ("predict_proba", "predict_proba_by_day"):
        np.testing.assert_array_equal(getattr(found, method)(masked), getattr(right, method)(curves))


def test_curves_never_observed_have_no_part_in_the_fit():
    curves = with_gaps(draw(4, n_curves=70, n_days=30, n_components=2, spread=0.3)[0])
    everywhere = np.insert(curves, [0, 5, 70], np.nan, axis=0)
    seen = ~np.isnan(everywhere).all(axis=1)
    start, calls = random_start(73, 2), []
    right = PolynomialRegressionMixture(2).fit(curves, start[seen])
    found = PolynomialRegressionMixture(2).fit(everywhere, start, callback=lambda *call: calls.append(call))
    assert found.n_curves_ == 70 and found.history_ == right.history_ and found.icl() == right.icl()
    np.testing.assert_array_equal(found.coefficients_, right.coefficients_)
    np.testing.assert_array_equal(found.responsibilities_[seen], right.responsibilities_)
    np.testing.assert_allclose(found.responsibilities_[~seen], np.tile(found.weights_, (3, 1)))  # the prior
    assert calls[-1][1].shape == (73, 2)


def test_curves_of_which_few_days_are_seen_end_in_a_fit():
    """60 curves of which the first 1 to 59 days are seen: too few, in some clusters, to fix a cubic."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        curves = np.log1p(rng.poisson(rng.gamma(0.7, 3, (60, 1)), (60, 60))).astype(float)
        curves[np.arange(60) >= rng.integers(1, 60, 60)[:, None]] = np.nan
        history = fit(curves, n_components=6, random_state=seed).history_
        assert (np.diff(history) >= -1e-6 * np.abs(history[0])).all(), seed


def test_partial_curves_are_judged_by_their_observed_days():
    curves, _ = draw(28, spread=0.6)
    found = fit(curves, n_components=5)
    by_day = found.predict_proba_by_day(curves)[:, 19]
    stopped = np.where(np.arange(50) < 20, curves, np.nan)
    np.testing.assert_allclose(found.predict_proba(stopped), by_day, atol=1e-9)
    np.testing.assert_allclose(found.predict_proba(curves[:, :20]), by_day, atol=1e-9)
    np.testing.assert_allclose(found.predict_proba(np.full((2, 50), np.nan)), [found.weights_] * 2, rtol=1e-9)


# ---- the posterior day by day ---------------------------------------------------------------------------------------


def test_the_posterior_by_day_is_bayes_rule_on_the_days_so_far():
    curves, _ = draw(8, n_curves=20, n_days=9, spread=0.5)
    found = fit(curves, n_components=3)
    by_day = found.predict_proba_by_day(curves)
    assert by_day.shape == (20, 9, 3)
    for day in range(9):
        joint = joint_density(found, curves[:, : day + 1])
        np.testing.assert_allclose(by_day[:, day], joint / joint.sum(axis=1, keepdims=True), rtol=1e-8)
    gappy = with_gaps(curves)
    np.testing.assert_allclose(found.predict_proba_by_day(gappy)[:, -1], found.predict_proba(gappy), atol=1e-9)


def test_the_posterior_by_day_knows_no_later_day():
    curves, _ = draw(9, spread=0.3)
    found = fit(curves, n_components=5)
    by_day = found.predict_proba_by_day(curves)
    for day in (1, 20, 49):
        other = np.where(np.arange(50) < day, curves, 1e3 - curves)
        np.testing.assert_array_equal(found.predict_proba_by_day(other)[:, :day], by_day[:, :day])
        np.testing.assert_array_equal(found.predict_proba_by_day(curves[:, :day]), by_day[:, :day])


def test_the_posterior_by_day_is_kept_after_the_fitted_days():
    curves, _ = draw(10, spread=0.3)
    found = fit(curves, n_components=5)
    longer = found.predict_proba_by_day(np.concatenate([curves, np.full((200, 7), 1e4)], axis=1))
    by_day = found.predict_proba_by_day(curves)
    np.testing.assert_array_equal(longer, np.concatenate([by_day, np.repeat(by_day[:, -1:], 7, axis=1)], axis=1))


# ---- errors ---------------------------------------------------------------------------------------------------------

CURVES = draw(0, n_curves=20, n_days=10)[0]


@pytest.mark.parametrize(
    ("curves", "start", "message"),
    [
        (np.where(CURVES[3, 7] == CURVES, np.inf, CURVES), None, "curve 3, day 7: inf"),
        (CURVES * 1e200, None, r"is not between -1e\+60 and 1e\+60"),
        (CURVES * 1e-200, None, "nothing to cluster"),
        (np.full((10, 20), np.nan), None, "hold no value"),
        (np.full((10, 20), 1 / 3), None, "nothing to cluster"),  # its variance is 3e-33
        (CURVES[0], None, "n_curves, n_days"),
        (CURVES[:1], None, "1 curves of 10 days cannot carry 2 clusters"),
        (np.where(np.arange(20)[:, None] < 1, CURVES, np.nan), None, "1 curves of 10 days"),
        (CURVES[:, :4], None, "20 curves of 4 days"),
        (CURVES + 0j, None, "real numbers"),
        (CURVES, np.ones((20, 3)) / 3, r"shape \(20, 3\), not \(20, 2\)"),
        (CURVES, np.full((20, 2), np.nan), "responsibilities must be"),
        (CURVES, np.ones((20, 2)), "responsibilities must be"),
    ],
)
def test_curves_that_cannot_be_clustered_are_refused(curves, start, message):
    with pytest.raises(ParameterError, match=message):
        PolynomialRegressionMixture(2).fit(curves, start)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit(CURVES[:, :9], n_components=2).predict_proba(CURVES), "10 days, the mixture was fitted on 9"),
        (lambda: PolynomialRegressionMixture(2).predict(CURVES), "call fit first"),
        (lambda: fit(CURVES, n_components=2).bic("days"), "choose 'curves' or 'points'"),
        (lambda: PolynomialRegressionMixture(0), "n_components is 0"),
        (lambda: PolynomialRegressionMixture(tol=np.nan), "tol is nan"),
        (lambda: PolynomialRegressionMixture(degree=-1), "degree is -1"),
        (lambda: PolynomialRegressionMixture(eq9="literal"), "eq9 is 'literal'"),
        (lambda: PolynomialRegressionMixture(init="best"), "init is 'best'"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
