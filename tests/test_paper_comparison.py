"""The paper's numbers beside ours: comparisons, verdicts, what is kept."""

import re

import numpy as np
import pandas as pd
import pytest

from bowerbird import paper
from bowerbird.dm.as_run import RECORD_COLUMNS
from bowerbird.files import read_json
from bowerbird.metrics import CLASS_DEFINITIONS
from bowerbird.paper import documents, errata
from bowerbird.runs import project_root
from bowerbird.runs.tables import read_tables
from bowerbird.verdict import comparison, deviations
from bowerbird.verdict import verdicts as verdict

COMMITTED = sorted(path.parent for path in (project_root() / "reports").glob("*/VERDICT.md"))


def centres(table):
    return table.assign(category3=1.0, qty=1.0)[list(RECORD_COLUMNS)]


def protocols(as_run, leak_free):
    """Two protocols whose every score is `as_run`, or `leak_free`."""
    rows = []
    for index in ("Train", "Test"):
        for protocol, value in (("filtered causally", as_run), ("leak-free", leak_free)):
            row = {"Index": index, "model": "lstm", "filter": "none", "protocol": protocol}
            row |= {"1-WMAPE, own target": value, "RMSE / mean, own target": value}
            for definition in CLASS_DEFINITIONS:
                row |= {f"{m}, {definition}": value for m in ("accuracy", "recall", "precision", "F1")}
            rows.append(row)
    return pd.DataFrame(rows)


def without_last_column(page: str) -> list[str]:
    """The page's lines, without the places of tests and modules in its tables."""
    return [re.sub(r" +\|[^|]+\|$", "", line) for line in page.splitlines() if not line.startswith("|:")]


def test_compare_tells_the_same_digits_after_rounding():
    rows = comparison.compare([2.0, 0.946, 5], [2.4, 0.9456, 6], decimals=0)
    assert list(rows["same"]) == [True, True, False]
    assert not comparison.compare([0.946], [0.944], decimals=3)["same"][0]


def test_the_papers_own_numbers_agree_with_themselves():
    first = comparison.table_1(paper.TABLE_1["frequency"].to_numpy())
    assert first["same"].all() and first.iloc[-1]["paper"] == 340_798
    second = comparison.table_2(centres(paper.TABLE_2 + 0.3))
    assert second["same"].all() and len(second) == 100


def test_a_miss_stays_visible():
    frequencies = paper.TABLE_1["frequency"].to_numpy().copy()
    frequencies[0] -= 8
    first = comparison.table_1(frequencies)
    assert first.loc[0, "difference"] == -8 and not first.loc[0, "same"]


def test_as_run_is_one_protocol_in_all_columns_and_best_is_by_cell():
    far = protocols(0.80, 0.6).assign(model="ridge")
    far.loc[(far["Index"] == "Test") & (far["protocol"] == "filtered causally"), "F1, quantile classes"] = 0.945
    both = pd.concat([far, protocols(0.944, 0.6)], ignore_index=True)
    name = "lstm, none, filtered causally"
    assert comparison.nearest_protocol(both) == name
    table = comparison.table_3(both).set_index(["index", "column"])
    assert (table["as run"] == 0.944).all() and (table["corrected"] == 0.6).all()
    assert table.loc[("test", "f1"), ["best", "best by"]].tolist() == [0.945, "ridge, none, filtered causally"]
    assert table.loc[("test", "accuracy"), ["best", "best by"]].tolist() == [0.944, name]
    assert table.loc[("test", "rmse"), "best by"] == f"{name}: RMSE / mean"
    assert name in comparison.nearest_text(both) and "nearest of 2" in comparison.nearest_text(both)


def test_three_readings_of_table_1():
    rows = comparison.table_1_readings(paper.TABLE_1["frequency"].to_numpy(), np.array([166, 332]))
    assert rows["paper"].tolist() == rows["as run"].tolist() == paper.TABLE_1["frequency"].tolist()
    assert rows["corrected"].tolist()[:2] == [166, 332] and rows["corrected"].isna().sum() == 8
    np.testing.assert_allclose(rows["paper, %"], paper.TABLE_1["percentage"], atol=0.005 + 1e-9)
    np.testing.assert_allclose(rows["corrected, %"][:2], [100 / 3, 200 / 3], atol=0.005)


def test_modes_are_the_most_frequent_labels_of_each_cluster():
    attributes = pd.DataFrame({"seller": ["a", "a", "b", "c"], "wh": ["x", "y", "y", "z"]})
    rows = comparison.modes(attributes, np.array([0, 0, 0, 2]), 3).set_index("cluster")
    assert rows.loc[1, "seller"] == "a (67 %)" and rows.loc[1, "wh"] == "y (67 %)"
    assert (rows.loc[2] == "–").all() and rows.loc[3, "seller"] == "c (100 %)"


