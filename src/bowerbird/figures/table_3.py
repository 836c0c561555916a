"""Figures of notebook 06: which protocol prints Table 3."""

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from bowerbird.figures.style import BLUE, ORANGE, RED, new_figure

# short horizons first, simple models first, days before random rows
ORDER = ("1 day", "15 days", "15 days, recursive", "persistence", "ridge", "lstm", "last", "random")
RANKS = {label: rank for rank, label in enumerate(ORDER)}


def table_3(table: pd.DataFrame, printed: float):
    """Test scores of every protocol against its own target and against raw demand; the paper's figure as a line."""
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


def heat_map(cells: pd.DataFrame, families: pd.DataFrame):
    """Test 1 - WMAPE by model, horizon and split against the filter, run before the split; what prints 0.945 is framed.

    Parameters
    ----------
    cells : DataFrame
        From `table_3.study.run`, the design's protocols.
    families : DataFrame
        From `table_3.verdict.families`; its members nearest the print fill the last column, headed "nearest".
    """
    shown = cells[(cells["Index"] == "Test") & cells["decomposed"].isin(["before", "–"])]
    labels = ["horizon", "model", "split"]
    order = shown[labels].drop_duplicates().sort_values(labels, key=lambda column: column.map(RANKS))
    widths = sorted(shown["sigma"].unique())
    nearest = families[families["decomposed"] == "before"].assign(wavelet=lambda t: t["filter"].str.contains("sym8"))
    figure, axes = new_figure(2, 2, width=11, height=0.44 * len(order) + 2.6, sharex=True, sharey=True)
    for (row, against), (column, wavelet) in (
        (a, w) for a in enumerate(("denoised", "raw")) for w in enumerate((False, True))
    ):
        axis, part = axes[row, column], shown[shown["wavelet"] == wavelet]
        part = part[(part["against"] == against) | (part["filter"] == "none")]
        grid = part.pivot(index=labels, columns="sigma", values="1-WMAPE")
        grid = grid.reindex(index=pd.MultiIndex.from_frame(order), columns=widths)
        members = nearest[(nearest["against"] == "denoised") & (nearest["wavelet"] == wavelet)].set_index(labels)
        members = members.reindex(grid.index)
        prints = members["prints"].eq(True)  # missing rows do not
        last = members["test" if row == 0 else "raw, test"].astype(float)
        values = np.column_stack([grid.to_numpy(), last])  # (n_rows, n_widths + 1)
        mesh = axis.imshow(values, cmap="cividis", vmin=0.4, vmax=1.0, aspect="auto")
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                text = f"{value:.3f}"
                if j == len(widths):
                    text += f"\n{members['filter'].iloc[i].removeprefix('sym8 + ').removeprefix('Gaussian ')}"
                axis.text(j, i, text, ha="center", va="center", fontsize=6.2, color="white" if value < 0.7 else "black")
            if j == len(widths) and prints.iloc[i] and row == 0:
                axis.add_patch(Rectangle((j - 0.47, i - 0.46), 0.94, 0.92, fill=False, edgecolor=RED, lw=2.2))
        axis.axvline(len(widths) - 0.5, color="white", lw=3)
        axis.grid(False)
        axis.set_title(
            f"{'sym8 + Gaussian' if wavelet else 'Gaussian alone'}, against "
            f"{'the filtered series' if row == 0 else 'raw demand'}"
        )
        axis.set_xticks(range(len(widths) + 1), [*("none" if s == 0 else f"{s:g}" for s in widths), "nearest"])
        axis.set_yticks(range(len(order)), [f"{m}, {h}, {s}" for h, m, s in order.itertuples(index=False)])
        axis.tick_params(labelsize=7.5)
    figure.supxlabel("standard deviation of the Gaussian filter, days", fontsize=9)
    figure.colorbar(mesh, ax=axes, shrink=0.6, label="1 − WMAPE, test")
    figure.suptitle("What is scored decides: framed, the protocols that print Table 3 in train and test", fontsize=11)
    return figure
