"""Every printed number as printed, as run and corrected, with one verdict and its reason; and the headline table.

Everything is computed from the tables that a run leaves and from the printed numbers: the same tables give the same
verdicts, in a run's folder or in a committed report.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.errors import MissingResult
from bowerbird.paper import PAPER, Printed
from bowerbird.runs.stage import Tables, one
from bowerbird.table_3.conclusions import with_and_without_later_days
from bowerbird.table_3.protocols import n_train_days
from bowerbird.table_3.scores import NORMALIZATIONS, TABLE_3_TOLERANCE
from bowerbird.verdict.claims import other_data_text
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


def _places(printed: Printed) -> dict[str, str]:
    """Where each number stands: table, row, header, told apart where it stands twice; or what the text says of it."""
    places = {}
    for number in printed.numbers.itertuples():
        column = "second Accuracy" if number.id.endswith("/precision") else number.column
        about = column or number.id.split("/", 1)[1].replace("/", " ").replace("_", " ")
        places[number.id] = ", ".join(x for x in (number.place, number.row, about) if x)
    return places


def verdicts(tables: Tables, printed: Printed, comparable: bool) -> pd.DataFrame:
    """Judge every printed number, from the tables of a run; on other data than those it was printed from, none.

    On other data the tables are not read: a run may lack some of them.

    Columns: id, place, paper, as printed, as run, best, corrected [text; ± is the standard deviation over seeds],
    verdict, reason.
    """
    if comparable:
        judged = _table_1(tables, printed) | _table_2(tables) | _table_3(tables, printed)
        judged |= _text(tables, printed, judged) | _figure_1(tables, printed)
    else:
        judged = dict.fromkeys(printed.numbers["id"], _judged(NOT_COMPARABLE, "these are not the paper's data"))
    places, rows = _places(printed), []
    for cell in printed.numbers.itertuples():
        number = {"id": cell.id, "place": places[cell.id], "paper": f"{cell.value:,.{cell.decimals}f}"}
        rows.append(number | judged[cell.id])
    return pd.DataFrame(rows)


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


def _table_1(tables: Tables, printed: Printed) -> dict[str, dict]:
    readings = {
        "as printed": tables["dm_members"]["eq. 9 as printed: series"] * tables["merge_counts"]["n_days"][0],
        "as run": tables["table_1"]["ours"][: len(printed.table_1)],
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
    for at, row in [*enumerate(f"cluster_{k}" for k in printed.table_1.index), ("total", "total")]:
        frequency, percentage = (f"table_1/{row}/{column}" for column in ("frequency", "percentage"))
        judged[frequency] = _judged(
            agreement(printed.value[frequency], values.loc[at, "as run"], RECORDS_TOLERANCE),
            merged if row == "total" else clustered,
            **_readings(values.loc[at], "{:,.0f}"),
        )
        expected = 100 * printed.value[frequency] / printed.value["table_1/total/frequency"]
        decimals = 1 if row == "total" else 3
        judged[percentage] = _judged(
            FOLLOWS if round(expected, decimals) == printed.value[percentage] else CONTRADICTED,
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


def _table_3(tables: Tables, printed: Printed) -> dict[str, dict]:
    seeds = tables["table_3_seeds"].set_index(["index", "column"])
    families = tables["table_3_families"].query("against == 'denoised'")
    attaining = families[families["attains"]]
    judged, printed_by = {}, _printed_by(tables)
    for cell in tables["table_3"].to_dict("records"):
        index, column = cell["index"], cell["column"]
        if printed_by:
            verdict, reason = REPRODUCED, printed_by
        elif column == "rmse":
            verdict, reason = _rmse(attaining)
        elif column == "one_minus_wmape":
            verdict = CONSISTENT if len(attaining) else NOT_FOUND
            reason = (
                f"{len(attaining)} of {len(families)} families of protocols with a smoothed target come within "
                f"{TABLE_3_TOLERANCE} in train and test, at a filter width solved for it"
            )
        else:
            verdict, reason = _class_score(cell, attaining, printed)
        mean, sd = seeds.loc[(index, column), ["mean", "sd"]]
        judged[f"table_3/{index}/{column}"] = _judged(
            verdict,
            reason,
            as_run=f"{printed.value[f'table_3/{index}/{column}'] if printed_by else cell['as run']:.3f}",
            best=f"{cell['best']:.3f}",
            corrected=plus_minus(mean, sd, "{:.3f}"),
        )
    return judged


def _printed_by(tables: Tables) -> str:
    """The protocols that print all digits of Table 3, in words; "" if none does, or none was looked for."""
    try:
        fitting = tables["table_3_fitting"]
    except MissingResult:
        return ""
    rows = fitting[["model", "horizon", "filter", "split"]].drop_duplicates()
    names = [", ".join(map(str, row)) for row in rows.to_numpy()]
    return f"all twelve numbers are printed by {len(names)} of the protocols tried: {'; '.join(names)}" if names else ""


def _class_score(cell: dict, attaining: pd.DataFrame, printed: Printed) -> tuple[str, str]:
    """Verdict and reason for accuracy, recall, precision or F1."""
    row, column = printed.table_3.loc[cell["index"]], cell["column"]
    # F1 = 2 / (1/recall + 1/precision) at most, with all that rounding may hide
    bound = 2 / sum(1 / (row[["recall", "precision"]] + HALF_DIGIT))
    if column == "f1" and row["f1"] - HALF_DIGIT > bound:
        return EXCLUDED, (
            f"if the second Accuracy is Precision and one average over classes is used throughout, F1 is at most "
            f"{bound:.4f}, the harmonic mean of recall and precision"
        )
    near = [name for name in ("as run", "best") if abs(cell[name] - row[column]) <= TABLE_3_TOLERANCE]
    alone = f", by {cell['best by']} alone" if near == ["best"] else ""
    reason = (
        f"quartile classes of a smoothed series, tolerance {TABLE_3_TOLERANCE}{alone}; "
        f"{(attaining['classes'] != NONE).sum()} of {len(attaining)} families that attain the 1-WMAPE fit in all four "
        "class scores"
    )
    if column in ("accuracy", "recall") and row["accuracy"] != row["recall"]:
        reason += (
            "; a recall weighted over classes always equals the accuracy, so weighted averages exclude the printed "
            f"digits {row['accuracy']:.3f} and {row['recall']:.3f} together"
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


def _text(tables: Tables, printed: Printed, judged: dict[str, dict]) -> dict[str, dict]:
    members, criteria = tables["dm_members"], tables["dm_number_of_clusters"]
    left = (members["eq. 9 as printed: series"] > 0).sum()
    as_run = (tables["table_1"]["ours"][: len(printed.table_1)] > 0).sum()
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
            agreement(printed.value["text/example/demand"], demand, 1),
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
    for key, cell in printed.said_to_be.items():
        texts[key] = judged[cell] | {"as printed": NONE} | _repeated(key, cell, judged[cell]["verdict"], printed)
    return texts


def _repeated(key: str, cell: str, verdict: str, printed: Printed) -> dict[str, str]:
    """Verdict and reason for a number of the text that a table prints as well, or prints otherwise."""
    value, places = printed.value, _places(printed)
    if value[key] == value[cell]:
        return {"verdict": FOLLOWS, "reason": f"repeats {places[cell]}, whose verdict is: {verdict}"}
    cells = [places[name] for name in value.index if name.startswith("table_3/") and value[name] == value[key]]
    there = "; ".join(place.removeprefix("Table 3, ") for place in cells) or "nothing"
    reason = f"Table 3 has {value[cell]:.3f} there; {value[key]:.3f} stands in it as {there}"
    return {"verdict": CONTRADICTED, "reason": reason}


def _figure_1(tables: Tables, printed: Printed) -> dict[str, dict]:
    ours = tables["figure_1"].pivot(index="product_no", columns="day", values=["ours", "sd"])
    three = printed.figure_1["forecast"].to_numpy()
    names = ["figure_1/merchant_number", "figure_1/warehouse_number"]
    if ours.empty:
        none = _judged(NOT_FOUND, "searched: the attachments' series; this merchant has none in this warehouse")
        return dict.fromkeys([*names, *(f"figure_1/day_{day}" for day in range(1, len(three) + 1))], none)
    product = (ours["ours"] - three).abs().sum(axis=1).idxmin()
    reason = f"raw ids: {len(ours)} series of this merchant lie in this warehouse; which is meant is not said"
    judged = {key: _judged(INPUT, reason, as_run=f"{printed.value[key]:.0f}") for key in names}
    chance = tables["figure_1"]["met by chance"].iloc[0]
    for day, value in enumerate(three, 1):
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


def headline(judged: pd.DataFrame, tables: Tables, printed: Printed) -> pd.DataFrame:
    """The headline numbers in three readings with the verdicts of `verdicts`; all cells are text."""

    def summary(pattern: str) -> str:
        found = counts(judged[judged["id"].str.match(pattern)])
        return next(iter(found)) if len(found) == 1 else ", ".join(f"{number} {name}" for name, number in found.items())

    cell = judged.set_index("id")
    number = ["paper", "as printed", "as run", "corrected", "verdict"]
    first, second = tables["table_1"][: len(printed.table_1)], tables["table_2"]
    equal = [f"{frame['same'].sum()}" for frame in (first, second)]
    off = f" ({first['difference'].abs().sum():,} records off)"
    ours = tables["forecast_scores"].query("method == 'SBO-LSTM'")
    ahead = [one(ours, "1-WMAPE", f"protocol == '{protocol}'") for protocol in ("R", "P15")]
    seller, warehouse = printed.figure_1.loc[0, ["merchant_number", "warehouse_number"]]
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
        (f"forecast, seller {seller}, wh {warehouse}", "Figure 1", ", ".join(map(str, printed.figure_1["forecast"])),
         NONE, NONE, figure_1_text(tables["figure_1"]), summary("figure_1/day")),
        ("fill rate of the plan", "title", NONE, NONE, NONE, f"{tables['inventory_summary']['fill_rate'].iloc[0]:.3f}",
         "not printed"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["quantity", "place", *number])


def own_headline(tables: Tables, horizon: int, period: str) -> pd.DataFrame:
    """What a run on other data than the paper's found; the network beside simple methods. `period`: "day" or "week"."""
    rows = []
    for protocol, origins in (("R", "mean of three origins"), (f"P{horizon}", "from the last origin")):
        scores = tables["forecast_scores"].query(f"protocol == '{protocol}' and kind != 'hindsight'")
        score = scores.set_index("method")["1-WMAPE"].sort_values(ascending=False)
        simple = scores.loc[scores["kind"] == "simple", "method"]
        naive = next(f"{name} {score[name]:.3f}" for name in simple if name.startswith("seasonal naive"))
        ours = f"{score['SBO-LSTM']:.3f}, number {score.index.get_loc('SBO-LSTM') + 1} of {len(score)}"
        beside = f"best {score.index[0]} {score.iloc[0]:.3f}; {naive}"
        rows.append((f"1-WMAPE, {horizon} {period}s ahead, {origins}", ours, beside))
    fill_rate = tables["inventory_summary"]["fill_rate"].iloc[0]
    rows.append(("fill rate of the plan", f"{fill_rate:.3f}", NONE))
    return pd.DataFrame(rows, columns=["quantity", "SBO-LSTM", "beside"])


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


