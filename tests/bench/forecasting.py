"""Rows of the bench: reading, EM, filtering, search, the network."""

import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pywt
import torch
from peers import peer_seconds
from sklearn.mixture import GaussianMixture
from timing import row, seconds
from torch.utils.data import DataLoader, TensorDataset

from bowerbird import denoise, sbo
from bowerbird.data.panel import Panel, build_panel
from bowerbird.data.reader import ATTACHMENTS, find_file, read_attachments
from bowerbird.dm.fast import Statistics
from bowerbird.dm.mixture import design_matrix
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.population import fit_population
from bowerbird.forecaster.training import fit
from bowerbird.forecaster.tuning import SPACE


def reading(folder: Path) -> list[dict]:
    path = find_file(folder, ATTACHMENTS[0])
    reader = pd.read_csv if path.suffix == ".csv" else pd.read_excel
    ours = seconds(lambda: build_panel(read_attachments(folder)), 3)
    theirs = seconds(lambda: reader(path), 3)
    return [
        row(
            "all attachments, validated, to a panel", ours, f"pandas.{reader.__name__} of 附件1 alone", theirs, "<= 2 s"
        )
    ]


def excel(folder: Path) -> list[dict]:
    path = find_file(folder, ATTACHMENTS[5])
    if path.suffix == ".csv":  # the twin's, in a folder of its own
        pd.read_csv(path).to_excel(path := path.with_name("as a workbook.xlsx"), index=False)
    times = [
        seconds(lambda engine=engine: pd.read_excel(path, engine=engine), 3) for engine in ("calamine", "openpyxl")
    ]
    return [row("附件6 from xlsx, calamine", times[0], "openpyxl", times[1])]


def em_seconds(curves: np.ndarray, n_clusters: int = 10, n_iter: int = 30) -> float:
    """Seconds of one EM iteration; the statistics were gathered before, once for all iterations."""
    gathered = gather(curves)
    start = gathered.m_step(np.eye(n_clusters)[np.arange(len(curves)) % n_clusters])

    def iterate():
        parameters = start
        for _ in range(n_iter):
            parameters = gathered.m_step(gathered.e_step(*parameters)[0])

    return seconds(iterate, 3) / n_iter


