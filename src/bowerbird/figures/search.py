"""Figures of notebooks 04 and 05: the Satin Bowerbird Optimizer at work."""

import numpy as np
import pandas as pd

from bowerbird.figures.style import BLUE, GREEN, GREY, ORANGE, new_figure


def bowers(history: pd.DataFrame, objective, space: dict, generations: list[int]):
    """Bowers of a two-dimensional search over the contours of its objective, at some generations."""
    (x_name, x_range), (y_name, y_range) = space.items()
    x, y = np.linspace(x_range.low, x_range.high, 80), np.linspace(y_range.low, y_range.high, 80)
    height = np.array([[objective({x_name: a, y_name: b}) for a in x] for b in y])
    figure, axes = new_figure(1, len(generations), width=10, height=3.1, sharey=True)
    for axis, generation in zip(axes, generations, strict=True):
        axis.contourf(x, y, np.log1p(height), levels=12, cmap="Greys", alpha=0.7)
        found = history[history["generation"] == generation]
        axis.plot(found[x_name], found[y_name], "o", ms=5, color=ORANGE, mec="black", mew=0.4)
        best = history[history["generation"] <= generation].nsmallest(1, "value")
        axis.plot(best[x_name], best[y_name], "*", ms=12, color=BLUE, mec="white", mew=0.6)
        axis.set(title=f"generation {generation}", xlabel=x_name)
        axis.grid(False)
    axes[0].set_ylabel(y_name)
    figure.suptitle("Bowers (dots) and the elite (star) over the contours of the function")
    return figure


def convergence(runs: pd.DataFrame):
    """Best value against evaluations: median and range over seeds, one panel a function, one line a method."""
    functions = list(runs["function"].unique())
    figure, axes = new_figure(1, len(functions), width=3.2 * len(functions), height=3, squeeze=False)
    for axis, function in zip(axes[0], functions, strict=True):
        for method, colour in (("SBO", BLUE), ("random search", GREY)):
            part = runs[(runs["function"] == function) & (runs["method"] == method)]
            by_step = part.groupby("evaluation")["best"].quantile([0.0, 0.5, 1.0]).unstack()
            axis.fill_between(by_step.index, by_step[0.0], by_step[1.0], color=colour, alpha=0.2, lw=0)
            axis.plot(by_step.index, by_step[0.5], color=colour, label=method)
        axis.set(title=function, xlabel="evaluations", yscale="log")
    axes[0, 0].set_ylabel("best value, median and range")
    axes[0, 0].legend(frameon=False)
    return figure


def tuning(history: pd.DataFrame):
    """Validation error of every network SBO trained, in order, and the best so far."""
    figure, axis = new_figure(width=6.5, height=3)
    finite = history[np.isfinite(history["value"])]
    axis.plot(finite["evaluation"], finite["value"], "o", ms=4, color=GREY, label="network")
    axis.step(history["evaluation"], history["best"], where="post", color=GREEN, lw=2, label="best so far")
    axis.set(title="SBO tunes the LSTM on validation origins", xlabel="networks trained", ylabel="WMAPE, validation")
    axis.legend(frameon=False)
    return figure
