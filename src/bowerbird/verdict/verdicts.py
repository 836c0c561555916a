"""Every printed number as printed, as run and corrected, with one verdict and its reason; and the headline table.

Everything is computed from the tables that a run leaves and from `paper.PRINTED`: the same tables give the same
verdicts, in a run's folder or in a committed report.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird import paper
from bowerbird.runs.stage import Tables, one
from bowerbird.table_3.conclusions import with_and_without_later_days
from bowerbird.table_3.protocols import n_train_days
from bowerbird.table_3.scores import NORMALIZATIONS, TABLE_3_TOLERANCE
from bowerbird.verdict.comparison import (
    CONSISTENT,
    CONTRADICTED,
    EXCLUDED,
    FIGURE_1_TOLERANCE,
    FOLLOWS,
    INPUT,
    NOT_COMPARABLE,
    NOT_FOUND,
    REPRODUCED,
    UNINFORMATIVE,
    UNKNOWABLE,
    VERDICTS,
    WITHIN,
    figure_1_text,
    nearest_text,
)

RECORDS_TOLERANCE = 20  # records of a cluster
CELL_TOLERANCE = 1  # unit of a label's code number
CHANCE = 0.05  # share of all series from which an agreement counts as likely by chance
HALF_DIGIT = 0.0005  # what rounding to three decimals may hide
NONE = "–"  # where a formula or computation says nothing of the number
_VALUE = paper.PRINTED.set_index("id")["value"]


def _place(printed) -> str:
    """Where a number stands: table, row and header, told apart where it stands twice; or what the text says of it."""
    column = "second Accuracy" if printed.id.endswith("/precision") else printed.column
    about = column or printed.id.split("/", 1)[1].replace("/", " ").replace("_", " ")
    return ", ".join(x for x in (printed.place, printed.row, about) if x)


_PLACE = {printed.id: _place(printed) for printed in paper.PRINTED.itertuples()}


def verdicts(tables: Tables, real: bool) -> pd.DataFrame:
    """Judge every number of `paper.PRINTED`, from the tables of a run; on other data than the paper's judge none.

    Columns: id, place, paper, as printed, as run, best, corrected [text; ± is the standard deviation over seeds],
    verdict, reason.
    """
    judged = _table_1(tables) | _table_2(tables) | _table_3(tables)
    judged |= _text(tables, judged) | _figure_1(tables)
    rows = []
    for printed in paper.PRINTED.itertuples():
        number = {"id": printed.id, "place": _PLACE[printed.id], "paper": f"{printed.value:,.{printed.decimals}f}"}
        rows.append(number | judged[printed.id])
    rows = pd.DataFrame(rows)
    return rows if real else rows.assign(verdict=NOT_COMPARABLE, reason="these are not the paper's data")


def _judged(verdict: str, reason: str, as_printed=NONE, as_run=NONE, best=NONE, corrected=NONE) -> dict[str, str]:
    """One number's columns, all text."""
    ours = {"as printed": as_printed, "as run": as_run, "best": best, "corrected": corrected}
    return ours | {"verdict": verdict, "reason": reason}


def agreement(printed: float, ours: float, tolerance: float) -> str:
    """The verdict on a whole printed number from ours alone."""
    if round(ours) == printed:
        return REPRODUCED
    return WITHIN if abs(ours - printed) <= tolerance else NOT_FOUND


def plus_minus(value: float, sd: float, layout: str) -> str:
    """A value ± its standard deviation over seeds; alone where one seed was run, a dash where there is no value."""
    if np.isnan(value):
        return NONE
    return layout.format(value) + ("" if np.isnan(sd) else f" ± {layout.format(sd)}")


def _readings(value: pd.Series, layout: str) -> dict[str, str]:
    as_printed, as_run = (plus_minus(value[name], np.nan, layout) for name in ("as printed", "as run"))
    corrected = plus_minus(value["corrected"], value["sd"], layout)
    return {"as_printed": as_printed, "as_run": as_run, "corrected": corrected}


