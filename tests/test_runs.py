"""A stage's folder: what is read and written there, the records of both, the parameters, and what reports/ keeps."""

import hashlib
import json
import shutil

import nbformat
import pandas as pd
import pytest
from conftest import write_notebook
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output
from test_runs_pages import follow_links

from bowerbird.errors import MissingResult, ParameterError
from bowerbird.files import read_record, write_record
from bowerbird.runs import Stage, project_root, read_tables, report, run_folder
from bowerbird.runs.parameters import Parameter, declared
from bowerbird.runs.runner import PROFILES, load_profile, parse_setting, resolve
from bowerbird.runs.stage import notebook_paths, one

# Writing and reading


def test_results_pass_from_stage_to_stage_and_both_sides_are_recorded(tmp_path):
    frame = pd.DataFrame({"seller_no": ["seller_1"], "2022-12-01": [3.0]})
    stage = Stage.begin("01_data", str(tmp_path))
    stage.write("panel", frame)
    stage.write("merge_counts", {"records_naive": 340_798})
    stage.complete()
    later = Stage.begin("02_clustering", str(tmp_path))
    pd.testing.assert_frame_equal(later.read("panel"), frame)
    assert later.read("merge_counts") == {"records_naive": 340_798}
    sums = {place: hashlib.sha256((tmp_path / place).read_bytes()).hexdigest() for place in stage.files}
    assert list(sums) == ["results/panel.parquet", "results/merge_counts.json"]
    assert {place: entry["sha256"] for place, entry in stage.files.items()} == sums
    assert {place: known for place, known in later.reads.items() if known} == sums
    assert later.outdated() == []
    again = Stage.begin("01_data", str(tmp_path))
    again.write("panel", frame.assign(seller_no="seller_2"))
    assert later.outdated() == [], "a stage that is not complete changes nothing"
    again.complete()
    assert later.outdated() == ["results/panel.parquet", "results/merge_counts.json"], "another one, and lost"


def test_a_stage_reads_what_stands_before_it_and_reading_from_outside_leaves_no_trace(tmp_path):
    maker, reader = (Stage.begin(name, str(tmp_path)) for name in ("10_inventory", "08_forecast"))
    maker.write("inventory_summary", {"fill_rate": 1})
    maker.complete()
    with pytest.raises(MissingResult, match=r"notebooks/10_inventory\.ipynb"):
        reader.read("inventory_summary")
    assert set(reader.reads.values()) == {None} and reader.outdated() == [], "not there, then and now"
    before = {path: path.read_bytes() for path in (tmp_path / "records").iterdir()}
    assert Stage("17_verdict", tmp_path).read("inventory_summary") == {"fill_rate": 1}
    assert {path: path.read_bytes() for path in (tmp_path / "records").iterdir()} == before


def test_a_file_or_a_folder_of_another_stage_is_read_by_its_path(tmp_path):
    maker = Stage.begin("01_data", str(tmp_path))
    for name in ("a.csv", "b.csv"):
        (maker.home / "attachments").mkdir(exist_ok=True)
        (maker.home / "attachments" / name).write_text(name)
        maker.wrote(maker.home / "attachments" / name)
    maker.complete()
    reader = Stage.begin("02_clustering", str(tmp_path))
    with pytest.raises(MissingResult, match=r"truth has not been made yet; .*--until 02_clustering"):
        reader.path_of("truth")
    assert reader.path_of("attachments") == tmp_path / "attachments"
    assert list(reader.reads) == ["attachments/a.csv", "attachments/b.csv"]
    (tmp_path / "attachments" / "b.csv").write_text("c")
    assert reader.outdated() == ["attachments/b.csv"]
    with pytest.raises(MissingResult, match=r"b\.csv is not what 01_data wrote"):
        reader.path_of("attachments/b.csv")


