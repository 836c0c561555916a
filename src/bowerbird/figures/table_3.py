"""Figures of notebook 06: which protocols attain Table 3."""

from itertools import product

import numpy as np
import pandas as pd

from bowerbird.figures.style import BLUE, ORANGE, RED, new_figure
from bowerbird.table_3.scores import CHOICES


def table_3(table: pd.DataFrame, printed: float):
    """Test scores of one-day protocols against their own target and raw demand; the paper's figure as a line."""
    test = table[table["Index"] == "Test"]
    names = test["model"] + ", " + test["filter"] + ", " + test["protocol"]
    position = np.arange(len(test))
    figure, axis = new_figure(width=9, height=0.36 * len(test) + 1.2)
    axis.barh(position + 0.19, test["1-WMAPE, own target"], 0.36, color=ORANGE, label="against its own target")
    axis.barh(position - 0.19, test["1-WMAPE, raw demand"], 0.36, color=BLUE, label="against raw demand")
    for name, offset, colour in (("own target", 0.19, "black"), ("raw demand", -0.19, "white")):
        for row, value in enumerate(test[f"1-WMAPE, {name}"]):
            axis.text(value - 0.008, row + offset, f"{value:.3f}", va="center", ha="right", fontsize=7, color=colour)
    axis.axvline(printed, color=RED, ls="--", lw=1.2, label=f"Table 3: {printed}")
    axis.set_yticks(position, names, fontsize=8)
    axis.set(title="One day ahead, test days: what is scored decides", xlabel="1 − WMAPE", xlim=(0, 1.08))
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def widths(cells: pd.DataFrame, families: pd.DataFrame, printed: float):
    """Test 1 - WMAPE against the width of the filter, against the smoothed series and against raw demand.

    Parameters
    ----------
    cells : DataFrame
        From `table_3.study.run`, the members at the solved widths included.
    families : DataFrame
        From `table_3.verdict.families`; members that attain the printed scores in train and test get a circle.
    printed : float
        The printed test score.
    """
    test = cells[(cells["Index"] == "Test") & (cells["split"] == "last") & (cells["width"] > 0)]
    attaining = test.merge(families.loc[families["attains"], [*CHOICES, "against"]])
    panels = [
        ("Gaussian", "before"),
        ("sym8 + Gaussian", "before"),
        ("Gaussian", "causal"),
        ("trailing mean", "causal"),
    ]
    lines = list(product((("persistence", BLUE), ("ridge", ORANGE)), (("1 day", "-"), ("15 days", "--")),
                         (("denoised", "the smoothed series", 1.0), ("raw", "raw demand", 0.4))))  # fmt: skip
    figure, axes = new_figure(1, len(panels), width=11, height=4.4, sharey=True)
    for axis, (kind, filtered) in zip(axes, panels, strict=True):
        shown, circled = (t[(t["kind"] == kind) & (t["filtered"] == filtered)] for t in (test, attaining))
        for (model, colour), (horizon, dashes), (against, target, alpha) in lines:
            line = shown[(shown["model"] == model) & (shown["horizon"] == horizon) & (shown["against"] == against)]
            line = line.sort_values("width")
            label = f"{model}, {horizon}, against {target}"
            axis.plot(line["width"], line["1-WMAPE"], dashes, color=colour, alpha=alpha, label=label)
        axis.plot(circled["width"], circled["1-WMAPE"], "o", mfc="none", mec=RED, ms=8, mew=1.6)
        axis.axhline(printed, color=RED, ls=":", lw=1.4, label=f"Table 3: {printed}")
        axis.set(xscale="log", xlabel="width, days", ylim=(0.35, 1.02))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set_title(f"{kind}\n{'whole series' if filtered == 'before' else 'past days only'}", fontsize=9.5)
    axes[0].set_ylabel("1 − WMAPE, test")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)
    figure.suptitle("A wide enough filter attains the printed score, with or without later days", fontsize=11)
    return figure
