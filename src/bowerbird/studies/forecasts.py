"""Notebook 08: figures of the ladder and of its differences and levels; the network of document 001's example."""

import numpy as np
import pandas as pd
import torch

from bowerbird.evaluation.levels import LEVELS, PERIODS
from bowerbird.studies.style import COLOURS, METHOD_COLOURS, new_figure

BLUE, ORANGE, GREEN, RED, PURPLE, BROWN, PINK, GREY, _, SKY = COLOURS

KINDS = {
    "simple": BLUE, "combination": GREEN, "denoised": SKY, "statistical": PURPLE, "learning": BROWN, "neural": ORANGE,
    "ensemble": PINK,
}  # fmt: skip
"""Colour of each kind of method; others are grey."""


def lstm_ahead(sales: np.ndarray, horizon: int, seed: int = 0) -> np.ndarray:
    """Document 001's network (5.2) on one series, with the next day's sales as its target; forecasts are fed back."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        cell, line = torch.nn.LSTM(1, 32), torch.nn.Linear(32, 1)
    learner = torch.optim.Adam([*cell.parameters(), *line.parameters()], lr=0.001)
    low, high = sales.min(), sales.max()
    days = torch.tensor((sales - low) / (high - low), dtype=torch.float32)[:, None]  # (n_days, 1)
    for _ in range(50):  # its epochs
        learner.zero_grad()
        ((line(cell(days[:-1])[0]) - days[1:]) ** 2).mean().backward()
        learner.step()
    with torch.no_grad():
        for _ in range(horizon):
            days = torch.cat([days, line(cell(days)[0])[-1:]])
    return low + (high - low) * days[-horizon:, 0].numpy()


def ladder(table: pd.DataFrame):
    """1 - WMAPE of every method under each protocol with its 95 % interval, and its bias under the last protocol.

    Vertical lines are the upper bounds, of kind "hindsight".
    """
    protocols = list(table["protocol"].unique())
    bounds = table[table["kind"] == "hindsight"].pivot(index="method", columns="protocol", values="1-WMAPE")
    styles = dict(zip(bounds.index, ("--", ":", "-."), strict=False))
    rows = table[table["kind"] != "hindsight"]
    order = rows[rows["protocol"] == protocols[-1]].sort_values("1-WMAPE")["method"].tolist()
    figure, axes = new_figure(
        1, len(protocols) + 1, width=11.5, height=0.235 * len(order) + 1.3, sharey=True,
        width_ratios=[1] * len(protocols) + [0.8],
    )  # fmt: skip
    highest = max(rows["high"].max(), bounds.to_numpy().max()) + 0.02
    lowest = min(0.4, highest - 0.3)  # left end of the axis; a lower score stands at the edge with its number
    position = np.arange(len(order))
    for axis, protocol in zip(axes, protocols, strict=False):
        part = rows[rows["protocol"] == protocol].set_index("method").reindex(order)
        colours = [KINDS.get(kind, GREY) for kind in part["kind"]]
        shown = part["1-WMAPE"].clip(lower=lowest)
        axis.hlines(position, part["low"].clip(lower=lowest), part["high"].clip(lower=lowest), color=colours, lw=2)
        axis.scatter(shown, position, color=colours, s=22, zorder=3)
        for row, value in enumerate(part["1-WMAPE"]):
            if value < lowest:
                axis.text(lowest + 0.008, row, f"{value:.2f}", fontsize=7, va="center")
        for name, style in styles.items():
            axis.axvline(bounds.loc[name, protocol], color=RED, ls=style, lw=1.2)
        best = part["1-WMAPE"].max()
        axis.set(
            title=f"{protocol}: best leak-free {best:.3f}",
            xlabel="1 − WMAPE, 95 % interval",
            xlim=(lowest - 0.01, highest),
        )
    axes[-1].barh(position, part["bias"].clip(-0.3, 0.3), color=colours, height=0.6)
    axes[-1].axvline(0, color="black", lw=0.8)
    axes[-1].set(title=f"bias, {protocol}", xlabel="share of demand", xlim=(-0.3, 0.3))
    axes[0].set_yticks(position, order, fontsize=7.5)
    axes[0].set_ylim(-0.7, len(order) - 0.3)
    present = [kind for kind in KINDS if kind in set(rows["kind"])]
    handles = [axes[0].plot([], [], "o", color=KINDS[kind], label=kind)[0] for kind in present]
    handles += [axes[0].plot([], [], color=RED, ls=style, label=name)[0] for name, style in styles.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8)
    return figure


def differences(table: pd.DataFrame):
    """How far one method is ahead of others, with the paired bootstrap's 95 % interval."""
    protocols, others = list(table["protocol"].unique()), list(table["other"].unique())
    figure, axes = new_figure(
        1, len(protocols), width=10, height=0.3 * len(others) + 1.3, sharey=True, sharex=True, squeeze=False
    )
    for axis, protocol in zip(axes[0], protocols, strict=True):
        part = table[table["protocol"] == protocol].set_index("other").reindex(others[::-1])
        position = np.arange(len(part))
        intervals = part[["low", "high"]].to_numpy()
        colours = [GREEN if low > 0 else RED if high < 0 else GREY for low, high in intervals]
        axis.hlines(position, part["low"], part["high"], color=colours, lw=2.5)
        axis.scatter(part["difference"], position, color=colours, s=26, zorder=3)
        axis.axvline(0, color="black", lw=0.8)
        axis.set(title=protocol, xlabel="difference in 1 − WMAPE")
        axis.set_yticks(position, part.index, fontsize=8)
    figure.suptitle(f"How far ahead is {table['method'].iloc[0]}? Grey: not more than chance", fontsize=10)
    return figure


