from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import panel_of, promoted
from scipy.stats import nbinom
from torch import nn

from bowerbird.data.panel import DAILY, WEEKLY, Panel
from bowerbird.errors import BowerbirdError, ParameterError
from bowerbird.forecaster import inputs, training
from bowerbird.forecaster.inputs import context_inputs, gather, own_inputs
from bowerbird.forecaster.level import (
    earlier_years,
    fill_missing,
    learn_effects,
    running_level,
    season_effects,
    season_factors,
)
from bowerbird.forecaster.lstm import (
    CELLS,
    LSTMCell,
    Network,
    Settings,
    distribution,
    from_torch,
    negative_binomial_loss,
    pinball_loss,
    printed_sigmoid,
    printed_tanh,
    unroll,
    zero_inflated_loss,
)
from bowerbird.forecaster.training import Forecaster, fit, load, origin_weights, predict, predict_rolling, save, update
from bowerbird.metrics import one_minus_wmape
from bowerbird.studies.lstm import explain

SMALL = Settings(hidden_size=8, epochs=2, batch_size=16, clusters=3, horizon=5, warm_up=10)
ORIGIN = 60
OUTPUTS = ("mean", "dispersion", "point", "zero")


def random_panel(n_series=24, n_days=80, missing=0.05, seed=0) -> Panel:
    rng = np.random.default_rng(seed)
    means = rng.gamma(1, 6, (n_series, 1)) * np.exp(np.cumsum(rng.normal(0, 0.05, (n_series, n_days)), axis=1))
    demand = rng.poisson(means).astype(float)
    demand[rng.random(demand.shape) < missing] = np.nan
    return panel_of(demand)


def with_other_future(panel: Panel, origin: int) -> Panel:
    demand = panel.demand.copy()
    demand[:, origin:] = 1000 - np.nan_to_num(demand[:, origin:])
    demand[::3, origin:] = np.nan
    return replace(panel, demand=demand)


def untrained(panel: Panel, settings: Settings) -> Forecaster:
    """A forecaster whose head is still zero: it forecasts the running level times the calendar's effect."""
    data = gather(panel, settings.horizon)
    sizes = len(data.names), data.calendar.shape[1], data.ahead.shape[3]
    return Forecaster(settings, (Network(settings, *sizes).eval(),), None, (), torch.device("cpu"))


def arrays(forecast):
    return [getattr(forecast, name) for name in OUTPUTS]


