"""The naive and the correct merge against a join by hand, and the panel."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowerbird.data.panel import build_panel, correct_merge, naive_merge
from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY, Attachments, read_attachments
from bowerbird.errors import DataError, ParameterError

KEY = list(SERIES_KEY)
COLUMNS = [*KEY, "date", "qty", *ATTRIBUTES]


def joined_by_hand(data: Attachments) -> Counter:
    """Every row of 附件1 with every row of 附件2-4 that has its ids, in plain loops."""
    rows = Counter()
    for shipment in data.shipments.itertuples(index=False):
        for product in data.products.itertuples(index=False):
            for seller in data.sellers.itertuples(index=False):
                for warehouse in data.warehouses.itertuples(index=False):
                    if (product[0], seller[0], warehouse[0]) == (shipment[1], shipment[0], shipment[2]):
                        rows[(*shipment, *product[1:], *seller[1:], *warehouse[1:])] += 1
    return rows


def rows_of(merged: pd.DataFrame) -> Counter:
    return Counter(merged.itertuples(index=False, name=None))


# 4 series x 10 days; the two series in wh_29 and wh_38 come twice: 40 + 20 rows


def test_naive_merge_is_the_join_by_hand(tiny):
    merged = naive_merge(tiny)
    assert list(merged.columns) == COLUMNS
    assert len(merged) == 60
    assert rows_of(merged) == joined_by_hand(tiny)


def test_correct_merge_has_one_row_a_series_and_day(tiny):
    merged = correct_merge(tiny)
    assert list(merged.columns) == COLUMNS
    assert len(merged) == len(tiny.shipments) == 40
    assert not merged.duplicated([*KEY, "date"]).any()
    assert rows_of(merged) == Counter(set(joined_by_hand(tiny)))


def test_naive_is_correct_plus_the_repeats(tiny):
    surplus = rows_of(naive_merge(tiny)) - rows_of(correct_merge(tiny))
    assert surplus == Counter(row for row in rows_of(correct_merge(tiny)) if row[2] in ("wh_29", "wh_38"))


def test_repeated_products_and_sellers_multiply_in_the_naive_merge_only(tiny):
    twice = replace(
        tiny,
        products=pd.concat([tiny.products, tiny.products.iloc[:1]]),  # product_1: two series, one of them in wh_29
        sellers=pd.concat([tiny.sellers, tiny.sellers.iloc[:1]]),  # seller_1: the same two series
    )
    assert len(naive_merge(twice)) == 10 * (2 * 2 + 2 * 2 * 2 + 2 + 1)
    assert rows_of(naive_merge(twice)) == joined_by_hand(twice)
    assert rows_of(correct_merge(twice)) == rows_of(correct_merge(tiny))


def test_panel_of_the_tiny_attachments(tiny):
    panel = build_panel(tiny)
    assert panel.demand.tolist() == [[10 * i + j for j in range(10)] for i in range(4)]
    assert panel.demand.dtype == np.float64
    assert (panel.dates == pd.date_range("2022-12-01", "2022-12-10")).all()
    assert panel.keys == [
        "seller_1/product_1/wh_1",
        "seller_1/product_1/wh_29",
        "seller_2/product_2/wh_38",
        "seller_2/product_3/wh_1",
    ]
    assert list(panel.series.columns) == [*KEY, *ATTRIBUTES]
    expected = ["宠物生活", "宠物生活_0", "宠物生活_2", "宠物", "B", "Small", "区域仓", "西南"]
    assert panel.series.loc[2, list(ATTRIBUTES)].to_list() == expected
    assert panel.filled_days == 0


@settings(max_examples=25)
@given(order=st.permutations(range(40)))
def test_panel_does_not_depend_on_the_order_of_rows(order):
    data = Attachments(
        shipments=pd.DataFrame(
            {
                "seller_no": np.repeat(["seller_1", "seller_10", "seller_2", "seller_3"], 10),
                "product_no": np.repeat(["product_2", "product_1", "product_1", "product_2"], 10),
                "warehouse_no": "wh_1",
                "date": np.tile(pd.date_range("2023-01-01", periods=10), 4),
                "qty": np.arange(40),
            }
        ).iloc[order],
        products=pd.DataFrame({"product_no": ["product_2", "product_1"]}).assign(
            category1="a", category2=0, category3=0
        ),
        sellers=pd.DataFrame({"seller_no": [f"seller_{k}" for k in (3, 2, 10, 1)]}).assign(
            seller_category="a", inventory_category="A", seller_level=["c", "b", "x", "a"]
        ),
        warehouses=pd.DataFrame({"warehouse_no": ["wh_1", "wh_1"], "warehouse_category": 1, "warehouse_region": 1}),
        new_items=None,
        promotion=None,
        files={},
    )
    panel = build_panel(data)
    assert panel.demand.tolist() == np.arange(40).reshape(4, 10).tolist()
    assert panel.series["seller_no"].to_list() == ["seller_1", "seller_10", "seller_2", "seller_3"]
    assert panel.series["seller_level"].to_list() == ["a", "x", "b", "c"]


@pytest.fixture
def with_gaps(tables, write) -> Attachments:
    """Without 2022-12-03 and 04 of the second series, and the first day of the last."""
    tables["附件1"] = tables["附件1"].drop(index=[12, 13, 30])
    return read_attachments(write(tables))


def test_gaps_are_refused(with_gaps):
    with pytest.raises(DataError) as error:
        build_panel(with_gaps)
    assert str(error.value) == (
        "附件1-商家历史出货量表.csv, column date: series seller_1/product_1/wh_29 has no row for 2022-12-03; "
        "3 days are missing in 2 series; add them, or, if a day that is not listed is one on which nothing was "
        "shipped, give bowerbird reproduce --set 01_data.fill_gaps=zero"
    )


@pytest.mark.parametrize(("fill_gaps", "value"), [("zero", 0.0), ("nan", np.nan)])
def test_gaps_are_filled_on_demand_and_counted(with_gaps, fill_gaps, value):
    panel = build_panel(with_gaps, fill_gaps=fill_gaps)
    expected = np.arange(40.0).reshape(4, 10)
    expected[[1, 1, 3], [2, 3, 0]] = value
    np.testing.assert_array_equal(panel.demand, expected)
    assert panel.filled_days == 3


def test_panels_of_new_items_and_promotion(tiny):
    new = build_panel(tiny, "new_items")
    assert new.keys == ["seller_3/product_4/wh_1"]
    assert new.demand.tolist() == [[1, 2, 3]]
    promotion = build_panel(tiny, "promotion")
    assert promotion.demand.tolist() == [[5, 6], [7, 8], [9, 10]]
    assert promotion.dates.strftime("%m-%d").to_list() == ["11-01", "11-02"]


def test_refusals_of_build_panel(tiny):
    with pytest.raises(DataError, match=r"附件5 \(new_items\) is absent; put its file beside the others"):
        build_panel(replace(tiny, new_items=None), "new_items")
    with pytest.raises(ParameterError, match="fill_gaps is 'mean'; choose 'refuse', 'zero' or 'nan'"):
        build_panel(tiny, fill_gaps="mean")
    with pytest.raises(ParameterError, match="source is 'products'; choose 'shipments', 'new_items' or 'promotion'"):
        build_panel(tiny, "products")


# The originals


def test_original_merges_give_the_total_of_table_1(original):
    naive, correct = naive_merge(original), correct_merge(original)
    assert len(naive) == 340_798
    assert len(correct) == len(original.shipments) == 331_336
    in_repeated = correct[correct["warehouse_no"].isin(["wh_29", "wh_38"])]
    assert len(in_repeated.drop_duplicates(KEY)) == 57
    assert len(naive) == len(correct) + len(in_repeated)
    assert naive["qty"].sum() == correct["qty"].sum() + in_repeated["qty"].sum()


def test_original_panel(original):
    panel = build_panel(original)
    assert panel.demand.shape == (1996, 166)
    assert panel.filled_days == 0
    assert panel.demand.sum() == original.shipments["qty"].sum()
    of_one = original.shipments[(original.shipments[KEY] == panel.series.loc[700, KEY]).all(axis=1)]
    assert panel.demand[700].tolist() == of_one.sort_values("date")["qty"].to_list()


def test_original_new_items_and_promotion_need_filling(original):
    new = build_panel(original, "new_items", fill_gaps="nan")
    assert new.demand.shape == (210, 45)
    assert (~np.isnan(new.demand)).sum() == 7429
    assert new.filled_days == 210 * 45 - 7429
    promotion = build_panel(original, "promotion", fill_gaps="zero")
    assert promotion.demand.shape == (1957, 11)
    assert promotion.filled_days == 1957 * 11 - 21_355
    with pytest.raises(DataError, match=r"附件6.*days are missing in"):
        build_panel(original, "promotion")
