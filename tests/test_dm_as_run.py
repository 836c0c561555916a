import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from bowerbird.data.panel import correct_merge, naive_merge
from bowerbird.dm import as_run
from bowerbird.dm.as_run import (
    PRINTED_COLUMNS,
    RECORD_COLUMNS,
    Records,
    agreement,
    from_printed_centres,
    in_printed_order,
    k_means,
    label_codes,
    with_default_stop,
)
from bowerbird.paper import PAPER
from bowerbird.studies.tables_1_and_2 import LOOKED_FOR

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


def best_of_ten(records, seed=0):
    return min((k_means(records, 5, seed=10 * seed + start) for start in range(10)), key=lambda found: found.inertia)


def assert_settled(found, records):
    """Lloyd's end: every record is with its nearest centre, and every centre is the mean of its records."""
    squared = [((records.points.to_numpy() - centre) ** 2).sum(axis=1) for centre in found.centres.to_numpy()]
    np.testing.assert_array_equal(np.argmin(squared, axis=0), found.labels)
    np.testing.assert_allclose(found.centres, means(found, records), rtol=1e-9)


def means(found, records):
    return records.points.mul(records.counts, axis=0).groupby(found.labels).sum().div(
        pd.Series(records.counts).groupby(found.labels).sum(), axis=0
    )  # fmt: skip


def test_codes_count_labels_in_order_of_first_appearance():
    codes = label_codes(merged().sample(frac=1, random_state=3))
    assert tuple(codes) == RECORD_COLUMNS
    found = codes[["warehouse_no", "seller_no", "product_no", "category1", "qty"]]
    np.testing.assert_array_equal(found, EXPECTED)
    np.testing.assert_array_equal(codes["category3"], codes["category1"])
    assert (codes.dtypes == np.float64).all()


def test_the_naive_merge_counts_the_repeated_warehouses_twice(tiny):
    naive, correct = label_codes(naive_merge(tiny)), label_codes(correct_merge(tiny))
    assert (len(naive), len(correct)) == (60, 40)  # 2 of 4 series, 10 days each, stand twice
    pd.testing.assert_frame_equal(naive.drop_duplicates(ignore_index=True), correct)


def test_records_hold_equal_ones_once():
    codes = label_codes(merged())
    doubled = pd.concat([codes, codes.iloc[:2]], ignore_index=True)
    records = Records.of(doubled)
    assert (len(records.points), len(records.point_of), records.counts.sum()) == (5, 7, 7)
    np.testing.assert_array_equal(records.points.to_numpy()[records.point_of], doubled)
    np.testing.assert_array_equal(records.counts, [2, 2, 1, 1, 1])
    assert records.variance == pytest.approx(np.var(doubled.to_numpy(), axis=0).mean())
    assert Records.each(doubled).variance == pytest.approx(records.variance)


@pytest.mark.parametrize("tolerance", [0, 1e-4, 0.05])
def test_k_means_of_counted_records_is_scikit_learns_of_all(tolerance):
    rng = np.random.default_rng(0)
    codes = pd.DataFrame(rng.integers(0, 4, (3000, 12)) * rng.integers(1, 9, 12), columns=RECORD_COLUMNS).astype(float)
    codes.iloc[:, 2:] = 0  # few different records
    init = codes.drop_duplicates().to_numpy()[:5] + 0.01 * np.arange(12)
    theirs = KMeans(5, init=init, n_init=1, tol=tolerance).fit(codes.to_numpy())
    for records in (Records.of(codes), Records.each(codes)):
        ours = k_means(records, 5, init, tolerance=tolerance)
        np.testing.assert_array_equal(ours.frequencies, np.bincount(theirs.labels_))
        np.testing.assert_allclose(ours.centres, theirs.cluster_centers_, atol=1e-9)
        assert ours.inertia == pytest.approx(theirs.inertia_) and ours.n_iter == theirs.n_iter_
        np.testing.assert_array_equal(ours.labels[records.point_of], theirs.labels_)


