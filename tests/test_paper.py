"""What the documents print, and every slip in them shown at work: the paper's and those of the companion articles."""

import os
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import MinMaxScaler
from torch import nn
from torch.utils.data import DataLoader

from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.forecaster.lstm import LSTMCell
from bowerbird.inventory.policy import economic_order_quantity, economic_order_with_backorders
from bowerbird.paper.documents import DOCUMENTS, documents_table
from bowerbird.paper.errata import errata_table
from bowerbird.paper.printed import PAPER
from bowerbird.runs import project_root

VALUE = PAPER.value
SALES = np.array([100.0, 120, 130, 110, 140])  # the companions' worked series
TREND = np.array([0.1, 0.2, 0.3, 0.2, 0.4])

QUOTES = {
    "000": ("The internal structure of LSTM is shown in Figure 1", "Index Accuracy Recall Accuracy F1 Rmse 1-Wmape",
            "corresponding positions in Table 1", "the cycle will continue from step (3)",
            "Determine the hyperparameters through SBO"),
    "001": ("模型对预测结果进行后向传播，更新模型参数", "得到特征向量 $[1, 1.2, 1.3, 1.1, 1.4]$",
            "loss = F.mse_loss(outputs, market)", "时间序列分析（如ARIMA、LSTM）、神经网络（如GRU）",
            "from torch import nn, optim", "device = torch.device('cuda')", "outputs = model(sales)",
            "market_scaled = scaler.fit_transform", "self.lstm = nn.LSTM(input_size, hidden_size)",
            "print(np.mean(np.abs(preds - labels)))", "最后使用均方误差计算预测结果的误差",
            "能够实时监控库存水平，快速", "能够更全面、准确地进行需求预测和库存调整",
            r"y = \sigma(W_h \cdot [h_{t-1}, x_t] + b_h) \cdot \tanh(W_c \cdot [h_{t-1}, x_t] + b_c)"),
    "002": (r"S_t = 10 \times S_{t-1} + 2 \times F_{t-1} + 3 \times C_{t-1}", "groupby('time_diff').sum()", "= 12090",
            "np.reshape(X_train, (X_train.shape[0], window_size, X_train.shape[1]))",
            "y_train = train_data['sales'].values", "(RMSE), and accuracy", "including accuracy, error analysis",
            "pip install tensorflow pandas numpy matplotlib seaborn", "from sklearn.preprocessing import MinMaxScaler",
            "data = pd.read_csv('sales_data.csv')", "data[data['time_diff'] < 1000]",
            "delete records with a small number of missing values", "删除缺失值较少的记录",
            "predictions = scaler.inverse_transform(predictions)"),
    "003": (r"i_t \odot \text{sigmoid}(W_c", r"Q = \sqrt{\frac{2CD}{H}}", "包括订货成本、库存成本和缺货成本",
            "$H$ 是单位缺货成本", "基于固定订货周期和固定订货量",
            "model.optimize_inventory(X_test, predictions)", r"\theta_q u_{t-q}"),
    "004": ("= 1200 \\text{ yuan}", r"\frac{100 + 110 + 120}{3} = 113.33", "the actual demand for period 5 is 120",
            "Average inventory level: 200 units", "Procurement frequency: 2 times per month",
            "np.argmax(future_demand) * (max_inventory - min_inventory) / np.max(future_demand)",
            "$C_p$ is the procurement cost per unit", "test_size=0.2, random_state=42",
            "Low inventory turnover rates can result in inventory accumulation",
            "plt.plot(X_test.index, future_demand", "optimized inventory levels and cost changes"),
}  # fmt: skip


# --- the lists --------------------------------------------------------------------------------------------------------


