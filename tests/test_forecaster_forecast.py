import numpy as np
import pandas as pd
import pytest
from conftest import panel_of
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, norm

from bowerbird.errors import BowerbirdError, ParameterError
from bowerbird.forecaster.forecast import Forecast, negative_binomial_quantile, residual_correlation
from bowerbird.studies.lstm import calibrate


def make(mean, dispersion, horizon=4, zero=0.0) -> Forecast:
    mean = np.repeat(np.asarray(mean, dtype=float)[:, None], horizon, axis=1) + 0.1 * np.arange(horizon)
    dates = pd.date_range("2023-05-16", periods=horizon, name="date")
    parts = {"mean": mean, "dispersion": np.full(mean.shape, dispersion), "zero": np.full(mean.shape, zero)}
    return Forecast(mean * 0.9, **parts, dates=dates)


def draw_with_common_factor(forecast, correlation, rng):
    """One path a series: a negative binomial through a Gaussian copula, by scipy."""
    shape = forecast.mean.shape
    normal = np.sqrt(correlation) * rng.standard_normal((shape[0], 1))
    normal = normal + np.sqrt(1 - correlation) * rng.standard_normal(shape)
    size = 1 / forecast.dispersion
    return nbinom.ppf(norm.cdf(normal), size, size / (size + forecast.mean))


def copula_covariance(mean, dispersion, correlation):
    """Covariance of two counts that share a normal factor: the variance of a count's expectation given the factor."""
    size = 1 / dispersion
    nodes = norm.ppf((np.arange(1000) + 0.5) / 1000)  # midpoints of equal probability
    normal = np.sqrt(correlation) * nodes[:, None] + np.sqrt(1 - correlation) * nodes  # (common, own)
    reached = nbinom.cdf(np.arange(2000), size, size / (size + mean))
    return np.var(np.searchsorted(reached, norm.cdf(normal)).mean(axis=1))


@pytest.mark.parametrize("probability", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_quantiles_are_those_of_a_negative_binomial(probability):
    forecast = make([0.3, 4.0, 150.0], 0.4)
    found = forecast.quantile(probability)
    for quantile, mean in zip(found.ravel(), forecast.mean.ravel(), strict=True):
        counts = np.arange(quantile + 1)  # the smallest count that is reached with this probability
        reached = nbinom.pmf(counts, 2.5, 2.5 / (2.5 + mean)).cumsum()
        assert reached[-1] >= probability - 1e-12
        assert quantile == 0 or reached[-2] < probability


@given(st.floats(1e-3, 300), st.floats(1e-6, 20), st.floats(0, 0.999))
def test_a_quantile_is_the_first_count_that_scipy_says_reaches_it(mean, dispersion, probability):
    size = 1 / dispersion
    chance = size / (size + mean)
    (found,) = negative_binomial_quantile(np.array([size]), np.array([chance]), probability)
    before, reached = nbinom.cdf([found - 1, found], size, chance)
    assert reached >= probability - 1e-9 and (found == 0 or before < probability + 1e-9)


def test_without_dispersion_a_day_is_poisson():
    probabilities = nbinom.cdf(np.arange(5), 1e6, 1e6 / (1e6 + 2.0))
    forecast = make([2.0], 0.0, horizon=1)
    for count, probability in enumerate(probabilities):
        assert forecast.quantile(probability - 1e-4) == count
    np.testing.assert_array_equal(probabilities.round(4), [0.1353, 0.4060, 0.6767, 0.8571, 0.9473])  # Poisson table


@pytest.mark.parametrize("probability", [0.05, 0.3, 0.31, 0.8, 0.99])
def test_quantiles_with_more_zeros_by_summing_the_probabilities(probability):
    forecast = make([4.0], 0.4, horizon=1, zero=0.3)
    alone = nbinom.pmf(np.arange(200), 2.5, 2.5 / (2.5 + 4.0 / 0.7))
    reached = np.cumsum(0.7 * alone + 0.3 * (np.arange(200) == 0))
    assert forecast.quantile(probability) == np.searchsorted(reached, probability)


@pytest.mark.parametrize("zero", [0.0, 0.25])
@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_samples_have_the_moments_of_every_day(correlation, zero):
    forecast = make([0.5, 6.0, 80.0], 0.3, zero=zero)
    n = 20_000
    drawn = forecast.sample(n, np.random.default_rng(0), correlation)
    assert drawn.shape == (3, n, 4)
    np.testing.assert_array_equal(drawn, np.floor(drawn))
    alone = forecast.mean / (1 - zero)  # of the negative binomial
    variance = (1 - zero) * (alone + 0.3 * alone**2) + zero * (1 - zero) * alone**2  # within, and between sold and not
    np.testing.assert_allclose(forecast.variance, variance)
    assert (np.abs(drawn.mean(axis=1) - forecast.mean) < 4 * np.sqrt(variance / n)).all()
    squared = (drawn - forecast.mean[:, None]) ** 2  # its own spread gives the standard error of a variance
    assert (np.abs(squared.mean(axis=1) - variance) < 4 * squared.std(axis=1) / np.sqrt(n)).all()


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8])
def test_correlation_raises_the_variance_of_the_window_total_as_theory_says(correlation):
    horizon, dispersion = 8, 0.3
    mean = np.full((2, horizon), 5.0)
    mean[1] = 60.0
    forecast = Forecast(mean, mean=mean, dispersion=np.full(mean.shape, dispersion))
    total = forecast.sample(20_000, np.random.default_rng(1), correlation).sum(axis=2)
    for found, m in zip(total.var(axis=1), mean[:, 0], strict=True):
        single = m + dispersion * m**2
        covariance = copula_covariance(m, dispersion, correlation)
        assert found == pytest.approx(horizon * single + horizon * (horizon - 1) * covariance, rel=0.04)


