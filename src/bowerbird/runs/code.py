"""Which code made what is kept: a forecast or a search that other code made is made again."""

import ast
import hashlib
from functools import cache
from pathlib import Path

FORECASTERS = (
    "checks.py", "baselines/*.py", "forecaster/*.py", "dm/__init__.py", "dm/basis.py", "dm/em.py", "dm/mixture.py",
    "dm/starts.py", "dm/statistics.py", "denoise.py", "ladder/*methods.py", "ladder/quantile_forecast.py",
    "data/calendar.py", "data/panel.py", "data/schema.py", "metrics.py", "seeds.py",
)  # fmt: skip
"""Modules whose code a forecast depends on."""


@cache
def forecasters_digest() -> str:
    """Checksum of the code that forecasts, comments, docstrings and layout aside."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(path for place in FORECASTERS for path in root.glob(place)):
        digest.update(code_digest(path.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()


def code_digest(source: str) -> str:
    """Checksum of what a module does: of its syntax tree without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
