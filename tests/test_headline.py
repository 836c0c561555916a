"""The headline table: every verdict can turn out otherwise, nothing synthetic is judged, the README shows it."""

import pandas as pd
import pytest
from test_report import centres, protocols

from bowerbird import headline, paper, report
from bowerbird.runs import project_root


@pytest.fixture
def results():
    return {
        "merge_counts": {"records_naive": 340_798, "records_correct": 331_336},
        "dm_summary": {"clusters_printed": 1, "clusters_corrected": 10},
        "table_1_as_run": report.table_1(paper.TABLE_1["frequency"].to_numpy()),
        "table_2_as_run": report.table_2(centres(paper.TABLE_2.astype(float))),
        "table_3": protocols(0.945, 0.6),
        "forecast_scores": pd.DataFrame(
            {"method": ["SBO-LSTM"] * 2, "protocol": ["P15", "R"], "1-WMAPE": [0.56, 0.55]}
        ),
        "inventory_summary": {"fill_rate": 0.8},
        "figure_1": {"series": {"product_1312": [2, 2, 3]}, "verdict": "within 1 unit"},
    }


def test_the_headline_judges_real_data_and_compares_nothing_synthetic(results):
    real = headline.table(results, real=True).set_index("quantity")
    assert real.loc["records clustered", "verdict"] == "exact"
    assert real.loc["1-WMAPE, 1 day ahead", ["as run", "corrected", "verdict"]].tolist() == [
        "0.945", "0.600", "explained by a leak",
    ]  # fmt: skip
    synthetic = headline.table(results, real=False).set_index("quantity")["verdict"]
    printed = real.index[real["paper"] != "–"].drop("clusters")
    assert (synthetic[printed] == report.NOT_COMPARABLE).all()


def test_every_verdict_of_the_headline_can_turn_out_otherwise(results):
    frequencies = paper.TABLE_1["frequency"].to_numpy().copy()
    frequencies[:2] += [8, -8]
    near = results | {"table_1_as_run": report.table_1(frequencies)}
    frequencies[:2] += [80, -80]
    far = results | {
        "table_1_as_run": report.table_1(frequencies),
        "table_2_as_run": report.table_2(centres(paper.TABLE_2 + 3.0)),
        "dm_summary": {"clusters_printed": 10, "clusters_corrected": 10},
        "merge_counts": {"records_naive": 331_336, "records_correct": 331_336},
        "table_3": protocols(0.80, 0.6),
    }
    same, near, far = (headline.table(r, real=True).set_index("quantity")["verdict"] for r in (results, near, far))
    assert same["frequencies equal, of 10"] == "exact" and near["frequencies equal, of 10"] == "explained"
    assert far["frequencies equal, of 10"] == far["centre cells equal, of 100"] == far["records clustered"] == "differs"
    assert same["clusters"] == "refuted as printed" and far["clusters"] == "possible as printed"
    assert far["1-WMAPE, 1 day ahead"] == "not reached"


def test_headline_text_of_an_unfinished_run(tmp_path):
    assert "11_verdict has not run" in headline.text(tmp_path)


def test_the_readme_shows_the_committed_report():
    headline = project_root() / "reports" / "full-attachments" / "tables" / "headline.md"
    assert headline.read_text(encoding="utf-8").strip() in (project_root() / "README.md").read_text(encoding="utf-8")
