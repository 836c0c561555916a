"""The paper's tables and its Figure 1 beside ours."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bowerbird import paper
from bowerbird.dm.as_run import PRINTED_COLUMNS

NOT_COMPARABLE = "not comparable"
TABLE_3_TOLERANCE = 0.005  # how near a protocol's score must come to count as an explanation of a printed one
RECORDS_TOLERANCE = 20  # records that an explanation of Table 1 may misplace
CELLS_TOLERANCE = 5  # centre cells in which an explanation of Table 2 may differ


def compare(printed, ours, decimals: int = 0) -> pd.DataFrame:
    """Printed | ours | difference | verdict, row by row.

    Parameters
    ----------
    printed, ours : sequences of float
    decimals : int
        Digits the paper prints; "exact" means equal after rounding to them.

    Returns
    -------
    DataFrame: paper, ours, difference, verdict.
    """
    frame = pd.DataFrame({"paper": np.asarray(printed, float), "ours": np.asarray(ours, float)})
    if (frame == frame.round()).all(axis=None):
        frame = frame.astype("int64")  # counts read as counts
    frame["difference"] = frame["ours"] - frame["paper"]
    frame["verdict"] = np.where(frame["ours"].round(decimals) == frame["paper"].round(decimals), "exact", "differs")
    return frame


def table_1(frequencies: np.ndarray) -> pd.DataFrame:
    """Table 1 beside ten as-run frequencies, total last."""
    printed = [*paper.TABLE_1["frequency"], paper.TABLE_1_TOTAL]
    rows = compare(printed, [*frequencies, np.sum(frequencies)])
    rows.insert(0, "cluster", [*(str(k) for k in range(1, 11)), "total"])
    return rows


def table_1_readings(as_run: np.ndarray, corrected: np.ndarray) -> pd.DataFrame:
    """Table 1 in three readings: as printed, as run in the print's order, corrected in its own order of level.

    Parameters
    ----------
    as_run : int array (10,)
        Day-records of each K-means cluster, in the order of the print.
    corrected : int array (K,)
        Series-days of each cluster of curves; its clusters are others, and none stands for a printed one.

    Returns
    -------
    DataFrame: cluster, paper, as run, corrected, and the share of each column's total in percent.
    """
    columns = {"paper": paper.TABLE_1["frequency"], "as run": as_run, "corrected": corrected}
    rows = pd.DataFrame({name: pd.Series(np.asarray(values)) for name, values in columns.items()}).astype("Int64")
    rows = rows.join((100 * rows / rows.sum()).astype(float).round(2).add_suffix(", %"))
    rows.insert(0, "cluster", range(1, len(rows) + 1))
    return rows


def table_2(centres: pd.DataFrame) -> pd.DataFrame:
    """Table 2's hundred cells beside as-run centres (K, 12), one row a cell."""
    ours = centres[list(PRINTED_COLUMNS)].to_numpy()
    rows = compare(paper.TABLE_2[list(PRINTED_COLUMNS)].to_numpy().reshape(-1), ours.reshape(-1))
    rows.insert(0, "cluster", np.repeat(np.arange(1, 11), len(PRINTED_COLUMNS)))
    rows.insert(1, "column", np.tile(PRINTED_COLUMNS, 10))
    return rows


def modes(attributes: pd.DataFrame, labels: np.ndarray, n_clusters: int) -> pd.DataFrame:
    """Most frequent label of every attribute in each cluster, with its share of the cluster's series.

    Parameters
    ----------
    attributes : DataFrame (n_series, n_attributes)
    labels : int array (n_series,)
        Counted from 0.
    n_clusters : int

    Returns
    -------
    DataFrame: cluster, then the attributes; cells such as "wh_1 (37 %)", "–" in an empty cluster.
    """
    rows = []
    for k in range(n_clusters):
        members = attributes[labels == k]
        row = {"cluster": k + 1}
        for column in attributes:
            shares = members[column].value_counts(normalize=True)
            row[column] = f"{shares.index[0]} ({100 * shares.iloc[0]:.0f} %)" if len(members) else "–"
        rows.append(row)
    return pd.DataFrame(rows)


_TABLE_3_COLUMNS = {
    "accuracy": "accuracy, quantile classes",
    "recall": "recall, quantile classes",
    "precision": "precision, quantile classes",
    "f1": "F1, quantile classes",
    "rmse": "RMSE / mean, own target",
    "one_minus_wmape": "1-WMAPE, own target",
}
"""Our reading of each printed column."""


def nearest_protocol(protocols: pd.DataFrame) -> tuple[str, str]:
    """Model and filter of the leaky protocol whose Table 3 row comes nearest the printed ones, train and test.

    The RMSE does not take part: no protocol comes near it.
    """
    leaky = protocols[protocols["protocol"] == "as the paper"]
    scores = [name for name in _TABLE_3_COLUMNS if name != "rmse"]
    distance = {
        key: sum(
            abs(row[_TABLE_3_COLUMNS[name]] - paper.TABLE_3.loc[row["Index"].lower(), name])
            for _, row in part.iterrows()
            for name in scores
        )
        for key, part in leaky.groupby(["model", "filter"])
    }
    return min(distance, key=distance.get)


