import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from bowerbird.dm.as_run import RECORD_COLUMNS, Records, k_means
from bowerbird.dm.as_run_study import choices, demand_explained, other_starts, rank_of_starts, renumber, stability


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


def test_starts_are_compared_with_the_print(records, found):
    starts = other_starts(records, *printed(found), n_starts=6, progress=False)
    assert list(starts["start"]) == ["k-means++"] * 6 + ["random"] * 6
    again = other_starts(records, *printed(found), n_starts=6, progress=False)
    pd.testing.assert_frame_equal(starts, again)
    assert (starts["inertia"] >= found.inertia * (1 - 1e-9)).all()  # the best of ten starts
    ranks = rank_of_starts(starts, found.inertia)
    assert (ranks["starts"] == 6).all() and (ranks["share with lower inertia"] == 0).all()
    assert ranks["fewest records off"].min() == starts["records off"].min()
    by_hand = starts[starts["start"] == "random"]["inertia"].median() / found.inertia
    assert ranks.set_index("start").loc["random", "median"] == pytest.approx(by_hand)


def test_choices_undone_move_away_from_the_print(records, found):
    table = codes()
    rows = choices(table, table.iloc[:800], found, *printed(found)).set_index("choice")
    assert rows.loc["as run", "from the print: records off"] == 0
    assert rows.loc["as run", "from the print: cells equal"] == 40
    assert rows.loc["repeated warehouses once", "records"] == 800
    assert rows.loc["repeated warehouses once", "from the print: records off"] >= 100
    assert rows.loc["without qty", "from the print: records off"] > 0  # the six records of qty 900 were a cluster


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
