"""What became of every number the paper prints: in three readings, with a verdict and a line of reason.

Everything is computed from the tables a run leaves (`tables.MAKERS`) and from the paper's literals (`paper.PRINTED`):
the same tables give the same verdicts, in a run's folder or in a committed report.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird import paper
from bowerbird.paper.comparison import NOT_COMPARABLE, RECORDS_TOLERANCE, TABLE_3_TOLERANCE
from bowerbird.runs.tables import Tables
from bowerbird.table_3.protocols import n_train_days
from bowerbird.table_3.scores import NORMALIZATIONS

VERDICTS = {
    "exact": "a reading gives the printed digits",
    "within tolerance": "a reading comes within the tolerance that the reason names",
    "explained": "the figure follows from something other than what the text says of it, and that is shown",
    "refuted": "no reading gives it, or the paper's own numbers exclude it",
    "unknowable": "it depends on what was never published",
}
FIGURE_1_TOLERANCE = 1  # unit a day
CELL_TOLERANCE = 1  # unit of a label's code number
HALF_DIGIT = 0.0005  # what rounding to three decimals may hide
NONE = "–"
_VALUE = paper.PRINTED.set_index("id")["value"]


@dataclass(frozen=True)
class Judgement:
    """One printed number's readings as text ("–" where a reading says nothing), its verdict and why."""

    verdict: str
    reason: str
    as_printed: str = NONE
    as_run: str = NONE
    corrected: str = NONE


def verdicts(tables: Tables, real: bool) -> pd.DataFrame:
    """Judge every number of `paper.PRINTED`.

    Parameters
    ----------
    tables : Tables
        From `tables.read_tables`.
    real : bool
        Whether they come from the attachments; on other data nothing printed can be judged.

    Returns
    -------
    DataFrame, one row a printed number, in the order of `PRINTED`: place; paper, as printed, as run, corrected [text;
    ± is the standard deviation over seeds]; verdict; reason.

    Raises
    ------
    MissingResult
        A table is not there; the message says which notebook makes it.
    """
    judged = _table_1(tables) | _table_2(tables) | _table_3(tables)
    judged |= _text(tables, judged) | _figure_1(tables)
    rows = []
    for printed in paper.PRINTED.itertuples():
        found = judged[printed.id]
        rows.append(
            {
                "place": ", ".join(x for x in (printed.place, printed.row, _column(printed)) if x),
                "paper": f"{printed.value:,.{printed.decimals}f}",
                "as printed": found.as_printed,
                "as run": found.as_run,
                "corrected": found.corrected,
                "verdict": found.verdict if real else NOT_COMPARABLE,
                "reason": found.reason if real else "these are not the paper's data",
            }
        )
    return pd.DataFrame(rows)


def _column(printed) -> str:
    """The printed header, told apart where it stands twice; or what a number of the text is about."""
    if printed.column:
        return "second Accuracy" if printed.id.endswith("/precision") else printed.column
    return printed.id.split("/", 1)[1].replace("/", " ").replace("_", " ")


def counts(judged: pd.DataFrame) -> dict[str, int]:
    """How many numbers got each verdict, in the order of VERDICTS."""
    found = judged["verdict"].value_counts()
    return {name: int(found.get(name, 0)) for name in VERDICTS if NOT_COMPARABLE not in found} or found.to_dict()


def page(judged: pd.DataFrame, real: bool) -> str:
    """VERDICT.md: the counts, what the words mean, the whole table.

    Parameters
    ----------
    judged : DataFrame
        From `verdicts`.
    real : bool
        Whether the run's data are the attachments.

    Returns
    -------
    str, Markdown.
    """
    lines = ["# The verdict", "", f"What became of each of the {len(judged)} numbers the paper prints.", ""]
    if not real:
        lines += ["**These are not the paper's data: no number can be judged by them.**", ""]
    meaning = VERDICTS | {NOT_COMPARABLE: "made on other data"}
    lines += ["| verdict | numbers | meaning |", "|:--|--:|:--|"]
    lines += [f"| {name} | {number} | {meaning[name]} |" for name, number in counts(judged).items()]
    return "\n".join(lines) + "\n" + _NOTE + "\n" + judged.to_markdown(index=False, disable_numparse=True) + "\n"


_NOTE = """
Each number in three readings: *as printed*, what the formulas give to the letter; *as run*, what evidently made it, or
the computation that comes nearest; *corrected*, what a careful computation gives, ± its standard deviation over seeds.
A dash says that a reading does not speak of the number. The corrected clusters, and those of eq. 9 as printed, are
clusters of curves in order of level; none stands for a printed one. "Explained" and "refuted" speak of numbers: what
the data and the text are consistent with, not how anyone worked.
"""


def agreement(printed: float, ours: float, decimals: int, tolerance: float) -> str:
    """Compare a reading with the print: "exact" after rounding, "within tolerance", or "refuted"."""
    if round(ours, decimals) == round(printed, decimals):
        return "exact"
    return "within tolerance" if abs(ours - printed) <= tolerance else "refuted"


