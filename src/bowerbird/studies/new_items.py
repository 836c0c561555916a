"""Figures of the contest's second and third question: new items held out, and lifts of Double 11."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from bowerbird.contest import promotion
from bowerbird.data.panel import Panel
from bowerbird.studies.style import BLUE, GREY, ORANGE, new_figure

LEAST_UNITS = 1.0  # units a day that a series must sell on ordinary days of December to be scored on Double 12


def hold_out(table: pd.DataFrame):
    """1 - WMAPE and bias of every method on both populations of hold-outs; the best is on top."""
    wide = table.pivot(index="method", columns="population", values=["1-WMAPE", "bias"])
    populations = list(table["population"].unique())
    wide = wide.loc[wide["1-WMAPE"].mean(axis=1).sort_values().index]
    figure, axes = new_figure(1, 2, width=9.5, height=0.42 * len(wide) + 1.5, sharey=True, width_ratios=[3, 2])
    for k, (population, colour) in enumerate(zip(populations, (BLUE, ORANGE), strict=False)):
        up = np.arange(len(wide)) + (0.5 - k) * 0.36
        values = wide["1-WMAPE", population]
        bars = axes[0].barh(up, values.clip(lower=0), 0.34, color=colour, label=population)
        axes[0].bar_label(bars, values.map("{:.3f}".format), padding=2, fontsize=7)
        axes[1].plot(wide["bias", population], up, "o", ms=5, color=colour)
        axes[1].hlines(up, 0, wide["bias", population], color=colour, lw=1)
    axes[0].set_yticks(np.arange(len(wide)), wide.index, fontsize=8)
    axes[0].set(title="Held-out days, at most 30 days known before", xlabel="1 − WMAPE (below zero: no bar)")
    axes[0].set_xlim(0, 1.15 * max(0.1, wide["1-WMAPE"].max().max()))
    axes[1].axvline(0, color="black", lw=0.8)
    axes[1].set(title="too little (left), too much (right)", xlabel="bias, share of demand")
    for axis in axes:
        axis.grid(axis="y", visible=False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def lifts(table: pd.DataFrame, groups: pd.DataFrame):
    """Raw and shrunk lifts of the series in rows of `by_group`, by number: not all machines have Chinese letters."""
    group = table.attrs["group"]
    order = list(groups[group][::-1])
    figure, axis = new_figure(width=8.5, height=0.36 * len(order) + 1.5)
    for row, name in enumerate(order):
        part = table[table[group] == name]
        spread = 0.26 * np.linspace(-1, 1, len(part)) if len(part) > 1 else np.zeros(1)
        axis.plot(part["raw"].clip(0.02, 50), row + spread, "o", ms=2.5, color=GREY, alpha=0.6, label="raw ratio")
        axis.plot(part["lift"], row + spread, "o", ms=2.5, color=BLUE, label="shrunk")
        axis.plot(part["group_lift"].iloc[0], row, "D", ms=6, color=ORANGE, mec="black", mew=0.6, label="group")
    axis.axvline(1, color="black", lw=0.8)
    numbered = zip(groups["group"][::-1], groups["series"][::-1], strict=True)
    axis.set_yticks(range(len(order)), [f"{number} ({n} series)" for number, n in numbered], fontsize=8)
    axis.set(
        title=f"Lift of Double 11: raw ratios and shrunk, groups of {group}",
        xlabel="mean of November 1–11 over ordinary December days, log scale (cut at 0.02 and 50)", xscale="log",
    )  # fmt: skip
    axis.grid(axis="y", visible=False)
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles[:3], labels[:3], loc="outside lower center", ncols=3, frameon=False, markerscale=1.5)
    return figure


def by_group(table: pd.DataFrame) -> pd.DataFrame:
    """The groups of a table of `promotion.lifts`, largest first: series, median raw, own and shrunk lift."""
    group = table.attrs["group"]
    rows = table.groupby(group).agg(
        series=("lift", "size"), raw=("raw", "median"), group_lift=("group_lift", "first"), lift=("lift", "median")
    )
    rows = rows.sort_values("series", ascending=False, kind="stable").reset_index()
    return rows.assign(group=np.arange(1, len(rows) + 1))[["group", *rows.columns]]


def recovery(table: pd.DataFrame, true_lift: np.ndarray) -> pd.DataFrame:
    """Errors of the raw, group and shrunk log lifts where the truth (n_series,) is known, and coverage of intervals."""
    known = ~np.isnan(true_lift) & table["raw"].notna().to_numpy()
    truth = np.log(true_lift[known])
    rows = []
    for name in ("raw", "group_lift", "lift"):
        error = np.log(table[name].to_numpy()[known]) - truth
        row = {"estimate": name, "RMSE": np.sqrt((error**2).mean()), "MAE": np.abs(error).mean(), "bias": error.mean()}
        if name == "lift":
            z = np.abs(error) / table["log_sd"].to_numpy()[known]
            row |= {"80 % interval": (z <= norm.ppf(0.9)).mean(), "90 % interval": (z <= norm.ppf(0.95)).mean()}
        rows.append(row)
    return pd.DataFrame(rows)


def double_12(panel: Panel, november: Panel, groups=("category1", "category2", "category3")) -> pd.DataFrame:
    """How well Double 11's lifts, shrunk to each of `groups`, tell those of Double 12, the one other event known.

    Every other ordinary day of December is the surroundings of Double 11, the days between are those of Double 12, so
    no noise is shared. As the events differ in strength, the median difference of the log lifts is taken off. "event
    sd" is what the error holds beyond counting noise and the posterior variance: how lifts change between events.
    """
    ordinary = np.flatnonzero(promotion.ordinary_december(panel))
    first, second = (np.isin(np.arange(panel.n_days), ordinary[k::2]) for k in (0, 1))
    event = panel.dates.isin(promotion.DOUBLE_12)
    noise = promotion.placebo_noise(panel)
    december, inverse = promotion.log_ratio(
        panel.demand[:, event].sum(axis=1), event.sum(), panel.demand[:, second].sum(axis=1), second.sum()
    )
    rows = []
    for group in groups:
        table = promotion.lifts(panel, november, group, first, noise)
        scored = table["raw"].notna().to_numpy() & (panel.demand[:, ordinary].mean(axis=1) >= LEAST_UNITS)
        counting = noise[1] * inverse[scored].mean()
        estimates = {"no lift": np.zeros(len(table))} | {n: np.log(table[n]) for n in ("raw", "group_lift", "lift")}
        for name, log_lift in estimates.items():
            estimated = np.asarray(log_lift)[scored]
            error = estimated - december[scored]
            squared = ((error - np.median(error)) ** 2).mean()
            left = squared - counting - ((table["log_sd"][scored] ** 2).mean() if name == "lift" else 0)
            correlation = np.corrcoef(estimated, december[scored])[0, 1] if estimated.std() > 0 else np.nan
            rows.append((group, name, scored.sum(), np.sqrt(squared), correlation, np.sqrt(max(left, 0))))
    return pd.DataFrame(rows, columns=["group", "estimate", "series", "RMSE", "correlation", "event sd"])