@pytest.mark.parametrize("seed", range(4))
def test_blind_clusters_come_in_order_of_frequency(seed):
    codes, _, labels = blobs()
    found = best_of_ten(Records.each(codes), seed)
    np.testing.assert_array_equal(found.frequencies, [400, 250, 120, 40, 6])
    np.testing.assert_array_equal(found.labels, labels)  # blobs are numbered by falling size as well
    np.testing.assert_allclose(found.centres, codes.groupby(labels).mean(), rtol=1e-9)
    assert list(found.centres) == list(RECORD_COLUMNS)
    inertia = ((codes - found.centres.to_numpy()[found.labels]) ** 2).to_numpy().sum()
    assert found.inertia == pytest.approx(inertia, rel=1e-9)


def test_clusters_come_in_the_printed_order():
    codes, centres, labels = blobs()
    order = np.array([3, 0, 4, 2, 1])  # the printed order
    frequencies = np.bincount(labels)
    printed = np.round(centres[order, :10])
    found, _ = from_printed_centres(Records.of(codes), printed, frequencies[order], n_starts=3)
    np.testing.assert_array_equal(found.frequencies, frequencies[order])
    np.testing.assert_array_equal(order[found.labels[Records.of(codes).point_of]], labels)
    blind = in_printed_order(best_of_ten(Records.of(codes)), printed)
    np.testing.assert_array_equal(blind.frequencies, found.frequencies)
    np.testing.assert_allclose(blind.centres, found.centres, rtol=1e-9)
    np.testing.assert_array_equal(blind.labels, found.labels)


def test_agreement_counts_records_and_cells():
    codes, _, labels = blobs()
    found = best_of_ten(Records.of(codes))
    centres = np.floor(found.centres.iloc[:, :10].to_numpy() + 0.5)
    assert agreement(found, centres, np.bincount(labels)) == {
        "frequencies exact": 5, "records off": 0, "cells equal": 50
    }  # fmt: skip
    centres[2, 3] += 1
    assert agreement(found, centres, np.array([399, 251, 120, 40, 6])) == {
        "frequencies exact": 3, "records off": 2, "cells equal": 49
    }  # fmt: skip


def crowded():
    codes, centres, labels = blobs((200, 150, 120, 40, 6), seed=5)
    codes.iloc[:, :10] += np.random.default_rng(0).normal(0, 60, (len(codes), 10))  # many solutions
    return Records.of(codes), np.round(centres[:, :10]), np.bincount(labels)


def test_the_nearest_start_is_kept():
    records, printed, frequencies = crowded()
    best, tried = from_printed_centres(records, printed, frequencies, 10, seed=1)
    assert len(tried) == 10 and tried["records off"].nunique() > 1
    assert agreement(best, printed, frequencies)["records off"] == tried["records off"].min()
    assert_settled(best, records)


def test_a_stop_on_the_way_is_found_again_by_its_frequencies(monkeypatch):
    monkeypatch.setattr(as_run, "JITTER", 3.0)
    records, printed, frequencies = crowded()
    settled, _ = from_printed_centres(records, printed, frequencies, 5)
    start = settled.centres.to_numpy(copy=True)
    start[:, 1] += 3 * np.random.default_rng(7).normal(size=5)
    target = k_means(records, 5, start).frequencies  # an early stop somewhere about
    found, tried = with_default_stop(records, settled, printed, target, n_starts=300, seed=1)
    assert agreement(found, printed, target)["records off"] == tried["records off"].min()
    assert len(tried) == 300 and tried["records off"].min() <= np.abs(settled.frequencies - target).sum()
    again = k_means(records, 5, found.start)
    np.testing.assert_array_equal(again.frequencies, found.frequencies)


@pytest.fixture(scope="module")
def records(original) -> pd.DataFrame:
    return label_codes(naive_merge(original))


@pytest.fixture(scope="module")
def different(records) -> Records:
    return Records.of(records)


@pytest.fixture(scope="module")
def settled(different):
    return from_printed_centres(different, PAPER.table_2.to_numpy(), PAPER.table_1["frequency"].to_numpy())[0]


