"""The ladder: forecasts made once without a look ahead, scores and bootstrap as slow loops, levels."""

import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from conftest import panel_of
from scipy.stats import nbinom

from bowerbird import metrics
from bowerbird.data.panel import WEEKLY, Panel, build_panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation import baselines
from bowerbird.evaluation.baselines import exponential_smoothing, recent_mean, recent_median
from bowerbird.evaluation.bootstrap import samples
from bowerbird.evaluation.ladder import (
    Key,
    Method,
    Protocol,
    all_methods,
    average,
    denoised,
    ensembles,
    flag_methods,
    make_forecasts,
    neural_methods,
    on_demand,
    protocols,
    recent_distribution,
    rows_of,
    simple_methods,
    with_ensembles,
)
from bowerbird.evaluation.levels import LEVELS, accuracy_by_level, hierarchy, levels_study, reconcile
from bowerbird.evaluation.scores import (
    at_small_bias,
    coverage_table,
    differences_to,
    hindsight_combination,
    ladder_table,
    paired_differences,
)
from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.level import season_factors
from bowerbird.forecaster.lstm import Settings
from bowerbird.seeds import stream


def panel(n_series=40, n_days=90, seed=0) -> Panel:
    rng = np.random.default_rng(seed)
    return panel_of(rng.poisson(rng.gamma(1, 4, (n_series, 1)), (n_series, n_days)))


class Counting:
    """A forecaster that says what it was handed, and how often it was asked."""

    def __init__(self):
        self.calls = []

    def __call__(self, known, horizon, seed):
        self.calls.append((known.n_days, horizon, seed))
        return np.repeat(known.demand[:, -1:], horizon, axis=1) + np.random.default_rng(seed).random()


def mean14(known, horizon, seed):
    return baselines.recent_mean(known.demand, horizon, days=14)


def median21(known, horizon, seed):
    return recent_distribution(known.demand, horizon)


SHORT = (Protocol("A", (60,), 10), Protocol("B", (60, 70), 10))


def test_protocols_of_the_issue():
    found = protocols(166)
    assert found["P15"] == Protocol("P15", (151,), 15)
    assert found["P25"] == Protocol("P25", (141,), 25)
    assert found["R"] == Protocol("R", (121, 136, 151), 15)
    assert protocols(100)["R"].origins == (55, 70, 85)
    with pytest.raises(ParameterError, match="at least 73"):
        protocols(72)


def test_protocols_end_at_the_panels_end_for_any_horizon():
    assert [*protocols(165, 8).values()] == [
        Protocol("P8", (157,), 8), Protocol("P25", (140,), 25), Protocol("R", (141, 149, 157), 8),
    ]  # fmt: skip
    assert protocols(365)["P15%"] == Protocol("P15%", (310,), 55)
    assert protocols(52, 8)["R"].origins[0] == 28
    with pytest.raises(ParameterError, match="at least 52"):
        protocols(51, 8)


def test_forecasters_see_the_past_alone_and_shared_origins_once():
    forecaster, data = Counting(), panel()
    with ThreadPoolExecutor(2) as pool:
        made = make_forecasts(data, [Method("last day", forecaster, seeds=(0, 7))], SHORT, executor=pool)
    assert sorted(forecaster.calls) == [(60, 10, 0), (60, 10, 7), (70, 10, 0), (70, 10, 7)]
    assert set(made) == {Key("last day", o, 10, s) for o in (60, 70) for s in (0, 7)}

    later = replace(data, demand=np.concatenate([data.demand[:, :60], 1000 + data.demand[:, 60:]], axis=1))
    again = make_forecasts(later, [Method("last day", Counting(), seeds=(0, 7))], SHORT[:1])
    for key, forecast in again.items():
        np.testing.assert_array_equal(forecast.point, made[key].point)


