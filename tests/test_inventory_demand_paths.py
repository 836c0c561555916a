import numpy as np
import pytest
from scipy.stats import chisquare, nbinom, poisson

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand
from bowerbird.inventory.simulate import DiscretePaths, PoissonPaths, SamplePaths, draw_discrete


class GivenBits:
    """A generator that deals out the 32-bit numbers it was given."""

    def __init__(self, bits):
        self.bits = np.asarray(bits, np.uint32)

    def integers(self, high, size, dtype):
        assert high == 2**32
        return self.bits.reshape(size).astype(dtype)


def goodness(draws, pmf):
    """p-value of the draws under the probabilities, rare outcomes pooled into one cell."""
    counts = np.bincount(draws.astype(int).ravel(), minlength=len(pmf))
    expected = pmf * draws.size
    common = expected >= 10
    pooled = [np.append(x[common], x[~common].sum()) for x in (counts, expected)]
    pooled[1][-1] += draws.size - pooled[1].sum()
    if pooled[1][-1] < 5:
        assert counts[~common].sum() < 30
        pooled = [x[:-1] for x in pooled]
        pooled[1] *= pooled[0].sum() / pooled[1].sum()
    return chisquare(*pooled).pvalue


@pytest.mark.parametrize("mean", [0.05, 0.7, 6.0, 45.0, 800.0])
def test_poisson_draws_have_the_poisson_law(mean):
    draws = PoissonPaths([mean], 1000, 300).draw(np.random.default_rng(3))
    assert draws.shape == (300, 1, 1000) and draws.dtype == np.float32
    assert goodness(draws, poisson.pmf(np.arange(1200), mean)) > 1e-3
    assert draws.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / draws.size))
    assert draws.var() == pytest.approx(mean, rel=0.02)


def test_days_that_differ_have_their_own_mean():
    mean = np.array([[0.5, 3.0, 20.0], [9.0, 0.0, 1.0]])
    draws = PoissonPaths(mean, 50_000, 3).draw(np.random.default_rng(4))
    np.testing.assert_allclose(draws.mean(axis=2), mean.T, atol=0.1)
    for day, item in np.ndindex(3, 2):
        if mean[item, day]:
            assert goodness(draws[day, item], poisson.pmf(np.arange(100), mean[item, day])) > 1e-3


def test_any_distribution_and_its_independence_from_day_to_day():
    pmf = np.stack([nbinom.pmf(np.arange(400), 0.8, 0.1), np.eye(400)[7]])
    demand = Demand(pmf / pmf.sum(axis=1, keepdims=True))
    draws = DiscretePaths(demand, 2000, 100).draw(np.random.default_rng(5))
    assert goodness(draws[:, 0], pmf[0]) > 1e-3
    assert (draws[:, 1] == 7).all()
    second = DiscretePaths(demand, 2000, 100).part(slice(1, 2), slice(3, 8))
    assert second.shape == (1, 5, 100) and (second.draw(np.random.default_rng(0)) == 7).all()
    days = draws[:, 0].ravel()
    assert abs(np.corrcoef(days[1:], days[:-1])[0, 1]) < 4 / np.sqrt(days.size)


def test_every_threshold_is_met_to_one_of_the_two_to_the_32_numbers():
    # 0.3, 0.3 + 1e-7 and 0.7 cut the 32-bit numbers; one below each cut the outcome changes, whatever the guide says.
    pmf = np.array([0.3, 1e-7, 0.4, 0.3 - 1e-7])
    cuts = np.rint(np.cumsum(pmf)[:-1] * 2**32).astype(np.int64)
    bits = np.concatenate([cuts - 1, cuts, [0, 2**32 - 1]])
    drawn = draw_discrete(pmf, len(bits), GivenBits(bits), first=10)
    np.testing.assert_array_equal(drawn, [10, 11, 12, 11, 12, 13, 10, 13])


def test_the_guide_table_is_plain_inversion():
    pmf = poisson.pmf(np.arange(60), 11.0)
    bits = np.random.default_rng(6).integers(2**32, size=20_000, dtype=np.uint32)
    slow = np.searchsorted(np.cumsum(pmf) / pmf.sum(), bits / 2**32, side="right")
    np.testing.assert_array_equal(draw_discrete(pmf, 20_000, GivenBits(bits)), slow)


def test_samples_are_given_back_day_by_day():
    samples = np.arange(24).reshape(2, 3, 4)
    block = SamplePaths(samples).part(slice(1, 2), slice(0, 2)).draw(None)
    np.testing.assert_array_equal(block, samples[1:2, 0:2].transpose(2, 0, 1))
    assert block.flags.c_contiguous and block.dtype == np.float32
    assert SamplePaths(samples + 2**24).draw(None).dtype == np.float64  # float32 would round them
    assert SamplePaths(samples / 3).draw(None)[1, 0, 0] == 1 / 3


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: SamplePaths(np.ones((2, 3))), "samples"),
        (lambda: SamplePaths(np.full((1, 2, 3), np.nan)), "samples"),
        (lambda: SamplePaths(np.full((1, 2, 3), -1)), "samples"),
        (lambda: PoissonPaths([-1.0], 5, 5), "mean"),
        (lambda: PoissonPaths([np.inf], 5, 5), "mean"),
        (lambda: PoissonPaths(np.ones((2, 4)), 5, 5), "mean"),
        (lambda: PoissonPaths([1.0], 0, 5), "n_paths"),
        (lambda: DiscretePaths(Demand(np.ones((1, 1))), 5, 0), "n_days"),
    ],
)
def test_demand_that_cannot_be_is_refused(make, named):
    with pytest.raises(ParameterError, match=named):
        make()
