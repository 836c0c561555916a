"""Figures of notebook 04: the filters, and how the future leaks through them."""

import numpy as np

from bowerbird.studies.style import BLUE, GREY, ORANGE, RED, format_days, new_figure


def filters(dates, demand: np.ndarray, filtered: dict[str, np.ndarray], names: list[str]):
    """Demand of some series and their filtered versions."""
    figure, axes = new_figure(len(demand), 1, width=9.5, height=2.0 * len(demand), sharex=True, squeeze=False)
    for axis, row, name in zip(axes[:, 0], range(len(demand)), names, strict=True):
        axis.plot(dates, demand[row], color=GREY, lw=0.8, label="demand")
        for (label, series), colour in zip(filtered.items(), (ORANGE, BLUE), strict=False):
            axis.plot(dates, series[row], color=colour, lw=1.6, label=label)
        axis.set_title(name, fontsize=9, parse_math=False)  # an id may hold a $
        axis.set_ylabel("units a day")
        format_days(axis)
    axes[0, 0].legend(frameon=False, ncols=3, fontsize=8)
    return figure


def leak(dates, before: dict[str, np.ndarray], after: dict[str, np.ndarray], origin: int):
    """Change of every training day's filtered value when only days after the origin are changed."""
    figure, axis = new_figure(width=7.2, height=3)
    for name, colour in zip(before, (ORANGE, BLUE), strict=True):
        change = np.abs(after[name] - before[name])[:, :origin].mean(axis=0)
        axis.plot(dates[:origin], change, color=colour, label=name)
    axis.axvline(dates[origin], color=RED, ls="--", lw=1)
    axis.set_yscale("symlog", linthresh=1e-3)  # zero is zero
    axis.set_ylim(bottom=-3e-4)
    axis.text(dates[origin], 0.03, "origin ", color=RED, fontsize=8, ha="right", transform=axis.get_xaxis_transform())
    axis.set(
        title="Only days after the origin are changed; what moves before it?",
        ylabel="mean change of the\nfiltered value, units",
    )
    axis.legend(frameon=False)
    format_days(axis)
    return figure
