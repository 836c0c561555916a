import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from bowerbird.errors import ParameterError
from bowerbird.studies.clustering import completion, fit, numbers_of_clusters, on_scale, scales, sizes_over_seeds


def demand(n=120, n_days=60, seed=0):
    """Counts that rise, fall or stand, at three levels each; shape and level of each series."""
    rng = np.random.default_rng(seed)
    shape, level = np.arange(n) % 3, np.arange(n) // 3 % 3
    slope = np.array([-0.8, 0.0, 0.8])[shape][:, None] * np.linspace(-1, 1, n_days)
    return rng.poisson(np.array([20, 200, 2000])[level][:, None] * np.exp(slope)).astype(float), shape, level


def test_scales_by_hand():
    raw = np.array([[0.0, 3.0, 8.0], [1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(on_scale(raw, "raw"), raw)
    np.testing.assert_allclose(on_scale(raw, "log(1 + demand)"), np.log(raw + 1))
    standardized = on_scale(raw, "standardized")
    np.testing.assert_allclose(standardized[0].mean(), 0, atol=1e-12)
    np.testing.assert_allclose(standardized[0].std(), 1)
    np.testing.assert_array_equal(standardized[1], 0)  # a constant series has no shape
    with pytest.raises(ParameterError, match="scale is 'log'; choose one of raw"):
        on_scale(raw, "log")


def test_raw_demand_is_clustered_by_level_and_standardized_by_shape():
    raw, shape, level = demand()
    by = {scale: fit(on_scale(raw, scale), 3).predict(on_scale(raw, scale)) for scale in ("raw", "standardized")}
    assert adjusted_rand_score(level, by["raw"]) > 0.4 > adjusted_rand_score(shape, by["raw"]) + 0.3
    assert adjusted_rand_score(shape, by["standardized"]) > 0.9
    table = scales(raw, level, 3).set_index("scale")
    assert table.loc["raw", "ARI with the clusters above"] == adjusted_rand_score(level, by["raw"])
    assert table.loc["raw", "largest cluster, series"] == np.bincount(by["raw"]).max()
    known = table["variance of level between clusters"]
    assert known["raw"] > 0.7 and known["standardized"] < 0.1


def test_the_criteria_single_out_the_true_number():
    raw, _, level = demand(360)
    table = numbers_of_clusters(on_scale(raw[level == 1], "log(1 + demand)"), (1, 2, 3, 4, 5)).set_index("K")
    assert table["BIC (points)"].idxmin() == 3
    gain = -table.diff()  # by one cluster more
    assert (gain.loc[3, :] > 1000).all() and (gain.loc[4:, :] < 5).all(axis=None)


def test_hidden_days_follow_the_cluster():
    raw, *_ = demand(300)
    curves = on_scale(raw, "log(1 + demand)")
    found = completion(curves, 9)
    assert found["clusters"] < found["median of 21 days"]
    assert found["covered"] == pytest.approx(0.8, abs=0.04)
    other = curves.copy()
    other[1::2, -15:] = 99.0  # what is hidden is scored, not used: the errors are now those of the same completions
    hidden = 99 - curves[1::2, -15:].mean()
    assert completion(other, 9)["clusters"] == pytest.approx(hidden, abs=found["clusters"])


def test_sizes_over_seeds_are_those_of_single_fits():
    curves = np.repeat([0.0, 5.0, 9.0], [3, 5, 8])[:, None] + np.random.default_rng(0).normal(0, 0.1, (16, 20))
    sizes = sizes_over_seeds(curves, 3, range(2), degree=1)
    assert sizes["cluster"].tolist() == [1, 2, 3] and (sizes["seeds"] == 2).all()
    assert sizes["mean"].tolist() == [3 * 20, 5 * 20, 8 * 20] and (sizes["sd"] == 0).all()
    assert sizes_over_seeds(curves, 3, [0], degree=1)["sd"].isna().all()
    four = [np.bincount(fit(curves, 4, 1, s).predict(curves), minlength=4) * 20 for s in range(5)]
    found = sizes_over_seeds(curves, 4, range(5), degree=1)
    np.testing.assert_allclose(found["mean"], np.mean(four, axis=0))
    np.testing.assert_allclose(found["sd"], np.std(four, axis=0, ddof=1))