def test_kept_forecasts_are_made_once_and_only_for_the_same_question(tmp_path):
    data, first = panel(), Counting()
    made = make_forecasts(data, [Method("m", first, seeds=(0, 1), version="1")], SHORT, tmp_path)
    second = Counting()
    again = make_forecasts(data, [Method("m", second, seeds=(0, 1), version="1")], SHORT, tmp_path)
    assert second.calls == []
    for key in made:
        np.testing.assert_array_equal(made[key].point, again[key].point)

    changed_after, changed_before = data.demand.copy(), data.demand.copy()
    changed_after[0, 75], changed_before[0, 5] = 999, 999
    renamed = data.series.assign(warehouse_no="wh_2")
    for asked, n_made in (
        ((replace(data, demand=changed_after), "m", "1", (0,)), 1),  # day 75 is known at the origin 80 only
        ((replace(data, demand=changed_before), "m", "1", (0,)), 2),
        ((replace(data, series=renamed), "m", "1", (0,)), 2),
        ((data, "m", "2", (0,)), 2),
        ((data, "m", "1", (0, 5)), 3),  # origin 80 of seed 0, both origins of seed 5
        ((data, "another", "1", (0,)), 2),
    ):
        fresh = Counting()
        cuts = [Protocol("C", (60, 80), 10)]
        make_forecasts(data, [Method("m", first, seeds=(0,), version="1")], [Protocol("C", (60,), 10)], tmp_path)
        other, name, version, seeds = asked
        make_forecasts(other, [Method(name, fresh, seeds=seeds, version=version)], cuts, tmp_path)
        assert len(fresh.calls) == n_made, asked[1:]
        for path in tmp_path.rglob("80+10_*"):
            path.unlink()


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_an_interrupted_run_resumes(tmp_path):
    def breaks_at_70(known, horizon, seed):
        if known.n_days == 70:
            raise KeyboardInterrupt
        return mean14(known, horizon, seed)

    with pytest.raises(KeyboardInterrupt):
        make_forecasts(panel(), [Method("m", breaks_at_70)], SHORT, tmp_path)
    resumed = Counting()
    make_forecasts(panel(), [Method("m", resumed)], SHORT, tmp_path)
    assert [call[0] for call in resumed.calls] == [70]
    assert not list(tmp_path.rglob(".*"))  # nothing half-written is left


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_a_distribution_is_kept_whole_and_scored(tmp_path):
    def counts(known, horizon, seed):
        mean = known.demand[:, -horizon:] + 1
        return Forecast(mean, mean=mean, dispersion=0.3 + 0 * mean)

    made, again = (make_forecasts(panel(), [Method("counts", counts)], SHORT, tmp_path) for _ in range(2))
    for key in made:
        np.testing.assert_array_equal(again[key].quantile(0.7), made[key].quantile(0.7))
    row = ladder_table(panel(), again, SHORT[:1], n_draws=2).iloc[0]
    low, high = (made["counts", 60, 10, 0].quantile(level) for level in (0.1, 0.9))
    assert row["coverage 80 %"] == metrics.coverage(panel().demand[:, 60:70], low, high) and row["quantile loss"] > 0


def test_hindsight_gets_the_days_to_come_and_is_the_best_flat_forecast():
    methods = [Method("hindsight", baselines.best_constant, "hindsight", hindsight=True), Method("mean 14", mean14)]
    data = panel()
    made = make_forecasts(data, methods, SHORT[:1])
    actual = data.demand[:, 60:70]
    np.testing.assert_array_equal(made["hindsight", 60, 10, 0].point[:, 0], np.median(actual, axis=1))
    table = ladder_table(data, made, SHORT[:1], methods).set_index("method")["1-WMAPE"]
    assert table["hindsight"] > table["mean 14"]


def test_a_constant_in_hindsight_without_the_day_itself():
    actual = np.random.default_rng(0).poisson(3, (6, 9)).astype(float)
    actual[1, 2], actual[2], actual[3, 1:] = np.nan, np.nan, np.nan
    found = baselines.left_out_constant(actual)
    for row, days in enumerate(actual):
        for day in range(9):
            others = [units for k, units in enumerate(days) if k != day and not np.isnan(units)]
            assert found[row, day] == (np.median(others) if others else 0)
    np.testing.assert_array_equal(baselines.left_out_constant([[4.0]]), [[0]])  # no other day is known