def test_a_missing_result_names_the_notebook_and_the_command_that_make_it(tmp_path):
    stage = Stage.begin("06_sbo_lstm", str(tmp_path))
    with pytest.raises(MissingResult, match=r"notebooks/01_data\.ipynb.*--until 01_data"):
        stage.read("panel")
    with pytest.raises(ParameterError, match="no notebook writes a result or table called 'panels'"):
        stage.read("panels")
    with pytest.raises(MissingResult, match=r"'table_1' .* notebooks/03_tables_1_and_2.ipynb"):
        read_tables(stage)["table_1"]


def test_a_stage_completed_by_hand_is_run_again_by_reproduce_and_a_failed_one_leaves_all_as_it_was(tmp_path):
    stage = Stage.begin("05_bowerbird_search", str(tmp_path))
    stage.write("settings", {"epochs": 1})
    stage.complete()
    stage.record_path.write_text("{}")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    failed = Stage.begin("05_bowerbird_search", str(tmp_path))
    failed.write("settings", {"epochs": 2})
    failed.table("speed", pd.DataFrame({"x": [1]}))
    assert Stage("06_sbo_lstm", tmp_path).read("settings") == {"epochs": 1}
    failed.forget()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    again = Stage.begin("05_bowerbird_search", str(tmp_path))
    again.write("search", {"epochs": 3})
    again.complete()
    assert not stage.record_path.exists(), "the runner's record is that of another run"
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["search.json"], "the time before is gone"


def test_a_stage_is_not_completed_when_what_it_read_has_changed(tmp_path):
    def make(epochs):
        maker = Stage.begin("05_bowerbird_search", str(tmp_path))
        maker.write("settings", {"epochs": epochs})
        maker.complete()

    make(1)
    reader = Stage.begin("06_sbo_lstm", str(tmp_path))
    reader.read("settings")
    reader.write("lstm_summary", {"score": 1})
    make(2)
    with pytest.raises(MissingResult, match=r"results/settings.json changed while it ran"):
        reader.complete()
    assert not (tmp_path / "results" / "lstm_summary.json").exists()


def test_what_readers_get_is_recorded_with_caption_and_whether_it_is_kept(tmp_path):
    stage = Stage.begin("05_bowerbird_search", str(tmp_path))
    shown = stage.table("speed", pd.DataFrame({"x": [1.23456], "name": ["a"]}), decimals=2, keep=True)
    assert shown["x"][0] == 1.23
    stage.figure("bowers", Figure(), caption="Bowers gather.")
    stage.csv("forecasts", pd.DataFrame({"x": [1.23456]}), "units a day")
    assert stage.page("VERDICT.md", "# 判断\n", "the verdict").read_text(encoding="utf-8") == "# 判断\n"
    stage.complete()
    assert pd.read_csv(tmp_path / "tables" / "speed.csv")["x"][0] == 1.23456, "csv keeps all digits"
    assert (tmp_path / "tables" / "speed.md").read_text().startswith("|")
    assert (tmp_path / "forecasts.csv").read_text() == "x\n1.235\n"
    assert {place: (entry["caption"], entry["keep"]) for place, entry in stage.files.items()} == {
        "tables/speed.csv": ("", True), "tables/speed.md": ("", True), "figures/bowers.png": ("Bowers gather.", False),
        "forecasts.csv": ("units a day", False), "VERDICT.md": ("the verdict", True),
    }  # fmt: skip


def test_the_folder_of_a_run_is_named_after_profile_and_data(tmp_path):
    assert run_folder("demo", "synthetic").parts[-2:] == ("runs", "demo-synthetic")
    assert run_folder("full", str(tmp_path / "raw")).name == "full-raw"


