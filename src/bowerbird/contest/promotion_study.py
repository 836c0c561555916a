"""Are the lifts true? Against the truth of the synthetic twin, and against Double 12, the other event at hand."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from bowerbird.contest import promotion
from bowerbird.data.panel import Panel


def by_group(table: pd.DataFrame) -> pd.DataFrame:
    """The groups of a table of `promotion.lifts`, largest first: series, median raw, own and shrunk lift."""
    group = table.attrs["group"]
    rows = table.groupby(group).agg(
        series=("lift", "size"), raw=("raw", "median"), group_lift=("group_lift", "first"), lift=("lift", "median")
    )
    rows = rows.sort_values("series", ascending=False, kind="stable").reset_index()
    return rows.assign(group=np.arange(1, len(rows) + 1))[["group", *rows.columns]]


def recovery(table: pd.DataFrame, true_lift: np.ndarray) -> pd.DataFrame:
    """Errors of raw, group's and shrunk lifts where the truth is known, as in the synthetic twin.

    Parameters
    ----------
    table : DataFrame
        Of `lifts`.
    true_lift : array (n_series,)
        NaN where unknown; such series, and those without a raw lift, are left out.

    Returns
    -------
    DataFrame, a row an estimate: root mean squared and mean absolute error of the log lift, bias of it, and, for the
    shrunk, the shares of true lifts in the 80 % and the 90 % interval.
    """
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


def double_12(
    panel: Panel, november: Panel, groups=("category1", "category2", "category3"), least: float = 1.0
) -> pd.DataFrame:
    """Do Double 11's lifts tell Double 12's? The one check on another event that the attachments allow.

    Every other ordinary day of December is the surroundings of Double 11, the days between are those of Double 12, so
    no noise is shared. As the events differ in strength, the median difference of the log lifts is taken off.

    Parameters
    ----------
    panel, november : Panel
        附件1 and 附件6.
    groups : sequence of str
        Columns of the series to shrink to.
    least : float
        Units a day that a series must sell on ordinary days to be scored.

    Returns
    -------
    DataFrame, a row a way to tell: group, estimate, root mean squared error of the log lift, correlation, and the event
    sd, what the error holds beyond counting noise (and the posterior variance): how lifts change between events.
    """
    ordinary = np.flatnonzero(promotion.ordinary_december(panel))
    first, second = (np.isin(np.arange(panel.n_days), ordinary[k::2]) for k in (0, 1))
    event = panel.dates.isin(promotion.DOUBLE_12)
    noise = promotion.placebo_noise(panel)
    there, inverse = promotion.log_ratio(
        panel.demand[:, event].sum(axis=1), event.sum(), panel.demand[:, second].sum(axis=1), second.sum()
    )
    rows = []
    for group in groups:
        table = promotion.lifts(panel, november, group, first, noise)
        scored = table["raw"].notna().to_numpy() & (panel.demand[:, ordinary].mean(axis=1) >= least)
        counting = noise[1] * inverse[scored].mean()
        estimates = {"no lift": np.zeros(len(table))} | {n: np.log(table[n]) for n in ("raw", "group_lift", "lift")}
        for name, log_lift in estimates.items():
            said = np.asarray(log_lift)[scored]
            error = said - there[scored]
            squared = ((error - np.median(error)) ** 2).mean()
            left = squared - counting - ((table["log_sd"][scored] ** 2).mean() if name == "lift" else 0)
            rows.append(
                {
                    "group": group, "estimate": name, "series": scored.sum(), "RMSE": np.sqrt(squared),
                    "correlation": np.corrcoef(said, there[scored])[0, 1] if said.std() > 0 else np.nan,
                    "event sd": np.sqrt(max(left, 0)),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)