def test_averages_take_every_part_once_whatever_its_seeds():
    made = {
        Key("a", 60, 2, 0): Forecast(np.array([[1.0, 2]])),
        Key("a", 60, 2, 1): Forecast(np.array([[3.0, 2]])),
        Key("b", 60, 2, 0): Forecast(np.array([[10.0, 0]])),
        Key("b", 61, 2, 0): Forecast(np.array([[10.0, 0]])),
    }
    mean = average(made, "mean of a and b", ["a", "b"])
    assert list(mean) == [("mean of a and b", 60, 2, 0)]
    np.testing.assert_array_equal(mean["mean of a and b", 60, 2, 0].point, [[6, 1]])
    with pytest.raises(ParameterError, match="parts names nobody"):
        average(made, "c", ["a", "nobody"])


def test_the_table_is_metrics_averaged_over_origins_and_seeds():
    data, seeds = panel(), (0, 1, 2)
    data = replace(data, series=data.series.assign(product_no=[f"product_{row // 2}" for row in range(40)]))
    methods = [Method("last day", Counting(), "noisy", seeds), Method("median 21", median21)]
    made = make_forecasts(data, methods, SHORT)
    table = ladder_table(data, made, SHORT, methods).set_index(["protocol", "method"])
    came = {origin: data.demand[:, origin : origin + 10] for origin in (60, 70)}
    by_seed = [
        np.mean([metrics.one_minus_wmape(came[o], made["last day", o, 10, s].point) for o in came]) for s in seeds
    ]
    row = table.loc["B", "last day"]
    assert row["1-WMAPE"] == pytest.approx(np.mean(by_seed))
    assert row["sd over seeds"] == pytest.approx(np.std(by_seed, ddof=1))
    assert row["seeds"] == 3 and row["kind"] == "noisy" and np.isnan(row["coverage 80 %"])

    row, actual, known = table.loc["A", "median 21"], data.demand[:, 60:70], data.demand[:, :60]
    forecast = made["median 21", 60, 10, 0]
    assert np.isnan(row["sd over seeds"])
    assert row["RMSSE"] == pytest.approx(metrics.rmsse(actual, forecast.point, known))
    assert row["1-WMAPE of totals"] == pytest.approx(metrics.one_minus_wmape(actual.sum(1), forecast.point.sum(1)))
    assert row["coverage 80 %"] == pytest.approx(metrics.coverage(actual, forecast.values[0], forecast.values[-1]))
    rest = known.sum(axis=1).argsort()[:-1]  # 1 % of 40 series is one, the largest
    assert row["1-WMAPE without top 1 %"] == pytest.approx(metrics.one_minus_wmape(actual[rest], forecast.point[rest]))
    assert row["low"] < row["1-WMAPE"] < row["high"]

    # the product that moves the score most, found by leaving out one after the other
    groups = data.series["product_no"].to_numpy()
    without = {}
    for product in np.unique(groups):
        rest = groups != product
        cut = [(came[o][rest], made["median 21", o, 10, 0].point[rest]) for o in came]
        without[product] = np.mean([metrics.one_minus_wmape(*pair) for pair in cut])
    row = table.loc["B", "median 21"]
    most = max(without, key=lambda product: abs(without[product] - row["1-WMAPE"]))
    assert row["1-WMAPE without one product"] == pytest.approx(without[most])
    assert row["its share of series"] == pytest.approx(2 / 40)


