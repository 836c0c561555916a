"""Figures of notebook 08: the (s, S) policy walked through demand, and cost against service."""

import numpy as np
import pandas as pd

from bowerbird.figures.style import BLUE, COLOURS, GREEN, GREY, ORANGE, PURPLE, RED, new_figure
from bowerbird.inventory.policy import Levels
from bowerbird.inventory.simulate import Walk


def sawtooth(walk: Walk, item: int, levels: Levels, name: str):
    """Stock of one item at the end of every day, with s, S, demand, units on order, and the days of empty shelves."""
    days = np.arange(1, walk.demand.shape[1] + 1)
    short = walk.unmet[item] > 0
    figure, axis = new_figure(width=8, height=3.6)
    axis.bar(days, walk.demand[item], color=GREY, alpha=0.5, width=0.6, label="demand")
    axis.step(days, walk.closing_stock[item], where="mid", color=BLUE, lw=2, label="closing stock")
    axis.plot(days, levels.s[item], color=ORANGE, lw=1.4, ls="--", label="reorder point s")
    axis.step(days, walk.on_order[item], where="mid", color=PURPLE, lw=1, ls=":", label="on order")
    axis.plot(days, levels.S[item], color=GREEN, lw=1.4, ls="--", label="order-up-to level S")
    axis.plot(days[short], np.zeros(short.sum()), "X", ms=8, color=RED, label="stock-out", clip_on=False, zorder=5)
    axis.set_title(f"{name}: the (s, S) policy, day by day", parse_math=False)  # an id may hold a $
    axis.set(xlabel="day of the plan", ylabel="units", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def cost_of_service(table: pd.DataFrame, equal: pd.DataFrame, fill_rate: float):
    """Stock against fill rate, one line a forecaster and one point a critical ratio; and stock at one fill rate.

    Parameters
    ----------
    table : DataFrame
        `forecast_worth.worth_of_forecasts`.
    equal : DataFrame
        `forecast_worth.at_equal_service` of it.
    fill_rate : float
        At which `equal` was taken.
    """
    lines = table.groupby(["method", "critical_ratio"], sort=False).mean(numeric_only=True).reset_index()
    methods = [name for name in equal["method"] if name in set(lines["method"])]
    colours = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(methods)}
    figure, (left, right) = new_figure(1, 2, width=10.5, height=4.0, width_ratios=[1.1, 1])
    for name in methods:
        part = lines[lines["method"] == name]
        left.plot(part["fill_rate_after_lead_time"], part["mean_stock"] / 1000, "o-", ms=3.5, color=colours[name])
    left.axvline(fill_rate, color="black", lw=0.8, ls="--")
    left.set(
        title="Stock against service: lower is better", xlabel="fill rate of the days that orders can reach",
        ylabel="mean closing stock, thousand units", yscale="log",
    )  # fmt: skip
    rows = equal.sort_values("mean_stock", ascending=False)
    position = np.arange(len(rows))
    right.barh(position, rows["mean_stock"].fillna(0) / 1000, color=[colours[name] for name in rows["method"]])
    for k, stock in enumerate(rows["mean_stock"]):
        text = " not reached" if np.isnan(stock) else f" {stock / 1000:.3g}"
        right.text(np.nan_to_num(stock) / 1000, k, text, va="center", fontsize=8)
    right.set_yticks(position, rows["method"], fontsize=8)
    right.set(title=f"Stock for a fill rate of {fill_rate:.0%}", xlabel="thousand units")
    right.margins(x=0.15)
    return figure
