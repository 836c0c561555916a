"""Figures and tables of notebook 02: the mixture of curves, and the K-means clusters of Tables 1 and 2."""

import warnings
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from bowerbird.checks import floats
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.dm.as_run import RecordClusters, Records, agreement, in_printed_order, k_means
from bowerbird.errors import ParameterError
from bowerbird.seeds import streams
from bowerbird.studies.style import BLUE, COLOURS, GREY, ORANGE, format_days, new_figure, with_sliders


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


def likelihood(histories: dict[str, list[float]]):
    """How far each run of EM is below the highest log-likelihood of all, after every iteration."""
    figure, axis = new_figure(width=6, height=3)
    highest = max(history[-1] for history in histories.values())
    for (name, history), colour in zip(histories.items(), (BLUE, ORANGE), strict=False):
        below = np.maximum(highest - np.array(history), 1e-2)  # the highest itself is on no logarithmic axis
        axis.plot(range(1, len(history) + 1), below, "o-", ms=3, color=colour, label=name)
    axis.set(title="Log-likelihood: every step of EM comes nearer a maximum", xlabel="iteration")
    axis.set(ylabel="below the highest reached", xscale="log", yscale="log")
    axis.legend(frameon=False)
    return figure


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


def one_curve(dates, curve: np.ndarray, fits: dict[str, np.ndarray]):
    """One series and the polynomials that fit it best."""
    figure, axis = new_figure(width=6.5, height=2.8)
    axis.plot(dates, curve, color=GREY, lw=0.8, label="one series")
    for (name, fit), colour in zip(fits.items(), COLOURS, strict=False):
        axis.plot(dates, fit, color=colour, lw=1.8, label=name)
    axis.set(title="One curve, one cluster: least squares", ylabel="log(1 + units a day)")
    axis.legend(frameon=False, ncols=4, fontsize=8)
    format_days(axis)
    return figure


def criteria(table: pd.DataFrame):
    """Information criteria against the number of clusters, each above its own least value."""
    figure, axis = new_figure(width=5.5, height=3)
    for name, colour, style in zip(table.columns[1:], COLOURS, ("o-", "s--", "^:"), strict=False):
        axis.plot(table["K"], (table[name] - table[name].min()) / 1e3, style, ms=4, color=colour, label=name)
    axis.set_xticks(table["K"])
    axis.set(title="How many clusters?", xlabel="number of clusters K", ylabel="above the least, thousands")
    axis.legend(frameon=False, fontsize=8)
    return figure


def draw_blind_starts(starts: pd.DataFrame, as_run: float):
    """Inertia of blind K-means starts, relative to the as-run solution's, and their distance from Table 1."""
    figure, axis = new_figure(width=6.5, height=3)
    axis.plot(starts["inertia"] / as_run, starts["records off"], "o", ms=4, color=BLUE, alpha=0.5)
    axis.axvline(1, color=GREY, lw=1.2)
    axis.set_yscale("symlog", linthresh=1)
    axis.set(title="Where blind starts end (line: the as-run solution)", xlabel="inertia, relative")
    axis.set(ylabel="differences of the\nten frequencies, sum", ylim=(-0.2, None))
    return figure


def code_slices(product_code: np.ndarray, labels: np.ndarray, weights: np.ndarray):
    """Where each as-run cluster lies along the product code; points weigh as many records as they stand for."""
    n_clusters = labels.max() + 1
    figure, axis = new_figure(width=7.2, height=3.4)
    bins = np.linspace(product_code.min(), product_code.max() + 1, 80)
    order = np.argsort([np.median(product_code[labels == k]) if (labels == k).any() else 0 for k in range(n_clusters)])
    for row, k in enumerate(order):
        counts, _ = np.histogram(product_code[labels == k], bins, weights=weights[labels == k])
        centres = (bins[:-1] + bins[1:]) / 2
        axis.fill_between(
            centres, row, row + 0.9 * counts / max(counts.max(), 1), color=COLOURS[row % 10], lw=0, step="mid"
        )
    axis.set_yticks(np.arange(n_clusters) + 0.35, [f"cluster {k + 1}" for k in order], fontsize=8)
    axis.set(title="Which product codes each as-run cluster holds", xlabel="product code (order of first appearance)")
    axis.grid(axis="y", visible=False)
    return figure


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
    """Fit a mixture to be compared with others; its warnings do not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PolynomialRegressionMixture(n_clusters, degree, random_state=seed, **options).fit(curves)


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
    """BIC and ICL of mixtures with several numbers of clusters K; the least is best."""
    fits = {k: fit(curves, k, degree, seed, tol=1e-6) for k in numbers}
    rows = [
        {"K": k, "BIC (curves)": mixture.bic(), "BIC (points)": mixture.bic("points"), "ICL (curves)": mixture.icl()}
        for k, mixture in fits.items()
    ]
    return pd.DataFrame(rows)


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


LOOKED_FOR = 466
"""The random_state of 0 to 1,199 whose blind run comes nearest to Tables 1 and 2: chosen by looking at the outcome."""


def blind_starts(codes: pd.DataFrame, printed_centres, printed_frequencies, n_starts: int) -> pd.DataFrame:
    """K-means with scikit-learn's defaults and random_state 0, 1, ..., compared with Tables 1 and 2; a row a start."""
    records, rows = Records.each(codes), []
    for random_state in range(n_starts):
        found = in_printed_order(k_means(records, len(printed_centres), seed=random_state), printed_centres)
        row = {"random_state": random_state, "inertia": found.inertia, "iterations": found.n_iter}
        rows.append(row | agreement(found, printed_centres, printed_frequencies))
    return pd.DataFrame(rows)


