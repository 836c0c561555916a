"""The twin against the figures measured on the original data, at full size; and its files, sizes and seeds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from bowerbird.data.panel import naive_merge
from bowerbird.data.reader import ATTACHMENTS, SERIES_KEY, read_attachments
from bowerbird.data.twin import (
    Twin,
    apportion,
    calendar,
    draw_counts,
    make_structure,
    make_twin,
    write_twin,
)
from bowerbird.errors import ParameterError

KEY = list(SERIES_KEY)
DAYS = pd.date_range("2022-12-01", "2023-05-15")
FESTIVAL = (DAYS >= "2023-01-16") & (DAYS <= "2023-01-27")


@pytest.fixture(scope="module")
def full() -> Twin:
    return make_twin(1996, seed=0)


@pytest.fixture(scope="module")
def demand(full) -> np.ndarray:
    return full.shipments["qty"].to_numpy(float).reshape(1996, 166)  # (n_series, n_days)


def series_table(twin: Twin) -> pd.DataFrame:
    warehouses = twin.warehouses.drop_duplicates()
    return twin.truth.merge(twin.products).merge(twin.sellers).merge(warehouses)


# Statistics of the demand matrix y, as the figures below define them.


def share_of_largest(y: np.ndarray, share: float) -> float:
    total = np.sort(y.sum(axis=1))[::-1]
    return total[: round(share * len(y))].sum() / total.sum()


def blocks(y: np.ndarray) -> np.ndarray:
    return y[:, : 11 * 14].reshape(len(y), 11, 14)  # 14-day blocks


def dispersion(y: np.ndarray) -> np.ndarray:
    """Slope of (variance - mean) on mean^2 over a series' 14-day blocks, without intercept."""
    mean, variance = blocks(y).mean(axis=2), blocks(y).var(axis=2, ddof=1)
    return ((variance - mean) * mean**2).sum(axis=1) / (mean**4).sum(axis=1)


def level_steps(y: np.ndarray) -> np.ndarray:
    """Standard deviation of a series' steps in log(14-day mean + 1/2)."""
    return np.diff(np.log(blocks(y).mean(axis=2) + 0.5), axis=1).std(axis=1, ddof=1)


def autocorrelation(y: np.ndarray, lag: int) -> np.ndarray:
    deviation = y - y.mean(axis=1, keepdims=True)
    return (deviation[:, lag:] * deviation[:, :-lag]).sum(axis=1) / (deviation**2).sum(axis=1)


def longest_inner_zero_run(row: np.ndarray) -> int:
    return int(np.diff(np.flatnonzero(row), prepend=np.flatnonzero(row)[:1]).max(initial=1) - 1)


def long_run_share(y: np.ndarray) -> float:
    return np.mean([longest_inner_zero_run(row) >= 7 for row in y[y.mean(axis=1) > 2]])


def spike_share(y: np.ndarray) -> float:
    """Days above 5 x the median of the 14 days before, among days where that median is 5 or more."""
    median = np.median(sliding_window_view(y, 14, axis=1)[:, :-1], axis=2)
    return (y[:, 14:] > 5 * median)[median >= 5].mean()


def demand_class(y: np.ndarray, frequent: bool, steady: bool) -> float:
    """Syntetos-Boylan classes: mean interval < 1.32, squared variation of the non-zero days < .49."""
    interval = y.shape[1] / np.maximum((y > 0).sum(axis=1), 1)
    squared = np.array([row[row > 0].var() / row[row > 0].mean() ** 2 if row.any() else 0 for row in y])
    return (((interval < 1.32) == frequent) & ((squared < 0.49) == steady)).mean()


def relative_days(y: np.ndarray) -> np.ndarray:
    """Mean over series of demand over the series' own mean, (n_days,)."""
    return (y / np.maximum(y.mean(axis=1, keepdims=True), 1e-9)).mean(axis=0)


