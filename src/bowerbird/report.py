"""The paper's numbers beside ours, in three readings: as printed, as run, corrected; each with a verdict.

Verdicts: exact (equal to the printed digits), explained (the as-run reading gives it, within what is said), refuted (an
honest computation gives something else), new (the paper prints nothing), not comparable (synthetic data).
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird import paper
from bowerbird.as_run import PRINTED_COLUMNS
from bowerbird.errors import MissingResult
from bowerbird.runs import project_root, read_json, write_json

NOT_COMPARABLE = "not comparable"
TABLE_3_TOLERANCE = 0.005  # how near a protocol's score must come to count as an explanation of a printed one
RECORDS_TOLERANCE = 20  # records that an explanation of Table 1 may misplace
CELLS_TOLERANCE = 5  # centre cells in which an explanation of Table 2 may differ

KEPT_TABLES = (
    "headline", "verdict", "table_1", "table_1_readings", "table_1_corrected", "table_1_seeds", "table_2",
    "table_2_corrected", "table_3", "table_3_seeds", "table_3_protocols", "table_3_families", "table_3_draws",
    "table_3_verdict", "table_3_prefix", "dm_members", "dm_scales", "dm_number_of_clusters", "as_run_demand",
    "as_run_starts", "as_run_choices", "as_run_stability", "merge_counts", "cleaning_outliers", "denoising_leak",
    "sbo_functions", "sbo_win_rates", "sbo_ranks", "sbo_at_length", "sbo_history", "lstm_summary",
    "lstm_importance", "forecast_scores", "ladder_differences", "levels", "levels_reconciled", "new_items_scores",
    "new_items_coverage", "promotion_lifts", "promotion_double_12", "inventory_cost_of_service",
    "inventory_summary", "inventory_scorecard", "inventory_rule_and_exact", "inventory_worth", "inventory_prices",
    "inventory_pareto", "ladder_combination", "sbo_lstm", "planning_how_much", "planning_when", "planning_documents",
    "planning_shared_capacity", "planning_budget", "planning_bullwhip", "planning_prices", "planning_alert_quality",
    "planning_stock_alert_quality", "planning_learning", "planning_search", "planning_lost_sales", "daily_updates",
    "daily_seconds", "figure_1", "errata", "disagreements", "deviations", "documents",
)  # fmt: skip
KEPT_FIGURES = (
    "table_3", "table_3_heat_map", "ladder", "ladder_differences", "levels", "code_slices", "as_run_starts",
    "dm_number_of_clusters", "new_items_scores", "promotion_lifts", "cost_of_service", "sbo_tuning", "sbo_convergence",
    "sbo_win_rates", "levels_reconciled", "calibration", "sbo_lstm",
    "planning_exact_levels", "planning_budget", "planning_network", "planning_prices", "planning_learning",
)  # fmt: skip
KEPT_PAGES = ("VERDICT.md", "DEVIATIONS.md", "ERRATA.md", "DOCUMENTS.md")
"""What reports/ keeps of a run: derived numbers, and no figure that draws a series of the attachments."""


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


def nearest_protocol(protocols: pd.DataFrame) -> tuple[str, str]:
    """Model and filter of the leaky protocol whose Table 3 row comes nearest the printed ones, train and test."""
    leaky = protocols[protocols["protocol"] == "as the paper"]
    distance = {
        key: sum(
            abs(row[_TABLE_3_COLUMNS[name]] - paper.TABLE_3.loc[row["Index"].lower(), name])
            for _, row in part.iterrows()
            for name in _TABLE_3_COLUMNS
        )
        for key, part in leaky.groupby(["model", "filter"])
    }
    return min(distance, key=distance.get)


_TABLE_3_COLUMNS = {
    "accuracy": "accuracy, quantile classes",
    "recall": "recall, quantile classes",
    "precision": "precision, quantile classes",
    "f1": "F1, quantile classes",
    "one_minus_wmape": "1-WMAPE, own target",
}


def table_3(protocols: pd.DataFrame) -> pd.DataFrame:
    """Table 3 beside the leaky protocol that comes nearest and the honest LSTM.

    Parameters
    ----------
    protocols : DataFrame
        One-day protocols in the layout of `bowerbird.table_3_scores.as_printed`.

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
            ours = _TABLE_3_COLUMNS.get(column, "RMSE / mean, own target")
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
        For each seed its honest protocol, in the layout of `bowerbird.table_3_scores.as_printed`.

    Returns
    -------
    DataFrame: index, column, mean, sd [over seeds, nan for one], seeds.
    """
    named = _TABLE_3_COLUMNS | {"rmse": "RMSE / mean, own target"}
    scores = pd.concat([rows.assign(index=rows["Index"].str.lower()) for rows in protocols])
    scores = scores.melt("index", list(named.values()), "measure", "value")
    rows = scores.groupby(["index", "measure"])["value"].agg(mean="mean", sd="std", seeds="count")
    columns = [(index, column) for index in paper.TABLE_3.index for column in paper.TABLE_3.columns]
    rows = rows.loc[[(index, named[column]) for index, column in columns]].reset_index(drop=True)
    return pd.concat([pd.DataFrame(columns, columns=["index", "column"]), rows], axis=1)


def headline(results: dict, real: bool) -> pd.DataFrame:
    """The paper's headline numbers in three readings.

    Parameters
    ----------
    results : dict
        Results of the earlier stages by name (see `runs.RESULTS`).
    real : bool
        Whether the data are the attachments; on synthetic data nothing printed can be compared.

    Returns
    -------
    DataFrame: quantity, place, paper, as printed, as run, corrected, verdict; cells are text.
    """
    counts, dm, protocols = results["merge_counts"], results["dm_summary"], results["table_3"]
    frequencies = results["table_1_as_run"]["ours"].to_numpy()[:10]
    scores, plan = results["forecast_scores"], results["inventory_summary"]
    cells = results["table_2_as_run"]
    third = table_3(protocols).set_index(["index", "column"])
    honest_15 = scores.set_index(["method", "protocol"])["1-WMAPE"]["SBO-LSTM"]
    test = third.loc["test"]

    equal = int((frequencies == paper.TABLE_1["frequency"].to_numpy()).sum())
    off = int(np.abs(frequencies - paper.TABLE_1["frequency"].to_numpy()).sum())
    agree = int((cells["verdict"] == "exact").sum())
    n_clusters, n_cells = len(paper.TABLE_1), paper.TABLE_2.size

    def row(quantity, place, printed, as_printed, as_run, corrected, verdict, any_data=False):
        verdict = verdict if real or any_data else NOT_COMPARABLE
        return dict(zip(_HEADLINE, (quantity, place, printed, as_printed, as_run, corrected, verdict), strict=True))

    matching = [f"{equal} ({off:,} records off)", f"{agree}"] if real else ["–", "–"]
    rows = [
        row("records clustered", "Table 1, total", f"{paper.TABLE_1_TOTAL:,}", "–", f"{counts['records_naive']:,}",
            f"{counts['records_correct']:,}",
            "exact" if counts["records_naive"] == paper.TABLE_1_TOTAL else "differs"),
        row(f"frequencies equal, of {n_clusters}", "Table 1", f"{n_clusters}", "–", matching[0], "–",
            _agreement(off, RECORDS_TOLERANCE)),
        row(f"centre cells equal, of {n_cells}", "Table 2", f"{n_cells}", "–", matching[1], "–",
            _agreement(n_cells - agree, CELLS_TOLERANCE)),
        row("clusters", "3.2", f"{n_clusters}", f"eq. 9 leaves {dm['clusters_printed']}",
            f"{(frequencies > 0).sum()} of records", f"{dm['clusters_corrected']} of curves",
            "refuted as printed" if dm["clusters_printed"] < n_clusters else "possible as printed", any_data=True),
        *(
            row(label, "Table 3, test", f"{paper.TABLE_3.loc['test', column]:.3f}", "–",
                f"{test.loc[column, 'as run']:.3f}", f"{test.loc[column, 'corrected']:.3f}",
                f"{test.loc[column, 'verdict']} by a leak" if test.loc[column, "verdict"] == "explained"
                else "not reached")
            for column, label in (("accuracy", "accuracy (quartile classes)"), ("f1", "F1 (quartile classes)"),
                                  ("one_minus_wmape", "1-WMAPE, 1 day ahead"), ("rmse", "RMSE / mean demand"))
        ),
        row("1-WMAPE, 15 days ahead", "abstract: 05-16 to 05-30", "–", "–", "–",
            f"{honest_15['R']:.3f} (last days {honest_15['P15']:.3f})", "new", any_data=True),
        row("forecast, seller 6, wh 43", "Figure 1", ", ".join(map(str, paper.FIGURE_1["forecast"])), "–", "–",
            figure_1_text(results["figure_1"]),
            results["figure_1"]["verdict"]),
        row("fill rate of the plan", "title", "–", "–", "–", f"{plan['fill_rate']:.3f}", "new", any_data=True),
    ]  # fmt: skip
    return pd.DataFrame(rows)


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


def _agreement(misses: int, tolerance: int) -> str:
    return "exact" if misses == 0 else "explained" if misses <= tolerance else "differs"


_HEADLINE = ("quantity", "place", "paper", "as printed", "as run", "corrected", "verdict")


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
    rows = forecasts[(forecasts["seller_no"] == "seller_6") & (forecasts["warehouse_no"] == "wh_43")]
    printed = list(paper.FIGURE_1["forecast"])
    series = {
        product: [round(value) for value in part.sort_values("date")["forecast_qty"].iloc[: len(printed)]]
        for product, part in rows.groupby("product_no")
    }
    within = any(max(abs(a - b) for a, b in zip(three, printed, strict=True)) <= 1 for three in series.values())
    return {"series": series, "verdict": "within 1 unit" if within else "differs"}


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
    days = len(paper.FIGURE_1)

    def example(frame: pd.DataFrame) -> pd.Series:
        rows = frame[(frame["seller_no"] == "seller_6") & (frame["warehouse_no"] == "wh_43")]
        rows = rows.sort_values(["product_no", "date"])
        rows = rows.assign(day=rows.groupby("product_no").cumcount() + 1)
        return rows[rows["day"] <= days].set_index(["product_no", "day"])["forecast_qty"]

    table = example(forecasts).rename("ours").to_frame()
    table["sd"] = pd.concat([example(frame) for frame in by_seed], axis=1).std(axis=1)
    table["seeds"] = len(by_seed)
    table = table.reset_index()
    table.insert(2, "paper", table["day"].map(dict(enumerate(paper.FIGURE_1["forecast"], 1))))
    return table


def figure_1_text(example: dict) -> str:
    """Figure 1's example as text: product: 1, 1, 2; ..."""
    return "; ".join(f"{p}: {', '.join(map(str, three))}" for p, three in example["series"].items()) or "no such series"


