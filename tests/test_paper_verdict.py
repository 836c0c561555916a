"""Every printed number is judged, from tables alone, and every verdict can turn out otherwise."""

import numpy as np
import pandas as pd
import pytest
from test_paper_comparison import protocols

from bowerbird import paper
from bowerbird.dm.as_run import RECORD_COLUMNS
from bowerbird.errors import MissingResult
from bowerbird.runs.tables import Tables
from bowerbird.verdict import comparison, headline
from bowerbird.verdict import verdicts as verdict


def tables(
    records=None, cells=0.0, scores=0.945, best=None, attains=True, rmse=0.5, one_minus=0.5, figure=(2.4, 1.6, 2.6),
    chance=0.23, left=1,
):  # fmt: skip
    """A run's tables, made by hand: 10 clusters, a Table 3 whose every as-run cell is `scores`."""
    frequencies = paper.TABLE_1["frequency"].to_numpy() if records is None else records
    centres = (paper.TABLE_2 + cells).assign(category3=1.0, qty=1.0)[list(RECORD_COLUMNS)]
    centres.loc[8, "seller_level"] += 0.5 - 1e-9  # 993 / 662, as in the paper's data
    cell = [(index, column) for index in paper.TABLE_3.index for column in paper.TABLE_3.columns]
    third = pd.DataFrame(cell, columns=["index", "column"])
    size = np.array([71, 295, 447, 243, 307, 288, 105, 130, 78, 32])
    return Tables(
        merge_counts=pd.DataFrame({"n_days": [166]}),
        table_1=comparison.table_1(frequencies),
        table_1_seeds=pd.DataFrame({"cluster": range(1, 11), "mean": size * 166.0, "sd": 166.0, "seeds": 5}),
        dm_members=pd.DataFrame(
            {"corrected: series": size, "eq. 9 as printed: series": [1996 - 9 * (left == 10)] + [left == 10] * 9}
        ),
        dm_number_of_clusters=pd.DataFrame({"K": [5, 10, 20], "BIC (curves)": [3.0, 2.0, 1.0]}),
        as_run_demand=pd.DataFrame({"qty": [7.78, 1.0]}),
        table_2=comparison.table_2(centres),
        table_3=third.assign(**{"as run": scores, "best": best or scores, "best by": "ridge, sym8, filtered causally"}),
        table_3_seeds=third.assign(mean=0.6, sd=0.004, seeds=5),
        table_3_protocols=protocols(scores, 0.6),
        table_3_families=pd.DataFrame(
            {"against": ["denoised"] * 3 + ["raw"], "attains": [attains, attains, False, False],
             "classes": list("x–––"), "filtered": ["causal", "before", "after", "–"], "split": "last",
             "RMSE, distance": rmse, "1 - RMSE, distance": one_minus}
        ),
        sbo_history=pd.DataFrame({"layers": [1, 2], "value": [0.5, 0.4]}),
        figure_1=pd.DataFrame(
            {"product_no": ["product_1312"] * 3 + ["product_1314"] * 3, "day": [1, 2, 3] * 2,
             "ours": [*figure, 9.0, 9.0, 9.0], "sd": 0.05,
             "met by chance": chance}
        ),
        as_run_stops=pd.DataFrame(
            {"way": ["printed centres, run until nothing moves", "starts about that solution, default stop"],
             "starts": [1, 1000], "all ten frequencies": [0, 2], "frequencies exact": [8, 10], "records off": [16, 0],
             "cells equal": [99, 100]}
        ),
        forecast_scores=pd.DataFrame(
            {"method": "SBO-LSTM", "protocol": ["P15", "R"], "1-WMAPE": [0.56, 0.55]}
        ),
        inventory_summary=pd.DataFrame({"fill_rate": [0.8]}),
    )  # fmt: skip


def judge(**changes):
    return verdict.verdicts(tables(**changes), real=True).set_index("id")


def test_every_printed_number_is_judged_once_in_order():
    judged = verdict.verdicts(tables(), real=True)
    assert judged["id"].tolist() == paper.PRINTED["id"].tolist()
    assert judged.map(lambda cell: isinstance(cell, str) and cell != "").all(axis=None)
    assert judged["place"].is_unique


def test_what_is_counted_as_found_leaves_out_what_follows_and_what_we_put_in():
    """Of 152 numbers 112 can be found: 10 frequencies, the total, 100 centres, the demand of 8."""
    assert verdict.counts(verdict.verdicts(tables(), real=True)) == {
        "reproduced": 112, "within tolerance": 7, "follows from another number": 16, "input of ours": 5,
        "consistent with": 2, "contradicted": 3, "not found": 2, "excluded": 1, "uninformative": 3, "unknowable": 1,
    }  # fmt: skip


def test_nothing_synthetic_is_judged():
    judged = verdict.verdicts(tables(), real=False)
    assert verdict.counts(judged) == {comparison.NOT_COMPARABLE: len(paper.PRINTED)}
    assert "no number can be judged" in verdict.page(judged, tables(), real=False)
    assert "no number can be judged" not in verdict.page(verdict.verdicts(tables(), real=True), tables(), real=True)


