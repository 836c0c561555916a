"""Questions 2 and 3 of the contest: new items, and the 618 promotion, against slow loops and known truth."""

import inspect
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from bowerbird.contest import new_items, promotion
from bowerbird.contest.promotion import shrink
from bowerbird.data.panel import Panel, build_panel
from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY
from bowerbird.data.twin import PROMOTION_DAYS, Twin, make_twin
from bowerbird.errors import ParameterError
from bowerbird.metrics import one_minus_wmape
from bowerbird.studies import new_items as study

KEY = list(SERIES_KEY)
N_DAYS, HORIZON = 120, 15
DAYS = pd.date_range("2023-01-16", periods=N_DAYS, name="date")


def series(n: int, first: int = 0) -> pd.DataFrame:
    table = {name: [f"{name}_{(first + i) // 2}" for i in range(n)] for name in KEY[:2]}
    table |= {"warehouse_no": [f"wh_{i % 2}" for i in range(n)]}
    return pd.DataFrame(table | {name: [f"{name}_{i % 3}" for i in range(n)] for name in ATTRIBUTES})


def one_method_each(monkeypatch, *names: str) -> None:
    monkeypatch.setattr(new_items, "METHODS", {name: new_items.METHODS[name] for name in names})


@pytest.fixture(scope="module")
def old() -> Panel:
    rng = np.random.default_rng(0)
    level = np.exp(rng.normal(1.5, 1, (120, 1)))
    walk = np.cumsum(rng.normal(0, 0.04, (120, N_DAYS)), axis=1)
    return Panel(series(120), DAYS, rng.poisson(level * np.exp(walk)).astype(float))


@pytest.fixture(scope="module")
def new() -> Panel:
    """60 items that climb to their level within some 40 days, as 附件5 has them: 23 to 45 days, NaN before."""
    rng = np.random.default_rng(1)
    ages = np.arange(45) - (45 - rng.integers(23, 46, 60))[:, None]
    level = np.exp(rng.normal(2, 0.8, (60, 1)))
    counts = rng.poisson(level / (1 + np.exp(2 - ages / 8.0))).astype(float)
    return Panel(series(60, 500), DAYS[-45:], np.where(ages >= 0, counts, np.nan))


# ---- what every method must do


@pytest.mark.parametrize("name", new_items.METHODS)
def test_no_method_can_see_a_later_day(name, old, new):
    method = new_items.METHODS[name]
    assert list(inspect.signature(method).parameters)[:3] == ["items", "old", "horizon"]
    tasks = new_items.hold_outs(new, old, HORIZON, (90,), (105,))
    spoilt = [replace(p, demand=p.demand.copy()) for p in (old, new)]
    spoilt[0].demand[:, 90:] = 999.0 - spoilt[0].demand[:, 90:]
    early = new_items.hold_outs(new, spoilt[0], HORIZON, (90,), ())["hidden old series"]
    spoilt[0].demand[:, :105] = old.demand[:, :105]
    spoilt[1].demand[:, -15:] = 777.0
    late = new_items.hold_outs(spoilt[1], spoilt[0], HORIZON, (), (105,))["new items"]
    for part, other in zip([*tasks["hidden old series"], *tasks["new items"]], [*early, *late], strict=True):
        assert not np.array_equal(part.actual, other.actual)  # the days ahead are others ...
        found = method(part.items, part.old, HORIZON)
        np.testing.assert_array_equal(found, method(other.items, other.old, HORIZON))  # ... the forecast is the same
        assert found.shape == part.actual.shape and np.isfinite(found).all() and (found >= 0).all()


def test_hidden_series_show_thirty_days_and_no_product_is_on_both_sides(old):
    first, second = new_items.hidden_old(old, 90, HORIZON)
    assert first.items.n_series + second.items.n_series == 120
    for part in (first, second):
        assert part.items.n_days == part.old.n_days == 90
        assert (np.count_nonzero(~np.isnan(part.items.demand), axis=1) == 30).all()
        assert not set(part.items.series["product_no"]) & set(part.old.series["product_no"])
    assert set(first.items.keys) == set(second.old.keys)


def test_hidden_days_drop_items_with_less_than_eight_days(old, new):
    part = new_items.hidden_days(new_items.align(new, old), old, 92, HORIZON)
    known = np.count_nonzero(~np.isnan(new.demand[:, :17]), axis=1)
    assert part.items.n_series == (known >= 8).sum() < 60
    np.testing.assert_array_equal(part.actual, new.demand[known >= 8, 17:32])


