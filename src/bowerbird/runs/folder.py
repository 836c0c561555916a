"""A run's folder: where a stage reads what earlier stages made and leaves, whole or not at all, what it makes itself.

runs/<profile>-<data>/  attachments/ (the twin)  results/  tables/  figures/  notebooks/  records/  run.json  index.html

records/<stage>.files.json holds the SHA-256 of every file the stage wrote, records/<stage>.json the record of a
completed stage. A file counts as the stage's while its checksum is the one recorded, and not because it is there.
"""

import hashlib
import io
import json
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
    write_json,
    write_record,
)
from bowerbird.runs.captions import CAPTIONS

RESULTS = {
    "panel": "01_data",
    "merge_counts": "01_data",
    "manifest": "01_data",
    "clusters": "02_dm_clustering",
    "table_1_as_run": "02_dm_clustering",
    "table_2_as_run": "02_dm_clustering",
    "dm_summary": "02_dm_clustering",
    "denoising": "03_denoising",
    "sbo_functions": "04_sbo",
    "settings": "05_sbo_lstm",
    "forecast_test": "05_sbo_lstm",
    "lstm_summary": "05_sbo_lstm",
    "table_3": "06_table_3",
    "forecasts": "07_forecast",
    "forecast_scores": "07_forecast",
    "inventory_summary": "08_inventory",
    "replenishment": "08_inventory",
    "daily_summary": "10_daily_operation",
    "headline": "11_verdict",
}
"""Every result one stage hands to another or to the report, and the notebook that makes it."""

AT_THE_TOP = ("forecasts", "replenishment")
"""Results a user looks for: they lie in the run's folder itself, forecasts also as csv."""


IN_JUPYTER = "JPY_SESSION_NAME"
"""Set by a Jupyter server in the kernels that it starts for a reader."""


def project_root() -> Path:
    """The checkout the package was installed from, or the current folder where there is none."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").is_file() else Path.cwd()


def run_folder(profile: str, data: str) -> Path:
    """Default folder of a run: runs/<profile>-<data>, data being "synthetic" or the name of the attachments' folder."""
    label = data if data == "synthetic" else Path(data).resolve().name
    return project_root() / "runs" / f"{profile}-{label}"


