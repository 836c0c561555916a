"""The synthetic twin: six attachments like the contest's, with the truth behind every series kept beside them.

The constants come first: counts of the full-size data (1,996 series), which smaller twins share out in proportion, then
those of demand. The mean of a series is its level x a latent curve x a slow random walk about it x the calendar. The
counts are negative binomial around it, broken by stock-outs and a few flash sales. The constants of demand were set by
measuring a full-size twin against figures of the original data; each comment names the figure.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from bowerbird.data.panel import long_table
from bowerbird.data.reader import ATTACHMENTS, SERIES_KEY, Attachments
from bowerbird.errors import ParameterError
from bowerbird.files import write_csv, write_parquet
from bowerbird.seeds import stream

FIRST_DAY, N_DAYS = "2022-12-01", 166
PROMOTION_DAYS = pd.date_range("2022-11-01", "2022-11-11", name="date")
FULL_SERIES = 1996
PRODUCTS_STOCKED_IN = {1: 692, 2: 333, 3: 126, 4: 47, 5: 12, 6: 2}
"""Number of warehouses -> products: 1,212 products, 1,996 series, mean 1.65."""
ALL_PRODUCTS = 2302  # products of 附件2; the rest has no shipments or is new

SERIES_BY_CATEGORY = {
    "家装建材": 321, "食品饮料": 311, "美妆护肤": 206, "宠物生活": 183, "手机通讯": 180, "家用电器": 166,
    "电脑、办公": 147, "厨具": 126, "个人护理": 125, "家庭清洁/纸品": 43, "家具": 41, "数码": 32,
    "生活日用": 26, "服饰内衣": 22,
    "户外装备": 18, "母婴用品": 15, "礼品": 13, "文化用品": 13, "园艺": 4, "保健器材": 4,  # these six are invented
}  # fmt: skip
IDLE_CATEGORIES = ("汽车用品", "图书", "乐器")
SUBCATEGORIES = 62, 210  # second-level and third-level categories among the series; 附件2 holds 79 and 291
IDLE_SUBCATEGORIES = 17, 81

SERIES_BY_SELLER = {  # (inventory_category, seller_level) -> sizes of its sellers; 35 sellers in all
    ("B", "Large"): (170, 118, 92, 70, 66, 62, 58, 40, 36, 34, 30, 29, 24),
    ("A", "Large"): (200, 150, 105, 46, 42, 38, 33, 32),
    ("D", "Large"): (120, 41, 28, 14),
    ("B", "Medium"): (58, 19),
    ("D", "Medium"): (43,),
    ("A", "Medium"): (24,),
    ("B", "Special"): (74, 9),
    ("A", "Special"): (16,),
    ("B", "Small"): (57, 4),
    ("C", "Large"): (14,),
}
NEW_SERIES, LEAST_NEW_SERIES = 210, 3  # new items at full size, and at any size
NEW_ITEM_DAYS = 23, 45  # fewest and most days a new item has been on sale when the data end
NEW_SELLERS = (("B", "New"), ("A", "New"))  # sellers that appear in 附件5 only
NEW_SELLER_WEIGHT = 120  # size given to each of them when new items are dealt out; about one new item in nine is theirs

NAMED_WAREHOUSES = {"wh_1": 744, "wh_25": 72, "wh_19": 64, "wh_9": 55, "wh_29": 33, "wh_38": 24, "wh_30": 7}
CENTRAL_WAREHOUSES = ("wh_1", "wh_30")
REPEATED_WAREHOUSES = ("wh_29", "wh_38")  # they stand twice in 附件4, so that a naive merge repeats their 57 series
REGIONS = {  # region -> series, its named warehouses, how many others it has
    "华东": (970, ("wh_1", "wh_29"), 13),
    "华北": (313, ("wh_25", "wh_9"), 8),
    "西南": (229, ("wh_19", "wh_38"), 8),
    "华南": (228, ("wh_30",), 9),
    "华中": (174, (), 6),
    "西北": (52, (), 2),
    "东北": (30, (), 1),
}

WRITTEN_HEADERS = {"warehouse_category": "warehouse _category", "warehouse_region": "warehouse _region"}
"""The originals' headers in 附件4 really hold a blank."""
WRITTEN_ORDER = {"new_items": ["seller_no", "warehouse_no", "product_no", "date", "qty"]}