def test_align_keeps_the_days_and_refuses_two_ends(old, new):
    items = new_items.align(new, old)
    np.testing.assert_array_equal(items.demand[:, -45:], new.demand)
    assert np.isnan(items.demand[:, :-45]).all()
    with pytest.raises(ParameterError, match=r"items end on .*; cut both to one last day"):
        new_items.align(new.until(40), old)


# ---- the methods


def test_windows_by_hand(old):
    past = new_items.windows(old, HORIZON)
    row = 120 + 7  # series 7 at the second origin, day 90
    level = old.demand[7, 76:90].mean() + 0.25
    np.testing.assert_allclose(past.seen[row], np.log((old.demand[7, 60:90] + 0.25) / level))
    np.testing.assert_allclose(past.ahead[row], old.demand[7, 90:105] / level)
    assert past.series["product_no"][row] == old.series["product_no"][7]
    with pytest.raises(ParameterError, match="old series have 40 days; give at least 45"):
        new_items.windows(old.until(40), HORIZON)


def test_category_means_and_profiles_by_hand(old, new):
    items = new_items.align(new, old)
    recent = old.demand[:, -14:].mean(axis=1)
    mine = (old.series["category1"] == items.series["category1"][4]).to_numpy()
    np.testing.assert_allclose(new_items.category_mean(items, old, 3)[4], recent[mine].mean())
    past = new_items.windows(old, HORIZON)
    profile = past.ahead[np.tile(mine, 4)].mean(axis=0)
    level = np.nanmean(items.demand[4, -14:]) + 0.25
    np.testing.assert_allclose(new_items.category_profile(items, old, HORIZON)[4], profile * level)
    stranger = replace(items, series=items.series.assign(category1="unheard of"))
    np.testing.assert_allclose(new_items.category_mean(stranger, old, 2), recent.mean())


def test_nearest_is_the_slow_search(old, new, monkeypatch):
    monkeypatch.setattr(new_items, "N_NEIGHBOURS", 20)
    items = new_items.align(new.select(range(12)), old)
    items.demand[0, :-9] = np.nan  # a curve of nine days
    past = new_items.windows(old, HORIZON)
    distance = np.empty((12, len(past.seen)))
    for i in range(12):
        scale = np.nanmean(items.demand[i, -14:]) + 0.25
        curve = np.log((items.demand[i, -14:] + 0.25) / scale)
        for j, other in enumerate(past.seen[:, -14:]):
            distance[i, j] = np.nanmean((curve - other) ** 2)
    middle, forecasts = np.median(distance), new_items.nearest(items, old, HORIZON)
    for i in range(12):
        unlike = np.mean([items.series[c][i] != past.series[c] for c in new_items.ALIKE], axis=0)
        chosen = np.argsort(distance[i] / middle + unlike, kind="stable")[:20]
        expected = np.median(past.ahead[chosen], axis=0) * (np.nanmean(items.demand[i, -14:]) + 0.25)
        np.testing.assert_allclose(forecasts[i], expected)


def test_the_mixture_knows_from_its_curve_what_comes_next(monkeypatch):
    monkeypatch.setattr(new_items, "N_CLUSTERS", 2)
    # Half of the series climb for 30 days and go on climbing; the others stand still and then fall
    rng = np.random.default_rng(2)
    climbs = np.arange(200) % 2 == 0
    shape = np.where(climbs[:, None], np.linspace(0.3, 1, 30), 1.0)
    shape = np.concatenate([shape, np.where(climbs, 1.4, 0.4)[:, None].repeat(HORIZON, axis=1)], axis=1)
    demand = rng.poisson(np.exp(rng.normal(4, 0.5, (200, 1))) * shape).astype(float)
    old = Panel(series(200), DAYS[:45], demand)
    items = replace(old.select(np.arange(40)), demand=np.full((40, 45), np.nan))
    items.demand[:, 15:] = demand[:40, :30]  # the same curves, ending today
    found = new_items.mixture(items, old, HORIZON)[:, 0]
    growth = new_items.windows(old, HORIZON).ahead.mean(axis=1)
    expected = np.where(climbs[:40], np.median(growth[climbs]), np.median(growth[~climbs]))
    np.testing.assert_allclose(found / (items.demand[:, -14:].mean(axis=1) + 0.25), expected, rtol=0.02)