@dataclass(frozen=True)
class Stage:
    """One notebook's view of the run's folder.

    Attributes
    ----------
    name : str
        The notebook's name, e.g. "05_sbo_lstm".
    folder : Path
        The run's folder.
    """

    name: str
    folder: Path

    @classmethod
    def begin(cls, name: str, out: str = "", data: str = "synthetic") -> "Stage":
        """Open the run's folder for a stage; what an earlier execution of the stage recorded no longer counts.

        Parameters
        ----------
        name : str
            The notebook's name.
        out : str
            The run's folder; empty for runs/smoke-<data>.
        data : str
            "synthetic" or a folder of attachments.

        Returns
        -------
        Stage
        """
        stage = cls(name, Path(out) if out else run_folder("smoke", data))
        stage.record_path.unlink(missing_ok=True)
        write_json(stage.files_path, {})
        return stage

    @property
    def record_path(self) -> Path:
        """The record of a completed stage; the pipeline writes it, a run by hand takes it away."""
        return self.folder / "records" / f"{self.name}.json"

    @property
    def files_path(self) -> Path:
        """The files the stage has written so far, with their checksums."""
        return self.folder / "records" / f"{self.name}.files.json"

    @property
    def files(self) -> dict[str, str]:
        """The files the stage has written so far: path in the run's folder -> SHA-256."""
        try:
            files = read_json(self.files_path)
        except (OSError, ValueError, RecursionError):  # lost or damaged: it proves nothing
            return {}
        return files if isinstance(files, dict) else {}

    def finish(self, about: dict, pages: tuple[Path, ...] = ()) -> None:
        """Write the record of the completed stage: `about` it, and the checksums of all it wrote and of its pages."""
        files = {self._place(path): sha256(path) for path in (self.files_path, *pages)}
        write_record(self.record_path, {**about, "files": self.files | files})

    def record(self) -> dict:
        """The record of the completed stage; {} if there is none, or it is damaged."""
        return read_record(self.record_path)

    def changed(self) -> list[str]:
        """Files of the record that are no longer there, or no longer what the stage wrote."""
        return [place for place, known in self.record().get("files", {}).items() if not self._holds(place, known)]

    def original(self, place: str) -> bytes | None:
        """The bytes of a file as the stage wrote it; None if it has written no such file.

        Raises
        ------
        MissingResult
            The file has changed since, or is lost.
        """
        if place not in (files := self.files):
            return None
        path = self.folder / place
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != files[place]:
            raise MissingResult(
                f"{path} is not what {self.name} wrote (another checksum, or lost); run notebooks/{self.name}.ipynb "
                "again with the same data and out: the same `reproduce` makes it again"
            )
        return content

    def write(self, name: str, result: pd.DataFrame | dict) -> Path:
        """Leave a result for later stages: a table as parquet (csv for the plan), a dict as JSON.

        Parameters
        ----------
        name : str
            One of RESULTS, made by this stage.
        result : DataFrame or dict

        Returns
        -------
        Path of the file.
        """
        if RESULTS.get(name) != self.name:
            raise ParameterError(f"{self.name} writes {name!r}, which runs.RESULTS does not say; add it there")
        path = self._result_path(name, isinstance(result, dict))
        if isinstance(result, dict):
            write_json(path, result)
        else:
            with atomic_path(path) as temporary:
                if path.suffix == ".csv":
                    neutralised(result).to_csv(temporary, index=False)
                else:
                    result.to_parquet(temporary, index=False)
        return self.wrote(path)

    def read(self, name: str) -> pd.DataFrame | dict:
        """Read a result an earlier stage made.

        Parameters
        ----------
        name : str
            One of RESULTS.

        Returns
        -------
        DataFrame or dict

        Raises
        ------
        MissingResult
            Not made yet, or changed since; the message says which notebook or command makes it.
        """
        paths = [self._result_path(name, as_dict) for as_dict in (False, True)]
        maker = RESULTS[name]
        for path in paths:
            if (content := Stage(maker, self.folder).original(self._place(path))) is not None:
                read = {".json": json.load, ".csv": pd.read_csv, ".parquet": pd.read_parquet}[path.suffix]
                return read(io.BytesIO(content))
        raise MissingResult(
            f"{self.folder}: {name!r} has not been made yet; run notebooks/{maker}.ipynb with the same data and out, "
            f"or `python -m bowerbird reproduce --profile smoke --until {maker}`"
        )

    def table(self, name: str, frame: pd.DataFrame, decimals: int = 3) -> pd.DataFrame:
        """Save a table for readers, tables/<name>.csv and .md, and hand it back to be shown."""
        path = self.folder / "tables" / f"{name}.csv"
        with atomic_path(path) as temporary:
            neutralised(frame).to_csv(temporary, index=False)
        self.wrote(path)
        with atomic_path(path.with_suffix(".md")) as temporary:
            shown = markdown_safe(frame.round(decimals)).to_markdown(index=False)
            temporary.write_text(shown + "\n", encoding="utf-8")
        self.wrote(path.with_suffix(".md"))
        return frame.round(decimals)

    def csv(self, name: str, frame: pd.DataFrame) -> Path:
        """Save a table to be handed out, <name>.csv in the run's folder itself, numbers to three decimals."""
        path = self.folder / f"{name}.csv"
        with atomic_path(path) as temporary:
            neutralised(frame).to_csv(temporary, index=False, float_format="%.3f")
        return self.wrote(path)

    def page(self, name: str, text: str) -> Path:
        """Save a page for readers, such as VERDICT.md, in the run's folder itself."""
        path = self.folder / name
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return self.wrote(path)

    def figure(self, name: str, figure):
        """Save a figure, figures/<name>.png, and hand it back to be shown under a word on what to see in it."""
        path = self.folder / "figures" / f"{name}.png"
        with atomic_path(path) as temporary:
            figure.savefig(temporary)
        self.wrote(path)
        if get_ipython() and name in CAPTIONS:
            display(Markdown(f"**What to see:** {CAPTIONS[name]}"))
        return figure

    def wrote(self, path: Path) -> Path:
        """Record a file in the run's folder as this stage's: if it is lost or changed, the stage is run again."""
        write_json(self.files_path, dict(sorted((self.files | {self._place(path): sha256(path)}).items())))
        return path

    def _place(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _holds(self, place: str, known: str) -> bool:
        path = self.folder / place
        return path.is_file() and sha256(path) == known

    def _result_path(self, name: str, as_dict: bool) -> Path:
        if name not in RESULTS:
            raise ParameterError(f"no result is called {name!r}; there are {', '.join(RESULTS)}")
        suffix = ".json" if as_dict else ".csv" if name == "replenishment" else ".parquet"
        return (self.folder if name in AT_THE_TOP else self.folder / "results") / f"{name}{suffix}"
