"""Every printed number is judged, from tables alone, and every verdict can turn out otherwise."""

import numpy as np
import pandas as pd
import pytest

from bowerbird import paper
from bowerbird.dm.as_run import RECORD_COLUMNS
from bowerbird.errors import MissingResult
from bowerbird.paper import comparison, verdict
from bowerbird.runs.tables import Tables


def tables(records=None, cells=0.0, scores=0.945, rmse=0.5, one_minus=0.5, figure=(2.4, 1.6, 2.6), left=1):
    """A run's tables, made by hand: 10 clusters, a Table 3 whose every as-run cell is `scores`."""
    frequencies = paper.TABLE_1["frequency"].to_numpy() if records is None else records
    centres = (paper.TABLE_2 + cells).assign(category3=1.0, qty=1.0)[list(RECORD_COLUMNS)]
    cell = [(index, column) for index in paper.TABLE_3.index for column in paper.TABLE_3.columns]
    third = pd.DataFrame(cell, columns=["index", "column"])
    printed = np.array([paper.TABLE_3.loc[c] for c in cell])
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
        table_3=third.assign(**{"as run": scores, "difference": scores - printed}),
        table_3_seeds=third.assign(mean=0.6, sd=0.004, seeds=5),
        table_3_families=pd.DataFrame(
            {"against": ["denoised"] * 3 + ["raw"], "prints": [True, True, False, False], "classes": list("x–––"),
             "train": scores, "test": scores, "RMSE, distance": rmse, "1 - RMSE, distance": one_minus}
        ),
        sbo_history=pd.DataFrame({"layers": [1, 2], "value": [0.5, 0.4]}),
        figure_1=pd.DataFrame(
            {"product_no": ["product_1312"] * 3 + ["product_1314"] * 3, "day": [1, 2, 3] * 2,
             "ours": [*figure, 9.0, 9.0, 9.0], "sd": 0.05}
        ),
    )  # fmt: skip


def judge(**changes):
    return verdict.verdicts(tables(**changes), real=True).set_index(paper.PRINTED["id"])


def test_every_printed_number_is_judged_once_in_order():
    judged = verdict.verdicts(tables(), real=True)
    assert len(judged) == len(paper.PRINTED)
    assert set(judged["verdict"]) == set(verdict.VERDICTS)
    assert judged.map(lambda cell: isinstance(cell, str) and cell != "").all(axis=None)
    assert judged["place"].is_unique
    assert sum(verdict.counts(judged).values()) == len(judged)


def test_nothing_synthetic_is_judged():
    judged = verdict.verdicts(tables(), real=False)
    assert verdict.counts(judged) == {comparison.NOT_COMPARABLE: len(paper.PRINTED)}
    assert "no number can be judged" in verdict.page(judged, real=False)
    assert "no number can be judged" not in verdict.page(verdict.verdicts(tables(), real=True), real=True)


def test_table_1_by_hand():
    row = judge().loc["table_1/cluster_2/frequency"]
    assert row[["paper", "as printed", "as run", "corrected", "verdict"]].tolist() == [
        "42,290", "0", "42,290", "48,970 ± 166", "exact",
    ]  # fmt: skip
    share = judge().loc["table_1/cluster_2/percentage"]
    assert (share["as run"], share["corrected"]) == ("12.409", "14.780 ± 0.050")
    total = judge().loc["table_1/total/frequency"]
    assert (total["as printed"], total["as run"], total["corrected"]) == ("331,336", "340,798", "331,336")


def test_table_1_within_20_records_and_beyond():
    frequencies = paper.TABLE_1["frequency"].to_numpy().copy()
    frequencies[:4] += [-8, 8, -300, 300]
    found = judge(records=frequencies)["verdict"]
    assert found["table_1/cluster_1/frequency"] == "within tolerance"
    assert found["table_1/cluster_3/frequency"] == found["table_1/cluster_3/percentage"] == "refuted"
    assert found["table_1/cluster_5/frequency"] == "exact"


def test_table_2_and_the_example_of_the_text_go_together():
    near, far = judge(cells=0.9)["verdict"], judge(cells=3.0)["verdict"]
    for key in ("table_2/cluster_1/product_no", "text/example/product_no"):
        assert (judge().loc[key, "verdict"], near[key], far[key]) == ("exact", "within tolerance", "refuted")


