"""Figures of notebooks 06 and 08: the cell, forecasts with their intervals, calibration, which inputs move one."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from bowerbird.data.panel import Panel
from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.training import Forecaster, pooled
from bowerbird.metrics import one_minus_wmape
from bowerbird.seeds import stream
from bowerbird.studies.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, format_days, new_figure


def cell_diagram():
    """The cell of eqs 11-17: what its four layers read, and where they act on the cell state."""
    figure, axis = new_figure(width=7.5, height=3.8)
    axis.set_axis_off()
    axis.set(xlim=(0, 10), ylim=(0, 5.6))
    layers = (
        (1.9, "forget gate $f_t$\nσ, eq. 11", ORANGE), (3.8, "input gate $i_t$\nσ, eq. 13", GREEN),
        (5.7, "candidate $a_t$\ntanh, eq. 14", PURPLE), (7.6, "output gate $o_t$\nσ, eq. 17", BLUE),
    )  # fmt: skip
    for x, text, colour in layers:
        box = {"boxstyle": "round,pad=0.4", "fc": (*colour, 0.25), "ec": colour}
        axis.text(x, 1.7, text, ha="center", va="center", fontsize=8, bbox=box)
    nodes = {(1.9, 4.6): "×", (4.75, 4.6): "+", (4.75, 3.2): "×", (7.6, 3.2): "×", (7.6, 4.0): "tanh"}
    for (x, y), text in nodes.items():
        box = {"boxstyle": "circle,pad=0.2" if len(text) == 1 else "round,pad=0.2", "fc": "white", "ec": "black"}
        axis.text(x, y, text, ha="center", va="center", fontsize=8, bbox=box)
    paths = [
        [(0.9, 4.6), (1.65, 4.6)], [(2.15, 4.6), (4.5, 4.6)], [(5.0, 4.6), (9.1, 4.6)],
        [(1.9, 2.2), (1.9, 4.35)], [(3.8, 2.2), (3.8, 3.2), (4.5, 3.2)], [(5.7, 2.2), (5.7, 3.2), (5.0, 3.2)],
        [(4.75, 3.45), (4.75, 4.35)], [(7.6, 4.6), (7.6, 4.25)], [(7.6, 3.8), (7.6, 3.45)], [(7.6, 2.2), (7.6, 2.95)],
        [(7.85, 3.2), (9.1, 3.2)], [(0.9, 0.6), (7.6, 0.6), (7.6, 1.2)],
        *([(x, 0.6), (x, 1.2)] for x in (1.9, 3.8, 5.7)),
    ]  # fmt: skip
    for path in paths:
        axis.plot(*zip(*path, strict=True), color="black", lw=1)
        axis.annotate(
            "", path[-1], path[-2], arrowprops={"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
        )
    for x, y, text in ((0.5, 4.6, "$C_{t-1}$"), (9.5, 4.6, "$C_t$"), (9.5, 3.2, "$h_t$"), (0.5, 0.6, "$h_{t-1}, x_t$")):
        axis.text(x, y, text, ha="center", va="center", fontsize=10)
    axis.set_title("One day in the LSTM cell: memory above, inputs below")
    return figure


def fans(panel: Panel, forecast: Forecast, rows: list[int]):
    """Recent demand of some series, the forecast with its 80 % interval, and actual demand where known."""
    n_columns = min(3, len(rows))
    n_rows = -(-len(rows) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, width=10.5, height=2.3 * n_rows, squeeze=False)
    low, high = forecast.quantile(0.1), forecast.quantile(0.9)
    origin = panel.dates.searchsorted(forecast.dates[0])
    for axis in axes.flat[len(rows) :]:
        axis.set_visible(False)
    for axis, row in zip(axes.flat, rows, strict=False):
        past = slice(max(0, origin - 60), origin)
        axis.plot(panel.dates[past], panel.demand[row, past], color=GREY, lw=0.9, label="demand")
        known = panel.demand[row, origin : origin + len(forecast.dates)]
        axis.plot(forecast.dates[: len(known)], known, "o", ms=3, color=RED, label="actual demand")
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


def permutation_importance(forecaster: Forecaster, panel: Panel, actual: np.ndarray, *, seed: int = 0) -> pd.DataFrame:
    """Loss of 1 - WMAPE when a group of inputs is swapped between series at random (Breiman, 2001), largest first."""
    data = forecaster.gather(panel)
    last = slice(panel.n_days - 1, panel.n_days)
    whole = one_minus_wmape(actual, pooled(forecaster, data, last).point[:, 0])
    rng = stream(seed, "lstm/importance")
    rows = []
    for name in dict.fromkeys(data.names):
        columns = _columns(data, name)
        lost = []
        for _ in range(3):
            daily, order = data.daily.clone(), torch.tensor(rng.permutation(panel.n_series))
            daily[:, :, columns] = daily[order][:, :, columns]
            ahead = data.ahead[order] if name == "known ahead" else data.ahead
            point = pooled(forecaster, replace(data, daily=daily, ahead=ahead), last).point[:, 0]
            lost.append(whole - one_minus_wmape(actual, point))
        rows.append({"input": name, "loss of 1-WMAPE": np.mean(lost), "sd": np.std(lost)})
    return pd.DataFrame(rows).sort_values("loss of 1-WMAPE", ascending=False, ignore_index=True)


def explain(forecaster: Forecaster, panel: Panel, row: int) -> pd.DataFrame:
    """Effect of each group of inputs on a series' total, against the group at its mean; effects need not add up."""
    whole = forecaster.gather(panel)
    by_series = ("demand", "daily", "level", "recent", "ahead")
    data = replace(whole, **{name: getattr(whole, name)[[row]] for name in by_series})
    last = slice(panel.n_days - 1, panel.n_days)
    total = pooled(forecaster, data, last).point.sum()
    usual = forecaster.networks[0].mean
    rows = []
    for name in dict.fromkeys(data.names):
        columns = _columns(data, name)
        daily = data.daily.clone()
        daily[:, :, columns] = usual[columns]
        without = pooled(forecaster, replace(data, daily=daily), last).point.sum()
        effect = total - without
        rows.append({"input": name, "effect, units": effect, "effect, %": 100 * effect / max(without, 1e-9)})
    return pd.DataFrame(rows).sort_values("effect, units", key=np.abs, ascending=False, ignore_index=True)


