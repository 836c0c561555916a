"""The page of a run that has only begun still opens, and what users typed is escaped."""

import json

from bowerbird import index_page


def test_a_run_that_has_only_begun(tmp_path):
    run = {"profile": "demo", "data": "<b>synthetic</b>", "seed": 0, "device": "cpu", "seconds_total": 1.0,
           "commit": "unknown", "seconds": {"00_start_here": 1.0}}  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(run))
    page = index_page.write(tmp_path).read_text(encoding="utf-8")
    assert "00_start_here" in page and "The paper's numbers beside ours" not in page
    assert "<b>synthetic" not in page and "&lt;b&gt;synthetic" in page


def test_the_headline_is_a_table(tmp_path):
    run = {"profile": "demo", "data": "attachments", "seed": 0, "device": "cpu", "seconds_total": 1.0,
           "commit": "unknown", "seconds": {}}  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(run))
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "headline.csv").write_text("quantity,paper\nrecords <clustered>,340798\n")
    page = index_page.write(tmp_path).read_text(encoding="utf-8")
    assert "<td>340798</td>" in page and "records &lt;clustered&gt;" in page
