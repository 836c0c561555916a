import numpy as np
import pytest
import pywt

from bowerbird.denoise import gaussian, paper_denoise, symlet
from bowerbird.errors import ParameterError

FILTERS = {
    "gaussian": lambda series, causal: gaussian(series, 2.0, causal),
    "symlet": lambda series, causal: symlet(series, causal=causal),
    "both": lambda series, causal: paper_denoise(series, 1.5, causal=causal),
}
all_filters = pytest.mark.parametrize("filtered", FILTERS.values(), ids=FILTERS)
both_ways = pytest.mark.parametrize("causal", [False, True], ids=["whole", "causal"])


def demand(n_series=7, n_days=166, seed=0):
    rng = np.random.default_rng(seed)
    series = rng.negative_binomial(3, 3 / (3 + rng.gamma(2, 4, (n_series, 1))), (n_series, n_days)).astype(float)
    series[0] = 0
    series[1] *= rng.random(n_days) < 0.2  # intermittent
    return series


def shrink_one(series, level):
    """One series by pywt's own functions."""
    level = min(level, pywt.dwt_max_level(len(series), "sym8"))
    if level == 0:
        return series
    coefficients = pywt.wavedec(series, "sym8", level=level)
    threshold = np.median(abs(coefficients[-1])) / 0.6745 * np.sqrt(2 * np.log(len(series)))
    if threshold > 0:
        coefficients[1:] = [pywt.threshold(d, threshold, "soft") for d in coefficients[1:]]
    return pywt.waverec(coefficients, "sym8")[: len(series)]


def test_causal_gaussian_is_a_weighted_mean_of_the_past():
    series, sigma = demand(n_days=40), 2.5
    for day in range(40):
        lags = np.arange(min(day, 10) + 1)  # the kernel ends after 4 sigma
        weights = np.exp(-(lags**2) / (2 * sigma**2))
        expected = series[:, day - lags] @ weights / weights.sum()
        np.testing.assert_allclose(gaussian(series, sigma, causal=True)[:, day], expected, rtol=1e-13)


@pytest.mark.parametrize("level", [2, 3, 9])
@pytest.mark.parametrize("n_days", [166, 101, 30, 29])  # 29 days are too few for the wavelet
def test_symlet_is_pywt_series_by_series(level, n_days):
    series = demand(n_days=n_days)
    expected = [shrink_one(row, level) for row in series]
    np.testing.assert_allclose(symlet(series, level), expected, rtol=1e-12, atol=1e-12)


def test_causal_symlet_filters_every_prefix():
    series = demand(n_series=3, n_days=70)
    expected = [[shrink_one(row[:day], 3)[-1] for day in range(1, 71)] for row in series]
    np.testing.assert_allclose(symlet(series, causal=True), expected, rtol=1e-12, atol=1e-12)


@all_filters
@pytest.mark.parametrize("day", [0, 17, 60, 120, 164])
def test_the_future_moves_the_whole_series_filter_and_not_the_causal_one(filtered, day):
    series, other = demand(), demand(seed=1)
    other[:, : day + 1] = series[:, : day + 1]
    np.testing.assert_array_equal(filtered(series, True)[:, : day + 1], filtered(other, True)[:, : day + 1])
    longer = np.concatenate([series[:, : day + 1], 99 + other], axis=1)
    np.testing.assert_array_equal(filtered(series, True)[:, : day + 1], filtered(longer, True)[:, : day + 1])
    assert not np.allclose(filtered(series, False)[:, day], filtered(other, False)[:, day])


def test_gaussian_reduces_white_noise_as_its_kernel_says():
    # The variance of a weighted mean is the sum of squared weights, 1/(2 sigma sqrt(pi)).
    noise = np.random.default_rng(3).normal(size=(500, 166))
    assert gaussian(noise, 2.0)[:, 20:-20].var() == pytest.approx(1 / (4 * np.sqrt(np.pi)), rel=0.05)


@all_filters
@both_ways
def test_any_leading_shape_and_series_do_not_touch_each_other(filtered, causal):
    series = demand(n_series=6)
    np.testing.assert_array_equal(filtered(series.reshape(2, 3, 166), causal).reshape(6, 166), filtered(series, causal))
    np.testing.assert_allclose(filtered(series[4], causal), filtered(series, causal)[4], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian([[1, np.nan]], 1.0), "1 missing days"),
        (lambda: symlet([[1, np.nan]]), "1 missing days"),
        (lambda: gaussian(np.ones((2, 0)), 1.0), "at least one day"),
        (lambda: gaussian([[1, 2]], 0), "sigma is 0"),
        (lambda: symlet([[1, 2]], level=0), "level is 0"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
