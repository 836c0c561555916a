"""A GPU beside two CPU cores, in ten minutes at most: `make gpu DATA=<folder>` writes reports/gpu/.

Every part has a time limit, and the report is written after every row: a run that is cut off keeps what it measured.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from forecasting import generation
from timing import NAN, row

from bowerbird.cluster import executor
from bowerbird.data.panel import Panel, build_panel
from bowerbird.data.reader import read_attachments
from bowerbird.data.twin import make_twin
from bowerbird.device import choose_device, describe, gpu_fault
from bowerbird.files import markdown_safe, write_json, write_text
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.population import fit_population
from bowerbird.forecaster.training import Forecaster, fit, predict
from bowerbird.metrics import one_minus_wmape
from bowerbird.runs import Stage, project_root
from bowerbird.runs.circumstances import made_on, versions
from bowerbird.runs.stage import notebook_paths

REPORT = project_root() / "reports" / "gpu"
SECONDS = 560  # of all parts; reading the data and stopping the last part come on top
HEAD = """# On a GPU

What `make gpu` measured: seconds of the device named below, once each after a short call to warm up, and seconds of
the peer for the same on the same machine. Memory is the peak that torch allocated on the GPU. A dash: not measured.
"""


@dataclass(frozen=True)
class Task:
    """What is trained, and where."""

    panel: Panel
    known: Panel  # without the days that are forecast
    candidates: list[Settings]
    network: Settings
    device: torch.device


def main(data: str, device: str = "cuda", small: bool = False, folder: Path = REPORT) -> None:
    """Measure all parts; the small setting is for the tests and leaves the full profile out."""
    begun, hardware = time.monotonic(), choose_device(device)
    panel = build_panel(make_twin(1996) if data == "synthetic" else read_attachments(data))
    candidates, network = generation(), Settings(dropout=0.0)  # dropout draws other numbers on a GPU than on a CPU
    if small:
        panel, network = panel.select(range(24)), replace(network, epochs=1)
        candidates = [replace(settings, epochs=1) for settings in candidates[:2]]
    task = Task(panel, panel.until(panel.n_days - network.horizon), candidates, network, hardware)
    about = {
        "device": describe(hardware), "cuda": torch.version.cuda, "made_on": made_on(), "versions": versions(),
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "data": Path(data).name, "n_series": panel.n_series,
        "n_days": task.known.n_days, "candidates": [asdict(settings) for settings in candidates],
        "network": asdict(network),
    }  # fmt: skip
    rows = []

    def keep(measurement: dict) -> None:
        rows.append(measurement)
        write(rows, about, folder)

    run_part("a generation", trained_together(task), 200, keep)
    run_part("the same seed twice", repeated(task), 60, keep)
    run_part("mixed precision", in_mixed_precision(task), 40, keep)
    if not small:
        left = int(SECONDS - (time.monotonic() - begun))
        run_part("the full profile", full_profile(data, device, left), left + 30, keep)
    print((folder / "gpu.md").read_text(encoding="utf-8"))


def run_part(name: str, rows: Iterable[dict], limit: int, keep: Callable) -> None:
    """Keep the rows as they come; a part that fails, or is not done at its limit, ends with a row that says so."""

    def stop(*_):
        raise TimeoutError(f"not done after {limit} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(limit)
    try:
        for measurement in rows:
            keep(measurement)
    except Exception as error:  # the parts that follow are measured all the same
        keep(line(name, finding=f"stopped: {error}"))
    finally:
        signal.alarm(0)


def line(what: str, *timed, peak: float = NAN, finding: str = "") -> dict:
    """A row as the bench's, with peak memory and what was found."""
    return row(what, *(timed or [NAN])) | {"peak MiB": peak, "finding": finding}


def write(rows: Sequence[dict], about: dict, folder: Path) -> None:
    """The table, and how it was made."""
    table = markdown_safe(pd.DataFrame(rows)).to_markdown(index=False, floatfmt=".4g").replace(" nan ", "   – ")
    made = f"{about['date']}. {about['device']}; {about['made_on']}, torch {torch.__version__}, CUDA {about['cuda']}."
    what = f"{about['n_series']:,} series of {about['n_days']} days, {about['data']}."
    write_text(folder / "gpu.md", f"{HEAD}\n{made} {what}\n\n{table}\n")
    write_json(folder / "run.json", about)


def measured(function: Callable) -> tuple:
    """Seconds of a call, the GPU's peak memory in MiB, and what was returned. Training waits for the GPU by itself."""
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    made = function()
    seconds = time.perf_counter() - start
    peak = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_initialized() else NAN
    return seconds, peak, made