def table_2_grid(judged: pd.DataFrame, printed: Printed) -> pd.DataFrame:
    """Table 2 as printed, 10 x 10, each cell "printed / ours", "≠" after cells that differ."""
    rows = judged[judged["id"].str.startswith("table_2/")]
    same = rows["verdict"].isin([REPRODUCED, NOT_COMPARABLE])
    cells = (
        (rows["paper"] + " / " + rows["as run"] + np.where(same, "", " ≠")).to_numpy().reshape(printed.table_2.shape)
    )
    grid = pd.DataFrame(cells, columns=list(printed.headers("table_2").values()))
    grid.insert(0, "cluster", printed.table_2.index)
    return grid


def page(judged: pd.DataFrame, tables: Tables, printed: Printed, comparable: bool, claims: pd.DataFrame) -> str:
    """VERDICT.md: the claims, the counts, what the words mean, then number by number."""
    lines = ["# The verdict", ""]
    if not comparable:
        lines += ["**These are not the paper's data: no number can be judged by them.**", ""]
        lines += ["What the paper claims, and what this run measures of it on these data:", "", _markdown(claims)]
        return "\n".join(lines) + "\n"
    if not printed.table_1.equals(PAPER.table_1):  # content that went through JSON has other keys
        lines += ["**The numbers are those of a twin paper, printed from synthetic data by a sealed recipe.**", ""]
    lines += ["## The paper's claims", "", _markdown(claims), ""]
    lines += [text, ""] if (text := other_data_text()) else []
    lines += ["## The numbers", ""]
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
        "## Table 1", "", f"K-means of the merged records on label codes. {ways}", "", *_told(tables, "tables_1_and_2"),
        _markdown(table_1_grid(judged)), "",
        "## Table 2", "", f"Printed / ours; ≠ marks cells whose rounded mean differs. {_halves(tables, printed)}", "",
        _markdown(table_2_grid(judged, printed)), "",
        "## Table 3", "", *_told(tables, "table_3"),
        f"{nearest_text(tables['table_3_protocols'], printed)} \"best\" is the nearest of them in that cell alone. "
        f"{with_and_without_later_days(tables['table_3_families'])}", "",
        _markdown(third), "",
        "## The text and Figure 1", "", _markdown(rest),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _told(tables: Tables, name: str) -> list[str]:
    """What the search for the recipe concludes, and how far to trust it; nothing where a run has not searched."""
    try:
        told = tables[f"forensics_{name}"]
    except MissingResult:
        return []
    head = "What the search for the recipe concludes, beside how often the same search was right on known recipes:"
    return [head, "", _markdown(told), ""]


