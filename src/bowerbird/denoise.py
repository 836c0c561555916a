"""Gaussian and Symlet filtering (section 4.3, step 1), over the whole series as the section says, or causally.

A filter over the whole series mixes later days into every day. Section 4.3 filters first and splits afterwards: the
training days have then seen the test days, and the future leaks. With `causal=True` the value at day t uses days up to
t only. (A third way is to filter `panel.until(n)`: the whole-series filter on what was known after n days.)

Demand can come out slightly negative; nothing is clipped here.
"""

from numbers import Real

import numpy as np
import pywt
from scipy import ndimage

from bowerbird.checks import finite_or_missing, whole
from bowerbird.errors import ParameterError

TRUNCATE = 4.0  # the Gaussian kernel ends after this many sigmas
LEAST_SIGMA, MOST_SIGMA = 1e-6, 1e4  # days; narrower is no filter, wider takes memory and changes nothing
WAVELET = "sym8"  # the paper says Symlet, without an order


def gaussian(series, sigma: float, causal: bool = False) -> np.ndarray:
    """Each day of (..., n_days) replaced by a mean of its neighbours under a Gaussian weight of `sigma` days.

    Over the whole series, the series is mirrored at its ends. Causal, the kernel's past half alone is used, its weights
    renormalised over the days there are. The paper gives neither sigma nor the treatment of the ends.
    """
    series = _complete(series)
    if not isinstance(sigma, Real) or not LEAST_SIGMA <= sigma <= MOST_SIGMA:
        raise ParameterError(f"sigma is {sigma!r}; give {LEAST_SIGMA:g} to {MOST_SIGMA:g} days")
    if not causal:
        return ndimage.gaussian_filter1d(series, sigma, axis=-1, mode="reflect", truncate=TRUNCATE)

    n_days = series.shape[-1]
    total, weights = np.zeros_like(series), np.zeros(n_days)
    for lag in range(min(int(TRUNCATE * sigma + 0.5) + 1, n_days)):
        weight = np.exp(-0.5 * (lag / sigma) ** 2)
        total[..., lag:] += weight * series[..., : n_days - lag]
        weights[lag:] += weight
    return total / weights


def symlet(series, level: int = 3, causal: bool = False) -> np.ndarray:
    """Wavelet shrinkage of (..., n_days): details below the universal threshold go, the others shrink by it.

    A series too short for `level` gets the deepest level that fits; below 30 days none fits and the series stays as it
    is. Causal, each prefix is filtered and its last day kept. Threshold and noise estimate: Donoho & Johnstone,
    Biometrika 81, 1994.
    """
    series = _complete(series)
    level = whole("level", level, 1)
    if not causal:
        return _shrink(series, level)
    days = range(1, series.shape[-1] + 1)
    return np.stack([_shrink(series[..., :day], level)[..., -1] for day in days], axis=-1)


def paper_denoise(series, sigma: float = 1.0, level: int = 3, causal: bool = False) -> np.ndarray:
    """Section 4.3, step 1, both filters in a row: Symlet, then Gaussian; the paper names both and no order."""
    return gaussian(symlet(series, level, causal), sigma, causal)


def _shrink(series: np.ndarray, level: int) -> np.ndarray:
    """Soft universal thresholding of every series along the last axis."""
    n_days = series.shape[-1]
    level = min(level, pywt.dwt_max_level(n_days, WAVELET))
    if level == 0:
        return series.copy()
    approximation, *details = pywt.wavedec(series, WAVELET, mode="symmetric", level=level, axis=-1)
    # sigma = median |d| / 0.6745 over the finest details; zero when most of them are, and then nothing is removed
    size = np.sort(np.abs(details[-1]), axis=-1)  # np.median takes nine times as long to find the middle
    middle = [(size.shape[-1] - 1) // 2, size.shape[-1] // 2]
    noise = size[..., middle].mean(axis=-1, keepdims=True) / 0.6745  # (..., 1)
    # T = sigma sqrt(2 log n)
    threshold = noise * np.sqrt(2 * np.log(n_days))
    # d <- sign(d) max(|d| - T, 0) = d - clip(d, -T, T); pywt.threshold would divide by |d| = 0
    details = [detail - np.clip(detail, -threshold, threshold) for detail in details]
    return pywt.waverec([approximation, *details], WAVELET, mode="symmetric", axis=-1)[..., :n_days]


def _complete(series) -> np.ndarray:
    series = finite_or_missing("series", series)
    if series.ndim == 0 or series.size == 0:
        raise ParameterError(f"series has shape {series.shape}; give an array (n_series, n_days) with at least one day")
    missing = np.count_nonzero(np.isnan(series))
    if missing:
        raise ParameterError(f"series holds {missing} missing days (NaN), which no filter can weigh; fill them first")
    return series
