"""Run the notebooks in order through papermill; skip what is up to date, stop with a clear word at what fails."""

import importlib.metadata
import math
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click
import nbformat
import papermill
from IPython.core.inputtransformer2 import TransformerManager
from nbclient.exceptions import CellTimeoutError
from papermill.exceptions import PapermillExecutionError

from bowerbird.code import code_digest
from bowerbird.data.reader import ATTACHMENTS, find_file, read_attachments
from bowerbird.device import choose_device, describe
from bowerbird.errors import BowerbirdError, MissingResult, ParameterError
from bowerbird.files import digest, only_run, sha256, write_record
from bowerbird.runs import Stage, index_page, notebook_html, project_root, run_folder
from bowerbird.runs.kernel import OwnKernel, own_environment
from bowerbird.runs.parameters import load_profile, notebook_paths, parse_setting, resolve

READS = {
    "00_start_here": (),
    "01_data": (),
    "02_dm_clustering": ("01_data",),
    "03_denoising": ("01_data",),
    "04_sbo": (),
    "05_sbo_lstm": ("01_data",),
    "06_table_3": ("01_data", "05_sbo_lstm"),
    "07_forecast": ("01_data", "05_sbo_lstm"),
    "07b_new_items_and_618": ("01_data",),
    "08_inventory": ("01_data", "05_sbo_lstm", "07_forecast"),
    "09_planning": ("01_data", "05_sbo_lstm", "07_forecast"),
    "10_daily_operation": ("01_data", "05_sbo_lstm"),
    "11_verdict": (
        "01_data", "02_dm_clustering", "03_denoising", "04_sbo", "05_sbo_lstm", "06_table_3", "07_forecast",
        "08_inventory",
    ),
}  # fmt: skip
"""Which stages' results each notebook reads: it is run again when one of them was."""

GO_ON = "Mend the cause and give the same command again; it goes on here."

PACKAGES = ("bowerbird", "numpy", "pandas", "scipy", "torch", "scikit-learn", "pywavelets", "matplotlib", "papermill")


class StageFailed(BowerbirdError):
    """A notebook that stopped with an error."""


@dataclass
class Job:
    """What one call of `reproduce` runs."""

    profile: str
    data: str
    seed: int
    device: str
    folder: Path
    parameters: dict[str, dict]
    manifest: dict
    cell_minutes: float
    fingerprints: dict[str, str] = field(default_factory=dict)


def reproduce(
    profile: str = "demo", data: str = "synthetic", device: str = "auto", seed: int = 0, out: str = "",
    until: str = "", settings: tuple[str, ...] = (), quiet: bool = False, cell_minutes: float = 720,
) -> Path:  # fmt: skip
    """Run all notebooks of a profile, or those up to one of them.

    Parameters
    ----------
    profile : {"smoke", "demo", "full"}
    data : str
        "synthetic" or a folder of attachments.
    device : {"auto", "cpu", "cuda"}
    seed : int
    out : str
        The run's folder; empty for runs/<profile>-<data>.
    until : str
        Name of the last notebook to run; empty for all.
    settings : tuple of str
        NOTEBOOK.PARAMETER=VALUE, over the profile.
    quiet : bool
        No progress bars.
    cell_minutes : float
        Time limit of a notebook's cell; a cell that takes longer ends the run.

    Returns
    -------
    Path of the run's folder.

    Raises
    ------
    ParameterError, DataError
        Before anything has run.
    RunInUse
        Another run is at work in the folder.
    StageFailed
        A notebook failed: the message names it, the cell and the cause; the next call goes on from there.
    """
    notebooks = notebook_paths()
    chosen = _up_to(notebooks, until)
    job = _prepare(profile, data, device, seed, out, settings, notebooks, cell_minutes)
    with own_environment(), only_run(job.folder):
        click.echo(f"{profile} profile, {data} data, seed {seed}, {describe(choose_device(device))} -> {job.folder}")
        told = not (job.folder / "run.json").is_file()  # nothing that could be out of date
        for number, path in enumerate(chosen, 1):
            label = f"[{number:>2}/{len(chosen)}] {path.stem:<18}"
            again = _again(Stage(path.stem, job.folder), job.fingerprints[path.stem])
            if again is None:
                click.echo(f"{label} up to date")
                continue
            if again:
                click.echo(f"{label} made again: {again}")
            if not told:  # if this run is broken off, the page of the last one says no longer that all is one run
                told = _write_pages(job)
            seconds = _run(path, job, label, quiet)
            click.echo(f"{label} {seconds:6.1f} s")
        _write_pages(job)
    return job.folder


