"""Run folders: atomic writes, results handed on, words when one is missing."""

import hashlib
import shutil

import numpy as np
import pandas as pd
import pytest

from bowerbird.errors import MissingResult, ParameterError
from bowerbird.files import atomic_path, read_record, write_record
from bowerbird.runs import Stage, run_folder
from bowerbird.runs.tables import read_tables


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
    assert list(stage.files) == ["results/merge_counts.json", "results/panel.parquet"]
    for place, checksum in stage.files.items():
        assert checksum == hashlib.sha256((tmp_path / place).read_bytes()).hexdigest()


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
    assert list(stage.files) == ["VERDICT.md"] and (tmp_path / "VERDICT.md").is_file()


def flip(path, bit):
    """Change a single bit of a file."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_no_flipped_bit_of_a_result_is_read_and_the_file_itself_is(tmp_path):
    frame = pd.DataFrame({"series": ["a", "b"], "2022-12-01": [3.0, 4.0]})
    maker, reader = Stage.begin("01_data", str(tmp_path)), Stage("05_sbo_lstm", tmp_path)
    path = maker.write("panel", frame)
    whole = path.read_bytes()
    for bit in np.random.default_rng(0).choice(8 * len(whole), 300, replace=False):
        flip(path, int(bit))
        with pytest.raises(MissingResult, match=r"panel\.parquet is not what 01_data wrote"):
            reader.read("panel")
        flip(path, int(bit))
    pd.testing.assert_frame_equal(reader.read("panel"), frame)


def test_only_what_the_stage_wrote_is_its_result(tmp_path):
    """A result copied in, from another run or in another format, a lost one, and a table with another digit."""
    ours, theirs = (Stage.begin("02_dm_clustering", str(tmp_path / name)) for name in ("ours", "theirs"))
    for stage, value in ((ours, 0.25), (theirs, 0.75)):
        stage.write("dm_summary", {"score": value})
        stage.table("table_1", pd.DataFrame({"frequency": [value]}))
    for place in ("results/dm_summary.json", "tables/table_1.csv"):
        shutil.copy(theirs.folder / place, ours.folder / place)
    for read in (lambda: ours.read("dm_summary"), lambda: read_tables(ours.folder)):
        with pytest.raises(MissingResult, match="is not what 02_dm_clustering wrote"):
            read()
    assert theirs.read("dm_summary") == {"score": 0.75}
    assert read_tables(theirs.folder)["table_1"]["frequency"][0] == 0.75
    theirs.write("clusters", pd.DataFrame({"x": [1]})).unlink()
    with pytest.raises(MissingResult, match="lost"):
        theirs.read("clusters")
    (theirs.folder / "results" / "dm_summary.parquet").write_bytes(b"in the other format")
    assert theirs.read("dm_summary") == {"score": 0.75}


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
