import numpy as np
import pandas as pd
import pytest

from bowerbird.as_run import PRINTED_COLUMNS, RECORD_COLUMNS, cluster_blind, cluster_from_print, label_codes
from bowerbird.data.merge import correct_merge, naive_merge
from bowerbird.errors import ParameterError
from bowerbird.paper import TABLE_1, TABLE_1_TOTAL, TABLE_2

# warehouse, seller, product, date, category1, qty; the other attributes follow category1
MERGED = [
    ("wh_2", "seller_1", "product_3", "2022-12-01", "toys", 5),
    ("wh_2", "seller_1", "product_10", "2022-12-02", "food", 6),
    ("wh_10", "seller_2", "product_10", "2022-12-02", "food", 8),
    ("wh_10", "seller_2", "product_10", "2022-12-01", "food", 7),
    ("wh_10", "seller_10", "product_4", "2022-12-01", "pets", 9),
]
# as strings wh_10 < wh_2, seller_10 < seller_2 and product_10 < product_3
EXPECTED = [  # warehouse, seller, product, category1, qty
    (1, 1, 1, 1, 9),
    (1, 2, 2, 2, 7),
    (1, 2, 2, 2, 8),
    (2, 3, 2, 2, 6),
    (2, 3, 3, 3, 5),
]


def merged() -> pd.DataFrame:
    table = pd.DataFrame(MERGED, columns=["warehouse_no", "seller_no", "product_no", "date", "category1", "qty"])
    for column in set(RECORD_COLUMNS) - set(table):
        table[column] = table["category1"]
    return table


