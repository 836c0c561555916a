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
