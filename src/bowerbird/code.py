"""Which code made a result: a stage, a forecast or a search made by other code is made again."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def code_digest(sources: Iterable[str]) -> str:
    """Checksum of what source texts do and of every module of this package that they import, directly or not.

    Comments, docstrings and layout do not count.
    """
    trees = [ast.parse(source) for source in sources]
    found: set[Path] = set()
    waiting = {path for tree in trees for path in _imported(tree)}
    while waiting:
        found |= waiting
        waiting = {path for known in waiting for path in _module(known)[1]} - found
    whole = hashlib.sha256("".join(_without_docstrings(tree) for tree in trees).encode())
    for path in sorted(found):
        whole.update(_module(path)[0].encode())
    return whole.hexdigest()


@cache
def forecasters_digest() -> str:
    """Checksum of the code that makes the forecasts of notebook 08 and of SBO's networks."""
    return code_digest(["from bowerbird.evaluation import ladder"])


@cache
def _module(path: Path) -> tuple[str, frozenset[Path]]:
    """Checksum of a module and of the tables and texts of its name, and the files of this package that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = frozenset(_imported(tree))
    own = hashlib.sha256(_without_docstrings(tree).encode())
    for beside in (path.with_suffix(ending) for ending in (".yaml", ".md", ".html")):
        own.update(beside.read_bytes() if beside.is_file() else b"")
    return own.hexdigest(), imported


def _imported(tree: ast.Module) -> set[Path]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    names = {name for name in names if name.split(".")[0] == __package__}
    names |= {name.rpartition(".")[0] for name in names}  # importing a module runs its package's __init__
    places = [ROOT.joinpath(*name.split(".")) for name in names]
    return {path for place in places for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()}


def _without_docstrings(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
    return ast.dump(tree)
