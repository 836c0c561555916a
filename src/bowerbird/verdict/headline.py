"""The paper's headline numbers in three readings, each with its verdict: the table that a run ends with."""

from pathlib import Path

import pandas as pd

from bowerbird import paper
from bowerbird.runs.tables import Tables, one
from bowerbird.verdict.comparison import figure_1_text
from bowerbird.verdict.verdicts import NONE, summary

NOT_PRINTED = "not printed"  # a number of ours that the paper does not give

_SCORES = {
    "accuracy": "accuracy (quartile classes)",
    "f1": "F1 (quartile classes)",
    "one_minus_wmape": "1-WMAPE, 1 day ahead",
    "rmse": "RMSE / mean demand",
}


def table(judged: pd.DataFrame, tables: Tables, real: bool) -> pd.DataFrame:
    """The paper's headline numbers in three readings.

    Parameters
    ----------
    judged : DataFrame
        From `verdict.verdicts`: every verdict is taken from there.
    tables : Tables
        What it was made of.
    real : bool
        Whether the data are the attachments; on other data nothing is counted as equal.

    Returns
    -------
    DataFrame: quantity, place, paper, as printed, as run, corrected, verdict; cells are text.
    """
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
         summary(judged, "table_1/cluster_.*/frequency")),
        (f"centre cells equal, of {len(second)}", "Table 2", f"{len(second)}", NONE, equal[1], NONE,
         summary(judged, "table_2/")),
        ("clusters", "3.2", *cell.loc["text/n_clusters", number]),
        *((name, "Table 3, test", *cell.loc[f"table_3/test/{column}", number]) for column, name in _SCORES.items()),
        ("1-WMAPE, 15 days ahead", "abstract: 05-16 to 05-30", NONE, NONE, NONE,
         f"{ahead[0]:.3f} (last days {ahead[1]:.3f})", NOT_PRINTED),
        ("forecast, seller 6, wh 43", "Figure 1", ", ".join(map(str, paper.FIGURE_1["forecast"])), NONE, NONE,
         figure_1_text(tables["figure_1"]), summary(judged, "figure_1/day")),
        ("fill rate of the plan", "title", NONE, NONE, NONE, f"{tables['inventory_summary']['fill_rate'].iloc[0]:.3f}",
         NOT_PRINTED),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["quantity", "place", *number])


def text(run: Path) -> str:
    """The headline table of a finished run, for the terminal."""
    path = Path(run) / "tables" / "headline.md"
    if not path.is_file():
        return f"No headline table in {run}: 11_verdict has not run."
    return path.read_text(encoding="utf-8").rstrip()