def test_every_part_of_a_document_lives_in_a_module_or_notebook_that_exists_or_says_why_not():
    table = documents_table()
    assert set(table["document"]) == set(DOCUMENTS)
    assert not table.duplicated(["document", "place", "claim or system"]).any()
    assert (table.loc[table["lives in"] == "", "not done, and why"] != "").all()
    for place in {place for places in table["lives in"] if places for place in places.split(", ")}:
        module, notebook = (project_root() / path for path in (f"src/bowerbird/{place}", f"notebooks/{place}.ipynb"))
        assert module.is_dir() or module.with_suffix(".py").is_file() or notebook.is_file(), place


def test_every_slip_is_shown_by_a_test_or_a_heading_that_exists():
    tests = "".join(path.read_text(encoding="utf-8") for path in (project_root() / "tests").glob("test_*.py"))
    table = errata_table()
    assert set(table["document"]) == set(DOCUMENTS)
    assert (table["printed"] != table["must read"]).all()
    assert not table.duplicated(["document", "place", "printed"]).any()
    for shown in table["shown by"]:
        if shown.startswith("test_"):
            assert f"\ndef {shown}(" in tests, shown
        else:
            file, heading = shown.split("#", 1)
            cells = nbformat.read(project_root() / file, as_version=4).cells
            headings = {line.lstrip("# ") for cell in cells for line in cell.source.splitlines() if line[:1] == "#"}
            assert heading in headings, shown


@pytest.mark.skipif("BOWERBIRD_DOCUMENTS" not in os.environ, reason="needs the documents' texts")
def test_the_documents_hold_the_quoted_words():
    for document, quotes in QUOTES.items():
        (file,) = Path(os.environ["BOWERBIRD_DOCUMENTS"]).glob(f"{document}*.txt")
        text = " ".join(file.read_text(encoding="utf-8").split())
        for quote in quotes:
            assert quote in text, f"{document}: {quote}"


# --- what the paper prints --------------------------------------------------------------------------------------------


def test_table_1_frequencies_sum_to_the_printed_total():
    assert PAPER.table_1["frequency"].sum() == PAPER.total


def test_table_1_percentages_are_the_frequencies_over_the_total():
    share = 100 * PAPER.table_1["frequency"] / PAPER.total
    np.testing.assert_allclose(share, PAPER.table_1["percentage"], rtol=0, atol=0.0005)
    # The printed percentages add up to 100.001: ten roundings, each by less than half a unit.
    assert PAPER.table_1["percentage"].sum() == pytest.approx(PAPER.value["table_1/total/percentage"], abs=10 * 0.0005)


def test_table_1_total_is_the_merge_that_doubles_two_warehouses():
    assert PAPER.total == (1996 + 57) * 166
    assert (PAPER.table_1["frequency"] % 166 != 0).all()  # so no cluster holds whole series of 166 days


def test_table_2_holds_codes_that_start_at_one():
    assert list(PAPER.table_2) == [*SERIES_KEY, *[name for name in ATTRIBUTES if name != "category3"]]
    assert PAPER.table_2.shape == (10, 10) and (PAPER.table_2 >= 1).all(axis=None)
    # No centre lies beyond the number of distinct values that the 1,996 series show.
    assert (PAPER.table_2.max() <= [35, 1212, 54, 20, 62, 17, 4, 5, 2, 7]).all()


def test_the_example_of_the_text_is_the_centre_of_cluster_1():
    for column in ("seller_no", "warehouse_no", "warehouse_region", "product_no"):
        assert VALUE[f"text/example/{column}"] == PAPER.table_2.loc[1, column]


def test_text_and_table_3_disagree_where_the_list_says():
    train, test = PAPER.table_3.loc["train"], PAPER.table_3.loc["test"]
    accuracy, wmape = VALUE["text/train_accuracy"], VALUE["text/one_minus_wmape"]
    assert list(train.index[train == accuracy]) == ["recall", "precision", "rmse", "one_minus_wmape"]
    assert list(train.index[train == wmape]) == ["f1"] and list(test.index[test == wmape]) == ["rmse"]
    assert test["one_minus_wmape"] != VALUE["text/test_one_minus_wmape"]
    assert test["rmse"] == VALUE["text/test_rmse"]