def test_only_what_the_stage_wrote_is_its_result(tmp_path):
    """A result copied in from another run, a lost one, a table with another digit, a file of no stage."""
    ours, theirs = (Stage.begin("02_clustering", str(tmp_path / name)) for name in ("ours", "theirs"))
    for stage, value in ((ours, 0.25), (theirs, 0.75)):
        stage.write("dm_summary", {"score": value})
        stage.table("table_1", pd.DataFrame({"frequency": [value]}))
        stage.write("clusters", pd.DataFrame({"x": [1]}))
        stage.complete()
    for place in ("results/dm_summary.json", "tables/table_1.csv"):
        shutil.copy(theirs.folder / place, ours.folder / place)
    later = Stage("17_verdict", ours.folder)
    for read in (lambda: later.read("dm_summary"), lambda: read_tables(later)["table_1"]):
        with pytest.raises(MissingResult, match="is not what 02_clustering wrote"):
            read()
    later = Stage("17_verdict", theirs.folder)
    assert later.read("dm_summary") == {"score": 0.75} and read_tables(later)["table_1"]["frequency"][0] == 0.75
    (theirs.folder / "results" / "clusters.parquet").unlink()
    with pytest.raises(MissingResult, match="lost"):
        later.read("clusters")
    (theirs.folder / "results" / "dm_summary.parquet").write_bytes(b"in the other format, of no stage")
    assert later.read("dm_summary") == {"score": 0.75}


def test_a_report_has_no_records_and_its_tables_are_read_as_they_are(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "table_2.csv").write_text("x\n1\n")
    assert read_tables(tmp_path)["table_2"]["x"].to_list() == [1]


def test_a_record_that_was_changed_in_any_way_proves_nothing(tmp_path):
    path = tmp_path / "record.json"
    assert read_record(path) == {}, "there is none"
    write_record(path, {"fingerprint": "abc", "seconds": 1.5, "files": {"表.csv": "def"}})
    whole = path.read_bytes()
    assert read_record(path) == {"fingerprint": "abc", "seconds": 1.5, "files": {"表.csv": "def"}}
    wrong = [b"[]", b"{}", b"null", b"1", b'"x"', b"", b"\xff\x00", b"[" * 100_000, b'{"checksum": []}', whole[:-9]]
    wrong += [whole.replace(b"1.5", b"1.6"), whole.replace(b'"abc"', b"[]"), whole.replace(b"def", b"dee")]
    for content in wrong:
        path.write_bytes(content)
        assert read_record(path) == {}, content[:20]


def test_one_value_or_a_word_on_what_is_missing():
    table = pd.DataFrame({"method": ["a", "b"], "score": [1.0, 2.0]})
    assert one(table, "score", "method == 'b'") == 2
    with pytest.raises(MissingResult, match="method == 'c'"):
        one(table, "score", "method == 'c'")


# Parameters


@pytest.fixture
def notebook(tmp_path):
    parameters = (
        "seed: int = 0  # one integer [0 or more]\nrate: float = 0.5  # a share [0 to 1]\n"
        'name: str = "a"  # a word [a, b]\nfast: bool = True  # yes or no'
    )
    return write_notebook(tmp_path, "01_example", parameters=parameters)


def test_declared_reads_type_default_help_and_what_is_allowed(notebook):
    assert declared(notebook)["rate"] == Parameter("rate", "float", 0.5, "a share", "0 to 1")


@pytest.mark.parametrize(("name", "value"), [("seed", 3), ("rate", 0.1), ("rate", 1), ("name", "b"), ("fast", False)])
def test_values_of_the_declared_type_pass(notebook, name, value):
    assert resolve([notebook], {"01_example": {name: value}}, {}, "here") == {"01_example": {name: value}}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sed", 3, "no parameter 'sed'; did you mean 'seed'"),
        ("seed", 0.5, "0.5 is no int"),
        ("seed", True, "True is no int"),
        ("rate", "1e-3", "YAML reads 1e-3 as text: write 1.0e-3"),
        ("name", 1, "1 is no str"),
        ("fast", 1, "1 is no bool"),
        ("seed", -1, "-1 is not allowed; give 0 or more"),
        ("rate", 1.5, "1.5 is not allowed; give 0 to 1"),
        ("rate", float("nan"), "nan is not allowed"),
        ("name", "c", "'c' is not allowed; give a, b"),
    ],
)
def test_a_wrong_name_or_type_is_refused_with_place_and_cure(notebook, name, value, words):
    with pytest.raises(ParameterError, match="here: 01_example") as error:
        resolve([notebook], {"01_example": {name: value}}, {}, "here")
    assert words in str(error.value)


