"""Run folders: atomic writes, results handed on, words when one is missing."""

import pandas as pd
import pytest

from bowerbird.errors import MissingResult, ParameterError
from bowerbird.runs import Stage, atomic_path, read_json, run_folder


def test_an_atomic_write_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "deep" / "result.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half a n")
        raise RuntimeError("pulled the plug")
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["result.txt"], "no temporary file is left behind"


def test_results_pass_from_stage_to_stage(tmp_path):
    frame = pd.DataFrame({"seller_no": ["seller_1"], "2022-12-01": [3.0]})
    stage = Stage.begin("01_data", str(tmp_path))
    stage.write("panel", frame)
    stage.write("merge_counts", {"records_naive": 340_798})
    later = Stage.begin("02_dm_clustering", str(tmp_path))
    pd.testing.assert_frame_equal(later.read("panel"), frame)
    assert later.read("merge_counts") == {"records_naive": 340_798}
    assert read_json(stage.files_path) == ["results/merge_counts.json", "results/panel.parquet"]


def test_a_missing_result_names_the_notebook_and_the_command_that_make_it(tmp_path):
    stage = Stage.begin("05_sbo_lstm", str(tmp_path))
    with pytest.raises(MissingResult, match=r"notebooks/01_data\.ipynb.*--until 01_data"):
        stage.read("panel")


def test_a_stage_writes_only_what_the_table_of_results_says(tmp_path):
    stage = Stage.begin("03_denoising", str(tmp_path))
    with pytest.raises(ParameterError, match="panel"):
        stage.write("panel", pd.DataFrame())
    with pytest.raises(ParameterError, match="no result is called 'panels'"):
        stage.read("panels")


def test_beginning_a_stage_takes_its_record_away(tmp_path):
    stage = Stage.begin("04_sbo", str(tmp_path))
    stage.record_path.write_text("{}")
    Stage.begin("04_sbo", str(tmp_path))
    assert not stage.record_path.exists(), "a stage run by hand must be run again by the next reproduce"


def test_tables_are_written_for_programs_and_for_people(tmp_path):
    stage = Stage.begin("04_sbo", str(tmp_path))
    shown = stage.table("speed", pd.DataFrame({"x": [1.23456], "name": ["a"]}), decimals=2)
    assert shown["x"][0] == 1.23
    assert pd.read_csv(tmp_path / "tables" / "speed.csv")["x"][0] == 1.23456, "csv keeps all digits"
    assert (tmp_path / "tables" / "speed.md").read_text().startswith("|")


def test_the_folder_of_a_run_is_named_after_profile_and_data(tmp_path):
    assert run_folder("demo", "synthetic").parts[-2:] == ("runs", "demo-synthetic")
    assert run_folder("full", str(tmp_path / "raw")).name == "full-raw"


def test_a_page_lies_in_the_runs_folder_and_belongs_to_its_stage(tmp_path):
    stage = Stage.begin("11_verdict", str(tmp_path))
    assert stage.page("VERDICT.md", "# 判断\n").read_text(encoding="utf-8") == "# 判断\n"
    assert read_json(stage.files_path) == ["VERDICT.md"] and (tmp_path / "VERDICT.md").is_file()
