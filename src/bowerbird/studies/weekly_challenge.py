"""Notebook 18: six weekly orders by the rules of the VN2 challenge, its benchmark, and a policy with lost sales.

An order placed before week t arrives two weeks later, at the start of week t + 2 (the challenge counts from the last
known week X = t - 1: "ordered in week X, received in week X + 3"). Demand that is not met is lost. A unit left at the
end of a week costs .2, a lost unit 1. There are six orders; the eight weeks from the first order on are played, and
the last six are scored.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.errors import BowerbirdError
from bowerbird.inventory.lost_sales import lost_sales_order
from bowerbird.inventory.policy import periodic_review_levels
from bowerbird.inventory.simulate import Stock
from bowerbird.seeds import stream
from bowerbird.studies.inventory import nearest

HOLDING, SHORTAGE = 0.2, 1.0  # per unit left at the end of a week, per unit lost
LEAD_TIME = 2  # weeks from order to arrival; also the weeks of stock in transit
AHEAD = LEAD_TIME + 1  # weeks to forecast: the last is the one that an order serves
ORDERS, WEEKS = 6, 8
YEAR = 52
LEARNT_FROM = 69  # weeks that the first forecast learnt from has seen: a year, and the 17 weeks of its features
RESIDUAL_WEEKS = 26  # past forecasts whose errors make the distribution
NEIGHBOUR_SHARE = 0.05  # of these errors, those of the most similar forecasts
FIRST_GAME = LEARNT_FROM + 32  # known weeks: enough forecasts with known errors before it
LEAST_WEEKS = FIRST_GAME + 3 * WEEKS  # of a data set, for two earlier games and the last

FILES = (
    "Week 8 - 2024-06-03 - Sales", "Week 0 - In Stock", "Week 0 - Master", "Week 0 - 2024-04-08 - Initial State",
)  # fmt: skip


@dataclass(frozen=True)
class Challenge:
    """Weekly demand of a catalogue, its stock before the first order, and the weeks that followed."""

    demand: np.ndarray  # (n_series, n_weeks), NaN where the series was out of stock: its demand is unknown
    dates: pd.DatetimeIndex
    groups: pd.DataFrame  # codes of each series from 0: product, department, and any others
    on_hand: np.ndarray  # (n_series,) units after the last known week
    on_order: np.ndarray  # (n_series, LEAD_TIME) units that arrive in the coming weeks

    @property
    def start(self) -> int:
        """Weeks known at the first order."""
        return len(self.dates) - WEEKS

    def week_of_year(self, first: int, last: int) -> np.ndarray:
        """Number of the ISO week, 0 to 51, of the weeks `first` to `last` - 1, beyond the data too."""
        dates = self.dates[0] + pd.to_timedelta(7 * np.arange(first, last), "D")
        return np.minimum(dates.isocalendar().week.to_numpy().astype(int), YEAR) - 1


def read_files(folder: Path | str) -> Challenge:
    """The challenge from its files, as the organisers published them."""
    folder, key = Path(folder), ["Store", "Product"]
    try:
        sales, in_stock, master, state = (pd.read_csv(folder / f"{name}.csv").set_index(key) for name in FILES)
    except (OSError, KeyError) as error:
        raise BowerbirdError(f"{folder} does not hold the files of the VN2 challenge: {error}") from error
    in_stock, master, state = (table.loc[sales.index] for table in (in_stock, master, state))
    columns = {"Product": "product", "ProductGroup": "group", "Department": "department", "Store": "store"}
    groups = master.reset_index()[[*columns]].rename(columns=columns)
    return Challenge(
        sales.where(in_stock[sales.columns].astype(bool)).to_numpy(float),
        pd.DatetimeIndex(sales.columns),
        groups.apply(lambda column: column.astype("category").cat.codes),
        state["End Inventory"].to_numpy(float),
        state[["In Transit W+1", "In Transit W+2"]].to_numpy(float),
    )


def from_panel(panel: Panel) -> Challenge:
    """The same game on the last weeks of a weekly panel; stock and orders are the last known week's mean demand."""
    columns = {"product_no": "product", "category1": "department", "category2": "group", "warehouse_no": "store"}
    groups = panel.series.reindex(columns=list(columns)).rename(columns=columns).dropna(axis=1, how="all")
    groups = groups.astype(str).apply(lambda column: column.astype("category").cat.codes)
    if "department" not in groups:
        groups["department"] = 0
    usual = np.rint(_mean(panel.demand[:, -WEEKS - 13 : -WEEKS]))
    return Challenge(panel.demand, panel.dates, groups, usual, np.repeat(usual[:, None], LEAD_TIME, axis=1))


