"""Every misprint and slip of the paper and its four companion articles, each with the test or cell that shows it.

The paper's equations and contradictions stand in `paper.ERRATA` and `paper.DISAGREEMENTS`, the companions' slips in
`companion_errata`; here they become one list. A slip of the pen is no reproach: the list tells whoever follows a text
where it cannot be followed to the letter.
"""

import re
from pathlib import Path

import nbformat
import pandas as pd

from bowerbird import paper
from bowerbird.paper.companion_errata import COMPANION_SLIPS, Slip
from bowerbird.paper.documents import DOCUMENTS

_HERE = "tests/test_paper_errata.py::test_"
_DM, _LSTM, _SBO, _PAPER = (
    f"tests/test_{name}.py::test_" for name in ("dm", "forecaster_lstm_cell", "sbo", "paper_printed")
)

_SHOWN_OF_EQUATION = {
    1: _HERE + "eqs_1_and_2_a_polynomial_of_order_p_has_p_plus_1_columns",
    2: _HERE + "eq_2_its_last_row_mixes_three_days",
    3: _HERE + "eq_3_without_the_equals_sign_is_no_density",
    5: _HERE + "eqs_5_and_7_are_sums_over_curves",
    7: _HERE + "eqs_5_and_7_are_sums_over_curves",
    9: _DM + "eq_9_as_printed_collapses_even_from_the_true_labels",
    10: _HERE + "eq_10_as_printed_is_no_variance",
    11: _LSTM + "the_written_out_cell_is_torchs",
    12: _LSTM + "printed_sigmoid_has_a_pole_and_leaves_the_unit_interval",
    13: _LSTM + "the_written_out_cell_is_torchs",
    14: _LSTM + "the_written_out_cell_is_torchs",
    15: _LSTM + "printed_tanh_is_that_of_half_the_argument",
    16: _LSTM + "hand_worked_day",
    17: _LSTM + "as_printed_the_cell_state_never_reaches_the_output",
    19: _HERE + "eq_19_as_printed_favours_the_worst_bower",
    20: _SBO + "hand_worked_generation",
    21: _HERE + "eq_21_as_printed_exceeds_its_own_threshold",
}
_SHOWN_OF_SUBJECT = {
    "training accuracy": _PAPER + "text_and_table_3_disagree_where_the_list_says",
    "1-WMAPE": _PAPER + "text_and_table_3_disagree_where_the_list_says",
    "training F1": _PAPER + "table_3_training_f1_exceeds_what_its_recall_and_precision_allow",
    "RMSE": _HERE + "an_rmse_is_no_share",
    "demand of the example": "notebooks/02_dm_clustering.ipynb#K-means on label codes gives Tables 1 and 2",
    "Figure 1": "notebooks/00_start_here.ipynb#What the paper prints",
    "where the forecast is kept": "notebooks/00_start_here.ipynb#What the paper prints",
}

_READS_OF_SUBJECT = {
    "training accuracy": "one of the two; which is not said",
    "1-WMAPE": "one for each of train and test; which are meant is not said",
    "training F1": "0.945, if recall and precision stand",
    "RMSE": "an error in units of demand, for which no number is known",
    "demand of the example": "Table 2 with a column of mean demand",
    "Figure 1": "a figure of its own for the LSTM",
    "where the forecast is kept": "a table of forecasts, which is not printed",
}
"""What must stand there instead, as far as the paper lets one tell."""

_REST_OF_THE_PAPER = (
    Slip(
        "000", "Table 3, header", "Accuracy | Recall | Accuracy", "Accuracy | Recall | Precision",
        "two columns of one name", _PAPER + "table_3_has_two_columns_of_one_name",
    ),
    Slip(
        "000", "4.3, step 4", "update the parameters and continue from step (3)", "continue from step (2)",
        "step 3 trains with the parameters it is given; SBO, which finds new ones, is step 2",
        _HERE + "the_loop_of_4_3_must_return_to_the_search",
    ),
)  # fmt: skip


def all_slips() -> list[Slip]:
    """Every slip, document by document, in the order of the text."""
    equations = [
        Slip("000", f"eq. ({e.equation})", e.printed, e.corrected, e.effect, _SHOWN_OF_EQUATION[e.equation])
        for e in paper.ERRATA
    ]
    contradictions = [
        Slip(
            "000", d.subject, d.says, _READS_OF_SUBJECT[d.subject], "the paper contradicts itself",
            _SHOWN_OF_SUBJECT[d.subject],
        )
        for d in paper.DISAGREEMENTS
    ]  # fmt: skip
    return [*equations, *_REST_OF_THE_PAPER, *contradictions, *COMPANION_SLIPS]


def errata_table() -> pd.DataFrame:
    """All slips, one a row: number, document, place, printed, must read, effect, shown by."""
    rows = [
        (number, s.document, s.place, s.printed, s.right, s.effect, s.shown) for number, s in enumerate(all_slips(), 1)
    ]
    return pd.DataFrame(rows, columns=["no.", "document", "place", "printed", "must read", "effect", "shown by"])


def page() -> str:
    """ERRATA.md: the slips of each document."""
    table = errata_table()
    lines = [
        "# Errata", "",
        f"{len(table)} misprints and slips of five documents, each with the test or the notebook's section that shows",
        "it. They say where a text cannot be followed to the letter. Most are slips of the pen. Misspelt words are",
        "left out. Choices of method stand in DEVIATIONS.", "",
    ]  # fmt: skip
    for document, title in DOCUMENTS.items():
        own = table[table["document"] == document].drop(columns="document")
        lines += [f"## {document} · {title}", "", _markdown(own), ""]
    return "\n".join(lines)


def _markdown(table: pd.DataFrame) -> str:
    """A table whose cells are shown as they are: no formula becomes emphasis, no quoted picture is fetched."""
    cells = table.map(lambda cell: re.sub(r"([\\|*_~`<\[\]])", r"\\\1", str(cell)))
    return cells.to_markdown(index=False, disable_numparse=True)


def is_there(shown: str, root: Path) -> bool:
    """Whether the test or the notebook's heading that a slip names exists.

    Parameters
    ----------
    shown : str
        See `Slip`.
    root : Path
        The checkout.

    Returns
    -------
    bool
    """
    if "::" in shown:
        file, name = shown.split("::")
        path = root / file
        return path.is_file() and f"\ndef {name}(" in path.read_text(encoding="utf-8")
    file, heading = shown.split("#", 1)
    path = root / file
    if not path.is_file():
        return False
    cells = nbformat.read(path, as_version=4).cells
    lines = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    return any(line.startswith("#") and line.lstrip("# ") == heading for line in lines)