def nearest(starts: pd.DataFrame) -> pd.Series:
    """The start whose frequencies, then cells, come nearest to Tables 1 and 2."""
    return starts.sort_values(["records off", "cells equal"], ascending=[True, False], kind="stable").iloc[0]


def odds_of_blind_starts(starts: pd.DataFrame, inertia: float) -> pd.DataFrame:
    """How often blind starts come near Tables 1 and 2, and how their inertia compares with the as-run solution's."""
    off, relative, best = starts["records off"], starts["inertia"] / inertia, nearest(starts)
    row = {
        "starts": len(starts),
        "all ten frequencies": int((off == 0).sum()),
        "within 4 records": int((off <= 4).sum()),
        "within 26 records": int((off <= 26).sum()),
        "share with lower inertia": float((relative < 1).mean()),
        "nearest random_state": int(best["random_state"]),
        "its records off": int(best["records off"]),
        "its cells equal": int(best["cells equal"]),
        "least inertia / as run's": relative.min(),
        "median": relative.median(),
        "largest": relative.max(),
        "records off of the least": int(off[relative.idxmin()]),
    }
    return pd.DataFrame([row])


def stops(by_way: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How near each way of starting K-means comes to Tables 1 and 2: all its starts, and the nearest one."""
    rows = [
        {"way": way, "starts": len(starts), "all ten frequencies": int((starts["records off"] == 0).sum())}
        | nearest(starts)[["frequencies exact", "records off", "cells equal"]].astype(int).to_dict()
        for way, starts in by_way.items()
        if len(starts)
    ]
    return pd.DataFrame(rows)


def choices(
    codes: pd.DataFrame,
    single_codes: pd.DataFrame,
    as_run: RecordClusters,
    printed_centres,
    printed_frequencies,
    seed: int = 0,
) -> pd.DataFrame:
    """Each choice that made the tables undone in turn: K-means from the as-run solution, and from blind starts."""
    scale = codes.std(ddof=0).replace(0, 1)  # a column of one label is left as it is
    variants = {
        "as run": codes,
        "without category3": codes.drop(columns="category3"),
        "without qty": codes.drop(columns="qty"),
        "repeated warehouses once": single_codes,
        "columns scaled to variance 1": codes / scale,
    }
    rows = []
    for choice, table in variants.items():
        unit = scale[table.columns].to_numpy() if "scaled" in choice else np.ones(table.shape[1])
        records = Records.of(table, len(as_run.centres))
        init = as_run.centres[table.columns].to_numpy() / unit
        row = {"choice": choice, "records": len(table)}
        for name, start in (("from the print", init), ("blind", "k-means++")):
            found = k_means(records, len(init), start, n_init=1 if name == "from the print" else 5, seed=seed)
            found = replace(found, centres=found.centres * unit)  # back in codes
            agreed = agreement(in_printed_order(found, printed_centres), printed_centres, printed_frequencies)
            row |= {f"{name}: {key}": value for key, value in agreed.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def demand_explained(records: Records, labels: np.ndarray) -> dict:
    """Share of the variance of daily demand between clusters, raw and as log(1 + demand)."""
    qty = records.points["qty"].to_numpy()
    return {
        "demand": _between(qty, labels, records.counts),
        "log(1 + demand)": _between(np.log1p(qty), labels, records.counts),
    }


def _between(values: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> float:
    mean = np.average(values, weights=counts)
    mass = np.bincount(labels, weights=counts)
    means = np.bincount(labels, weights=counts * values) / np.maximum(mass, 1)
    return float((mass * (means - mean) ** 2).sum() / (counts * (values - mean) ** 2).sum())


def renumber(codes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same labels with other code numbers, at random; qty, the last column, is no code and stays."""
    renumbered = codes.copy()
    for column in codes.columns[:-1]:
        new = rng.permutation(int(codes[column].max())) + 1.0
        renumbered[column] = new[codes[column].astype(int) - 1]
    return renumbered


def stability(codes: pd.DataFrame, as_run: RecordClusters, n: int, seed: int = 0) -> pd.DataFrame:
    """Adjusted Rand index of the as-run clusters with those of other starts and of other numberings of the labels."""
    records = Records.of(codes, len(as_run.centres))
    base = as_run.labels[records.point_of]
    rows = []
    for number, rng in enumerate(streams(seed, "02/other starts", 2 * n)):
        what = "other start" if number < n else "other numbering"
        table = records if number < n else Records.of(renumber(codes, rng), len(as_run.centres))
        found = k_means(table, len(as_run.frequencies), seed=int(rng.integers(2**31)))
        rows.append({"what": what, "ARI": adjusted_rand_score(base, found.labels[table.point_of])})
    return pd.DataFrame(rows)
