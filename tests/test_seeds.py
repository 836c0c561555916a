import numpy as np

from bowerbird.seeds import stream, streams


def draws(generators, n=1000):
    return np.array([generator.standard_normal(n) for generator in generators])


def test_same_seed_same_bits():
    np.testing.assert_array_equal(draws(streams(5, "p", 3)), draws(streams(5, "p", 3)))


def test_the_kth_generator_depends_on_seed_purpose_and_k_alone():
    few, many = draws(streams(5, "p", 2)), draws(streams(5, "p", 9))
    np.testing.assert_array_equal(many[:2], few)
    for other in (streams(6, "p", 2), streams(5, "q", 2)):
        assert not (few == draws(other)).any()
    assert not (draws([stream(5, "p")]) == draws([stream(5, "q")])).any()


def test_neighbouring_seeds_share_nothing():
    drawn = draws([generator for seed in range(10) for generator in streams(seed, "p", 5)], 4)
    assert len(np.unique(drawn)) == drawn.size


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draws(streams(0, "p", 3))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
