"""Figures of notebooks 05 and 07: fans of forecasts, calibration of their quantiles."""

import numpy as np

from bowerbird.data.panel import Panel
from bowerbird.figures.style import BLUE, GREY, RED, format_days, new_figure
from bowerbird.forecaster.forecast import Forecast


def fans(panel: Panel, forecast: Forecast, rows: list[int], history_days: int = 60):
    """Recent demand of some series, the forecast's median and its 80 % interval, and what came where it is known."""
    n_columns = min(3, len(rows))
    n_rows = -(-len(rows) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, width=10.5, height=2.3 * n_rows, squeeze=False)
    low, high = forecast.quantile(0.1), forecast.quantile(0.9)
    origin = panel.dates.searchsorted(forecast.dates[0])
    for axis in axes.flat[len(rows) :]:
        axis.set_visible(False)
    for axis, row in zip(axes.flat, rows, strict=False):
        past = slice(max(0, origin - history_days), origin)
        axis.plot(panel.dates[past], panel.demand[row, past], color=GREY, lw=0.9, label="demand")
        known = panel.demand[row, origin : origin + len(forecast.dates)]
        axis.plot(forecast.dates[: len(known)], known, "o", ms=3, color=RED, label="what came")
        axis.fill_between(forecast.dates, low[row], high[row], color=BLUE, alpha=0.25, lw=0, label="80 % interval")
        axis.plot(forecast.dates, forecast.point[row], color=BLUE, lw=2, label="forecast")
        key = panel.keys[row].replace("product_", "p_").replace("seller_", "s_")
        axis.set_title(key, fontsize=8, parse_math=False)  # an id may hold a $
        axis.set_ylim(bottom=0)
        format_days(axis)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
    figure.supylabel("units a day", fontsize=9)
    return figure


def calibration(levels: np.ndarray, coverage: np.ndarray):
    """Share of held-out days below each forecast quantile, against the quantile's own level."""
    figure, axis = new_figure(width=3.8, height=3.6)
    axis.plot([0, 1], [0, 1], color=GREY, ls="--")
    axis.plot(levels, coverage, "o-", color=BLUE)
    axis.set(title="Calibration of the quantiles", xlabel="level of the quantile", ylabel="share of days at or below")
    return figure
