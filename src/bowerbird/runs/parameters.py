"""The parameters of notebooks: what a notebook declares, and the refusal of a name, type or value that does not fit.

A notebook declares them in its cell tagged `parameters`, a line each: `level: int = 3  # of the wavelet [1 to 7]`. The
brackets at the end of the comment hold the allowed values: `[1 to 7]`, `[1 or more]`, `[above 0]`, or the words to
choose from, `[simple, all]`. papermill itself only warns of an unknown name and checks no type.
"""

import ast
import difflib
import math
import re
from dataclasses import dataclass
from pathlib import Path

from IPython import get_ipython

from bowerbird.errors import ParameterError
from bowerbird.files import read_json

TYPES = {"int": int, "float": (int, float), "str": str, "bool": bool}
LINE = re.compile(r"(\w+): (\w+) = (.+?)  # (.*?)(?: \[(.+)\])?$")


@dataclass(frozen=True)
class Parameter:
    """One declared parameter."""

    name: str
    type: str
    default: object
    help: str
    allowed: str = ""  # as in the brackets, "" for any value of the type

    def check(self, value, place: str) -> None:
        """Raise a ParameterError unless the value has the type and is allowed; `place` begins the message."""
        expected = TYPES.get(self.type)
        if expected is None:
            raise ParameterError(f"{place}: declared as {self.type}; the notebooks use {', '.join(TYPES)}")
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            cure = " (YAML reads 1e-3 as text: write 1.0e-3)" if self.type == "float" else ""
            raise ParameterError(f"{place}: {value!r} is no {self.type}{cure}")
        if (isinstance(value, float) and not math.isfinite(value)) or not self._allows(value):
            raise ParameterError(f"{place}: {value!r} is not allowed; give {self.allowed or 'a finite number'}")

    def _allows(self, value) -> bool:
        if self.type == "str":
            return not self.allowed or value in self.allowed.split(", ")
        if found := re.fullmatch(r"(\S+) to (\S+)", self.allowed):
            return float(found[1]) <= value <= float(found[2])
        if found := re.fullmatch(r"(\S+) or more", self.allowed):
            return value >= float(found[1])
        if found := re.fullmatch(r"above (\S+)", self.allowed):
            return value > float(found[1])
        return True


def declared(notebook: Path) -> dict[str, Parameter]:
    """The parameters a notebook declares, by name."""
    cells = read_json(notebook)["cells"]
    return _read("".join("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])))


def _read(source: str) -> dict[str, Parameter]:
    found = (LINE.fullmatch(line) for line in source.splitlines())
    return {m[1]: Parameter(m[1], m[2], ast.literal_eval(m[3]), m[4], m[5] or "") for m in found if m}


def check(values: dict, known: dict[str, Parameter], place: str) -> None:
    """Raise a ParameterError for the first value whose name is not declared, or that its parameter does not allow."""
    for name, value in values.items():
        if name not in known:
            raise ParameterError(f"{place} has no parameter {name!r}{nearest(name, list(known))}")
        known[name].check(value, f"{place}.{name}")


def nearest(name: str, names: list[str]) -> str:
    """The end of a message on an unknown name: what may have been meant, and what there is."""
    close = difflib.get_close_matches(name, names, n=1)
    return f"{f'; did you mean {close[0]!r}?' if close else ''}. There are: {', '.join(names)}"


def of_this_kernel(notebook: str) -> dict:
    """The values of the parameters in the running notebook, which is called so; {} outside a notebook.

    Raises ParameterError for a value that is not allowed, and for a name that papermill injected without its being
    declared.
    """
    shell = get_ipython()
    cells = shell.user_ns.get("In", []) if shell else []
    injected = [cell for cell in cells if cell.lstrip().startswith("# Parameters\n")]
    known = _read("\n".join(cell for cell in cells if cell not in injected))
    names = {node.id for cell in injected for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Name)}
    values = {name: shell.user_ns[name] for name in [*known, *sorted(names - set(known))]}
    check(values, known, notebook)
    return values
