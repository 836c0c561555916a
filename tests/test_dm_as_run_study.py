import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import r2_score

from bowerbird.dm.as_run import RECORD_COLUMNS, Records, k_means
from bowerbird.studies.clustering import (
    blind_starts,
    choices,
    demand_explained,
    odds_of_blind_starts,
    renumber,
    stability,
    stops,
)


def codes(n=900, seed=0) -> pd.DataFrame:
    """Records of thirty products in five sellers, qty by product."""
    rng = np.random.default_rng(seed)
    product = rng.integers(1, 31, n)
    table = pd.DataFrame(dict.fromkeys(RECORD_COLUMNS, (product - 1) // 6 + 1.0))
    table["product_no"] = 10.0 * product
    table["qty"] = rng.poisson(product % 4).astype(float)
    table.loc[:5, "qty"] = 900.0
    return table


@pytest.fixture(scope="module")
def records():
    return Records.of(codes())


@pytest.fixture(scope="module")
def found(records):
    return k_means(records, 4, n_init=10)


def printed(found):
    return np.round(found.centres.iloc[:, :10].to_numpy()), found.frequencies


def test_blind_starts_are_scikit_learns_own(found):
    table = codes()
    starts = blind_starts(table, *printed(found), n_starts=4)
    assert list(starts["random_state"]) == [0, 1, 2, 3]
    for row in starts.itertuples():
        theirs = KMeans(4, n_init=1, random_state=row.random_state).fit(table.to_numpy())
        assert (row.inertia, row.iterations) == (pytest.approx(theirs.inertia_), theirs.n_iter_)


def test_odds_count_every_blind_start():
    starts = pd.DataFrame(
        {"random_state": range(8), "inertia": [1.0, 0.9, 1.2, 1, 1, 3, 1, 1], "cells equal": [9, 7, 8, 9, 9, 0, 9, 9],
         "records off": [4, 400, 4, 6, 26, 90, 28, 30], "frequencies exact": [2, 0, 3, 1, 0, 0, 0, 0]}
    )  # fmt: skip
    odds = odds_of_blind_starts(starts, inertia=1.0).iloc[0]
    assert odds[["starts", "all ten frequencies", "within 4 records", "within 26 records"]].tolist() == [8, 0, 2, 4]
    assert (
        odds["share with lower inertia"] == 1 / 8 and odds["largest"] == 3 and odds["records off of the least"] == 400
    )
    assert odds[["nearest random_state", "its records off", "its cells equal"]].tolist() == [0, 4, 9]
    ways = stops(
        {"blind": starts, "exact": starts.assign(**{"records off": [0, 0, 1, 1, 1, 1, 1, 1]}), "none": starts[:0]}
    )
    assert ways["way"].tolist() == ["blind", "exact"] and ways["all ten frequencies"].tolist() == [0, 2]
    assert ways.loc[0, ["starts", "frequencies exact", "records off", "cells equal"]].tolist() == [8, 2, 4, 9]


def test_choices_undone_move_away_from_the_print(records, found):
    table = codes()
    rows = choices(table, table.iloc[:800], found, *printed(found)).set_index("choice")
    assert rows.loc["as run", "from the print: records off"] == 0
    assert rows.loc["as run", "from the print: cells equal"] == 40
    assert rows.loc["repeated warehouses once", "records"] == 800
    assert rows.loc["repeated warehouses once", "from the print: records off"] >= 100
    assert rows.loc["without qty", "from the print: records off"] > 0  # the six records of qty 900 were a cluster


@pytest.mark.parametrize("column", ["warehouse_no", "seller_no", "category1", "qty"])
def test_a_column_of_one_label_is_left_as_it_is(column):
    table = codes()
    table[column] = 1.0
    found = k_means(Records.of(table), 4, n_init=3)
    rows = choices(table, table, found, *printed(found)).set_index("choice")
    assert rows.loc["as run", "from the print: records off"] == 0
    # scaled by hand: the column of one label adds nothing to any distance
    others = (table / table.std(ddof=0)).drop(columns=column)
    by_hand = KMeans(4, init=(found.centres / table.std(ddof=0)).drop(columns=column).to_numpy(), n_init=1).fit(others)
    off = np.abs(np.sort(np.bincount(by_hand.labels_, minlength=4)) - np.sort(found.frequencies)).sum()
    assert rows.loc["columns scaled to variance 1", "from the print: records off"] >= off


def test_demand_explained_is_the_r_squared_of_cluster_means(records, found):
    qty = codes()["qty"]
    labels = found.labels[records.point_of]
    explained = demand_explained(records, found.labels)
    assert explained["demand"] == pytest.approx(r2_score(qty, qty.groupby(labels).transform("mean")))
    log = np.log1p(qty)
    assert explained["log(1 + demand)"] == pytest.approx(r2_score(log, log.groupby(labels).transform("mean")))
    assert demand_explained(records, np.zeros(len(records.points), int))["demand"] == pytest.approx(0)


def test_renumbering_changes_names_and_nothing_else():
    table = codes()
    new = renumber(table, np.random.default_rng(0))
    assert not new.equals(table)
    pd.testing.assert_series_equal(new["qty"], table["qty"])
    for column in RECORD_COLUMNS[:-1]:
        assert new.groupby(column).ngroups == pd.concat([table[column], new[column]], axis=1).drop_duplicates().shape[0]


def test_other_numberings_give_other_clusters(found):
    rows = stability(codes(), found, n=4, progress=False)
    assert list(rows["what"]) == ["other start"] * 4 + ["other numbering"] * 4
    by = rows.groupby("what")["ARI"].mean()
    assert by["other numbering"] < by["other start"] <= 1
