"""Run the notebooks in order through papermill; skip what is up to date, stop with a clear word at what fails."""

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from bowerbird.data.attachments import read_attachments
from bowerbird.device import choose_device, describe
from bowerbird.errors import BowerbirdError, ParameterError
from bowerbird.runs import IN_JUPYTER, Stage, index_page, notebook_html, project_root, read_json, run_folder, write_json
from bowerbird.runs.lock import only_run
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
    data_digest: str
    manifest: dict
    fingerprints: dict[str, str] = field(default_factory=dict)


def reproduce(
    profile: str = "demo", data: str = "synthetic", device: str = "auto", seed: int = 0, out: str = "",
    until: str = "", settings: tuple[str, ...] = (), quiet: bool = False,
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
    job = _prepare(profile, data, device, seed, out, settings, notebooks)
    with only_run(job.folder):
        click.echo(f"{profile} profile, {data} data, seed {seed}, {describe(choose_device(device))} -> {job.folder}")
        for number, path in enumerate(chosen, 1):
            label = f"[{number:>2}/{len(chosen)}] {path.stem:<18}"
            job.fingerprints[path.stem] = _fingerprint(path, job)
            if _up_to_date(Stage(path.stem, job.folder), job.fingerprints[path.stem]):
                click.echo(f"{label} up to date")
                continue
            seconds = _run(path, job, label, quiet)
            click.echo(f"{label} {seconds:6.1f} s")
        with _told(f"{job.folder}"):
            _write_run_json(job)
            index_page.write(job.folder)
    return job.folder


def _up_to(notebooks: list[Path], until: str) -> list[Path]:
    names = [path.stem for path in notebooks]
    if until and until not in names:
        raise ParameterError(f"--until {until}: no notebook is called so; there are {', '.join(names)}")
    return notebooks[: names.index(until) + 1] if until else notebooks


def _prepare(profile, data, device, seed, out, settings, notebooks) -> Job:
    choose_device(device)
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
    return Job(profile, data, seed, device, folder, parameters, _digest(manifest), manifest)


def _digest(content) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def package_digest() -> str:
    """Checksum of the package's source: a stage made by other code is run again."""
    root = Path(__file__).parents[1]
    return _digest({str(p.relative_to(root)): p.read_text(encoding="utf-8") for p in sorted(root.rglob("*.py"))})


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that make the numbers."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def _fingerprint(path: Path, job: Job) -> str:
    cells = [(cell.cell_type, cell.source) for cell in nbformat.read(path, as_version=4).cells]
    parameters = {k: v for k, v in job.parameters[path.stem].items() if k not in ("data", "out")}
    upstream = [job.fingerprints[name] for name in READS[path.stem]]
    return _digest([cells, parameters, job.data_digest, package_digest(), versions(), upstream])


def _up_to_date(stage: Stage, fingerprint: str) -> bool:
    if not stage.record_path.is_file():
        return False
    try:
        record = read_json(stage.record_path)
    except ValueError:  # a damaged record proves nothing
        return False
    return record["fingerprint"] == fingerprint and all((stage.folder / file).is_file() for file in record["files"])


def _run(path: Path, job: Job, label: str, quiet: bool) -> float:
    stage = Stage(path.stem, job.folder)
    folder = job.folder / "notebooks"
    running, failed = folder / f"{path.stem}.running.ipynb", folder / f"{path.stem}.failed.ipynb"
    os.environ.pop(IN_JUPYTER, None)  # a run started from a notebook is read by nobody while it runs
    started = time.perf_counter()
    with _told(path.stem):
        stage.record_path.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        failed.unlink(missing_ok=True)
        try:
            papermill.execute_notebook(
                str(path), str(running), job.parameters[path.stem], kernel_name="python3",
                progress_bar={"desc": label, "leave": False, "disable": quiet or not sys.stderr.isatty()},
                cwd=str(project_root()), extra_arguments=["--log-level=CRITICAL"],
            )  # fmt: skip
        except PapermillExecutionError as error:
            running.replace(failed)
            raise StageFailed(
                f"{path.stem}, cell {error.cell_index}: {error.ename}: {error.evalue}\n"
                f"The notebook as far as it came: {failed}\n{GO_ON}"
            ) from error
        except DeadKernelError as error:
            running.replace(failed)
            raise StageFailed(
                f"{path.stem}: the notebook's process ended without a word: it was killed, or the machine ran out of "
                f"memory\nThe notebook as far as it came: {failed}\n{GO_ON}"
            ) from error
        except BaseException:
            running.unlink(missing_ok=True)
            raise
        done = folder / f"{path.stem}.ipynb"
        running.replace(done)
        notebook_html.write(done)
        seconds = time.perf_counter() - started
        write_json(
            stage.record_path,
            {
                "stage": path.stem,
                "fingerprint": job.fingerprints[path.stem],
                "parameters": job.parameters[path.stem],
                "seconds": round(seconds, 1),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                **_circumstances(job),
                "files": read_json(stage.files_path) if stage.files_path.is_file() else [],
            },
        )
    return seconds


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
    twin_manifest = job.folder / "results" / "manifest.json"
    if not manifest and twin_manifest.is_file():
        manifest = read_json(twin_manifest)
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


def _write_run_json(job: Job) -> None:
    records = [Stage(name, job.folder).record_path for name in READS]
    stages = {record.stem: read_json(record) for record in records if record.is_file()}
    write_json(
        job.folder / "run.json",
        {
            "command": " ".join(["python -m bowerbird", *sys.argv[1:]]),
            "profile": job.profile,
            **_circumstances(job),
            "parameters": {name: record["parameters"] for name, record in stages.items()},
            "seconds": {name: record["seconds"] for name, record in stages.items()},
            "seconds_total": round(sum(record["seconds"] for record in stages.values()), 1),
            "stage_commits": {name: record["commit"] for name, record in stages.items()},
        },
    )