def _table_1(tables: Tables) -> dict[str, dict]:
    readings = {
        "as printed": tables["dm_members"]["eq. 9 as printed: series"] * tables["merge_counts"]["n_days"][0],
        "as run": tables["table_1"]["ours"][: len(paper.TABLE_1)],
        "corrected": tables["table_1_seeds"]["mean"],
        "sd": tables["table_1_seeds"]["sd"],
    }
    values = pd.DataFrame(readings).astype(float)
    values.loc["total"] = values.sum()
    values.loc["total", "sd"] = np.nan
    shares = 100 * values / values.loc["total"].fillna(values.loc["total", "corrected"])
    clustered = f"K-means of the merged records on label codes (tolerance {RECORDS_TOLERANCE} records)"
    merged = "a merge with a list of warehouses that names two of them twice doubles their series"
    judged = {}
    for at, row in [*enumerate(f"cluster_{k}" for k in paper.TABLE_1.index), ("total", "total")]:
        frequency, percentage = (f"table_1/{row}/{column}" for column in ("frequency", "percentage"))
        judged[frequency] = _judged(
            agreement(_VALUE[frequency], values.loc[at, "as run"], RECORDS_TOLERANCE),
            merged if row == "total" else clustered,
            **_readings(values.loc[at], "{:,.0f}"),
        )
        expected = 100 * _VALUE[frequency] / _VALUE["table_1/total/frequency"]
        decimals = 1 if row == "total" else 3
        judged[percentage] = _judged(
            FOLLOWS if round(expected, decimals) == _VALUE[percentage] else CONTRADICTED,
            f"the printed frequency's share of the printed total is {expected:.{decimals}f}",
            **_readings(shares.loc[at], "{:.3f}"),
        )
    return judged


def _table_2(tables: Tables) -> dict[str, dict]:
    reason = "mean of code numbers in order of first appearance; no clustering of curves has such a mean"
    return {
        f"table_2/cluster_{cell.cluster}/{cell.column}": _judged(
            REPRODUCED if cell.same else agreement(cell.paper, cell.ours, CELL_TOLERANCE),
            reason,
            as_run=f"{cell.ours:.2f}",
        )
        for cell in tables["table_2"].itertuples()
    }


def _table_3(tables: Tables) -> dict[str, dict]:
    seeds = tables["table_3_seeds"].set_index(["index", "column"])
    families = tables["table_3_families"].query("against == 'denoised'")
    attaining = families[families["attains"]]
    judged = {}
    for cell in tables["table_3"].to_dict("records"):
        index, column = cell["index"], cell["column"]
        if column == "rmse":
            verdict, reason = _rmse(attaining)
        elif column == "one_minus_wmape":
            verdict = CONSISTENT if len(attaining) else NOT_FOUND
            reason = (
                f"{len(attaining)} of {len(families)} families of protocols with a smoothed target come within "
                f"{TABLE_3_TOLERANCE} in train and test, at a filter width solved for it"
            )
        else:
            verdict, reason = _class_score(cell, attaining)
        mean, sd = seeds.loc[(index, column), ["mean", "sd"]]
        judged[f"table_3/{index}/{column}"] = _judged(
            verdict,
            reason,
            as_run=f"{cell['as run']:.3f}",
            best=f"{cell['best']:.3f}",
            corrected=plus_minus(mean, sd, "{:.3f}"),
        )
    return judged


