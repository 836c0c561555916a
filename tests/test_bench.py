"""The bench of a GPU, on the CPU and at its smallest: no test needs a GPU."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from test_forecaster import random_panel

from bowerbird.data.twin import write_twin
from bowerbird.files import read_json
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.training import fit


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent / "bench")
    import gpu

    monkeypatch.setattr(gpu, "executor", ThreadPoolExecutor)  # processes start in test_cluster
    return gpu


def test_a_small_setting_measures_every_part_on_the_cpu(gpu, tmp_path):
    write_twin(tmp_path / "twin", 40)
    gpu.main(str(tmp_path / "twin"), device="cpu", small=True, folder=tmp_path / "gpu")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table_of(tmp_path / "gpu" / "gpu.md")]
    rows = [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]
    assert [(row["what"], row["peer"]) for row in rows] == [
        ("a generation of 2 networks together", "one by one on the device"),
        ("a generation of 2 networks together", "one by one on two CPU processes"),
        ("a network", "one CPU core"),
        ("largest difference of its forecast from the CPU's", ""),
        ("a generation together, one epoch", ""),
        ("a network in mixed precision", "in single precision"),
    ]
    assert all(float(row["seconds"]) > 0 and float(row["peer / ours"]) > 0 for row in rows if row["peer"])
    assert rows[2]["finding"] == rows[4]["finding"] == "same bits twice: yes"
    assert rows[3]["finding"].startswith("0 units"), "here the device is the CPU"
    about = read_json(tmp_path / "gpu" / "run.json")
    assert about["device"] == "cpu, 1 thread(s)" and "commit" in about["made_on"] and "torch" in about["versions"]
    assert (about["data"], about["n_series"], len(about["candidates"])) == ("twin", 24, 2)


def table_of(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]


def test_other_bits_are_told(gpu):
    first, second = (fit(random_panel(), Settings(epochs=1), seed=seed) for seed in (0, 1))
    assert gpu.same_bits([first, second], [first, second]) == "yes" and gpu.same_bits([first], [second]) == "no"
    assert gpu.same_bits([first], [pickle.loads(pickle.dumps(first))]) == "yes", "as it comes from another process"


def test_what_was_measured_before_a_part_stops_is_kept(gpu):
    def part():
        yield gpu.line("measured", 1.0)
        gpu.time.sleep(30)

    rows = []
    gpu.run_part("a part", part(), 1, rows.append)
    assert [row["what"] for row in rows] == ["measured", "a part"]
    assert rows[1]["finding"] == "stopped: not done after 1 s"