_NOTE = """
Each number in three readings: *as printed*, what the formulas give to the letter; *as run*, the one named computation
that comes nearest; *corrected*, what a careful computation gives, ± its standard deviation over seeds. A dash says that
a reading does not speak of the number. The corrected clusters, and those of eq. 9 as printed, are clusters of curves in
order of level; none stands for a printed one. A verdict speaks of a number: what the data and the text are consistent
with, not how anyone worked."""


def _markdown(table: pd.DataFrame) -> str:
    return table.to_markdown(index=False, disable_numparse=True)


def _halves(tables: Tables, printed: Printed) -> str:
    """Footnote on cells whose mean lies halfway between the printed number and a neighbour of it."""
    cells, records = tables["table_2"], tables["table_1"]["ours"]
    halves = cells[((cells["ours"] - cells["paper"]).abs() - 0.5).abs() < 1e-6]
    texts = []
    for cell in halves.itertuples():
        n, name = records[cell.cluster - 1], printed.headers("table_2")[cell.column]
        texts.append(
            f"Cell ({cell.cluster}, {name}) is {cell.ours * n:.0f}/{n} = {cell.ours:.1f}, printed {cell.paper:.0f}: "
            "only the rounding of floating-point numbers in the library decides between its two neighbours."
        )
    return " ".join(texts)