def _class_score(cell: dict, attaining: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason for accuracy, recall, precision or F1."""
    printed, column = paper.TABLE_3.loc[cell["index"]], cell["column"]
    # F1 = 2 / (1/recall + 1/precision) at most, with all that rounding may hide
    bound = 2 / sum(1 / (printed[["recall", "precision"]] + HALF_DIGIT))
    if column == "f1" and printed["f1"] - HALF_DIGIT > bound:
        return EXCLUDED, (
            f"if the second Accuracy is Precision and one average over classes is used throughout, F1 is at most "
            f"{bound:.4f}, the harmonic mean of recall and precision"
        )
    near = [name for name in ("as run", "best") if abs(cell[name] - printed[column]) <= TABLE_3_TOLERANCE]
    alone = f", by {cell['best by']} alone" if near == ["best"] else ""
    reason = (
        f"quartile classes of a smoothed series, tolerance {TABLE_3_TOLERANCE}{alone}; "
        f"{(attaining['classes'] != NONE).sum()} of {len(attaining)} families that attain the 1-WMAPE fit in all four "
        "class scores"
    )
    if column in ("accuracy", "recall") and printed["accuracy"] != printed["recall"]:
        reason += (
            "; a recall weighted over classes always equals the accuracy, so weighted averages exclude the printed "
            f"digits {printed['accuracy']:.3f} and {printed['recall']:.3f} together"
        )
    return (WITHIN if near else NOT_FOUND), reason


def _rmse(attaining: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason for the RMSE column, from the families that attain the 1-WMAPE beside it."""
    fits, fits_one_minus = (
        (attaining[f"{kind}, distance"] <= TABLE_3_TOLERANCE).sum() for kind in ("RMSE", "1 - RMSE")
    )
    searched = f"{len(NORMALIZATIONS)} normalizations, in {len(attaining)} families that attain the 1-WMAPE"
    if fits:
        return WITHIN, f"an error under one of {searched}: in {fits}, tolerance {TABLE_3_TOLERANCE}"
    return NOT_FOUND, (
        f"searched: the error under {searched}; one minus the error comes within {TABLE_3_TOLERANCE} in "
        f"{fits_one_minus}; as run it is divided by the mean"
    )


def _text(tables: Tables, judged: dict[str, dict]) -> dict[str, dict]:
    members, criteria = tables["dm_members"], tables["dm_number_of_clusters"]
    left = (members["eq. 9 as printed: series"] > 0).sum()
    as_run = (tables["table_1"]["ours"][: len(paper.TABLE_1)] > 0).sum()
    found = (members["corrected: series"] > 0).sum()
    best, tried = criteria["K"][criteria["BIC (curves)"].idxmin()], criteria["K"].max()
    demand = tables["as_run_demand"]["qty"][0]
    layers = tables["sbo_history"].sort_values("value")["layers"].iloc[0]
    texts = {
        "text/n_clusters": _judged(
            INPUT, f"K is given to K-means; eq. 9 as printed leaves {left}; of K up to {tried}, BIC takes {best}",
            as_printed=f"{left}", as_run=f"{as_run}", corrected=f"{found}",
        ),
        "text/example/demand": _judged(
            agreement(_VALUE["text/example/demand"], demand, 1),
            "mean demand of cluster 1's records, which Table 2 leaves out", as_run=f"{demand:.2f}",
        ),
        "text/hidden_layers_more_than": _judged(
            UNKNOWABLE, "said of another study; how many were run is not said; here SBO chose", corrected=f"{layers}"
        ),
    }  # fmt: skip
    n_days = tables["merge_counts"]["n_days"][0]
    train = 100 * n_train_days(n_days) / n_days
    for name, share in (("train", train), ("test", 100 - train)):
        reason = f"{n_train_days(n_days)} of {n_days} days are the nearest whole share; by days or by rows is not said"
        texts[f"text/{name}_share_percent"] = _judged(INPUT, reason, as_run=f"{share:.2f}")
    for key, cell in paper.SAID_TO_BE.items():
        texts[key] = judged[cell] | {"as printed": NONE} | _repeated(key, cell, judged[cell]["verdict"])
    return texts


def _repeated(key: str, cell: str, verdict: str) -> dict[str, str]:
    """Verdict and reason for a number of the text that a table prints as well, or prints otherwise."""
    if _VALUE[key] == _VALUE[cell]:
        return {"verdict": FOLLOWS, "reason": f"repeats {_PLACE[cell]}, whose verdict is: {verdict}"}
    cells = [_PLACE[name] for name, value in _VALUE.items() if name.startswith("table_3/") and value == _VALUE[key]]
    places = "; ".join(place.removeprefix("Table 3, ") for place in cells) or "nothing"
    reason = f"Table 3 has {_VALUE[cell]:.3f} there; {_VALUE[key]:.3f} stands in it as {places}"
    return {"verdict": CONTRADICTED, "reason": reason}


def _figure_1(tables: Tables) -> dict[str, dict]:
    ours = tables["figure_1"].pivot(index="product_no", columns="day", values=["ours", "sd"])
    printed = paper.FIGURE_1["forecast"].to_numpy()
    names = ["figure_1/merchant_number", "figure_1/warehouse_number"]
    if ours.empty:
        none = _judged(NOT_FOUND, "searched: the attachments' series; this merchant has none in this warehouse")
        return dict.fromkeys([*names, *(f"figure_1/day_{day}" for day in range(1, len(printed) + 1))], none)
    product = (ours["ours"] - printed).abs().sum(axis=1).idxmin()
    reason = f"raw ids: {len(ours)} series of this merchant lie in this warehouse; which is meant is not said"
    judged = {key: _judged(INPUT, reason, as_run=f"{_VALUE[key]:.0f}") for key in names}
    chance = tables["figure_1"]["met by chance"].iloc[0]
    for day, value in enumerate(printed, 1):
        forecast, sd = ours.loc[product, ("ours", day)], ours.loc[product, ("sd", day)]
        near = abs(round(forecast) - value) <= FIGURE_1_TOLERANCE
        judged[f"figure_1/day_{day}"] = _judged(
            NOT_FOUND if not near else UNINFORMATIVE if chance > CHANCE else WITHIN,
            f"our forecast of {product}, tolerance {FIGURE_1_TOLERANCE} unit; a plain median of the last days comes as "
            f"near in {100 * chance:.0f} % of all series; what was sold then was never published",
            corrected=plus_minus(forecast, sd, "{:.2f}"),
        )
    return judged


def counts(judged: pd.DataFrame) -> dict[str, int]:
    """How many numbers got each verdict that occurs, in the order of VERDICTS."""
    found = judged["verdict"].value_counts()
    return {name: int(found[name]) for name in VERDICTS if name in found}


_HEADLINE_SCORES = {
    "accuracy": "accuracy (quartile classes)",
    "f1": "F1 (quartile classes)",
    "one_minus_wmape": "1-WMAPE, 1 day ahead",
    "rmse": "RMSE / mean demand",
}


def headline(judged: pd.DataFrame, tables: Tables, real: bool) -> pd.DataFrame:
    """The headline numbers in three readings with the verdicts of `verdicts`; all cells are text."""

    def summary(pattern: str) -> str:
        found = counts(judged[judged["id"].str.match(pattern)])
        return next(iter(found)) if len(found) == 1 else ", ".join(f"{number} {name}" for name, number in found.items())

    cell = judged.set_index("id")
    number = ["paper", "as printed", "as run", "corrected", "verdict"]
    first, second = tables["table_1"][: len(paper.TABLE_1)], tables["table_2"]
    equal = [f"{frame['same'].sum()}" if real else NONE for frame in (first, second)]
    off = f" ({first['difference'].abs().sum():,} records off)" if real else ""
    ours = tables["forecast_scores"].query("method == 'SBO-LSTM'")
    ahead = [one(ours, "1-WMAPE", f"protocol == '{protocol}'") for protocol in ("R", "P15")]
    rows = [
        ("records clustered", "Table 1, total", *cell.loc["table_1/total/frequency", number]),
        (f"frequencies equal, of {len(first)}", "Table 1", f"{len(first)}", NONE, equal[0] + off, NONE,
         summary("table_1/cluster_.*/frequency")),
        (f"centre cells equal, of {len(second)}", "Table 2", f"{len(second)}", NONE, equal[1], NONE,
         summary("table_2/")),
        ("clusters", "3.2", *cell.loc["text/n_clusters", number]),
        *((name, "Table 3, test", *cell.loc[f"table_3/test/{column}", number])
          for column, name in _HEADLINE_SCORES.items()),
        ("1-WMAPE, 15 days ahead", "abstract: 05-16 to 05-30", NONE, NONE, NONE,
         f"{ahead[0]:.3f} (last days {ahead[1]:.3f})", "not printed"),
        ("forecast, seller 6, wh 43", "Figure 1", ", ".join(map(str, paper.FIGURE_1["forecast"])), NONE, NONE,
         figure_1_text(tables["figure_1"]), summary("figure_1/day")),
        ("fill rate of the plan", "title", NONE, NONE, NONE, f"{tables['inventory_summary']['fill_rate'].iloc[0]:.3f}",
         "not printed"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["quantity", "place", *number])


def headline_text(run: Path) -> str:
    """The headline table of a finished run, for the terminal."""
    path = Path(run) / "tables" / "headline.md"
    if not path.is_file():
        return f"No headline table in {run}: 17_verdict has not run."
    return path.read_text(encoding="utf-8").rstrip()


def table_1_grid(judged: pd.DataFrame) -> pd.DataFrame:
    """Table 1 with one row a cluster: both columns, each with its verdict."""
    rows = judged[judged["id"].str.startswith("table_1/")]
    frequency, share = (
        rows[rows["id"].str.endswith(name)].reset_index(drop=True) for name in ("frequency", "percentage")
    )
    grid = frequency[["paper", "as printed", "as run", "corrected", "verdict"]].rename(columns={"paper": "Frequency"})
    grid.insert(0, "cluster", frequency["id"].str.split("/").str[1].str.removeprefix("cluster_"))
    return grid.assign(
        **{"Percentage%": share["paper"], "of the as-run": share["as run"], "its verdict": share["verdict"]}
    )


def table_2_grid(judged: pd.DataFrame) -> pd.DataFrame:
    """Table 2 as printed, 10 x 10, each cell "printed / ours", "≠" after cells that differ."""
    rows = judged[judged["id"].str.startswith("table_2/")]
    same = rows["verdict"].isin([REPRODUCED, NOT_COMPARABLE])
    cells = (rows["paper"] + " / " + rows["as run"] + np.where(same, "", " ≠")).to_numpy().reshape(paper.TABLE_2.shape)
    grid = pd.DataFrame(cells, columns=list(paper.TABLE_2_HEADERS.values()))
    grid.insert(0, "cluster", paper.TABLE_2.index)
    return grid


def page(judged: pd.DataFrame, tables: Tables, real: bool, claims: pd.DataFrame) -> str:
    """VERDICT.md: the claims, the counts, what the words mean, then number by number."""
    lines = ["# The verdict", ""]
    if not real:
        lines += ["**These are not the paper's data: no number can be judged by them.**", ""]
    lines += ["## The paper's claims", "", _markdown(claims), "", "## The numbers", ""]
    lines += [f"What became of each of the {len(judged)} numbers the paper prints.", ""]
    lines += ["| verdict | numbers | meaning |", "|:--|--:|:--|"]
    lines += [f"| {name} | {number} | {VERDICTS[name]} |" for name, number in counts(judged).items()]
    ways = " ".join(
        f"{way['way'][0].upper()}{way['way'][1:]}: {way['all ten frequencies']:,} of {way['starts']:,} starts give all "
        f"ten frequencies; the nearest has {way['frequencies exact']} of 10 frequencies and {way['cells equal']} of "
        f"100 cells equal and is {way['records off']:,} records off in sum."
        for way in tables["as_run_stops"].to_dict("records")
    )
    third = judged[judged["id"].str.startswith("table_3/")].drop(columns=["id", "as printed"])
    rest = judged[~judged["id"].str.match("table_[123]/")].drop(columns=["id", "best"])
    lines += [
        _NOTE, "",
        "## Table 1", "", f"K-means of the merged records on label codes. {ways}", "",
        _markdown(table_1_grid(judged)), "",
        "## Table 2", "", f"Printed / ours; ≠ marks cells whose rounded mean differs. {_halves(tables)}", "",
        _markdown(table_2_grid(judged)), "",
        "## Table 3", "",
        f"{nearest_text(tables['table_3_protocols'])} \"best\" is the nearest of them in that cell alone. "
        f"{with_and_without_later_days(tables['table_3_families'])}", "",
        _markdown(third), "",
        "## The text and Figure 1", "", _markdown(rest),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


_NOTE = """
Each number in three readings: *as printed*, what the formulas give to the letter; *as run*, the one named computation
that comes nearest; *corrected*, what a careful computation gives, ± its standard deviation over seeds. A dash says that
a reading does not speak of the number. The corrected clusters, and those of eq. 9 as printed, are clusters of curves in
order of level; none stands for a printed one. A verdict speaks of a number: what the data and the text are consistent
with, not how anyone worked."""


def _markdown(table: pd.DataFrame) -> str:
    return table.to_markdown(index=False, disable_numparse=True)


def _halves(tables: Tables) -> str:
    """Footnote on cells whose mean lies halfway between the printed number and a neighbour of it."""
    cells, records = tables["table_2"], tables["table_1"]["ours"]
    halves = cells[((cells["ours"] - cells["paper"]).abs() - 0.5).abs() < 1e-6]
    texts = []
    for cell in halves.itertuples():
        n, name = records[cell.cluster - 1], paper.TABLE_2_HEADERS[cell.column]
        texts.append(
            f"Cell ({cell.cluster}, {name}) is {cell.ours * n:.0f}/{n} = {cell.ours:.1f}, printed {cell.paper:.0f}: "
            "only the rounding of floating-point numbers in the library decides between its two neighbours."
        )
    return " ".join(texts)
