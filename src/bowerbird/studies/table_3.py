"""Notebook 07: the experiment on Table 3, denoising of known days, and their figures."""

from itertools import product

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.evaluation.bootstrap import estimate, samples
from bowerbird.seeds import stream
from bowerbird.studies.style import BLUE, ORANGE, RED, new_figure
from bowerbird.table_3.protocols import Protocol, make_forecasts
from bowerbird.table_3.scores import CHOICES


def table_3(table: pd.DataFrame, printed: float):
    """Test scores of one-day protocols against their own target and raw demand; the paper's figure as a line."""
    test = table[table["Index"] == "Test"]
    names = test["model"] + ", " + test["filter"] + ", " + test["protocol"]
    position = np.arange(len(test))
    figure, axis = new_figure(width=9, height=0.36 * len(test) + 1.2)
    for name, up, colour, ink in (("its own target", 0.19, ORANGE, "black"), ("raw demand", -0.19, BLUE, "white")):
        scores = test[f"1-WMAPE, {name.removeprefix('its ')}"]
        bars = axis.barh(position + up, scores, 0.36, color=colour, label=f"against {name}")
        axis.bar_label(bars, fmt="%.3f", padding=-26, fontsize=7, color=ink)
    axis.axvline(printed, color=RED, ls="--", lw=1.2, label=f"Table 3: {printed}")
    axis.set_yticks(position, names, fontsize=8)
    axis.set(title="One day ahead, test days: what is scored decides", xlabel="1 − WMAPE", xlim=(0, 1.08))
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def widths(cells: pd.DataFrame, families: pd.DataFrame, printed: float):
    """Test 1 - WMAPE against the width of the filter, on both targets; a circle where a family attains Table 3."""
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
    for axis, (kind, when) in zip(axes, panels, strict=True):
        shown, circled = (t[(t["kind"] == kind) & (t["filtered"] == when)] for t in (test, attaining))
        for (model, colour), (horizon, dashes), (against, target, alpha) in lines:
            line = shown[(shown["model"] == model) & (shown["horizon"] == horizon) & (shown["against"] == against)]
            line = line.sort_values("width")
            label = f"{model}, {horizon}, against {target}"
            axis.plot(line["width"], line["1-WMAPE"], dashes, color=colour, alpha=alpha, label=label)
        axis.plot(circled["width"], circled["1-WMAPE"], "o", mfc="none", mec=RED, ms=8, mew=1.6)
        axis.axhline(printed, color=RED, ls=":", lw=1.4, label=f"Table 3: {printed}")
        axis.set(xscale="log", xlabel="width, days", ylim=(0.35, 1.02))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set_title(f"{kind}\n{'whole series' if when == 'before' else 'past days only'}", fontsize=9.5)
    axes[0].set_ylabel("1 − WMAPE, test")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)
    figure.suptitle("The score by the width of the filter, against the smoothed series and against demand", fontsize=11)
    return figure


FILTERED = {"after": "known days, whole", "causal inputs": "each day from its past"}


def prefix_denoising(panel: Panel, n_origins: int, seed: int = 0) -> pd.DataFrame:
    """Ridge on 28 lags of filtered demand, leak-free, against the same on demand as it is, 15 days from each origin.

    One row a filter, the unfiltered first; 1-WMAPE against raw demand by origin, their mean, its difference to no
    filter and the difference's 95 % interval over series.
    """
    horizon = 15
    filters = [chosen for chosen in product((False, True), (0.0, 0.7, 2.0, 5.0)) if any(chosen)]
    protocols = [Protocol(False, 0.0, horizon=horizon)]
    protocols += [Protocol(wavelet, sigma, when, horizon=horizon) for when in FILTERED for wavelet, sigma in filters]
    panels = [panel.until(panel.n_days - horizon * step) for step in reversed(range(n_origins))]
    demand = np.stack([known.demand[:, -horizon:].sum(axis=1) for known in panels])  # (n_origins, n_series)
    errors = np.stack([[_error(known, p) for known in panels] for p in protocols])  # (n_filters, n_origins, n_series)
    weights = samples(panel.n_series, 1000, stream(seed, "table 3/bootstrap"))  # (1 + n_draws, n_series)
    scores = 1 - errors @ weights.T / (demand @ weights.T)  # (n_filters, n_origins, 1 + n_draws)
    difference, low, high = estimate((scores - scores[0]).mean(axis=1).T)  # (n_filters,) each
    return pd.DataFrame(
        {
            "filter": [p.filter_name for p in protocols],
            "filtered": [FILTERED[p.when] if p.is_filtered else "–" for p in protocols],
            **{f"day {known.n_days - horizon}": scores[:, i, 0] for i, known in enumerate(panels)},
            "mean": scores[..., 0].mean(axis=1),
            "difference": difference,
            "low": low,
            "high": high,
        }
    )


def _error(panel: Panel, protocol: Protocol) -> np.ndarray:
    """Summed absolute error of each series over the test days (n_series,)."""
    found = make_forecasts(panel, protocol)
    return np.abs(found.raw - found.forecast)[:, -1].sum(axis=1)  # the last origin is the test