def gather(curves: np.ndarray, degree: int = 3) -> Statistics:
    """The statistics of some thousand curves at a time, as the mixture gathers them."""
    chunks = (rows.astype(float) for rows in np.array_split(curves, -(-len(curves) // 4096)))
    q = np.linalg.qr(design_matrix(curves.shape[1], degree))[0]
    return Statistics.gather(chunks, q, complete=True)


def made_up_curves(n: int, n_days: int, seed: int = 0) -> np.ndarray:
    """log(1 + demand) of made-up series in float32, the size of the real ones."""
    rng = np.random.default_rng(seed)
    curves = np.empty((n, n_days), dtype=np.float32)
    for rows in np.array_split(np.arange(n), -(-n // 20_000)):
        mean = np.exp(rng.normal(1.5, 1.3, (len(rows), 1)))
        curves[rows] = np.log1p(rng.poisson(mean, (len(rows), n_days)))
    return curves


def em(curves: np.ndarray) -> list[dict]:
    peer = GaussianMixture(10, covariance_type="spherical", max_iter=10, tol=0, init_params="random", random_state=0)
    ours = em_seconds(curves)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = seconds(lambda: peer.fit(curves), 3) / 10
    name = f"EM, {curves.shape[0]:,} x {curves.shape[1]}, K = 10, an iteration"
    rows = [row(name, ours, "scikit-learn GaussianMixture, spherical", theirs, "<= 1 ms")]
    theirs, peer = flexmix_seconds(curves)
    rows.append(row(name, ours, peer, theirs, ">= 1,000 times"))
    for n, n_days, k in ((340_798, 166, 10), (20_000, 166, 10), (20_000, 166, 20), (20_000, 1328, 10)):
        some = made_up_curves(n, n_days)
        target = "<= 60 ms" if n == 340_798 else ""
        rows.append(row(f"EM, {n:,} x {n_days}, K = {k}, an iteration", em_seconds(some, k), target=target))
    return rows


def flexmix_seconds(curves: np.ndarray) -> tuple[float, str]:
    """Seconds of an iteration of R's flexmix, and its name or the reason why it is missing."""
    with tempfile.TemporaryDirectory() as temporary:
        paths = [f"{temporary}/curves.csv", f"{temporary}/labels.csv"]
        np.savetxt(paths[0], curves, delimiter=",")
        np.savetxt(paths[1], np.arange(len(curves)) % 10 + 1, fmt="%d")
        script = str(Path(__file__).with_name("flexmix.R"))
        try:
            done = subprocess.run(["Rscript", script, *paths, "3", "3"], capture_output=True, text=True, check=True)
        except FileNotFoundError:
            return float("nan"), "R flexmix: skipped, Rscript is not installed"
        except subprocess.CalledProcessError as error:
            return float("nan"), f"R flexmix: skipped, {error.stderr.strip().splitlines()[-1]}"
    return float(done.stdout.split()[0]), "R flexmix"


def em_memory() -> list[dict]:
    """Peak memory of a process that loads 340,798 x 166 float32 curves and fits them (on Linux)."""
    if not Path("/proc/self/status").exists():
        return []
    code = (
        "import re, sys, numpy as np; from bowerbird.dm import PolynomialRegressionMixture as M\n"
        "M(10, 3, max_iter=20).fit(np.load(sys.argv[1]))\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]) / 1024)"
    )
    with tempfile.TemporaryDirectory() as temporary:
        np.save(f"{temporary}/curves.npy", made_up_curves(340_798, 166))
        command = [sys.executable, "-W", "ignore", "-c", code, f"{temporary}/curves.npy"]
        peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return [row(f"EM, 340,798 x 166 float32: peak memory {peak:.0f} MiB", float("nan"), target="<= 600 MiB")]


def filtering(demand: np.ndarray) -> list[dict]:
    def loop():
        for series in demand:
            approximation, *details = pywt.wavedec(series, "sym8", level=3)
            threshold = np.median(np.abs(details[-1])) / 0.6745 * np.sqrt(2 * np.log(len(series)))
            pywt.waverec([approximation, *(d - np.clip(d, -threshold, threshold) for d in details)], "sym8")

    ours = seconds(lambda: denoise.symlet(demand))
    theirs = seconds(loop, 3)
    return [row("sym8 filter of all series, batched", ours, "pywt, a loop over series", theirs, ">= 10 times")]


def search() -> list[dict]:
    space = {f"x{k}": sbo.Float(-5, 5) for k in range(10)}
    calls = 3000

    def objective(x):
        return sum(value * value for value in x.values())

    points = np.random.default_rng(0).uniform(-5, 5, (calls, 10))
    names, thirty = list(space), replace(sbo.VARIANTS["paper"], n_bowers=30)
    ours = seconds(lambda: sbo.minimize(sbo.one_by_one(objective), space, thirty, max_evaluations=calls), 3)
    theirs = seconds(lambda: [objective(dict(zip(names, p, strict=True))) for p in points], 3)
    overhead, alone = ((ours - theirs) / calls * 1000, theirs / calls * 1000)
    return [
        row("SBO's overhead, 1,000 evaluations, D = 10", overhead, "the objective alone", alone, "<= 10 ms"),
        row("SBO, 1,000 evaluations, sphere, D = 10", ours / calls * 1000, *peer_seconds("mealpy", "SBO")),
    ]


def training(panel) -> list[dict]:
    def train(epochs: int) -> float:
        start = time.perf_counter()
        fit(panel, Settings(epochs=epochs, hidden_size=32))
        return time.perf_counter() - start

    train(1)
    windows = panel.n_series * (panel.n_days - Settings().horizon - Settings().warm_up)
    ours = (train(4) - train(1)) / (3 * windows) * 1e6  # set-up not counted

    demand = torch.tensor(panel.demand[:200], dtype=torch.float32)
    inputs = demand[:, :-15].unfold(1, 28, 1).reshape(-1, 28, 1)
    targets = demand[:, 28:].unfold(1, 15, 1).reshape(-1, 15)
    lstm, head = torch.nn.LSTM(1, 32, batch_first=True), torch.nn.Linear(32, 15)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()])

    def windowed():
        for x, y in DataLoader(TensorDataset(inputs, targets), batch_size=256, shuffle=True):
            optimizer.zero_grad()
            (head(lstm(x)[0][:, -1]) - y).abs().mean().backward()
            optimizer.step()

    theirs = seconds(windowed, 1) / len(inputs) * 1e6
    what = "LSTM training, hidden 32, a million windows"
    return [
        row(what, ours, "one window a sample through a DataLoader", theirs, "<= 4 s"),
        row(what, ours, *peer_seconds("neuralforecast", "a million windows"), ">= 15 times"),
    ]


def generation(n: int = 10) -> list[Settings]:
    """Candidates as SBO draws them for its first generation."""
    drawn = np.random.default_rng(0).uniform(*sbo.limits(SPACE), (n, len(SPACE)))
    return [replace(Settings(), **candidate) for candidate in sbo.decode(SPACE, drawn)]


def population(panel: Panel) -> list[dict]:
    """A generation together; on a CPU one after the other is the better way."""
    panel = panel.select(range(min(256, panel.n_series))).until(panel.n_days - 37)
    candidates = generation()
    ours = seconds(lambda: fit_population(panel, candidates), 1)
    theirs = seconds(lambda: [fit(panel, settings) for settings in candidates], 1)
    return [row(f"a generation of 10 networks together, {panel.n_series} series, cpu", ours, "one by one", theirs)]
