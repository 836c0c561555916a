"""Lifts, their shrinkage, the 618 calendar and the forecast."""

import numpy as np
import pandas as pd
import pytest
from canvas import assert_whole

from bowerbird.contest import promotion
from bowerbird.contest.promotion import shrink
from bowerbird.data.panel import Panel, build_panel
from bowerbird.data.reader import SERIES_KEY
from bowerbird.data.twin import PROMOTION_DAYS, Twin, make_twin
from bowerbird.errors import ParameterError
from bowerbird.studies import new_items as contest
from bowerbird.studies import new_items as promotion_study

KEY = list(SERIES_KEY)
DAYS = pd.date_range("2022-12-01", "2023-05-15", name="date")
SHAPE = np.array([1.5, 1.2, 1.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 2.5, 1.7])


def panels(twin: Twin) -> tuple[Panel, Panel]:
    """附件1 and 附件6 of a twin."""
    series = twin.truth[KEY].merge(twin.products, how="left").merge(twin.sellers, how="left")
    series = series.merge(twin.warehouses.drop_duplicates(), how="left")
    old = Panel(series, DAYS, twin.shipments["qty"].to_numpy(float).reshape(len(series), -1))
    wide = twin.promotion.pivot_table(index=KEY, columns="date", values="qty").reindex(columns=PROMOTION_DAYS)
    return old, Panel(wide.index.to_frame(index=False).merge(series, how="left"), PROMOTION_DAYS, wide.to_numpy(float))


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(800, seed=1)