def headline_text(run: Path) -> str:
    """The headline table of a finished run, for the terminal."""
    path = Path(run) / "tables" / "headline.md"
    if not path.is_file():
        return f"No headline table in {run}: 11_verdict has not run."
    return path.read_text(encoding="utf-8").rstrip()


def keep(run: str) -> Path:
    """Copy what is worth keeping of a finished run to reports/<run's name>/: pages, tables, figures, run.json.

    Parameters
    ----------
    run : str
        The run's folder.

    Returns
    -------
    Path of the report.

    Raises
    ------
    MissingResult
        The run is not complete.
    """
    source = Path(run)
    if not (source / "run.json").is_file() or not (source / "tables" / "headline.csv").is_file():
        raise MissingResult(f"{source}: no finished run there; run `make reproduce` or give another folder")
    target = project_root() / "reports" / source.name
    partial = target.with_name(f".{target.name}")
    shutil.rmtree(partial, ignore_errors=True)
    for folder, names, suffixes in (("tables", KEPT_TABLES, (".csv", ".md")), ("figures", KEPT_FIGURES, (".png",))):
        (partial / folder).mkdir(parents=True)
        for path in (source / folder / f"{name}{suffix}" for name in names for suffix in suffixes):
            if path.is_file():
                shutil.copy2(path, partial / folder)
    for page in KEPT_PAGES:
        if (source / page).is_file():
            shutil.copy2(source / page, partial)
    record = read_json(source / "run.json")
    for parameters in record["parameters"].values():  # a report says which data, not where they lay
        parameters.pop("out", None)
        if parameters.get("data", "synthetic") != "synthetic":
            parameters["data"] = "attachments"
    record["command"] = record["command"].split(" --data ")[0]
    write_json(partial / "run.json", record)
    shutil.rmtree(target, ignore_errors=True)  # only now: an interrupted copy leaves the old report
    partial.rename(target)
    return target
