"""The worth of forecasts in stock, against slow loops and hand-worked numbers; the scorecard of a plan."""

import os

import numpy as np
import pandas as pd
import pytest
from conftest import panel_of

from bowerbird.data.panel import Panel
from bowerbird.errors import DataError, ParameterError
from bowerbird.evaluation.ladder import Key, mean_point
from bowerbird.forecaster.forecast import Forecast
from bowerbird.inventory.demand import sample_newsvendor
from bowerbird.inventory.lost_sales import read_stock
from bowerbird.inventory.policy import Levels
from bowerbird.inventory.simulate import Costs, Stock, cost_parts, simulate
from bowerbird.seeds import stream
from bowerbird.studies import inventory as study
from bowerbird.studies import weekly_challenge as weekly
from bowerbird.studies.inventory import (
    PERFECT,
    at_equal_service,
    compare,
    cost_at_fill_rate,
    error_paths,
    pareto_front,
    past_errors,
    savings,
    scorecard,
    worth_of_forecasts,
)

ORIGINS, HORIZON = (30, 40, 50), 10
OPTIONS = {"horizon": HORIZON, "opening_stock": 5, "lead_time": 3, "review": 1}


def panel(n_series=60, seed=0) -> Panel:
    rng = np.random.default_rng(seed)
    level = rng.gamma(2, 6, (n_series, 1)) + 1
    return panel_of(rng.poisson(level * rng.gamma(8, 1 / 8, (n_series, 60))))


def forecasts(panel: Panel) -> dict:
    """The mean of all days before the origin; the same with noise on it; the truth, which none should know."""
    found = {}
    for origin in ORIGINS:
        mean = np.repeat(panel.demand[:, :origin].mean(axis=1, keepdims=True), HORIZON, axis=1)
        noise = np.random.default_rng(origin).lognormal(0, 0.7, mean.shape[:1])[:, None]
        found[Key("mean", origin, HORIZON, 0)] = Forecast(mean)
        found[Key("noisy", origin, HORIZON, 0)] = Forecast(mean * noise)
        found[Key("truth", origin, HORIZON, 0)] = Forecast(panel.demand[:, origin : origin + HORIZON])
    return found


def test_errors_of_a_perfect_past_are_none_and_paths_then_the_forecast_itself(monkeypatch):
    monkeypatch.setattr(study, "LEAST_PATHS", 7)
    monkeypatch.setattr(study, "LIKE", 0.0)
    whole = panel()
    past = past_errors(whole, forecasts(whole), "truth", (30, 40), HORIZON)
    assert past[1].shape == (2 * 60, HORIZON) and not past[1].any()
    point = np.random.default_rng(1).gamma(2, 3, (60, HORIZON))
    paths = error_paths(point, np.ones(60), past)
    np.testing.assert_array_equal(paths, np.repeat(point[:, None], 7, axis=1))


def test_a_series_borrows_whole_error_paths_of_series_like_it(monkeypatch):
    monkeypatch.setattr(study, "LEAST_PATHS", 3)
    level = np.array([1.0, 2.0, 4.0, 100.0, 200.0, 400.0])
    error = np.arange(6.0)[:, None] + np.arange(3) / 10  # which series' path, and which day of it
    at = np.array([2.0, 210.0])
    paths = error_paths(np.full((2, 3), 50.0), at, (level, error))
    relative = (paths - 50.0) / at[:, None, None]
    assert {tuple(path) for path in relative[0].round(6)} == {tuple((error[k]).round(6)) for k in (0, 1, 2)}
    assert {tuple(path) for path in relative[1].round(6)} == {tuple((error[k]).round(6)) for k in (3, 4, 5)}
    assert not error_paths(np.ones((1, 3)), np.ones(1), (np.ones(1), -5 * np.ones((1, 3)))).any()  # none below zero


def test_nothing_after_the_origin_changes_a_method_s_levels():
    """Other days to come: the walk changes, what was ordered for the first days does not."""
    whole = panel()
    other = Panel(whole.series, whole.dates, np.where(np.arange(60) < 50, whole.demand, 3 * whole.demand + 1))
    options = {"methods": ["mean"], "origins": ORIGINS} | OPTIONS
    made = forecasts(whole)
    tables = [worth_of_forecasts(p, made, **options) for p in (whole, other)]
    one, two = (table[table["method"] == "mean"].set_index("origin") for table in tables)
    pd.testing.assert_frame_equal(one.loc[[40]], two.loc[[40]])
    assert (one.loc[50, "fill_rate"] != two.loc[50, "fill_rate"]).all()
    past = past_errors(whole, made, "mean", (30, 40), HORIZON), past_errors(other, made, "mean", (30, 40), HORIZON)
    np.testing.assert_array_equal(past[0][1], past[1][1])