def test_differences_are_ours_minus_the_papers():
    assert np.allclose(comparison.compare([1.0], [3.0])["difference"], 2.0)


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
class TestACommittedReportIsWhatTheCodeMakes:
    """Recomputed from the report's own tables; `make report` after a run brings both together again."""

    def test_the_errata_and_the_map(self, folder):
        for file, page in (("ERRATA.md", errata.page()), ("DOCUMENTS.md", documents.page())):
            assert without_last_column((folder / file).read_text(encoding="utf-8")) == without_last_column(page)

    def test_the_verdict(self, folder):
        real = read_json(folder / "run.json")["data"] == "attachments"
        judged = verdict.verdicts(read_tables(folder), real)
        from bowerbird.verdict import claims

        stated = claims.claims_table(read_tables(folder), real)
        page = verdict.page(judged, read_tables(folder), real, stated)
        assert (folder / "VERDICT.md").read_text(encoding="utf-8") == page
        assert len(judged) == len(paper.PRINTED)

    def test_the_deviations(self, folder):
        real = read_json(folder / "run.json")["data"] == "attachments"
        table = deviations.deviations_table(read_tables(folder))
        assert (folder / "DEVIATIONS.md").read_text(encoding="utf-8") == deviations.page(table, real)

    def test_tables_1_and_2_against_the_paper(self, folder):
        tables = {name: pd.read_csv(folder / "tables" / f"{name}.csv") for name in ("table_1", "table_2", "headline")}
        first, second = tables["table_1"], tables["table_2"]
        again = comparison.table_1(first["ours"].to_numpy()[:-1])
        pd.testing.assert_frame_equal(again.reset_index(drop=True), first, check_dtype=False)
        readings = pd.read_csv(folder / "tables" / "table_1_readings.csv")
        np.testing.assert_allclose(readings["as run, %"], 100 * first["ours"][:-1] / first["ours"].iloc[-1], atol=0.005)
        np.testing.assert_array_equal(second["paper"], paper.TABLE_2.to_numpy().ravel())
        same = second["ours"].round() == second["paper"]
        assert (same == second["same"]).all()
        row = tables["headline"].set_index("quantity")["as run"]
        assert str(same.sum()) == row["centre cells equal, of 100"] or row["centre cells equal, of 100"] == "–"

    def test_table_3_and_its_seeds(self, folder):
        third = pd.read_csv(folder / "tables" / "table_3.csv")
        np.testing.assert_array_equal(third["paper"], paper.TABLE_3.to_numpy().ravel())
        protocols = pd.read_csv(folder / "tables" / "table_3_protocols.csv")
        pd.testing.assert_frame_equal(comparison.table_3(protocols), third, check_dtype=False)


def test_table_3_over_seeds_is_the_mean_and_spread_of_its_columns():
    seeds = [protocols(0.9, score).query("protocol == 'leak-free'") for score in (0.5, 0.6, 0.7)]
    rows = comparison.table_3_over_seeds(seeds)
    assert list(zip(rows["index"], rows["column"], strict=True))[:2] == [("train", "accuracy"), ("train", "recall")]
    assert len(rows) == paper.TABLE_3.size and (rows["seeds"] == 3).all()
    np.testing.assert_allclose(rows["mean"], 0.6)
    np.testing.assert_allclose(rows["sd"], 0.1)
    seeds[0].loc[seeds[0]["Index"] == "Test", "F1, quantile classes"] = 0.2
    f1 = comparison.table_3_over_seeds(seeds).set_index(["index", "column"])["mean"]
    assert f1["test", "f1"] == pytest.approx(0.5) and f1["test", "recall"] == pytest.approx(0.6)
    assert comparison.table_3_over_seeds(seeds[:1])["sd"].isna().all()


def test_figure_1_over_seeds_by_hand():
    days = pd.date_range(paper.FORECAST_FIRST_DAY, periods=15)
    frames = [
        pd.DataFrame({"seller_no": "seller_6", "warehouse_no": "wh_43", "product_no": "product_1312",
                      "date": days[::-1], "forecast_qty": np.arange(15.0)[::-1] + level})
        for level in (0, 1, 3)
    ]  # fmt: skip
    demand = np.repeat([[2.0], [3.0], [9.0], [1.0]], 30, axis=1)
    demand[0, :9] = 50.0  # before the last 21 days
    rows = comparison.figure_1_over_seeds(frames[0], frames[1:], demand)
    assert rows["day"].tolist() == [1, 2, 3] and rows["paper"].tolist() == [2, 2, 3]
    assert rows["ours"].tolist() == [0, 1, 2] and (rows["seeds"] == 2).all()
    np.testing.assert_allclose(rows["sd"], np.sqrt(2))
    assert (rows["met by chance"] == 0.5).all()  # medians 2 and 3 lie within a unit of 2, 2, 3
    assert comparison.figure_1_text(rows) == "product_1312: 0, 1, 2"
    others = [frame.assign(seller_no="seller_1") for frame in frames]
    none = comparison.figure_1_over_seeds(others[0], others[1:], demand)
    assert none.empty and comparison.figure_1_text(none) == "no such series"
