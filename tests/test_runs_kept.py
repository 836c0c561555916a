"""What reports/ keeps: derived results alone, each made by a notebook, with no path of the machine."""

import json
import re

import pytest

from bowerbird.errors import MissingResult
from bowerbird.runs import kept, project_root


def test_keep_copies_derived_results_and_no_series(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "project_root", lambda: tmp_path)
    run = tmp_path / "runs" / "demo-raw"
    with pytest.raises(MissingResult, match="no finished run"):
        kept.keep(str(run))
    for name in ("tables/headline.csv", "tables/aggregation.csv", "figures/table_3.png", "figures/forecast_fans.png"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("x")
    for name in ("forecasts.csv", "VERDICT.md", "index.html"):
        (run / name).write_text("x")
    (run / "run.json").write_text(json.dumps({
        "command": "python -m bowerbird reproduce --data /home/someone/raw",
        "parameters": {"01_data": {"data": "/home/someone/raw", "out": "/home/someone/run", "seed": 0}},
    }))  # fmt: skip
    folder = kept.keep(str(run))
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == [
        "VERDICT.md", "figures/table_3.png", "run.json", "tables/headline.csv",
    ]  # fmt: skip
    assert "someone" not in (folder / "run.json").read_text(), "no path of the machine is kept"


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A finished run in a project of its own, beside other reports."""
    monkeypatch.setattr(kept, "project_root", lambda: tmp_path)
    run = tmp_path / "runs" / "demo-raw"
    (run / "tables").mkdir(parents=True)
    (run / "tables" / "headline.csv").write_text("x")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "README.md").write_text("x")
    return run


def record(run, command="python -m bowerbird reproduce", seeds=(0, 0)):
    parameters = {name: {"seed": seed} for name, seed in zip(("01_data", "02_dm_clustering"), seeds, strict=True)}
    (run / "run.json").write_text(json.dumps({"command": command, "parameters": parameters}))


@pytest.mark.parametrize("asked", [".", "tables/..", "../demo-raw/"])
def test_a_run_given_by_dots_replaces_its_own_report_alone(finished, monkeypatch, asked):
    record(finished)
    monkeypatch.chdir(finished)
    assert kept.keep(asked) == finished.parents[1] / "reports" / "demo-raw"
    assert (finished.parents[1] / "reports" / "README.md").is_file()


def test_stages_of_different_seeds_are_no_run(finished):
    record(finished, seeds=(0, 1))
    with pytest.raises(MissingResult, match=r"stages were run with the seeds \[0, 1\]; run it again with one"):
        kept.keep(str(finished))


def test_no_folder_is_left_in_the_command(finished):
    record(finished, "python -m bowerbird reproduce --out /home/alice/my run --profile full --data=/home/alice/raw")
    command = json.loads((kept.keep(str(finished)) / "run.json").read_text())["command"]
    assert command == "python -m bowerbird reproduce --profile full"


def test_the_full_report_has_all_pages_and_the_readme_names_them():
    full = project_root() / "reports" / "full-attachments"
    readme = (project_root() / "reports" / "README.md").read_text(encoding="utf-8")
    for page in kept.KEPT_PAGES:
        assert (full / page).is_file() and page in readme, page


def test_what_is_kept_is_what_a_stage_makes():
    source = "".join(path.read_text(encoding="utf-8") for path in (project_root() / "notebooks").glob("*.ipynb"))
    for name in kept.KEPT_TABLES:
        assert re.search(rf'stage\.table\((\\n",\s*"\s*)?\\"{name}\\"', source), f"no notebook makes the table {name}"
    for name in kept.KEPT_FIGURES:
        assert f'\\"{name}\\"' in source, f"no notebook makes the figure {name}"
