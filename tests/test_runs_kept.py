"""What reports/ keeps: derived results alone, each made by a notebook, with no path of the machine."""

import json
import re
import shutil

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bowerbird.errors import MissingResult, ParameterError
from bowerbird.files import write_record
from bowerbird.runs import Stage, kept, project_root


@pytest.fixture
def finish(tmp_path, monkeypatch):
    """Make a finished run of two stages in a project of its own, beside other reports."""
    monkeypatch.setattr(kept, "project_root", lambda: tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "README.md").write_text("x")

    def finish(name="demo-raw", seeds=(0, 0), **about):
        run = tmp_path / "runs" / name
        parameters = {}
        for stage_name, seed in zip(("01_data", "11_verdict"), seeds, strict=True):
            stage = Stage.begin(stage_name, str(run))
            parameters[stage_name] = {"data": "/home/someone", "seed": seed, "out": "x"}
            if stage.name == "11_verdict":
                for table in ("headline", "aggregation"):
                    stage.table(table, pd.DataFrame({"x": [0.25]}))
                for figure in ("table_3", "forecast_fans"):
                    stage.figure(figure, Figure())
                stage.csv("forecasts", pd.DataFrame({"x": [1]}))
                stage.page("VERDICT.md", "x")
            stage.finish({"parameters": parameters[stage.name]})
        record = {"command": "python -m bowerbird reproduce", "profile": "demo", "data": "attachments"}
        write_record(run / "run.json", record | {"parameters": parameters} | about)
        return run

    return finish


def test_keep_copies_derived_results_and_no_series(finish, tmp_path):
    with pytest.raises(MissingResult, match="no finished run"):
        kept.keep(str(tmp_path / "runs" / "demo-raw"))
    run = finish(command="python -m bowerbird reproduce --data /home/someone/raw")
    shutil.copy(run / "tables" / "headline.csv", run / "tables" / "table_1.csv")  # no stage of the run wrote it
    folder = kept.keep(str(run))
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == [
        "VERDICT.md", "figures/table_3.png", "run.json", "tables/headline.csv", "tables/headline.md",
    ]  # fmt: skip
    assert "someone" not in (folder / "run.json").read_text(), "no path of the machine is kept"


@pytest.mark.parametrize("asked", [".", "tables/..", "../demo-raw/"])
def test_a_run_given_by_dots_replaces_its_own_report_alone(finish, monkeypatch, asked):
    run = finish()
    monkeypatch.chdir(run)
    assert kept.keep(asked) == kept.keep(asked) == run.parents[1] / "reports" / "demo-raw"
    assert (run.parents[1] / "reports" / "README.md").is_file()


def test_stages_of_different_parameters_are_no_run(finish):
    with pytest.raises(MissingResult, match=r"stages were run with the seeds \[0, 1\]; run it again with one"):
        kept.keep(str(finish(seeds=(0, 1))))
    with pytest.raises(MissingResult, match="mixed, 11_verdict were made with other parameters, data or code"):
        kept.keep(str(finish(mixed={"11_verdict": {"profile": "smoke"}})))


def test_what_changed_since_the_run_is_not_published(finish):
    """A digit of a table, a lost figure, a stage copied in from a run with another seed, a record, run.json itself."""
    run = finish()
    table = run / "tables" / "headline.csv"
    table.write_text(table.read_text().replace("0.25", "0.35"))
    with pytest.raises(MissingResult, match=r"11_verdict: tables/headline.csv changed since the run"):
        kept.keep(str(run))
    (finish() / "figures" / "table_3.png").unlink()
    with pytest.raises(MissingResult, match=r"figures/table_3.png changed since the run"):
        kept.keep(str(run))
    other = finish("other", seeds=(1, 1))
    shutil.copytree(other, finish(), dirs_exist_ok=True, ignore=shutil.ignore_patterns("run.json", "01_data*"))
    with pytest.raises(MissingResult, match="11_verdict: its record changed since the run"):
        kept.keep(str(run))
    (finish() / "records" / "01_data.json").write_text("[]")
    with pytest.raises(MissingResult, match="01_data: its record changed since the run"):
        kept.keep(str(run))
    record = finish() / "run.json"
    record.write_text(record.read_text().replace('"demo"', '"full"'))
    with pytest.raises(MissingResult, match=r"run\.json changed since the run"):
        kept.keep(str(run))
    assert kept.keep(str(finish())).is_dir()


@pytest.mark.parametrize(
    "theirs",
    [
        {"profile": "full", "data": "attachments"},
        {"profile": "demo", "data": "synthetic"},
        {"profile": "demo", "data": "attachments", "data_files": {"附件1": {"sha256": "0" * 64}}},
        None,
    ],
    ids=["profile", "synthetic", "other attachments", "no report"],
)
def test_a_report_of_another_kind_is_replaced_only_when_told(finish, tmp_path, theirs):
    run, target = finish(), tmp_path / "reports" / "demo-raw"
    target.mkdir()
    (target / "mine.txt").write_text("x")
    if theirs:
        (target / "run.json").write_text(json.dumps(theirs))
    with pytest.raises(ParameterError, match=r"demo-raw holds .*, and this run is profile demo, data att.*--replace"):
        kept.keep(str(run))
    assert (target / "mine.txt").is_file()
    assert kept.keep(str(run), replace=True) == target
    assert not (target / "mine.txt").exists() and (target / "VERDICT.md").is_file()


def test_no_folder_is_left_in_the_command(finish):
    run = finish(command="python -m bowerbird reproduce --out /home/alice/my run --profile full --data=/home/alice/raw")
    command = json.loads((kept.keep(str(run)) / "run.json").read_text())["command"]
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