def test_growth_is_that_of_items_of_the_same_age_beyond_the_old_ones(monkeypatch):
    monkeypatch.setattr(new_items, "AGE_SD", 1.0), monkeypatch.setattr(new_items, "NO_GROWTH", 0.0)
    days = pd.date_range("2023-03-01", periods=60)
    old = Panel(series(40), days, np.tile(10.0 * 1.02 ** np.arange(60), (40, 1)))  # all old series grow by 2 % a day
    ages = np.arange(60) - np.repeat([20, 40], 20)[:, None]  # known for 40 and for 20 days
    factor = np.where(ages < 20, 1.05**ages, 1.05**20)  # items grow for 20 days more quickly
    demand = np.where(ages >= 0, 10 * 1.02 ** np.arange(60) * factor, np.nan)
    items = Panel(series(40, 100), days, demand)
    found = new_items.growth(items, old, HORIZON)
    assert found[0] == found[19] and found[20] == found[39]
    young = new_items.log_growth(demand[:20], 40, HORIZON)[0] - new_items.log_growth(old.demand, 40, HORIZON)[0]
    assert found[20] == pytest.approx(young, abs=0.02)  # what the older items did when they were 20 days old
    monkeypatch.setattr(new_items, "NO_GROWTH", 1e9)
    np.testing.assert_allclose(new_items.growth(items, old, HORIZON), 0, atol=1e-6)
    alone = new_items.growth(Panel(series(1), days, np.where(np.arange(60) > 45, 3.0, np.nan)[None]), old, HORIZON)
    assert alone == [0.0]  # nothing was ever seen to grow


def test_weighted_quantile_is_that_of_repeated_values():
    rng = np.random.default_rng(0)
    values, times = rng.normal(size=50), rng.integers(1, 9, 50)
    for probability in (0.1, 0.5, 0.9):
        expected = np.quantile(np.repeat(values, times), probability, method="inverted_cdf")
        assert new_items.weighted_quantile(values, times, probability) == expected


def test_weights_are_the_best_of_all_tenths(old, monkeypatch):
    parts = [new_items.hidden_old(old, o, HORIZON)[0] for o in (90, 105)]
    two = {"mean 14": new_items.mean_14, "mixture": new_items.mixture}
    monkeypatch.setattr(new_items, "MEMBERS", two)
    made = [(new_items.mean_14(p.items, p.old, 15), new_items.mixture(p.items, p.old, 15)) for p in parts]
    errors = {}
    for k in range(11):
        forecasts = [k / 10 * mean + (1 - k / 10) * mixture for mean, mixture in made]
        wrong = sum(np.abs(p.actual - f).sum() for p, f in zip(parts, forecasts, strict=True))
        errors[k] = wrong / sum(p.actual.sum() for p in parts) + 0.02 * 2 * (k / 10 - 0.5) ** 2
    best = min(errors, key=errors.get)
    assert new_items.learn_weights(old, HORIZON)["mean 14"] == pytest.approx(best / 10)
    assert new_items.learn_weights(old.until(46), HORIZON)["mixture"] == 0.5  # too short to try
    monkeypatch.setattr(new_items, "WEIGHT_PENALTY", 1e6)
    assert new_items.learn_weights(old, HORIZON)["mean 14"] == 0.5


# ---- the comparison and the forecast


def test_compare_scores_and_pairs_by_series(old, new, monkeypatch):
    tasks = new_items.hold_outs(new, old, HORIZON, (75, 90), (105,))
    one_method_each(monkeypatch, "mean 14", "smoothing")
    table = new_items.compare(tasks, n_draws=400).set_index(["population", "method"])
    parts = tasks["hidden old series"]
    actual = np.concatenate([p.actual for p in parts])
    forecast = [np.concatenate([m(p.items, p.old, HORIZON) for p in parts]) for m in new_items.METHODS.values()]

    def gain_of(rows) -> float:
        return np.subtract(*(one_minus_wmape(actual[rows], x[rows]) for x in reversed(forecast)))

    row = table.loc["hidden old series", "smoothing"]
    assert row["series"] == 120  # twice each, but series are drawn
    assert row["1-WMAPE"] == pytest.approx(one_minus_wmape(actual, forecast[1]))
    assert row["gain"] == pytest.approx(gain_of(slice(None)))
    keys = np.array([key for p in parts for key in p.items.keys])
    where, rng = [np.flatnonzero(keys == key) for key in np.unique(keys)], np.random.default_rng(5)
    drawn = [np.concatenate([where[i] for i in rng.integers(0, 120, 120)]) for _ in range(400)]
    low, high = np.quantile([gain_of(rows) for rows in drawn], [0.05, 0.95])
    assert row["gain, 5 %"] < row["gain"] < row["gain, 95 %"]
    assert [row["gain, 5 %"], row["gain, 95 %"]] == pytest.approx([low, high], abs=0.2 * (high - low))
    assert (table.xs("mean 14", level="method")[["gain", "gain, 5 %", "gain, 95 %"]] == 0).all(axis=None)