@pytest.mark.parametrize("seed", [1, 5])
def test_from_the_printed_centres_every_seed_settles_in_one_solution(records, different, settled, seed):
    frequencies, printed = PAPER.table_1["frequency"].to_numpy(), PAPER.table_2.to_numpy()
    assert tuple(PAPER.table_2.columns) == PRINTED_COLUMNS
    assert len(records) == PAPER.total == 340_798
    found, tried = from_printed_centres(different, printed, frequencies, seed=seed)
    assert_settled(found, different)
    np.testing.assert_array_equal(found.labels, settled.labels)
    np.testing.assert_array_equal(found.frequencies - frequencies, [-8, 0, 0, 0, 0, 8, 0, 0, 0, 0])
    assert agreement(found, printed, frequencies) == {"frequencies exact": 8, "records off": 16, "cells equal": 99}
    assert (tried["records off"] == 16).sum() >= 4, "no single lucky start"


def test_the_default_stop_can_give_all_ten_frequencies(records, different, settled):
    frequencies, printed = PAPER.table_1["frequency"].to_numpy(), PAPER.table_2.to_numpy()
    stopped, tried = with_default_stop(different, settled, printed, frequencies, n_starts=10)  # the seventh does
    assert list(np.flatnonzero(tried["records off"] == 0)) == [6]
    found = k_means(Records.each(records), 10, stopped.start)  # all 340,798, as a user would
    np.testing.assert_array_equal(found.frequencies, frequencies)
    agreed = agreement(found, printed, frequencies)["cells equal"]
    # The mean of cluster 8's seller level is 993 / 662 = 1.5; whether that becomes the printed 1 is floating rounding
    assert found.centres.loc[7, "seller_level"] == pytest.approx(1.5, abs=1e-9)
    assert agreed == (100 if found.centres.loc[7, "seller_level"] < 1.5 else 99)
    # The records that the early stop leaves in cluster 1 are those nearest its border with cluster 6
    moved = np.flatnonzero(stopped.labels != settled.labels)
    assert different.counts[moved].sum() == 8
    assert set(stopped.labels[moved]) == {0} and set(settled.labels[moved]) == {5}
    centres = settled.centres.to_numpy()
    margin = [((different.points.to_numpy() - centres[k]) ** 2).sum(axis=1) for k in (0, 5)]
    margin = (margin[0] - margin[1])[settled.labels == 5]
    np.testing.assert_array_equal(
        np.sort(margin)[: len(moved)], np.sort(margin[np.isin(np.flatnonzero(settled.labels == 5), moved)])
    )


def test_a_blind_start_comes_within_four_records(records):
    frequencies, printed = PAPER.table_1["frequency"].to_numpy(), PAPER.table_2.to_numpy()
    model = KMeans(10, n_init=1, random_state=LOOKED_FOR).fit(records.to_numpy())
    ours = in_printed_order(k_means(Records.each(records), 10, seed=LOOKED_FOR), printed)
    np.testing.assert_array_equal(np.sort(np.bincount(model.labels_)), np.sort(ours.frequencies))
    agreed = agreement(ours, printed, frequencies)
    assert agreed["records off"] == 4 and agreed["cells equal"] in (98, 99)  # one cell hangs on rounding, see above


def test_cluster_9_is_the_series_with_the_largest_demand(original, records):
    merged = naive_merge(original).sort_values(["warehouse_no", "seller_no", "product_no", "date"], ignore_index=True)
    largest = records["qty"].nlargest(2).index
    keys = merged.loc[largest, ["seller_no", "product_no", "warehouse_no"]].drop_duplicates()
    assert keys.to_numpy().tolist() == [["seller_32", "product_1091", "wh_1"]]
    expected = (25, 547, 1, 12, 44, 9, 1, 1, 1, 1)
    assert tuple(PAPER.table_2.loc[9]) == expected
    np.testing.assert_array_equal(records.loc[largest, list(PRINTED_COLUMNS)], [expected] * 2)


def test_blind_clusters_of_the_original_records_have_the_two_extreme_ones(records):
    found = k_means(Records.of(records))
    assert found.frequencies.sum() == PAPER.total
    assert (np.diff(found.frequencies) <= 0).all()
    assert found.frequencies[-1] == 2  # Table 1's cluster 9
    assert (
        np.abs(np.sort(PAPER.table_1["frequency"])[::-1] - found.frequencies).sum() > 1000
    )  # the tables are one lucky draw
