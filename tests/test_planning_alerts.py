"""Alerts: how demand is followed day by day, and what is raised from it and from the stock."""

import numpy as np
import pandas as pd
import pytest

from bowerbird.errors import ParameterError
from bowerbird.planning.alerts import (
    ALERT_COLUMNS,
    CUT,
    DRIFT,
    LEAST_PAUSES,
    PRIOR_PAUSES,
    RETURN_WEEKS,
    SALE_RATES,
    SILENT,
    WARM_UP,
    demand_alerts,
    largest_shortfall,
    returns,
    stock_alerts,
    watch,
)


def poisson_series(mean=8.0, n_series=4, n_days=120, seed=0):
    return np.random.default_rng(seed).poisson(mean, (n_series, n_days)).astype(float)


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


def test_chances_to_sell_again_against_a_slow_count_of_every_pause():
    rng = np.random.default_rng(8)
    demand = rng.poisson(np.repeat([0.03, 0.15, 0.3, 1.0], 15)[:, None], (60, 150)).astype(float)
    demand[rng.random(demand.shape) < 0.05] = np.nan
    demand[40:, 80:] = 0
    learnt = returns(demand, week=7)
    for day in (30, 90, 149):
        ended, lasted, now = {}, {}, []
        for units in demand[:, : day + 1]:
            known, pause, sales, before = 0, 0, 0, 0
            for asked in units:
                if asked > 0:
                    if sales:
                        place = np.searchsorted(SALE_RATES, sales / before, side="right"), pause // 7
                        ended[place] = ended.get(place, 0) + 1
                    known, pause, sales = known + 1, 0, sales + 1
                    before = known
                elif asked == 0:
                    known, pause = known + 1, pause + 1
                    if sales and pause % 7 == 0:
                        place = np.searchsorted(SALE_RATES, sales / before, side="right"), pause // 7 - 1
                        lasted[place] = lasted.get(place, 0) + 1
            now.append((np.searchsorted(SALE_RATES, sales / max(before, 1), side="right"), pause // 7, sales))
        for i, (like, weeks, sales) in enumerate(now):
            assert learnt.weeks[i, day] == weeks
            n = [ended.get((like, w), 0) + lasted.get((like, w), 0) for w in range(40)]
            weeks = max(w for w in range(weeks + 1) if w == 0 or n[w] >= LEAST_PAUSES)
            hazard, quiet = 1.0, 1.0
            for w in range(weeks + RETURN_WEEKS):
                hazard = (ended.get((like, w), 0) + PRIOR_PAUSES * hazard) / (n[w] + PRIOR_PAUSES)
                quiet *= 1 - hazard if w >= weeks else 1
            assert learnt.chance[i, day] == pytest.approx(1 - quiet if sales else 1)
            if sales:
                assert (learnt.lasted[i, day], learnt.pauses[i, day]) == (weeks, n[weeks])
        np.testing.assert_array_equal(returns(demand[:, : day + 1]).chance, learnt.chance[:, : day + 1])


def test_the_chance_to_sell_again_of_series_that_sell_on_one_day_in_fifty():
    """Sales come by chance alone: after any pause the chance of eight weeks is 1 - .98^56 = .68, of weekly data .15."""
    demand = (np.random.default_rng(1).random((3000, 400)) < 0.02).astype(float)
    for week, truth in ((7, 1 - 0.98**56), (1, 1 - 0.98**8)):
        learnt = returns(demand, week=week)
        sold = demand.cumsum(axis=1)[:, -1] > 0
        for weeks in (2, 5, 10):
            chance = learnt.chance[sold & (learnt.lasted[:, -1] == weeks), -1]
            assert len(chance) and np.allclose(chance, truth, atol=0.04)


# ---------------------------------------------------------------- alerts

DATES = pd.date_range("2022-12-01", periods=140)


def series(n):
    return pd.DataFrame(
        {"seller_no": "seller_1", "product_no": [f"product_{k}" for k in range(n)], "warehouse_no": "wh_1"}
    )


def alerts_among_ended(demand, dates=DATES):
    """Alerts of some series in a catalogue of which twenty others ended on day 28 and did not return."""
    ended = np.zeros((20, demand.shape[1]))
    ended[:, :WARM_UP] = 20
    table = demand_alerts(series(len(demand) + 20), dates, np.vstack([demand, ended]))
    own = table["product_no"].isin(series(len(demand))["product_no"])
    return table[own].reset_index(drop=True)


def test_planted_events_are_found_named_and_dated():
    demand = poisson_series(8.0, 6, 140)
    demand[1, 60] = 60
    demand[2, 70:90] = 0
    demand[3, 80:] = np.random.default_rng(1).poisson(24.0, 60)
    demand[4, 60:] = np.random.default_rng(2).poisson(8 * np.exp(-np.arange(80) / 12))
    table = alerts_among_ended(demand)
    assert tuple(table) == ("seller_no", "product_no", "warehouse_no", *ALERT_COLUMNS)
    assert table["date"].is_monotonic_increasing
    found = dict(iter(table.groupby("product_no")))
    assert set(found) == {"product_1", "product_2", "product_3", "product_4"}

    spike = found["product_1"].iloc[0]
    assert len(found["product_1"]) == 1 and spike["kind"] == "demand anomaly" and spike["date"] == DATES[60]
    assert spike["value"] > spike["threshold"] == 4.5 and spike["reason"].startswith("60 units where")

    silence = found["product_2"]
    assert silence["measure"].tolist() == ["silence"] and "stock-out" in silence["action"].iloc[0]
    assert DATES[70] < silence["date"].iloc[0] <= DATES[74]
    assert f"no sale since {DATES[69]:%Y-%m-%d}" in silence["reason"].iloc[0]

    shift = found["product_3"].query("kind == 'level shift'").iloc[0]
    begun = pd.Timestamp(shift["reason"][-10:])
    assert DATES[80] < shift["date"] <= DATES[87] and DATES[76] <= begun <= DATES[82]
    assert "rose" in shift["reason"] and shift["value"] > 0

    assert "end of life" in found["product_4"]["kind"].tolist()
    ends = found["product_4"].query("kind == 'end of life'").iloc[0]
    assert DATES[88] < ends["date"] and "transfer" in ends["action"]
    assert (found["product_4"].query("kind == 'level shift'")["value"] < 0).all()


def test_false_alarms_on_poisson_demand_are_rare():
    table = demand_alerts(series(400), DATES, poisson_series(5.0, 400, 140, seed=4))
    per_series_year = len(table) / 400 / (112 / 365)
    assert per_series_year < 0.3
    assert not len(demand_alerts(series(50), DATES, np.zeros((50, 140))))


def test_changing_the_future_leaves_the_alerts_of_the_past():
    demand = poisson_series(8.0, 40, 140, seed=5)
    demand[::2, 60] += 60
    demand[1::4, 70:85] = 0
    other = demand.copy()
    other[:, 90:] = np.random.default_rng(9).poisson(40.0, (40, 50))
    before, after = (demand_alerts(series(40), DATES, x) for x in (demand, other))
    cut = DATES[90]
    assert len(before[before["date"] < cut]) > 25
    pd.testing.assert_frame_equal(before[before["date"] < cut], after[after["date"] < cut])
    prefix = demand_alerts(series(40), DATES[:90], demand[:, :90])
    pd.testing.assert_frame_equal(prefix, before[before["date"] < cut])


def test_stock_alerts_by_hand():
    samples = np.full((4, 10, 30), 2.0)
    samples[:, 5:] = 3.0  # every other path sells 3 a day: 75 on average in 30 days, the 0.9 quantile is 90
    table = stock_alerts(
        series(4), "2023-05-16", samples, [9.0, 9.0, 80.0, 80.0], arrivals=[[0, 0], [0, 6], [0, 40], [9, 0]]
    )
    assert table["product_no"].tolist() == ["product_0", "product_2"]
    risk, excess = table.iloc[0], table.iloc[1]
    assert risk["kind"] == "stockout risk" and risk["value"] == 0.5  # 8 or 12 within four days
    assert "order or transfer 3 units" in risk["action"] and "50% probability" in risk["reason"]
    assert excess["kind"] == "overstock" and excess["value"] == 48 and "transfer 30 units" in excess["action"]
    assert (table["date"] == pd.Timestamp("2023-05-16")).all()


def test_the_quantity_is_the_largest_shortfall_before_what_is_due_arrives():
    # Five paths of 1, 2, 3, 4, 5 a day; 20 units arrive on the fourth day, which is enough for all four days together.
    samples = np.repeat(np.arange(1.0, 6)[:, None], 4, axis=1)[None].repeat(3, axis=0)
    due = np.tile([0.0, 0, 0, 20], (3, 1))
    table = stock_alerts(series(3), "2023-05-16", samples, [3.0, 0.0, 12.0], arrivals=due)
    # Three days: 3, 6, 9, 12, 15. With 3 on hand 0, 3, 6, 9, 12 are short: 9 units leave one path in five short.
    assert table["units"].tolist() == [9, 12] and table["value"].tolist() == [0.8, 1.0]
    assert table["worth"].tolist() == [9 * 6, 9 * 9]  # mean shortfall 6 and 9, a unit short costs 9
    assert "order or transfer 12 units at once" in table["action"][1]


def test_the_quantity_is_the_least_that_brings_the_chance_down():
    rng = np.random.default_rng(2)
    samples = rng.poisson(rng.gamma(2, 3, (200, 1, 1)), (200, 60, 6)).astype(float)
    on_hand, due = rng.integers(0, 30, 200).astype(float), rng.integers(0, 12, (200, 6)) * (rng.random((200, 6)) < 0.3)
    table = stock_alerts(series(200), "2023-05-16", samples, on_hand, arrivals=due)
    risks = table[table["kind"] == "stockout risk"]
    row = risks["product_no"].str.removeprefix("product_").astype(int).to_numpy()
    assert len(row) > 50 and risks["units"].max() > 20
    for more, enough in ((0, True), (-1, False)):
        supply = on_hand[row] + risks["units"].to_numpy() + more
        short = largest_shortfall(samples[row], supply, due[row], 4) > 0
        assert ((short.mean(axis=1) <= 0.2) == enough).all()


def test_the_largest_shortfall_is_what_a_path_loses():
    rng = np.random.default_rng(3)
    samples, on_hand = rng.poisson(4, (5, 8, 6)).astype(float), rng.integers(0, 15, 5).astype(float)
    due = rng.integers(0, 6, (5, 6)).astype(float)
    short = largest_shortfall(samples, on_hand, due, 6)
    for i in range(5):
        for k in range(8):
            there, lost = on_hand[i], 0.0
            for day in range(6):
                there += due[i, day]
                lost += max(samples[i, k, day] - there, 0)
                there = max(there - samples[i, k, day], 0)
            assert short[i, k] == lost


def ending(after=0.0, level=20.0, days=40):
    """A steady item that ends on day 90, and the demand of every day after."""
    demand = np.full((1, 90 + days), level)
    demand[0, 90:] = after
    return pd.date_range("2022-12-01", periods=90 + days), demand


@pytest.mark.parametrize("late_sales", [[], [95, 101, 110]])
def test_an_item_that_has_ended_raises_one_anomaly_and_one_end_of_life(late_sales):
    dates, demand = ending()
    demand[0, late_sales] = 1
    table = alerts_among_ended(demand, dates)
    assert table["kind"].tolist() == ["demand anomaly", "end of life"]
    assert table["date"][0] == dates[90]
    # On the 24th day after the end four of 28 days sold 20, 14 % of the best; what they sold in four days is at stake.
    # The last of the late sales is on day 110: a week of silence, which other series did not end, is over on day 117
    day = 117 if late_sales else 113
    assert table["date"][1] == dates[day]
    assert table["units"][1] == pytest.approx(4 * (20 * (117 - day) + len(late_sales)) / 28)
    assert table["worth"][1] == pytest.approx(30 * table["units"][1])
    known = "21 like pauses of 1 weeks" if late_sales else "20 like pauses of 3 weeks"
    assert f"of {known} or more, " in table["reason"][1]


def test_no_end_of_life_where_like_pauses_ended_or_none_is_known():
    dates, demand = ending()
    assert demand_alerts(series(1), dates, demand)["kind"].tolist() == ["demand anomaly"]
    paused = np.full((40, 280), 20.0)
    for i in range(40):
        paused[i, 40 + 5 * i : 75 + 5 * i] = 0  # five weeks without a sale, and then as before
    table = demand_alerts(series(40), pd.date_range("2022-12-01", periods=280), paused)
    assert "end of life" not in table["kind"].tolist() and "demand anomaly" in table["kind"].tolist()


def test_columns_have_the_same_types_whatever_kinds_of_alerts_there_are():
    dates, demand = ending()
    some, none = demand_alerts(series(1), dates, demand), demand_alerts(series(1), dates, 0 * demand)
    assert len(some) and not len(none)
    pd.testing.assert_series_equal(some.dtypes, none.dtypes)


def test_after_an_end_of_life_nothing_is_raised_until_demand_returns():
    dates, demand = ending(days=120)
    demand[0, [125, 140]] = 300  # cleared
    demand[0, 170:] = 20
    demand[0, 200] = 400
    table = alerts_among_ended(demand, dates)
    assert table["kind"].tolist() == ["demand anomaly", "end of life", "demand anomaly"]
    assert table["date"].tolist() == [dates[90], dates[113], dates[200]]


def test_a_promotion_of_a_week_is_one_alert_and_two_spikes_are_two():
    demand = np.full((2, 140), 8.0)
    demand[0, 60:67] = 60
    demand[1, [60, 75]] = 60
    table = demand_alerts(series(2), DATES, demand)
    found = {name: part[part["kind"] == "demand anomaly"] for name, part in table.groupby("product_no")}
    week, two = found["product_0"], found["product_1"]
    assert week["date"].tolist()[:1] == [DATES[60]] and (week["value"] > 0).sum() == 1
    assert two["date"].tolist() == [DATES[60], DATES[75]]
    assert two["worth"].tolist() == pytest.approx([9 * 52, 9 * 52], rel=0.05)  # 60 where 8 were expected


def test_unknown_days_raise_nothing_and_neither_begin_nor_end_an_episode():
    demand = np.full((3, 140), 12.0)
    demand[0, 90:118] = np.nan  # four unknown weeks
    demand[1, 90:] = np.nan
    demand[2, 90:95] = demand[2, 100:] = 0  # ended; five days of it unknown
    demand[2, 95:100] = np.nan
    table = alerts_among_ended(demand)
    assert set(table["product_no"]) == {"product_2"}
    assert table["kind"].tolist() == ["demand anomaly", "end of life"]
    assert table["date"].tolist() == [DATES[90], DATES[90 + 23 + 5]]


def test_the_day_of_the_last_sale_stands_though_days_are_unknown():
    demand = np.full((1, 140), 12.0)
    demand[0, 60:65] = np.nan
    demand[0, 65:68] = 0
    table = demand_alerts(series(1), DATES, demand)
    silence = table[table["measure"] == "silence"].iloc[0]
    assert silence["date"] == DATES[65] and f"no sale since {DATES[59]:%Y-%m-%d}" in silence["reason"]
    assert silence["units"] == pytest.approx(12) and silence["worth"] == pytest.approx(9 * 12)


def test_worth_of_a_shift_and_of_an_excess_by_hand():
    demand = np.full((2, 100), 9.0)
    demand[0, 60:], demand[1, 60:] = 25, 1
    table = demand_alerts(series(2), DATES[:100], demand, lead_time=2, review=1, shortage_cost=4)
    shift = table[table["kind"] == "level shift"].set_index("product_no")
    rise, fall = (shift.loc[name] for name in ("product_0", "product_1"))
    assert rise["units"] == pytest.approx(3 * (25 - 9), rel=0.15) and rise["worth"] == 4 * rise["units"]
    assert fall["worth"] == 3 * fall["units"]  # three days' units too many, held for three days
    excess = stock_alerts(series(1), "2023-05-16", np.ones((1, 4, 30)), [45.0], lead_time=2)
    assert excess["units"].tolist() == [15] and excess["worth"].tolist() == [15 * 30]


def test_cover_beyond_the_horizon_and_stock_that_never_sells():
    samples = np.full((2, 4, 10), 1.0)
    samples[1] = 0
    table = stock_alerts(series(2), "2023-05-16", samples, [45.0, 2.0])
    assert table["value"].tolist() == [45, np.inf]
    assert "transfer 15 units" in table["action"][0]


def test_stock_that_a_rare_rush_may_still_sell_is_no_overstock():
    samples = np.zeros((1, 20, 30))
    samples[0, 0] = 20  # a unit a day on average, though nothing on 19 of 20 paths
    assert stock_alerts(series(1), "2023-05-16", samples, [20.0]).empty
    assert stock_alerts(series(1), "2023-05-16", samples, [40.0])["value"].tolist() == [40]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"samples": np.ones((2, 3, 9))}, "samples"),
        ({"on_hand": [-1.0]}, "on_hand"),
        ({"lead_time": 9}, "lead_time"),
    ],
)
def test_stocks_that_do_not_fit_are_refused(wrong, named):
    with pytest.raises(ParameterError, match=named):
        stock_alerts(series(1), "2023-05-16", **({"samples": np.ones((1, 3, 9)), "on_hand": [1.0]} | wrong))


def test_demand_must_be_long_enough():
    for wrong in (np.ones((1, WARM_UP)), np.ones(100), np.full((1, 100), -1.0)):
        with pytest.raises(ParameterError, match="demand"):
            watch(wrong)
