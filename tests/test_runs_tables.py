import pandas as pd
import pytest

from bowerbird.errors import MissingResult
from bowerbird.runs import Stage, project_root
from bowerbird.runs.tables import MAKERS, one, read_tables


def test_a_table_written_by_a_stage_is_read_again_and_others_are_left_alone(tmp_path):
    stage = Stage("01_data", tmp_path)
    (tmp_path / "records").mkdir()
    stage.files_path.write_text("{}")
    stage.table("merge_counts", pd.DataFrame({"n_days": [166]}))
    stage.table("aggregation", pd.DataFrame({"x": [1]}))
    tables = read_tables(tmp_path)
    assert list(tables) == ["merge_counts"] and tables["merge_counts"]["n_days"][0] == 166


def test_a_missing_table_names_its_notebook(tmp_path):
    with pytest.raises(MissingResult, match=r"'table_1' .* notebooks/02_dm_clustering.ipynb"):
        read_tables(tmp_path)["table_1"]


def test_every_table_is_made_by_the_notebook_named():
    for name, stem in MAKERS.items():
        source = (project_root() / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8")
        assert f'\\"{name}\\"' in source, f"{stem} makes no table {name}"


def test_one_value_or_a_word_on_what_is_missing():
    table = pd.DataFrame({"method": ["a", "b"], "score": [1.0, 2.0]})
    assert one(table, "score", "method == 'b'") == 2
    with pytest.raises(MissingResult, match="method == 'c'"):
        one(table, "score", "method == 'c'")