def test_the_bootstrap_is_a_slow_loop_over_drawn_series():
    data = panel(n_series=12)
    made = make_forecasts(data, [Method("mean 14", mean14)], SHORT[1:])
    first, *draws = samples(12, 4000, stream(0, "forecasts/bootstrap"))  # how often each series counts
    draws = np.array(draws)
    assert (first == 1).all()
    # n of n with replacement: 12 in all, each once on average, variance 1 - 1/12
    assert (draws.sum(axis=1) == 12).all()
    assert draws.mean(axis=0) == pytest.approx(1, abs=0.08)  # five standard errors
    assert draws.var() == pytest.approx(11 / 12, abs=0.03)

    scores = []
    for counts in draws[:300].astype(int):
        rows = np.repeat(np.arange(12), counts)
        cut = [(data.demand[rows, o : o + 10], made["mean 14", o, 10, 0].point[rows]) for o in (60, 70)]
        scores.append(np.mean([1 - np.abs(a - f).sum() / a.sum() for a, f in cut]))
    low, high = ladder_table(data, made, SHORT[1:], n_draws=300).loc[0, ["low", "high"]]
    assert [low, high] == pytest.approx(np.quantile(scores, [0.025, 0.975]), rel=1e-12)


def test_paired_differences():
    data = panel()
    methods = [Method("mean 14", mean14), Method("same", mean14), Method("zero", lambda k, h, s: np.zeros((40, h)))]
    made = make_forecasts(data, methods, SHORT)
    found = paired_differences(data, made, SHORT, "mean 14", ["same", "zero"]).set_index(["protocol", "other"])
    assert (found.loc[("A", "same"), ["difference", "low", "high", "share ahead"]] == 0).all()
    scores = ladder_table(data, made, SHORT).set_index(["protocol", "method"])["1-WMAPE"]
    row = found.loc["B", "zero"]
    assert row["difference"] == pytest.approx(scores["B", "mean 14"] - scores["B", "zero"])
    assert row["low"] < row["difference"] < row["high"] and row["share ahead"] == 1
    # drawn together, series that are hard for both cancel: far narrower than two intervals apart
    near = make_forecasts(data, [Method("near", lambda k, h, s: mean14(k, h, s) + 0.01)], SHORT)
    paired = paired_differences(data, made | near, SHORT[:1], "mean 14", ["near"]).iloc[0]
    alone = ladder_table(data, made, SHORT[:1]).iloc[0]
    assert paired["high"] - paired["low"] < 0.2 * (alone["high"] - alone["low"])


def test_every_row_against_one():
    data = panel()
    made = make_forecasts(data, [Method("mean 14", mean14), Method("zero", lambda k, h, s: np.zeros((40, h)))], SHORT)
    found = differences_to(data, made, SHORT[:1], "zero")
    turned = paired_differences(data, made, SHORT[:1], "mean 14", ["zero"])
    assert found.loc[0, ["method", "other"]].tolist() == ["mean 14", "zero"]
    columns = ["difference", "low", "high"]
    np.testing.assert_allclose(found[columns], turned[columns], rtol=1e-12)


def test_a_score_at_small_bias_by_hand():
    actual = np.array([[4.0, 0.0, 16.0]])
    # the forecast sums to 10 of 20; times 1.9 it is 5.7, 5.7 and 7.6, which sum to 19
    assert at_small_bias(actual, np.array([[3.0, 3.0, 4.0]])) == pytest.approx(1 - (1.7 + 5.7 + 8.4) / 20)
    assert at_small_bias(actual, np.array([[4.0, 1.0, 15.5]])) == pytest.approx(1 - 1.5 / 20)  # 2.5 % too much
    assert at_small_bias(actual, np.zeros((1, 3))) == 0