def _up_to(notebooks: list[Path], until: str) -> list[Path]:
    names = [path.stem for path in notebooks]
    if until and until not in names:
        raise ParameterError(f"--until {until}: no notebook is called so; there are {', '.join(names)}")
    return notebooks[: names.index(until) + 1] if until else notebooks


def _prepare(profile, data, device, seed, out, settings, notebooks, cell_minutes) -> Job:
    choose_device(device)
    if not 0 < cell_minutes < math.inf:
        raise ParameterError(f"--cell-minutes is {cell_minutes}; give a number of minutes above 0")
    changes = load_profile(profile)
    for text in settings:
        notebook, name, value = parse_setting(text)
        changes.setdefault(notebook, {})[name] = value
    manifest = {}
    if data != "synthetic":
        data = str(Path(data).resolve())
        manifest = read_attachments(data).manifest()  # refuses a wrong folder before anything runs
    folder = Path(out).resolve() if out else run_folder(profile, data)
    common = {"data": data, "out": str(folder), "seed": seed, "device": device}
    source = f"profile {profile}" + (" with --set" if settings else "")
    parameters = resolve(notebooks, changes, common, source)
    job = Job(profile, data, seed, device, folder, parameters, manifest, cell_minutes)
    for path in notebooks:
        job.fingerprints[path.stem] = _fingerprint(path, job)
    return job


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that make the numbers."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def _fingerprint(path: Path, job: Job) -> str:
    """Checksum of all that a stage's results depend on: a stage made from anything else is run again."""
    cells = [(cell.cell_type, cell.source) for cell in nbformat.read(path, as_version=4).cells]
    plain = TransformerManager().transform_cell  # a reader's %timeit as Python
    code = code_digest([plain(source) for kind, source in cells if kind == "code"])
    parameters = {k: v for k, v in job.parameters[path.stem].items() if k not in ("data", "out")}
    upstream = [job.fingerprints[name] for name in READS[path.stem]]
    return digest([cells, parameters, digest(job.manifest), code, versions(), upstream])


def _again(stage: Stage, fingerprint: str) -> str | None:
    """Why a stage is run again: "" if nothing need be said, None if it is up to date."""
    record = stage.record()
    if not record:
        return "its record is damaged" if stage.record_path.is_file() else ""
    if record["fingerprint"] != fingerprint:
        return ""
    changed = stage.changed()
    return f"{', '.join(changed[:3])}{' …' if changed[3:] else ''} changed or lost" if changed else None


def _run(path: Path, job: Job, label: str, quiet: bool) -> float:
    stage = Stage(path.stem, job.folder)
    folder = job.folder / "notebooks"
    running, failed = folder / f"{path.stem}.running.ipynb", folder / f"{path.stem}.failed.ipynb"
    started = time.perf_counter()
    with _told(path.stem):
        stage.record_path.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        failed.unlink(missing_ok=True)
        try:
            papermill.execute_notebook(
                _escaped(path), _escaped(running), job.parameters[path.stem], kernel_name="python3",
                progress_bar={"desc": label, "leave": False, "disable": quiet or not sys.stderr.isatty()},
                cwd=str(project_root()), extra_arguments=["--log-level=CRITICAL"], kernel_manager_class=OwnKernel,
                start_timeout=600, iopub_timeout=60, execution_timeout=max(1, round(60 * job.cell_minutes)),
            )  # fmt: skip
            _check_unchanged(path.stem, job)
        except PapermillExecutionError as error:
            where = f"{path.stem}, cell {error.cell_index}: {error.ename}: {error.evalue}"
            raise _failed(where, running, failed) from error
        except CellTimeoutError as error:
            where = (
                f"{path.stem}, cell {_last_cell(running)}: took longer than {job.cell_minutes:g} minutes; give it more "
                "with --cell-minutes"
            )
            raise _failed(where, running, failed) from error
        except RuntimeError as error:  # as nbclient tells of a kernel that died, or never came to life
            where = (
                f"{path.stem}: the notebook's process ended without a word in cell {_last_cell(running)}: it was "
                f"killed, or the machine ran out of memory ({error})"
            )
            raise _failed(where, running, failed) from error
        except BaseException:
            running.unlink(missing_ok=True)
            raise
        done = folder / f"{path.stem}.ipynb"
        running.replace(done)
        page = notebook_html.write(done)
        seconds = time.perf_counter() - started
        stage.finish(
            {
                "stage": path.stem,
                "fingerprint": job.fingerprints[path.stem],
                "profile": job.profile,
                "parameters": job.parameters[path.stem],
                "seconds": round(seconds, 1),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                **_circumstances(job),
            },
            (done, page, page.with_suffix(".nocode.html")),
        )
    return seconds


