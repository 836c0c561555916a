import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.planning.demand_watch import CUT, DRIFT, SILENT, WARM_UP, anscombe, watch


def poisson_series(mean=8.0, n_series=4, n_days=120, seed=0):
    return np.random.default_rng(seed).poisson(mean, (n_series, n_days)).astype(float)


def test_anscombe_makes_the_variance_of_counts_one():
    rng = np.random.default_rng(1)
    for mean in (4, 20, 300):
        assert anscombe(rng.poisson(mean, 50_000)).std() == pytest.approx(1, abs=0.04)
    assert anscombe(0.625) == 2


def test_residuals_of_poisson_demand_are_standard():
    seen = watch(poisson_series(n_series=200))
    judged = seen.residual[:, WARM_UP:]
    assert abs(judged.mean()) < 0.1 and judged.std() == pytest.approx(1, abs=0.1)
    assert (seen.residual[:, :WARM_UP] == 0).all() and np.isnan(seen.expected[:, :WARM_UP]).all()
    assert seen.expected[:, WARM_UP:].mean() == pytest.approx(8, abs=0.3)


def test_cusum_against_pages_recursion_by_hand():
    demand = poisson_series(seed=3)
    demand[1, 70:] *= 2
    demand[2, 80:] //= 2
    seen = watch(demand, shift_limit=6.0)
    for z, shift in zip(seen.residual, seen.shift, strict=True):
        up = down = 0.0
        for day in range(WARM_UP, demand.shape[1]):
            cut = min(max(z[day], -CUT), CUT)
            up, down = max(0.0, up + cut - DRIFT), max(0.0, down - cut - DRIFT)
            assert shift[day] == pytest.approx(up if up >= down else -down)
            if max(up, down) > 6:
                up = down = 0.0


def test_a_shift_is_dated_and_its_level_estimated():
    demand = np.full((1, 100), 9.0)
    demand[0, 60:] = 25
    seen = watch(demand, shift_limit=6.0)
    day = int(np.argmax(seen.shift[0] > 6))
    # 2 sqrt(25.375) - 2 sqrt(9.375) = 3.95, cut to 2.5: 2.0 a day, the fourth passes 6.
    assert day == 63 and seen.shift_days[0, day] == 4 and seen.new_level[0, day] == 25
    assert seen.expected[0, 64] == 25 and seen.shift[0, 64] == 0  # starts anew from the new level


def test_one_wild_day_moves_the_level_by_little():
    demand = np.full((2, 80), 10.0)
    demand[1, 50] = 5000
    seen = watch(demand)
    assert seen.residual[1, 50] > 50
    assert seen.expected[1, 51] < 12 and abs(seen.shift[1]).max() < 3
    demand[1, 55] = 5000
    assert watch(demand).residual[1, 55] > 0.7 * seen.residual[1, 50]  # nor the spread


def test_spread_is_poissons_at_least():
    demand = np.full((1, 90), 10.0)
    demand[0, 85] = 13
    assert watch(demand).residual[0, 85] == pytest.approx(2 * np.sqrt(13.375) - 2 * np.sqrt(10.375))


def test_silence_adds_up_what_was_due_and_teaches_nothing():
    demand = poisson_series(mean=4.0, n_series=1, seed=5)
    demand[0, 60:80] = 0
    seen = watch(demand)
    expected = seen.expected[0]
    np.testing.assert_allclose(seen.units_due[0, 60:80], expected[60:80].cumsum())
    assert seen.silent_days[0, 79] == 20 and seen.silent_days[0, 80] == (demand[0, 80] == 0) * 21
    frozen = 60 + int(np.argmax(seen.silence[0, 60:80] >= SILENT))
    assert (expected[frozen + 1 : 81] == expected[frozen + 1]).all() and expected[80] > 2
    assert abs(seen.shift[0, frozen:80]).max() == abs(seen.shift[0, frozen])


