"""The paper's headline numbers in three readings, each with a verdict: the table that a run ends with.

Verdicts: exact (equal to the printed digits), explained (the as-run reading gives it, within what is said; in Table 3
by a leak), not reached and differs (it does not), refuted as printed (the formulas to the letter exclude it), equal for
n of m (Figure 1's products), new (the paper prints nothing), not comparable (synthetic data).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird import paper
from bowerbird.paper.comparison import CELLS_TOLERANCE, NOT_COMPARABLE, RECORDS_TOLERANCE, figure_1_text, table_3

_HEADLINE = ("quantity", "place", "paper", "as printed", "as run", "corrected", "verdict")


def table(results: dict, real: bool) -> pd.DataFrame:
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


def _agreement(misses: int, tolerance: int) -> str:
    return "exact" if misses == 0 else "explained" if misses <= tolerance else "differs"


def text(run: Path) -> str:
    """The headline table of a finished run, for the terminal."""
    path = Path(run) / "tables" / "headline.md"
    if not path.is_file():
        return f"No headline table in {run}: 11_verdict has not run."
    return path.read_text(encoding="utf-8").rstrip()
