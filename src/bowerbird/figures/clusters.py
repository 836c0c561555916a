"""Figures of notebook 02: the mixture of curves, and what the as-run clusters are."""

import numpy as np
import pandas as pd

from bowerbird.figures.style import BLUE, COLOURS, GREY, ORANGE, format_days, new_figure


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


def blind_starts(starts: pd.DataFrame, as_run: float):
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
