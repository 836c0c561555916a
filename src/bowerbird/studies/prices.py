"""Notebook 13: selling seasons at the best prices, planted elasticities, and figures of prices and markdowns."""

import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm
from matplotlib.ticker import MaxNLocator

from bowerbird.checks import whole
from bowerbird.data.panel import Panel
from bowerbird.planning.pricing import EndOfLife, Markdown, exponential_pricing
from bowerbird.studies.style import BLUE, GREY, ORANGE, RED, new_figure


def price_map(time_left, price, season: pd.DataFrame, revenue: pd.DataFrame):
    """The best price for every stock and time left with one simulated season, and the revenue of a fixed price."""
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
    """The best price for every period and stock, and what becomes of the last units in each warehouse."""
    n_periods, n_units = plan.choice.shape[:2]
    figure, (left, right) = new_figure(1, 2, width=10, height=3.6)
    shades = left.pcolormesh(
        np.arange(1, n_periods + 1), np.arange(1, n_units), plan.choice[:, 1:, 0].T, cmap="cividis_r",
        shading="nearest", norm=BoundaryNorm(np.arange(len(prices) + 1) - 0.5, 256),
    )  # fmt: skip
    left.set(title="When to mark down, and how far", xlabel="period", ylabel="units left")
    left.grid(False)
    bar = figure.colorbar(shades, ax=left, ticks=np.arange(len(prices)), label="best price now, from the highest")
    bar.ax.invert_yaxis()
    bar.ax.set_yticklabels([f"{price:g}" for price in prices])
    moved, arrives = decision.move.sum(axis=1), decision.move.sum(axis=0)
    leaves = pd.DataFrame({"keep": decision.keep, "move away": moved, "clear": decision.clear})
    leaves.plot.barh(ax=right, stacked=True, width=0.8, color=[BLUE, ORANGE, GREY], legend=False)
    right.barh(leaves.index, arrives, left=leaves.sum(axis=1), facecolor="none", edgecolor=ORANGE, hatch="///",
               label="arrive")  # fmt: skip
    right.set_yticks(leaves.index, names, fontsize=8, parse_math=False)  # an id may hold a $
    right.invert_yaxis()
    right.set(title="The last units of one product", xlabel="units")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=4, frameon=False, fontsize=8)
    return figure


def selling_seasons(
    n_units: int, *, scale: float, n_seasons: int, rng: np.random.Generator
) -> tuple[np.ndarray, pd.DataFrame]:
    """Revenue of simulated seasons of length 1 at the best prices, and the sales of the first of them."""
    n_prices = 400  # how often in a season the price is set anew
    prices = np.array([exponential_pricing(n_units, k / n_prices, scale=scale).price for k in range(n_prices + 1)])
    n_customers = rng.poisson(scale, whole("n_seasons", n_seasons, 1))
    comes = np.arange(n_customers.max()) < n_customers[:, None]  # (n_seasons, n_customers)
    time_left = -np.sort(-np.where(comes, rng.random(comes.shape), 0), axis=1)
    pays = np.where(comes, rng.exponential(1.0, comes.shape), 0)
    left, revenue, path = np.full(n_seasons, n_units), np.zeros(n_seasons), [(1.0, n_units)]
    for time, most in zip(time_left.T, pays.T, strict=True):
        price = prices[np.ceil(time * n_prices).astype(int), left]  # infinite once all is sold
        sold = most >= price
        revenue[sold] += price[sold]
        left = left - sold
        if sold[0]:
            path.append((time[0], left[0]))
    return revenue, pd.DataFrame([*path, (0.0, left[0])], columns=["time left", "units left"])


def plant_prices(n_series: int, rng: np.random.Generator) -> tuple[Panel, np.ndarray]:
    """A year of Poisson sales with weekly price cuts, and each series' elasticity: mean -1 or -2.5 by category.

    The last series never changes its price.
    """
    n_weeks, second = 52, rng.random(n_series) < 0.5
    elasticity = np.where(second, -2.5, -1.0) + 0.5 * rng.standard_normal(n_series)
    factor = rng.choice([1.0, 0.9, 0.8, 0.7], (n_series, n_weeks), p=[0.85, 0.05, 0.05, 0.05])
    factor[-1] = 1
    factor = np.repeat(factor, 7, axis=1)  # (n_series, n_days)
    mean = np.exp(rng.uniform(0, 3, (n_series, 1))) * factor ** elasticity[:, None]
    mean *= np.resize(rng.uniform(0.6, 1.4, 7), 7 * n_weeks)
    series = pd.DataFrame({"product_no": [f"product_{i}" for i in range(n_series)]})
    series["category1"] = np.where(second, "category_2", "category_1")
    dates = pd.date_range("2023-01-02", periods=7 * n_weeks, name="date")
    price = rng.uniform(2, 10, (n_series, 1)) * factor
    return Panel(series, dates, rng.poisson(mean).astype(float), price), elasticity