# ---- constants of demand --------------------------------------------------------------------------------------------

LEVELS = (
    (0, 0.15), (0.01, 0.3), (0.1, 1.65), (0.25, 2.8), (0.5, 5.2), (0.75, 11.4),
    (0.9, 28.8), (0.95, 49), (0.99, 150), (0.997, 290), (1, 860),
)  # fmt: skip
"""(Share of the series below, mean per day); series means q10/50/90 1.5/5.1/32, top 1 % and 10 % of volume .22 and .61.

Their log-sd of 1.9 counts in doublings (log2): with these quantiles the natural logarithm gives 1.3.
"""
CENTRAL_SHIFT = 0.92  # head start of the central warehouses in the ranking by level: median day 7.1 against 2.9
PRODUCT_SD, SELLER_SD = 0.5, 0.4
"""Series of one product, and of one seller, are alike; in units of a series' own standard deviation."""

CURVES = {  # latent class: (share of the series, log level at time x in [0, 1])
    "steady": (0.26, lambda x: 0 * x),
    "rising": (0.14, lambda x: 1.4 * x),
    "fading": (0.14, lambda x: -1.4 * x),
    "launch": (0.06, lambda x: 3.0 / (1 + np.exp((0.25 - x) / 0.04))),
    "phase-out": (0.06, lambda x: -3.0 / (1 + np.exp((0.78 - x) / 0.04))),
    "festival peak": (0.10, lambda x: 1.2 * np.exp(-(((x - 0.22) / 0.08) ** 2))),
    "spring": (0.12, lambda x: 1.1 * np.exp(-(((x - 0.65) / 0.16) ** 2))),
    "winter": (0.12, lambda x: -1.1 * np.exp(-(((x - 0.55) / 0.25) ** 2))),
}
"""What a mixture of polynomial curves should find."""
CURVE_SPREAD = 0.35  # log-sd of a series' amplitude about the curve of its class
WALK_MEMORY = 6.0
WALK_SD, WALK_SD_SPREAD = 0.30, 0.45
"""Memory in days, log-sd and its spread over the series: ACF .33 at lag 1 and .15 at lag 7, 14-day log steps sd .42."""
DISPERSION, DISPERSION_SLOPE, DISPERSION_SPREAD = 0.075, -0.4, 1.7
"""Median at level 1, power of the level, log-sd: a .19 within 14 days, .05-.52 (walk and flash sales add to it)."""

WEEKDAY = (1.04, 0.99, 1.03, 1.04, 0.94, 0.99, 0.97)
MONTH = {12: 0.99, 1: 0.94, 2: 1.05, 3: 0.97, 4: 0.99, 5: 1.13}
"""Factors of the weekdays, Monday first, and of the months, both on ordinary days."""
FESTIVAL = {
    "2023-01-19": 0.79, "2023-01-20": 0.44, "2023-01-21": 0.17, "2023-01-22": 0.46,
    "2023-01-23": 0.49, "2023-01-24": 0.72, "2023-01-25": 0.85, "2023-01-26": 0.93,
}  # fmt: skip
"""Spring Festival against the ordinary days of January; back to them by January 27."""

LONG_STOCKOUTS, LONG_DAYS = 0.07, 5.0
"""Mean number a series, mean days beyond 6: 19 % of series with mean > 2 hold an inner zero run of 7 days or more."""
SHORT_STOCKOUTS, SHORT_SLOPE, SHORT_DAYS = 15.0, -0.7, 2.0
"""Mean number at level 1, power of the level, mean days: P(0) .189, zero share q25/50/75 .03/.12/.29."""
FLASH_RATE, FLASH_LIFT = 0.0018, (4.0, 4.0)
"""Share of days, and factor: the first number plus an exponential of mean the second. .4 % of days over 5 x median."""
RECORD_LIFT = 21  # the largest series sells this many times its level on one day: maximum 17,323

