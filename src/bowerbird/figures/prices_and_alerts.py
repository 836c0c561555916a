"""Figures of notebook 09, second half: at what price, what is wrong, and a rule that learns."""

import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm
from matplotlib.ticker import MaxNLocator

from bowerbird.figures.style import BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, RED, format_days, new_figure
from bowerbird.inventory.alerts import Thresholds
from bowerbird.inventory.demand_watch import Watch
from bowerbird.inventory.markdown_pricing import Markdown
from bowerbird.inventory.transfer import EndOfLife


def price_map(time_left, price, season: pd.DataFrame, revenue: pd.DataFrame):
    """The best price for every stock and time left with one season's way through it; what a fixed price gives up.

    Parameters
    ----------
    time_left : array (n_times,)
        Rising.
    price : array (n_times, n_units + 1)
        Best price; infinite for 0 units.
    season : DataFrame
        time left, units left, along one season.
    revenue : DataFrame
        Index: units; columns: shares of the bound, one a way to price.
    """
    figure, (left, right) = new_figure(1, 2, width=10, height=3.7, width_ratios=[1.35, 1])
    units = np.arange(1, price.shape[1])
    shades = left.pcolormesh(time_left, units, price[:, 1:].T, cmap="viridis", shading="nearest", vmax=np.quantile(
        price[:, 1:], 0.99))  # fmt: skip
    left.step(season["time left"], season["units left"], where="post", color=RED, lw=1.8, label="one season")
    left.set(title="Best price p*(n, t)", xlabel="share of the season left, t", ylabel="units left, n",
             xlim=(time_left[-1], time_left[0]), ylim=(0.5, units[-1] + 0.5))  # fmt: skip
    left.yaxis.set_major_locator(MaxNLocator(integer=True))
    left.grid(False)
    left.legend(loc="upper right", fontsize=8)
    figure.colorbar(shades, ax=left, label="money a unit", extend="max")
    for (name, share), style, colour in zip(revenue.items(), ("o-", "s--"), (BLUE, ORANGE), strict=False):
        right.plot(revenue.index, share, style, ms=4, color=colour, label=name)
    right.axhline(1, color="black", lw=0.8)
    right.set(title="Expected revenue / bound", xlabel="units at the start, n", ylabel="share", xscale="log")
    right.set_xticks(revenue.index, [str(n) for n in revenue.index])
    right.minorticks_off()
    right.legend(frameon=False, fontsize=8)
    return figure


def markdown_map(plan: Markdown, prices, decision: EndOfLife, names: list[str]):
    """The rung to sell at for every period and stock, and what becomes of the last units in each warehouse.

    Parameters
    ----------
    plan : Markdown
    prices : array (n_prices,)
        Its ladder.
    decision : EndOfLife
    names : list of str
        Of the warehouses of the decision.
    """
    n_periods, n_units = plan.rung.shape[:2]
    figure, (left, right) = new_figure(1, 2, width=10, height=3.6)
    shades = left.pcolormesh(
        np.arange(1, n_periods + 1), np.arange(1, n_units), plan.rung[:, 1:, 0].T, cmap="cividis_r", shading="nearest",
        norm=BoundaryNorm(np.arange(len(prices) + 1) - 0.5, 256),
    )  # fmt: skip
    left.set(title="When to mark down, and how far", xlabel="period", ylabel="units left")
    left.grid(False)
    bar = figure.colorbar(shades, ax=left, ticks=np.arange(len(prices)), label="best price now, from the highest")
    bar.ax.invert_yaxis()
    bar.ax.set_yticklabels([f"{price:g}" for price in prices])
    row, start = np.arange(len(names)), np.zeros(len(names))
    moved = decision.move.sum(axis=1)
    for units, label, colour in (
        (decision.keep, "keep", BLUE),
        (moved, "move away", ORANGE),
        (decision.clear, "clear", GREY),
    ):
        right.barh(row, units, left=start, color=colour, label=label)
        start = start + units
    arrives = decision.move.sum(axis=0)
    right.barh(row, arrives, left=start, facecolor="none", edgecolor=ORANGE, hatch="///", label="arrive")
    right.set_yticks(row, names, fontsize=8, parse_math=False)  # an id may hold a $
    right.invert_yaxis()
    right.set(title="The last units of one product", xlabel="units")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=4, frameon=False, fontsize=8)
    return figure


def alerts(dates, demand, seen: Watch, raised: pd.DataFrame, thresholds: Thresholds, name: str):
    """One series with the level that follows it, its CUSUM, and the days of its alerts.

    Parameters
    ----------
    dates : DatetimeIndex, n_days
    demand : array (n_days,)
    seen : Watch
        Of this series alone.
    raised : DataFrame
        Its alerts.
    thresholds : Thresholds
    name : str
        Of the series.
    """
    figure, (top, bottom) = new_figure(2, 1, width=9, height=4.6, sharex=True, height_ratios=[1.7, 1])
    top.plot(dates, demand, color=GREY, lw=1, label="demand")
    top.plot(dates, seen.expected[0], color=BLUE, lw=1.8, label="level expected from the days before")
    marks = {"demand anomaly": ("v", RED), "level shift": ("D", GREEN), "end of life": ("X", BROWN)}
    for kind, (marker, colour) in marks.items():
        days = raised.loc[raised["kind"] == kind, "date"]
        if len(days):
            top.plot(days, demand[dates.get_indexer(days)], marker, color=colour, ms=8, label=kind)
    top.set_title(f"{name}: expected and actual demand, with the alerts", parse_math=False)  # an id may hold a $
    top.set(ylabel="units a day")
    top.legend(frameon=False, fontsize=8, ncols=2)
    bottom.plot(dates, seen.shift[0], color=PURPLE)
    for limit in (thresholds.shift, -thresholds.shift):
        bottom.axhline(limit, color="black", ls="--", lw=0.8)
    bottom.set(title="CUSUM of the residuals, above and below; dashed: the limit", ylabel="deviations")
    format_days(bottom)
    return figure


def learning(table: pd.DataFrame, searched: pd.DataFrame):
    """Cost above the exact optimum as a rule is trained, and what the search reaches.

    Parameters
    ----------
    table : DataFrame
        rule, steps, mean, worst: cost / optimum over items.
    searched : DataFrame
        evaluations, mean, worst.
    """
    figure, (left, right) = new_figure(1, 2, width=9, height=3.4, sharey=True)
    for (rule, part), colour in zip(table.groupby("rule", sort=False), (BLUE, ORANGE), strict=False):
        left.plot(part["steps"], 100 * (part["mean"] - 1), "o-", color=colour, label=f"{rule}, mean")
        left.plot(part["steps"], 100 * (part["worst"] - 1), "o:", color=colour, alpha=0.7, label=f"{rule}, worst item")
    left.set(title="A neural rule, trained by gradient", xlabel="gradient steps", ylabel="cost above the optimum, %",
             xscale="log", yscale="log")  # fmt: skip
    right.plot(searched["evaluations"], 100 * (searched["mean"] - 1), "s-", color=GREEN, label="mean")
    right.plot(searched["evaluations"], 100 * (searched["worst"] - 1), "s:", color=GREEN, alpha=0.7, label="worst item")
    right.set(title="SBO, each item on its own", xlabel="candidates tried an item", xscale="log")
    for axis, ticks in ((left, table["steps"]), (right, searched["evaluations"])):
        axis.set_xticks(ticks.unique(), ticks.unique())
        axis.minorticks_off()
    left.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    for axis in (left, right):
        axis.axhline(2, color="black", ls="--", lw=0.8, label="2 %")
        axis.legend(fontsize=8)
    return figure