def assert_same_bits(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def all_weekdays_alike(monkeypatch):
    """Every weekday has a factor of 1, so that a test sees the rest."""

    def none(demand, weekdays, horizon, sellers):
        return np.zeros(demand.shape), np.zeros((*demand.shape, horizon))

    monkeypatch.setattr(inputs, "weekday_effects", none)
    inputs._own_and_context.cache_clear()
    yield
    inputs._own_and_context.cache_clear()


@pytest.fixture(scope="module")
def panel() -> Panel:
    return random_panel()


@pytest.fixture(scope="module")
def trained(panel) -> Forecaster:
    return fit(panel.until(ORIGIN), SMALL, seed=1)


# ---- loss and level -------------------------------------------------------------------------------------------------


def test_loss_is_minus_scipys_log_probability():
    actual, mean, dispersion = np.meshgrid([0.0, 1, 7, 300, 17323], [0.01, 1, 8, 250, 9000], [1e-3, 0.2, 1, 30])
    size = 1 / dispersion
    expected = -nbinom.logpmf(actual, size, size / (size + mean))
    double = negative_binomial_loss(*(torch.tensor(x) for x in (actual, mean, dispersion)))
    np.testing.assert_allclose(double, expected, rtol=1e-8, atol=1e-8)
    single = negative_binomial_loss(*(torch.tensor(x, dtype=torch.float32) for x in (actual, mean, dispersion)))
    np.testing.assert_allclose(single, expected, rtol=1e-3, atol=0.02)


def test_zero_inflated_loss_is_a_distribution_of_the_mean_it_is_given():
    counts = torch.arange(4000, dtype=torch.float64)
    for mean, dispersion, zero in ((3.0, 0.4, 0.3), (40.0, 0.1, 0.05), (0.2, 2.0, 0.0)):
        loss = zero_inflated_loss(counts, *(torch.tensor(x, dtype=torch.float64) for x in (mean, dispersion, zero)))
        probability = torch.exp(-loss)
        assert probability.sum().item() == pytest.approx(1, abs=1e-9)
        assert (counts * probability).sum().item() == pytest.approx(mean, rel=1e-9)
        size = 1 / dispersion
        extra = nbinom.pmf(0, size, size / (size + mean / (1 - zero)))
        assert probability[0].item() == pytest.approx(zero + (1 - zero) * extra)


def test_days_without_sales_are_foreseen_where_they_happen():
    """Poisson demand of 8 that is out of stock on three days of ten: no negative binomial alone looks like it."""
    rng = np.random.default_rng(3)
    panel = panel_of(rng.poisson(8.0, (40, 80)) * (rng.random((40, 80)) > 0.3), start="2023-03-01")
    forecast = predict(fit(panel, replace(SMALL, clusters=0, epochs=30, learning_rate=0.05)), panel)
    assert 0.12 < forecast.zero.mean() < 0.3
    spread = (forecast.variance - forecast.mean) / forecast.mean**2
    plain = replace(forecast, dispersion=spread, zero=0.0)  # of the same mean and variance
    assert forecast.quantile(0.4).mean() > plain.quantile(0.4).mean() + 0.3


def test_running_level_reads_the_past_alone_and_skips_missing_days():
    demand = random_panel().demand
    level = running_level(demand)
    assert (level >= 0.1).all()
    for day in (1, 30, 79):
        np.testing.assert_array_equal(running_level(demand[:, :day]), level[:, :day])
    without = running_level(np.array([[4.0, 9.0, 1.0]]))
    with_gap = running_level(np.array([[4.0, np.nan, 9.0, 1.0]]))
    np.testing.assert_allclose(with_gap[0, [0, 2, 3]], without[0])
    assert with_gap[0, 1] == with_gap[0, 0]  # kept over the gap
    np.testing.assert_allclose(running_level(np.full((1, 50), 7.0)), 7.0)
    np.testing.assert_array_equal(running_level(np.full((1, 9), np.nan)), 0.1)


# ---- which day is which ---------------------------------------------------------------------------------------------


def test_horizon_column_h_of_origin_o_is_day_o_plus_h(panel, all_weekdays_alike):
    forecaster = untrained(panel, replace(SMALL, clusters=0))
    torch.nn.init.zeros_(forecaster.networks[0].calendar.weight)
    with torch.no_grad():  # Mondays sell double
        forecaster.networks[0].calendar.weight[0, DAILY.features.index("weekday_0")] = np.log(2)
    first = 7
    rolling = predict_rolling(forecaster, panel, first)
    point = 2 * rolling.point - rolling.quantile(SMALL.point_quantile)  # what the network aims at
    level = running_level(panel.demand)
    for column, origin in enumerate(range(first, panel.n_days + 1)):  # days 0 ... origin - 1 are known
        for h in range(5):
            day = panel.dates[0] + pd.Timedelta(days=origin + h)
            factor = 2 if day.day_name() == "Monday" else 1
            np.testing.assert_allclose(point[:, column, h], factor * level[:, origin - 1], rtol=1e-5)
    forecast = predict(forecaster, panel)
    assert list(forecast.dates) == list(pd.date_range("2023-02-19", periods=5))  # 80 days from 2022-12-01
    np.testing.assert_array_equal(forecast.point, rolling.point[:, -1])
    doubled = point[0, -1] / level[0, -1] > 1.5
    assert list(forecast.dates[doubled]) == [pd.Timestamp("2023-02-20")]


def test_targets_are_the_days_after_the_origin(monkeypatch, all_weekdays_alike):
    # Demand says which series and day it is: 1000 i + t. What the loss is given must be the days after each origin.
    n_series, n_days = 6, 30
    demand = 1000.0 * np.arange(n_series)[:, None] + np.arange(n_days)
    demand[2, 17] = np.nan
    batches = []

    def spy(actual, mean, dispersion, zero):
        batches.append((actual, mean.detach()))
        return zero_inflated_loss(actual, mean, dispersion, zero)

    monkeypatch.setattr(training, "zero_inflated_loss", spy)
    monkeypatch.setattr(training, "LIKELIHOOD_EVERY", 1)
    fit(panel_of(demand), replace(SMALL, clusters=0, epochs=1, batch_size=4))
    actual, mean = (torch.cat(part).double().numpy() for part in zip(*batches, strict=True))
    assert [len(batch) for batch, _ in batches] == [4, 2]
    seen = set()
    for rows, forecast in zip(actual, mean, strict=True):
        i = int(rows.max() // 1000)
        seen.add(i)
        for column, t in enumerate(range(SMALL.warm_up, n_days - SMALL.horizon)):  # the last day known is t
            expected = demand[i, t + 1 : t + 1 + SMALL.horizon]
            np.testing.assert_array_equal(rows[column], np.nan_to_num(expected))
        assert rows.shape == (n_days - SMALL.horizon - SMALL.warm_up, SMALL.horizon)
        level = running_level(demand)[i, SMALL.warm_up : n_days - SMALL.horizon]
        np.testing.assert_allclose(forecast / level[:, None], 1, atol=0.3)  # hardly trained: the level of the same day
    assert seen == set(range(n_series))


# ---- no leak --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clusters", [0, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_days_after_the_origin_change_nothing(panel, clusters, cell):
    settings = replace(SMALL, clusters=clusters, layers=2, cell=cell)
    forecasts = []
    for known in (panel, with_other_future(panel, ORIGIN)):
        known = known.until(ORIGIN)
        forecasts.append(arrays(predict(fit(known, settings, seed=2), known)))
    assert_same_bits(*forecasts)


@pytest.mark.parametrize("origin", [12, 40, ORIGIN, 70, 80])
def test_rolling_forecasts_are_those_of_each_origin_alone(panel, trained, origin):
    rolling = predict_rolling(trained, panel, 12)
    alone = predict(trained, panel.until(origin))
    for of_all, of_one in zip(arrays(rolling), arrays(alone), strict=True):
        np.testing.assert_allclose(of_all[:, origin - 12], of_one, rtol=2e-5)


@pytest.mark.parametrize("origin", [12, 40, ORIGIN, 70])
def test_rolling_forecasts_know_no_later_day(panel, trained, origin):
    before = arrays(predict_rolling(trained, panel, 5))
    after = arrays(predict_rolling(trained, with_other_future(panel, origin), 5))
    assert_same_bits([x[:, : origin - 4] for x in before], [x[:, : origin - 4] for x in after])
    assert not np.allclose(before[0][:, origin - 3], after[0][:, origin - 3])  # and do notice what they may know


def test_series_touch_each_other_through_context_and_weekdays_alone(panel, all_weekdays_alike):
    forecaster = fit(panel.until(ORIGIN), replace(SMALL, context=False))
    together = arrays(predict(forecaster, panel))
    alone = arrays(predict(forecaster, panel.select([5, 17])))
    for of_all, of_two in zip(together, alone, strict=True):
        np.testing.assert_allclose(of_all[[5, 17]], of_two, rtol=2e-5)


def test_context_is_the_others_and_not_oneself():
    rng = np.random.default_rng(3)
    panel = panel_of(rng.poisson(9, (6, 40)))  # sellers 0, 1, 2, 0, 1, 2; every product alone
    groups = context_inputs(panel.series, panel.demand, running_level(panel.demand))
    other = panel.demand[3]  # the one other series of seller_0
    mean = {w: np.array([other[max(0, t - w + 1) : t + 1].mean() for t in range(40)]) + 0.1 for w in (3, 7, 14, 28)}
    today, short, week = groups["others of seller"]
    np.testing.assert_allclose(today[0], np.clip(np.log((other + 0.1) / mean[14]), -2, 2))
    np.testing.assert_allclose(short[0], np.log(mean[3] / mean[14]))
    np.testing.assert_allclose(week[0], np.log(mean[7] / mean[28]))
    for array in groups["others of product"]:
        np.testing.assert_array_equal(array, 0)  # there are none


def test_unknown_days_of_all_series_teach_nothing(all_weekdays_alike):
    """Inputs stay as on the last known day, but for the one that says whether the day is known."""
    panel = random_panel(n_days=60, missing=0)
    demand = panel.demand.copy()
    demand[:, 50:53] = np.nan
    gap = replace(panel, demand=demand)
    level = running_level(demand)
    np.testing.assert_array_equal(level[:, 50:53], level[:, [49] * 3])
    daily = gather(gap, 5).daily.numpy()
    before, during = daily[:, [49] * 3], daily[:, 50:53]
    known = np.flatnonzero((before != during).any(axis=(0, 1)))
    assert len(known) == 1 and (before[..., known] == 1).all() and (during[..., known] == 0).all()


def test_own_inputs_skip_missing_days():
    demand = np.array([[4.0, 0, np.nan, 2, 6, np.nan]])
    level = np.full((1, 6), 2.0)
    groups = own_inputs(demand, level)
    np.testing.assert_allclose(np.expm1(groups["last days"][1]) * 2, [[4, 2, 2, 1, 4, 4]])  # of 0, 2; of 2, 6
    np.testing.assert_allclose(groups["idle and missing days"][0], [[0, 1 / 2, 1 / 2, 1 / 3, 1 / 4, 1 / 4]])
    spread = [np.std(seen, ddof=1) for seen in ([4, 0], [4, 0, 2], [4, 0, 2, 6])]
    np.testing.assert_allclose(
        np.expm1(groups["spread"][0]) * 2, [[0, spread[0], spread[0], spread[1], spread[2], spread[2]]], atol=1e-12
    )


@pytest.mark.parametrize("context", [True, False])
def test_inputs_of_the_first_days_are_a_slice_of_those_of_all_days(panel, context):
    whole = gather(panel, 5, context=context)
    for day in (7, 30, 79):
        first = gather(panel.until(day), 5, context=context)
        parts = [
            (getattr(data, name)[:, :day] for name in ("daily", "level", "recent", "ahead")) for data in (first, whole)
        ]
        assert_same_bits(*parts)


def test_earlier_years_by_the_slow_loop():
    demand, level = np.random.default_rng(6).poisson(4, (2, 130)).astype(float), np.full((2, 130), 3.0)
    demand[0, 5:8] = np.nan
    found = earlier_years(demand, level, 52, 4)
    for row, week, step in np.ndindex(found.shape):
        weeks = [week + step + 1 - 52 * year for year in (1, 2, 3)]
        about = [demand[row, max(place - 1, 0) : place + 2] for place in weeks if place >= 0]
        years = [np.nanmean(three) for three in about if not np.isnan(three).all()]
        expected = np.log((np.mean(years) + 0.5) / 3.5) if years else 0
        assert found[row, week, step] == pytest.approx(expected)
    later = np.where(np.arange(130) >= 100, demand + 50, demand)  # a horizon of more than a year reads no later week
    np.testing.assert_array_equal(*(earlier_years(d, level, 52, 55)[:, :100] for d in (demand, later)))


def test_recent_moments_are_those_of_the_last_known_days():
    demand = np.random.default_rng(5).poisson(4, (3, 40)).astype(float)
    demand[0, 9:12], demand[1, 5:] = np.nan, np.nan
    found = inputs.recent_moments(demand)
    for row, day in np.ndindex(demand.shape):
        last = np.flatnonzero(~np.isnan(demand[row, : day + 1]))[-1]  # a missing day leaves them as they were
        seen = demand[row, max(0, last - 27) : last + 1]
        spread = np.nanstd(seen, ddof=1) if np.count_nonzero(~np.isnan(seen)) > 1 else 0
        np.testing.assert_allclose(found[row, day], [np.nanmean(seen), spread], atol=1e-9)


def test_inputs_are_made_once_a_panel_and_anew_for_another(panel, monkeypatch):
    made = []
    monkeypatch.setattr(inputs, "own_inputs", lambda *arguments: made.append(1) or own_inputs(*arguments))
    fresh = replace(panel, demand=panel.demand + 1)
    for _ in range(2):  # training and forecasting, a candidate and the next
        gather(replace(fresh, demand=fresh.demand.copy()), 5, context=len(made) == 0)
    assert len(made) == 1
    gather(replace(fresh, series=fresh.series.assign(seller_no="another")), 5)
    gather(fresh.until(70), 5)
    assert len(made) == 3


def test_origins_about_the_spring_festival_teach_nothing():
    panel = panel_of(np.ones((2, 120)))  # from 2022-12-01; the festival is 19 to 26 January, disturbed from the 15th on
    weights = origin_weights(panel, Settings(horizon=15, warm_up=10))
    days = panel.dates[10:105]
    taught = days[weights > 0]
    assert not ((taught >= "2022-12-31") & (taught <= "2023-02-04")).any()
    assert pd.Timestamp("2022-12-30") in taught and pd.Timestamp("2023-02-05") in taught
    assert weights.mean() == pytest.approx(1)
    assert weights[0] / weights[-1] == pytest.approx(0.5 ** (94 / 56))  # 94 days apart, halved every 56
    short = panel.until(45)  # nothing else is left
    assert (origin_weights(short, Settings(warm_up=28)) > 0).all()


# ---- columns known ahead, and weeks ---------------------------------------------------------------------------------

COLUMNS = replace(SMALL, clusters=0, horizon=10, epochs=6, batch_size=8)


def test_a_network_that_knows_the_promotion_beats_itself_without_it():
    whole = promoted()
    known, actual = whole.until(180), whole.demand[:, 180:]
    with_it, without = (
        one_minus_wmape(actual, predict(fit(panel, COLUMNS), panel).point)
        for panel in (known, replace(known, ahead={}))
    )
    assert with_it > without + 0.05


def test_a_column_moves_its_own_day_alone_and_demand_after_the_origin_nothing():
    whole = promoted()
    index = np.random.default_rng(0).normal(size=whole.demand.shape).cumsum(axis=1)
    whole = replace(whole, ahead={**whole.ahead, "index": index})
    known = whole.until(180)
    forecaster = fit(known, COLUMNS)
    other = with_other_future(whole, 180).until(180)
    assert_same_bits(arrays(predict(forecaster, known)), arrays(predict(fit(other, COLUMNS), other)))
    for name in whole.ahead:
        columns = {key: values.copy() for key, values in whole.ahead.items()}
        columns[name][:, 184] = 1 - columns[name][:, 184]
        moved = predict(forecaster, replace(known, ahead=columns)).point != predict(forecaster, known).point
        assert moved[:, 4].all() and not np.delete(moved, 4, axis=1).any()
    with pytest.raises(BowerbirdError, match="column promotion is known to"):
        predict(forecaster, whole)


def test_rolling_forecasts_read_the_columns_as_each_origin_knew_them(tmp_path):
    whole = promoted(n_days=60)
    columns = {**whole.ahead, "index": np.random.default_rng(0).normal(size=whole.demand.shape).cumsum(axis=1)}
    known = replace(whole, ahead=columns).until(60)
    forecaster = fit(known, COLUMNS)
    rolling = predict_rolling(forecaster, known, 30)
    for origin in (30, 45, 60):
        np.testing.assert_allclose(
            rolling.point[:, origin - 30], predict(forecaster, known.until(origin)).point, rtol=2e-5
        )
    again = load(save(forecaster, tmp_path / "forecaster.zip"))
    assert_same_bits(arrays(predict(again, known)), arrays(predict(forecaster, known)))


def test_an_effect_is_the_slope_of_least_squares_on_the_days_so_far():
    panel = promoted(n_days=120, n_series=3)
    known, flag = panel.until(120), panel.ahead["promotion"]
    found = learn_effects(known, 10)
    for day in (60, 119):
        of_series = []
        for row in range(3):
            x, ratio = [], []
            for t in range(1, day + 1):
                quiet = np.where(flag[row, :t] == 1, np.nan, panel.demand[row, :t])  # the days without a promotion
                if not np.isnan(quiet).all():
                    x.append(flag[row, t])
                    ratio.append(min(panel.demand[row, t] / running_level(quiet[None])[0, -1], np.exp(3)))
            of_series.append((np.array(x), np.array(ratio)))
        s_xx = [((x - x.mean()) ** 2).sum() for x, _ in of_series]
        s_xr = [((x - x.mean()) * (ratio - ratio.mean())).sum() for x, ratio in of_series]
        for row, (x, ratio) in enumerate(of_series):
            slope = (s_xr[row] + 8 * sum(s_xr) / sum(s_xx)) / (s_xx[row] + 8)  # 8 days of the effect over all series
            usual = ratio.mean() - slope * x.mean()
            np.testing.assert_allclose(found.effect[row, day, 0], np.log1p(slope / usual), rtol=1e-9)
    quiet = flag[:, :120] == 0
    np.testing.assert_array_equal(found.without(known.demand)[quiet], known.demand[quiet])


def test_the_share_of_stores_with_a_promotion_counts_in_its_usual_size():
    panel = promoted(n_days=60)
    known = panel.until(60)
    shares = replace(known, ahead={"share": 0.4 * panel.ahead["promotion"]})
    one, other = learn_effects(known, 10), learn_effects(shares, 10)
    np.testing.assert_allclose(one.effect, other.effect)
    np.testing.assert_allclose(one.ahead(10)[:, 40:], other.ahead(10)[:, 40:])
    constant = replace(known, ahead={"index": np.full_like(panel.ahead["promotion"], 7)})  # says nothing
    np.testing.assert_array_equal(learn_effects(constant, 10).ahead(10), 0)


def weekly(n_series=14, n_weeks=120, missing=0.05) -> Panel:
    daily = random_panel(n_series, n_weeks, missing)
    return replace(daily, dates=WEEKLY.dates(pd.Timestamp("2020-01-06"), n_weeks), events={})


def season_by_hand(total: np.ndarray, week: int) -> float:
    """Factor of a week of the year: mean ratio to the year about each like week, neighbours at half, and a 1."""
    found = [(1.0, 1.0)]
    for t, demand in enumerate(total):
        distance = min((t - week) % 52, (week - t) % 52)
        first = min(max(t - 26, 0), len(total) - 52)
        if distance <= 1:
            found.append((1 / (1 + distance), demand / total[first : first + 52].mean()))
    weights, ratios = zip(*found, strict=True)
    return np.average(ratios, weights=weights)


def test_a_planted_week_of_the_year_is_found_from_the_weeks_so_far():
    weeks = np.arange(150)
    total = 1000 * (1 + 0.5 * np.sin(2 * np.pi * weeks / 52))
    now, ahead = season_effects(total, 52, 8)
    for t in (60, 149):
        by_hand = [np.log(season_by_hand(total[: t + 1], week % 52)) for week in range(t, t + 9)]
        np.testing.assert_allclose([now[t], *ahead[t]], by_hand)
    assert not now[:51].any() and not ahead[:51].any()  # no year is over
    np.testing.assert_allclose(season_factors(total, 52), total[:52] / 1000, atol=0.15)  # drawn to 1


def test_weekly_inputs_are_those_of_pandas():
    panel = weekly()
    whole = pd.DataFrame(fill_missing(panel.demand, WEEKLY)).sum().to_numpy()
    factor = [1.0 if t < 51 else season_by_hand(whole[: t + 1], t % 52) for t in range(120)]
    demand = pd.DataFrame(panel.demand.T).div(factor, axis=0)  # (n_weeks, n_series)

    def rolling(weeks, statistic):
        return getattr(demand.rolling(weeks, min_periods=1), statistic)()

    level = sum(rolling(weeks, "median") for weeks in (4, 8, 13)) + demand.ewm(alpha=0.2, ignore_na=True).mean()
    level = (level / 4).where(demand.notna()).ffill().fillna(0).clip(lower=0.1)
    data = gather(panel, 8)
    np.testing.assert_allclose(data.level.numpy().T, level, rtol=1e-5)
    expected = {"last weeks": [demand, rolling(2, "mean")], "last month": [rolling(4, "mean"), rolling(4, "median")],
                "last half-year": [rolling(26, "mean"), rolling(26, "median")]}  # fmt: skip
    for name, parts in expected.items():
        columns = [column for column, group in enumerate(data.names) if group == name]
        for column, part in zip(columns, parts, strict=True):
            part = np.log1p(part / level).where(demand.notna()).ffill().fillna(0)
            np.testing.assert_allclose(data.daily[:, :, column].numpy().T, part, rtol=1e-4, atol=1e-6)
    assert data.calendar.shape == (128, 4)


def test_weekly_forecasts_know_no_later_week():
    panel = weekly()
    forecaster = fit(panel, replace(SMALL, horizon=8, clusters=0))
    before = arrays(predict_rolling(forecaster, panel, 50))
    after = arrays(predict_rolling(forecaster, with_other_future(panel, 90), 50))
    assert_same_bits([x[:, :41] for x in before], [x[:, :41] for x in after])
    np.testing.assert_allclose(before[2][:, 40], predict(forecaster, panel.until(90)).point, rtol=2e-5)


def test_a_weekly_forecast_is_of_the_next_weeks():
    panel = weekly()
    forecast = predict(fit(panel, replace(SMALL, horizon=8)), panel)
    assert forecast.dates.equals(panel.dates_ahead(8)) and (np.diff(forecast.dates.to_numpy()) == WEEKLY.step).all()


# ---- randomness -----------------------------------------------------------------------------------------------------


def test_same_seed_same_bits_other_seed_other_network(panel):
    known = panel.until(ORIGIN)
    torch.manual_seed(11)
    first = fit(known, SMALL, seed=1)
    following = torch.rand(1)
    torch.manual_seed(12)
    again, other = fit(known, SMALL, seed=1), fit(known, SMALL, seed=2)
    assert first.losses == again.losses != other.losses
    assert_same_bits(arrays(predict(first, known)), arrays(predict(again, known)))
    assert not np.allclose(predict(first, known).mean, predict(other, known).mean, rtol=1e-4)
    torch.manual_seed(11)
    assert torch.rand(1) == following  # torch's own generator is left alone


def test_members_are_pooled_to_the_mixtures_mean_and_variance(panel, monkeypatch):
    monkeypatch.setattr(training, "steadied", lambda forecast, *recent: forecast)
    known = panel.until(ORIGIN)
    pooled = fit(known, replace(SMALL, members=3, learning_rate=0.05), seed=1)
    assert len(pooled.networks) == len(pooled.losses) == 3
    single = [predict(replace(pooled, networks=(network,)), known) for network in pooled.networks]
    means = np.array([f.mean for f in single])
    assert not np.allclose(means[0], means[1], rtol=1e-2)
    variances = np.array([f.variance for f in single])
    found = predict(pooled, known)
    np.testing.assert_allclose(found.mean, means.mean(axis=0), rtol=1e-12)
    aims = [2 * f.point - f.quantile(SMALL.point_quantile) for f in (found, *single)]  # the point is half a quantile
    np.testing.assert_allclose(aims[0], np.mean(aims[1:], axis=0), rtol=1e-9)
    expected = variances.mean(axis=0) + means.var(axis=0)  # of a mixture in equal parts
    np.testing.assert_allclose(found.variance, expected, rtol=1e-9)
    np.testing.assert_allclose(found.zero, np.mean([f.zero for f in single], axis=0), rtol=1e-12)


# ---- missing days --------------------------------------------------------------------------------------------------


def test_missing_days_are_no_targets_and_harm_nobody():
    panel = random_panel(n_series=6, missing=0.2)
    panel.demand[0] = np.nan  # never known
    panel.demand[1, 5:] = np.nan  # no target at all
    panel.demand[2, :50] = np.nan  # a new item
    forecaster = fit(panel, replace(SMALL, batch_size=1))  # so some batches hold no target
    assert np.isfinite(forecaster.losses).all()
    for part in arrays(predict_rolling(forecaster, panel, 1)):
        assert np.isfinite(part).all() and (part > 0).all()


# ---- does it learn --------------------------------------------------------------------------------------------------

LEARNING = Settings(hidden_size=16, epochs=25, batch_size=8, clusters=0, horizon=7, warm_up=14, learning_rate=0.01)


def wmape_of_level_and_forecast(demand, n_test=14):
    """WMAPE of the running level and of the point forecast over all origins of the last days, not trained on."""
    panel, horizon = panel_of(demand), LEARNING.horizon
    first = panel.n_days - n_test - horizon + 1
    point = predict_rolling(fit(panel.until(first), LEARNING), panel.until(panel.n_days - horizon), first).point
    actual = np.stack([demand[:, o : o + horizon] for o in range(first, panel.n_days - horizon + 1)], axis=1)
    level = running_level(panel.demand)[:, first - 1 : panel.n_days - horizon, None] + np.zeros(horizon)
    return [1 - one_minus_wmape(actual, forecast) for forecast in (level, point)]


def test_a_weekly_pattern_is_learned():
    week = np.tile([2.0, 3, 8, 12, 6, 1, 1], 17)  # 2022-12-01 is a Thursday
    level, point = wmape_of_level_and_forecast(np.outer(np.linspace(1, 10, 24), week))
    assert level > 0.5 and point < 0.2 * level


# ---- the point, checkpoints, later days ----------------------------------------------------------------------------


def test_pinball_loss_is_least_at_the_quantile():
    actual = torch.tensor([0.0, 1, 2, 3, 10])
    grid = torch.linspace(0, 10, 1001)
    for quantile, expected in ((0.5, 2.0), (0.7, 3.0)):
        loss = torch.stack([pinball_loss(actual, point, quantile).mean() for point in grid])
        assert grid[loss.argmin()].item() == pytest.approx(expected, abs=0.011)
    assert pinball_loss(torch.tensor(5.0), torch.tensor(2.0), 0.5).item() == 3.0  # the absolute error


@pytest.mark.parametrize("cell", CELLS)
def test_a_saved_forecaster_forecasts_the_same_bits(panel, cell, tmp_path):
    forecaster = fit(panel.until(ORIGIN), replace(SMALL, cell=cell, epochs=1, members=2))
    again = load(save(forecaster, tmp_path / "forecaster.zip"))
    assert_same_bits(arrays(predict(forecaster, panel)), arrays(predict(again, panel)))
    assert (again.settings, again.losses) == (forecaster.settings, forecaster.losses)


def test_fine_tuning_goes_on_from_where_it_was(panel, trained):
    before = [p.clone() for p in trained.networks[0].parameters()]
    tuned = update(trained, panel, epochs=2)
    assert tuned.settings == trained.settings and len(tuned.losses[0]) == 2
    for was, kept in zip(before, trained.networks[0].parameters(), strict=True):
        assert torch.equal(was, kept)  # the old forecaster is left alone
    moved = max((a - b).abs().max() for a, b in zip(before, tuned.networks[0].parameters(), strict=True))
    assert 0 < moved < 0.1
    assert_same_bits(arrays(predict(update(trained, panel), panel)), arrays(predict(update(trained, panel), panel)))


# ---- explanations --------------------------------------------------------------------------------------------------


def growing(n_series=40, n_days=90):
    """Series of which half grow after a jump of the last days: what has just been sold matters."""
    rng = np.random.default_rng(5)
    level = np.exp(np.cumsum(rng.choice([0, 0.6, -0.6], (n_series, n_days), p=[0.94, 0.03, 0.03]), axis=1))
    return panel_of(rng.poisson(20 * level))


def test_an_explanation_says_by_how_many_units():
    panel = growing()
    jumped = panel.demand.copy()
    jumped[0, -3:] = 4 * jumped[0, -10:-3].mean()
    panel = replace(panel, demand=jumped)
    forecaster = fit(panel.until(80), LEARNING)
    rows = explain(forecaster, panel, 0).set_index("input")
    assert rows.loc["last days", "effect, units"] > 0  # the jump raises the forecast
    assert rows["effect, units"].abs().is_monotonic_decreasing
    total = predict(forecaster, panel).point[0].sum()
    without = total - rows.loc["last days", "effect, units"]
    assert rows.loc["last days", "effect, %"] == pytest.approx(100 * (total / without - 1), rel=1e-4)


# ---- errors ---------------------------------------------------------------------------------------------------------


def test_the_fewest_days():
    panel = random_panel(n_days=16)
    assert np.isfinite(predict(fit(panel, SMALL), panel).mean).all()  # warm_up 10 + horizon 5 + 1
    with pytest.raises(ParameterError, match="15 days are too few to train on: warm_up 10"):
        fit(panel.until(15), SMALL)


@pytest.mark.parametrize("first_origin", [0, -3, 81])
def test_origins_lie_within_the_panel(panel, trained, first_origin):
    with pytest.raises(
        ParameterError, match=f"first_origin is {first_origin}; give a number of known days from 1 to 80"
    ):
        predict_rolling(trained, panel, first_origin)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": "gpu"}, "cell is 'gpu'; choose one of lstm"),
        ({"point_quantile": 1.0}, "point_quantile is 1.0; give a number between 0 and 1"),
        ({"epochs": 0}, "epochs is 0; give at least 1"),
    ],
)
def test_settings_are_checked(change, message):
    with pytest.raises(ParameterError, match=message):
        Settings(**change)