def made_up(n_products: int, n_stores: int, n_weeks: int, seed: int) -> Challenge:
    """A catalogue of the same form from a seed: levels that drift, one season a department, weeks out of stock."""
    rng = stream(seed, "weekly challenge")
    n_series = n_products * n_stores
    product, store = np.repeat(np.arange(n_products), n_stores), np.tile(np.arange(n_stores), n_products)
    department = product % 3
    dates = pd.date_range("2021-04-12", periods=n_weeks, freq="7D")
    angle = 2 * np.pi * (np.arange(n_weeks) % YEAR) / YEAR
    season = np.exp(0.5 * np.sin(angle + 2 * np.arange(3)[:, None]))  # (n_departments, n_weeks)
    drift = np.exp(np.cumsum(rng.normal(0, 0.03, (n_series, n_weeks)), axis=1))
    mean = rng.lognormal(0.5, 1, (n_series, 1)) * drift * season[department]
    demand = rng.negative_binomial(2, 2 / (2 + mean)).astype(float)
    demand[:, :-WEEKS][rng.random((n_series, n_weeks - WEEKS)) < 0.02] = np.nan
    groups = pd.DataFrame({"product": product, "department": department, "store": store})
    usual = np.rint(mean[:, -WEEKS - 1])
    return Challenge(demand, dates, groups, usual, np.repeat(usual[:, None], LEAD_TIME, axis=1))


# ---- the rules ------------------------------------------------------------------------------------------------------

Policy = Callable[[int, Stock], np.ndarray]
"""Units to order, (n_series,), from the number of weeks known and the stock."""


def play(demand: np.ndarray, stock: Stock, policy: Policy, start: int, n_orders: int = ORDERS) -> np.ndarray:
    """Cost of each series and week (n_series, n_weeks) from `start` on, in weeks of unknown demand as if none came."""
    costs = []
    for week in range(start, demand.shape[1]):
        ordered = policy(week, stock) if week < start + n_orders else np.zeros(len(demand))
        stock.order(ordered)
        asked = np.nan_to_num(demand[:, week])
        _, sold = stock.serve(asked, lost_sales=True)
        costs.append(HOLDING * stock.on_hand + SHORTAGE * (asked - sold))
    return np.transpose(costs)


def score(challenge: Challenge, policy: Policy, start: int | None = None) -> float:
    """Cost of the scored weeks of the challenge, or of the same game that begins after `start` known weeks.

    An earlier game opens with the stock that the benchmark's orders of twelve weeks before have led to. Series with
    an unknown week during the game are left out.
    """
    if start is None:
        start, stock = challenge.start, Stock(challenge.on_hand, list(challenge.on_order.T))
    else:
        first = start - 12
        usual = np.rint(moving_average(challenge, first))
        stock = Stock(usual[:, 0], [usual[:, 1], usual[:, 2]])
        play(challenge.demand[:, :start], stock, benchmark(challenge), first, 12)
    game = challenge.demand[:, : start + WEEKS]
    known = ~np.isnan(game[:, start:]).any(axis=1)
    return float(play(game, stock, policy, start)[known, WEEKS - ORDERS :].sum())


def earlier_starts(challenge: Challenge, n_games: int) -> list[int]:
    """Known weeks at the first order of the last games, one after the other, before the challenge."""
    starts = range(challenge.start - n_games * WEEKS, challenge.start, WEEKS)
    return [start for start in starts if start >= FIRST_GAME]


def moving_average(challenge: Challenge, known: int) -> np.ndarray:
    """The organisers' forecast (n_series, 4): 13 weeks' mean without the season, times the season of all series."""
    week, demand = challenge.week_of_year(0, known + 4), challenge.demand[:, :known]
    total = pd.Series(_mean(demand.T)).groupby(week[:known]).mean()
    season = (total / max(total.mean(), 1e-9)).reindex(range(YEAR), fill_value=1.0).clip(lower=0.05).to_numpy()
    level = pd.DataFrame(demand / season[week[:known]]).iloc[:, -13:].mean(axis=1).fillna(0).to_numpy()
    return level[:, None] * season[week[known:]]


def benchmark(challenge: Challenge) -> Policy:
    """The organisers' policy: order up to the forecast of four weeks."""
    return lambda known, stock: np.rint(np.maximum(moving_average(challenge, known).sum(axis=1) - stock.position, 0))


# ---- forecasts ------------------------------------------------------------------------------------------------------