LIFT, LIFT_SLOPE, LIFT_SPREAD = 0.84, 0.09, 0.84
"""Median at level 1, power of the level, log-sd; Double 11 against Dec-May q10/50/90 .30/1.05/3.28, by volume 1.72."""
LIFT_BY_DAY = np.array([1.2, 1.05, 1.05, 0.65, 0.7, 0.75, 0.6, 0.55, 0.5, 2.4, 1.55])
"""November 1 to 11, mean 1: an opening rush and the festival itself."""
WITHOUT_PROMOTION, LATE_IN_PROMOTION = 39, 33  # of 1,996 series: not in 附件6 at all, or there from a later day on
NEW_ITEM_HALFWAY = 12.0  # days until a new item has come half-way to its level


@dataclass(frozen=True)
class Twin(Attachments):
    """Six attachments and the truth behind them.

    Attributes
    ----------
    truth : DataFrame, n_series rows sorted by their ids
        The ids, curve (latent class), level (mean units per day before stock-outs), dispersion (a in variance =
        m + a m^2), promotion_lift (NaN where not in 附件6), stockout_days, flash_days.
    truth_mean : array (n_series, n_days)
        Expected demand before stock-outs, flash sales and counting noise: the forecast of an oracle. Rows as `truth`.
    """

    truth: pd.DataFrame
    truth_mean: np.ndarray


def make_twin(n_series: int = 300, seed: int = 0) -> Twin:
    """Draw a twin of 166 days from 2022-12-01 on.

    Parameters
    ----------
    n_series : int  Series in 附件1, 1,996 at full size; products, new items and idle rows come in proportion.
    seed : int

    At full size the products, sellers and warehouses are as many as the contest's:

    >>> twin = make_twin(1996)
    >>> twin.shipments[["seller_no", "product_no", "warehouse_no"]].nunique().to_list()
    [35, 1212, 54]
    """
    if n_series < 1:
        raise ParameterError(f"n_series is {n_series}; give a whole number from 1 on (1996 is full size)")
    for_structure, rng, for_new_items, for_promotion = (
        stream(seed, f"twin/{part}") for part in ("structure", "series", "new items", "promotion")
    )
    n_new = max(LEAST_NEW_SERIES, round(NEW_SERIES * n_series / FULL_SERIES))
    structure = make_structure(n_series, n_new, for_structure)
    series, new_series = structure.pop("series"), structure.pop("new_series")
    dates = pd.date_range(FIRST_DAY, periods=N_DAYS, name="date")

    levels = draw_levels(series, rng)
    curve, means = draw_means(levels, dates, rng)  # (n_series,), (n_series, n_days)
    dispersion = draw_dispersion(levels, rng)
    flash = draw_flash_sales(means, rng)
    stockout = draw_stockouts(levels, N_DAYS, rng)
    counts = np.where(stockout, 0, draw_counts(means * flash, dispersion, rng))
    promotion, lift = draw_promotion(series, levels, curve, dispersion, for_promotion)
    truth = series.assign(
        curve=curve, level=levels, dispersion=dispersion, promotion_lift=lift, stockout_days=stockout.sum(axis=1),
        flash_days=(flash > 1).sum(axis=1),
    )  # fmt: skip
    new_items = draw_new_items(new_series, dates, for_new_items)
    six = {
        "shipments": long_table(series, dates, qty=counts),
        **structure,
        "new_items": new_items,
        "promotion": promotion,
    }
    return Twin(**six, files={}, truth=truth, truth_mean=means)


def write_twin(folder, n_series: int = 300, seed: int = 0) -> Twin:
    """Draw a twin as `make_twin` and write its six attachments, truth.parquet and truth_mean.parquet to a folder."""
    twin = make_twin(n_series, seed)
    folder = Path(folder)
    for spec in ATTACHMENTS:
        table = getattr(twin, spec.name)
        table = table[WRITTEN_ORDER.get(spec.name, list(spec.columns))].rename(columns=WRITTEN_HEADERS)
        write_csv(folder / f"{spec.label}-{spec.title}.csv", table, date_format="%Y-%m-%d", lineterminator="\n")
    write_parquet(folder / "truth.parquet", twin.truth)
    dates = pd.date_range(FIRST_DAY, periods=N_DAYS)
    mean = pd.DataFrame(twin.truth_mean, columns=dates.strftime("%Y-%m-%d"))
    write_parquet(folder / "truth_mean.parquet", mean)
    return twin