@pytest.mark.parametrize("lost_sales", [True, False])
def test_a_better_forecast_needs_less_stock_and_foresight_least(lost_sales):
    whole = panel(200)
    table = worth_of_forecasts(whole, forecasts(whole), ["mean", "noisy"], ORIGINS, **OPTIONS, lost_sales=lost_sales)
    assert len(table) == 3 * 2 * len(study.RATIOS) and set(table["origin"]) == {40, 50}
    rising = table[table["method"] == "mean"].groupby("origin")["fill_rate"].apply(lambda f: f.is_monotonic_increasing)
    assert rising.all()
    stock = at_equal_service(table, 0.9).set_index("method")["mean_stock"]
    assert stock["noisy"] > 1.1 * stock["mean"] > 1.1 * stock[PERFECT]
    served = table[table["method"] == PERFECT]
    if lost_sales:
        np.testing.assert_allclose(served["fill_rate_after_lead_time"], 1)


def test_own_paths_take_part():
    whole = panel()
    actual = {origin: whole.demand[:, None, origin : origin + HORIZON] for origin in ORIGINS}
    table = worth_of_forecasts(whole, forecasts(whole), [], ORIGINS, {"mine": actual}, **OPTIONS, lost_sales=False)
    both = table.set_index(["method", "origin"])["shortage_cost"]
    assert both["mine"].tolist() == both[PERFECT].tolist()
    assert np.allclose(table["level_loss"], 0)  # levels that are the demand until the next order arrives
    blind = {"mine": {origin: 0 * paths for origin, paths in actual.items()}}
    short = worth_of_forecasts(whole, forecasts(whole), [], ORIGINS, blind, **OPTIONS).query("method == 'mine'")
    np.testing.assert_allclose(short["level_loss"], 2 * short["critical_ratio"])  # a unit short costs the ratio


def test_a_series_with_an_unknown_day_is_left_out():
    """Ten of 60 series have an unknown day after each origin: the numbers are those of the fifty others."""
    whole = panel()
    demand = whole.demand.copy()
    demand[50:, [33, 44, 57]] = np.nan  # a day after each of the origins
    holed, few = Panel(whole.series, whole.dates, demand), whole.select(np.arange(50))
    made = forecasts(whole)
    less = {key: Forecast(mean_point(made, key.method, key.origin, HORIZON)[:50]) for key in made}
    options = {"methods": ["mean"], "origins": ORIGINS} | OPTIONS
    one, other = worth_of_forecasts(holed, made, **options), worth_of_forecasts(few, less, **options)
    pd.testing.assert_frame_equal(one, other)


def test_days_that_no_series_knows_are_refused():
    whole = panel()
    demand = whole.demand.copy()
    demand[np.arange(60), 51 + np.arange(60) % 8] = np.nan  # a day of each series, and no day of all
    with pytest.raises(ParameterError, match="origins hold 50: no series has 10 known days after it"):
        worth_of_forecasts(Panel(whole.series, whole.dates, demand), forecasts(whole), ["mean"], ORIGINS, **OPTIONS)
    with pytest.raises(ParameterError, match=r"origins \[50\]: no series has 10 known days"):
        past_errors(Panel(whole.series, whole.dates, demand), forecasts(whole), "mean", [50], 10)