def _columns(data, name: str) -> list[int]:
    return [column for column, group in enumerate(data.names) if group == name]


COVERAGE = 0.8  # nominal share of days inside an interval
VOLUME_CLASSES, DAYS_TOGETHER = 4, 5  # series, and days ahead, that share a conformal correction


@dataclass(frozen=True)
class Correction:
    """What is added on both sides of an interval, by volume class of the series and by day ahead."""

    edges: np.ndarray  # (VOLUME_CLASSES - 1,) level of demand between classes, units a day
    width: np.ndarray  # (VOLUME_CLASSES, horizon) relative to the square root of the level, as the noise of counts is

    def apply(self, low: np.ndarray, high: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corrected interval: low, high (n_series, horizon), level (n_series,); never below zero, never reversed."""
        by = self.width[np.searchsorted(self.edges, level)] * np.sqrt(level)[:, None]
        middle = (low + high) / 2
        return np.clip(low - by, 0, middle), np.maximum(high + by, middle)


def calibrate(actual: np.ndarray, low: np.ndarray, high: np.ndarray, level: np.ndarray) -> Correction:
    """Learn the correction of 80 % intervals on an origin before the one to be forecast (Romano et al., NeurIPS 2019).

    actual, low, high are (n_series, horizon), NaN = missing; level (n_series,) is demand at the origin, above 0.
    """
    edges = np.quantile(level, np.arange(1, VOLUME_CLASSES) / VOLUME_CLASSES)
    member = np.searchsorted(edges, level)
    score = np.maximum(low - actual, actual - high) / np.sqrt(level)[:, None]  # (n_series, horizon)
    width = np.zeros((VOLUME_CLASSES, actual.shape[1]))
    for k in range(VOLUME_CLASSES):
        for start in range(0, actual.shape[1], DAYS_TOGETHER):
            scores = score[member == k, start : start + DAYS_TOGETHER]
            scores = np.sort(scores[~np.isnan(scores)])
            if len(scores):
                rank = min(int(np.ceil((len(scores) + 1) * COVERAGE)), len(scores))
                width[k, start : start + DAYS_TOGETHER] = scores[rank - 1]
    return Correction(edges, width)