def table_3(protocols: pd.DataFrame) -> pd.DataFrame:
    """Table 3 beside the leaky protocol that comes nearest and the honest LSTM.

    Parameters
    ----------
    protocols : DataFrame
        One-day protocols in the layout of `bowerbird.table_3.scores.as_printed`.

    Returns
    -------
    DataFrame: index, column, paper, as_run, corrected, difference (as run - paper), verdict.
    """
    model, name = nearest_protocol(protocols)
    leaky = (protocols["protocol"] == "as the paper") & (protocols["model"] == model) & (protocols["filter"] == name)
    honest = (protocols["protocol"] == "honest") & (protocols["model"] == "lstm")
    rows = []
    for index in paper.TABLE_3.index:
        of_index = protocols["Index"].str.lower() == index
        as_run, corrected = protocols[leaky & of_index].iloc[0], protocols[honest & of_index].iloc[0]
        for column in paper.TABLE_3.columns:
            ours = _TABLE_3_COLUMNS[column]
            printed, difference = paper.TABLE_3.loc[index, column], as_run[ours] - paper.TABLE_3.loc[index, column]
            near = abs(difference) <= TABLE_3_TOLERANCE
            rows.append(
                {
                    "index": index,
                    "column": column,
                    "paper": printed,
                    "as run": as_run[ours],
                    "corrected": corrected[ours],
                    "difference": difference,
                    "verdict": "explained" if near else "not reached",
                }
            )
    return pd.DataFrame(rows)


def table_3_over_seeds(protocols: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The honest LSTM's Table 3 over seeds.

    Parameters
    ----------
    protocols : sequence of DataFrame
        For each seed its honest protocol, in the layout of `bowerbird.table_3.scores.as_printed`.

    Returns
    -------
    DataFrame: index, column, mean, sd [over seeds, nan for one], seeds.
    """
    scores = pd.concat([rows.assign(index=rows["Index"].str.lower()) for rows in protocols])
    scores = scores.melt("index", list(_TABLE_3_COLUMNS.values()), "measure", "value")
    rows = scores.groupby(["index", "measure"])["value"].agg(mean="mean", sd="std", seeds="count")
    columns = [(index, column) for index in paper.TABLE_3.index for column in paper.TABLE_3.columns]
    rows = rows.loc[[(index, _TABLE_3_COLUMNS[column]) for index, column in columns]].reset_index(drop=True)
    return pd.concat([pd.DataFrame(columns, columns=["index", "column"]), rows], axis=1)


def nearest_text(protocols: pd.DataFrame) -> str:
    """Which protocol stands for Table 3 "as run", and how many others would do, in words."""
    model, name = nearest_protocol(protocols)
    leaky = protocols[protocols["protocol"] == "as the paper"]
    printed = leaky["Index"].str.lower().map(paper.TABLE_3["one_minus_wmape"])
    near = (leaky["1-WMAPE, own target"] - printed).abs() <= TABLE_3_TOLERANCE
    near = near.groupby([leaky["model"], leaky["filter"]]).all()  # train and test
    return (
        f"Table 3 as run: {model} on series filtered whole with {name}, scored against the filtered series. Of "
        f"{len(near)} such protocols, {near.sum()} come within {TABLE_3_TOLERANCE} of its 1-WMAPE in train and test."
    )


def figure_1(forecasts: pd.DataFrame) -> dict:
    """Our forecasts for Figure 1's example, seller_6 and wh_43, beside 2, 2, 3.

    Parameters
    ----------
    forecasts : DataFrame
        From `Forecast.to_frame`, from 2023-05-16 on.

    Returns
    -------
    dict: "series" (product -> first three days, rounded) and "verdict".
    """
    printed = list(paper.FIGURE_1["forecast"])
    by_product = _figure_1_example(forecasts).groupby("product_no")
    series = {product: [round(value) for value in values] for product, values in by_product}
    off = [max(abs(a - b) for a, b in zip(three, printed, strict=True)) for three in series.values()]
    if 0 in off:
        verdict = f"equal for {off.count(0)} of {len(off)}"
    else:
        verdict = "within 1 unit" if min(off, default=2) <= 1 else "differs"
    return {"series": series, "verdict": verdict}


def figure_1_over_seeds(forecasts: pd.DataFrame, by_seed: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Figure 1's example by series and day, with its spread over seeds.

    Parameters
    ----------
    forecasts : DataFrame
        The forecast, from `Forecast.to_frame`.
    by_seed : sequence of DataFrame
        The same by single networks, each trained with a seed of its own.

    Returns
    -------
    DataFrame: product_no, day, paper, ours, sd [over seeds, nan for one], seeds; no row where no series is merchant 6's
    in warehouse 43.
    """
    table = _figure_1_example(forecasts).rename("ours").to_frame()
    table["sd"] = pd.concat([_figure_1_example(frame) for frame in by_seed], axis=1).std(axis=1)
    table["seeds"] = len(by_seed)
    table = table.reset_index()
    table.insert(2, "paper", table["day"].map(dict(enumerate(paper.FIGURE_1["forecast"], 1))))
    return table


def figure_1_text(example: dict) -> str:
    """Figure 1's example as text: product: 1, 1, 2; ..."""
    return "; ".join(f"{p}: {', '.join(map(str, three))}" for p, three in example["series"].items()) or "no such series"


def _figure_1_example(forecasts: pd.DataFrame) -> pd.Series:
    """Forecasts of merchant 6's series in warehouse 43 on Figure 1's days, by product_no and day, from 1."""
    seller, warehouse = paper.FIGURE_1.loc[0, ["merchant_number", "warehouse_number"]]
    rows = forecasts[(forecasts["seller_no"] == f"seller_{seller}") & (forecasts["warehouse_no"] == f"wh_{warehouse}")]
    rows = rows.sort_values(["product_no", "date"])
    rows = rows.assign(day=rows.groupby("product_no").cumcount() + 1)
    return rows[rows["day"] <= len(paper.FIGURE_1)].set_index(["product_no", "day"])["forecast_qty"]
