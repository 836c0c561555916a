"""Figures of notebook 08: the (s, S) policy walked through demand, and cost against service."""

import numpy as np
import pandas as pd

from bowerbird.figures.style import BLUE, COLOURS, GREEN, GREY, ORANGE, RED, new_figure
from bowerbird.inventory.policy import Levels
from bowerbird.inventory.simulate import Walk


def sawtooth(walk: Walk, item: int, levels: Levels, name: str):
    """Stock of one item at the end of every day, with s, S, demand, and the days that met an empty shelf."""
    days = np.arange(1, walk.demand.shape[1] + 1)
    short = walk.unmet[item] > 0
    figure, axis = new_figure(width=8, height=3.2)
    axis.bar(days, walk.demand[item], color=GREY, alpha=0.5, width=0.6, label="demand")
    axis.step(days, walk.closing_stock[item], where="mid", color=BLUE, lw=2, label="closing stock")
    axis.plot(days, levels.s[item], color=ORANGE, lw=1.4, ls="--", label="reorder point s")
    axis.plot(days, levels.S[item], color=GREEN, lw=1.4, ls="--", label="order-up-to level S")
    axis.plot(days[short], np.zeros(short.sum()), "X", ms=8, color=RED, label="stock-out", clip_on=False, zorder=5)
    axis.set(title=f"{name}: the (s, S) policy, day by day", xlabel="day of the plan", ylabel="units", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=5, frameon=False)
    return figure


def cost_of_service(table: pd.DataFrame):
    """Mean stock against fill rate, one line a forecaster, one point a service level."""
    figure, axis = new_figure(width=6.5, height=3.8)
    for (method, part), colour in zip(table.groupby("forecast", sort=False), COLOURS, strict=False):
        axis.plot(part["fill_rate"], part["mean_stock"], "o-", ms=4, color=colour, label=method)
    axis.set(
        title="What a better forecast is worth: stock at equal fill rate",
        xlabel="fill rate", ylabel="mean closing stock, units, all items",
    )  # fmt: skip
    axis.legend(frameon=False)
    return figure
