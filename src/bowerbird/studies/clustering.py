"""Notebook 02: figures and studies of the mixture of curves."""

import warnings
from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.studies.style import BLUE, GREY, format_days, new_figure, with_sliders


def responsibilities(history: list[np.ndarray], iterations: list[int]):
    """Responsibilities of every curve (rows, sorted by final cluster) at some iterations of EM."""
    order = np.lexsort((-history[-1].max(axis=1), history[-1].argmax(axis=1)))
    figure, axes = new_figure(1, len(iterations), width=9, height=3.2, sharey=True)
    for axis, iteration in zip(axes, iterations, strict=True):
        shown = history[iteration - 1][order]
        image = axis.imshow(shown, aspect="auto", cmap="cividis", interpolation="nearest", vmin=0, vmax=1)
        axis.set(title=f"iteration {iteration}", xlabel="cluster")
        axis.set_xticks(range(history[0].shape[1]), range(1, history[0].shape[1] + 1), fontsize=7)
        axis.grid(False)
    axes[0].set_ylabel("series")
    figure.colorbar(image, ax=axes, label="responsibility")
    figure.suptitle("Which cluster is responsible for which series, as EM goes on")
    return figure


def em_steps(history: list[np.ndarray]):
    """Responsibilities (n_series, K) at the first iteration of EM, at the slider's, and at the last."""
    n = len(history)
    return with_sliders(lambda iteration: responsibilities(history, [1, iteration, n]), iteration=(min(5, n), 1, n))


def mean_curves(dates, curves: np.ndarray, means: np.ndarray, variances: np.ndarray, labels: np.ndarray):
    """The mean curve of every cluster with a band of one standard deviation and some of its members."""
    n_clusters = len(means)
    n_columns = 5 if n_clusters > 4 else n_clusters
    n_rows = -(-n_clusters // n_columns)
    figure, axes = new_figure(
        n_rows, n_columns, width=10.5, height=2.1 * n_rows, sharex=True, sharey=True, squeeze=False
    )
    for k, axis in enumerate(axes.flat):
        if k >= n_clusters:
            axis.set_visible(False)
            continue
        members = np.flatnonzero(labels == k)
        for i in members[:: max(1, len(members) // 8)][:8]:
            axis.plot(dates, pd.Series(curves[i]).rolling(7, center=True).mean(), color=GREY, lw=0.5, alpha=0.6)
        sd = np.sqrt(variances[k])
        axis.fill_between(dates, means[k] - sd, means[k] + sd, color=BLUE, alpha=0.2, lw=0)
        axis.plot(dates, means[k], color=BLUE, lw=2)
        axis.set_title(f"{k + 1}: {len(members)} series", fontsize=9)
        format_days(axis)
        axis.xaxis.get_offset_text().set_visible(False)
        axis.tick_params(axis="x", labelsize=7)
    figure.supylabel("log(1 + units a day)", fontsize=9)
    figure.suptitle("Mean curve of each cluster, ± 1 sd (band), and weekly means of some members (grey)")
    return figure


SCALES = ("raw", "log(1 + demand)", "standardized")
NORMAL_80 = 1.2816  # the standard normal's 90 % quantile: 80 % lie within it on both sides


def on_scale(demand: np.ndarray, scale: str) -> np.ndarray:
    """Demand (n_series, n_days) on one of SCALES; "standardized" is log(1 + demand) less its mean, by its sd."""
    if scale == "raw":
        return demand
    logs = np.log1p(demand)
    if scale == "log(1 + demand)":
        return logs
    mean, sd = (f(logs, axis=1, keepdims=True) for f in (np.nanmean, np.nanstd))
    return (logs - mean) / np.maximum(sd, 1e-6)


def fit(curves, n_clusters: int, degree: int = 3, seed: int = 0, callback=None, **options):
    """A mixture to be compared with others; its warnings do not matter here."""
    mixture = PolynomialRegressionMixture(n_clusters, degree, random_state=seed, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mixture.fit(curves, callback=callback)


def sizes_over_seeds(curves: np.ndarray, n_clusters: int, seeds: Iterable[int], degree: int, **options) -> pd.DataFrame:
    """Mean and sd over seeds of the clusters' series-days, cluster by cluster in order of level."""
    labels = [fit(curves, n_clusters, degree, seed, **options).predict(curves) for seed in seeds]
    days = np.array([np.bincount(x, minlength=n_clusters) for x in labels]) * curves.shape[1]  # (n_seeds, n_clusters)
    rows = pd.DataFrame({"cluster": np.arange(1, n_clusters + 1), "mean": days.mean(axis=0)})
    return rows.assign(sd=pd.DataFrame(days).std().to_numpy(), seeds=len(days))


def scales(demand: np.ndarray, labels: np.ndarray, n_clusters: int, degree: int = 3, seed: int = 0) -> pd.DataFrame:
    """Cluster demand on every scale: sizes, variance of level between clusters, agreement with `labels`."""
    level = np.nanmean(on_scale(demand, "log(1 + demand)"), axis=1)
    rows = []
    for scale in SCALES:
        curves = on_scale(demand, scale)
        found = fit(curves, n_clusters, degree, seed).predict(curves)
        size = np.bincount(found, minlength=n_clusters)
        between = pd.Series(level).groupby(found).transform("mean").var() / level.var(ddof=1)
        rows.append((scale, size.max(), size.min(), between, adjusted_rand_score(labels, found)))
    names = ["scale", "largest cluster, series", "smallest", "variance of level between clusters"]
    return pd.DataFrame(rows, columns=[*names, "ARI with the clusters above"])


def numbers_of_clusters(curves: np.ndarray, numbers, degree: int = 3, seed: int = 0) -> pd.DataFrame:
    """BIC and ICL of mixtures with several numbers of clusters K, and what their clusters are worth.

    "variance explained" is the share of the curves' variance that the mean curves take away; the ARI is that of all
    pairs among four starts.
    """
    rows = []
    for k in numbers:
        mixture, *others = (fit(curves, k, degree, seed + start, tol=1e-6) for start in range(4))
        labels = [one.predict(curves) for one in (mixture, *others)]
        unexplained = np.mean((curves - mixture.mean_curves()[labels[0]]) ** 2)
        explained = 1 - unexplained / curves.var()
        agree = np.mean([adjusted_rand_score(*pair) for pair in combinations(labels, 2)])
        rows.append((k, mixture.bic(), mixture.bic("points"), mixture.icl(), explained, agree))
    criteria = ["BIC (curves)", "BIC (points)", "ICL (curves)"]
    return pd.DataFrame(rows, columns=["K", *criteria, "variance explained", "mean ARI of starts"])


def completion(curves: np.ndarray, n_clusters: int, degree: int = 3, seed: int = 0) -> dict:
    """Error of curves completed by a mixture of other curves, and of the median of the last 21 days seen.

    The mixture is fitted to every other curve; the rest are shown to it without their last 15 days. "covered"
    is the share of hidden days in the 80 % band.
    """
    known, others = curves[::2], curves[1::2]
    partial, hidden = others[:, :-15], others[:, -15:]
    mean, variance = (part[:, -15:] for part in fit(known, n_clusters, degree, seed).forecast(partial))
    error = np.abs(hidden - mean)
    return {
        "clusters": float(error.mean()),
        "median of 21 days": float(np.abs(hidden - np.median(partial[:, -21:], axis=1, keepdims=True)).mean()),
        "covered": float((error <= NORMAL_80 * np.sqrt(variance)).mean()),
    }