def test_launches_are_told_by_the_growth_seen_before(old, new, monkeypatch):
    one_method_each(monkeypatch, "mean 14", "category mean", "launch growth", "blend")
    table = new_items.compare(new_items.hold_outs(new, old, HORIZON, (), (105,)), n_draws=50).set_index("method")
    assert table.loc["blend", "1-WMAPE"] > table.loc[["mean 14", "category mean"], "1-WMAPE"].max()
    assert abs(table.loc["launch growth", "bias"]) < abs(table.loc["mean 14", "bias"])


def test_interval_covers_what_comes(old, monkeypatch):
    monkeypatch.setattr(new_items, "blend", new_items.mean_14)
    tasks = new_items.hold_outs(Panel(series(3, 900), DAYS[-30:], np.ones((3, 30))), old, HORIZON, (105,), ())
    found = new_items.coverage(tasks).set_index("population").loc["hidden old series"]
    assert found["within"] == pytest.approx(0.8, abs=0.06)
    assert found[["within", "below", "above"]].sum() == pytest.approx(1)


def test_forecast_is_the_contests_table(old, new, monkeypatch):
    monkeypatch.setattr(new_items, "blend", new_items.launch_growth)
    frame = new_items.forecast(new, old, HORIZON)
    assert list(frame.columns) == [*KEY, "date", "forecast_qty", "q10", "q90"]
    assert frame["date"].to_list() == 60 * list(pd.date_range("2023-05-16", "2023-05-30"))
    assert (frame["q10"] >= 0).all() and frame["forecast_qty"].between(frame["q10"], frame["q90"]).all()
    items = new_items.align(new, old)
    np.testing.assert_allclose(frame["forecast_qty"], new_items.launch_growth(items, old, HORIZON).ravel())
    assert list(frame["product_no"][15:30].unique()) == [new.series["product_no"][1]]
    none = new_items.forecast(new.select(np.zeros(new.n_series, bool)), old, HORIZON)
    assert none.empty and list(none.columns) == list(frame.columns)


def test_the_original_new_items_grow_and_the_mean_of_14_days_misses_it(original, monkeypatch):
    old, new = build_panel(original), build_panel(original, "new_items", fill_gaps="nan")
    assert new.n_series == 210
    one_method_each(monkeypatch, "mean 14", "category mean", "launch growth")
    table = new_items.compare(new_items.hold_outs(new, old, HORIZON, (), (151,)), n_draws=200).set_index("method")
    assert table.loc["launch growth", "1-WMAPE"] > table.loc["mean 14", "1-WMAPE"] + 0.02
    assert table.loc["category mean", "1-WMAPE"] < 0
    assert table.loc["mean 14", "bias"] < -0.3 < table.loc["launch growth", "bias"]


# ==== question 3

SEASON = pd.date_range("2022-12-01", "2023-05-15", name="date")
SHAPE = np.array([1.5, 1.2, 1.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 2.5, 1.7])