def test_fading_is_the_share_of_the_best_four_weeks_and_only_while_falling():
    demand = np.concatenate([np.full(60, 10.0), np.full(60, 1.0), np.full(40, 4.0)])[None]
    seen = watch(demand)
    assert seen.fading[0, 87] == pytest.approx(0.1)  # the 28 days of 1 after 60 days of 10
    assert seen.fading[0, 125] == 1  # rising again
    assert watch(np.concatenate([np.full(28, 9.0), np.zeros(60)])[None]).fading[0, 50:57].tolist() == pytest.approx(
        [1, 1, 1, 1, 1, 0, 0]  # eight weeks must be known
    )
    assert watch(demand / 20).fading.min() == 1  # never as much as a unit a day


def test_missing_days_change_nothing_and_are_not_judged():
    demand = poisson_series()
    gap = demand.copy()
    gap[:, 50:60] = np.nan
    seen = watch(gap)
    assert (seen.residual[:, 50:60] == 0).all()
    np.testing.assert_array_equal(seen.expected[:, 60], seen.expected[:, 50])
    np.testing.assert_array_equal(watch(demand).expected[:, :50], seen.expected[:, :50])


def test_unknown_days_are_as_if_they_had_not_been():
    whole = poisson_series(n_series=6, n_days=150, seed=11)
    whole[1, 90:] = 0  # ends
    whole[2, 90:] *= 4  # rises
    rng = np.random.default_rng(0)
    n_days = 200
    for row, units in enumerate(whole):
        places = np.sort(rng.choice(n_days, 150, replace=False))
        holed = np.full((1, n_days), np.nan)
        holed[0, places] = units
        alone, seen = watch(units[None]), watch(holed)
        for name in ("expected", "residual", "silence", "units_due", "shift", "new_level", "recent", "share", "fading"):
            np.testing.assert_array_equal(
                getattr(seen, name)[0, places], getattr(alone, name)[0], err_msg=f"{name} {row}"
            )
        # Days since the last sale and since the CUSUM was zero are days of the calendar
        for name, first in (("silent_days", 0), ("shift_days", 1)):
            for place, day in zip(places, range(150), strict=True):
                ago = int(getattr(alone, name)[0, day])
                expected = place - places[day - ago + first] + first if ago else 0
                assert getattr(seen, name)[0, place] == expected


def test_the_warm_up_is_of_known_days():
    late = np.full((1, 120), np.nan)
    late[0, 70:] = 50.0
    seen = watch(late)
    assert np.isnan(seen.expected[0, : 70 + WARM_UP]).all() and seen.expected[0, 70 + WARM_UP] == pytest.approx(50)
    assert not seen.residual.any() and (seen.fading == 1).all()


def test_four_unknown_weeks_are_no_end_of_life():
    demand = np.full((1, 130), 10.0)
    demand[0, 90:118] = np.nan
    assert (watch(demand).fading == 1).all()


def test_series_do_not_influence_each_other_nor_the_future_the_past():
    demand = poisson_series(n_series=5, seed=7)
    alone = watch(demand[2:3])
    together = watch(demand)
    for name in ("residual", "shift", "silence", "fading", "expected", "new_level"):
        np.testing.assert_array_equal(getattr(together, name)[2], getattr(alone, name)[0])
    later = demand.copy()
    later[:, 90:] = 1000
    for name in together.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(watch(later), name)[:, :90], getattr(together, name)[:, :90])


def test_a_given_forecast_takes_the_levels_place():
    demand = poisson_series()
    forecast = np.full(demand.shape, 3.0)
    seen = watch(demand, forecast)
    assert (seen.expected[:, WARM_UP:] == 3).all()
    error = anscombe(demand[0, WARM_UP]) - anscombe(3.0)
    assert np.sign(seen.residual[0, WARM_UP]) == np.sign(error) and abs(seen.residual[0, WARM_UP]) <= abs(error)


@pytest.mark.parametrize(
    ("demand", "forecast", "named"),
    [
        (np.ones((1, WARM_UP)), None, "demand"),
        (np.ones(100), None, "demand"),
        (np.full((1, 100), -1.0), None, "demand"),
        (np.ones((1, 100)), np.ones((1, 99)), "forecast"),
    ],
)
def test_what_cannot_be_watched_is_refused(demand, forecast, named):
    with pytest.raises(ParameterError, match=named):
        watch(demand, forecast)
