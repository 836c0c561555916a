"""The paper's tables and its Figure 1 beside ours, and the words of the verdicts."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from bowerbird.dm.as_run import PRINTED_COLUMNS
from bowerbird.paper import Printed
from bowerbird.table_3.scores import LEAK_FREE, TABLE_3_TOLERANCE

REPRODUCED, WITHIN, FOLLOWS, INPUT = "reproduced", "within tolerance", "follows from another number", "input of ours"
CONSISTENT, CONTRADICTED, NOT_FOUND, EXCLUDED = "consistent with", "contradicted", "not found", "excluded"
UNINFORMATIVE, UNKNOWABLE, NOT_COMPARABLE = "uninformative", "unknowable", "not comparable"
VERDICTS = {
    REPRODUCED: "a computation gives the same digits",
    WITHIN: "a computation comes within the tolerance that the reason names",
    FOLLOWS: "computed from, or a repetition of, a number printed elsewhere in the paper",
    INPUT: "we took it from the paper, so that it agrees shows nothing",
    CONSISTENT: "attained by protocols whose filter width was solved for it",
    CONTRADICTED: "the paper's text and table disagree",
    NOT_FOUND: "a search, which is named, does not give it",
    EXCLUDED: "impossible, under the conditions named",
    UNINFORMATIVE: "agreement is likely by chance",
    UNKNOWABLE: "it depends on what was never published",
    NOT_COMPARABLE: "made on other data",
}
FIGURE_1_TOLERANCE = 1  # unit a day


def compare(printed, ours) -> pd.DataFrame:
    """Whole printed numbers beside ours: paper, ours, difference, same [whether ours rounds to the printed number]."""
    frame = pd.DataFrame({"paper": np.asarray(printed, float), "ours": np.asarray(ours, float)})
    if (frame == frame.round()).all(axis=None):
        frame = frame.astype("int64")  # counts read as counts
    frame["difference"] = frame["ours"] - frame["paper"]
    frame["same"] = frame["ours"].round() == frame["paper"]
    return frame


def table_1(frequencies: np.ndarray, printed: Printed) -> pd.DataFrame:
    """Table 1 beside ten as-run frequencies, total last."""
    rows = compare([*printed.table_1["frequency"], printed.total], [*frequencies, np.sum(frequencies)])
    rows.insert(0, "cluster", [*(str(k) for k in range(1, 11)), "total"])
    return rows


def table_1_readings(as_run: np.ndarray, corrected: np.ndarray, printed: Printed) -> pd.DataFrame:
    """Table 1 as printed, as run (records of each K-means cluster) and corrected (series-days of clusters of curves).

    The corrected clusters stand in their own order of level; none is one of the printed clusters.
    """
    columns = {"paper": printed.table_1["frequency"], "as run": as_run, "corrected": corrected}
    rows = pd.DataFrame({name: pd.Series(np.asarray(values)) for name, values in columns.items()}).astype("Int64")
    rows = rows.join((100 * rows / rows.sum()).astype(float).round(2).add_suffix(", %"))
    rows.insert(0, "cluster", range(1, len(rows) + 1))
    return rows


def table_2(centres: pd.DataFrame, printed: Printed) -> pd.DataFrame:
    """Table 2's hundred cells beside as-run centres (K, 12), one row a cell."""
    columns = list(PRINTED_COLUMNS)
    rows = compare(printed.table_2[columns].to_numpy().ravel(), centres[columns].to_numpy().ravel())
    rows.insert(0, "cluster", np.repeat(np.arange(1, 11), len(columns)))
    rows.insert(1, "column", np.tile(columns, 10))
    return rows


def modes(attributes: pd.DataFrame, labels: np.ndarray, n_clusters: int) -> pd.DataFrame:
    """Most frequent value of every attribute in each cluster, such as "wh_1 (37 %)"; "–" in an empty cluster.

    Labels (n_series,) count from 0, the column "cluster" from 1.
    """

    def mode(values: pd.Series) -> str:
        shares = values.value_counts(normalize=True)
        return f"{shares.index[0]} ({100 * shares.iloc[0]:.0f} %)"

    table = attributes.groupby(labels).agg(mode).reindex(range(n_clusters), fill_value="–")
    return table.set_axis(range(1, n_clusters + 1)).rename_axis("cluster").reset_index()


_TABLE_3_COLUMNS = {  # what we take for each printed column
    "accuracy": "accuracy, quantile classes",
    "recall": "recall, quantile classes",
    "precision": "precision, quantile classes",
    "f1": "F1, quantile classes",
    "rmse": "RMSE / mean, own target",
    "one_minus_wmape": "1-WMAPE, own target",
}


def smoothed(protocols: pd.DataFrame) -> pd.DataFrame:
    """The protocols whose target is a smoothed series, named model, filter, protocol."""
    rows = protocols[protocols["protocol"] != LEAK_FREE]
    return rows.assign(name=rows["model"] + ", " + rows["filter"] + ", " + rows["protocol"])


def nearest_protocol(protocols: pd.DataFrame, printed: Printed) -> str:
    """The smoothed protocol nearest to Table 3 in all columns but the RMSE, which no protocol comes near."""
    rows = smoothed(protocols)
    scores = [name for name in _TABLE_3_COLUMNS if name != "rmse"]
    cells = printed.table_3.loc[rows["Index"].str.lower(), scores].to_numpy()
    distance = np.abs(rows[[_TABLE_3_COLUMNS[name] for name in scores]] - cells).sum(axis=1)
    return distance.groupby(rows["name"]).sum().idxmin()


