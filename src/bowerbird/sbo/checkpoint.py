"""A search's checkpoint: what it is, and the outcome of every evaluation so far.

A search draws all its random numbers from one seed, so it need not be stored: resumed, it runs again from its start and
takes the outcomes it already paid for from here. Bit for bit it is then the search that was never interrupted.
"""

import json
import warnings
from pathlib import Path

import numpy as np

from bowerbird.errors import ParameterError
from bowerbird.files import atomic_path
from bowerbird.sbo.space import lasting_name

BEGINNING = b'{"search":'
"""How a checkpoint's file begins; any other file is left alone."""


def save(path: Path | str, identity: dict, rows: list[tuple]) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : Path or str
    identity : dict
        What makes the search the one it is: name -> text or number.
    rows : list of (generation, value, failure, candidate)
        Every evaluation so far, in order.
    """
    evaluations = [[x, None if np.isinf(value) else value, failure] for _, value, failure, x in rows]
    with atomic_path(Path(path)) as temporary:
        content = {"search": identity, "evaluations": evaluations}
        temporary.write_text(json.dumps(content, default=lasting_name, ensure_ascii=False), encoding="utf-8")


def load(path: Path | str, identity: dict) -> list[tuple[dict, float, str]]:
    """Read the outcomes a checkpoint holds.

    Parameters
    ----------
    path : Path or str
    identity : dict
        Of the search that asks.

    Returns
    -------
    list of (candidate, value, failure), in order; empty where there is no file, or only a damaged checkpoint.

    Raises
    ------
    ParameterError
        The file is no checkpoint, or another search's; the message says in what they differ.
    """
    path = Path(path)
    if path.is_dir():
        raise ParameterError(f"checkpoint {path} is a folder; give the name of a file in it")
    if not path.is_file():
        return []
    raw = path.read_bytes()
    try:
        content = json.loads(raw)
        theirs, evaluations = content["search"], [(x, value, failure) for x, value, failure in content["evaluations"]]
    except (ValueError, KeyError, TypeError) as error:
        if raw.startswith(BEGINNING):
            warnings.warn(f"checkpoint {path} is damaged; the search starts anew", stacklevel=2)
            return []
        raise ParameterError(f"checkpoint {path} is not a search's ({error!r}); give another file name") from error
    for name, ours in identity.items():
        if theirs.get(name) != ours:
            raise ParameterError(
                f"checkpoint {path} belongs to another search: {name} is {theirs.get(name)!r} there and {ours!r} here; "
                "give another file name, or remove the file to start anew"
            )
    return [(x, np.inf if value is None else value, failure) for x, value, failure in evaluations]


def check_replay(path: Path | str, number: int, stored: dict, x: dict) -> None:
    """Raise a ParameterError unless the candidate the search comes to is the one that was stored."""
    if json.loads(json.dumps(x, default=lasting_name)) != stored:
        raise ParameterError(
            f"checkpoint {path}, evaluation {number}: holds {stored}, but the search comes to {x}; numpy or scipy draw "
            "other random numbers than when it was written: use that version, or remove the file to start anew"
        )