def test_coverage_of_classes_of_sellers_by_hand():
    data, rng = panel(), np.random.default_rng(1)
    mean = rng.gamma(2, 2, (40, 10))
    counts = Forecast(mean, mean=mean, dispersion=np.full((40, 10), 0.5))
    rows = {
        "counts": lambda *_: counts,
        "median 21": lambda p, h, s: recent_distribution(p.demand, h),
        "mean 14": mean14,
    }
    made = make_forecasts(data, [Method(name, row, seeds=(0, 1)) for name, row in rows.items()], SHORT[1:])
    table = coverage_table(data, made, SHORT[1:]).set_index(["method", "sellers"])
    assert set(table.index.get_level_values("method")) == {"counts", "median 21"} and len(table) == 8
    assert table.loc["median 21", "95 %"].isna().all() and not table.loc["counts"].isna().any(axis=None)
    shares = []
    for origin in (60, 70):
        volume, inside, days = data.demand[:, :origin].sum(axis=1), 0, 0
        for row in volume.argsort()[27:]:  # thirds of 40 series: 14, 13, 13
            for day in range(10):
                recent = data.demand[row, origin - 21 : origin]
                inside += np.quantile(recent, 0.1) <= data.demand[row, origin + day] <= np.quantile(recent, 0.9)
                days += 1
        shares.append(inside / days)
    assert table.loc[("median 21", "fast sellers"), "80 %"] == pytest.approx(np.mean(shares))
    assert table.loc[("median 21", "all"), "80 % stated"] == pytest.approx(0.8)
    units = np.arange(400)[:, None, None]
    chances = nbinom.pmf(units, 2, 2 / (2 + mean))  # dispersion 0.5; (n_units, n_series, horizon)
    held = (units >= counts.quantile(0.1)) & (units <= counts.quantile(0.9))
    assert table.loc[("counts", "all"), "80 % stated"] == pytest.approx((chances * held).sum(axis=0).mean())


def test_no_weights_beat_those_fitted_in_hindsight():
    whole = panel(n_series=30)
    some = protocols(whole.n_days)["R"]
    rows = {"mean 14": mean14, "median 21": median21, "ones": lambda known, horizon, seed: np.ones((30, horizon))}
    forecasts = make_forecasts(whole, [Method(name, forecast) for name, forecast in rows.items()], [some])
    row = hindsight_combination(whole, forecasts, [some], rows).iloc[0]
    table = ladder_table(whole, forecasts, [some], n_draws=2).set_index("method")["1-WMAPE"]
    assert row["best of them"] == pytest.approx(table.max())
    equal = ladder_table(whole, average(forecasts, "equal", rows), [some], n_draws=2)["1-WMAPE"].item()
    assert row["equal weights"] == pytest.approx(equal)
    scores = []
    for weights in itertools.product([0, 0.25, 0.5, 0.75, 1], repeat=2):
        pairs = list(zip(weights, ("mean 14", "median 21"), strict=True))
        points = {o: sum(w * forecasts[name, o, 15, 0].point for w, name in pairs) for o in some.origins}
        one = {Key("one", o, 15, 0): Forecast(point) for o, point in points.items()}
        scores.append(ladder_table(whole, one, [some], n_draws=2)["1-WMAPE"].item())
    assert row["weights in hindsight"] > max(scores) - 1e-3  # reweighted least squares comes close to the optimum
    assert row["weights in hindsight"] < max(scores) + 0.05


def test_forecasts_that_do_not_fit_are_named():
    for answer, message in (
        (np.zeros((40, 9)), r"m: the forecast has shape \(40, 9\)"),
        (np.full((40, 10), np.nan), "400 missing numbers"),
    ):
        with pytest.raises(ParameterError, match=message):
            make_forecasts(panel(), [Method("m", lambda known, horizon, seed, answer=answer: answer)], SHORT[:1])
    beyond = [Protocol("C", (85,), 10)]
    with pytest.raises(ParameterError, match="pass the panel's 90 days"):
        ladder_table(panel(), make_forecasts(panel(), [Method("mean 14", mean14)], beyond), beyond)