FIGURES = [  # (figure, statistic of y, value in the original data, tolerance)
    *((f"P({k})", lambda y, k=k: (y == k).mean(), p, 0.008)
      for k, p in [(0, 0.189), (1, 0.106), (2, 0.095), (3, 0.076), (4, 0.063), (5, 0.05)]),
    ("P(10)", lambda y: (y == 10).mean(), 0.023, 0.003),
    ("mean", lambda y: y.mean(), 14.36, 0.8),
    ("mean capped at 200", lambda y: np.minimum(y, 200).mean(), 12.57, 0.7),
    ("maximum", lambda y: y.max(), 17_323, 7_000),
    *((f"quantile {q}", lambda y, q=q: np.quantile(y, q), value, tolerance)
      for q, value, tolerance in [(0.25, 1, 0), (0.5, 4, 0), (0.75, 11, 1), (0.9, 29, 2), (0.95, 56, 4),
                                  (0.99, 150, 40), (0.999, 646, 100)]),
    *((f"series mean, quantile {q}", lambda y, q=q: np.quantile(y.mean(axis=1), q), value, tolerance)
      for q, value, tolerance in [(0.1, 1.5, 0.3), (0.5, 5.1, 0.4), (0.9, 32, 5)]),
    ("sd of log2 series mean", lambda y: np.log2(y.mean(axis=1)).std(), 1.9, 0.12),
    ("top 1 % of series", lambda y: share_of_largest(y, 0.01), 0.22, 0.02),
    ("top 10 % of series", lambda y: share_of_largest(y, 0.1), 0.61, 0.035),
    ("dispersion", lambda y: np.median(dispersion(y)), 0.19, 0.04),
    ("dispersion, low", lambda y: np.quantile(dispersion(y), 0.1), 0.05, 0.02),
    ("dispersion, high", lambda y: np.quantile(dispersion(y), 0.75), 0.52, 0.15),
    ("14-day steps", lambda y: np.median(level_steps(y)), 0.42, 0.04),
    ("autocorrelation, lag 1", lambda y: np.median(autocorrelation(y, 1)), 0.33, 0.06),
    ("autocorrelation, lag 7", lambda y: np.median(autocorrelation(y, 7)), 0.15, 0.04),
    *((f"zero share, quantile {q}", lambda y, q=q: np.quantile((y == 0).mean(axis=1), q), value, tolerance)
      for q, value, tolerance in [(0.25, 0.03, 0.02), (0.5, 0.12, 0.02), (0.75, 0.29, 0.05)]),
    ("series with a zero run of 7 days", long_run_share, 0.19, 0.04),
    ("spikes", spike_share, 0.004, 0.002),
    ("smooth of all", lambda y: demand_class(y, frequent=True, steady=True), 37 / 82, 0.08),
    ("erratic of all", lambda y: demand_class(y, frequent=True, steady=False), 19 / 82, 0.12),
    ("intermittent of all", lambda y: demand_class(y, frequent=False, steady=True), 11 / 82, 0.04),
    ("lumpy of all", lambda y: demand_class(y, frequent=False, steady=False), 15 / 82, 0.08),
]  # fmt: skip


@pytest.mark.parametrize(("statistic", "value", "tolerance"), [f[1:] for f in FIGURES], ids=[f[0] for f in FIGURES])
def test_figure_of_the_original_data(demand, statistic, value, tolerance):
    assert statistic(demand) == pytest.approx(value, abs=tolerance)


def test_central_warehouses_sell_more(full, demand):
    central = series_table(full)["warehouse_category"] == "中心仓"
    median_day = np.median(demand, axis=1)
    assert np.median(median_day[central]) == pytest.approx(7.1, abs=1.1)
    assert np.median(median_day[~central]) == pytest.approx(2.9, abs=0.6)
    assert full.truth["warehouse_no"][demand.sum(axis=1).argmax()] == "wh_1"


def test_weekday_and_month_factors(demand):
    relative = relative_days(demand)[~FESTIVAL] / relative_days(demand)[~FESTIVAL].mean()
    ordinary = DAYS[~FESTIVAL]
    weekday = [relative[ordinary.day_of_week == day].mean() for day in range(7)]
    month = [relative[ordinary.month == number].mean() for number in (12, 1, 2, 3, 4, 5)]
    np.testing.assert_allclose(weekday, [1.04, 0.99, 1.03, 1.04, 0.94, 0.99, 0.97], atol=0.025)
    np.testing.assert_allclose(month, [0.99, 0.94, 1.05, 0.97, 0.99, 1.13], atol=0.045)


def test_spring_festival(demand):
    relative = pd.Series(relative_days(demand), DAYS)
    relative /= relative[(DAYS.month == 1) & ~FESTIVAL].mean()
    np.testing.assert_allclose(relative["2023-01-19":"2023-01-24"], [0.79, 0.44, 0.17, 0.46, 0.49, 0.72], atol=0.1)
    assert relative["2023-01-27":"2023-01-31"].mean() == pytest.approx(1, abs=0.08)