def test_an_unknown_notebook_is_refused(notebook):
    with pytest.raises(ParameterError, match="did you mean '01_example'"):
        resolve([notebook], {"01_exampel": {"seed": 1}}, {}, "here")


@pytest.mark.parametrize("name", ["01_example", "example", "07b_example"])
def test_a_notebook_is_known_by_its_words_whatever_its_number(notebook, name):
    assert resolve([notebook], {name: {"seed": 1}}, {}, "here") == {"01_example": {"seed": 1}}


def test_common_parameters_reach_those_who_declare_them(notebook):
    assert resolve([notebook], {}, {"seed": 7, "device": "cpu"}, "here") == {"01_example": {"seed": 7}}


def test_settings_of_the_command_line():
    assert parse_setting("06_sbo_lstm.epochs=20") == ("06_sbo_lstm", "epochs", 20)
    for wrong in ("epochs=20", "06_sbo_lstm.epochs", "06_sbo_lstm.=3"):
        with pytest.raises(ParameterError, match=r"NOTEBOOK\.PARAMETER=VALUE"):
            parse_setting(wrong)
    for value in ("@x", "{", "[a"):
        with pytest.raises(ParameterError, match=r"--set 01_data.data=.*: .* is no value; put text with signs"):
            parse_setting(f"01_data.data={value}")


def test_copies_of_notebooks_are_none(tmp_path, monkeypatch):
    monkeypatch.setattr("bowerbird.runs.stage.project_root", lambda: tmp_path)
    (tmp_path / "notebooks").mkdir()
    for name in ("01_data", "07b_new_items", "01_data-Copy1", "01_data (2)", "Untitled"):
        (tmp_path / "notebooks" / f"{name}.ipynb").touch()
    assert [path.stem for path in notebook_paths()] == ["01_data", "07b_new_items"]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_fits_the_notebooks_and_holds_only_what_differs(profile):
    changes = load_profile(profile)
    resolved = resolve(notebook_paths(), changes, {}, profile)
    for path in notebook_paths():
        known = declared(path)
        for name, value in resolved[path.stem].items():
            assert repr(value) != repr(known[name].default), f"{profile}: {path.stem}.{name} is the default"


# What reports/ keeps


@pytest.fixture
def finish(tmp_path, monkeypatch):
    """Make a finished run of two stages in a project of its own, beside other reports."""
    monkeypatch.setattr(report, "project_root", lambda: tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "README.md").write_text("x")

    def finish(name="demo-raw", seeds=(0, 0), **about):
        run = tmp_path / "runs" / name
        parameters = {}
        for stage_name, seed in zip(("01_data", "17_verdict"), seeds, strict=True):
            stage = Stage.begin(stage_name, str(run))
            parameters[stage_name] = {"data": "/home/someone", "seed": seed, "out": "x"}
            if stage.name == "17_verdict":
                for table, keep in (("headline", True), ("aggregation", False)):
                    stage.table(table, pd.DataFrame({"x": [0.25]}), keep=keep)
                for figure, keep in (("table_3", True), ("forecast_fans", False)):
                    stage.figure(figure, Figure(), caption="", keep=keep)
                stage.csv("forecasts", pd.DataFrame({"x": [1]}), "")
                stage.page("VERDICT.md", "x", "")
            stage.complete()
            stage.finish({"parameters": parameters[stage.name]})
        outputs = [new_output("stream", text=text) for text in ("a mean of 3", "seller_6 sold 3")]
        (run / "notebooks").mkdir(exist_ok=True)
        notebook = new_notebook(cells=[new_code_cell("print(mean)", outputs=outputs)])
        nbformat.write(notebook, run / "notebooks" / "17_verdict.ipynb")
        record = {"command": "python -m bowerbird reproduce", "profile": "demo", "data": "attachments", "seed": 0}
        record |= {"device": "cpu", "commit": "unknown", "seconds": {"17_verdict": 1.0}, "seconds_total": 1.0}
        write_record(run / "run.json", record | {"parameters": parameters} | about)
        return run

    return finish