def levels(table: pd.DataFrame):
    """1 - WMAPE of four methods or fewer at every level, a panel for each period, and the bias of the total."""
    names = list(table["method"].unique())
    colours = [METHOD_COLOURS[name] for name in names]
    periods = [period for period in PERIODS if period in set(table["period"])]
    figure, axes = new_figure(1, len(periods) + 1, width=11.5, height=3.6, width_ratios=[1] * len(periods) + [0.75])
    present = [level for level in LEVELS if level in set(table["level"])]
    position, lowest = np.arange(len(present)), table["1-WMAPE"].min() - 0.03
    for axis, period in zip(axes, periods, strict=False):
        part = table[table["period"] == period].pivot(index="level", columns="method", values="1-WMAPE")
        for name, colour, marker in zip(names, colours, "osD^", strict=False):
            axis.plot(position, part.loc[present, name], color=colour, marker=marker, ms=5, lw=1.2, label=name)
        axis.set_xticks(position, present, fontsize=8, rotation=25)
        axis.set(title={"day": "by day", "week": "by week", "horizon": "sum over the horizon"}[period])
        axis.set_ylim(lowest, 1)
        axis.label_outer()
    axes[0].set_ylabel("1 − WMAPE")
    total = table[(table["level"] == "total") & (table["period"] == "horizon")].set_index("method")["bias"][names]
    axes[-1].barh(names, total, color=colours, height=0.6)
    axes[-1].axvline(0, color="black", lw=0.8)
    axes[-1].set(title="bias of the total", xlabel="share of demand")
    axes[-1].tick_params(axis="y", labelsize=8)
    axes[-1].invert_yaxis()
    axes[-1].locator_params(axis="x", nbins=4)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def reconciled(table: pd.DataFrame):
    """How far each way to forecast sums is ahead of summing the forecasts of single series, at every level."""
    scores = table.pivot(index=["period", "level"], columns="how", values="1-WMAPE")
    ahead = scores.drop(columns="bottom-up").sub(scores["bottom-up"], axis=0)
    figure, axes = new_figure(1, 2, width=9.5, height=3.4, sharey=True)
    for axis, (period, title) in zip(
        axes, {"day": "single days", "horizon": "sum over the horizon"}.items(), strict=True
    ):
        part = ahead.loc[period].reindex([level for level in LEVELS if level in set(table["level"])])
        part.plot.bar(ax=axis, color=[GREY, BLUE, GREEN], legend=False, rot=0)
        axis.axhline(0, color="black", lw=0.8)
        axis.set(title=title, xlabel="", ylabel="ahead of bottom-up, 1 − WMAPE")
        axis.grid(axis="x", visible=False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure
