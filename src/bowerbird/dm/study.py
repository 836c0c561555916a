"""What is chosen about a mixture of curves, and what it does: the scale, the number of clusters, a partial curve."""

import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from bowerbird.checks import floats, whole
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.dm.statistics import check_curves
from bowerbird.errors import ParameterError

SCALES = ("raw", "log(1 + demand)", "standardized")
NORMAL_80 = 1.2816  # the standard normal's 90 % quantile: 80 % lie within it on both sides


def on_scale(demand: np.ndarray, scale: str) -> np.ndarray:
    """Demand (n_series, n_days) on one of SCALES; "standardized" is log(1 + demand) less its mean, by its sd."""
    if scale not in SCALES:
        raise ParameterError(f"scale is {scale!r}; choose one of {', '.join(SCALES)}")
    demand = floats("demand", demand)
    if not (demand >= 0).any() or (demand < 0).any():
        raise ParameterError("demand must hold numbers of at least 0; use NaN where a day is missing")
    if scale == "raw":
        return demand
    logs = np.log1p(demand)
    if scale == "log(1 + demand)":
        return logs
    mean, sd = (f(logs, axis=1, keepdims=True) for f in (np.nanmean, np.nanstd))
    return (logs - mean) / np.maximum(sd, 1e-6)


def fit(curves: np.ndarray, n_clusters: int, degree: int = 3, seed: int = 0, **options) -> PolynomialRegressionMixture:
    """Fit a mixture to be compared with others; slow convergence and small clusters are no concern here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PolynomialRegressionMixture(n_clusters, degree, random_state=seed, **options).fit(curves)


def sizes_over_seeds(
    curves: np.ndarray, n_clusters: int, seeds: Iterable[int], degree: int = 3, **options
) -> pd.DataFrame:
    """How far the clusters' sizes depend on the seed, cluster by cluster in order of level.

    Parameters
    ----------
    curves : array (n_series, n_days)
    n_clusters : int
    seeds : ints
    degree : int
    options : as for `PolynomialRegressionMixture`

    Returns
    -------
    DataFrame: cluster; mean and sd of its series-days over seeds [sd nan for one]; seeds.
    """
    labels = [fit(curves, n_clusters, degree, seed, **options).predict(curves) for seed in seeds]
    days = np.array([np.bincount(x, minlength=n_clusters) for x in labels]) * curves.shape[1]  # (n_seeds, n_clusters)
    rows = pd.DataFrame({"cluster": np.arange(1, n_clusters + 1), "mean": days.mean(axis=0)})
    return rows.assign(sd=pd.DataFrame(days).std().to_numpy(), seeds=len(days))


def scales(demand: np.ndarray, labels: np.ndarray, n_clusters: int, degree: int = 3, seed: int = 0) -> pd.DataFrame:
    """Cluster demand on every scale, and ask what the clusters know.

    Parameters
    ----------
    demand : array (n_series, n_days)
        Units a day.
    labels : int array (n_series,)
        Clusters to compare with.
    n_clusters, degree, seed : int

    Returns
    -------
    DataFrame, a row a scale: sizes of the largest and the smallest cluster in series; share of the variance between
    series of the level (mean of log(1 + demand)) that lies between clusters; adjusted Rand index with `labels`.
    """
    level = np.nanmean(on_scale(demand, "log(1 + demand)"), axis=1)
    rows = []
    for scale in SCALES:
        curves = on_scale(demand, scale)
        found = fit(curves, n_clusters, degree, seed).predict(curves)
        size = np.bincount(found, minlength=n_clusters)
        between = pd.Series(level).groupby(found).transform("mean").var() / level.var(ddof=1)
        rows.append(
            {
                "scale": scale,
                "largest cluster, series": size.max(),
                "smallest": size.min(),
                "variance of level between clusters": between,
                "ARI with the clusters above": adjusted_rand_score(labels, found),
            }
        )
    return pd.DataFrame(rows)


def numbers_of_clusters(curves: np.ndarray, numbers, degree: int = 3, seed: int = 0) -> pd.DataFrame:
    """Information criteria of mixtures with several numbers of clusters; the least is best.

    Parameters
    ----------
    curves : array (n_series, n_days)
    numbers : iterable of int
        [K]
    degree, seed : int

    Returns
    -------
    DataFrame: K, BIC counted in curves and in points, ICL.
    """
    fits = {k: fit(curves, k, degree, seed, tol=1e-6) for k in numbers}
    return pd.DataFrame(
        [
            {"K": k, "BIC (curves)": one.bic(), "BIC (points)": one.bic("points"), "ICL (curves)": one.icl()}
            for k, one in fits.items()
        ]
    )


def completion(curves: np.ndarray, n_clusters: int, n_hidden: int = 15, degree: int = 3, seed: int = 0) -> dict:
    """Complete curves whose last days are hidden from a mixture that was fitted to other curves.

    The mixture knows every other curve whole; the rest are shown to it without their last days. This is completion, not
    a forecast: of the other half the hidden days are known.

    Parameters
    ----------
    curves : array (n_series, n_days)
        On the scale of log(1 + demand).
    n_clusters, n_hidden, degree, seed : int

    Returns
    -------
    dict of float: mean absolute error of the completion ("clusters") and of the median of the last 21 days seen
    ("median of 21 days"), and the share of hidden days in the 80 % band ("covered").
    """
    whole("n_hidden", n_hidden, least=1)
    curves = floats("curves", check_curves(curves))
    if curves.shape[1] <= n_hidden:
        raise ParameterError(f"n_hidden is {n_hidden}; give less than the {curves.shape[1]} days of the curves")
    known, others = curves[::2], curves[1::2]
    partial = others[:, :-n_hidden]
    mean, variance = (part[:, -n_hidden:] for part in fit(known, n_clusters, degree, seed).forecast(partial))
    error = np.abs(others[:, -n_hidden:] - mean)
    seen = ~np.isnan(error)
    recent = np.nanmedian(partial[:, -21:], axis=1, keepdims=True)
    return {
        "clusters": float(error[seen].mean()),
        "median of 21 days": float(np.nanmean(np.abs(others[:, -n_hidden:] - recent))),
        "covered": float((error <= NORMAL_80 * np.sqrt(variance))[seen].mean()),
    }