def test_table_3_training_f1_exceeds_what_its_recall_and_precision_allow():
    recall, precision = (PAPER.table_3[name] + 0.0005 for name in ("recall", "precision"))  # most, before rounding
    harmonic = 2 / (1 / recall + 1 / precision)
    possible = PAPER.table_3["f1"] - 0.0005 <= harmonic
    assert not possible["train"] and possible["test"]


def test_printed_holds_every_table_cell_once_and_every_text_claim_with_a_quote():
    assert PAPER.numbers["id"].is_unique
    assert len(PAPER.numbers) == 2 * 10 + 2 + 10 * 10 + 2 * 6 + 18
    assert VALUE["table_1/cluster_9/percentage"] == 0.001
    assert VALUE["table_2/cluster_4/product_no"] == 1103
    assert VALUE["table_3/test/accuracy"] == 0.942
    in_table = PAPER.numbers["place"].str.startswith("Table")
    assert (PAPER.numbers.loc[in_table, "column"] != "").all() and (PAPER.numbers.loc[~in_table, "quote"] != "").all()


# --- the paper's slips ------------------------------------------------------------------------------------------------


def test_eqs_1_and_2_a_polynomial_of_order_p_has_p_plus_1_columns():
    x = np.vander(np.arange(1.0, 11), 3 + 1, increasing=True)
    cubic = np.linspace(-1, 1, 10) ** 3 + 2
    assert np.linalg.lstsq(x, cubic)[1][0] < 1e-20, "with p + 1 columns a cubic is met"
    assert np.linalg.lstsq(x[:, :3], cubic)[1][0] > 0.1, "with p columns it is not"


def test_eq_2_its_last_row_mixes_three_days():
    days = np.array([2.0, 3.0, 5.0])  # x_{i n_1}, x_{i n_2}, x_{i n_i}
    printed, right = np.array([1, *days ** [1, 2, 3]]), np.vander([5.0], 4, increasing=True)[0]
    np.testing.assert_array_equal(right, [1, 5, 25, 125])
    np.testing.assert_array_equal(printed, [1, 2, 9, 125])
    square = np.array([0.0, 0, 1, 0])  # beta of y = x^2
    assert right @ square == 25 and printed @ square == 9


def test_eq_3_without_the_equals_sign_is_no_density():
    y = np.linspace(-30, 30, 60_001)
    weights, means = np.array([0.3, 0.7]), np.array([-2.0, 3.0])
    density = (weights * np.exp(-((y[:, None] - means) ** 2) / 2) / np.sqrt(2 * np.pi)).sum(axis=1)
    step = y[1] - y[0]
    assert density.sum() * step == pytest.approx(1)
    assert (density * density).sum() * step == pytest.approx(0.1641, abs=5e-4)  # the two sums side by side


def test_eqs_5_and_7_are_sums_over_curves():
    # 12 curves of 30 days: sum over curves i of log sum_k alpha_k N(y_i | X_i beta_k, sigma_k^2 I)
    curves = np.random.default_rng(0).normal(size=(12, 30)) + np.repeat([0, 5], 6)[:, None]
    mixture = PolynomialRegressionMixture(2, 1, random_state=0).fit(curves)
    means, variances = mixture.mean_curves(), mixture.variances_
    by_curve = []
    for y in curves:
        distance = ((y - means) ** 2).sum(axis=1) / variances
        log_density = -0.5 * (30 * np.log(2 * np.pi * variances) + distance)
        by_curve.append(np.logaddexp.reduce(np.log(mixture.weights_) + log_density))
    assert mixture.log_likelihood_ == pytest.approx(sum(by_curve), rel=1e-9)
    assert mixture.responsibilities_.shape == (12, 2), "a responsibility for each curve i, none for a day t"


