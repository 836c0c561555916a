"""Run the notebooks through papermill, with checked parameters; skip those that are up to date.

Some run side by side: each as soon as those have ended that its first cell says it reads.
Parameters are checked before anything runs. A notebook is up to date while its text, the code it imports, its
parameters, the data's files, the versions of the packages and every file that it read are those of its record.
"""

import multiprocessing
import os
import platform
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import nbformat
import papermill
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from nbclient.exceptions import CellTimeoutError
from papermill.exceptions import PapermillExecutionError

from bowerbird.cluster import end_with_parent
from bowerbird.code import code_digest
from bowerbird.data.rules import Sales
from bowerbird.data.source import NAMED_DATA, open_data
from bowerbird.data.summary import is_contest, skipped
from bowerbird.errors import BowerbirdError, MissingResult, ParameterError
from bowerbird.files import digest, only_run, sha256, write_record
from bowerbird.runs import pages
from bowerbird.runs.circumstances import commit, versions
from bowerbird.runs.kernel import own_environment
from bowerbird.runs.parameters import check, declared, nearest
from bowerbird.runs.stage import Stage, notebook_paths, project_root, run_folder

PROFILES = ("smoke", "demo", "full")
GO_ON = "Mend the cause and give the same command again; it goes on here."


class StageFailed(BowerbirdError):
    """A notebook that stopped with an error."""


# ---- parameters -------------------------------------------------------------------------------------------------


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
        raise ParameterError(f"--set {text}: write it as NOTEBOOK.PARAMETER=VALUE, e.g. 06_sbo_lstm.max_evaluations=20")
    try:
        return notebook, name, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ParameterError(f"--set {text}: {value!r} is no value; put text with signs in it in quotes") from error


def resolve(notebooks: list[Path], changes: dict[str, dict], common: dict, source: str) -> dict[str, dict]:
    """Parameters to pass to each notebook, checked by name and type against what it declares.

    `changes` are those of the profile and the command line (notebook -> parameter -> value), `common` go to every
    notebook that declares the name, `source` says in a message where the changes come from.
    """
    changes = {_called(notebook, notebooks, source): values for notebook, values in changes.items()}
    resolved = {}
    for path in notebooks:
        known = declared(path)
        values = {name: value for name, value in common.items() if name in known}
        values |= changes.get(path.stem) or {}
        check(values, known, f"{source}: {path.stem}")
        resolved[path.stem] = values
    return resolved


# ---- the run ----------------------------------------------------------------------------------------------------


@dataclass
class Job:
    """What one call of `reproduce` runs."""

    profile: str
    seed: int
    hardware: str  # what torch computes on, in words
    folder: Path
    parameters: dict[str, dict]
    fingerprints: dict[str, str]
    quiet: bool  # no progress bar of cells
    cell_minutes: float
    data: str  # what the records call it: synthetic; attachments, if they are the contest's; own data, and their name
    files: dict[str, Path]  # of the data, by label
    manifest: dict[str, dict]  # label -> file, sha256
    skipped: dict[str, str]  # notebook -> why it does not apply to the data