# ---- the parts ------------------------------------------------------------------------------------------------------


def trained_together(task: Task) -> Iterator[dict]:
    """A generation of the search together, against one by one: on the device, and on two CPU processes."""
    what = f"a generation of {len(task.candidates)} networks together"
    short = [replace(settings, epochs=1) for settings in task.candidates]
    fit_population(task.known, short, device=task.device)
    together, peak, _ = measured(lambda: fit_population(task.known, task.candidates, device=task.device))
    fit(task.known, short[0], device=task.device)
    alone = measured(lambda: [fit(task.known, settings, device=task.device) for settings in task.candidates])[0]
    yield line(what, together, "one by one on the device", alone, ">= 10 times", peak=peak)
    with executor(2) as pool:
        list(pool.map(partial(fit, task.known), short))
        two_cores = measured(lambda: list(pool.map(partial(fit, task.known), task.candidates)))[0]
    yield line(what, together, "one by one on two CPU processes", two_cores, peak=peak)


def repeated(task: Task) -> Iterator[dict]:
    """Whether the same seed gives the same bits twice on the device, and how far the CPU's forecast is from it."""
    seconds, peak, first = measured(lambda: fit(task.known, task.network, device=task.device))
    again = fit(task.known, task.network, device=task.device)
    core, _, on_cpu = measured(lambda: fit(task.known, task.network))
    found = f"same bits twice: {same_bits([first], [again])}"
    yield line("a network", seconds, "one CPU core", core, peak=peak, finding=found)
    points = [predict(forecaster, task.known).point for forecaster in (first, on_cpu)]
    found = f"{abs(points[0] - points[1]).max():.2g} units; the mean forecast is {points[1].mean():.2g}"
    yield line("largest difference of its forecast from the CPU's", finding=found)
    short = [replace(settings, epochs=1) for settings in task.candidates]
    twice = [fit_population(task.known, short, device=task.device) for _ in range(2)]
    yield line("a generation together, one epoch", finding=f"same bits twice: {same_bits(*twice)}")


def same_bits(some: Sequence[Forecaster], others: Sequence[Forecaster]) -> str:
    """yes, if all weights are equal; else no."""
    tensors = [[t for f in made for n in f.networks for t in n.state_dict().values()] for made in (some, others)]
    return "yes" if all(torch.equal(*pair) for pair in zip(*tensors, strict=True)) else "no"


def in_mixed_precision(task: Task) -> Iterator[dict]:
    """The cell under torch's autocast, the rest in single precision; cuDNN's LSTM takes float16 for the bfloat16."""

    def rounded(settings: Settings) -> Forecaster:
        with torch.autocast(task.device.type, dtype=torch.bfloat16):
            return fit(task.known, settings, device=task.device)

    rounded(replace(task.network, epochs=1))
    mixed, peak, one = measured(lambda: rounded(task.network))
    single, _, other = measured(lambda: fit(task.known, task.network, device=task.device))
    actual = task.panel.demand[:, task.known.n_days :]
    scores = [one_minus_wmape(actual, predict(forecaster, task.known).point) for forecaster in (one, other)]
    found = "1-WMAPE of the last {} days {:.4f}, in single precision {:.4f}".format(task.network.horizon, *scores)
    yield line("a network in mixed precision", mixed, "in single precision", single, peak=peak, finding=found)


def full_profile(data: str, device: str, limit: int) -> Iterator[dict]:
    """The full profile in a process of its own, and the seconds of each stage that it finished by the limit."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "bowerbird", "reproduce", "--profile", "full", "--data", data]
        command += ["--device", device, "--set", "06_sbo_lstm.population=true", "--out", folder]
        command += ["--jobs", str(jobs := min(8, os.cpu_count() or 1))]
        start = time.perf_counter()
        process = subprocess.Popen(command)
        with suppress(subprocess.TimeoutExpired):
            process.wait(limit)
        seconds = time.perf_counter() - start
        ended = "stopped" if process.poll() is None else f"exit status {process.returncode}"
        process.send_signal(signal.SIGINT)  # a run that is still at work stops its notebooks
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        records = {path.stem: Stage(path.stem, Path(folder)).record() for path in notebook_paths()}
    done = {name: record["seconds"] for name, record in records.items() if record}
    found = f"{len(done)} of {len(records)} notebooks done, {ended}"
    yield line(f"the full profile, {jobs} notebooks at a time", seconds, "", NAN, "<= 300 s", finding=found)
    for name, taken in done.items():
        yield line(f"of these {name}", taken)


if __name__ == "__main__":
    if fault := gpu_fault():
        sys.exit(f"Error: {fault}; `make gpu` needs one")
    main(sys.argv[1])