def test_eq_10_as_printed_is_no_variance():
    curves = np.random.default_rng(0).normal(0, 10, (20, 30)) + np.repeat([0, 500], 10)[:, None]
    mixture = PolynomialRegressionMixture(2, 1, random_state=0).fit(curves)
    as_printed = mixture.responsibilities_.mean(axis=0)  # (1/n) sum_i w_ik
    np.testing.assert_allclose(as_printed, mixture.weights_)
    assert (as_printed <= 1).all() and (mixture.variances_ > 80).all(), "a share, whatever the curves' variance"


def test_eq_19_as_printed_favours_the_worst_bower():
    cost = np.array([0.1, 1.0, 9.0])
    right, printed = 1 / (1 + cost), 1 / 1 + cost
    assert right.argmax() == 0 and printed.argmax() == 2


def test_eq_21_as_printed_exceeds_its_own_threshold():
    alpha, chances = 0.94, np.array([0.05, 0.2, 0.5])
    right, printed = alpha / (1 + chances), alpha / 1 + chances
    assert (right < alpha).all() and (np.diff(right) < 0).all()
    assert (printed > alpha).all() and (np.diff(printed) > 0).all()


def test_an_rmse_is_no_share():
    # the same forecasts in units and in dozens: 1-WMAPE stays, the RMSE does not
    y, forecast = np.array([12.0, 24, 48]), np.array([24.0, 24, 36])
    share, error = ([f(y / u, forecast / u) for u in (1, 12)] for f in (
        lambda a, b: 1 - np.abs(a - b).sum() / a.sum(), lambda a, b: np.sqrt(((a - b) ** 2).mean())))  # fmt: skip
    assert share[0] == share[1] and error[0] == pytest.approx(12 * error[1])


# --- 001 --------------------------------------------------------------------------------------------------------------


def test_document_001_mixes_float64_and_float32():
    scaled = MinMaxScaler().fit_transform(SALES[:, None])
    batch = next(iter(DataLoader(list(scaled[:, None]), batch_size=5)))  # as its DataLoader hands them over
    assert batch.dtype == torch.float64
    with pytest.raises((ValueError, RuntimeError), match="dtype"):
        nn.LSTM(1, 32)(batch)
    assert nn.LSTM(1, 32)(batch.float())[0].shape == (5, 1, 32)


def test_document_001_lstm_has_no_cell_state():
    torch.manual_seed(0)
    cell, h, x = LSTMCell(1, 4), torch.randn(1, 4), torch.randn(1, 1)
    pasts = torch.zeros(1, 4), torch.ones(1, 4)
    hx = torch.cat([h, x], dim=1)
    article = [(torch.sigmoid(cell.output(hx)) * torch.tanh(cell.candidate(hx))) for _ in pasts]
    assert torch.equal(*article), "y = sigma(W_h [h, x] + b_h) tanh(W_c [h, x] + b_c) takes no past but h"
    assert not torch.allclose(*(cell(x, (h, c))[0] for c in pasts))


def test_document_001_normalization_is_not_that_of_its_code():
    np.testing.assert_allclose(SALES / SALES[0], [1, 1.2, 1.3, 1.1, 1.4])  # as printed
    np.testing.assert_allclose(MinMaxScaler().fit_transform(SALES[:, None]).ravel(), [0, 0.5, 0.75, 0.25, 1])


def test_document_001_moving_average_changes_nothing():
    printed = np.array([1, 1.2, 1.3, 1.1, 1.4])
    np.testing.assert_allclose(np.convolve(printed, [1 / 2, 1 / 2], "valid"), [1.1, 1.25, 1.2, 1.25])
    for days in range(2, 6):
        assert len(np.convolve(printed, np.full(days, 1 / days), "valid")) < len(printed), "a mean of days is shorter"