# ---- how much each series sells -------------------------------------------------------------------------------------


def draw_levels(series: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Mean demand of each series, units a day (n_series,); the largest stands in wh_1 if any series does.

    The distribution of levels is met exactly; chance only deals the levels out.
    """
    central = series["warehouse_no"].isin(CENTRAL_WAREHOUSES).to_numpy()
    score = rng.standard_normal(len(series)) + CENTRAL_SHIFT * central
    for column, sd in (("product_no", PRODUCT_SD), ("seller_no", SELLER_SD)):
        code, names = pd.factorize(series[column])
        score += sd * rng.standard_normal(len(names))[code]
    main = (series["warehouse_no"] == "wh_1").to_numpy()
    if main.any():
        score[np.flatnonzero(main)[score[main].argmax()]] = np.inf
    share = (score.argsort().argsort() + 0.5) / len(series)
    below, mean = np.array(LEVELS).T
    return np.exp(np.interp(share, below, np.log(mean)))


def draw_means(levels: np.ndarray, dates: pd.DatetimeIndex, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Latent class (n_series,) and expected demand (n_series, n_days) of each series; a row's mean is its level."""
    n_series, n_days = len(levels), len(dates)
    shares = np.array([share for share, _ in CURVES.values()])
    shapes = np.array([shape(np.linspace(0, 1, n_days)) for _, shape in CURVES.values()])  # (n_classes, n_days)
    shapes -= np.log(shares @ _relative(np.exp(shapes)))  # the classes together follow no trend
    code = rng.permutation(np.repeat(np.arange(len(shares)), apportion(n_series, shares)))
    amplitude = np.exp(CURVE_SPREAD * rng.standard_normal((n_series, 1)))

    keep = np.exp(-1 / WALK_MEMORY)  # walk: first-order autoregression, started in its stationary law
    steps = rng.standard_normal((n_series, n_days))
    steps[:, 1:] *= np.sqrt(1 - keep**2)
    walk = lfilter([1], [1, -keep], steps, axis=1)  # (n_series, n_days), unit variance
    walk *= WALK_SD * np.exp(WALK_SD_SPREAD * rng.standard_normal((n_series, 1)))

    means = np.exp(amplitude * shapes[code] + walk) * calendar(dates)
    return np.array(list(CURVES))[code], levels[:, None] * _relative(means)


def calendar(dates: pd.DatetimeIndex) -> np.ndarray:
    """Factor of each day, (n_days,): weekday x month x Spring Festival."""
    month = pd.Series(MONTH).reindex(dates.month, fill_value=1.0).to_numpy()
    festival = pd.Series(FESTIVAL).reindex(dates.strftime("%Y-%m-%d"), fill_value=1.0).to_numpy()
    return np.array(WEEKDAY)[dates.day_of_week] * month * festival


def draw_dispersion(levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dispersion a of each series, variance = m + a m^2; smaller where more is sold."""
    return DISPERSION * levels**DISPERSION_SLOPE * np.exp(DISPERSION_SPREAD * rng.standard_normal(len(levels)))


def draw_counts(means: np.ndarray, dispersion: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Negative binomial counts, int64 (n_series, n_days): Poisson with gamma-distributed mean."""
    shape = 1 / dispersion[:, None]
    return rng.poisson(rng.gamma(np.broadcast_to(shape, means.shape), means / shape))


def draw_flash_sales(means: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Factors (n_series, n_days) by which flash sales raise the means: 1 on nearly all days."""
    least, more = FLASH_LIFT
    factors = np.where(rng.random(means.shape) < FLASH_RATE, least + rng.exponential(more, means.shape), 1.0)
    largest = means.mean(axis=1).argmax()
    day = rng.integers(means.shape[1])
    factors[largest, day] = RECORD_LIFT * means[largest].mean() / means[largest, day]
    return factors


def draw_stockouts(levels: np.ndarray, n_days: int, rng: np.random.Generator) -> np.ndarray:
    """Days without stock, bool (n_series, n_days): a few long runs, many short ones among slow sellers."""
    n_series = len(levels)
    edges = np.zeros((n_series, n_days + 1), dtype=int)
    short_rate = SHORT_STOCKOUTS * levels**SHORT_SLOPE
    for rate, least, more in ((LONG_STOCKOUTS, 6, LONG_DAYS), (short_rate, 0, SHORT_DAYS)):
        row = np.repeat(np.arange(n_series), rng.poisson(rate, n_series))
        first = rng.integers(n_days, size=row.size)
        length = least + rng.geometric(1 / more, row.size)
        np.add.at(edges, (row, first), 1)
        np.add.at(edges, (row, np.minimum(first + length, n_days)), -1)
    return np.cumsum(edges, axis=1)[:, :-1] > 0


def draw_promotion(series, levels, curve, dispersion, rng) -> tuple[pd.DataFrame, np.ndarray]:
    """附件6, rows shuffled as in the original, and each series' lift: mean of the Double 11 days over its level."""
    n_series = len(series)
    lift = LIFT * levels**LIFT_SLOPE * np.exp(LIFT_SPREAD * rng.standard_normal(n_series))
    counts = draw_counts((levels * lift)[:, None] * LIFT_BY_DAY, dispersion, rng)  # (n_series, 11)
    first_day = np.zeros(n_series, dtype=int)
    order = np.lexsort((rng.random(n_series), curve != "launch"))  # what is launched later was not on sale in November
    n_absent, n_late = (round(count * n_series / FULL_SERIES) for count in (WITHOUT_PROMOTION, LATE_IN_PROMOTION))
    absent, late = order[:n_absent], order[n_absent : n_absent + n_late]
    first_day[absent] = len(PROMOTION_DAYS)
    first_day[late] = rng.integers(1, len(PROMOTION_DAYS), size=len(late))
    lift[absent] = np.nan
    listed = (np.arange(len(PROMOTION_DAYS)) >= first_day[:, None]).ravel()
    return long_table(series, PROMOTION_DAYS, qty=counts)[listed].sample(
        frac=1, random_state=rng, ignore_index=True
    ), lift


def draw_new_items(series: pd.DataFrame, dates: pd.DatetimeIndex, rng: np.random.Generator) -> pd.DataFrame:
    """附件5, rows shuffled as in the original: every item is on sale to the last day and climbs to its level."""
    levels = draw_levels(series, rng)
    days_on_sale = rng.integers(NEW_ITEM_DAYS[0], NEW_ITEM_DAYS[1] + 1, size=len(series))
    days_on_sale[0] = NEW_ITEM_DAYS[1]  # one of them on sale from the first possible day, 2023-04-01
    window = dates[-NEW_ITEM_DAYS[1] :]
    ages = np.arange(len(window)) - (len(window) - days_on_sale)[:, None]  # (n_series, 45), negative before the launch
    means = levels[:, None] / (1 + np.exp(2 - 2 * ages / NEW_ITEM_HALFWAY)) * calendar(window)
    counts = draw_counts(means, draw_dispersion(levels, rng), rng)
    table = long_table(series, window, qty=counts)[(ages >= 0).ravel()]
    return table.sample(frac=1, random_state=rng, ignore_index=True)


def _relative(means: np.ndarray) -> np.ndarray:
    return means / means.mean(axis=-1, keepdims=True)


# ---- who sells what from where --------------------------------------------------------------------------------------


def apportion(total: int, weights) -> np.ndarray:
    """Whole shares that add up to `total`, in proportion to `weights`, by largest remainder."""
    exact = total * np.asarray(weights, dtype=float) / np.sum(weights)
    shares = np.floor(exact).astype(int)
    shares[np.argsort(shares - exact, kind="stable")[: total - shares.sum()]] += 1
    return shares


def warehouse_table() -> pd.DataFrame:
    """The 54 warehouses with category, region and full-size number of series (column `size`)."""
    unnamed = iter(sorted({f"wh_{k}" for k in range(1, 55)} - set(NAMED_WAREHOUSES), key=lambda no: int(no[3:])))
    rows = []
    for region, (series, named, others) in REGIONS.items():
        rows += [(no, region, NAMED_WAREHOUSES[no]) for no in named]
        left = series - sum(NAMED_WAREHOUSES[no] for no in named)
        rows += [(next(unnamed), region, size) for size in apportion(left, np.linspace(2, 1, others))]
    table = pd.DataFrame(rows, columns=["warehouse_no", "warehouse_region", "size"])
    category = np.where(table["warehouse_no"].isin(CENTRAL_WAREHOUSES), "中心仓", "区域仓")
    table.insert(1, "warehouse_category", category)
    return table.sort_values("warehouse_no", ignore_index=True)


def seller_lines(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The 37 sellers, and their lines: what categories each sells, with the full-size number of series (column `size`).

    Sellers and categories are laid along the same 1,996 series, so both add up exactly and a seller sells neighbouring
    categories only. The two new sellers take one category each.
    """
    categories = pd.Series(SERIES_BY_CATEGORY)
    cells = [(*cell, size) for cell, sizes in SERIES_BY_SELLER.items() for size in sizes]
    old = pd.DataFrame(cells, columns=["inventory_category", "seller_level", "size"]).sample(frac=1, random_state=rng)
    new = pd.DataFrame(NEW_SELLERS, columns=["inventory_category", "seller_level"]).assign(size=NEW_SELLER_WEIGHT)
    sellers = pd.concat([old, new], ignore_index=True)
    sellers.insert(0, "seller_no", [f"seller_{k}" for k in 1 + rng.permutation(len(sellers))])

    along = [*categories.index.repeat(categories), *np.repeat(categories.index[: len(new)], NEW_SELLER_WEIGHT)]
    lines = pd.DataFrame({"seller_no": sellers["seller_no"].repeat(sellers["size"]).to_numpy(), "category1": along})
    lines = lines.value_counts(sort=False).rename("size").reset_index()
    share = lines["size"] / lines["category1"].map(categories)  # a seller is filed under what it matters most for
    filed = lines.loc[share.groupby(lines["seller_no"]).idxmax()].set_index("seller_no")["category1"]
    sellers.insert(1, "seller_category", sellers["seller_no"].map(filed))
    by_number = sellers["seller_no"].str.removeprefix("seller_").astype(int).argsort()
    return sellers.drop(columns="size").iloc[by_number].reset_index(drop=True), lines


def place(n_series: int, warehouses: pd.DataFrame, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Product numbers and warehouse rows (n_series,) of the series; no pair comes twice."""
    n_products = max(1, round(n_series * sum(PRODUCTS_STOCKED_IN.values()) / FULL_SERIES))
    stocked_in = np.repeat(list(PRODUCTS_STOCKED_IN), apportion(n_products, list(PRODUCTS_STOCKED_IN.values())))
    while stocked_in.sum() != n_series:  # rounding at small sizes
        step = np.sign(n_series - stocked_in.sum())
        stocked_in[stocked_in.argmin() if step > 0 else stocked_in.argmax()] += step
    sizes = apportion(n_series, warehouses["size"])
    repeated = warehouses["warehouse_no"].isin(REPEATED_WAREHOUSES).to_numpy()
    if not sizes[repeated].any():
        sizes[sizes.argmax()] -= 1
        sizes[repeated.argmax()] += 1
    product = np.repeat(np.arange(n_products), stocked_in)
    warehouse = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    # A product may have met the same warehouse twice: deal such rows again together with as many others.
    while (twice := np.flatnonzero(pd.DataFrame({"p": product, "w": warehouse}).duplicated())).size:
        rows = np.union1d(twice, rng.integers(n_series, size=twice.size))
        warehouse[rows] = rng.permutation(warehouse[rows])
    return product, warehouse


def deal(stocked_in: np.ndarray, lines: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Row of `lines` for every product (n_products,), so that the lines' shares of the series come out exactly.

    `stocked_in` (n_products,) is the number of series of each. Products with many are dealt first; those with one fill
    the gaps.
    """
    room = apportion(int(stocked_in.sum()), lines["size"])
    line = np.empty(len(stocked_in), dtype=int)
    for product in np.argsort(-stocked_in, kind="stable"):
        fits = np.where(room >= stocked_in[product], room, 0)
        line[product] = rng.choice(len(room), p=fits / fits.sum()) if fits.any() else room.argmax()
        room[line[product]] -= stocked_in[product]
    return line


def with_subcategories(category, weights, n_second: int, n_third: int, rng, tag: str = "") -> pd.DataFrame:
    """category1 to category3 of products: each leaf of its category once, then the first leaves most often."""
    second = 1 + apportion(n_second - len(weights), list(weights.values()))
    third = second + apportion(n_third - n_second, list(weights.values()))
    rows = []
    for name, n2, n3 in zip(weights, second, third, strict=True):
        rows += [(name, k, f"{name}{tag}_{k % n2 + 1}", f"{name}{tag}_{k % n2 + 1}_{k // n2 + 1}") for k in range(n3)]
    tree = pd.DataFrame(rows, columns=["category1", "leaf", "category2", "category3"])
    products = pd.DataFrame({"category1": np.asarray(category)})
    leaf = products.groupby("category1").cumcount().to_numpy()
    n_leaves = products["category1"].map(dict(zip(weights, third, strict=True))).to_numpy()
    leaf = np.where(leaf < n_leaves, leaf, (n_leaves * rng.random(len(leaf)) ** 2).astype(int))
    return products.assign(leaf=leaf).merge(tree, how="left", on=["category1", "leaf"]).drop(columns="leaf")


def make_structure(n_series: int, n_new: int, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Draw `series` and `new_series` (sorted keys), `products`, `sellers`, `warehouses`; idle and repeated rows too."""
    warehouses = warehouse_table()
    sellers, lines = seller_lines(rng)
    placed = [place(n_series, warehouses, rng), place(n_new, warehouses, rng)]
    stocked = [np.bincount(product) for product, _ in placed]
    old_lines = lines[lines["seller_no"].isin(sellers.loc[sellers["seller_level"] != "New", "seller_no"])]
    sold = pd.concat([old_lines.iloc[deal(stocked[0], old_lines, rng)], lines.iloc[deal(stocked[1], lines, rng)]])

    idle_weights = dict.fromkeys([*IDLE_CATEGORIES, *list(SERIES_BY_CATEGORY)[:14]], 1)
    idle = rng.choice(list(idle_weights), size=max(0, round(ALL_PRODUCTS * n_series / FULL_SERIES) - len(sold)))
    of_sold = with_subcategories(sold["category1"], SERIES_BY_CATEGORY, *SUBCATEGORIES, rng)
    of_idle = with_subcategories(idle, idle_weights, *IDLE_SUBCATEGORIES, rng, tag="其他")
    products = pd.concat([of_sold, of_idle], ignore_index=True)
    products.insert(0, "product_no", [f"product_{k}" for k in 1 + rng.permutation(len(products))])

    frames = []
    for (product, warehouse), first in zip(placed, (0, len(stocked[0])), strict=True):
        keys = pd.DataFrame({
            "seller_no": sold["seller_no"].to_numpy()[first + product],
            "product_no": products["product_no"].to_numpy()[first + product],
            "warehouse_no": warehouses["warehouse_no"].to_numpy()[warehouse],
        })  # fmt: skip
        frames.append(keys.sort_values(list(SERIES_KEY), ignore_index=True))
    twice = np.repeat(np.arange(len(warehouses)), 1 + warehouses["warehouse_no"].isin(REPEATED_WAREHOUSES))
    return {
        "series": frames[0],
        "new_series": frames[1],
        "products": products.sample(frac=1, random_state=rng, ignore_index=True),
        "sellers": sellers,
        "warehouses": warehouses.drop(columns="size").iloc[twice].reset_index(drop=True),
    }
