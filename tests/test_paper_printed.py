import numpy as np
import pytest

from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY
from bowerbird.paper.printed import (
    DISAGREEMENTS,
    ERRATA,
    FIGURE_1,
    FORECAST_FIRST_DAY,
    FORECAST_LAST_DAY,
    PRINTED,
    TABLE_1,
    TABLE_1_TOTAL,
    TABLE_1_TOTAL_PERCENTAGE,
    TABLE_2,
    TABLE_3,
    TABLE_3_HEADERS,
)

VALUE = PRINTED.set_index("id")["value"]


def test_table_1_frequencies_sum_to_the_printed_total():
    assert TABLE_1["frequency"].sum() == TABLE_1_TOTAL


def test_table_1_percentages_are_the_frequencies_over_the_total():
    np.testing.assert_allclose(100 * TABLE_1["frequency"] / TABLE_1_TOTAL, TABLE_1["percentage"], rtol=0, atol=0.0005)
    # The printed percentages add up to 100.001: ten roundings, each by less than half a unit.
    assert TABLE_1["percentage"].sum() == pytest.approx(TABLE_1_TOTAL_PERCENTAGE, abs=10 * 0.0005)


def test_table_1_total_is_the_merge_that_doubles_two_warehouses():
    assert TABLE_1_TOTAL == (1996 + 57) * 166
    assert (TABLE_1["frequency"] % 166 != 0).all()  # so no cluster holds whole series of 166 days


def test_table_2_holds_codes_that_start_at_one():
    assert list(TABLE_2) == [*SERIES_KEY, *[name for name in ATTRIBUTES if name != "category3"]]
    assert TABLE_2.shape == (10, 10) and (TABLE_2 >= 1).all(axis=None)
    # No centre lies beyond the number of distinct values that the 1,996 series show.
    assert (TABLE_2.max() <= [35, 1212, 54, 20, 62, 17, 4, 5, 2, 7]).all()


def test_the_example_of_the_text_is_the_centre_of_cluster_1():
    for column in ("seller_no", "warehouse_no", "warehouse_region", "product_no"):
        assert VALUE[f"text/example/{column}"] == TABLE_2.loc[1, column]


def test_text_and_table_3_disagree_where_the_list_says():
    train, test = TABLE_3.loc["train"], TABLE_3.loc["test"]
    accuracy, wmape = VALUE["text/train_accuracy"], VALUE["text/one_minus_wmape"]
    assert list(train.index[train == accuracy]) == ["recall", "precision", "rmse", "one_minus_wmape"]
    assert list(train.index[train == wmape]) == ["f1"] and list(test.index[test == wmape]) == ["rmse"]
    assert test["one_minus_wmape"] != VALUE["text/test_one_minus_wmape"]
    assert test["rmse"] == VALUE["text/test_rmse"]


def test_table_3_training_f1_exceeds_what_its_recall_and_precision_allow():
    harmonic = 2 / (1 / (TABLE_3["recall"] + 0.0005) + 1 / (TABLE_3["precision"] + 0.0005))  # most, before rounding
    possible = TABLE_3["f1"] - 0.0005 <= harmonic
    assert not possible["train"] and possible["test"]


def test_table_3_has_two_columns_of_one_name():
    headers = list(TABLE_3_HEADERS.values())
    assert len(headers) == len(TABLE_3.columns) == 6
    assert [name for name in headers if headers.count(name) > 1] == ["Accuracy", "Accuracy"]
    assert [key for key, name in TABLE_3_HEADERS.items() if name == "Accuracy"] == ["accuracy", "precision"]


def test_disagreements_name_printed_numbers_and_the_contradicting_ones_differ():
    by_subject = {point.subject: point for point in DISAGREEMENTS}
    assert len(by_subject) == len(DISAGREEMENTS)
    for point in DISAGREEMENTS:
        assert set(point.ids) <= set(VALUE.index), point.subject
    for subject in ("training accuracy", "1-WMAPE", "training F1", "RMSE"):
        assert VALUE[list(by_subject[subject].ids)].nunique() > 1, subject


def test_figure_1_is_what_the_text_reads_from_it():
    assert FIGURE_1["forecast"].tolist() == [VALUE[f"figure_1/day_{day}"] for day in (1, 2, 3)]
    assert (FIGURE_1["merchant_number"] == VALUE["figure_1/merchant_number"]).all()
    assert (FIGURE_1["warehouse_number"] == VALUE["figure_1/warehouse_number"]).all()
    assert (FORECAST_LAST_DAY - FORECAST_FIRST_DAY).days + 1 == 15


def test_printed_holds_every_table_cell_once_and_every_text_claim_with_a_quote():
    assert PRINTED["id"].is_unique
    assert len(PRINTED) == 2 * 10 + 2 + 10 * 10 + 2 * 6 + 18
    assert VALUE["table_1/cluster_9/percentage"] == 0.001
    assert VALUE["table_2/cluster_4/product_no"] == 1103
    assert VALUE["table_3/test/accuracy"] == 0.942
    in_table = PRINTED["place"].str.startswith("Table")
    assert (PRINTED.loc[in_table, "column"] != "").all() and (PRINTED.loc[~in_table, "quote"] != "").all()


def test_printed_decimals_hold_every_digit_of_the_value():
    np.testing.assert_array_equal(
        [round(v, d) for v, d in zip(PRINTED["value"], PRINTED["decimals"], strict=True)], PRINTED["value"]
    )


def test_train_and_test_shares_make_the_whole():
    assert VALUE["text/train_share_percent"] + VALUE["text/test_share_percent"] == 100


def test_errata_are_in_order_and_change_the_equation():
    numbers = [erratum.equation for erratum in ERRATA]
    assert numbers == sorted(set(numbers)) and set(range(1, 25)) - set(numbers) == {4, 6, 8, 18, 22, 23, 24}
    assert all(e.printed != e.corrected and e.effect for e in ERRATA)