def plus_minus(value: float, sd: float, layout: str) -> str:
    """A value ± its standard deviation over seeds; alone where one seed was run, a dash where there is no value."""
    if np.isnan(value):
        return NONE
    return layout.format(value) + ("" if np.isnan(sd) else f" ± {layout.format(sd)}")


def _table_1(tables: Tables) -> dict[str, Judgement]:
    readings = {
        "as_printed": tables["dm_members"]["eq. 9 as printed: series"] * tables["merge_counts"]["n_days"][0],
        "as_run": tables["table_1"]["ours"][: len(paper.TABLE_1)],
        "corrected": tables["table_1_seeds"]["mean"],
        "sd": tables["table_1_seeds"]["sd"],
    }
    rows = [*(f"cluster_{k}" for k in paper.TABLE_1.index), "total"]
    judged = {}
    for column, layout, decimals in (("frequency", "{:,.0f}", 0), ("percentage", "{:.3f}", 3)):
        total = {name: x.sum() for name, x in readings.items()} | {"sd": readings["corrected"].sum()}
        unit = {name: total[name] / 100 if column == "percentage" else 1 for name in readings}
        for number, row in enumerate(rows):
            key = f"table_1/{row}/{column}"
            if row == "total":
                value = {name: total[name] / unit[name] for name in readings} | {"sd": np.nan}
            else:
                value = {name: x.get(number, np.nan) / unit[name] for name, x in readings.items()}
            exact_to = 1 if key == "table_1/total/percentage" else decimals
            judged[key] = Judgement(
                agreement(_VALUE[key], value["as_run"], exact_to, RECORDS_TOLERANCE / unit["as_run"]),
                _MERGED if key == "table_1/total/frequency" else _OF_TABLE_1[column],
                plus_minus(value["as_printed"], np.nan, layout),
                plus_minus(value["as_run"], np.nan, layout),
                plus_minus(value["corrected"], value["sd"], layout),
            )
    return judged


_MERGED = "a merge with a list of warehouses that names two of them twice doubles their series"
_OF_TABLE_1 = {
    "frequency": f"plain K-means of the merged records on label codes (tolerance {RECORDS_TOLERANCE} records)",
    "percentage": "the as-run frequency's share of the merged records",
}


def _table_2(tables: Tables) -> dict[str, Judgement]:
    judged = {}
    for cell in tables["table_2"].itertuples():
        same = "exact" if cell.verdict == "exact" else agreement(cell.paper, cell.ours, 0, CELL_TOLERANCE)
        reason = "mean of code numbers in order of first appearance; no clustering of curves has such a mean"
        judged[f"table_2/cluster_{cell.cluster}/{cell.column}"] = Judgement(same, reason, as_run=f"{cell.ours:.2f}")
    return judged


def _table_3(tables: Tables) -> dict[str, Judgement]:
    seeds = tables["table_3_seeds"].set_index(["index", "column"])
    families = tables["table_3_families"].query("against == 'denoised'")
    prints = families[families["prints"]]
    fitting = (prints["classes"] != NONE).sum()
    within = f"(tolerance {TABLE_3_TOLERANCE})"
    classes = (
        f"quartile classes of a filtered series {within}; {fitting} of {len(prints)} families fit in all class scores"
    )
    share = f"scored against a filtered series {within}: {len(prints)} of {len(families)} families print it"
    reasons = dict.fromkeys(paper.TABLE_3.columns, classes) | {"one_minus_wmape": share}
    judged = {}
    for cell in tables["table_3"].to_dict("records"):
        index, column = cell["index"], cell["column"]
        as_run, score = cell["as run"], paper.TABLE_3.loc[index]
        if column == "one_minus_wmape" and len(prints):
            as_run = prints.iloc[0][index]  # the family that comes nearest
        verdict, reason = "explained", reasons[column]
        if abs(as_run - score[column]) > TABLE_3_TOLERANCE:
            verdict, reason = "refuted", f"the nearest protocol stays away {within}"
        # F1 = 2 / (1/recall + 1/precision) at most, with all that rounding may hide
        if column == "f1" and score["f1"] - HALF_DIGIT > 2 / sum(1 / (score[["recall", "precision"]] + HALF_DIGIT)):
            verdict, reason = "refuted", "no F1 lies above the harmonic mean of the recall and precision beside it"
        if column == "rmse":
            verdict, reason = _rmse(prints)
        mean, sd = seeds.loc[(index, column), ["mean", "sd"]]
        judged[f"table_3/{index}/{column}"] = Judgement(
            verdict, reason, as_run=f"{as_run:.3f}", corrected=plus_minus(mean, sd, "{:.3f}")
        )
    return judged


