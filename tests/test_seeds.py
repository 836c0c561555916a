import numpy as np

from bowerbird.seeds import stream, streams


def draws(generators, n=1000):
    return np.array([generator.standard_normal(n) for generator in generators])


def test_same_seed_same_bits():
    np.testing.assert_array_equal(draws(streams(5, "p", 3)), draws(streams(5, "p", 3)))


def test_the_kth_generator_depends_on_seed_and_k_alone():
    few, many, other = draws(streams(5, "p", 2)), draws(streams(5, "p", 9)), draws(streams(6, "p", 2))
    np.testing.assert_array_equal(many[:2], few)
    assert not (few == other).any()


def test_generators_are_independent():
    correlation = np.corrcoef(draws([stream(0, f"purpose {k}") for k in range(20)], 4000))
    off_diagonal = correlation[np.triu_indices(20, 1)]
    assert np.abs(off_diagonal).max() < 4.5 / np.sqrt(4000)  # 190 pairs, standard error 1/sqrt(n)


def test_neighbouring_seeds_share_nothing():
    drawn = draws([generator for seed in range(10) for generator in streams(seed, "p", 5)], 4)
    assert len(np.unique(drawn)) == drawn.size


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draws(streams(0, "p", 3))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_every_purpose_has_its_own_stream():
    plan, prices = draws([stream(0, "08/plan"), stream(0, "09/prices")])
    assert not (plan == prices).any()