def test_the_report_holds_derived_results_and_no_series(finish, tmp_path):
    with pytest.raises(MissingResult, match="no finished run"):
        report.keep(str(tmp_path / "runs" / "demo-raw"))
    with pytest.raises(ParameterError, match="made on own data, shop; a report in reports/ would name your products"):
        report.keep(str(finish(data="own data, shop")))
    run = finish(command="python -m bowerbird reproduce --data /home/someone/raw")
    shutil.copy(run / "tables" / "headline.csv", run / "tables" / "table_1.csv")  # no stage of the run wrote it
    folder = report.keep(str(run))
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == [
        "VERDICT.html", "VERDICT.md", "figures/table_3.png", "glossary.html", "index.html", "notebooks/17_verdict.html",
        "references.html", "run.json", "tables/headline.csv", "tables/headline.md",
    ]  # fmt: skip
    page = (folder / "notebooks" / "17_verdict.html").read_text(encoding="utf-8")
    assert "a mean of 3" in page and "seller_6" not in page
    follow_links(folder, [*folder.glob("*.html"), *(folder / "notebooks").glob("*.html")])
    assert "someone" not in (folder / "run.json").read_text(), "no path of the machine is kept"


@pytest.mark.parametrize("asked", [".", "tables/..", "../demo-raw/"])
def test_a_run_given_by_dots_replaces_its_own_report_alone(finish, monkeypatch, asked):
    run = finish()
    monkeypatch.chdir(run)
    assert report.keep(asked) == report.keep(asked) == run.parents[1] / "reports" / "demo-raw"
    assert (run.parents[1] / "reports" / "README.md").is_file()


def test_stages_of_different_parameters_are_no_run(finish):
    with pytest.raises(MissingResult, match=r"stages were run with the seeds \[0, 1\]; run it again with one"):
        report.keep(str(finish(seeds=(0, 1))))
    with pytest.raises(MissingResult, match="mixed, 17_verdict were made with other parameters, data or code"):
        report.keep(str(finish(mixed={"17_verdict": {"profile": "smoke"}})))


def test_what_changed_since_the_run_is_not_published(finish):
    """A digit of a table, a lost figure, a stage copied in from a run with another seed, a record, run.json itself."""
    run = finish()
    table = run / "tables" / "headline.csv"
    table.write_text(table.read_text().replace("0.25", "0.35"))
    with pytest.raises(MissingResult, match=r"17_verdict: tables/headline.csv changed since the run"):
        report.keep(str(run))
    (finish() / "figures" / "table_3.png").unlink()
    with pytest.raises(MissingResult, match=r"figures/table_3.png changed since the run"):
        report.keep(str(run))
    other = finish("other", seeds=(1, 1))
    shutil.copytree(other, finish(), dirs_exist_ok=True, ignore=shutil.ignore_patterns("run.json", "01_data*"))
    with pytest.raises(MissingResult, match="17_verdict: its record changed since the run"):
        report.keep(str(run))
    (finish() / "records" / "01_data.json").write_text("[]")
    with pytest.raises(MissingResult, match="01_data: its record changed since the run"):
        report.keep(str(run))
    record = finish() / "run.json"
    record.write_text(record.read_text().replace('"demo"', '"full"'))
    with pytest.raises(MissingResult, match=r"run\.json changed since the run"):
        report.keep(str(run))
    assert report.keep(str(finish())).is_dir()


def test_no_folder_is_left_in_the_command(finish):
    run = finish(command="python -m bowerbird reproduce --out /home/alice/my run --profile full --data=/home/alice/raw")
    command = json.loads((report.keep(str(run)) / "run.json").read_text())["command"]
    assert command == "python -m bowerbird reproduce --profile full"


def test_the_full_report_has_all_pages_and_the_readme_names_them():
    readme = (project_root() / "reports" / "README.md").read_text(encoding="utf-8")
    for page in ("VERDICT.md", "DEVIATIONS.md", "ERRATA.md", "DOCUMENTS.md"):
        assert (project_root() / "reports" / "full-attachments" / page).is_file() and page in readme, page