def table_3(protocols: pd.DataFrame, printed: Printed) -> pd.DataFrame:
    """Table 3 beside one smoothed protocol in every cell, the best of all in each cell, and the leak-free LSTM.

    `protocols` are those of `scores.as_printed`. The best RMSE is the nearest under any normalization.
    """
    leak_free = protocols[(protocols["protocol"] == LEAK_FREE) & (protocols["model"] == "lstm")]
    candidates, name = smoothed(protocols), nearest_protocol(protocols, printed)
    errors = [column for column in protocols if column.startswith("RMSE")]
    rows = []
    for index, column in product(printed.table_3.index, printed.table_3.columns):
        ours, cell = _TABLE_3_COLUMNS[column], printed.table_3.loc[index, column]
        of_index = candidates[candidates["Index"].str.lower() == index].set_index("name")
        values = of_index[errors if column == "rmse" else [ours]].unstack()  # by measure and name
        best = (values - cell).abs().idxmin()
        as_run = of_index.loc[name, ours]
        best_by = best[1] if column != "rmse" else f"{best[1]}: {best[0].removesuffix(', own target')}"
        corrected = leak_free.loc[leak_free["Index"].str.lower() == index, ours].iloc[0]
        rows.append((index, column, cell, as_run, values[best], best_by, corrected, as_run - cell))
    names = ["index", "column", "paper", "as run", "best", "best by", "corrected", "difference"]
    return pd.DataFrame(rows, columns=names)


def table_3_over_seeds(protocols: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Mean and standard deviation of the leak-free LSTM's Table 3 over seeds, from `scores.as_printed` of each seed."""
    scores = pd.concat([rows.assign(index=rows["Index"].str.lower()) for rows in protocols])
    scores = scores.melt("index", list(_TABLE_3_COLUMNS.values()), "measure", "value")
    rows = scores.groupby(["index", "measure"])["value"].agg(mean="mean", sd="std", seeds="count")
    columns = list(product(("train", "test"), _TABLE_3_COLUMNS))
    rows = rows.loc[[(index, _TABLE_3_COLUMNS[column]) for index, column in columns]].reset_index(drop=True)
    return pd.concat([pd.DataFrame(columns, columns=["index", "column"]), rows], axis=1)


def nearest_text(protocols: pd.DataFrame, printed: Printed) -> str:
    """Which protocol stands for Table 3 "as run", and how many others would do, in words."""
    rows = smoothed(protocols)
    cell = rows["Index"].str.lower().map(printed.table_3["one_minus_wmape"])
    near = (rows["1-WMAPE, own target"] - cell).abs() <= TABLE_3_TOLERANCE
    near = near.groupby(rows["name"]).all()  # train and test
    return (
        f"Table 3 as run: {nearest_protocol(protocols, printed)}, one day ahead, scored against the smoothed series. "
        f"It is the nearest of {len(near)} such protocols, chosen afterwards; {near.sum()} of them come within "
        f"{TABLE_3_TOLERANCE} of the printed 1-WMAPE in train and test."
    )


def figure_1_over_seeds(
    forecasts: pd.DataFrame, by_seed: Sequence[pd.DataFrame], demand: np.ndarray, printed: Printed
) -> pd.DataFrame:
    """Figure 1's forecast by series and day, its spread over networks of other seeds, and how often chance agrees.

    `forecasts` and `by_seed` are frames of `Forecast.to_frame`, `demand` (n_series, n_days) all known demand. "met by
    chance" is the share of all series whose median of the last three weeks lies within a unit of all printed days.
    """
    table = _figure_1_example(forecasts, printed).rename("ours").to_frame()
    table["sd"] = pd.concat([_figure_1_example(frame, printed) for frame in by_seed], axis=1).std(axis=1)
    table["seeds"] = len(by_seed)
    median, three = np.nanmedian(demand[:, -21:], axis=1)[:, None], printed.figure_1["forecast"].to_numpy()
    table["met by chance"] = (np.abs(median - three) <= FIGURE_1_TOLERANCE).all(axis=1).mean()
    table = table.reset_index()
    table.insert(2, "paper", table["day"].map(dict(enumerate(three, 1))))
    return table


def figure_1_text(table: pd.DataFrame) -> str:
    """Figure 1's example, from `figure_1_over_seeds`, as text in whole units: product: 1, 1, 2; ..."""
    series = table.groupby("product_no")["ours"]
    return "; ".join(f"{p}: {', '.join(f'{x:.0f}' for x in three)}" for p, three in series) or "no such series"


def _figure_1_example(forecasts: pd.DataFrame, printed: Printed) -> pd.Series:
    """Forecasts of Figure 1's merchant in its warehouse on its days, by product_no and day, from 1."""
    seller, warehouse = printed.figure_1.loc[0, ["merchant_number", "warehouse_number"]]
    rows = forecasts[(forecasts["seller_no"] == f"seller_{seller}") & (forecasts["warehouse_no"] == f"wh_{warehouse}")]
    rows = rows.sort_values(["product_no", "date"])
    rows = rows.assign(day=rows.groupby("product_no").cumcount() + 1)
    return rows[rows["day"] <= len(printed.figure_1)].set_index(["product_no", "day"])["forecast_qty"]