def test_the_issues_rows_on_the_original_attachments(original):

    printed = {  # 1 - WMAPE under P15, P25, R; bias likewise
        "seasonal naive 7": (0.410, 0.415, 0.432, -0.01, 0.07, 0.01),
        "all-history mean": (0.440, 0.412, 0.415, 0.01, 0.03, 0.01),
        "mean 14": (0.547, 0.527, 0.540, 0.00, 0.03, 0.01),
        "SES(.1)": (0.561, 0.525, 0.543, -0.03, 0.06, 0.02),
        "SES(.2)": (0.566, 0.517, 0.537, -0.07, 0.07, 0.00),
        "Croston SBA": (0.557, 0.538, 0.548, -0.07, 0.00, -0.03),
        "median 21": (0.565, 0.534, 0.554, -0.09, -0.07, -0.09),
        "mean of median 21 and SES(.2)": (0.571, 0.538, 0.555, -0.08, 0.00, -0.04),
        "best constant in hindsight": (0.672, 0.634, 0.655, -0.07, -0.10, -0.09),
        "constant in hindsight, day left out": (0.637, 0.611, 0.619, -0.07, -0.10, -0.09),
    }
    panel = build_panel(original)
    if panel.demand.shape != (1996, 166):
        pytest.skip("not the contest's 附件1 as published")
    stack = "L1 stack of simple forecasts"  # scores as listed; its recipe is not, and its bias is another
    chosen = [method for method in simple_methods() if method.name in printed or method.name == stack]
    cuts = protocols(166).values()
    table = ladder_table(panel, make_forecasts(panel, chosen, cuts), cuts, n_draws=2)
    scores, biases = (table.pivot(index="method", columns="protocol", values=v) for v in ("1-WMAPE", "bias"))
    for name, numbers in printed.items():
        assert scores.loc[name, ["P15", "P25", "R"]].to_numpy() == pytest.approx(numbers[:3], abs=0.001), name
        assert biases.loc[name, ["P15", "P25", "R"]].to_numpy() == pytest.approx(numbers[3:], abs=0.0051), name
    assert scores.loc[stack, ["P15", "P25", "R"]].to_numpy() == pytest.approx([0.564, 0.549, 0.557], abs=0.003)


def test_every_method_can_go_to_another_process():
    for method in all_methods(seeds=(0,)):
        assert pickle.loads(pickle.dumps(method)).name == method.name


def weekly(n_weeks=80) -> Panel:
    data = panel(14, n_weeks)
    flag = np.random.default_rng(0).random((14, n_weeks + 8)) < 0.2
    return replace(
        data, dates=WEEKLY.dates(pd.Timestamp("2021-01-04"), n_weeks), ahead={"a flag, [0 or 1]": flag * 1.0}, events={}
    )


@pytest.mark.filterwarnings("ignore")  # of series too short for a model
def test_every_row_of_the_ladder_forecasts_weeks():
    pytest.importorskip("statsforecast")
    pytest.importorskip("lightgbm")
    data, settings = weekly(), Settings(epochs=1, hidden_size=4, warm_up=8)
    methods = all_methods((0,), WEEKLY, 8) + flag_methods(data) + neural_methods(settings, (0,), frequency=WEEKLY)
    some = [Protocol("last weeks", (72,), 8)]
    forecasts = with_ensembles(make_forecasts(data, methods, some), WEEKLY)
    names = {key.method for key in forecasts}
    assert names > {"median by flag", *vars(rows_of(WEEKLY)).values(), *ensembles(WEEKLY)}
    assert not any("28" in name or name.endswith(" 7") for name in names)
    table = ladder_table(data, forecasts, some, methods, n_draws=2).set_index("method")
    assert np.isfinite(table["1-WMAPE"]).all()
    last = data.demand[:, 72 - 13 : 72]
    point = forecasts["median 13 weeks", 72, 8, 0].point
    np.testing.assert_array_equal(point, np.repeat(np.median(last, axis=1)[:, None], 8, axis=1))
    naive = forecasts["seasonal naive 52 weeks", 72, 8, 0].point
    np.testing.assert_array_equal(naive, data.demand[:, 72 - 52 : 72 - 44])
    year = season_factors(data.demand[:, :72].sum(axis=0), 52)  # no week is missing
    smooth = exponential_smoothing(data.demand[:, :72] / year[np.arange(72) % 52], 8) * year[np.arange(72, 80) % 52]
    np.testing.assert_allclose(forecasts["SES(.1), week of the year", 72, 8, 0].point, smooth)


def test_a_median_for_days_with_a_promotion_and_one_for_the_others():
    demand = np.array([[1, 1, 9, 2, 7, np.nan], [1, 2, 3, 4, 5, 6]])
    flagged = np.array([[0, 0, 1, 0, 1, 0, 1, 0], [0] * 8])
    found = baselines.median_by_flag(demand, 2, flagged, days=3)
    np.testing.assert_array_equal(found, [[8, 1], [5, 5]])
    # a series that never had a promotion is forecast by its recent median on one
    np.testing.assert_array_equal(baselines.median_by_flag(demand, 2, 1 - flagged, days=3)[1], [5, 5])
    assert flag_methods(panel()) == []


