"""Figures of notebook 02: the mixture of curves, and what the as-run clusters are."""

import warnings
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score
from tqdm import tqdm

from bowerbird.checks import floats, whole
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.dm.as_run import RecordClusters, Records, agreement, in_print_order, k_means
from bowerbird.dm.statistics import check_curves
from bowerbird.errors import ParameterError
from bowerbird.seeds import streams
from bowerbird.studies.style import BLUE, COLOURS, GREY, ORANGE, format_days, new_figure


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


def likelihood(histories: dict[str, list[float]]):
    """How far below the highest log-likelihood of all each run of EM is after every iteration."""
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
    """Inertia of blind K-means starts, relative to the as-run solution's, against their distance from the print."""
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


LOOKED_FOR = 466
"""The random_state whose blind run comes nearest the print among 0 to 1,199: chosen by looking at the outcome."""


def blind_starts(
    codes: pd.DataFrame,
    printed_centres: np.ndarray,
    printed_frequencies: np.ndarray,
    n_starts: int = 1200,
) -> pd.DataFrame:
    """What scikit-learn's K-means comes to with its defaults and random_state 0, 1, ...; the print is only compared.

    Parameters
    ----------
    codes : DataFrame
        From `label_codes`: the rows sorted by warehouse, seller, product and date.
    printed_centres, printed_frequencies : arrays (K, 10), (K,)
        Tables 2 and 1, or a solution to compare with.
    n_starts : int

    Returns
    -------
    DataFrame: random_state, inertia, iterations, frequencies exact, records off, cells equal; a row a start.
    """
    records, rows = Records.each(codes), []
    for random_state in range(n_starts):
        found = in_print_order(k_means(records, len(printed_centres), seed=random_state), printed_centres)
        row = {"random_state": random_state, "inertia": found.inertia, "iterations": found.n_iter}
        rows.append(row | agreement(found, printed_centres, printed_frequencies))
    return pd.DataFrame(rows)


def nearest(starts: pd.DataFrame) -> pd.Series:
    """The start whose frequencies, then cells, come nearest the print."""
    return starts.sort_values(["records off", "cells equal"], ascending=[True, False], kind="stable").iloc[0]


def odds_of_blind_starts(starts: pd.DataFrame, inertia: float) -> pd.DataFrame:
    """How often blind starts come near the print, and how its inertia ranks among theirs.

    Parameters
    ----------
    starts : DataFrame
        From `blind_starts`.
    inertia : float
        Of the as-run solution.

    Returns
    -------
    DataFrame of one row: starts, how many give all ten frequencies, come within 4 and within 26 records (sum of the
    frequencies' differences), share with a lower inertia, the nearest start, the least, median and largest inertia
    relative to the as-run solution's, and how far the start of least inertia is from the print.
    """
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
    """How near each way of starting K-means comes to the print.

    Parameters
    ----------
    by_way : dict
        For each way the agreement of its starts, a row each, as `agreement` returns it.

    Returns
    -------
    DataFrame: way, starts, how many give all ten frequencies; and of the nearest, how many frequencies are exact, the
    sum of their differences and the cells that agree.
    """
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
    printed_centres: np.ndarray,
    printed_frequencies: np.ndarray,
    n_init: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Which choices made the tables: each undone in turn, and K-means run on from the as-run solution.

    Parameters
    ----------
    codes, single_codes : DataFrame
        From `label_codes` of the naive and of the correct merge.
    as_run : RecordClusters
        The solution to go on from, in the order of the print.
    printed_centres, printed_frequencies : arrays (K, 10), (K,)
        Tables 2 and 1.
    n_init : int
        k-means++ starts of the blind run beside it.
    seed : int

    Returns
    -------
    DataFrame: choice; records off and cells equal (of which compared) going on from the as-run solution, and of the
    best of blind starts.
    """
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
        row = {"choice": choice, "records": records.n_records}
        for name, start in (("from the print", init), ("blind", "k-means++")):
            found = k_means(records, len(init), start, n_init=1 if name == "from the print" else n_init, seed=seed)
            found = replace(found, centres=found.centres * unit)  # back in codes
            agreed = agreement(in_print_order(found, printed_centres), printed_centres, printed_frequencies)
            row |= {f"{name}: {key}": value for key, value in agreed.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def demand_explained(records: Records, labels: np.ndarray) -> dict:
    """Share of the variance of daily demand that lies between clusters, raw and as log(1 + demand).

    Parameters
    ----------
    records : Records
    labels : int array (n_points,)

    Returns
    -------
    dict of float in [0, 1]: "demand", "log(1 + demand)".
    """
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


def stability(
    codes: pd.DataFrame, as_run: RecordClusters, n: int = 50, n_init: int = 1, seed: int = 0, progress: bool = True
) -> pd.DataFrame:
    """Adjusted Rand index of the as-run clusters with those of other starts and of other numberings of the labels.

    Parameters
    ----------
    codes : DataFrame
        From `label_codes`.
    as_run : RecordClusters
    n : int
        Other starts, and as many random numberings.
    n_init : int
        k-means++ starts of each run, of which the best is kept.
    seed : int
    progress : bool

    Returns
    -------
    DataFrame: what ("other start" or "other numbering"), ARI, share of the variance of log(1 + demand) explained.
    """
    records = Records.of(codes, len(as_run.centres))
    base = as_run.labels[records.point_of]
    rows = []
    for number, rng in enumerate(
        tqdm(streams(seed, "02/other starts", 2 * n), desc="other starts, other numberings", disable=not progress)
    ):
        other = number >= n
        table = Records.of(renumber(codes, rng), len(as_run.centres)) if other else records
        found = k_means(table, len(as_run.frequencies), n_init=n_init, seed=int(rng.integers(2**31)))
        rows.append(
            {
                "what": "other numbering" if other else "other start",
                "ARI": adjusted_rand_score(base, found.labels[table.point_of]),
                "variance of log(1 + demand) explained": demand_explained(table, found.labels)["log(1 + demand)"],
            }
        )
    return pd.DataFrame(rows)