def test_table_1_by_hand():
    row = judge().loc["table_1/cluster_2/frequency"]
    assert row[["paper", "as printed", "as run", "corrected", "verdict"]].tolist() == [
        "42,290", "0", "42,290", "48,970 ± 166", "reproduced",
    ]  # fmt: skip
    share = judge().loc["table_1/cluster_2/percentage"]
    assert (share["as run"], share["corrected"]) == ("12.409", "14.780 ± 0.050")
    assert share["verdict"] == "follows from another number" and "is 12.409" in share["reason"]
    total = judge().loc["table_1/total/frequency"]
    assert (total["as printed"], total["as run"], total["corrected"]) == ("331,336", "340,798", "331,336")


def test_table_1_within_20_records_and_beyond():
    frequencies = paper.TABLE_1["frequency"].to_numpy().copy()
    frequencies[:4] += [-8, 8, -300, 300]
    found = judge(records=frequencies)["verdict"]
    assert found["table_1/cluster_1/frequency"] == "within tolerance"
    assert found["table_1/cluster_3/frequency"] == "not found"
    assert found["table_1/cluster_5/frequency"] == "reproduced"
    assert (found[[key for key in found.index if key.endswith("/percentage")]] == "follows from another number").all()


def test_a_share_that_does_not_follow_from_its_frequency_is_contradicted(monkeypatch):
    monkeypatch.setitem(verdict._VALUE, "table_1/cluster_2/percentage", 12.410)
    assert judge().loc["table_1/cluster_2/percentage", "verdict"] == "contradicted"


def test_table_2_and_the_example_of_the_text_go_together():
    near, far = judge(cells=0.9)["verdict"], judge(cells=3.0)["verdict"]
    key = "table_2/cluster_1/product_no"
    assert (judge().loc[key, "verdict"], near[key], far[key]) == ("reproduced", "within tolerance", "not found")
    repeated = judge(cells=3.0).loc["text/example/product_no"]
    assert repeated["verdict"] == "follows from another number" and "whose verdict is: not found" in repeated["reason"]


def test_one_minus_wmape_is_consistent_with_families_whose_width_was_solved_for():
    near, far = (judge(attains=x).loc["table_3/test/one_minus_wmape"] for x in (True, False))
    assert near[["verdict", "as run", "corrected"]].tolist() == ["consistent with", "0.945", "0.600 ± 0.004"]
    assert "2 of 3 families" in near["reason"] and "solved for" in near["reason"]
    assert far["verdict"] == "not found" and "0 of 3 families" in far["reason"]


def test_class_scores_are_within_tolerance_or_not_found():
    near, by_another, far = judge(), judge(scores=0.80, best=0.944), judge(scores=0.80)
    for key in ("table_3/test/accuracy", "table_3/train/recall", "table_3/test/f1"):
        assert near.loc[key, "verdict"] == by_another.loc[key, "verdict"] == "within tolerance"
        assert far.loc[key, "verdict"] == "not found"
        assert "1 of 2 families" in near.loc[key, "reason"]
    assert "by ridge, sym8, filtered causally alone" in by_another.loc["table_3/test/accuracy", "reason"]
    for key in ("accuracy", "recall"):
        assert "exclude the printed digits 0.942 and 0.945 together" in near.loc[f"table_3/test/{key}", "reason"]


def test_training_f1_is_excluded_by_the_table_itself_and_test_f1_is_not():
    found = judge().loc["table_3/train/f1"]
    assert found["verdict"] == "excluded" and "F1 is at most 0.9455" in found["reason"]
    assert "if the second Accuracy is Precision and one average over classes is used throughout" in found["reason"]


def test_rmse_is_not_found_unless_a_normalization_fits():
    assert judge().loc["table_3/test/rmse", "verdict"] == "not found"
    assert judge(rmse=0.004).loc["table_3/test/rmse", "verdict"] == "within tolerance"
    only_one_minus = judge(one_minus=0.003).loc["table_3/test/rmse"]
    assert only_one_minus["verdict"] == "not found" and "within 0.005 in 2" in only_one_minus["reason"]
    assert "9 normalizations, in 2 families" in only_one_minus["reason"]


def test_scores_of_the_text_repeat_the_table_or_contradict_it():
    rows = judge()
    for key in ("train_accuracy", "one_minus_wmape", "test_one_minus_wmape"):
        assert rows.loc[f"text/{key}", "verdict"] == "contradicted"
    assert "Table 3 has 0.946 there" in rows.loc["text/train_accuracy", "reason"]
    assert "as train, F1; test, Rmse" in rows.loc["text/one_minus_wmape", "reason"]
    assert rows.loc["text/test_rmse", "verdict"] == "follows from another number"