def test_forecasts_that_other_code_made_are_made_again(tmp_path, monkeypatch):
    data, first, second = panel(), Counting(), Counting()
    make_forecasts(data, [Method("m", first)], SHORT, tmp_path)
    monkeypatch.setattr("bowerbird.evaluation.ladder.forecasters_digest", lambda: "other code")
    make_forecasts(data, [Method("m", second)], SHORT, tmp_path)
    assert second.calls == first.calls


def test_denoising_sees_the_prefix_alone():
    data, forecast = panel(), partial(denoised, partial(on_demand, recent_mean), seed=0)
    changed = data.demand.copy()
    changed[:, 80:] = 1e4
    np.testing.assert_array_equal(forecast(data.until(80), 5), forecast(replace(data, demand=changed).until(80), 5))
    assert not np.array_equal(forecast(data, 5), recent_mean(data.demand, 5))


# ---- levels ---------------------------------------------------------------------------------------------------------

SERIES = pd.DataFrame({
    "seller_no": ["seller_1", "seller_1", "seller_2", "seller_2"],
    "product_no": ["product_1", "product_1", "product_2", "product_3"],
    "warehouse_no": ["wh_1", "wh_2", "wh_1", "wh_2"],
    "category1": ["a", "a", "a", "b"],
})  # fmt: skip


def four_series(n_days=90, seed=0) -> Panel:
    rng = np.random.default_rng(seed)
    demand = rng.poisson([[0.4], [1], [6], [12]], (4, n_days)).astype(float)
    return Panel(SERIES, pd.date_range("2022-12-01", periods=n_days, name="date"), demand)


