"""A run's folder: what a stage, which is one notebook, reads there and writes there, and the record of both.

runs/<profile>-<data>/  attachments/ (the twin)  results/  tables/  figures/  notebooks/  records/  run.json  index.html

What a running stage writes lies in .running/<stage>/ and takes its place when the stage is complete; a stage that
fails leaves everything as it was. records/<stage>.files.json holds the parameters of a complete stage, the SHA-256 of
every file it has read and written, and of what it wrote also the caption and whether reports/ keeps it.
records/<stage>.json is the runner's record of it; a stage run by hand has none, so `reproduce` runs it again. A file
counts as the stage's only while its checksum is the recorded one.
"""

import hashlib
import io
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from IPython import get_ipython
from IPython.display import Markdown, display

from bowerbird.errors import MissingResult, ParameterError
from bowerbird.files import (
    atomic_path,
    markdown_safe,
    neutralised,
    read_json,
    read_record,
    sha256,
    write_csv,
    write_json,
    write_parquet,
    write_record,
    write_text,
)
from bowerbird.runs.parameters import of_this_kernel

SEE = "**What to see:** "  # begins the caption above a figure


def project_root() -> Path:
    """The checkout the package was installed from, or the current folder where there is none."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").is_file() else Path.cwd()


def run_folder(profile: str, data: str) -> Path:
    """Default folder of a run: runs/<profile>-<data>, data being a name: of a folder, or of a file less its end."""
    path = Path(os.path.abspath(data))
    return project_root() / "runs" / f"{profile}-{path.stem if path.is_file() else path.name}"


def notebook_paths() -> list[Path]:
    """The numbered notebooks in their order; an editor's copies, such as 01_data-Copy1, are left out."""
    found = (project_root() / "notebooks").glob("*.ipynb")
    paths = sorted(path for path in found if re.fullmatch(r"\d\d[a-z]?_\w+", path.stem))
    if not paths:
        raise ParameterError(f"{project_root()}: no notebooks there; run bowerbird from a clone of its repository")
    return paths


def maker(name: str) -> str:
    """The notebook whose code writes a result or a table of this name."""
    for path in notebook_paths():
        if re.search(rf'stage\.(write|table)\(\s*"{re.escape(name)}"', _code(path)):
            return path.stem
    raise ParameterError(f"no notebook writes a result or table called {name!r}")


def _code(notebook: Path) -> str:
    return "\n".join("".join(c["source"]) for c in read_json(notebook)["cells"] if c["cell_type"] == "code")


def _said(parameters: dict) -> str:
    """Parameters in a line; folders are left out."""
    shown = [f"{name} {value}" for name, value in parameters.items() if name != "out"]
    return ", ".join(shown) or "parameters not known"