# ---- eqs 11-17 ------------------------------------------------------------------------------------------------------


def sequence(n_days=50, input_size=3, dtype=torch.float32):
    return torch.randn(4, n_days, input_size, dtype=dtype, generator=torch.Generator().manual_seed(1))


def torch_lstm(layers=1, dtype=torch.float32):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.LSTM(3, 5, layers, batch_first=True, dtype=dtype)


def hand_cell(reading):
    """One input, one hidden unit; the weights of (h, x) and the bias of every gate."""
    cell = LSTMCell(1, 1, reading).double()
    gates = {
        "forget": (0.5, 1.0, 0.1),
        "input": (-0.3, 0.8, 0.2),
        "candidate": (0.7, -0.6, 0.3),
        "output": (0.2, 0.9, -0.4),
    }
    with torch.no_grad():
        for name, (of_h, of_x, bias) in gates.items():
            getattr(cell, name).weight.copy_(torch.tensor([[of_h, of_x]], dtype=torch.float64))
            getattr(cell, name).bias.copy_(torch.tensor([bias], dtype=torch.float64))
    return cell


def step(cell, h, c, x):
    column = [torch.tensor([[value]], dtype=torch.float64) for value in (x, h, c)]
    return [value.item() for value in cell(column[0], (column[1], column[2]))]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_the_written_out_cell_is_torchs(dtype, tolerance):
    lstm, x = torch_lstm(dtype=dtype), sequence(dtype=dtype)
    hidden, (last_h, _) = lstm(x)
    ours = unroll(from_torch(lstm), x)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours.detach(), hidden.detach(), rtol=0, atol=tolerance)
    np.testing.assert_allclose(ours[:, -1].detach(), last_h[0].detach(), rtol=0, atol=tolerance)