def test_the_nodes_sum_their_series():
    tree = hierarchy(SERIES)
    n_nodes = {"total": 1, "category": 2, "warehouse": 2, "product": 3, "series": 4}
    assert tree.nodes["level"].tolist() == [level for level, n in n_nodes.items() for _ in range(n)]
    assert tree.nodes["name"].tolist()[:8] == ["total", "a", "b", "wh_1", "wh_2", "product_1", "product_2", "product_3"]
    assert tree.summing.toarray().astype(int).tolist() == [
        [1, 1, 1, 1],
        [1, 1, 1, 0], [0, 0, 0, 1],
        [1, 0, 1, 0], [0, 1, 0, 1],
        [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
        [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
    ]  # fmt: skip


def test_errors_of_opposite_sign_cancel_where_they_meet():
    # series 0 is two too high and series 1 two too low, each day: wrong alone, right together in product_1
    actual = np.array([[5.0, 5], [5, 5], [10, 10], [4, 4]])
    forecast = actual + np.array([[2.0, 2], [-2, -2], [0, 0], [1, -1]])
    found = accuracy_by_level(SERIES, actual, forecast).set_index(["level", "period"])["1-WMAPE"]
    assert found["series", "day"] == pytest.approx(1 - 10 / 48)
    assert found["product", "day"] == pytest.approx(1 - 2 / 48)
    assert found["warehouse", "day"] == pytest.approx(1 - (4 + 1 + 3) / 48)  # wh_2: -2 + 1, then -2 - 1
    assert found["category", "day"] == found["total", "day"] == pytest.approx(1 - 2 / 48)
    assert found["series", "horizon"] == pytest.approx(1 - 8 / 48)
    assert found["total", "horizon"] == 1
    assert ("series", "week") not in found  # no whole week


def test_whole_weeks_only_and_unknown_days_in_neither_sum():
    rng = np.random.default_rng(0)
    actual, forecast = rng.poisson(4, (2, 4, 15)).astype(float)
    found = accuracy_by_level(SERIES, actual, forecast).set_index(["level", "period"])["1-WMAPE"]
    weeks = [np.stack([x[:, :7].sum(1), x[:, 7:14].sum(1)], 1) for x in (actual, forecast)]
    assert found["series", "week"] == pytest.approx(1 - np.abs(weeks[0] - weeks[1]).sum() / weeks[0].sum())
    actual[0, 3] = np.nan
    forecast[0, 3] = 1e6
    found = accuracy_by_level(SERIES, actual, forecast)
    zeroed = [np.where(np.isnan(actual), 0, x) for x in (actual, forecast)]
    pd.testing.assert_frame_equal(found, accuracy_by_level(SERIES, *zeroed))


def test_mint_is_the_closed_form():
    pytest.importorskip("hierarchicalforecast")
    tree = hierarchy(SERIES)
    s = tree.summing.toarray()
    base = np.random.default_rng(2).gamma(5, 2, (12, 3))
    weights = s.sum(axis=1)
    # b = (S' W^-1 S)^-1 S' W^-1 y
    bottom = np.linalg.solve(s.T @ (s / weights[:, None]), s.T @ (base / weights[:, None]))
    np.testing.assert_allclose(reconcile(tree, base), s @ np.maximum(bottom, 0), rtol=1e-8)


@pytest.mark.parametrize("shrunk", [False, True])
def test_reconciled_forecasts_add_up_are_never_negative_and_leave_coherent_ones(shrunk):
    pytest.importorskip("hierarchicalforecast")
    rng, tree = np.random.default_rng(3), hierarchy(SERIES)
    residuals = rng.normal(0, 1, (12, 40)) if shrunk else None
    coherent = reconcile(tree, rng.normal(2, 3, (12, 5)), residuals)
    assert (coherent >= 0).all()
    np.testing.assert_allclose(coherent, tree.summing @ coherent[-4:])
    sums = tree.summing @ rng.gamma(2, 2, (4, 5))
    np.testing.assert_allclose(reconcile(tree, sums, residuals), sums, rtol=1e-6)


def test_a_linear_forecaster_is_coherent_by_itself_and_a_median_is_not():
    pytest.importorskip("hierarchicalforecast")
    data = four_series()
    smooth = levels_study(data, 75, 15, partial(exponential_smoothing, alpha=0.2))
    wide = smooth.pivot(index=["level", "period"], columns="how", values="1-WMAPE")
    for how in wide:
        np.testing.assert_allclose(wide[how], wide["bottom-up"], rtol=1e-6)
    median = levels_study(data, 75, 15, recent_median).pivot(index=["level", "period"], columns="how", values="1-WMAPE")
    assert list(median) == ["MinT, mint_shrink", "MinT, wls_struct", "bottom-up", "direct"]
    assert median.loc["total", "bottom-up"].to_numpy() != pytest.approx(median.loc["total", "direct"].to_numpy())
    assert set(smooth["level"]) == set(LEVELS)


def test_what_has_no_level_is_refused():
    with pytest.raises(ParameterError, match="origin is 40"):
        levels_study(four_series(), 40, 15, recent_median)


def test_levels_that_the_data_lack_are_left_out():
    only_products = pd.DataFrame({"product_no": ["a", "b"], "category1": ["x", "x"]})
    assert hierarchy(only_products).nodes["level"].tolist() == ["total", "category", "series", "series"]
    found = accuracy_by_level(only_products, np.array([[1.0, 1], [3, 3]]), np.array([[2.0, 2], [2, 2]]))
    assert found.query("period == 'day'").set_index("level")["1-WMAPE"].to_dict() == {
        "series": 0.5, "category": 1.0, "total": 1.0,
    }  # fmt: skip


def test_the_level_decides_on_the_original_attachments(original):

    data = build_panel(original)
    if data.demand.shape != (1996, 166):
        pytest.skip("not the contest's 附件1 as published")
    forecast = exponential_smoothing(data.demand[:, :151], 15)
    found = accuracy_by_level(data.series, data.demand[:, 151:], forecast).set_index(["level", "period"])["1-WMAPE"]
    by_day = [found[level, "day"] for level in ("series", "warehouse", "total")]
    assert by_day == pytest.approx([0.56, 0.87, 0.93], abs=0.005)