def by_hand(n_series=4, ordinary=10.0, november=20.0) -> tuple[Panel, Panel]:
    keys = {name: [f"{name}_{i}" for i in range(n_series)] for name in KEY}
    series = pd.DataFrame({**keys, "category2": ["a", "b"] * (n_series // 2)})
    demand = np.full((n_series, len(DAYS)), ordinary)
    demand[:, DAYS.isin(promotion.DOUBLE_12)] = 1000.0
    return Panel(series, DAYS, demand), Panel(
        series, PROMOTION_DAYS, np.outer(np.full(n_series, november), np.ones(11))
    )


# ---- shrinkage


def test_shrinkage_by_hand():
    # Two groups whose means lie far apart, equal variances: tau^2 = mean square within groups less the variance
    observed = np.array([0.0, 2.0, 10.0, 12.0])
    found = shrink(observed, np.full(4, 0.5), np.array(["a", "a", "b", "b"]))
    tau2 = 4 * 1.0 / 2 - 0.5  # 4 deviations of 1, two degrees of freedom
    omega2 = 2 * 5.0**2 / 1 - (tau2 + 0.5) / 2
    assert found.within**2 == pytest.approx(tau2) and found.between**2 == pytest.approx(omega2)
    assert found.overall == pytest.approx(6)
    gamma = 6 + omega2 / (omega2 + 1.0) * -5  # the error of a group mean is (tau^2 + v) / 2 = 1
    own = tau2 / (tau2 + 0.5)
    assert found.group_mean[0] == pytest.approx(gamma)
    assert found.mean[1] == pytest.approx(own * 2 + (1 - own) * gamma)
    assert found.sd[1] ** 2 == pytest.approx(own * 0.5 + (1 - own) ** 2 * omega2 / (omega2 + 1))


def test_noise_alone_is_shrunk_to_the_mean_and_no_noise_is_kept():
    observed = np.random.default_rng(0).normal(1, 0.1, 200)
    group = np.arange(200) % 5
    assert np.ptp(shrink(observed, np.full(200, 4.0), group).mean) < 1e-9
    np.testing.assert_allclose(shrink(observed, np.full(200, 1e-12), group).mean, observed, atol=1e-6)


def test_the_unobserved_takes_its_group_and_an_unseen_group_the_mean_of_all():
    observed = np.array([1.0, 1.2, 3.0, 3.2, np.nan, np.nan])
    found = shrink(observed, np.full(6, 0.01), np.array(["a", "a", "b", "b", "b", "c"]))
    assert found.mean[4] == found.group_mean[2] and found.mean[5] == pytest.approx(found.overall)
    assert found.sd[5] > found.sd[4] > found.sd[2]


def test_shrinkage_recovers_the_variances_and_wins():
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(60), 40)
    centre = rng.normal(0.3, 0.5, 60)
    truth = rng.normal(centre[group], 0.4)
    variance = rng.uniform(0.05, 1.5, len(truth))
    observed = rng.normal(truth, np.sqrt(variance))
    found = shrink(observed, variance, group)
    assert found.within == pytest.approx(0.4, abs=0.04) and found.between == pytest.approx(0.5, abs=0.1)
    error = [np.square(x - truth).mean() for x in (observed, found.group_mean, found.mean)]
    assert error[2] < 0.8 * min(error[:2])
    assert (np.abs(found.mean - truth) < 1.2816 * found.sd).mean() == pytest.approx(0.8, abs=0.03)


def test_one_observation_is_too_few():
    with pytest.raises(ParameterError, match="1 of 3 values were observed"):
        shrink(np.array([1.0, np.nan, np.nan]), np.ones(3), np.zeros(3))


# ---- lifts


def test_lift_by_hand_without_double_12():
    old, november = by_hand()
    table = promotion.lifts(old, november, noise=(0.0, 1.0))
    assert promotion.ordinary_december(old).sum() == 27
    np.testing.assert_allclose(table["raw"], (220.5 / 11) / (270.5 / 27))
    np.testing.assert_allclose(table["lift"], table["raw"])  # all alike: nothing to shrink


def test_a_series_listed_late_is_compared_with_the_days_it_stands_for():
    old, november = by_hand()
    november.demand[:] = 20 * SHAPE
    november.demand[1, :9] = np.nan
    table = promotion.lifts(old, november, noise=(0.0, 1.0))
    np.testing.assert_allclose(table["promoted"], [220, 84, 220, 220])
    np.testing.assert_allclose(table["raw"], table["raw"][0], rtol=0.01)


def test_a_series_not_listed_takes_its_category(twin):
    old, november = panels(twin)
    table = promotion.lifts(old, november)
    absent = table["raw"].isna()
    assert absent.sum() == twin.truth["promotion_lift"].isna().sum() > 0
    np.testing.assert_allclose(table["lift"][absent], table["group_lift"][absent])
    assert table["lift"].notna().all()


def test_placebo_noise_is_that_of_the_counts_and_the_drift():
    rng = np.random.default_rng(0)
    level = np.exp(rng.normal(1.5, 1, 1500))
    drift_a_day = 0.4 / np.sqrt(39)
    still = rng.poisson(np.repeat(level[:, None], len(DAYS), axis=1)).astype(float)
    walk = np.cumsum(rng.normal(0, drift_a_day, still.shape), axis=1)
    wild = 3.0 * rng.poisson(level[:, None] * np.exp(walk) / 3)  # sold by the three: variance three times the mean
    series = pd.DataFrame({name: range(1500) for name in KEY})
    drift, factor = promotion.placebo_noise(Panel(series, DAYS, still))
    assert drift < 0.06 and factor == pytest.approx(1, abs=0.15)
    drift, factor = promotion.placebo_noise(Panel(series, DAYS, wild))
    expected = drift_a_day * np.sqrt(39 - 27 / 6 - 11 / 6)  # between means over 27 and 11 days of a walk
    assert drift == pytest.approx(expected, abs=0.05) and factor == pytest.approx(3, abs=0.6)
    with pytest.raises(ParameterError, match="must go on to the end of March"):
        promotion.placebo_noise(Panel(series, DAYS[:80], still[:, :80]))


def test_shrunk_lifts_win_on_the_twin_and_their_intervals_hold(twin):
    table = promotion.lifts(*panels(twin))
    found = promotion_study.recovery(table, twin.truth["promotion_lift"].to_numpy()).set_index("estimate")
    assert found.loc["lift", "RMSE"] < 0.85 * found.loc[["raw", "group_lift"], "RMSE"].min()
    assert found.loc["lift", "MAE"] < 0.92 * found.loc[["raw", "group_lift"], "MAE"].min()
    assert found.loc["lift", "80 % interval"] == pytest.approx(0.8, abs=0.06)
    assert found.loc["lift", "90 % interval"] == pytest.approx(0.9, abs=0.06)


def test_recovery_by_hand():
    table = pd.DataFrame({"raw": [np.e, np.nan, 1.0], "group_lift": 1.0, "lift": np.e**0.5, "log_sd": 0.5})
    found = promotion_study.recovery(table, np.array([1.0, 1.0, 1.0])).set_index("estimate")
    assert found.loc["raw", "RMSE"] == pytest.approx(np.sqrt(0.5)) and found.loc["raw", "bias"] == pytest.approx(0.5)
    assert found.loc["lift", "MAE"] == pytest.approx(0.5) and found.loc["lift", "80 % interval"] == 1


def test_double_12_is_told_by_lifts_that_carry_over():
    rng = np.random.default_rng(0)
    n = 400
    lift = np.exp(rng.normal(np.repeat([0.0, 1.0], n // 2), 0.3))
    level = np.exp(rng.normal(2, 1, n))
    keys = {name: [f"{name}_{i}" for i in range(n)] for name in KEY}
    series = pd.DataFrame({**keys, "category2": np.repeat(["a", "b"], n // 2)})
    demand = np.repeat(level[:, None], len(DAYS), axis=1)
    demand[:, DAYS.isin(promotion.DOUBLE_12)] *= 1.7 * lift[:, None]
    old = Panel(series, DAYS, rng.poisson(demand).astype(float))
    november = Panel(series, PROMOTION_DAYS, rng.poisson(np.outer(level * lift, np.ones(11))).astype(float))
    found = promotion_study.double_12(old, november, ("category2",)).set_index("estimate")
    assert found.loc["lift", "RMSE"] < found.loc["group_lift", "RMSE"] < found.loc["no lift", "RMSE"]
    assert found.loc["lift", "correlation"] > 0.85 and found.loc["lift", "event sd"] < 0.15


# ---- the course and the forecast


def test_calendars_cover_twenty_days_and_know_their_festival():
    shape = np.tile(SHAPE, (2, 1))
    for name, calendar in promotion.CALENDARS.items():
        course = promotion.course_618(shape, name)
        assert len(calendar) == 20 and course.shape == (2, 20)
        np.testing.assert_allclose(course[0, [0, 1, 2, 5, 17, 18]], [1.5, 1.2, 1.1, 0.5, 1.7, 0.5])
    assert promotion.course_618(shape)[0, 14] == 0.5
    assert promotion.course_618(shape, "long peak")[0, 14:17] == pytest.approx([2.5, 2.1, 2.1])
    with pytest.raises(ParameterError, match="calendar is 'lunar'"):
        promotion.course_618(shape, "lunar")


def test_course_of_a_group_lies_between_its_own_and_that_of_all():
    _, november = by_hand()
    november.demand[:] = 100 * SHAPE
    november.demand[0::2] = 100.0  # group a is flat
    shape = promotion.day_shape(november, november.series, prior=200)
    total = 200 + 200 * SHAPE
    expected = 200 + 200 * total / total.mean()
    np.testing.assert_allclose(shape[0], expected / expected.mean())
    np.testing.assert_allclose(shape.mean(axis=1), 1)


def test_forecast_is_base_times_lift_times_course_with_intervals_that_hold():
    old, november = by_hand(40)
    table = promotion.lifts(old, november, noise=(0.0, 1.0)).assign(log_sd=0.3)
    base, shape = np.full((40, 20), 50.0), np.ones((40, 11))
    frame = promotion.forecast(old, base, table, shape, strength=1.5, base_sd=0.4, dispersion=0.1, seed=1)
    assert list(frame.columns) == [*KEY, "date", "forecast_qty", "q10", "q90"] and len(frame) == 800
    assert (frame["date"].min(), frame["date"].max()) == (pd.Timestamp("2023-06-01"), pd.Timestamp("2023-06-20"))
    np.testing.assert_allclose(frame["forecast_qty"], 50 * table["lift"][0] * 1.5)
    rng = np.random.default_rng(9)  # the same law drawn another way: spread .5 = sqrt(.3^2 + .4^2)
    mean = frame["forecast_qty"][0] * np.exp(0.5 * rng.standard_normal(200_000))
    truth = rng.negative_binomial(10, 10 / (10 + mean))
    assert frame["q10"].mean() == pytest.approx(np.quantile(truth, 0.1), rel=0.03)
    assert frame["q90"].mean() == pytest.approx(np.quantile(truth, 0.9), rel=0.03)
    pd.testing.assert_frame_equal(
        frame, promotion.forecast(old, base, table, shape, strength=1.5, base_sd=0.4, dispersion=0.1, seed=1)
    )


def test_a_surer_lift_gives_a_narrower_interval():
    old, november = by_hand()
    table = promotion.lifts(old, november, noise=(0.0, 1.0))
    base, shape = np.full((4, 20), 50.0), np.ones((4, 11))
    width = [
        (frame["q90"] - frame["q10"]).mean()
        for sd in (0.0, 0.3, 0.6)
        for frame in [promotion.forecast(old, base, table.assign(log_sd=sd), shape)]
    ]
    assert width[1] > 1.15 * width[0] and width[2] > 1.25 * width[1]


def test_what_does_not_fit_is_refused_by_name():
    old, november = by_hand()
    table = promotion.lifts(old, november, noise=(0.0, 1.0))
    with pytest.raises(ParameterError, match=r"base has shape \(4, 15\).*give \(4, 20\)"):
        promotion.forecast(old, np.ones((4, 15)), table, np.ones((4, 11)))
    with pytest.raises(ParameterError, match="strength is 0"):
        promotion.forecast(old, np.ones((4, 20)), table, np.ones((4, 11)), strength=0)
    with pytest.raises(ParameterError, match="surroundings hold no day"):
        promotion.lifts(old, november, surroundings=np.zeros(len(DAYS), bool))


@pytest.mark.parametrize("name", ["lifts", "618"])
def test_figures_are_titled_labelled_and_whole(name, twin):
    old, november = panels(twin)
    table = promotion.lifts(old, november)
    groups = promotion_study.by_group(table)
    assert groups["series"].is_monotonic_decreasing and groups["series"].sum() == 800
    base = np.full((800, 20), 5.0)
    frame = promotion.forecast(old, base, table, promotion.day_shape(november, old.series), n_samples=5)
    figure = contest.lifts(table, groups.head(8)) if name == "lifts" else contest.promotion_days({"short": frame}, base)
    assert_whole(figure)
    axis = figure.axes[0]
    assert axis.get_title() and (axis.get_xlabel() or axis.get_ylabel())


# ---- the original data


def test_double_12_of_the_original_data_is_told_best_by_shrunk_lifts(original):
    old, november = build_panel(original), build_panel(original, "promotion", fill_gaps="nan")
    found = promotion_study.double_12(old, november, ("category2",)).set_index("estimate")
    assert found.loc["lift", "RMSE"] < found.loc["group_lift", "RMSE"] < found.loc["no lift", "RMSE"]
    assert found.loc["no lift", "RMSE"] < found.loc["raw", "RMSE"]  # unshrunk, a lift is worse than none
    assert found.loc["lift", "correlation"] > 0.5
