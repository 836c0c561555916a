"""Findings on several data beside each other."""

import numpy as np
import pandas as pd
import pytest
from conftest import panel_of

from bowerbird.errors import MissingResult
from bowerbird.files import write_record
from bowerbird.runs.stage import Tables
from bowerbird.studies import other_data


@pytest.mark.parametrize(
    ("finding", "interval", "word"),
    [
        ("search", (0.001, 0.030), "more"),
        ("search", (-0.030, -0.001), "less"),
        ("search", (-0.002, 0.030), ""),
        ("search", (0.001, 0.009), "none"),  # beyond chance, and too little to count
        ("service", (0.001, 0.009), "more"),  # a share of days, not a score
        ("demand", (np.nan, np.nan), "more"),  # a count
    ],
)
def test_what_an_effect_shows(finding, interval, word):
    assert other_data.side(finding, np.nanmean([*interval, 5]), *interval) == word


def test_a_count_of_nothing_and_what_was_not_measured():
    assert other_data.side("demand", 0, np.nan, np.nan) == "none"
    assert other_data.side("search", np.nan, np.nan, np.nan) == ""


def test_where_demand_has_the_say_the_numbering_does_not_matter():
    """Two products whose demand lies thousands apart, and codes from 1 to 2: K-means sees demand alone."""
    panel = panel_of([[10_000.0] * 30, [0.0] * 30])
    table = other_data.numbering_matters(panel, n=2, n_clusters=2)
    assert (table["ARI"] == 1).all()


def test_where_codes_have_the_say_it_does():
    """Forty products that sell alike: the codes of the products, 1 to 40, decide."""
    table = other_data.numbering_matters(panel_of(np.ones((40, 10))), n=4, n_clusters=4)
    aris = table.groupby("what")["ARI"].mean()
    assert aris["other start"] > 0.4 > 0.2 > aris["other numbering"]


def test_eq_9_as_printed_merges_clusters_that_the_corrected_one_tells_apart():
    rng = np.random.default_rng(0)
    curves = np.repeat([1.0, 2.0], 6)[:, None] + 0.3 * rng.standard_normal((12, 60))
    lost = other_data.clusters_lost(curves, n=2, n_clusters=2)
    assert (lost["corrected"] == 2).all() and (lost["as printed"] == 1).all()


def test_searches_are_paired_by_seed():
    losses = pd.DataFrame({"seed": [0, 1], "SBO, paper": [0.5, 0.7], "random search": [0.53, 0.71]})
    effect, low, high = other_data.search_effects(Tables({"sbo_lstm_losses": losses}))["random search"]
    assert effect == pytest.approx(0.02) and 0.01 <= low < high <= 0.03
    assert other_data.search_effects(Tables()) == {}


def finished_run(folder, effect, low, high):
    (folder / "tables").mkdir(parents=True)
    effects = other_data.effects_table({"search": (effect, low, high)})
    effects.to_csv(folder / "tables" / "other_data_effects.csv", index=False)
    pd.DataFrame([{"n_series": 12, "n_days": 100}]).to_csv(folder / "tables" / "merge_counts.csv", index=False)
    about = {"profile": "demo", "seed": 0, "commit": "0123456789abcdef"}
    write_record(folder / "run.json", about)
    return folder


def test_runs_on_several_data_become_one_table(tmp_path):
    runs = {
        "contest": finished_run(tmp_path / "a", 0.02, 0.01, 0.03),
        "gifts": finished_run(tmp_path / "b", -0.02, -0.03, -0.01),
    }
    page = other_data.report(runs, tmp_path)
    kept = pd.read_csv(tmp_path / other_data.FILE).set_index(["finding", "data"])["told"]
    assert kept["search", "gifts"] == "different" and kept["median", "gifts"] == "not measured"
    assert "-0.020 (-0.030 to -0.010): different" in page and "012345678" in page
    with pytest.raises(MissingResult, match="no finished run there; give `reproduce` for weekly"):
        other_data.report({"weekly": tmp_path / "c"}, tmp_path)
