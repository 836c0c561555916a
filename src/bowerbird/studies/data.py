"""Figures of notebook 01: the demand, and what cleaning does to it."""

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.studies.style import BLUE, GREY, ORANGE, RED, format_days, new_figure


def overview(panel: Panel):
    """Total demand a day, how mean demand is spread over series, and how often a day sells k units.

    Of the contest's events the two that stand out are shaded, of others all.
    """
    word, window = panel.frequency.word, panel.frequency.windows[1]
    figure, axes = new_figure(1, 3, width=10.5, height=3.1)
    total = np.nansum(panel.demand, axis=0)
    axes[0].plot(panel.dates, total, color=GREY, lw=0.8, label=word)
    smooth = pd.Series(total).rolling(window, center=True).mean()
    axes[0].plot(panel.dates, smooth, color=BLUE, lw=2, label=f"{window}-{word} mean")
    axes[0].set(title="Demand of all series", ylabel=f"units a {word}", ylim=(0, None))
    at = axes[0].get_xaxis_transform()
    for name in [name for name in ("double_12", "spring_festival") if name in panel.events] or panel.events:
        for first, last in map(pd.to_datetime, panel.events[name]):
            if panel.dates[0] <= first <= panel.dates[-1]:
                axes[0].axvspan(first, last, color=ORANGE, alpha=0.3, lw=0)
                axes[0].text(first, 0.02, name.replace("_", " "), transform=at, fontsize=7, rotation=90, ha="right")
    axes[0].legend(frameon=False)
    format_days(axes[0])

    means = np.nanmean(panel.demand, axis=1)
    axes[1].hist(np.log10(np.maximum(means, 0.01)), bins=30, color=BLUE)
    axes[1].set(title="Mean demand of a series", xlabel=f"units a {word}", ylabel="series")
    axes[1].set_xticks([-1, 0, 1, 2, 3], ["0.1", "1", "10", "100", "1000"])

    units, n_known = np.arange(0, 21), (~np.isnan(panel.demand)).sum()
    axes[2].bar(units, [(panel.demand == k).sum() / n_known * 100 for k in units], color=BLUE)
    axes[2].set(title=f"How often a {word} sells k units", xlabel="k, units", ylabel=f"% of series-{word}s")
    return figure


def cleaning(dates, demand: np.ndarray, treated: dict[str, np.ndarray], stock_out: np.ndarray):
    """One series a column: demand, and a row for each outlier rule with the days it would change."""
    n_series = len(demand)
    figure, axes = new_figure(
        len(treated), n_series, width=10.5, height=1.7 * len(treated), sharex=True, sharey="col", squeeze=False
    )
    for row, (rule, cleaned) in enumerate(treated.items()):
        for column in range(n_series):
            axis = axes[row, column]
            axis.plot(dates, demand[column], color=GREY, lw=0.9)
            changed = ~np.isclose(cleaned[column], demand[column], equal_nan=True)
            axis.plot(dates[changed], demand[column][changed], "o", ms=3.5, color=RED, label="would be changed")
            runs = np.where(stock_out[column], 0.0, np.nan)
            axis.plot(dates, runs, color=ORANGE, lw=4, solid_capstyle="butt", label="stock-out")
            axis.text(0.99, 0.95, f"{changed.sum()} days", transform=axis.transAxes, ha="right", va="top", fontsize=8)
            format_days(axis)
        axes[row, 0].set_ylabel(f"{rule}\nunits")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle("What each outlier rule would change")
    return figure
