"""Figures of notebook 10: what updating is worth, and what a day costs."""

import numpy as np
import pandas as pd

from bowerbird.figures.style import BLUE, COLOURS, GREY, format_days, new_figure


def updates(scores: pd.DataFrame, table: pd.DataFrame):
    """Left, 1 - WMAPE of the days after each evening; right, the difference to the state update with its interval."""
    figure, (left, right) = new_figure(1, 2, width=10.5, height=3.6, width_ratios=[3, 2])
    for name, colour in zip(scores, COLOURS, strict=False):
        simple, style = name.endswith("daily"), "--" if name.startswith("weekly") else "-"  # two lines may coincide
        left.plot(
            scores.index,
            scores[name],
            style,
            marker="" if simple else "o",
            ms=3,
            lw=1 if simple else 1.8,
            color=colour,
            label=name,
        )
    left.set(title="Accuracy of the days ahead, by evening", ylabel="1 − WMAPE")
    format_days(left)
    others = table[table["difference"] != 0]
    place = np.arange(len(others))[::-1]
    centre = others["difference"].to_numpy()
    spread = np.abs(np.stack([centre - others["low"], others["high"] - centre]))
    right.errorbar(centre, place, xerr=spread, fmt="o", color=BLUE, capsize=3)
    right.axvline(0, color=GREY, ls="--")
    right.set_yticks(place, others["updating"])
    right.set(title="Against the state update", xlabel="difference in 1 − WMAPE; right of 0: better")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def seconds_a_day(table: pd.DataFrame):
    """Seconds of every day's run, step on step; the days on which the network was fine-tuned carry a star."""
    figure, axis = new_figure(width=7.2, height=3.2)
    days, below = np.arange(1, len(table) + 1), np.zeros(len(table))
    for name, colour in zip(table.columns[2:-1], COLOURS, strict=False):
        axis.bar(days, table[name], bottom=below, color=colour, label=name)
        below = below + table[name].to_numpy()
    tuned = table["fine-tuned"].to_numpy()
    axis.plot(days[tuned], below[tuned] * 1.03, "*", color=GREY, ms=10, label="fine-tuned")
    axis.set(title="What a day costs", xlabel="day of operation", ylabel="seconds", xticks=days)
    figure.legend(loc="outside lower center", ncols=6, frameon=False)
    return figure
