"""What any forecast has to beat: means, medians, smoothing, trees, and what can be made of several.

`simple` holds the classics, each an array function (all of it can be had from here), `libraries` serves ETS, ARIMA and
regressions, `boosting` LightGBM on `lag_features`; `stacking` weighs several, `forgetting` is a companion article's.
"""

from bowerbird.baselines.simple import (
    best_constant,
    best_window_median,
    croston_sba,
    exponential_smoothing,
    historical_mean,
    median_and_smoothing,
    recent_mean,
    recent_median,
    seasonal_mean,
    seasonal_naive,
    tsb,
    zero,
)

__all__ = [
    "best_constant",
    "best_window_median",
    "croston_sba",
    "exponential_smoothing",
    "historical_mean",
    "median_and_smoothing",
    "recent_mean",
    "recent_median",
    "seasonal_mean",
    "seasonal_naive",
    "tsb",
    "zero",
]