def test_hand_worked_day():
    # h = .4, c = -.5, x = 2: the gates read f 2.3, i 1.68, a -.62, o 1.48
    f, i, o = (1 / (1 + np.exp(-gate)) for gate in (2.3, 1.68, 1.48))
    c = f * -0.5 + i * np.tanh(-0.62)
    h, found_c = step(hand_cell("corrected"), 0.4, -0.5, 2.0)
    assert found_c == pytest.approx(c, rel=1e-12)
    assert h == pytest.approx(o * np.tanh(c), rel=1e-12)
    assert (round(found_c, 4), round(h, 4)) == (-0.9190, -0.5909)


def test_hand_worked_day_as_printed():
    # the same gates through 1 / (1 - e^-x) and tanh(x / 2)
    f, i, o = (1 / (1 - np.exp(-gate)) for gate in (2.3, 1.68, 1.48))
    h, c = step(hand_cell("printed"), 0.4, -0.5, 2.0)
    assert c == pytest.approx(f * -0.5 + i * np.tanh(-0.31), rel=1e-12)
    assert h == pytest.approx(o, rel=1e-12)
    assert h > 1  # no share of anything


def test_printed_sigmoid_has_a_pole_and_leaves_the_unit_interval():
    x = torch.tensor([-1e-6, 0.0, 1e-6, 1.0, -1.0], dtype=torch.float64)
    below, pole, above, one, minus_one = printed_sigmoid(x).tolist()
    assert below < -1e5 and above > 1e5 and np.isinf(pole)
    assert one == pytest.approx(1 / (1 - np.exp(-1))) and one > 1
    assert minus_one == pytest.approx(1 - one) and minus_one < 0
    everywhere = printed_sigmoid(torch.linspace(-20, 20, 4000, dtype=torch.float64))
    assert not ((everywhere > 0) & (everywhere < 1)).any()


def test_printed_tanh_is_that_of_half_the_argument():
    x = torch.linspace(-12, 12, 101, dtype=torch.float64)
    np.testing.assert_allclose(printed_tanh(x), np.tanh(x.numpy() / 2), rtol=0, atol=1e-15)
    assert (printed_tanh(x) - torch.tanh(x)).abs().max() > 0.29


@pytest.mark.parametrize(("reading", "reaches"), [("corrected", True), ("printed", False)])
def test_as_printed_the_cell_state_never_reaches_the_output(reading, reaches):
    cell = hand_cell(reading)
    first_c = torch.tensor([[0.7]], dtype=torch.float64, requires_grad=True)
    h, c, total = torch.tensor([[0.4]], dtype=torch.float64), first_c, 0
    for x in (2.0, -1.0, 0.5):
        h, c = cell(torch.tensor([[x]], dtype=torch.float64), (h, c))
        total = total + h.sum()
    (gradient,) = torch.autograd.grad(total, first_c, allow_unused=True, materialize_grads=True)
    assert (gradient.abs().item() > 0.01) == reaches
    outputs = {round(step(cell, 0.4, other_c, 2.0)[0], 12) for other_c in (-3.0, 0.0, 3.0)}
    assert len(outputs) == (3 if reaches else 1)


def test_a_day_that_is_surely_without_sale_leaves_the_loss_finite():
    """Long silence drives the chance of a zero to 1, which single precision would reach."""
    output = torch.tensor([0.0, 0.0, 60.0], requires_grad=True)  # shift, spread, inflation of one day
    mean, dispersion, zero = distribution(torch.zeros(1), output)
    loss = zero_inflated_loss(torch.tensor([3.0]), mean, dispersion, zero)
    loss.sum().backward()
    assert torch.isfinite(loss).all() and torch.isfinite(output.grad).all()