def _rmse(prints: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason for the RMSE column, from the families that print the 1-WMAPE beside it."""
    fits, fits_one_minus = ((prints[f"{kind}, distance"] <= TABLE_3_TOLERANCE).sum() for kind in ("RMSE", "1 - RMSE"))
    if fits:
        return "explained", f"a normalized RMSE of {fits} of the {len(prints)} families that print the 1-WMAPE"
    return "refuted", (
        f"an error, under none of {len(NORMALIZATIONS)} normalizations, in none of the {len(prints)} families that "
        f"print the 1-WMAPE; one minus the error in {fits_one_minus}; here divided by the mean"
    )


def _text(tables: Tables, judged: dict[str, Judgement]) -> dict[str, Judgement]:
    members, criteria = tables["dm_members"], tables["dm_number_of_clusters"]
    left = (members["eq. 9 as printed: series"] > 0).sum()
    as_run = (tables["table_1"]["ours"][: len(paper.TABLE_1)] > 0).sum()
    found = (members["corrected: series"] > 0).sum()
    best = criteria["K"][criteria["BIC (curves)"].idxmin()]
    tried = criteria["K"].max()
    demand = tables["as_run_demand"]["qty"][0]
    n_days = tables["merge_counts"]["n_days"][0]
    train = 100 * n_train_days(n_days) / n_days
    layers = tables["sbo_history"].sort_values("value")["layers"].iloc[0]
    texts = {
        "text/n_clusters": Judgement(
            agreement(_VALUE["text/n_clusters"], as_run, 0, 0),
            f"clusters of records, K given; eq. 9 as printed leaves {left}; of K up to {tried}, BIC takes {best}",
            f"{left}", f"{as_run}", f"{found}",
        ),
        "text/example/demand": Judgement(
            agreement(_VALUE["text/example/demand"], demand, 0, 1),
            "mean demand of cluster 1's records, which Table 2 leaves out", as_run=f"{demand:.2f}",
        ),
        "text/hidden_layers_more_than": Judgement(
            "unknowable", "said of another study; how many were run is not said; here SBO chose", corrected=f"{layers}"
        ),
    }  # fmt: skip
    for name in ("seller_no", "warehouse_no", "warehouse_region", "product_no"):
        texts[f"text/example/{name}"] = judged[f"table_2/cluster_1/{name}"]
    for name, share in (("train", train), ("test", 100 - train)):
        key = f"text/{name}_share_percent"
        reason = f"{n_train_days(n_days)} of {n_days} days are the nearest whole share; by days or by rows is not said"
        texts[key] = Judgement(agreement(_VALUE[key], share, 0, 1), reason, as_run=f"{share:.2f}")
    for key, cell in _MEANT.items():
        texts[key] = judged[cell] if _VALUE[key] == _VALUE[cell] else _mix_up(key, cell, judged[cell])
    return texts


_MEANT = {
    "text/train_accuracy": "table_3/train/accuracy",
    "text/one_minus_wmape": "table_3/test/one_minus_wmape",
    "text/test_one_minus_wmape": "table_3/test/one_minus_wmape",
    "text/test_rmse": "table_3/test/rmse",
}
"""The cell of Table 3 that each score in the text is said to be."""


def _mix_up(key: str, cell: str, meant: Judgement) -> Judgement:
    """A score of the text that Table 3 prints otherwise: where in the table it does stand."""
    cells = [name for name, value in _VALUE.items() if name.startswith("table_3/") and value == _VALUE[key]]
    places = ", ".join(name.removeprefix("table_3/").replace("/", " ") for name in cells)
    reason = f"Table 3 has {_VALUE[cell]:.3f} there; {_VALUE[key]:.3f} stands in it as {places}"
    return Judgement("explained" if cells else "refuted", reason, as_run=meant.as_run, corrected=meant.corrected)


def _figure_1(tables: Tables) -> dict[str, Judgement]:
    ours = tables["figure_1"].pivot(index="product_no", columns="day", values=["ours", "sd"])
    printed = paper.FIGURE_1["forecast"].to_numpy()
    names = ["figure_1/merchant_number", "figure_1/warehouse_number"]
    if ours.empty:
        none = Judgement("refuted", "this merchant has no series in this warehouse")
        return dict.fromkeys([*names, *(f"figure_1/day_{day}" for day in range(1, len(printed) + 1))], none)
    product = (ours["ours"] - printed).abs().sum(axis=1).idxmin()
    reason = f"raw ids: {len(ours)} series of this merchant lie in this warehouse; which is meant is not said"
    judged = {key: Judgement("exact", reason, as_run=f"{_VALUE[key]:.0f}") for key in names}
    for day, value in enumerate(printed, 1):
        forecast, sd = ours.loc[product, ("ours", day)], ours.loc[product, ("sd", day)]
        near = abs(round(forecast) - value) <= FIGURE_1_TOLERANCE
        judged[f"figure_1/day_{day}"] = Judgement(
            "within tolerance" if near else "refuted",
            f"our forecast of {product}, tolerance {FIGURE_1_TOLERANCE} unit; what was sold then was never published",
            corrected=plus_minus(forecast, sd, "{:.2f}"),
        )
    return judged