def season_factors(demand: np.ndarray, week: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """Factor of every week of the year (n_series, 52), from `groups`, the series' codes from coarse to fine.

    The factor of all series is their sales of the week over their mean sales of the year. A finer group multiplies it
    by (sales + k) / (expected sales + k) with k = 200 units, so that small groups stay near the coarser factor. The
    weeks before and after count a quarter.
    """
    age = (demand.shape[1] - 1 - np.arange(demand.shape[1])) // YEAR  # whole years before the last week
    usual = np.full(demand.shape, np.nan)
    for year in range(age.max() + 1):
        days = demand[:, age == year]
        n_known = np.count_nonzero(~np.isnan(days), axis=1)
        mean = np.where(n_known >= 8, np.nansum(days, axis=1) / np.maximum(n_known, 1), np.nan)
        usual[:, age == year] = mean[:, None]
    known = ~np.isnan(demand) & ~np.isnan(usual)
    in_week = week[:, None] == np.arange(YEAR)  # (n_weeks, 52)
    sold, expected = np.where(known, demand, 0) @ in_week, np.where(known, usual, 0) @ in_week  # (n_series, 52)
    sold, expected = (x + (np.roll(x, 1, axis=1) + np.roll(x, -1, axis=1)) / 4 for x in (sold, expected))
    factors = np.ones_like(sold)
    for group, k in zip([np.zeros(len(demand), int), *groups], [0.01] + [200.0] * len(groups), strict=True):
        above, below = (_group_sums(x, group) for x in (sold, expected * factors))
        factors *= (above + k) / (below + k)
    return np.maximum(factors, 0.05)


def _group_sums(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Each row's sum over its group, in the shape of the values."""
    sums = np.zeros((group.max() + 1, *values.shape[1:]))
    np.add.at(sums, group, values)
    return sums[group]


class SeasonalSmoothing:
    """Simple exponential smoothing of demand without its season, times the season of the weeks ahead."""

    def __init__(self, challenge: Challenge, by: tuple[str, ...] = ("department", "product")):
        self.challenge, self.kept = challenge, {}
        self.coarse_to_fine = [challenge.groups[name].to_numpy() for name in by]

    def __call__(self, known: int, alpha: float = 0.1) -> np.ndarray:
        """Mean demand of the coming weeks (n_series, AHEAD) from the first `known` weeks alone."""
        if (known, alpha) not in self.kept:
            demand, week = self.challenge.demand[:, :known], self.challenge.week_of_year(0, known + AHEAD)
            if known not in self.kept:
                self.kept[known] = season_factors(demand, week[:known], self.coarse_to_fine)
            factors = self.kept[known]
            # level = sum of decayed sales / sum of decayed factors, with one week of the two years' mean
            decay = (1 - alpha) ** np.arange(known - 1, -1, -1) * ~np.isnan(demand)
            usual = _mean(demand[:, -2 * YEAR :])
            level = (np.nansum(decay * demand, axis=1) + usual) / ((decay * factors[:, week[:known]]).sum(axis=1) + 1)
            self.kept[known, alpha] = np.maximum(level[:, None] * factors[:, week[known:]], 0.05)
        return self.kept[known, alpha]


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean of each row's known weeks, 0 where none is known."""
    return np.nansum(values, axis=1) / np.maximum(np.count_nonzero(~np.isnan(values), axis=1), 1)


def features(smoothing: SeasonalSmoothing, one_season: SeasonalSmoothing, known: int) -> np.ndarray:
    """What the trees see of each week ahead, (AHEAD, n_series, n_features), from the first `known` weeks alone."""
    demand = smoothing.challenge.demand[:, :known]
    groups = smoothing.challenge.groups.to_numpy().T
    year, recent = demand[:, -YEAR:], demand[:, -8:]
    usual = np.maximum(_mean(year), 0.1)
    last_year = demand[:, known - YEAR : known - YEAR + AHEAD] / usual[:, None]
    columns = [*np.log1p(recent[:, -4:].T), _mean(recent) / usual, np.mean(year == 0, axis=1), _mean(last_year)]
    columns += [np.log1p(np.nan_to_num(year).max(axis=1)), np.isnan(demand[:, -26:]).mean(axis=1), *groups]
    # How far the last forecast missed: the series, and all series of its product, department, ...
    forecast = smoothing(known - AHEAD)
    actual = np.where(np.isnan(demand[:, -AHEAD:]), forecast, demand[:, -AHEAD:])
    for group in (np.arange(len(demand)), *groups):
        sold, expected = (np.cumsum(_group_sums(x[:, ::-1], group), axis=1) for x in (actual, forecast))
        columns += [*np.log((sold + 5) / (expected + 5)).T]  # of the last week, the last two, all three
    simple, fast, slow = (np.log(smoothing(known, alpha)) for alpha in (0.1, 0.3, 0.03))
    week = smoothing.challenge.week_of_year(known, known + AHEAD)
    same = np.log(one_season(known)) - simple
    own = [simple, fast - simple, slow - simple, same, last_year]
    own += [np.tile(x, (len(demand), 1)) for x in (week, range(AHEAD))]
    common = np.column_stack(columns)
    return np.stack([np.column_stack([*(x[:, h] for x in own), common]) for h in range(AHEAD)])


def corrected(smoothing: SeasonalSmoothing) -> dict[int, np.ndarray]:
    """Forecasts (n_series, AHEAD) by the weeks known: the simple forecast times a correction that LightGBM learns.

    The trees are trained anew every four weeks, on weeks known by then. So every forecast, of past weeks too, uses
    earlier weeks only.
    """
    import lightgbm

    challenge, found = smoothing.challenge, {}
    start, last = challenge.start, challenge.start + ORDERS
    one_season = SeasonalSmoothing(challenge, by=())
    inputs = {known: features(smoothing, one_season, known) for known in range(LEARNT_FROM, last)}
    settings = {
        "objective": "poisson", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 200, "lambda_l2": 10,
        "feature_fraction": 0.5, "bagging_fraction": 0.5, "bagging_freq": 1, "seed": 0, "deterministic": True,
        "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    for trained in range(start - (start - LEARNT_FROM - 12) // 4 * 4, last, 4):
        rows, targets, offsets, weights = [], [], [], []
        for known in range(LEARNT_FROM, trained - AHEAD + 1):
            actual = challenge.demand[:, known : known + AHEAD].T  # (AHEAD, n_series)
            seen = ~np.isnan(actual)
            rows.append(inputs[known][seen])
            targets.append(actual[seen])
            offsets.append(np.log(smoothing(known)).T[seen])
            weights.append(np.full(seen.sum(), 0.99 ** (trained - known)))
        data = lightgbm.Dataset(
            np.concatenate(rows), np.concatenate(targets), init_score=np.concatenate(offsets),
            weight=np.concatenate(weights),
        )  # fmt: skip
        trees = lightgbm.train(settings, data, 100)
        for known in range(trained, min(trained + 4, last)):
            correction = np.column_stack([trees.predict(x, raw_score=True) for x in inputs[known]])
            found[known] = smoothing(known) * np.exp(correction)
    return found


def demand_paths(challenge: Challenge, forecasts: dict[int, np.ndarray], known: int) -> np.ndarray:
    """Possible demand of the coming weeks (n_series, n_paths, AHEAD): the forecast times past actual / forecast.

    The ratios are those of past forecasts of any series whose level was most similar, a share NEIGHBOUR_SHARE of all.
    """
    past = [week for week in forecasts if known - AHEAD - RESIDUAL_WEEKS < week <= known - AHEAD]
    expected = np.concatenate([forecasts[week] for week in past])
    came = np.concatenate([challenge.demand[:, week : week + AHEAD] for week in past])
    whole = ~np.isnan(came).any(axis=1)
    expected, came = expected[whole], came[whole]
    n_paths = max(int(NEIGHBOUR_SHARE * len(came)), min(50, len(came)))
    chosen = nearest(expected.mean(axis=1), forecasts[known].mean(axis=1), n_paths)  # (n_series, n_paths)
    return forecasts[known][:, None] * (came / expected)[chosen]


def lost_sales(paths: np.ndarray, stock: Stock, ratio: float) -> np.ndarray:
    """The order on live stock, with the critical ratio p / (p + h) given."""
    transit = np.column_stack(stock.on_order)
    return lost_sales_order(paths, stock.on_hand, transit, holding_cost=1.0, shortage_cost=ratio / (1 - ratio))


def base_stock(paths: np.ndarray, stock: Stock, ratio: float) -> np.ndarray:
    """The order up to the level of the same paths if demand that is not met waited."""
    levels = periodic_review_levels(paths, lead_time=LEAD_TIME, service_level=ratio, n_days=1)
    return np.maximum(levels.S[:, 0] - stock.position, 0)


def on_paths(challenge: Challenge, forecasts: dict[int, np.ndarray], order: Callable) -> Callable[[float], Policy]:
    """The policy that orders by `order` on `demand_paths`, for any critical ratio; the paths are kept."""
    paths = functools.cache(functools.partial(demand_paths, challenge, forecasts))
    return lambda ratio: lambda known, stock: order(paths(known), stock, ratio)


def by_ratio(challenge: Challenge, policies: dict[str, Callable], ratios, n_games: int) -> pd.DataFrame:
    """Cost of every policy at every critical ratio in the earlier games, one column a game, and the mean."""
    starts, rows = earlier_starts(challenge, n_games), []
    for name, policy in policies.items():
        for ratio in ratios:
            costs = {str(challenge.dates[start].date()): score(challenge, policy(ratio), start) for start in starts}
            rows.append({"policy": name, "ratio": ratio, **costs, "mean": np.mean(list(costs.values()))})
    return pd.DataFrame(rows)
