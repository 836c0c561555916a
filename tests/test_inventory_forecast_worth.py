import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.ladder import Key, mean_point
from bowerbird.forecaster.forecast import Forecast
from bowerbird.inventory.simulate import holding_cost
from bowerbird.seeds import stream
from bowerbird.studies import inventory as forecast_worth
from bowerbird.studies.inventory import PERFECT, at_equal_service, error_paths, past_errors, saving, worth_of_forecasts

ORIGINS, HORIZON = (30, 40, 50), 10


def panel(n_series=60, seed=0) -> Panel:
    rng = np.random.default_rng(seed)
    level = rng.gamma(2, 6, (n_series, 1)) + 1
    demand = rng.poisson(level * rng.gamma(8, 1 / 8, (n_series, 60))).astype(float)
    series = pd.DataFrame({"seller_no": "s", "product_no": [f"p{i}" for i in range(n_series)], "warehouse_no": "w"})
    return Panel(series, pd.date_range("2023-01-01", periods=60, name="date"), demand)


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


def test_errors_of_a_perfect_past_are_none_and_paths_then_the_forecast_itself():
    whole = panel()
    past = past_errors(whole, forecasts(whole), "truth", (30, 40), HORIZON)
    assert past[1].shape == (2 * 60, HORIZON) and not past[1].any()
    point = np.random.default_rng(1).gamma(2, 3, (60, HORIZON))
    paths = error_paths(point, np.ones(60), past, 7)
    np.testing.assert_array_equal(paths, np.repeat(point[:, None], 7, axis=1))


def test_a_series_borrows_whole_error_paths_of_series_like_it():
    level = np.array([1.0, 2.0, 4.0, 100.0, 200.0, 400.0])
    error = np.arange(6.0)[:, None] + np.arange(3) / 10  # which series' path, and which day of it
    at = np.array([2.0, 210.0])
    paths = error_paths(np.full((2, 3), 50.0), at, (level, error), 3)
    relative = (paths - 50.0) / at[:, None, None]
    assert {tuple(path) for path in relative[0].round(6)} == {tuple((error[k]).round(6)) for k in (0, 1, 2)}
    assert {tuple(path) for path in relative[1].round(6)} == {tuple((error[k]).round(6)) for k in (3, 4, 5)}
    assert not error_paths(np.ones((1, 3)), np.ones(1), (np.ones(1), -5 * np.ones((1, 3)))).any()  # none below zero


def test_nothing_after_the_origin_changes_a_method_s_levels():
    """Other days to come: the walk changes, what was ordered for the first days does not."""
    whole = panel()
    other = Panel(whole.series, whole.dates, np.where(np.arange(60) < 50, whole.demand, 3 * whole.demand + 1))
    options = {"methods": ["mean"], "origins": ORIGINS, "horizon": HORIZON, "ratios": (0.9,)}
    made = forecasts(whole)
    one, two = (worth_of_forecasts(p, made, **options).set_index(["method", "origin"]) for p in (whole, other))
    pd.testing.assert_series_equal(one.loc[("mean", 40)], two.loc[("mean", 40)])
    assert one.loc[("mean", 50), "fill_rate"] != two.loc[("mean", 50), "fill_rate"]
    past = past_errors(whole, made, "mean", (30, 40), HORIZON), past_errors(other, made, "mean", (30, 40), HORIZON)
    np.testing.assert_array_equal(past[0][1], past[1][1])


@pytest.mark.parametrize("lost_sales", [True, False])
def test_a_better_forecast_needs_less_stock_and_foresight_least(lost_sales):
    whole = panel(200)
    table = worth_of_forecasts(
        whole, forecasts(whole), ["mean", "noisy"], ORIGINS,
        horizon=HORIZON, lost_sales=lost_sales, ratios=(0.05, 0.2, 0.5, 0.8, 0.95, 0.99),
    )  # fmt: skip
    assert len(table) == 3 * 2 * 6 and set(table["origin"]) == {40, 50}
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
    table = worth_of_forecasts(
        whole, forecasts(whole), [], ORIGINS, {"mine": actual}, horizon=HORIZON, ratios=(0.9,), lost_sales=False
    )
    both = table.set_index(["method", "origin"])["shortage_cost"]
    assert both["mine"].tolist() == both[PERFECT].tolist()