@dataclass(frozen=True)
class Stage:
    """One notebook's view of the run's folder. It reads what earlier notebooks wrote, in the order of their names."""

    name: str  # the notebook's, e.g. "06_sbo_lstm"
    folder: Path  # the run's
    begun: bool = False  # True in the notebook itself: what it reads is recorded

    @classmethod
    def begin(cls, name: str, out: str = "", data: str = "synthetic") -> "Stage":
        """Open the run's folder for a notebook (empty `out`: runs/smoke-<data>) and say what it reads.

        ParameterError for a parameter that the notebook does not declare or allow.
        """
        stage = cls(name, Path(out) if out else run_folder("smoke", data), begun=True)
        values = of_this_kernel(name)
        stage.forget()
        stage.running.mkdir(parents=True)
        write_record(stage.files_path, {"read": {}, "wrote": {}, "parameters": values})
        if get_ipython():
            display(Markdown(stage.introduction()))
        return stage

    def introduction(self) -> str:
        """Where the stage reads and writes, its parameters, and with which parameters what it reads was made."""
        lines = [f"**{self.name}** in `{self.folder}`, {_said(self.parameters)}"]
        code, made_by = "".join(_code(path) for path in notebook_paths() if path.stem == self.name), {}
        for name in dict.fromkeys(re.findall(r'stage\.read\(\s*"(\w+)"', code)):
            made_by.setdefault(maker(name), []).append(name)
        for stage in sorted((Stage(one, self.folder) for one in made_by), key=lambda stage: stage.name):
            made = _said(stage.parameters) if stage.files else "not made yet"
            lines.append(f"- reads {', '.join(made_by[stage.name])} of {stage.name}: {made}")
        return "\n".join([lines[0], "", *lines[1:]])

    def complete(self) -> None:
        """Put what the stage has written in its place, with its record; nothing is done if it is complete already.

        MissingResult if a file that the stage has read changed meanwhile.
        """
        if self.home == self.folder:
            return
        if changed := self.outdated():
            raise MissingResult(f"{self.name}: {', '.join(changed)} changed while it ran; run it again")
        record = read_record(self.files_path)
        self.record_path.unlink(missing_ok=True)
        for place in Stage(self.name, self.folder).files.keys() - record["wrote"].keys():  # of the time before
            (self.folder / place).unlink(missing_ok=True)
        for place in record["wrote"]:
            (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
            (self.running / place).replace(self.folder / place)
        write_record(Stage(self.name, self.folder).files_path, record)
        self.forget()

    def forget(self) -> None:
        """Remove what the stage has written since it began, if it is not complete."""
        shutil.rmtree(self.running, ignore_errors=True)

    @property
    def running(self) -> Path:
        """Where the stage writes while it runs."""
        return self.folder / ".running" / self.name

    @property
    def home(self) -> Path:
        """The folder that holds the stage's own files: `running` while it runs, then the run's folder."""
        return self.running if self.begun and self.running.is_dir() else self.folder

    # ---- records ------------------------------------------------------------------------------------------------

    @property
    def record_path(self) -> Path:
        """The runner's record of a complete stage; a run by hand takes it away."""
        return self.folder / "records" / f"{self.name}.json"

    @property
    def files_path(self) -> Path:
        """The record of the files that the stage has read and written: while it runs those so far."""
        if self.home == self.running:
            return self.running / "files.json"
        return self.folder / "records" / f"{self.name}.files.json"

    @property
    def parameters(self) -> dict:
        """The parameters that the stage was run with by its notebook; {} if they are not known."""
        return read_record(self.files_path).get("parameters", {})

    @property
    def files(self) -> dict[str, dict]:
        """What the stage has written so far: path in the run's folder -> sha256, caption, keep."""
        return read_record(self.files_path).get("wrote", {})

    @property
    def reads(self) -> dict[str, str | None]:
        """What the stage has read so far: path in the run's folder -> SHA-256; None for what was not there."""
        return read_record(self.files_path).get("read", {})

    def record(self) -> dict:
        """The record of the completed stage; {} if there is none, or it is damaged."""
        return read_record(self.record_path)

    def finish(self, about: dict, pages: tuple[Path, ...] = ()) -> None:
        """Write the record of the completed stage: `about` it, and the checksums of all it wrote and of its pages."""
        files = {place: entry["sha256"] for place, entry in self.files.items()}
        files |= {path.relative_to(self.folder).as_posix(): sha256(path) for path in (self.files_path, *pages)}
        write_record(self.record_path, {**about, "files": files})

    def changed(self) -> list[str]:
        """Files of the record that are no longer there, or no longer what the stage wrote."""
        return [place for place, known in self.record().get("files", {}).items() if self._sha256(place) != known]

    def outdated(self) -> list[str]:
        """Files the stage has read that are lost, or another by now."""
        written, reads = self._written_before(), self.reads
        now = {place: self._sha256(place) if place in written else None for place in reads}
        return [place for place, known in reads.items() if now[place] != known]

    def wrote(self, path: Path, caption: str = "", keep: bool = False) -> Path:
        """Record a file in `home` as this stage's; `keep`: `bowerbird report` copies it to reports/."""
        entry = {"sha256": sha256(path), "caption": caption, "keep": keep}
        self._note("wrote", {path.relative_to(self.home).as_posix(): entry})
        return path

    def _note(self, kind: str, entries: dict) -> None:
        record = read_record(self.files_path) or {"read": {}, "wrote": {}, "parameters": {}}
        record[kind] |= entries
        write_record(self.files_path, {name: record[name] for name in ("read", "wrote", "parameters")})

    def _sha256(self, place: str) -> str | None:
        path = self.folder / place
        return sha256(path) if path.is_file() else None

    def _written_before(self) -> dict[str, tuple[str, str]]:
        """What earlier stages wrote: path in the run's folder -> name of the stage, SHA-256."""
        suffix, written = ".files.json", {}
        for path in sorted((self.folder / "records").glob(f"*{suffix}")):
            if (name := path.name.removesuffix(suffix)) < self.name:
                written |= {place: (name, e["sha256"]) for place, e in Stage(name, self.folder).files.items()}
        return written

    # ---- reading ------------------------------------------------------------------------------------------------

    def original(self, place: str) -> bytes | None:
        """The bytes of a file as this stage or an earlier one wrote it; None if none has.

        Raises MissingResult if the file has changed since, or is lost.
        """
        own = {place: (self.name, entry["sha256"]) for place, entry in self.files.items()}
        name, known = (self._written_before() | own).get(place, (None, None))
        if self.begun and name != self.name:
            self._note("read", {place: known})
        if name is None:
            return None
        path = (self.home if name == self.name else self.folder) / place
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != known:
            raise MissingResult(
                f"{path} is not what {name} wrote (another checksum, or lost); run notebooks/{name}.ipynb "
                "again with the same data and out: the same `reproduce` makes it again"
            )
        return content

    def path_of(self, place: str) -> Path:
        """Path of a file, or of a folder, that an earlier stage wrote; reading it is recorded."""
        places = [p for p in self._written_before() if p == place or p.startswith(f"{place}/")]
        if not places:
            raise MissingResult(
                f"{self.folder / place} has not been made yet; run the notebooks before {self.name} with the same data "
                f"and out, or `python -m bowerbird reproduce --profile smoke --until {self.name}`"
            )
        for one in places:
            self.original(one)
        return self.folder / place

    def read(self, name: str) -> pd.DataFrame | dict:
        """Read a result an earlier stage wrote; MissingResult says which notebook and command make it."""
        for suffix, read in ((".parquet", pd.read_parquet), (".json", json.load)):
            if (content := self.original(f"results/{name}{suffix}")) is not None:
                return read(io.BytesIO(content))
        made_by = maker(name)
        raise MissingResult(
            f"{self.folder}: {name!r} has not been made yet; run notebooks/{made_by}.ipynb with the same data and out, "
            f"or `python -m bowerbird reproduce --profile smoke --until {made_by}`"
        )

    # ---- writing ------------------------------------------------------------------------------------------------

    def write(self, name: str, result: pd.DataFrame | dict) -> Path:
        """Leave a result for later stages, results/<name>: a table as parquet, a dict as JSON."""
        if isinstance(result, dict):
            return self.wrote(write_json(self.home / "results" / f"{name}.json", result))
        return self.wrote(write_parquet(self.home / "results" / f"{name}.parquet", result))

    def table(self, name: str, frame: pd.DataFrame, decimals: int = 3, keep: bool = False) -> pd.DataFrame:
        """Save a table for readers, tables/<name>.csv and .md, and hand it back to be shown."""
        path, shown = self.home / "tables" / f"{name}.csv", frame.round(decimals)
        self.wrote(write_csv(path, neutralised(frame)), keep=keep)
        text = markdown_safe(shown).to_markdown(index=False) + "\n"
        self.wrote(write_text(path.with_suffix(".md"), text), keep=keep)
        return shown

    def csv(self, name: str, frame: pd.DataFrame, caption: str) -> Path:
        """Save a table to be handed out, <name>.csv in the run's folder itself, numbers to three decimals."""
        return self.wrote(write_csv(self.home / f"{name}.csv", neutralised(frame), float_format="%.3f"), caption)

    def page(self, name: str, text: str, caption: str) -> Path:
        """Save a page for readers, such as VERDICT.md, in the run's folder itself; reports/ keeps it."""
        return self.wrote(write_text(self.home / name, text), caption, keep=True)

    def figure(self, name: str, figure, caption: str, keep: bool = False):
        """Save a figure, figures/<name>.png, and hand it back to be shown under its caption: what to see in it."""
        path = self.home / "figures" / f"{name}.png"
        with atomic_path(path) as temporary:
            figure.savefig(temporary)
        self.wrote(path, caption, keep)
        if get_ipython():
            display(Markdown(f"{SEE}{caption}"))
        return figure


class Tables(dict[str, pd.DataFrame]):
    """Tables by name, each read when it is first asked for; one that is not there names the notebook that makes it."""

    def __init__(self, tables=(), source: Stage | Path | None = None):  # a stage of a run, or a report's folder
        super().__init__(tables)
        self.source = source

    def __missing__(self, name: str) -> pd.DataFrame:
        content, place = None, f"tables/{name}.csv"
        if isinstance(self.source, Stage):
            content = self.source.original(place)
        elif self.source and (self.source / place).is_file():
            content = (self.source / place).read_bytes()
        if content is None:
            made_by = maker(name)
            raise MissingResult(f"the table {name!r} has not been made yet; run notebooks/{made_by}.ipynb first")
        self[name] = pd.read_csv(io.BytesIO(content))
        return self[name]


def read_tables(source: Stage | Path) -> Tables:
    """The tables of a run, as a stage of it may read them, or those of a report's folder."""
    return Tables(source=source)


def one(table: pd.DataFrame, column: str, where: str):
    """The first value of a column among the rows that meet a condition, as `DataFrame.query` takes it.

    MissingResult if no row does.
    """
    rows = table.query(where)
    if rows.empty:
        raise MissingResult(f"no row of the table has {where}; it may be made by a larger profile")
    return rows.iloc[0][column]
