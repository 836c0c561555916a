"""Files written whole or not at all, JSON with checksums, a folder's lock, text made harmless for csv and Markdown."""

import hashlib
import json
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from bowerbird.errors import BowerbirdError, ParameterError

try:
    import fcntl
except ImportError:  # Windows: a second run is not refused there
    fcntl = None

LOCK_NAME = ".lock"
BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
MARKS = re.compile(r"\\|\||<(?=[A-Za-z/!?])|\[(?=[^\]]*\]\()")  # an escape, a cell's border, a tag, a link


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to; rename it to `path` if the block succeeds, remove it if not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")  # keeps the suffix, which some writers go by
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # the name must not reach the disk before what it names
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporaries of `atomic_path` that a killed process left behind."""
    for path in Path(folder).rglob(".[0-9]*.*"):
        number = path.name.split(".")[1]
        if number.isdecimal() and path.is_file() and not _runs(int(number)):
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_text(path: Path, text: str) -> Path:
    """Write text atomically, in UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def write_csv(path: Path, table: pd.DataFrame, **how) -> Path:
    """Write a table atomically, without its index; `how` as `to_csv` takes it."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, **how)
    return path


def write_parquet(path: Path, table: pd.DataFrame) -> Path:
    """Write a table atomically as parquet, without its index."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)
    return path


def write_json(path: Path, content) -> Path:
    """Write JSON atomically, readable by people."""
    return write_text(path, json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n")


def read_json(path: Path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def digest(content) -> str:
    """Checksum of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def write_record(path: Path, record: dict) -> None:
    """Write JSON atomically with its own checksum, for `read_record`."""
    write_json(path, record | {"checksum": digest(record)})


def read_record(path: Path) -> dict:
    """What `write_record` wrote; {} if the file is lost or was changed in any way: it then proves nothing."""
    try:
        record = read_json(path)
        return record if record.pop("checksum") == digest(record) else {}
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return {}


def sha256(path: Path) -> str:
    """Checksum of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class RunInUse(BowerbirdError):
    """A folder that another run writes into."""


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold a run's folder, made if need be, against other runs, and sweep up what a killed one left half-written.

    RunInUse says which process holds it, on which machine, since when.
    """
    path = Path(folder) / LOCK_NAME
    holder = {"process": os.getpid(), "machine": platform.node(), "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise ParameterError(f"{folder} cannot be written to ({error.strerror}); give another folder") from error
    with open(path, "a+b", buffering=0) as file:  # what its holder wrote stays
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunInUse(
                f"{folder}: another run is at work there ({_holder(path)}); wait for it to end, or give another folder"
            ) from error
        except OSError:  # a file system that knows no locks, as some of clusters: a second run is not refused there
            pass
        file.truncate(0)
        file.write(json.dumps(holder).encode())
        sweep(folder)
        yield


def _holder(path: Path) -> str:
    try:
        return ", ".join(f"{name} {value}" for name, value in json.loads(path.read_text(encoding="utf-8")).items())
    except (OSError, ValueError):  # it has just begun
        return "just begun"


def neutralised(table: pd.DataFrame) -> pd.DataFrame:
    """A copy for a csv in which no text is a formula: what begins with = + - @ or a tab gets a ' in front.

    Source: OWASP, CSV injection.
    """
    return _mapped(table, lambda text: f"'{text}" if text.startswith(BEGINS_FORMULA) else text)


def markdown_safe(table: pd.DataFrame) -> pd.DataFrame:
    """A copy for a Markdown table, whose text is shown as it is: the marks that would be obeyed get a backslash."""
    return _mapped(table, lambda text: MARKS.sub(r"\\\g<0>", " ".join(text.splitlines())))


def _mapped(table: pd.DataFrame, change) -> pd.DataFrame:
    """A copy with every text changed; numbers, dates and missing values stay as they are."""
    table = table.copy()
    for place, dtype in enumerate(table.dtypes):
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype)):
            column = table.iloc[:, place].astype(object)
            table.isetitem(place, column.map(lambda cell: change(cell) if isinstance(cell, str) else cell))
    return table
