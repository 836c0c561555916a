"""A run's parameters: what the notebooks declare, what a profile changes, and whether the two fit.

papermill only warns of a name it does not know and checks no type, so everything is checked here before anything runs.
"""

import difflib
import re
from pathlib import Path

import papermill
import yaml

from bowerbird.errors import ParameterError
from bowerbird.runs import project_root

PROFILES = ("smoke", "demo", "full")
TYPES = {"int": int, "float": (int, float), "str": str, "bool": bool}


def notebook_paths() -> list[Path]:
    """The numbered notebooks, in their order; copies that an editor made, such as 01_data-Copy1, are none of them."""
    found = (project_root() / "notebooks").glob("*.ipynb")
    paths = sorted(path for path in found if re.fullmatch(r"\d\d[a-z]?_\w+", path.stem))
    if not paths:
        raise ParameterError(f"{project_root()}: no notebooks there; run bowerbird from a clone of its repository")
    return paths


def declared(notebook: Path) -> dict[str, dict]:
    """Parameters a notebook declares: name -> type, default (as source text) and help."""
    found = papermill.inspect_notebook(str(notebook))
    return {
        name: {"type": entry["inferred_type_name"], "default": entry["default"], "help": entry["help"]}
        for name, entry in found.items()
    }


def load_profile(profile: str) -> dict[str, dict]:
    """What a profile changes: notebook name -> parameter -> value; the smoke profile is the notebooks' own defaults."""
    path = project_root() / "notebooks" / "profiles" / f"{profile}.yaml"
    if profile not in PROFILES or not path.is_file():
        raise ParameterError(f"profile is {profile!r}; choose {', '.join(PROFILES)}")
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def parse_setting(text: str) -> tuple[str, str, object]:
    """Read NOTEBOOK.PARAMETER=VALUE as given on the command line."""
    place, equals, value = text.partition("=")
    notebook, dot, name = place.partition(".")
    if not (equals and dot and notebook and name):
        raise ParameterError(f"--set {text}: write it as NOTEBOOK.PARAMETER=VALUE, e.g. 05_sbo_lstm.max_evaluations=20")
    try:
        return notebook, name, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ParameterError(f"--set {text}: {value!r} is no value; put text with signs in it in quotes") from error


def resolve(notebooks: list[Path], changes: dict[str, dict], common: dict, source: str) -> dict[str, dict]:
    """Parameters to pass to each notebook, checked against what it declares.

    Parameters
    ----------
    notebooks : list of Path
    changes : dict
        Notebook name -> parameter -> value: the profile and the command line.
    common : dict
        Passed to every notebook that declares the name: data, out, seed, device.
    source : str
        Where `changes` come from, for the message.

    Returns
    -------
    dict, notebook name -> parameter -> value

    Raises
    ------
    ParameterError
        Unknown notebook or parameter (with the nearest name), or a value of another type.
    """
    names = [path.stem for path in notebooks]
    for notebook in changes:
        if notebook not in names:
            raise ParameterError(f"{source}: no notebook is called {notebook!r}{_nearest(notebook, names)}")
    resolved = {}
    for path in notebooks:
        known = declared(path)
        values = {name: value for name, value in common.items() if name in known}
        for name, value in (changes.get(path.stem) or {}).items():
            if name not in known:
                raise ParameterError(f"{source}: {path.stem} has no parameter {name!r}{_nearest(name, list(known))}")
            values[name] = value
        for name, value in values.items():
            _check_type(value, known[name]["type"], f"{source}: {path.stem}.{name}")
        resolved[path.stem] = values
    return resolved


def _check_type(value, declared_type: str, place: str) -> None:
    expected = TYPES.get(declared_type)
    if expected is None:
        raise ParameterError(f"{place}: declared as {declared_type}; the notebooks use {', '.join(TYPES)}")
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        cure = " (YAML reads 1e-3 as text: write 1.0e-3)" if declared_type == "float" else ""
        raise ParameterError(f"{place}: {value!r} is no {declared_type}{cure}")


def _nearest(name: str, names: list[str]) -> str:
    nearest = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"{hint}. There are: {', '.join(names)}"