def reproduce(
    profile: str = "demo", data: str = "synthetic", device: str = "auto", seed: int = 0, out: str = "",
    until: str = "", settings: tuple[str, ...] = (), quiet: bool = False, jobs: int = 1, cell_minutes: float = 240,
    columns: str = "", rules: str = "",
) -> Path:  # fmt: skip
    """Run all notebooks of a profile, or those up to one of them, and return the run's folder.

    `settings` are NOTEBOOK.PARAMETER=VALUE over the profile's; `columns` and `rules` say how a table is read. Up to
    `jobs` notebooks run side by side; a cell that takes longer than `cell_minutes` is stopped.

    ParameterError and DataError come before anything has run; RunInUse where another run is at work in the folder;
    StageFailed names the notebook, the cell and the cause, and the next call goes on from there.
    """
    notebooks = notebook_paths()
    chosen = notebooks
    if until:
        chosen = notebooks[: [path.stem for path in notebooks].index(_called(until, notebooks, "--until")) + 1]
    from bowerbird.device import choose_device, describe  # torch: the processes that run notebooks do without it

    hardware = describe(choose_device(device))
    changes = load_profile(profile)
    for text in settings:
        notebook, name, value = parse_setting(text)
        changes.setdefault(notebook, {})[name] = value
    data = data if data in NAMED_DATA else os.path.abspath(data)  # a link's own folder may hold the yaml
    folder = Path(out).resolve() if out else run_folder(profile, data)
    common = {"data": data, "out": str(folder), "seed": seed, "device": device, "columns": columns, "rules": rules}
    parameters = resolve(notebooks, changes, common, f"profile {profile}" + (" with --set" if settings else ""))
    about = _about(data, columns, rules)
    fingerprints = {path.stem: _fingerprint(path, parameters[path.stem], about["manifest"]) for path in notebooks}
    quiet = quiet or jobs > 1  # two bars would write over each other
    job = Job(profile, seed, hardware, folder, parameters, fingerprints, quiet, cell_minutes, **about)
    with own_environment(), only_run(folder):
        click.echo(f"{profile} profile, {data} data, seed {seed}, {hardware} -> {folder}")
        _run_all(chosen, job, jobs)
        _write_pages(job)
    return folder


def _about(data: str, columns: str, rules: str) -> dict:
    """The fields of a Job on its data, which are refused if they cannot be used."""
    if data == "synthetic":
        if columns or rules:
            raise ParameterError("--columns and --rules are for a table: give its file by --data")
        return {"data": data, "files": {}, "manifest": {}, "skipped": {}}
    source = open_data(data, columns, rules)
    if isinstance(source, Sales):
        click.echo(source.describe())
    name = "attachments" if is_contest(source) else f"own data, {Path(data).name}"
    return {"data": name, "files": source.files, "manifest": source.manifest(), "skipped": skipped(source)}


def _run_all(chosen: list[Path], job: Job, jobs: int) -> None:
    """Run the notebooks that are not up to date; a failure is raised when those at work have ended."""
    labels = {path.stem: f"[{n:>2}/{len(chosen)}] {path.stem:<31}" for n, path in enumerate(chosen, 1)}
    minutes = {path.stem: minutes_told(path, job.profile) for path in chosen}  # of those that have not ended
    told = not (job.folder / "run.json").is_file()  # nothing that could be out of date
    for path in chosen:
        if path.stem in job.skipped:
            click.echo(f"{labels[path.stem]} skipped: {job.skipped[path.stem]}")
            del minutes[path.stem]
    waiting, running, failure = [path for path in chosen if path.stem in minutes], {}, None
    with _lanes(jobs) as submit:
        while running or (waiting and not failure):
            ready = [] if failure else [path for path in waiting if not needs(path) & minutes.keys()]
            # Those for which most others wait come first, so that no core is idle at the end
            ready.sort(key=lambda path: -sum(path.stem in needs(other) for other in waiting))
            for path in ready[: jobs - len(running)]:
                waiting.remove(path)
                label, again = labels[path.stem], why_again(Stage(path.stem, job.folder), job.fingerprints[path.stem])
                if again is None:
                    click.echo(f"{label} up to date")
                    del minutes[path.stem]
                    continue
                if again:
                    click.echo(f"{label} made again: {again}")
                if not told:  # if this run is broken off, the page of the last one says no longer that all is one run
                    _write_pages(job)
                    told = True
                running[submit(_run, path, job, label)] = path.stem
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                del minutes[stem := running.pop(done)]
                if error := done.exception():
                    failure = failure or error
                else:
                    left = sum(minutes.values()) / jobs
                    click.echo(
                        f"{labels[stem]} {done.result():6.1f} s" + (f", about {left:.0f} min left" * (left >= 1))
                    )
    if failure:
        raise failure