def test_a_saving_is_that_of_the_tables_and_of_a_slow_loop_over_resampled_series(monkeypatch):
    monkeypatch.setattr(study, "DRAWS", 40)
    monkeypatch.setattr(study, "LEAST_ERRORS", 60)
    whole = panel()
    made = forecasts(whole)
    every = savings(whole, made, ["mean", "noisy"], "noisy", ORIGINS, 0.85, seed=5, **OPTIONS)
    saved, low, high, words = every.loc["mean"]
    assert words == ("no difference shown" if low < 0 < high else "saves")
    table = worth_of_forecasts(whole, made, ["mean", "noisy"], ORIGINS, **OPTIONS)
    cost = at_equal_service(table, 0.85).set_index("method")["holding_cost"]
    assert saved == pytest.approx(1 - cost["mean"] / cost["noisy"])

    simulated = list(study._simulations(whole, made, ["mean", "noisy"], ORIGINS, **OPTIONS))
    draws = stream(5, "inventory/bootstrap").multinomial(60, np.full(60, 1 / 60), 40)
    slow = []
    for counts in draws:
        series = np.repeat(np.arange(60), counts)
        rows = [
            {"method": method, "origin": origin, "mean_stock": 0.0, "turnover_days": 0.0,
             "holding_cost": cost_parts(run.totals, costs)["holding_cost"][series].sum(),
             "fill_rate_after_lead_time": run.sales[series, 3:].sum() / run.demand[series, 3:].sum()}
            for method, origin, _, _, _, run, costs in simulated if method != PERFECT
        ]  # fmt: skip
        cost = at_equal_service(pd.DataFrame(rows), 0.85).set_index("method")["holding_cost"]
        slow.append(1 - cost["mean"] / cost["noisy"])
    assert (low, high) == pytest.approx(tuple(np.nanquantile(slow, [0.025, 0.975])))
    assert every.loc["noisy"].tolist() == [0, 0, 0, "reference"]


def test_where_forecasters_cannot_be_compared_words_say_why():
    whole, ten = panel(200), panel(10)
    found = savings(whole, forecasts(whole), ["mean", "noisy"], "mean", ORIGINS, 1.0, seed=0, **OPTIONS)
    assert found["saved"].isna().all()
    assert found["in words"].str.fullmatch(r"mean reaches a fill rate of 0\.9\d\d at most").all()
    found = savings(ten, forecasts(ten), ["mean", "noisy"], "mean", ORIGINS, 0.8, seed=0, **OPTIONS)
    assert found["saved"].isna().all() and set(found["in words"]) == {"10 past errors, 90 are needed"}


@pytest.mark.parametrize(("n_series", "n_paths"), [(40, 30), (300, 150), (2000, 200)])
def test_the_errors_are_those_of_a_tenth_of_the_paths_and_of_thirty_to_two_hundred(n_series, n_paths):
    level = np.arange(1.0, 5 * n_series + 1)  # five past origins
    paths = error_paths(np.zeros((1, 1)), np.array([2.5 * n_series]), (level, level[:, None]))
    borrowed = np.sort(paths[0, :, 0]) / (2.5 * n_series)
    assert len(borrowed) == n_paths and (np.diff(borrowed) == 1).all()
    assert abs(np.median(borrowed) - 2.5 * n_series) <= 1


def test_ten_origins_up_to_the_last_and_those_alone_that_know_enough():
    assert study.origins_of(166, 15) == (79, 87, 95, 103, 111, 119, 127, 135, 143, 151)
    assert study.judged_of(study.origins_of(166, 15), 15) == [111, 119, 127, 135, 143, 151]
    assert study.origins_of(80, 15) == (41, 49, 57, 65)
    assert study.judged_of((41, 49, 57, 65), 15) == [57, 65]  # the days after 41 are known at 56
    assert study.origins_of(130, 15)[0] == 51  # at 43 a network with a warm-up of 28 days cannot train


def test_stock_between_two_ratios_by_hand():
    table = pd.DataFrame({
        "method": ["a", "a", "b", "b"], "origin": 1, "fill_rate_after_lead_time": [0.8, 0.9, 0.5, 0.6],
        "mean_stock": [10.0, 30.0, 1.0, 2.0], "holding_cost": [1.0, 3.0, 1.0, 2.0],
        "turnover_days": [1.0, 2.0, 1.0, 2.0],
    })  # fmt: skip
    found = at_equal_service(table, 0.85).set_index("method")
    assert found.loc["a"].tolist() == pytest.approx([20, 2, 1.5])
    assert found.loc["b"].isna().all()


# ---- the scorecard --------------------------------------------------------------------------------------------------


def test_hand_worked_card():
    # Sales 2 3 0 4 1, closing stock 3 0 0 1 0, orders of 5 on days 0 and 2.
    demand, costs = np.array([[2, 3, 2, 4, 1]]), Costs(holding=1.0, shortage=7.0, order=4.0)
    card = scorecard(simulate(demand, 6, 10), costs, actual=demand, forecast=[[2, 2, 2, 2, 2]])
    expected = {
        "1-WMAPE": 8 / 12, "bias": -2 / 12, "RMSE": np.sqrt(6 / 5), "turnover_days": 1.25, "turns_a_year": 365 / 1.25,
        "mean_stock": 4 / 5, "orders": 2, "holding_cost": 4, "shortage_cost": 14, "ordering_cost": 8, "total_cost": 26,
        "cost_per_unit": 26 / 12, "fill_rate": 10 / 12, "cycle_service": 1, "units_short": 2,
    }  # fmt: skip
    assert {name: value for (_, name), value in card.items()} == pytest.approx(expected)
    assert compare({"plan": card}).loc["plan", ("cost", "total_cost")] == 26


