"""Figures of notebooks 04 and 05: the Satin Bowerbird Optimizer at work."""

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from bowerbird.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, new_figure

LINES = {
    "SBO": (BLUE, "-"),
    "SBO, tuned": (BLUE, "-"),
    "SBO, paper": (SKY, "--"),
    "random search": (GREY, "-"),
    "TPE": (ORANGE, "-."),
    "CMA-ES": (GREEN, ":"),
    "Gaussian process": (PURPLE, "--"),
    "differential evolution": (RED, "-"),
}
"""Method -> colour and dashes."""


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
    """Best value so far against evaluations: median over seeds, one panel a problem, one line a method."""
    problems = list(runs["problem"].unique())
    n_columns = min(len(problems), 4)
    n_rows = -(-len(problems) // n_columns)
    size = {"width": 3.0 * n_columns, "height": 0.6 + 2.3 * n_rows}
    figure, axes = new_figure(n_rows, n_columns, squeeze=False, sharex=True, **size)
    for axis in axes.flat[len(problems) :]:
        axis.set_visible(False)
    for axis, problem in zip(axes.flat, problems, strict=False):
        here = runs[runs["problem"] == problem]
        for method in runs["method"].unique():
            best = here[here["method"] == method].groupby("evaluation")["best"].median()
            colour, dashes = LINES.get(method, (BLUE, "-"))
            axis.plot(best.index, best, color=colour, ls=dashes, lw=1.6, label=method)
        finite = here["best"][np.isfinite(here["best"])]
        wide = finite.max() > 20 * finite.min() > 0  # functions; the errors of models are all near 1
        axis.set(title=problem, yscale="log" if wide else "linear")
    figure.supxlabel("evaluations", fontsize="medium")
    figure.supylabel("best so far, median over seeds", fontsize="medium")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6, frameon=False)
    return figure


def win_rates(table: pd.DataFrame, method: str):
    """Share of pairings a method wins against each other one, with 95 % intervals, one panel a budget."""
    budgets, opponents = list(table["evaluations"].unique()), list(table["against"].unique())[::-1]
    figure, axes = new_figure(1, len(budgets), width=9, height=2.7, sharey=True, squeeze=False)
    for axis, budget in zip(axes[0], budgets, strict=True):
        for opponent, row in table[table["evaluations"] == budget].set_index("against").iterrows():
            place, colour = opponents.index(opponent), LINES.get(opponent, (BLUE, "-"))[0]
            axis.plot([row["low"], row["high"]], [place, place], color=colour, lw=2.5, solid_capstyle="butt")
            axis.plot(row["won"], place, "o", ms=7, color=colour, mec="white")
        axis.axvline(0.5, color="black", lw=0.8, ls=":")
        axis.set(
            title=f"after {budget} evaluations",
            xlabel="pairings won",
            xlim=(-0.02, 1.02),
            xticks=[0, 0.25, 0.5, 0.75, 1],
        )
        axis.set(yticks=range(len(opponents)), yticklabels=opponents, ylim=(-0.6, len(opponents) - 0.4))
        axis.xaxis.set_major_formatter(PercentFormatter(1.0))
    figure.suptitle(f"How often {method} ends below another method; bars are 95 % intervals")
    return figure


def tuning(histories: dict[str, pd.DataFrame]):
    """Validation error of every network that each search trained, in order, and the best so far."""
    figure, axis = new_figure(width=6.5, height=3.4)
    for name, history in histories.items():
        colour, dashes = LINES[name]
        finite = history[np.isfinite(history["value"])]
        axis.plot(finite["evaluation"], finite["value"], "o", ms=4, color=colour, alpha=0.5)
        axis.step(history["evaluation"], history["best"], where="post", color=colour, ls=dashes, lw=2,
                  label=f"{name}: best so far")  # fmt: skip
    starts = next(iter(histories.values()))["generation"].eq(0).sum()
    axis.axvline(starts + 0.5, color=GREY, lw=1, ls=":", label="end of the first generation")
    axis.set(title="SBO tunes the LSTM on validation origins", xlabel="networks trained", ylabel="WMAPE, validation")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure
