"""Items with short histories: the methods against slow loops, nothing from after the origin, the hold-out."""

import inspect
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from canvas import assert_whole

from bowerbird.contest import new_items
from bowerbird.data.panel import Panel, build_panel
from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY
from bowerbird.errors import ParameterError
from bowerbird.metrics import one_minus_wmape
from bowerbird.studies import new_items as contest

N_DAYS, HORIZON = 120, 15
DAYS = pd.date_range("2023-01-16", periods=N_DAYS, name="date")


def series(n: int, first: int = 0) -> pd.DataFrame:
    table = {name: [f"{name}_{(first + i) // 2}" for i in range(n)] for name in SERIES_KEY[:2]}
    table |= {"warehouse_no": [f"wh_{i % 2}" for i in range(n)]}
    return pd.DataFrame(table | {name: [f"{name}_{i % 3}" for i in range(n)] for name in ATTRIBUTES})


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
    past = new_items.windows(old, HORIZON, n_origins=2)
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


def test_nearest_is_the_slow_search(old, new):
    items = new_items.align(new, old)
    items.demand[0, :-9] = np.nan  # a curve of nine days
    past = new_items.windows(old, HORIZON)
    distance = np.empty((60, len(past.seen)))
    for i in range(60):
        scale = np.nanmean(items.demand[i, -14:]) + 0.25
        curve = np.log((items.demand[i, -14:] + 0.25) / scale)
        for j, other in enumerate(past.seen[:, -14:]):
            distance[i, j] = np.nanmean((curve - other) ** 2)
    middle = np.median(distance)
    for i in (0, 11, 42):
        unlike = np.mean([items.series[c][i] != past.series[c] for c in new_items.ALIKE], axis=0)
        chosen = np.argsort(distance[i] / middle + unlike, kind="stable")[:20]
        expected = np.median(past.ahead[chosen], axis=0) * (np.nanmean(items.demand[i, -14:]) + 0.25)
        np.testing.assert_allclose(new_items.nearest(items, old, HORIZON, 20)[i], expected)


def test_the_mixture_knows_from_its_curve_what_comes_next():
    # Half of the series climb for 30 days and go on climbing; the others stand still and then fall
    rng = np.random.default_rng(2)
    climbs = np.arange(200) % 2 == 0
    shape = np.where(climbs[:, None], np.linspace(0.3, 1, 30), 1.0)
    shape = np.concatenate([shape, np.where(climbs, 1.4, 0.4)[:, None].repeat(HORIZON, axis=1)], axis=1)
    demand = rng.poisson(np.exp(rng.normal(4, 0.5, (200, 1))) * shape).astype(float)
    old = Panel(series(200), DAYS[:45], demand)
    items = replace(old.select(np.arange(40)), demand=np.full((40, 45), np.nan))
    items.demand[:, 15:] = demand[:40, :30]  # the same curves, ending today
    found = new_items.mixture(items, old, HORIZON, n_clusters=2)[:, 0]
    growth = new_items.windows(old, HORIZON).ahead.mean(axis=1)
    expected = np.where(climbs[:40], np.median(growth[climbs]), np.median(growth[~climbs]))
    np.testing.assert_allclose(found / (items.demand[:, -14:].mean(axis=1) + 0.25), expected, rtol=0.02)


def test_growth_is_that_of_items_of_the_same_age_beyond_the_old_ones():
    days = pd.date_range("2023-03-01", periods=60)
    old = Panel(series(40), days, np.tile(10.0 * 1.02 ** np.arange(60), (40, 1)))  # all old series grow by 2 % a day
    ages = np.arange(60) - np.repeat([20, 40], 20)[:, None]  # known for 40 and for 20 days
    factor = np.where(ages < 20, 1.05**ages, 1.05**20)  # items grow for 20 days more quickly
    demand = np.where(ages >= 0, 10 * 1.02 ** np.arange(60) * factor, np.nan)
    items = Panel(series(40, 100), days, demand)
    found = new_items.growth(items, old, HORIZON, age_sd=1.0, prior=0.0)
    assert found[0] == found[19] and found[20] == found[39]
    young = new_items.log_growth(demand[:20], 40, HORIZON)[0] - new_items.log_growth(old.demand, 40, HORIZON)[0]
    assert found[20] == pytest.approx(young, abs=0.02)  # what the older items did when they were 20 days old
    shrunk = new_items.growth(items, old, HORIZON, age_sd=1.0, prior=1e9)
    np.testing.assert_allclose(shrunk, 0, atol=1e-6)
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
    errors = {}
    for k in range(11):
        forecasts = [
            k / 10 * new_items.mean_14(p.items, p.old, 15) + (1 - k / 10) * new_items.mixture(p.items, p.old, 15)
            for p in parts
        ]
        wrong = sum(np.abs(p.actual - f).sum() for p, f in zip(parts, forecasts, strict=True))
        errors[k] = wrong / sum(p.actual.sum() for p in parts) + 0.02 * 2 * (k / 10 - 0.5) ** 2
    best = min(errors, key=errors.get)
    assert new_items.learn_weights(old, HORIZON)["mean 14"] == pytest.approx(best / 10)
    assert new_items.learn_weights(old, HORIZON, penalty=1e6)["mean 14"] == 0.5
    assert new_items.learn_weights(old.until(46), HORIZON)["mixture"] == 0.5  # too short to try


# ---- the comparison and the forecast


def test_compare_scores_and_pairs_by_series(old, new):
    tasks = new_items.hold_outs(new, old, HORIZON, (75, 90), (105,))
    methods = {name: new_items.METHODS[name] for name in ("mean 14", "smoothing")}
    table = new_items.compare(tasks, methods, n_draws=400).set_index(["population", "method"])
    parts = tasks["hidden old series"]
    actual = np.concatenate([p.actual for p in parts])
    forecast = {n: np.concatenate([m(p.items, p.old, HORIZON) for p in parts]) for n, m in methods.items()}
    row = table.loc["hidden old series", "smoothing"]
    assert row["series"] == 120  # twice each, but series are drawn
    assert row["1-WMAPE"] == pytest.approx(one_minus_wmape(actual, forecast["smoothing"]))
    assert row["gain"] == pytest.approx(row["1-WMAPE"] - one_minus_wmape(actual, forecast["mean 14"]))
    assert row["gain, 5 %"] < row["gain"] < row["gain, 95 %"]
    keys = np.array([key for p in parts for key in p.items.keys])
    rng, gains = np.random.default_rng(5), []
    where = [np.flatnonzero(keys == key) for key in np.unique(keys)]
    for _ in range(400):  # the bootstrap as a loop
        rows = np.concatenate([where[i] for i in rng.integers(0, 120, 120)])
        gains.append(
            one_minus_wmape(actual[rows], forecast["smoothing"][rows])
            - one_minus_wmape(actual[rows], forecast["mean 14"][rows])
        )
    width = row["gain, 95 %"] - row["gain, 5 %"]
    found = row[["gain, 5 %", "gain, 95 %"]].astype(float)
    np.testing.assert_allclose(found, np.quantile(gains, [0.05, 0.95]), atol=0.2 * width)
    assert (table.xs("mean 14", level="method")[["gain", "gain, 5 %", "gain, 95 %"]] == 0).all(axis=None)
    with pytest.raises(ParameterError, match="against is 'oracle'; choose one of mean 14, smoothing"):
        new_items.compare(tasks, methods, against="oracle")


def test_launches_are_told_by_the_growth_seen_before(old, new):
    tasks = new_items.hold_outs(new, old, HORIZON, (), (105,))
    methods = {name: new_items.METHODS[name] for name in ("mean 14", "category mean", "launch growth", "blend")}
    table = new_items.compare(tasks, methods, n_draws=50).set_index("method")
    assert table.loc["blend", "1-WMAPE"] > table.loc[["mean 14", "category mean"], "1-WMAPE"].max()
    assert abs(table.loc["launch growth", "bias"]) < abs(table.loc["mean 14", "bias"])


def test_interval_covers_what_comes(old):
    tasks = new_items.hold_outs(Panel(series(3, 900), DAYS[-30:], np.ones((3, 30))), old, HORIZON, (105,), ())
    found = new_items.coverage(tasks, new_items.mean_14).set_index("population").loc["hidden old series"]
    assert found["within"] == pytest.approx(0.8, abs=0.06)
    assert found[["within", "below", "above"]].sum() == pytest.approx(1)


def test_forecast_is_the_contests_table(old, new):
    frame = new_items.forecast(new, old, HORIZON, method=new_items.launch_growth)
    assert list(frame.columns) == [*SERIES_KEY, "date", "forecast_qty", "q10", "q90"]
    assert len(frame) == 60 * 15 and frame.notna().all(axis=None)
    assert (frame["date"].min(), frame["date"].max()) == (pd.Timestamp("2023-05-16"), pd.Timestamp("2023-05-30"))
    assert (
        (frame["q10"] >= 0) & (frame["q10"] <= frame["forecast_qty"]) & (frame["forecast_qty"] <= frame["q90"])
    ).all()
    items = new_items.align(new, old)
    np.testing.assert_allclose(frame["forecast_qty"], new_items.launch_growth(items, old, HORIZON).ravel())
    assert list(frame["product_no"][15:30].unique()) == [new.series["product_no"][1]]
    pd.testing.assert_frame_equal(frame, new_items.forecast(new, old, HORIZON, method=new_items.launch_growth))


def test_without_any_item_the_table_is_empty(old, new):
    frame = new_items.forecast(new.select(np.zeros(new.n_series, bool)), old, HORIZON)
    assert frame.empty and list(frame.columns)[:5] == [*SERIES_KEY, "date", "forecast_qty"]


def test_figure_is_titled_labelled_and_whole():
    rows = [(p, m, 0.5 - k / 4, k / 10) for p in ("hidden old series", "new items") for k, m in enumerate("abcd")]
    figure = contest.hold_out(pd.DataFrame(rows, columns=["population", "method", "1-WMAPE", "bias"]))
    assert_whole(figure)
    assert all(axis.get_title() and axis.get_xlabel() for axis in figure.axes)


def test_the_original_new_items_grow_and_the_mean_of_14_days_misses_it(original):
    old, new = build_panel(original), build_panel(original, "new_items", fill_gaps="nan")
    assert new.n_series == 210
    tasks = new_items.hold_outs(new, old, HORIZON, (), (151,))
    methods = {name: new_items.METHODS[name] for name in ("mean 14", "category mean", "launch growth")}
    table = new_items.compare(tasks, methods, n_draws=200).set_index("method")
    assert table.loc["launch growth", "1-WMAPE"] > table.loc["mean 14", "1-WMAPE"] + 0.02
    assert table.loc["category mean", "1-WMAPE"] < 0
    assert table.loc["mean 14", "bias"] < -0.3 < table.loc["launch growth", "bias"]