def test_promotion_ratios_and_rows(full, demand):
    promoted = full.promotion.groupby(KEY)["qty"].mean()
    mean = pd.Series(demand.mean(axis=1), pd.MultiIndex.from_frame(full.truth[KEY])).loc[promoted.index]
    assert len(promoted) == 1957 and full.truth["promotion_lift"].isna().sum() == 39
    assert len(full.promotion) == pytest.approx(21_355, abs=60)
    np.testing.assert_allclose((promoted / mean).quantile([0.1, 0.5, 0.9]), [0.30, 1.05, 3.28], rtol=0.15)
    assert promoted.sum() / mean.sum() == pytest.approx(1.72, abs=0.35)
    assert list(full.promotion["date"].agg(["min", "max"])) == list(pd.to_datetime(["2022-11-01", "2022-11-11"]))


def test_structure_at_full_size_is_exact(full):
    series = series_table(full)
    counts = {column: series[column].value_counts().to_dict() for column in series.columns}
    assert full.shipments[[*KEY, "date"]].nunique().to_list() == [35, 1212, 54, 166]
    assert len(full.shipments) == 1996 * 166
    assert full.shipments.duplicated([*KEY, "date"]).sum() == 0
    per_product = series.groupby("product_no").agg({"seller_no": "nunique", "warehouse_no": "size"})
    assert per_product["seller_no"].max() == 1
    assert set(per_product["warehouse_no"]) == {1, 2, 3, 4, 5, 6}
    assert counts["inventory_category"] == {"B": 1050, "A": 686, "D": 246, "C": 14}
    assert counts["seller_level"] == {"Large": 1692, "Medium": 144, "Special": 99, "Small": 61}
    assert counts["warehouse_category"] == {"中心仓": 751, "区域仓": 1245}
    assert counts["warehouse_region"] == {
        "华东": 970, "华北": 313, "西南": 229, "华南": 228, "华中": 174, "西北": 52, "东北": 30,
    }  # fmt: skip
    assert list(counts["warehouse_no"].items())[:4] == [("wh_1", 744), ("wh_25", 72), ("wh_19", 64), ("wh_9", 55)]
    assert counts["warehouse_no"]["wh_29"] + counts["warehouse_no"]["wh_38"] == 57
    assert list(counts["category1"].items())[:14] == [
        ("家装建材", 321), ("食品饮料", 311), ("美妆护肤", 206), ("宠物生活", 183), ("手机通讯", 180),
        ("家用电器", 166), ("电脑、办公", 147), ("厨具", 126), ("个人护理", 125), ("家庭清洁/纸品", 43),
        ("家具", 41), ("数码", 32), ("生活日用", 26), ("服饰内衣", 22),
    ]  # fmt: skip
    categories = ["category1", "category2", "category3"]
    assert series[categories].nunique().to_list() == [20, 62, 210]
    assert full.products[["product_no", *categories]].nunique().to_list() == [2302, 23, 79, 291]
    assert (len(full.products), len(full.sellers), len(full.warehouses)) == (2302, 37, 56)
    assert len(naive_merge(full)) == 340_798 == (1996 + 57) * 166


def test_new_items(full):
    new = full.new_items.groupby(KEY)
    days, last = new.size(), new["date"].max()
    assert (len(days), days.min(), days.max()) == (210, 23, 45)
    assert (last == DAYS[-1]).all() and ((last - new["date"].min()).dt.days + 1 == days).all()
    assert not set(days.index) & set(map(tuple, full.truth[KEY].to_numpy()))
    assert set(full.sellers["seller_no"]) - set(full.truth["seller_no"]) <= set(full.new_items["seller_no"])
    ordered = full.new_items.sort_values([*KEY, "date"]).groupby(KEY)["qty"]
    assert ordered.tail(7).mean() > 3 * ordered.head(7).mean()


def test_truth_is_the_mean_of_the_counts(full, demand):
    np.testing.assert_allclose(full.truth_mean.mean(axis=1), full.truth["level"], rtol=1e-9)
    assert full.truth["curve"].nunique() == 8
    undisturbed = (full.truth["stockout_days"] <= 3).to_numpy() & (full.truth["flash_days"] == 0).to_numpy()
    y, truth = demand[undisturbed], full.truth_mean[undisturbed]
    assert y.sum() / truth.sum() == pytest.approx(0.99, abs=0.02)  # up to 3 of 166 days without stock
    constant = y.mean(axis=1, keepdims=True)  # best constant in hindsight
    assert np.abs(y - truth).sum() < 0.85 * np.abs(y - constant).sum()