def needs(path: Path) -> set[str]:
    """The notebooks whose numbers the first cell names behind "Reads"; (00 to 16) are all of these."""
    reads = re.search(r"^Reads ([^·]*)", nbformat.read(path, as_version=4).cells[0].source, re.MULTILINE)
    found = set(re.findall(r"\b\d\d\b", reads[1])) if reads else set()
    for first, last in re.findall(r"(\d\d) to (\d\d)", reads[1]) if reads else []:
        found |= {f"{number:02}" for number in range(int(first), int(last) + 1)}
    return {other.stem for other in notebook_paths() if other.stem[:2] in found} - {path.stem}


def minutes_told(path: Path, profile: str) -> float:
    """How long the notebook takes, as its first cell says; 0 where it does not."""
    told = re.search(rf"\b{profile} ([\d.]+) (s|min)\b", nbformat.read(path, as_version=4).cells[0].source)
    return 0 if told is None else float(told[1]) / (60 if told[2] == "s" else 1)


@contextmanager
def _lanes(jobs: int) -> Iterator[Callable[..., Future]]:
    """What runs a function: at once or, with several jobs, in processes that end with the run."""
    if jobs == 1:
        yield _at_once
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin_lane)
    try:
        yield pool.submit
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown()


def _begin_lane() -> None:
    """A lane that is told to end clears up, as one that is interrupted does."""
    end_with_parent()
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))


def _at_once(function: Callable, *arguments) -> Future:
    future = Future()
    try:
        future.set_result(function(*arguments))
    except Exception as error:
        future.set_exception(error)
    return future


def _called(name: str, notebooks: list[Path], source: str) -> str:
    """The notebook of this name; its number may be left out, or be the one it had before the lessons were numbered."""
    words = {re.sub(r"^\d\d[a-z]?_", "", path.stem): path.stem for path in notebooks}
    found = words.get(re.sub(r"^\d\d[a-z]?_", "", name))
    if found is None:
        raise ParameterError(f"{source}: no notebook is called {name!r}{nearest(name, [*words.values()])}")
    return found


def _fingerprint(path: Path, parameters: dict, manifest: dict) -> str:
    """Checksum of all that a stage depends on but the files it reads of other stages."""
    cells = [(cell.cell_type, cell.source) for cell in nbformat.read(path, as_version=4).cells]
    plain = TransformerManager().transform_cell  # a reader's %timeit as Python
    code = code_digest([plain(source) for kind, source in cells if kind == "code"])
    chosen = {name: value for name, value in parameters.items() if name not in ("data", "out")}
    return digest([cells, chosen, manifest, code, versions()])


def why_again(stage: Stage, fingerprint: str) -> str | None:
    """Why a stage is run again: "" if nothing need be said, None if it is up to date."""
    record = stage.record()
    if not record:
        return "its record is damaged" if stage.record_path.is_file() else ""
    if record["fingerprint"] != fingerprint:
        return ""
    for files, what in ((stage.changed(), "changed or lost"), (stage.outdated(), "made anew")):
        if files:
            return f"{', '.join(files[:3])}{' …' if files[3:] else ''} {what}"
    return None