def test_document_001_one_scaler_for_two_series():
    scaler = MinMaxScaler(feature_range=(0, 1))
    sales = scaler.fit_transform(SALES[:, None])
    scaler.fit_transform(TREND[:, None])  # the same scaler again
    handed_over = scaler.transform(sales)  # __getitem__ scales once more
    assert handed_over.min() == pytest.approx(-1 / 3) and handed_over.max() == pytest.approx(3)


def test_document_001_reads_a_batch_as_a_sequence():
    torch.manual_seed(0)
    lstm, batch = nn.LSTM(1, 4), torch.rand(8, 1, 1)  # eight days, as its DataLoader hands them over
    changed = batch.clone()
    changed[0] += 1
    assert not torch.allclose(lstm(batch)[0][1:], lstm(changed)[0][1:]), "the first day changes all the others"
    rows = nn.LSTM(1, 4, batch_first=True)
    assert torch.equal(rows(batch)[0][1:], rows(changed)[0][1:])


def test_document_001_subtracts_lists():
    predictions, labels = [np.array([1.0, 2])], [np.array([1.0, 4])]
    with pytest.raises(TypeError):
        np.mean(np.abs(predictions - labels))
    errors = np.array(predictions) - np.array(labels)
    assert np.mean(np.abs(errors)) == 1 and np.mean(errors**2) == 2, "absolute, not squared as 5.3 says"


def test_document_001_tests_on_the_training_data():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(60, 3)), rng.normal(size=60)  # nothing to learn
    memory = RandomForestRegressor(20, bootstrap=False, random_state=0).fit(x[:30], noise[:30])
    assert memory.score(x[:30], noise[:30]) > 0.99 and memory.score(x[30:], noise[30:]) < 0.3


# --- 002 --------------------------------------------------------------------------------------------------------------


def test_document_002_accuracy_does_not_rank_forecasts():
    actual = np.array([100, 120, 130])
    near, far = actual + 1, actual + 1000
    assert accuracy_score(actual, near) == accuracy_score(actual, far) == 0


def sales_table(days=10):
    return pd.DataFrame(
        {"timestamp": pd.date_range("2023-01-01", periods=days), "sales_volume": np.arange(float(days))}
    )


def day_of(data):
    return (data["timestamp"] - data["timestamp"].min()) / np.timedelta64(1, "D")


def test_document_002_never_parses_its_timestamps(tmp_path):
    sales_table().to_csv(tmp_path / "sales_data.csv", index=False)
    with pytest.raises(TypeError):
        day_of(pd.read_csv(tmp_path / "sales_data.csv"))
    parsed = pd.read_csv(tmp_path / "sales_data.csv", parse_dates=["timestamp"])
    np.testing.assert_array_equal(day_of(parsed), np.arange(10))


def test_document_002_sums_timestamps():
    data = sales_table()
    data["time_diff"] = day_of(data)
    with pytest.raises(TypeError, match="sum"):
        data.groupby("time_diff").sum()


def test_document_002_windows_cannot_be_made_by_reshape():
    x = np.zeros((100, 3))
    with pytest.raises(ValueError, match="cannot reshape"):
        np.reshape(x, (x.shape[0], 5, x.shape[1]))
    assert np.lib.stride_tricks.sliding_window_view(x, 5, axis=0).transpose(0, 2, 1).shape == (96, 5, 3)


def test_document_002_the_scaler_is_not_there_and_does_not_fit():
    three = MinMaxScaler().fit(np.random.default_rng(0).normal(size=(9, 3)))
    with pytest.raises(ValueError, match=r"non-broadcastable|features|shape"):
        three.inverse_transform(np.zeros((4, 1)))


# --- 003 --------------------------------------------------------------------------------------------------------------