@pytest.mark.parametrize("planted", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("mean", [5.0, 60.0])
def test_residual_correlation_finds_the_planted_one(planted, mean):
    forecast = make(np.full(1500, mean), 0.3, horizon=15)
    actual = draw_with_common_factor(forecast, planted, np.random.default_rng(3))
    assert residual_correlation(forecast, actual) == pytest.approx(planted, abs=0.05)
    actual[np.random.default_rng(4).random(actual.shape) < 0.3] = np.nan  # missing days take nothing away
    assert residual_correlation(forecast, actual) == pytest.approx(planted, abs=0.05)


def test_residual_correlation_by_hand():
    mean = np.full((2, 3), 4.0)
    forecast = Forecast(mean, mean=mean, dispersion=np.zeros((2, 3)))  # sd 2
    actual = np.array([[6.0, 4.0, 6.0], [4.0, 2.0, np.nan]])  # errors 1, 0, 1 and 0, -1
    # ordered pairs of different days: of 6 and 2, products 2 and 0 in sum; squares 3 on 5 days
    assert residual_correlation(forecast, actual) == pytest.approx((2 / 8) / (3 / 5))


def test_residual_correlation_stays_in_its_range():
    forecast = make([5.0, 5.0], 0.1)
    assert residual_correlation(forecast, forecast.mean * [2, 0, 2, 0]) == 0.0  # errors of changing sign
    assert residual_correlation(forecast, forecast.mean * 3) == 0.95
    assert residual_correlation(forecast, forecast.mean) == 0.0
    assert residual_correlation(make([5.0], 0.1, horizon=1), np.array([[7.0]])) == 0.0  # no two days


def test_quantiles_between_those_kept_and_a_file(tmp_path):
    forecast = Forecast(np.array([[3.0]]), levels=(0.1, 0.5, 0.9), values=np.array([[[1.0]], [[3]], [[11]]]))
    Forecast(np.array([[1.0]])).save(tmp_path / "points.npz")
    forecast.save(tmp_path / "quantiles.npz")
    for read in (forecast, Forecast.load(tmp_path / "quantiles.npz")):
        assert [read.quantile(p).item() for p in (0.1, 0.3, 0.5, 0.7, 0.9)] == pytest.approx([1, 2, 3, 7, 11])
        with pytest.raises(ParameterError, match=r"probability is 0.95"):
            read.quantile(0.95)
    points = Forecast.load(tmp_path / "points.npz")
    assert points.point == 1 and not points.is_distribution and points.dates is None
    with pytest.raises(ParameterError, match="no negative binomial to draw from"):
        points.sample(1, np.random.default_rng(0))


def test_a_kept_distribution_is_the_same_one(tmp_path):
    forecast = make([0.3, 4.0, 150.0], 0.4, zero=0.1)
    table = forecast.to_frame(panel_of(np.zeros((3, 1))).series)
    row = table.set_index(["product_no", "date"]).loc[("product_1", pd.Timestamp("2023-05-18"))]
    assert (row["mean"], row["forecast_qty"], row["q90"]) == (4.2, 4.2 * 0.9, forecast.quantile(0.9)[1, 2])
    forecast.save(tmp_path / "kept.npz")
    for again in (Forecast.from_frame(table), Forecast.load(tmp_path / "kept.npz")):
        for name in ("mean", "dispersion", "point", "zero"):
            np.testing.assert_array_equal(getattr(again, name), getattr(forecast, name))
        assert again.dates.equals(forecast.dates) and again.dates.name == "date"
        np.testing.assert_array_equal(again.first(2).quantile(0.7), forecast.quantile(0.7)[:, :2])
        drawn = [f.sample(50, np.random.default_rng(3), 0.3) for f in (forecast, again)]
        np.testing.assert_array_equal(*drawn)


def test_what_is_no_forecast_is_refused(tmp_path):
    make([4.0], 0.4).save(tmp_path / "kept.npz")
    (tmp_path / "kept.npz").write_bytes((tmp_path / "kept.npz").read_bytes()[:200])
    for path in ("kept.npz", "missing.npz"):
        with pytest.raises(BowerbirdError, match=f"{path} is no kept forecast; make it again"):
            Forecast.load(tmp_path / path)


def test_corrected_intervals_hold_what_they_promise():
    rng = np.random.default_rng(0)
    level = np.exp(rng.normal(1, 1.2, 3000))
    first, second = (rng.poisson(level[:, None] * rng.gamma(4, 1 / 4, (3000, 10))).astype(float) for _ in range(2))
    low, high = np.repeat(0.8 * level[:, None], 10, axis=1), np.repeat(1.2 * level[:, None], 10, axis=1)  # too narrow
    assert ((second >= low) & (second <= high)).mean() < 0.4
    correction = calibrate(first, low, high, level)
    low, high = correction.apply(low, high, level)
    inside = (second >= low) & (second <= high)
    assert inside.mean() == pytest.approx(0.8, abs=0.04)  # counts jump
    for k in range(4):
        assert inside[np.searchsorted(correction.edges, level) == k].mean() == pytest.approx(0.8, abs=0.1)
    assert (low >= 0).all() and (low <= high).all()


def test_correction_by_hand():
    actual, low, high = np.array([[0.0], [4.0], [9.0], [20.0]]), np.full((4, 1), 4.0), np.full((4, 1), 8.0)
    correction = calibrate(actual, low, high, np.full(4, 4.0))
    # outside by 4, 0, 1 and 12 units, over sqrt(4): 2, 0, 0.5, 6; the ceil(5 x 0.8) = 4th smallest is 6
    assert correction.width[0, 0] == 6.0
    found = correction.apply(np.array([[1.0]]), np.array([[3.0]]), np.array([4.0]))
    assert (found[0][0, 0], found[1][0, 0]) == (0.0, 15.0)