def test_figure_1_takes_the_nearest_series_and_says_how_often_chance_comes_as_near():
    rows = judge()
    assert rows.loc["figure_1/day_1", ["corrected", "verdict"]].tolist() == ["2.40 ± 0.05", "uninformative"]
    assert "product_1312" in rows.loc["figure_1/day_1", "reason"] and "23 %" in rows.loc["figure_1/day_1", "reason"]
    assert judge(chance=0.01).loc["figure_1/day_1", "verdict"] == "within tolerance"
    far = judge(figure=(5.0, 2.0, 3.0))["verdict"]
    assert far[["figure_1/day_1", "figure_1/day_2"]].tolist() == ["not found", "uninformative"]
    assert rows.loc["figure_1/merchant_number", "verdict"] == "input of ours"
    without = tables()
    without["figure_1"] = without["figure_1"].iloc[:0]
    gone = verdict.verdicts(without, real=True).set_index("id")["verdict"]
    assert (gone[[key for key in gone.index if key.startswith("figure_1/")]] == "not found").all()


def test_number_of_clusters_names_what_eq_9_leaves():
    row = judge().loc["text/n_clusters"]
    assert row[["as printed", "as run", "corrected", "verdict"]].tolist() == ["1", "10", "10", "input of ours"]
    assert "BIC takes 20" in row["reason"] and judge(left=10).loc["text/n_clusters", "as printed"] == "10"


def test_the_rest_of_the_text():
    rows = judge()
    assert rows.loc["text/example/demand", ["as run", "verdict"]].tolist() == ["7.78", "reproduced"]
    assert rows.loc["text/hidden_layers_more_than", ["corrected", "verdict"]].tolist() == ["2", "unknowable"]
    assert rows.loc["text/train_share_percent", ["as run", "verdict"]].tolist() == ["84.94", "input of ours"]


def test_agreement_and_plus_minus():
    assert [verdict.agreement(8, x, 0, 1) for x in (7.6, 8.9, 9.2)] == ["reproduced", "within tolerance", "not found"]
    assert verdict.plus_minus(0.6, np.nan, "{:.2f}") == "0.60"
    assert verdict.plus_minus(np.nan, np.nan, "{:.2f}") == "–"


def test_a_missing_table_names_its_notebook():
    short = tables()
    del short["table_3_seeds"]
    with pytest.raises(MissingResult, match="06_table_3"):
        verdict.verdicts(short, real=True)


def test_the_page_counts_what_the_table_holds_after_the_claims():
    judged = verdict.verdicts(tables(), real=True)
    text = verdict.page(judged, tables(), True, pd.DataFrame({"claim": ["clusters help"], "verdict": ["not found"]}))
    assert text.startswith("# The verdict") and f"each of the {len(judged)} numbers" in text
    assert text.index("clusters help") < text.index("## The numbers")
    for name, number in verdict.counts(judged).items():
        assert f"| {name} | {number} |" in text
    assert "Starts about that solution, default stop: 2 of 1,000 starts give all ten frequencies" in text


def test_the_page_shows_table_2_as_a_grid_and_marks_what_differs():
    judged = verdict.verdicts(tables(), real=True)
    grid = verdict.table_2_grid(judged).set_index("cluster")
    assert grid.shape == (10, 10) and grid.loc[2, "Product Code"] == "762 / 762.00"
    assert not grid.map(lambda cell: "≠" in cell).any(axis=None)
    off = verdict.table_2_grid(verdict.verdicts(tables(cells=0.9), real=True))
    assert off.drop(columns="cluster").map(lambda cell: cell.endswith(" ≠")).sum().sum() == 100
    text = verdict.page(judged, tables(), True)
    assert "Cell (8, Business Scale) is 993/662 = 1.5, printed 1" in text
    assert text.count("label codes") == 1  # no sentence is repeated for every cell


def test_table_1_stands_with_one_row_a_cluster():
    grid = verdict.table_1_grid(verdict.verdicts(tables(), real=True)).set_index("cluster")
    assert grid.index.tolist() == [*map(str, range(1, 11)), "total"]
    assert grid.loc["2", ["Frequency", "as run", "verdict", "Percentage%", "its verdict"]].tolist() == [
        "42,290", "42,290", "reproduced", "12.409", "follows from another number",
    ]  # fmt: skip


def test_every_verdict_of_the_headline_is_that_of_the_number():
    for changes in ({}, {"scores": 0.8, "attains": False, "cells": 3.0}, {"rmse": 0.004, "chance": 0.01}):
        judged = verdict.verdicts(tables(**changes), real=True)
        found = headline.table(judged, tables(**changes), real=True).set_index("quantity")["verdict"]
        of = judged.set_index("id")["verdict"]
        for quantity, key in (
            ("records clustered", "table_1/total/frequency"), ("clusters", "text/n_clusters"),
            ("accuracy (quartile classes)", "table_3/test/accuracy"), ("F1 (quartile classes)", "table_3/test/f1"),
            ("1-WMAPE, 1 day ahead", "table_3/test/one_minus_wmape"), ("RMSE / mean demand", "table_3/test/rmse"),
            ("forecast, seller 6, wh 43", "figure_1/day_1"),
        ):  # fmt: skip
            assert found[quantity] == of[key]