def test_document_003_arima_without_its_difference():
    demand = 5.0 + 2 * np.arange(20)  # a trend, which d = 1 is there for
    printed = np.full(19, demand[1:].mean())  # p = q = 0: y_t = c, and the best c
    right = demand[:-1] + np.diff(demand).mean()  # y_t - y_{t-1} = c
    assert np.abs(demand[1:] - right).max() < 1e-12 and np.abs(demand[1:] - printed).max() == 18


def test_document_003_lstm_with_sigmoid_for_tanh():
    gates = np.random.default_rng(0).normal(0, 2, (500, 4))  # what f, i, o and the candidate read, day by day
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    states = {}
    for name, squash in (("printed", sigmoid), ("right", np.tanh)):
        c, states[name] = 0.0, []
        for f, i, o, a in gates:
            c = sigmoid(f) * c + sigmoid(i) * squash(a)
            states[name].append((c, sigmoid(o) * squash(c)))
    printed, right = (np.array(states[name]) for name in ("printed", "right"))
    assert (printed > 0).all() and (right < 0).any(axis=0).all() and (right > 0).any(axis=0).all()


def test_document_003_fixes_both_period_and_quantity():
    demand = np.r_[np.full(70, 10), np.full(70, 12)]  # it grows once, by a fifth
    quantity, up_to = 10 * 7, 12 * 7  # Q = D t; or up to what a week can need
    both, period = [quantity], [up_to]
    for day, units in enumerate(demand, 1):
        both.append(both[-1] - units + (quantity if day % 7 == 0 else 0))
        period.append(period[-1] - units if day % 7 else up_to)
    assert both[70] == 70 and both[-1] == 70 - 2 * 70, "short by two more units every day"
    assert min(period) >= 0 and period[70] == period[-1] == up_to


def test_document_003_eoq_knows_no_shortage():
    # textbook examples 3.1 and 3.8: K 8, h .225, D 1300; with backorders at p 5
    without, shortage = economic_order_quantity(8, 0.225, 1300), economic_order_with_backorders(8, 0.225, 5, 1300)
    assert without.quantity == pytest.approx(304.0467800) and shortage.quantity == pytest.approx(310.8125552)
    assert shortage.quantity / without.quantity == pytest.approx(np.sqrt((0.225 + 5) / 5))


# --- 004 --------------------------------------------------------------------------------------------------------------


def test_document_004_the_procurement_cost_is_that_of_an_order():
    # 1,000 units in one order, C_p = 100 "each time"; were it per unit, the example's cost of 1,200 could not hold
    assert 100 * 1 < 1200 < 100 * 1000


PERIODS = np.array([100.0, 110, 120, 130, 140])


def test_document_004_moving_average_of_the_last_three_is_130():
    assert PERIODS[-3:].mean() == 130
    assert PERIODS[:3].mean() == 110, "nor are the three numbers shown those of 113.33"


def test_document_004_smoothing_takes_the_last_period():
    assert 0.5 * 120 + 0.5 * 110 == 115  # as printed
    fourth = 110
    fifth = 0.5 * PERIODS[3] + 0.5 * fourth
    assert (fifth, 0.5 * PERIODS[4] + 0.5 * fifth) == (120, 130)


def test_document_004_stock_from_a_days_number():
    def stock(demand, low=100, high=500):
        return np.argmax(demand) * (high - low) / np.max(demand)

    assert stock(np.array([140.0, 130, 120])) == 0, "the peak on the first day: nothing, though 100 is the least"
    late = np.r_[np.full(200, 130.0), 140]
    assert stock(late) > 500, "the peak on day 200: above the most"


def test_document_004_low_turnover_means_fewer_stock_outs():
    demand = np.random.default_rng(0).poisson(100, 10_000)
    stock = np.array([90, 100, 110, 130])  # at hand each morning
    sold = np.minimum(stock[:, None], demand)
    turnover = sold.mean(axis=1) / (stock - sold.mean(axis=1) / 2)
    assert (np.diff(turnover) < 0).all() and (np.diff((demand > stock[:, None]).mean(axis=1)) < 0).all()
