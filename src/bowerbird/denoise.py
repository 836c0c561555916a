"""Gaussian and Symlet filtering (section 4.3, step 1), over the whole series as the section says, or causally.

Over the whole series, a filtered day mixes in later days. Filter first and split afterwards, as section 4.3 says, and
the training days have seen the test days: the future leaks. With `causal=True` the value at day t rests on days up to t
only. (Filtering `panel.until(n)` is the third way: the whole-series filter on what was known after n days.)

Demand can come out slightly negative; nothing is clipped here.
"""

from numbers import Real

import numpy as np
import pywt
from scipy import ndimage

from bowerbird.checks import finite_or_missing, whole
from bowerbird.errors import ParameterError

TRUNCATE = 4.0
"""The Gaussian kernel ends after this many sigmas."""

LEAST_SIGMA, MOST_SIGMA = 1e-6, 1e4
"""Days; narrower is no filter, wider takes memory and changes nothing on any series of days."""


def gaussian(series, sigma: float, causal: bool = False) -> np.ndarray:
    """Each day replaced by a mean of its neighbours under a Gaussian weight.

    Parameters
    ----------
    series : array (..., n_days)
        Units a day, without missing days.
    sigma : float
        Standard deviation of the kernel in days.
    causal : bool
        False: both sides, the series mirrored at its ends; leaks the future. True: the kernel's past half only, its
        weights renormalised over the days there are.

    Returns
    -------
    float64 array (..., n_days)

    Raises
    ------
    ParameterError
        When the series holds NaN, or sigma is not above zero.

    Source
    ------
    Section 4.3, step 1; neither sigma nor the treatment of the ends is given there.
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


def symlet(series, wavelet: str = "sym8", level: int = 3, causal: bool = False) -> np.ndarray:
    """Wavelet shrinkage: details below the universal threshold go, the others move towards zero by it.

    Parameters
    ----------
    series : array (..., n_days)
        Units a day, without missing days.
    wavelet : str
        A discrete wavelet of pywt; the paper says Symlet without an order.
    level : int
        Depth of the decomposition, at least 1. A series too short for it gets the deepest level that fits; below 30
        days none fits sym8 and the series stays as it is.
    causal : bool
        False: one decomposition of the whole series; leaks the future. True: each prefix is filtered and its last day
        kept, n_days decompositions of all series at once.

    Returns
    -------
    float64 array (..., n_days)

    Raises
    ------
    ParameterError
        When the series holds NaN, the wavelet is unknown or the level is below 1.

    Source
    ------
    Section 4.3, step 1; threshold and noise estimate: Donoho & Johnstone, Biometrika 81, 1994.
    """
    series = _complete(series)
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise ParameterError(f"wavelet is {wavelet!r}; choose a discrete wavelet of pywt, such as 'sym8'")
    level = whole("level", level, 1)
    if not causal:
        return _shrink(series, wavelet, level)
    days = range(1, series.shape[-1] + 1)
    return np.stack([_shrink(series[..., :day], wavelet, level)[..., -1] for day in days], axis=-1)


def paper_denoise(
    series, sigma: float = 1.0, wavelet: str = "sym8", level: int = 3, causal: bool = False
) -> np.ndarray:
    """Section 4.3, step 1, both filters in a row: Symlet, then Gaussian; the paper names both and no order.

    Parameters and errors are those of `symlet` and `gaussian`. With `causal=False`, as in the paper, the future leaks.
    """
    return gaussian(symlet(series, wavelet, level, causal), sigma, causal)


def _shrink(series: np.ndarray, wavelet: str, level: int) -> np.ndarray:
    """Soft universal thresholding of every series along the last axis."""
    n_days = series.shape[-1]
    level = min(level, pywt.dwt_max_level(n_days, wavelet))
    if level == 0:
        return series.copy()
    approximation, *details = pywt.wavedec(series, wavelet, mode="symmetric", level=level, axis=-1)
    # sigma = median |d| / 0.6745 over the finest details; zero when most of them are, and then nothing is removed
    noise = np.median(np.abs(details[-1]), axis=-1, keepdims=True) / 0.6745  # (..., 1)
    # T = sigma sqrt(2 log n)
    threshold = noise * np.sqrt(2 * np.log(n_days))
    # d <- sign(d) max(|d| - T, 0) = d - clip(d, -T, T); pywt.threshold would divide by |d| = 0
    details = [detail - np.clip(detail, -threshold, threshold) for detail in details]
    return pywt.waverec([approximation, *details], wavelet, mode="symmetric", axis=-1)[..., :n_days]


def _complete(series) -> np.ndarray:
    series = finite_or_missing("series", series)
    if series.ndim == 0 or series.size == 0:
        raise ParameterError(f"series has shape {series.shape}; give an array (n_series, n_days) with at least one day")
    missing = np.count_nonzero(np.isnan(series))
    if missing:
        raise ParameterError(f"series holds {missing} missing days (NaN), which no filter can weigh; fill them first")
    return series
