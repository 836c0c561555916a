"""The paper's numbers beside ours: comparisons, verdicts, what is kept."""

import numpy as np
import pandas as pd
import pytest

from bowerbird import paper
from bowerbird.dm.as_run import RECORD_COLUMNS
from bowerbird.metrics import CLASS_DEFINITIONS
from bowerbird.paper import comparison, deviations, documents, errata, verdict
from bowerbird.runs import project_root, read_json
from bowerbird.runs.tables import read_tables

COMMITTED = sorted(path.parent for path in (project_root() / "reports").glob("*/VERDICT.md"))


def centres(table):
    return table.assign(category3=1.0, qty=1.0)[list(RECORD_COLUMNS)]


def protocols(as_run, honest):
    """Two protocols whose every score is `as_run`, or `honest`."""
    rows = []
    for index in ("Train", "Test"):
        for protocol, value in (("as the paper", as_run), ("honest", honest)):
            row = {"Index": index, "model": "lstm", "filter": "none", "protocol": protocol}
            row |= {"1-WMAPE, own target": value, "RMSE / mean, own target": value}
            for definition in CLASS_DEFINITIONS:
                row |= {f"{m}, {definition}": value for m in ("accuracy", "recall", "precision", "F1")}
            rows.append(row)
    return pd.DataFrame(rows)


def test_compare_calls_equal_after_rounding_exact():
    rows = comparison.compare([2.0, 0.946, 5], [2.4, 0.9456, 6], decimals=0)
    assert list(rows["verdict"]) == ["exact", "exact", "differs"]
    assert comparison.compare([0.946], [0.944], decimals=3)["verdict"][0] == "differs"


def test_the_papers_own_numbers_agree_with_themselves():
    first = comparison.table_1(paper.TABLE_1["frequency"].to_numpy())
    assert (first["verdict"] == "exact").all() and first.iloc[-1]["paper"] == 340_798
    second = comparison.table_2(centres(paper.TABLE_2 + 0.3))
    assert (second["verdict"] == "exact").all() and len(second) == 100


def test_a_miss_stays_visible():
    frequencies = paper.TABLE_1["frequency"].to_numpy().copy()
    frequencies[0] -= 8
    first = comparison.table_1(frequencies)
    assert first.loc[0, "difference"] == -8 and first.loc[0, "verdict"] == "differs"


def test_table_3_says_explained_only_within_tolerance():
    near = comparison.table_3(protocols(0.9455, 0.6))
    assert set(near["verdict"]) == {"explained"} and (near["corrected"] == 0.6).all()
    assert set(comparison.table_3(protocols(0.90, 0.6))["verdict"]) == {"not reached"}


def test_the_nearest_leaky_protocol_is_found():
    far = protocols(0.80, 0.6).assign(model="ridge")
    both = pd.concat([far, protocols(0.944, 0.6)], ignore_index=True)
    assert comparison.nearest_protocol(both) == ("lstm", "none")


def test_figure_1_is_compared_day_by_day():
    days = pd.date_range(paper.FORECAST_FIRST_DAY, periods=15)
    frame = pd.DataFrame({"seller_no": "seller_6", "warehouse_no": "wh_43", "product_no": "product_1312", "date": days,
                          "forecast_qty": [1.6, 2.4, 2.9, *[9.0] * 12]})  # fmt: skip
    found = comparison.figure_1(frame)
    assert found == {"series": {"product_1312": [2, 2, 3]}, "verdict": "equal for 1 of 1"}
    beside = pd.concat([frame, frame.assign(product_no="product_1314", forecast_qty=3.0)])
    assert comparison.figure_1(beside)["verdict"] == "equal for 1 of 2"
    assert comparison.figure_1(frame.assign(forecast_qty=3.0))["verdict"] == "within 1 unit"
    assert comparison.figure_1(frame.assign(forecast_qty=5.0))["verdict"] == "differs"
    assert comparison.figure_1_text(comparison.figure_1(frame.assign(seller_no="seller_1"))) == "no such series"


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
        assert (folder / "ERRATA.md").read_text(encoding="utf-8") == errata.page()
        assert (folder / "DOCUMENTS.md").read_text(encoding="utf-8") == documents.page()

    def test_the_verdict(self, folder):
        real = read_json(folder / "run.json")["data"] == "attachments"
        judged = verdict.verdicts(read_tables(folder), real)
        assert (folder / "VERDICT.md").read_text(encoding="utf-8") == verdict.page(judged, real)
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
        assert (same == (second["verdict"] == "exact")).all()
        row = tables["headline"].set_index("quantity")["as run"]
        assert str(same.sum()) == row["centre cells equal, of 100"] or row["centre cells equal, of 100"] == "–"

    def test_table_3_and_its_seeds(self, folder):
        third = pd.read_csv(folder / "tables" / "table_3.csv")
        np.testing.assert_array_equal(third["paper"], paper.TABLE_3.to_numpy().ravel())
        protocols = pd.read_csv(folder / "tables" / "table_3_protocols.csv")
        pd.testing.assert_frame_equal(comparison.table_3(protocols), third, check_dtype=False)


def test_table_3_over_seeds_is_the_mean_and_spread_of_its_columns():
    seeds = [protocols(0.9, honest).query("protocol == 'honest'") for honest in (0.5, 0.6, 0.7)]
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
    rows = comparison.figure_1_over_seeds(frames[0], frames[1:])
    assert rows["day"].tolist() == [1, 2, 3] and rows["paper"].tolist() == [2, 2, 3]
    assert rows["ours"].tolist() == [0, 1, 2] and (rows["seeds"] == 2).all()
    np.testing.assert_allclose(rows["sd"], np.sqrt(2))
    others = [frame.assign(seller_no="seller_1") for frame in frames]
    assert comparison.figure_1_over_seeds(others[0], others[1:]).empty