def _run(path: Path, job: Job, label: str) -> float:
    stage = Stage(path.stem, job.folder, begun=True)
    folder = job.folder / "notebooks"
    running, failed = folder / f"{path.stem}.running.ipynb", folder / f"{path.stem}.failed.ipynb"
    started = time.perf_counter()
    with _writing(path.stem):
        folder.mkdir(parents=True, exist_ok=True)
        failed.unlink(missing_ok=True)
        try:
            papermill.execute_notebook(
                _escaped(path), _escaped(running), job.parameters[path.stem], kernel_name="python3",
                progress_bar={"desc": label, "leave": False, "disable": job.quiet or not sys.stderr.isatty()},
                cwd=str(project_root()), extra_arguments=["--log-level=CRITICAL"], start_timeout=600, iopub_timeout=60,
                execution_timeout=max(round(60 * job.cell_minutes), 1),
            )  # fmt: skip
            _check_unchanged(stage, job)
            stage.complete()
        except (PapermillExecutionError, CellTimeoutError, RuntimeError) as error:
            told = f"{path.stem}{_cause(error, running, job.cell_minutes)}"
            running.replace(failed)
            raise StageFailed(f"{told}\nThe notebook as far as it came: {failed}\n{GO_ON}") from error
        except BaseException:
            running.unlink(missing_ok=True)
            raise
        finally:
            stage.forget()
        done = folder / f"{path.stem}.ipynb"
        running.replace(done)
        seconds = time.perf_counter() - started
        about = {
            "stage": path.stem,
            "fingerprint": job.fingerprints[path.stem],
            "profile": job.profile,
            "parameters": job.parameters[path.stem],
            "seconds": round(seconds, 1),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        stage.finish(about | _circumstances(job), (done,))
    return seconds


def _escaped(path: Path) -> str:
    """A path as papermill takes it, which puts parameters where braces are."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _cause(error: Exception, running: Path, cell_minutes: float) -> str:
    """In which cell a notebook stopped, and why."""
    if isinstance(error, PapermillExecutionError):
        return f", cell {error.cell_index}: {error.ename}: {error.evalue}"
    cells = nbformat.read(running, as_version=4).cells
    begun = (k for k, cell in enumerate(cells) if cell.metadata.get("papermill", {}).get("start_time"))
    at_work = max(begun, default=0)  # when the notebook was last saved
    if isinstance(error, CellTimeoutError):
        only = "if it only needs more time, give --cell-minutes"
        return f", cell {at_work}: not done after {cell_minutes:g} minutes; {only}"
    # A RuntimeError, as nbclient tells of a kernel that died, or never came to life
    return (
        f": the notebook's process ended without a word in cell {at_work}: it was killed, or the machine ran out of "
        f"memory ({error})"
    )


def _check_unchanged(stage: Stage, job: Job) -> None:
    """Refuse what a stage has made if the data or the files it has read changed while it was at work."""
    now = {label: sha256(path) if path.is_file() else None for label, path in job.files.items()}
    changed = [f"{job.data}: {label}" for label, entry in job.manifest.items() if now[label] != entry["sha256"]]
    if changed := changed + stage.outdated():
        raise StageFailed(f"{stage.name}: {', '.join(changed)} changed while the run was at work\n{GO_ON}")


@contextmanager
def _writing(place: str) -> Iterator[None]:
    """A full disk or a folder that cannot be written to is a StageFailed with its file and cure."""
    try:
        yield
    except OSError as error:
        raise StageFailed(
            f"{place}: {error.filename or 'a file'} cannot be written ({error.strerror})\n{GO_ON}"
        ) from error


# ---- the record of the run --------------------------------------------------------------------------------------


def _circumstances(job: Job) -> dict:
    manifest = job.manifest
    if not manifest:
        with suppress(MissingResult, ParameterError):  # of a twin that is not made yet
            manifest = Stage("~", job.folder).read("manifest")
    return {
        "seed": job.seed,
        "data": job.data,
        "data_files": manifest,
        "commit": commit(),
        "versions": versions(),
        "device": job.hardware,
        "platform": f"{platform.system()} {platform.machine()}",
    }


def _write_pages(job: Job) -> None:
    """Write run.json and index.html for what the folder holds now."""
    with _writing(f"{job.folder}"):
        stages = [stage for name in job.parameters if (stage := Stage(name, job.folder)).record()]
        records = {stage.name: stage.record() for stage in stages}
        mixed = {
            stage.name: {key: records[stage.name][key] for key in ("profile", "seed", "data", "commit")}
            for stage in stages
            if records[stage.name]["fingerprint"] != job.fingerprints[stage.name] or stage.outdated()
        }
        write_record(
            job.folder / "run.json",
            {
                "command": " ".join(["python -m bowerbird", *sys.argv[1:]]),
                "profile": job.profile,
                **_circumstances(job),
                **({"mixed": mixed} if mixed else {}),  # stages that another command made
                "parameters": {name: record["parameters"] for name, record in records.items()},
                "seconds": {name: record["seconds"] for name, record in records.items()},
                **({"skipped": job.skipped} if job.skipped else {}),
                "seconds_total": round(sum(record["seconds"] for record in records.values()), 1),
                "stage_commits": {name: record["commit"] for name, record in records.items()},
            },
        )
        pages.write_site(job.folder)
