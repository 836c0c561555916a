"""The five documents: what each claims or asks for, where that lives, and what is not done (documents.yaml)."""

from pathlib import Path

import pandas as pd
import yaml


def read(name: str) -> dict:
    """One of this package's yaml tables, by document; every value is text."""
    return yaml.load((Path(__file__).parent / name).read_text(encoding="utf-8"), yaml.BaseLoader)


_MAP = read("documents.yaml")
DOCUMENTS = {document: of["title"] for document, of in _MAP.items()}


def documents_table() -> pd.DataFrame:
    """The map: document, place, what it claims or asks for, what of it is not done and why, where the rest lives."""
    rows = [
        (document, part["place"], part["says"], part.get("lacks", ""), ", ".join(part["lives"]))
        for document, of in _MAP.items()
        for part in of["parts"]
    ]
    return pd.DataFrame(rows, columns=["document", "place", "claim or system", "not done, and why", "lives in"])


def page() -> str:
    """DOCUMENTS.md: the map, document by document."""
    head = [
        "# The documents and the project", "",
        "What each document claims or asks for, and where it lives: modules of `src/bowerbird`, or notebooks.",
        "What is not done stands beside it with the reason. An empty last column says that nothing of it is done.", "",
    ]  # fmt: skip
    return by_document(head, documents_table())


def by_document(head: list[str], table: pd.DataFrame) -> str:
    """A page with the rows of each document under its title."""
    lines = list(head)
    for document, title in DOCUMENTS.items():
        own = table[table["document"] == document].drop(columns="document")
        lines += [f"## {document} · {title}", "", own.to_markdown(index=False, disable_numparse=True), ""]
    return "\n".join(lines)
