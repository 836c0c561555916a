"""Notebook 02's tables: counts and shares worked by hand or by scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from bowerbird.dm.as_run import RECORD_COLUMNS, Records, k_means
from bowerbird.seeds import streams
from bowerbird.studies import clustering as study
from bowerbird.studies import tables_1_and_2


def demand(n=120, n_days=60, seed=0):
    """Counts that rise, fall or stand, at three levels each; shape and level of each series."""
    rng = np.random.default_rng(seed)
    shape, level = np.arange(n) % 3, np.arange(n) // 3 % 3
    slope = np.array([-0.8, 0.0, 0.8])[shape][:, None] * np.linspace(-1, 1, n_days)
    return rng.poisson(np.array([20, 200, 2000])[level][:, None] * np.exp(slope)).astype(float), shape, level


def test_scales_by_hand():
    raw = np.array([[0.0, 3.0, 8.0], [1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(study.on_scale(raw, "raw"), raw)
    np.testing.assert_allclose(study.on_scale(raw, "log(1 + demand)"), np.log(raw + 1))
    standardized = study.on_scale(raw, "standardized")
    np.testing.assert_allclose((standardized[0].mean(), standardized[0].std()), (0, 1), atol=1e-12)
    np.testing.assert_array_equal(standardized[1], 0)  # a constant series has no shape


def test_raw_demand_is_clustered_by_level_and_standardized_by_shape():
    raw, shape, level = demand()
    table = study.scales(raw, level, 3).set_index("scale")
    by = {scale: study.fit(study.on_scale(raw, scale), 3).predict(study.on_scale(raw, scale)) for scale in study.SCALES}
    assert adjusted_rand_score(level, by["raw"]) > 0.4 > adjusted_rand_score(shape, by["raw"]) + 0.3
    assert adjusted_rand_score(shape, by["standardized"]) > 0.9
    assert table.loc["raw", "ARI with the clusters above"] == adjusted_rand_score(level, by["raw"])
    assert table.loc["raw", "largest cluster, series"] == np.bincount(by["raw"]).max()
    known = table["variance of level between clusters"]
    assert known["raw"] > 0.7 and known["standardized"] < 0.1


def test_hidden_days_follow_the_cluster():
    curves = study.on_scale(demand(300)[0], "log(1 + demand)")
    found = study.completion(curves, 9)
    assert found["clusters"] < found["median of 21 days"]
    assert found["covered"] == pytest.approx(0.8, abs=0.04)
    other = curves.copy()
    other[1::2, -15:] = 99.0  # what is hidden is scored, not used: the errors are now those of the same completions
    hidden = 99 - curves[1::2, -15:].mean()
    assert study.completion(other, 9)["clusters"] == pytest.approx(hidden, abs=found["clusters"])


def test_sizes_over_seeds_are_those_of_single_fits():
    curves = np.repeat([0.0, 5.0, 9.0], [3, 5, 8])[:, None] + np.random.default_rng(0).normal(0, 0.1, (16, 20))
    sizes = study.sizes_over_seeds(curves, 3, range(2), 1)
    assert sizes["cluster"].tolist() == [1, 2, 3] and (sizes["seeds"] == 2).all()
    assert sizes["mean"].tolist() == [3 * 20, 5 * 20, 8 * 20] and (sizes["sd"] == 0).all()
    assert study.sizes_over_seeds(curves, 3, [0], 1)["sd"].isna().all()
    four = [np.bincount(study.fit(curves, 4, 1, s).predict(curves), minlength=4) * 20 for s in range(5)]
    found = study.sizes_over_seeds(curves, 4, range(5), 1)
    np.testing.assert_allclose(found["mean"], np.mean(four, axis=0))
    np.testing.assert_allclose(found["sd"], np.std(four, axis=0, ddof=1))


def test_numbers_of_clusters_by_hand():
    curves = np.repeat([0.0, 5.0, 9.0], [3, 5, 8])[:, None] + np.random.default_rng(0).normal(0, 0.1, (16, 20))
    table = study.numbers_of_clusters(curves, (1, 3), degree=0).set_index("K")
    labels = np.repeat([0, 1, 2], [3, 5, 8])
    means = np.array([curves[labels == k].mean() for k in range(3)])
    within = ((curves - means[labels][:, None]) ** 2).sum()
    assert table.loc[3, "variance explained"] == pytest.approx(1 - within / ((curves - curves.mean()) ** 2).sum())
    assert table.loc[1, "variance explained"] == pytest.approx(0, abs=1e-12)
    assert table.loc[3, "mean ARI of starts"] == 1
    assert table.loc[3, "BIC (curves)"] < table.loc[1, "BIC (curves)"]


# ---- the K-means of Tables 1 and 2 ----------------------------------------------------------------------------------


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
def found():
    return min((k_means(Records.of(codes()), 4, seed=start) for start in range(10)), key=lambda found: found.inertia)


def printed(found):
    return np.round(found.centres.iloc[:, :10].to_numpy()), found.frequencies


def test_blind_starts_are_scikit_learns_own(found):
    for row in tables_1_and_2.blind_starts(codes(), 1.0, *printed(found), 4).itertuples():
        theirs = KMeans(4, n_init=1, random_state=row.Index).fit(codes().to_numpy())
        assert (row.random_state, row.iterations) == (row.Index, theirs.n_iter_)
        assert row.inertia == pytest.approx(theirs.inertia_)


def test_odds_count_every_blind_start():
    starts = pd.DataFrame(
        {"random_state": range(8), "inertia": [1.0, 0.9, 1.2, 1, 1, 3, 1, 1], "cells equal": [9, 7, 8, 9, 9, 0, 9, 9],
         "records off": [4, 400, 4, 6, 26, 90, 28, 30], "frequencies exact": [2, 0, 3, 1, 0, 0, 0, 0]}
    )  # fmt: skip
    odds = tables_1_and_2.odds_of_blind_starts(starts, inertia=1.0).iloc[0]
    assert odds[["starts", "all ten frequencies", "within 4 records", "within 26 records"]].tolist() == [8, 0, 2, 4]
    assert odds[["share with lower inertia", "largest", "records off of the least"]].tolist() == [1 / 8, 3, 400]
    assert odds[["nearest random_state", "its records off", "its cells equal"]].tolist() == [0, 4, 9]
    exact = starts.assign(**{"records off": [0, 0, 1, 1, 1, 1, 1, 1]})
    ways = tables_1_and_2.stops({"blind": starts, "exact": exact, "none": starts[:0]})
    assert ways["way"].tolist() == ["blind", "exact"] and ways["all ten frequencies"].tolist() == [0, 2]
    assert ways.loc[0, ["starts", "frequencies exact", "records off", "cells equal"]].tolist() == [8, 2, 4, 9]


def test_other_numberings_change_names_alone_and_give_other_clusters(found):
    table, new = codes(), tables_1_and_2.renumber(codes(), np.random.default_rng(0))
    assert not new.equals(table)
    pd.testing.assert_series_equal(new["qty"], table["qty"])
    for column in RECORD_COLUMNS[:-1]:
        assert new.groupby(column).ngroups == pd.concat([table[column], new[column]], axis=1).drop_duplicates().shape[0]
    rows = tables_1_and_2.stability(table, found, streams(0, "clustering/other starts", 8))
    assert list(rows["what"]) == ["other start"] * 4 + ["other numbering"] * 4
    by = rows.groupby("what")["ARI"].mean()
    assert by["other numbering"] < by["other start"] <= 1