def test_scores_near_the_print_are_explained_not_exact():
    near, far = judge(), judge(scores=0.80)
    assert near.loc["table_3/test/one_minus_wmape", "verdict"] == "explained"
    assert near.loc["table_3/test/one_minus_wmape", "corrected"] == "0.600 ± 0.004"
    assert "2 of 3 families" in near.loc["table_3/test/one_minus_wmape", "reason"]
    assert "1 of 2 families" in near.loc["table_3/test/accuracy", "reason"]
    for key in ("table_3/test/one_minus_wmape", "table_3/test/accuracy", "table_3/train/recall"):
        assert far.loc[key, "verdict"] == "refuted"


def test_training_f1_is_refuted_by_the_table_itself_and_test_f1_is_not():
    found = judge()["verdict"]
    assert found["table_3/train/f1"] == "refuted" and found["table_3/test/f1"] == "explained"


def test_rmse_is_refuted_unless_a_normalization_fits():
    assert judge()["verdict"][["table_3/test/rmse", "text/test_rmse"]].tolist() == ["refuted"] * 2
    assert judge(rmse=0.004)["verdict"]["table_3/test/rmse"] == "explained"
    only_one_minus = judge(one_minus=0.003).loc["table_3/test/rmse"]
    assert only_one_minus["verdict"] == "refuted" and "one minus the error in 2" in only_one_minus["reason"]


def test_scores_of_the_text_are_traced_to_the_cells_they_stand_in():
    rows = judge()
    assert rows.loc["text/train_accuracy", "verdict"] == "explained"
    assert "Table 3 has 0.946 there" in rows.loc["text/train_accuracy", "reason"]
    assert "train f1, test rmse" in rows.loc["text/one_minus_wmape", "reason"]


def test_figure_1_takes_the_nearest_series_and_a_unit_of_tolerance():
    rows = judge()
    assert rows.loc["figure_1/day_1", ["corrected", "verdict"]].tolist() == ["2.40 ± 0.05", "within tolerance"]
    assert "product_1312" in rows.loc["figure_1/day_1", "reason"]
    far = judge(figure=(5.0, 2.0, 3.0))["verdict"]
    assert far[["figure_1/day_1", "figure_1/day_2"]].tolist() == ["refuted", "within tolerance"]
    without = tables()
    without["figure_1"] = without["figure_1"].iloc[:0]
    gone = verdict.verdicts(without, real=True).set_index(paper.PRINTED["id"])["verdict"]
    assert (gone[[key for key in gone.index if key.startswith("figure_1/")]] == "refuted").all()


def test_number_of_clusters_names_what_eq_9_leaves():
    row = judge().loc["text/n_clusters"]
    assert row[["as printed", "as run", "corrected", "verdict"]].tolist() == ["1", "10", "10", "exact"]
    assert "BIC takes 20" in row["reason"] and judge(left=10).loc["text/n_clusters", "as printed"] == "10"


def test_the_rest_of_the_text():
    rows = judge()
    assert rows.loc["text/example/demand", ["as run", "verdict"]].tolist() == ["7.78", "exact"]
    assert rows.loc["text/hidden_layers_more_than", ["corrected", "verdict"]].tolist() == ["2", "unknowable"]
    assert rows.loc["text/train_share_percent", ["as run", "verdict"]].tolist() == ["84.94", "exact"]


def test_agreement_and_plus_minus():
    assert [verdict.agreement(8, x, 0, 1) for x in (7.6, 8.9, 9.2)] == ["exact", "within tolerance", "refuted"]
    assert verdict.plus_minus(0.6, np.nan, "{:.2f}") == "0.60"
    assert verdict.plus_minus(np.nan, np.nan, "{:.2f}") == "–"


def test_a_missing_table_names_its_notebook():
    short = tables()
    del short["table_3_seeds"]
    with pytest.raises(MissingResult, match="06_table_3"):
        verdict.verdicts(short, real=True)


def test_the_page_counts_what_the_table_holds():
    judged = verdict.verdicts(tables(), real=True)
    text = verdict.page(judged, real=True)
    assert text.startswith("# The verdict") and f"each of the {len(judged)} numbers" in text
    for name, number in verdict.counts(judged).items():
        assert f"| {name} | {number} |" in text
        assert number == (judged["verdict"] == name).sum()
