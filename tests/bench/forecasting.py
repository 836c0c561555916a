"""Speed, as ratios against a named peer in the same run: `make bench`. Nothing here is a test; machines differ.

Each row: what, our time, the peer and its time, their ratio, and the target where one is set.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pywt
import torch
from sklearn.mixture import GaussianMixture
from torch.utils.data import DataLoader, TensorDataset

from bowerbird import denoise, sbo
from bowerbird.data.attachments import read_attachments
from bowerbird.data.files import find_file
from bowerbird.data.merge import build_panel
from bowerbird.data.schema import ATTACHMENTS
from bowerbird.data.twin import write_twin
from bowerbird.dm.basis import Basis
from bowerbird.dm.em import Rules, run
from bowerbird.dm.statistics import gather
from bowerbird.forecaster import Settings, fit
from bowerbird.inventory.simulate import simulate


def seconds(function, repeats: int = 5) -> float:
    """Median wall time of a few calls, after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


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
    times = [
        seconds(lambda engine=engine: pd.read_excel(path, engine=engine), 3) for engine in ("calamine", "openpyxl")
    ]
    return [row("附件6 from xlsx, calamine", times[0], "openpyxl", times[1])]


def em_seconds(curves: np.ndarray, n_clusters: int = 10, n_iter: int = 30) -> float:
    """Seconds of one EM iteration; the statistics were gathered before, once for all iterations."""
    gathered = gather(curves, np.linalg.qr(Basis("power", 3).design(curves.shape[1]))[0])
    start = np.eye(n_clusters)[np.arange(len(curves)) % n_clusters]
    return seconds(lambda: run(gathered, start, Rules(), tol=-1.0, max_iter=n_iter), 3) / n_iter


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
    names = list(space)
    ours = seconds(lambda: sbo.minimize(objective, space, n_bowers=30, max_evaluations=calls), 3)
    theirs = seconds(lambda: [objective(dict(zip(names, p, strict=True))) for p in points], 3)
    overhead, alone = ((ours - theirs) / calls * 1000, theirs / calls * 1000)
    return [row("SBO's overhead, 1,000 evaluations, D = 10", overhead, "the objective alone", alone, "<= 10 ms")]


def training(panel) -> list[dict]:
    settings = Settings(epochs=2, clusters=0)
    windows = panel.n_series * (panel.n_days - settings.horizon - settings.warm_up) * settings.epochs
    ours = seconds(lambda: fit(panel, settings), 1)

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

    theirs = seconds(windowed, 1)
    per_million = [ours / windows * 1e6, theirs / len(inputs) * 1e6]
    return [
        row(
            "LSTM training, a million windows",
            per_million[0],
            "one window a sample through a DataLoader",
            per_million[1],
        )
    ]


def walking(demand: np.ndarray) -> list[dict]:
    s = np.full(demand.shape, 20.0)
    few = demand[:5]

    def loop():
        for item in few:
            stock, pipeline = 5.0, [0.0, 0.0, 0.0]
            for units in item:
                stock += pipeline.pop(0)
                position = stock + sum(pipeline)
                pipeline.append(30.0 - position if position < 20 else 0.0)
                stock = max(stock - units, 0.0)

    ours = seconds(lambda: simulate(demand, s, s + 10)) / demand.size * 1e6
    return [row("(s, S) simulation, a million item-days", ours, "a plain loop", seconds(loop) / few.size * 1e6)]


def row(what: str, ours: float, peer: str = "", theirs: float = float("nan"), target: str = "") -> dict:
    return {
        "what": what,
        "seconds": ours,
        "peer": peer,
        "peer's seconds": theirs,
        "peer / ours": theirs / ours,
        "target": target,
    }


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("BOWERBIRD_ATTACHMENTS", temporary))
        if str(folder) == temporary:
            write_twin(folder, 1996, 0)
        panel = build_panel(read_attachments(folder))
        rows = [*reading(folder), *excel(folder), *em(np.log1p(panel.demand)), *em_memory(), *filtering(panel.demand),
                *search(), *training(panel), *walking(panel.demand)]  # fmt: skip
    print(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".4g"))


if __name__ == "__main__":
    sys.exit(main())