def by_hand(n_series: int = 4) -> tuple[Panel, Panel]:
    """10 units on every day, 1,000 on the days of Double 12; 20 on every day of November's promotion."""
    keys = {name: [f"{name}_{i}" for i in range(n_series)] for name in KEY}
    series = pd.DataFrame(keys | {f"category{k}": ["a", "b"] * (n_series // 2) for k in (1, 2, 3)})
    demand = np.tile(np.where(SEASON.isin(promotion.DOUBLE_12), 1000.0, 10.0), (n_series, 1))
    return Panel(series, SEASON, demand), Panel(series, PROMOTION_DAYS, np.full((n_series, 11), 20.0))


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(800, seed=1)


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


def test_the_unobserved_takes_its_group_and_an_unseen_group_the_mean_of_all():
    observed = np.array([1.0, 1.2, 3.0, 3.2, np.nan, np.nan])
    found = shrink(observed, np.full(6, 0.01), np.array(["a", "a", "b", "b", "b", "c"]))
    assert found.mean[4] == found.group_mean[2] and found.mean[5] == pytest.approx(found.overall)
    assert found.sd[5] > found.sd[4] > found.sd[2]
    with pytest.raises(ParameterError, match="1 of 3 values were observed"):
        shrink(observed[3:], np.ones(3), np.zeros(3))


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


def test_placebo_noise_is_that_of_the_counts_and_the_drift():
    rng = np.random.default_rng(0)
    level = np.exp(rng.normal(1.5, 1, 1500))
    drift_a_day = 0.4 / np.sqrt(39)
    still = rng.poisson(np.repeat(level[:, None], len(SEASON), axis=1)).astype(float)
    walk = np.cumsum(rng.normal(0, drift_a_day, still.shape), axis=1)
    wild = 3.0 * rng.poisson(level[:, None] * np.exp(walk) / 3)  # sold by the three: variance three times the mean
    series = pd.DataFrame({name: range(1500) for name in KEY})
    drift, factor = promotion.placebo_noise(Panel(series, SEASON, still))
    assert drift < 0.06 and factor == pytest.approx(1, abs=0.15)
    drift, factor = promotion.placebo_noise(Panel(series, SEASON, wild))
    expected = drift_a_day * np.sqrt(39 - 27 / 6 - 11 / 6)  # between means over 27 and 11 days of a walk
    assert drift == pytest.approx(expected, abs=0.05) and factor == pytest.approx(3, abs=0.6)
    with pytest.raises(ParameterError, match="must go on to the end of March"):
        promotion.placebo_noise(Panel(series, SEASON[:80], still[:, :80]))


def test_shrunk_lifts_win_on_the_twin_and_their_intervals_hold(twin):
    table = promotion.lifts(build_panel(twin), build_panel(twin, "promotion", fill_gaps="nan"))
    absent = table["raw"].isna()  # not listed in November: it takes its category's lift
    assert absent.sum() == twin.truth["promotion_lift"].isna().sum() > 0
    np.testing.assert_allclose(table["lift"][absent], table["group_lift"][absent])
    assert table["lift"].notna().all()
    found = study.recovery(table, twin.truth["promotion_lift"].to_numpy()).set_index("estimate")
    assert found.loc["lift", "RMSE"] < 0.85 * found.loc[["raw", "group_lift"], "RMSE"].min()
    assert found.loc["lift", "MAE"] < 0.92 * found.loc[["raw", "group_lift"], "MAE"].min()
    assert found.loc["lift", "80 % interval"] == pytest.approx(0.8, abs=0.06)
    assert found.loc["lift", "90 % interval"] == pytest.approx(0.9, abs=0.06)


def test_double_12_is_told_by_lifts_that_carry_over():
    rng, (old, november) = np.random.default_rng(0), by_hand(400)
    lift = np.exp(rng.normal(np.tile([0.0, 1.0], 200), 0.3))  # of categories a and b
    level = np.exp(rng.normal(2, 1, 400))
    mean = np.outer(level, np.ones(len(SEASON)))
    mean[:, SEASON.isin(promotion.DOUBLE_12)] *= 1.7 * lift[:, None]
    old.demand[:], november.demand[:] = rng.poisson(mean), rng.poisson(np.outer(level * lift, np.ones(11)))
    found = study.double_12(old, november).query("group == 'category2'").set_index("estimate")
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


def test_course_of_a_group_lies_between_its_own_and_that_of_all(monkeypatch):
    monkeypatch.setattr(promotion, "SHAPE_PRIOR", 200)
    _, november = by_hand()
    november.demand[:] = 100 * SHAPE
    november.demand[0::2] = 100.0  # group a is flat
    shape = promotion.day_shape(november, november.series)
    total = 200 + 200 * SHAPE
    expected = 200 + 200 * total / total.mean()
    np.testing.assert_allclose(shape[0], expected / expected.mean())
    np.testing.assert_allclose(shape.mean(axis=1), 1)


def test_forecast_is_base_times_lift_times_course_with_intervals_that_hold():
    old, november = by_hand(40)
    table = promotion.lifts(old, november, noise=(0.0, 1.0)).assign(log_sd=0.3)
    base, shape = np.full((40, 20), 50.0), np.ones((40, 11))
    frame = promotion.forecast(old, base, table, shape, strength=1.5, base_sd=0.4, seed=1)
    assert list(frame.columns) == [*KEY, "date", "forecast_qty", "q10", "q90"] and len(frame) == 800
    assert (frame["date"].min(), frame["date"].max()) == (pd.Timestamp("2023-06-01"), pd.Timestamp("2023-06-20"))
    np.testing.assert_allclose(frame["forecast_qty"], 50 * table["lift"][0] * 1.5)
    rng = np.random.default_rng(9)  # the same law drawn another way: spread .5 = sqrt(.3^2 + .4^2)
    mean = frame["forecast_qty"][0] * np.exp(0.5 * rng.standard_normal(200_000))
    truth = rng.negative_binomial(5, 5 / (5 + mean))
    assert frame["q10"].mean() == pytest.approx(np.quantile(truth, 0.1), rel=0.03)
    assert frame["q90"].mean() == pytest.approx(np.quantile(truth, 0.9), rel=0.03)
    pd.testing.assert_frame_equal(frame, promotion.forecast(old, base, table, shape, strength=1.5, base_sd=0.4, seed=1))


def test_the_plan_builds_up_before_618_takes_the_quantile_and_runs_down_after(monkeypatch):
    monkeypatch.setattr(promotion, "DISPERSION", 1e-4)  # leave the errors of base and lift, and little noise
    series = pd.DataFrame({"seller_no": ["a"], "product_no": ["b"], "warehouse_no": ["c"]})
    point = np.full((1, 20), 1000.0)
    point[0, 17] = 4000.0  # June 18
    about = {"lead_time": 2, "n_samples": 4000, "seed": 3}
    plan = promotion.plan_618(series, np.array([1000.0]), point, np.array([0.3]), 0.2, **about)
    rows = plan.orders.set_index("date")
    assert (rows.index[0], rows.index[-1]) == (pd.Timestamp("2023-05-29"), pd.Timestamp("2023-06-30"))
    # Ordinary level: three days of 1,000, times the 90 % quantile of exp(.2 z).
    assert rows["S"].iloc[0] == pytest.approx(3000 * np.exp(0.2 * norm.ppf(0.9)), rel=0.02)
    # June 16 to 18 must have the festival's 4,000 on the way, times the chosen quantile of both errors.
    high = np.exp(np.hypot(0.2, 0.3) * norm.ppf(plan.ratio))
    for day in ("2023-06-16", "2023-06-17"):
        assert rows.loc[day, "S"] == pytest.approx(6000 * high, rel=0.03)
    assert rows["order"].idxmax() == pd.Timestamp("2023-06-16")  # two days ahead
    after = rows.loc["2023-06-19":"2023-06-21"]
    assert after["order"].sum() < after["forecast_demand"].sum()  # what is left runs down
    assert rows["closing_stock"].iloc[-1] < 0.8 * rows.loc["2023-06-20", "closing_stock"]
    assert rows["order"].sum() == rows["arrivals"].sum() + rows["order"].iloc[-2:].sum()
    closing = plan.units_before + (rows["arrivals"] - rows["forecast_demand"]).cumsum()
    assert (rows["closing_stock"] == closing).all()
    tried = plan.tried.set_index("levels")
    assert tried["cost"].min() == tried.loc[f"ratio {plan.ratio:g} on 618", "cost"]
    assert tried["served"].iloc[1:].is_monotonic_increasing and tried["mean stock"].iloc[1:].is_monotonic_increasing
    assert plan.ratio < 0.9  # a unit left over on June 18 waits longer than a day
    again = promotion.plan_618(series, np.array([1000.0]), point, np.array([0.3]), 0.2, **about)
    pd.testing.assert_frame_equal(again.orders, plan.orders)


def test_a_panel_without_ordinary_days_is_refused():
    old, november = by_hand()
    with pytest.raises(ParameterError, match="surroundings hold no day"):
        promotion.lifts(old, november, surroundings=np.zeros(len(SEASON), bool))


# ---- the original data


def test_double_12_of_the_original_data_is_told_best_by_shrunk_lifts(original):
    old, november = build_panel(original), build_panel(original, "promotion", fill_gaps="nan")
    found = study.double_12(old, november).query("group == 'category2'").set_index("estimate")
    assert found.loc["lift", "RMSE"] < found.loc["group_lift", "RMSE"] < found.loc["no lift", "RMSE"]
    assert found.loc["no lift", "RMSE"] < found.loc["raw", "RMSE"]  # unshrunk, a lift is worse than none
    assert found.loc["lift", "correlation"] > 0.5