def blobs(sizes=(400, 250, 120, 40, 6), seed=0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Records about known centres, the two smallest with extreme qty; records, centres, label of each."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(5, 60, (len(sizes), 12))
    centres[:, 1] = 200 * np.arange(len(sizes))  # the product code decides
    centres[:, 11] = [10, 20, 15, 2000, 9000][: len(sizes)]
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return pd.DataFrame(centres[labels] + rng.normal(0, 2, (labels.size, 12)), columns=RECORD_COLUMNS), centres, labels


def assert_settled(found, records):
    """Lloyd's end: every record is with its nearest centre, and every centre is the mean of its records."""
    squared = [((records.to_numpy() - centre) ** 2).sum(axis=1) for centre in found.centres.to_numpy()]
    np.testing.assert_array_equal(np.argmin(squared, axis=0), found.labels)
    np.testing.assert_allclose(found.centres, records.groupby(found.labels).mean(), rtol=1e-9)


def test_codes_count_labels_in_order_of_first_appearance():
    codes = label_codes(merged())
    assert tuple(codes) == RECORD_COLUMNS
    found = codes[["warehouse_no", "seller_no", "product_no", "category1", "qty"]]
    np.testing.assert_array_equal(found, EXPECTED)
    np.testing.assert_array_equal(codes["category3"], codes["category1"])
    assert (codes.dtypes == np.float64).all()


def test_codes_do_not_depend_on_the_order_of_the_table():
    shuffled = merged().sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(label_codes(shuffled), label_codes(merged()))


def test_the_naive_merge_counts_the_repeated_warehouses_twice(tiny):
    naive, correct = label_codes(naive_merge(tiny)), label_codes(correct_merge(tiny))
    assert (len(naive), len(correct)) == (60, 40)  # 2 of 4 series, 10 days each, stand twice
    pd.testing.assert_frame_equal(naive.drop_duplicates(ignore_index=True), correct)


def test_missing_columns_are_named():
    with pytest.raises(ParameterError, match=r"\['category1', 'date'\] are missing; pass the result of naive_merge"):
        label_codes(merged().drop(columns=["category1", "date"]))


@pytest.mark.parametrize("seed", range(4))
def test_blind_clusters_come_in_order_of_frequency(seed):
    records, _, labels = blobs()
    found = cluster_blind(records, n_clusters=5, n_init=10, seed=seed)
    np.testing.assert_array_equal(found.frequencies, [400, 250, 120, 40, 6])
    np.testing.assert_array_equal(found.labels, labels)  # blobs are numbered by falling size as well
    np.testing.assert_allclose(found.centres, records.groupby(labels).mean(), rtol=1e-9)
    assert list(found.centres) == list(RECORD_COLUMNS)
    inertia = ((records - found.centres.to_numpy()[found.labels]) ** 2).to_numpy().sum()
    assert found.inertia == pytest.approx(inertia, rel=1e-9)


def test_blind_clusters_repeat_with_the_seed():
    records, *_ = blobs((300, 300))
    first, again, other = (cluster_blind(records, n_clusters=6, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.inertia == again.inertia != other.inertia


def test_clusters_come_in_the_order_of_the_print():
    records, centres, labels = blobs()
    order = np.array([3, 0, 4, 2, 1])  # the order of the print
    frequencies = np.bincount(labels)
    printed = np.round(centres[order, :10])
    found = cluster_from_print(records, printed, frequencies[order], n_starts=3)
    np.testing.assert_array_equal(found.frequencies, frequencies[order])
    np.testing.assert_array_equal(order[found.labels], labels)
    np.testing.assert_allclose(found.centres, records.groupby(labels).mean().iloc[order], rtol=1e-9)


def test_the_start_nearest_the_print_is_kept():
    records, centres, labels = blobs((200, 150, 120, 40, 6), seed=5)
    records.iloc[:, :10] += np.random.default_rng(0).normal(0, 60, (len(records), 10))  # many solutions
    printed, frequencies = np.round(centres[:, :10]), np.bincount(labels)
    few, many = (cluster_from_print(records, printed, frequencies, n, seed=4) for n in (1, 10))
    assert np.abs(many.frequencies - frequencies).sum() < np.abs(few.frequencies - frequencies).sum()
    assert_settled(many, records)


@pytest.fixture(scope="module")
def records(original) -> pd.DataFrame:
    return label_codes(naive_merge(original))


def test_tables_1_and_2_of_the_paper(records):
    frequencies = TABLE_1["frequency"].to_numpy()
    assert tuple(TABLE_2.columns) == PRINTED_COLUMNS
    assert len(records) == TABLE_1_TOTAL == 340_798
    found = cluster_from_print(records, TABLE_2.to_numpy(), frequencies)
    assert found.frequencies.sum() == TABLE_1_TOTAL
    difference = np.abs(found.frequencies - frequencies)
    assert difference.sum() <= 16 and (difference == 0).sum() >= 8
    rounded = np.floor(found.centres.iloc[:, :10].to_numpy() + 0.5)
    assert (rounded == TABLE_2.to_numpy()).sum() >= 98
    np.testing.assert_array_equal(rounded[8], TABLE_2.iloc[8])
    assert_settled(found, records)


def test_cluster_9_is_the_series_with_the_largest_demand(original, records):
    merged = naive_merge(original).sort_values(["warehouse_no", "seller_no", "product_no", "date"], ignore_index=True)
    largest = records["qty"].nlargest(2).index
    keys = merged.loc[largest, ["seller_no", "product_no", "warehouse_no"]].drop_duplicates()
    assert keys.to_numpy().tolist() == [["seller_32", "product_1091", "wh_1"]]
    expected = (25, 547, 1, 12, 44, 9, 1, 1, 1, 1)
    assert tuple(TABLE_2.loc[9]) == expected
    np.testing.assert_array_equal(records.loc[largest, list(PRINTED_COLUMNS)], [expected] * 2)


def test_blind_clusters_of_the_original_records_have_the_two_extreme_ones(records):
    found = cluster_blind(records)
    assert found.frequencies.sum() == TABLE_1_TOTAL
    assert (np.diff(found.frequencies) <= 0).all()
    assert found.frequencies[-1] == 2  # Table 1's cluster 9
    assert np.abs(np.sort(TABLE_1["frequency"])[::-1] - found.frequencies).sum() > 1000  # the print is one lucky draw