def test_pareto_front_by_hand():
    cost = [10, 12, 12, 15, 9, 20, 10]
    fill = [0.80, 0.90, 0.85, 0.90, 0.80, 0.95, 0.80]
    np.testing.assert_array_equal(pareto_front(cost, fill), [False, True, False, False, True, True, False])


def test_cost_at_equal_fill_rate():
    cost, fill = [10, 16, 30, 40], [0.8, 0.9, 0.85, 0.95]  # the third plan is beaten by the second
    assert [cost_at_fill_rate(cost, fill, wanted) for wanted in (0.85, 0.9, 0.925, 0.5)] == pytest.approx(
        [13, 16, 28, 10]
    )
    assert np.isnan(cost_at_fill_rate(cost, fill, 0.96))


# ---- orders from live stock -----------------------------------------------------------------------------------------


def test_live_orders_without_a_lead_time_are_newsvendor_levels():
    rng = np.random.default_rng(5)
    samples, actual = rng.poisson(3.0, (20, 60, 6)), rng.poisson(3.0, (20, 6)).astype(float)
    timing = {"opening_stock": 4, "lead_time": 0, "review": 1}
    live = study.live_orders(samples, actual, holding_cost=1.0, shortage_cost=4.0, **timing)
    S = np.stack([sample_newsvendor(samples[:, :, day], 0.8) for day in range(6)], axis=1)
    levels = simulate(actual, S, S, **timing)
    for name in ("orders", "arrivals", "sales", "opening_stock", "closing_stock"):
        np.testing.assert_array_equal(getattr(live, name), getattr(levels, name), err_msg=name)
    table = study.after_lead_time({"live": live}, holding_cost=1.0, shortage_cost=4.0)
    assert table["cost"][0] == pytest.approx((live.closing_stock + 4 * live.unmet).mean())


def test_kept_promise_of_a_plan_by_hand():
    # One day of lead time, so two days to cover: 4 covers 1 + 2 but not 2 + 3; 2 covers 0 + 0 twice.
    actual, level = np.array([[1.0, 2, 3], [0, 0, 0]]), np.array([[4.0, 4, 4], [2, 2, 2]])
    options = {"opening_stock": 1, "lead_time": 1, "review": 1}
    row = study.kept_promise({"plan": Levels(level, level)}, actual, 0.9, **options).iloc[0]
    # Item 1 sells its unit and orders 3; sells 2, keeps 1 and orders 1; sells both of 3 asked for: a shortage.
    assert (row["covered"], row["days without shortage"]) == (0.75, 0.75)
    assert row["fill rate"] == pytest.approx(4 / 5)


