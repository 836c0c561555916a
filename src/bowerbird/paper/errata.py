"""The misprints and slips of the paper and its four companion articles (errata.yaml).

A slip of the pen is no reproach: the list tells where a text cannot be followed to the letter.
"""

import re

import pandas as pd

from bowerbird.paper.documents import by_document, read

CONTRADICTION = "the paper contradicts itself"  # the effect of a slip where text, tables or figures disagree


def errata_table() -> pd.DataFrame:
    """All slips, one a row: number, document, place, printed, must read, effect, shown by [a test or a heading]."""
    rows = [(document, *slip.values()) for document, slips in read("errata.yaml").items() for slip in slips]
    table = pd.DataFrame(rows, columns=["document", "place", "printed", "must read", "effect", "shown by"])
    table.insert(0, "no.", range(1, len(table) + 1))
    return table


def contradictions() -> pd.DataFrame:
    """Where the paper's text and tables disagree; the abstract gives no figure of accuracy at all."""
    slips = errata_table()
    slips = slips[slips["effect"] == CONTRADICTION]
    return slips[["place", "printed"]].set_axis(["subject", "what the paper says"], axis=1).reset_index(drop=True)


def page() -> str:
    """ERRATA.md: the slips of each document."""
    table = errata_table()
    head = [
        "# Errata", "",
        f"{len(table)} misprints and slips of five documents, each with the test or the notebook's section that shows",
        "it. They say where a text cannot be followed to the letter. Most are slips of the pen. Misspelt words are",
        "left out. Choices of method stand in DEVIATIONS.", "",
    ]  # fmt: skip
    # no formula becomes emphasis, no quoted picture is fetched
    return by_document(head, table.map(lambda cell: re.sub(r"([\\|*_~`<\[\]])", r"\\\1", str(cell))))