def test_a_series_with_an_unknown_day_is_left_out():
    """Ten of 60 series have an unknown day after each origin: the numbers are those of the fifty others."""
    whole = panel()
    demand = whole.demand.copy()
    demand[50:, [33, 44, 57]] = np.nan  # a day after each of the origins
    holed, few = Panel(whole.series, whole.dates, demand), whole.select(np.arange(50))
    made = forecasts(whole)
    less = {key: Forecast(mean_point(made, key.method, key.origin, HORIZON)[:50]) for key in made}
    options = {"methods": ["mean"], "origins": ORIGINS, "horizon": HORIZON, "ratios": (0.5, 0.9)}
    one, other = worth_of_forecasts(holed, made, **options), worth_of_forecasts(few, less, **options)
    pd.testing.assert_frame_equal(one, other)


def test_days_that_no_series_knows_are_refused():
    whole = panel()
    demand = whole.demand.copy()
    demand[:, 57] = np.nan
    with pytest.raises(ParameterError, match="origins hold 50: no series has 10 known days after it"):
        worth_of_forecasts(Panel(whole.series, whole.dates, demand), forecasts(whole), ["mean"], ORIGINS, horizon=10)
    with pytest.raises(ParameterError, match=r"origins \[50\]: no series has 10 known days"):
        past_errors(Panel(whole.series, whole.dates, demand), forecasts(whole), "mean", [50], 10)


def test_a_saving_is_that_of_the_tables_and_of_a_slow_loop_over_resampled_series():
    whole = panel()
    made = forecasts(whole)
    saved, low, high = saving(whole, made, "mean", "noisy", ORIGINS, 0.85, n_draws=40, seed=5, horizon=HORIZON)
    table = worth_of_forecasts(whole, made, ["mean", "noisy"], ORIGINS, horizon=HORIZON)
    cost = at_equal_service(table, 0.85).set_index("method")["holding_cost"]
    assert saved == pytest.approx(1 - cost["mean"] / cost["noisy"])

    options = (ORIGINS, None, HORIZON, forecast_worth.RATIOS, 5, {"lead_time": 3, "review": 1}, True, 1.0)
    walks = list(forecast_worth._walks(whole, made, ["mean", "noisy"], *options))
    draws = stream(5, "08/bootstrap").multinomial(60, np.full(60, 1 / 60), 40)
    slow = []
    for counts in draws:
        series = np.repeat(np.arange(60), counts)
        rows = [
            {"method": method, "origin": origin, "holding_cost": holding_cost(walk, costs)[series].sum(),
             "fill_rate_after_lead_time": walk.sales[series, 3:].sum() / walk.demand[series, 3:].sum(),
             "mean_stock": np.nan, "turnover_days": np.nan}
            for method, origin, _, _, walk, costs in walks if method != PERFECT
        ]  # fmt: skip
        rows = pd.DataFrame(rows).fillna(0.0)
        cost = at_equal_service(rows, 0.85).set_index("method")["holding_cost"]
        slow.append(1 - cost["mean"] / cost["noisy"])
    assert (low, high) == pytest.approx(tuple(np.nanquantile(slow, [0.025, 0.975])))


def test_a_method_saves_nothing_against_itself():
    whole = panel(20)
    assert saving(whole, forecasts(whole), "mean", "mean", ORIGINS, 0.8, 30, horizon=HORIZON) == (0, 0, 0)


def test_stock_between_two_ratios_by_hand():
    table = pd.DataFrame({
        "method": ["a", "a", "b", "b"], "origin": 1, "fill_rate_after_lead_time": [0.8, 0.9, 0.5, 0.6],
        "mean_stock": [10.0, 30.0, 1.0, 2.0], "holding_cost": [1.0, 3.0, 1.0, 2.0],
        "turnover_days": [1.0, 2.0, 1.0, 2.0],
    })  # fmt: skip
    found = at_equal_service(table, 0.85).set_index("method")
    assert found.loc["a"].tolist() == pytest.approx([20, 2, 1.5])
    assert found.loc["b"].isna().all()


def test_one_origin_is_too_few():
    with pytest.raises(ParameterError, match="origins is"):
        worth_of_forecasts(panel(), {}, ["mean"], (30,))


def test_origins_too_near_are_refused_in_words():
    with pytest.raises(ParameterError, match=r"origins is \[40, 50, 65\]: none lies horizon = 15 days before 50"):
        worth_of_forecasts(None, {}, [], [40, 50, 65], horizon=15)
