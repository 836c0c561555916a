"""What became of every number the paper prints: in three readings, with one verdict and a line of reason.

Everything is computed from the tables a run leaves (`tables.MAKERS`) and from the paper's literals (`paper.PRINTED`):
the same tables give the same verdicts, in a run's folder or in a committed report. The headline takes its verdicts
from here.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird import paper
from bowerbird.runs.tables import Tables
from bowerbird.table_3.protocols import n_train_days
from bowerbird.table_3.scores import NORMALIZATIONS
from bowerbird.verdict.comparison import FIGURE_1_TOLERANCE, NOT_COMPARABLE, TABLE_3_TOLERANCE, nearest_text
from bowerbird.verdict.conclusions import with_and_without_later_days

VERDICTS = {
    "reproduced": "a computation gives the same digits",
    "within tolerance": "a computation comes within the tolerance that the reason names",
    "follows from another number": "computed from, or a repetition of, a number printed elsewhere in the paper",
    "input of ours": "we took it from the paper, so that it agrees shows nothing",
    "consistent with": "attained by protocols whose filter width was solved for it",
    "contradicted": "the paper's text and table disagree",
    "not found": "a search, which is named, does not give it",
    "excluded": "impossible, under the conditions named",
    "uninformative": "agreement is likely by chance",
    "unknowable": "it depends on what was never published",
}
RECORDS_TOLERANCE = 20  # records of a cluster
CELL_TOLERANCE = 1  # unit of a label's code number
CHANCE = 0.05  # share of all series from which an agreement counts as likely by chance
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
    best: str = NONE
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
    DataFrame, one row a printed number, in the order of `PRINTED`: id; place; paper, as printed, as run, best,
    corrected [text; ± is the standard deviation over seeds]; verdict; reason.

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
                "id": printed.id,
                "place": _PLACE[printed.id],
                "paper": f"{printed.value:,.{printed.decimals}f}",
                "as printed": found.as_printed,
                "as run": found.as_run,
                "best": found.best,
                "corrected": found.corrected,
                "verdict": found.verdict if real else NOT_COMPARABLE,
                "reason": found.reason if real else "these are not the paper's data",
            }
        )
    return pd.DataFrame(rows)


def _place(printed) -> str:
    """Where a number stands: table, row and header, told apart where it stands twice; or what the text says of it."""
    column = "second Accuracy" if printed.id.endswith("/precision") else printed.column
    about = column or printed.id.split("/", 1)[1].replace("/", " ").replace("_", " ")
    return ", ".join(x for x in (printed.place, printed.row, about) if x)


_PLACE = {printed.id: _place(printed) for printed in paper.PRINTED.itertuples()}


def counts(judged: pd.DataFrame) -> dict[str, int]:
    """How many numbers got each verdict that occurs, in the order of VERDICTS."""
    found = judged["verdict"].value_counts()
    return {name: int(found[name]) for name in (*VERDICTS, NOT_COMPARABLE) if name in found}


def summary(judged: pd.DataFrame, pattern: str) -> str:
    """The verdict of all numbers whose id begins so, or how many got each: "8 reproduced, 2 within tolerance"."""
    found = counts(judged[judged["id"].str.match(pattern)])
    return next(iter(found)) if len(found) == 1 else ", ".join(f"{number} {name}" for name, number in found.items())


def page(judged: pd.DataFrame, tables: Tables, real: bool, claims: pd.DataFrame | None = None) -> str:
    """VERDICT.md: the claims, the counts, what the words mean, then number by number.

    Parameters
    ----------
    judged : DataFrame
        From `verdicts`.
    tables : Tables
        What it was made of.
    real : bool
        Whether the run's data are the attachments.
    claims : DataFrame, optional
        The paper's claims, each with its measured effect.

    Returns
    -------
    str, Markdown.
    """
    lines = ["# The verdict", ""]
    if not real:
        lines += ["**These are not the paper's data: no number can be judged by them.**", ""]
    if claims is not None:
        lines += ["## The paper's claims", "", _markdown(claims), ""]
    lines += ["## The numbers", "", f"What became of each of the {len(judged)} numbers the paper prints.", ""]
    meaning = VERDICTS | {NOT_COMPARABLE: "made on other data"}
    lines += ["| verdict | numbers | meaning |", "|:--|--:|:--|"]
    lines += [f"| {name} | {number} | {meaning[name]} |" for name, number in counts(judged).items()]
    lines += [_NOTE]
    rest = ~judged["id"].str.match("table_[123]/")
    third = judged[judged["id"].str.startswith("table_3/")].drop(columns=["id", "as printed"])
    cells = f"Printed / ours; ≠ marks cells whose rounded mean differs. {_halves(tables)}"
    for title, text, table in (
        ("Table 1", tables_1_and_2_text(tables), table_1_grid(judged)),
        ("Table 2", cells, table_2_grid(judged)),
        ("Table 3", f"{nearest_text(tables['table_3_protocols'])} \"best\" is the nearest of them in that cell alone. "
         f"{with_and_without_later_days(tables['table_3_families'])}", third),
        ("The text and Figure 1", "", judged[rest].drop(columns=["id", "best"])),
    ):  # fmt: skip
        lines += ["", f"## {title}", "", *([text, ""] if text else []), _markdown(table)]
    return "\n".join(lines) + "\n"


_NOTE = """
Each number in three readings: *as printed*, what the formulas give to the letter; *as run*, the one named computation
that comes nearest; *corrected*, what a careful computation gives, ± its standard deviation over seeds. A dash says that
a reading does not speak of the number. The corrected clusters, and those of eq. 9 as printed, are clusters of curves in
order of level; none stands for a printed one. A verdict speaks of a number: what the data and the text are consistent
with, not how anyone worked."""


def _markdown(table: pd.DataFrame) -> str:
    return table.to_markdown(index=False, disable_numparse=True)


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
    same = rows["verdict"].isin(["reproduced", NOT_COMPARABLE])
    cells = (rows["paper"] + " / " + rows["as run"] + np.where(same, "", " ≠")).to_numpy().reshape(paper.TABLE_2.shape)
    grid = pd.DataFrame(cells, columns=[paper.TABLE_2_HEADERS[name] for name in paper.TABLE_2])
    grid.insert(0, "cluster", paper.TABLE_2.index)
    return grid


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


def tables_1_and_2_text(tables: Tables) -> str:
    """How near K-means comes to Tables 1 and 2 by each way of starting it, with the number of starts tried."""
    ways = tables["as_run_stops"].to_dict("records")
    return "K-means of the merged records on label codes. " + " ".join(
        f"{way['way'][0].upper()}{way['way'][1:]}: {way['all ten frequencies']:,} of {way['starts']:,} starts give all "
        f"ten frequencies; the nearest has {way['frequencies exact']} of 10 frequencies and {way['cells equal']} of "
        f"100 cells equal and is {way['records off']:,} records off in sum."
        for way in ways
    )


def agreement(printed: float, ours: float, decimals: int, tolerance: float) -> str:
    """Compare a reading with the print: "reproduced" after rounding, "within tolerance", or "not found"."""
    if round(ours, decimals) == round(printed, decimals):
        return "reproduced"
    return "within tolerance" if abs(ours - printed) <= tolerance else "not found"


def _follows(printed: float, expected: float, decimals: int) -> str:
    """Whether a printed number is what another printed number makes it."""
    same = round(expected, decimals) == round(printed, decimals)
    return "follows from another number" if same else "contradicted"


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
    total = {name: x.sum() for name, x in readings.items()}
    judged = {}
    for number, row in enumerate(rows):
        value = (
            total | {"sd": np.nan} if row == "total" else {name: x.get(number, np.nan) for name, x in readings.items()}
        )
        share = {name: 100 * x / total["corrected" if name == "sd" else name] for name, x in value.items()}
        frequency, percentage = (f"table_1/{row}/{column}" for column in ("frequency", "percentage"))
        expected = 100 * _VALUE[frequency] / _VALUE["table_1/total/frequency"]
        decimals = 1 if row == "total" else 3
        judged[frequency] = Judgement(
            agreement(_VALUE[frequency], value["as_run"], 0, RECORDS_TOLERANCE),
            _MERGED if row == "total" else _CLUSTERED,
            **_readings(value, "{:,.0f}"),
        )
        judged[percentage] = Judgement(
            _follows(_VALUE[percentage], expected, decimals),
            f"the printed frequency's share of the printed total is {expected:.{decimals}f}",
            **_readings(share, "{:.3f}"),
        )
    return judged


def _readings(value: dict[str, float], layout: str) -> dict[str, str]:
    return {
        "as_printed": plus_minus(value["as_printed"], np.nan, layout),
        "as_run": plus_minus(value["as_run"], np.nan, layout),
        "corrected": plus_minus(value["corrected"], value["sd"], layout),
    }


_MERGED = "a merge with a list of warehouses that names two of them twice doubles their series"
_CLUSTERED = f"K-means of the merged records on label codes (tolerance {RECORDS_TOLERANCE} records)"


def _table_2(tables: Tables) -> dict[str, Judgement]:
    reason = "mean of code numbers in order of first appearance; no clustering of curves has such a mean"
    return {
        f"table_2/cluster_{cell.cluster}/{cell.column}": Judgement(
            "reproduced" if cell.same else agreement(cell.paper, cell.ours, 0, CELL_TOLERANCE),
            reason,
            as_run=f"{cell.ours:.2f}",
        )
        for cell in tables["table_2"].itertuples()
    }


def _table_3(tables: Tables) -> dict[str, Judgement]:
    seeds = tables["table_3_seeds"].set_index(["index", "column"])
    families = tables["table_3_families"].query("against == 'denoised'")
    attaining = families[families["attains"]]
    judged = {}
    for cell in tables["table_3"].to_dict("records"):
        index, column = cell["index"], cell["column"]
        if column == "rmse":
            verdict, reason = _rmse(attaining)
        elif column == "one_minus_wmape":
            verdict, reason = _one_minus_wmape(families, attaining)
        else:
            verdict, reason = _class_score(cell, attaining)
        mean, sd = seeds.loc[(index, column), ["mean", "sd"]]
        judged[f"table_3/{index}/{column}"] = Judgement(
            verdict,
            reason,
            as_run=f"{cell['as run']:.3f}",
            best=f"{cell['best']:.3f}",
            corrected=plus_minus(mean, sd, "{:.3f}"),
        )
    return judged


def _one_minus_wmape(families: pd.DataFrame, attaining: pd.DataFrame) -> tuple[str, str]:
    reason = f"{len(attaining)} of {len(families)} families of protocols with a smoothed target come within "
    reason += f"{TABLE_3_TOLERANCE} in train and test, at a filter width solved for it"
    return ("consistent with" if len(attaining) else "not found"), reason


def _class_score(cell: dict, attaining: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason for accuracy, recall, precision or F1."""
    printed, column = paper.TABLE_3.loc[cell["index"]], cell["column"]
    # F1 = 2 / (1/recall + 1/precision) at most, with all that rounding may hide
    bound = 2 / sum(1 / (printed[["recall", "precision"]] + HALF_DIGIT))
    if column == "f1" and printed["f1"] - HALF_DIGIT > bound:
        return "excluded", (
            f"if the second Accuracy is Precision and one average over classes is used throughout, F1 is at most "
            f"{bound:.4f}, the harmonic mean of recall and precision"
        )
    near = [name for name in ("as run", "best") if abs(cell[name] - printed[column]) <= TABLE_3_TOLERANCE]
    fitting = (attaining["classes"] != NONE).sum()
    alone = f", by {cell['best by']} alone" if near == ["best"] else ""
    reason = (
        f"quartile classes of a smoothed series, tolerance {TABLE_3_TOLERANCE}{alone}; {fitting} of {len(attaining)} "
        "families that attain the 1-WMAPE fit in all four class scores"
    )
    if column in ("accuracy", "recall") and printed["accuracy"] != printed["recall"]:
        reason += (
            "; a recall weighted over classes always equals the accuracy, so weighted averages exclude the printed "
            f"digits {printed['accuracy']:.3f} and {printed['recall']:.3f} together"
        )
    return ("within tolerance" if near else "not found"), reason