def _escaped(path: Path) -> str:
    """A path as papermill takes it, which puts parameters where braces are."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _failed(where: str, running: Path, failed: Path) -> StageFailed:
    running.replace(failed)
    return StageFailed(f"{where}\nThe notebook as far as it came: {failed}\n{GO_ON}")


def _last_cell(running: Path) -> int:
    """Number of the cell that was at work when a notebook was last saved."""
    cells = nbformat.read(running, as_version=4).cells
    return max((k for k, cell in enumerate(cells) if cell.metadata.get("papermill", {}).get("start_time")), default=0)


def _check_unchanged(stage: str, job: Job) -> None:
    """Refuse what a stage has made if the files it was to read are no longer those the run began with."""
    now = {}
    if job.data != "synthetic":
        found = {spec.label: find_file(Path(job.data), spec) for spec in ATTACHMENTS}
        now = {label: {"file": p.name, "sha256": sha256(p)} for label, p in found.items() if p}
    changed = [f"{job.data}: {label}" for label in job.manifest | now if job.manifest.get(label) != now.get(label)]
    for name in READS[stage]:
        changed += [str(job.folder / place) for place in Stage(name, job.folder).changed()]
    if changed:
        raise StageFailed(f"{stage}: {', '.join(changed)} changed while the run was at work\n{GO_ON}")


@contextmanager
def _told(place: str) -> Iterator[None]:
    """A full disk or a folder that cannot be written to is a StageFailed with its file and cure."""
    try:
        yield
    except OSError as error:
        raise StageFailed(
            f"{place}: {error.filename or 'a file'} cannot be written ({error.strerror})\n{GO_ON}"
        ) from error


def _circumstances(job: Job) -> dict:
    manifest = job.manifest
    if not manifest:
        with suppress(MissingResult):  # of a twin that is not made yet
            manifest = Stage("01_data", job.folder).read("manifest")
    return {
        "seed": job.seed,
        "data": "synthetic" if job.data == "synthetic" else "attachments",
        "data_files": manifest,
        "commit": _commit(),
        "versions": versions(),
        "device": describe(choose_device(job.device)),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def _commit() -> str:
    def git(*arguments) -> str:
        call = subprocess.run(["git", *arguments], cwd=project_root(), capture_output=True, text=True, check=False)
        return call.stdout.strip() if call.returncode == 0 else ""

    try:
        commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain")
    except FileNotFoundError:
        return "unknown"
    return (commit or "unknown") + (" with uncommitted changes" if changed else "")


def _write_pages(job: Job) -> bool:
    """Write run.json and index.html for what the folder holds now."""
    with _told(f"{job.folder}"):
        stages = {name: record for name in READS if (record := Stage(name, job.folder).record())}
        mixed = {
            name: {key: record[key] for key in ("profile", "seed", "data", "commit")}
            for name, record in stages.items()
            if record["fingerprint"] != job.fingerprints[name]
        }
        write_record(
            job.folder / "run.json",
            {
                "command": " ".join(["python -m bowerbird", *sys.argv[1:]]),
                "profile": job.profile,
                **_circumstances(job),
                **({"mixed": mixed} if mixed else {}),  # stages that another command made
                "parameters": {name: record["parameters"] for name, record in stages.items()},
                "seconds": {name: record["seconds"] for name, record in stages.items()},
                "seconds_total": round(sum(record["seconds"] for record in stages.values()), 1),
                "stage_commits": {name: record["commit"] for name, record in stages.items()},
            },
        )
        index_page.write(job.folder)
    return True