def test_a_table_of_stock_is_read_by_item_and_refused_where_it_lacks_one(tmp_path):
    series = pd.DataFrame({"product_no": ["a", "007"]})
    path = tmp_path / "stock.csv"
    path.write_text(
        "on_hand,product_no,on_order_2,holding_cost,shortage_cost\n3,007,5,0.1,2\n0,a,,0.2,1\n9,other,1,1,1\n"
    )
    shelf = read_stock(path, series, lead_time=2)
    assert shelf["on_hand"].tolist() == [0, 3] and shelf["shortage_cost"].tolist() == [1, 2]
    assert shelf[["on_order_1", "on_order_2"]].to_numpy().tolist() == [[0, 0], [0, 5]]
    path.write_text(path.read_text().replace("product_no", "SKU"))
    pd.testing.assert_frame_equal(read_stock(path, series, 2, {"product_no": "SKU"}), shelf)
    pd.read_csv(path, dtype={"SKU": str}).to_excel(tmp_path / "stock.xlsx", index=False)
    pd.testing.assert_frame_equal(read_stock(tmp_path / "stock.xlsx", series, 2, {"product_no": "SKU"}), shelf)
    for text, fault in (
        ("product_no,on_hand\na,1\n", "007 has no on_hand"),
        ("product_no,on_hand\na,1\n007,1\na,2\n", "row 4: the item stands twice"),
        ("product_no,on_hand,on_order_3\na,1,1\n007,1,1\n", "'on_order_3' is not known"),
        ("product_no,on_hand\na,-1\n007,1\n", "row 2, column on_hand: '-1' is negative"),
        ("product_no,on_hand\na,x\n007,1\n", "row 2, column on_hand: 'x' is not a number"),
        ("product_no,on_hand,holding_cost\na,1,1\n007,1,1\n", "no column 'shortage_cost'"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=fault):
            read_stock(path, series, lead_time=2)


# ---- notebook 18: six weekly orders ---------------------------------------------------------------------------------


def test_four_weeks_of_the_challenge_by_hand():
    # Opens with 3 units, 2 and 0 in transit; 4 units are ordered before each of the first two weeks.
    #   week 1: 3 + 2 in stock, 4 asked, 1 left             .2
    #   week 2: 1 + 0, 3 asked, 2 lost                     2
    #   week 3: 0 + 4 (ordered before week 1), 1 asked, 3 left  .6
    #   week 4: 3 + 4, 9 asked, 2 lost                     2
    stock = Stock(np.array([3.0]), [np.array([2.0]), np.array([0.0])])
    seen = []

    def four(known, stock):
        seen.append((known, stock.on_hand[0], stock.position[0]))
        return np.array([4.0])

    costs = weekly.play(np.array([[7, 4, 3, 1, 9.0]]), stock, four, start=1, n_orders=2)
    np.testing.assert_allclose(costs, [[0.2, 2.0, 0.6, 2.0]])
    assert seen == [(1, 3, 5), (2, 1, 5)]


def test_forecasts_of_the_challenge_use_earlier_weeks_only():
    game = weekly.made_up(6, 3, weekly.LEAST_WEEKS, seed=1)
    at = game.start + 2
    later = game.demand.copy()
    later[:, at:] = 50
    other = weekly.Challenge(later, game.dates, game.groups, game.on_hand, game.on_order)
    ours, theirs = (weekly.corrected(weekly.SeasonalSmoothing(g)) for g in (game, other))
    for known in ours:
        assert (ours[known] == theirs[known]).all() == (known <= at), known
    paths, also = (weekly.demand_paths(g, f, at) for g, f in ((game, ours), (other, theirs)))
    np.testing.assert_array_equal(paths, also)


def test_season_factors_are_the_seasons_of_steady_series():
    season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(52) / 52)
    demand = np.array([[100.0], [300.0]]) * np.tile(season, 3)
    factors = weekly.season_factors(demand, np.tile(np.arange(52), 3), [np.array([0, 1])])
    np.testing.assert_allclose(factors, np.tile(season, (2, 1)), atol=0.003)


def test_a_small_weekly_panel_of_rare_sales_is_played_to_its_end():
    rng = np.random.default_rng(6)
    demand = rng.poisson(0.3, (4, weekly.LEAST_WEEKS)).astype(float)
    demand[0, :90], demand[1, ::9] = np.nan, np.nan
    dates = pd.date_range("2021-01-04", periods=weekly.LEAST_WEEKS, freq="7D")
    game = weekly.from_panel(Panel(pd.DataFrame({"product_no": list("abcd")}), dates, demand))
    forecasts = weekly.corrected(weekly.SeasonalSmoothing(game))
    policies = {"live": weekly.on_paths(game, forecasts, weekly.lost_sales)}
    table = weekly.by_ratio(game, policies, [0.7, 0.8], n_games=2)
    assert np.isfinite(table.select_dtypes("number")).all(axis=None) and len(table.columns) == 5
    assert np.isfinite(weekly.score(game, weekly.benchmark(game)))


@pytest.mark.skipif("BOWERBIRD_OTHER_DATA" not in os.environ, reason="needs the folder vn2 in BOWERBIRD_OTHER_DATA")
def test_published_costs_of_the_challenge():
    game = weekly.read_files(os.path.join(os.environ["BOWERBIRD_OTHER_DATA"], "vn2"))
    demand = game.demand

    def foresight(known, stock):
        return np.maximum(demand[:, known : known + 3].sum(axis=1) - stock.position, 0)

    assert weekly.score(game, lambda known, stock: np.zeros(len(demand))) == pytest.approx(9961.2)
    assert weekly.score(game, foresight) == pytest.approx(573.0)
    assert weekly.score(game, weekly.benchmark(game)) == pytest.approx(4334.0)