def _rmse(attaining: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason for the RMSE column, from the families that attain the 1-WMAPE beside it."""
    fits, fits_one_minus = (
        (attaining[f"{kind}, distance"] <= TABLE_3_TOLERANCE).sum() for kind in ("RMSE", "1 - RMSE")
    )
    searched = f"{len(NORMALIZATIONS)} normalizations, in {len(attaining)} families that attain the 1-WMAPE"
    if fits:
        return "within tolerance", f"an error under one of {searched}: in {fits}, tolerance {TABLE_3_TOLERANCE}"
    return "not found", (
        f"searched: the error under {searched}; one minus the error comes within {TABLE_3_TOLERANCE} in "
        f"{fits_one_minus}; as run it is divided by the mean"
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
            "input of ours",
            f"K is given to K-means; eq. 9 as printed leaves {left}; of K up to {tried}, BIC takes {best}",
            as_printed=f"{left}", as_run=f"{as_run}", corrected=f"{found}",
        ),
        "text/example/demand": Judgement(
            agreement(_VALUE["text/example/demand"], demand, 0, 1),
            "mean demand of cluster 1's records, which Table 2 leaves out", as_run=f"{demand:.2f}",
        ),
        "text/hidden_layers_more_than": Judgement(
            "unknowable", "said of another study; how many were run is not said; here SBO chose", corrected=f"{layers}"
        ),
    }  # fmt: skip
    for name, share in (("train", train), ("test", 100 - train)):
        reason = f"{n_train_days(n_days)} of {n_days} days are the nearest whole share; by days or by rows is not said"
        texts[f"text/{name}_share_percent"] = Judgement("input of ours", reason, as_run=f"{share:.2f}")
    for key, cell in _MEANT.items():
        texts[key] = _repeated(key, cell, judged[cell])
    return texts


_MEANT = {
    **{
        f"text/example/{name}": f"table_2/cluster_1/{name}"
        for name in ("seller_no", "warehouse_no", "warehouse_region", "product_no")
    },
    "text/train_accuracy": "table_3/train/accuracy",
    "text/one_minus_wmape": "table_3/test/one_minus_wmape",
    "text/test_one_minus_wmape": "table_3/test/one_minus_wmape",
    "text/test_rmse": "table_3/test/rmse",
}
"""The cell of Tables 2 and 3 that each number in the text is said to be."""


def _repeated(key: str, cell: str, meant: Judgement) -> Judgement:
    """A number of the text that a table prints as well, or prints otherwise: where in Table 3 it does stand."""
    if _VALUE[key] == _VALUE[cell]:
        verdict, reason = "follows from another number", f"repeats {_PLACE[cell]}, whose verdict is: {meant.verdict}"
    else:
        cells = [_PLACE[name] for name, value in _VALUE.items() if name.startswith("table_3/") and value == _VALUE[key]]
        places = "; ".join(place.removeprefix("Table 3, ") for place in cells) or "nothing"
        verdict = "contradicted"
        reason = f"Table 3 has {_VALUE[cell]:.3f} there; {_VALUE[key]:.3f} stands in it as {places}"
    return Judgement(verdict, reason, as_run=meant.as_run, best=meant.best, corrected=meant.corrected)


def _figure_1(tables: Tables) -> dict[str, Judgement]:
    ours = tables["figure_1"].pivot(index="product_no", columns="day", values=["ours", "sd"])
    printed = paper.FIGURE_1["forecast"].to_numpy()
    names = ["figure_1/merchant_number", "figure_1/warehouse_number"]
    if ours.empty:
        none = Judgement("not found", "searched: the attachments' series; this merchant has none in this warehouse")
        return dict.fromkeys([*names, *(f"figure_1/day_{day}" for day in range(1, len(printed) + 1))], none)
    product = (ours["ours"] - printed).abs().sum(axis=1).idxmin()
    reason = f"raw ids: {len(ours)} series of this merchant lie in this warehouse; which is meant is not said"
    judged = {key: Judgement("input of ours", reason, as_run=f"{_VALUE[key]:.0f}") for key in names}
    chance = tables["figure_1"]["met by chance"].iloc[0]
    for day, value in enumerate(printed, 1):
        forecast, sd = ours.loc[product, ("ours", day)], ours.loc[product, ("sd", day)]
        if abs(round(forecast) - value) > FIGURE_1_TOLERANCE:
            verdict = "not found"
        else:
            verdict = "uninformative" if chance > CHANCE else "within tolerance"
        judged[f"figure_1/day_{day}"] = Judgement(
            verdict,
            f"our forecast of {product}, tolerance {FIGURE_1_TOLERANCE} unit; a plain median of the last days comes as "
            f"near in {100 * chance:.0f} % of all series; what was sold then was never published",
            corrected=plus_minus(forecast, sd, "{:.2f}"),
        )
    return judged