def test_counts_have_the_mean_and_variance_of_the_negative_binomial():
    means, a = np.full((2, 200_000), 6.0), np.array([0.05, 0.8])
    counts = draw_counts(means, a, np.random.default_rng(1))
    np.testing.assert_allclose(counts.mean(axis=1), 6, rtol=0.01)
    np.testing.assert_allclose(counts.var(axis=1), 6 + a * 36, rtol=0.03)


def test_calendar_multiplies_weekday_month_and_festival():
    days = pd.to_datetime(["2022-12-05", "2023-01-21", "2023-05-12"])  # Monday; Saturday, New Year's Eve; Friday
    np.testing.assert_allclose(calendar(days), [1.04 * 0.99, 0.99 * 0.94 * 0.17, 0.94 * 1.13])


@given(st.integers(0, 5000), st.lists(st.integers(1, 1000), min_size=1, max_size=60))
def test_apportion_adds_up_and_is_off_by_less_than_one(total, weights):
    shares = apportion(total, weights)
    assert shares.sum() == total
    assert np.all(np.abs(shares - total * np.array(weights) / sum(weights)) < 1 + 1e-9)


def test_structure_of_every_small_size():
    for n_series in range(1, 41):
        structure = make_structure(n_series, 3, np.random.default_rng(n_series))
        both = pd.concat([structure["series"], structure["new_series"]])
        assert (len(structure["series"]), both.duplicated().sum()) == (n_series, 0)
        assert structure["series"]["warehouse_no"].isin(["wh_29", "wh_38"]).any()
        assert both["product_no"].isin(structure["products"]["product_no"]).all()


@pytest.mark.parametrize("n_series", [1, 10, 60, 300])
def test_small_sizes(n_series):
    twin, share = make_twin(n_series, seed=3), n_series / 1996
    assert len(twin.shipments) == 166 * n_series and twin.truth_mean.shape == (n_series, 166)
    assert twin.truth[KEY].equals(twin.truth[KEY].sort_values(KEY, ignore_index=True))
    assert len(twin.shipments.merge(twin.warehouses)) > len(twin.shipments)
    listed = [len(table[KEY].drop_duplicates()) for table in (twin.new_items, twin.promotion)]
    assert listed == [max(3, round(210 * share)), round(1957 * share)]
    assert len(twin.products) == pytest.approx(2302 * share, abs=3)
    assert n_series == 1 or twin.truth["warehouse_no"][twin.truth["level"].argmax()] == "wh_1"


def test_no_series_is_refused():
    with pytest.raises(ParameterError, match="n_series is 0; give a whole number from 1 on"):
        make_twin(0)


def test_one_seed_one_twin():
    one, again, other = make_twin(40, seed=5), make_twin(40, seed=5), make_twin(40, seed=6)
    assert all(getattr(one, spec.name).equals(getattr(again, spec.name)) for spec in ATTACHMENTS)
    assert one.truth.equals(again.truth)
    assert np.array_equal(one.truth_mean, again.truth_mean)
    assert not one.shipments.equals(other.shipments)


def test_written_files_give_the_same_frames(tmp_path):
    twin = write_twin(tmp_path, n_series=60, seed=4)
    names = {spec.name: f"{spec.label}-{spec.title}.csv" for spec in ATTACHMENTS}
    assert {path.name for path in tmp_path.iterdir()} == {*names.values(), "truth.parquet", "truth_mean.parquet"}
    attachments = read_attachments(tmp_path)
    for spec in ATTACHMENTS:
        written, read = getattr(twin, spec.name), getattr(attachments, spec.name)
        assert list(written.columns) == list(spec.columns)
        pd.testing.assert_frame_equal(read, written, check_dtype=False)
    headers = {  # as in the originals
        "shipments": "seller_no,product_no,warehouse_no,date,qty",
        "warehouses": "warehouse_no,warehouse _category,warehouse _region",
        "new_items": "seller_no,warehouse_no,product_no,date,qty",
    }
    for name, header in headers.items():
        assert (tmp_path / names[name]).read_text("utf-8").splitlines()[0] == header
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "truth.parquet"), twin.truth, check_dtype=False)
    means = pd.read_parquet(tmp_path / "truth_mean.parquet")
    assert list(means.columns[[0, -1]]) == ["2022-12-01", "2023-05-15"]
    assert np.array_equal(means.to_numpy(), twin.truth_mean)
