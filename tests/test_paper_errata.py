"""Every slip is demonstrated: those of the paper that no other test shows, and those of the companion articles."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler
from torch import nn
from torch.utils.data import DataLoader

from bowerbird import paper
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.dm.basis import Basis
from bowerbird.forecaster.lstm_cell import LSTMCell
from bowerbird.inventory.policy import economic_order_quantity, economic_order_with_backorders
from bowerbird.paper import errata
from bowerbird.paper.documents import DOCUMENTS
from bowerbird.planning.replenishment_rules import stock_cost
from bowerbird.runs import project_root

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
"""What the documents say, word for word."""


# --- the list ---------------------------------------------------------------------------------------------------------


def test_every_slip_is_demonstrated_by_something_that_exists():
    for slip in errata.all_slips():
        assert errata.is_there(slip.shown, project_root()), f"{slip.document} {slip.place}: no {slip.shown}"


def test_a_demonstration_that_does_not_exist_is_noticed():
    root = project_root()
    assert not errata.is_there("tests/test_paper_errata.py::test_of_nothing", root)
    assert not errata.is_there("tests/test_nothing.py::test_of_nothing", root)
    assert not errata.is_there("notebooks/02_dm_clustering.ipynb#No such heading", root)
    assert not errata.is_there("notebooks/99_nothing.ipynb#Checks", root)
    assert errata.is_there("notebooks/02_dm_clustering.ipynb#Checks", root)


def test_every_misprint_and_contradiction_of_the_paper_is_listed():
    slips = errata.all_slips()
    places = {slip.place for slip in slips if slip.document == "000"}
    assert places >= {f"eq. ({e.equation})" for e in paper.ERRATA} | {d.subject for d in paper.DISAGREEMENTS}
    assert {slip.document for slip in slips} == set(DOCUMENTS)
    assert all(slip.printed != slip.right and slip.effect for slip in slips)
    assert len({(slip.document, slip.place, slip.printed) for slip in slips}) == len(slips)
    either = {slip.place for slip in slips if slip.document == "000" and "one of the two" in slip.right}
    assert either == {"training accuracy"}, "only where the paper prints both"


def test_no_demonstration_here_is_left_unnamed():
    own = Path(__file__).read_text(encoding="utf-8")
    named = {slip.shown.split("::")[-1] for slip in errata.all_slips()}
    tests = set(re.findall(r"^def (test_(?:eqs?_|an_rmse|the_loop|document)\w+)", own, re.MULTILINE))
    assert tests <= named and len(tests) > 40


def test_the_page_holds_every_slip_and_breaks_no_table():
    text = errata.page()
    assert all(f"## {document} · {title}" in text for document, title in DOCUMENTS.items())
    rows = [line for line in text.splitlines() if re.match(r"\| \d{1,2} ", line)]
    assert len(rows) == len(errata.all_slips())
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {8}
    assert r"\!" not in text and not re.search(r"!\[[^\\]", text), "no picture is fetched"


@pytest.mark.skipif("BOWERBIRD_DOCUMENTS" not in os.environ, reason="needs the documents' texts")
def test_the_documents_hold_the_quoted_words():
    texts = {f.name[:3]: " ".join(f.read_text(encoding="utf-8").split())
             for f in Path(os.environ["BOWERBIRD_DOCUMENTS"]).glob("0*.txt")}  # fmt: skip
    for document, quotes in QUOTES.items():
        for quote in quotes:
            assert quote in texts[document], f"{document}: {quote}"


# --- the paper --------------------------------------------------------------------------------------------------------


def test_eqs_1_and_2_a_polynomial_of_order_p_has_p_plus_1_columns():
    x = Basis("power", 3).design(10)
    assert x.shape == (10, 3 + 1)
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


def test_the_loop_of_4_3_must_return_to_the_search():
    rng, given = np.random.default_rng(0), 0.05
    search = lambda: rng.uniform(-1, 1)  # noqa: E731  step 2: new parameters
    error = np.square  # step 3: train with them and take the error

    first = search()
    from_step_3 = [error(first) for _ in range(50)]
    assert len(set(from_step_3)) == 1 and min(from_step_3) > given, "the same parameters, the same error, for ever"
    assert min(error(search()) for _ in range(50)) < given


# --- 001 --------------------------------------------------------------------------------------------------------------


def test_document_001_lstm_is_a_network_as_gru_is():
    assert issubclass(nn.LSTM, nn.RNNBase) and issubclass(nn.GRU, nn.RNNBase)
    weights = {cell: dict(cell(1, 4).named_parameters()) for cell in (nn.LSTM, nn.GRU)}
    assert weights[nn.LSTM].keys() == weights[nn.GRU].keys(), "the same layers; only the gates are others"


def test_document_001_does_not_import_torch():
    imported = {"__builtins__": {}}
    exec("from torch import nn, optim", {}, imported)  # and Dataset, DataLoader, functional, as its code has them
    with pytest.raises(NameError, match="torch"):
        exec("device = torch.device('cuda') if torch.cuda.is_available() else torch.device('cpu')", imported)


def test_document_001_mixes_float64_and_float32():
    scaled = MinMaxScaler().fit_transform(SALES[:, None])
    batch = next(iter(DataLoader(list(scaled[:, None]), batch_size=5)))  # as its DataLoader hands them over
    assert batch.dtype == torch.float64
    with pytest.raises((ValueError, RuntimeError), match="dtype"):
        nn.LSTM(1, 32)(batch)
    assert nn.LSTM(1, 32)(batch.float())[0].shape == (5, 1, 32)


@pytest.mark.skipif("BOWERBIRD_DOCUMENTS" not in os.environ, reason="needs the documents' texts")
def test_document_001_lists_two_benefits_as_challenges():
    (file,) = Path(os.environ["BOWERBIRD_DOCUMENTS"]).glob("001*.txt")
    text = file.read_text(encoding="utf-8")
    trends, challenges = text.partition("### 8.2")[2].partition("### 8.3")[::2]
    for praise in ("能够实时监控库存水平，快速", "能够更全面、准确地进行需求预测和库存调整"):
        assert praise in trends and praise in challenges.partition("### 8.4")[0]


def test_document_001_prediction_changes_no_parameter():
    model, x = nn.Linear(1, 1), torch.tensor([[1.0]])
    with torch.no_grad():
        first, second = model(x).item(), model(x).item()
    assert first == second
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    (model(x) - 5).square().sum().backward()  # step 3 of the article's prediction
    optimizer.step()
    assert model(x).item() != first


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


def test_document_001_trains_on_the_wrong_target():
    def loss(x):  # mse_loss(outputs, market)
        return np.square(x - TREND).mean()

    assert loss(SALES) > 10_000 and loss(TREND) == 0


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


def test_document_002_does_not_install_what_it_imports():
    installed = {"tensorflow", "pandas", "numpy", "matplotlib", "seaborn"}
    imported = {"numpy", "pandas", "tensorflow", "sklearn", "matplotlib"}
    assert imported - installed == {"sklearn"}


def test_document_002_never_parses_its_timestamps(tmp_path):
    sales_table().to_csv(tmp_path / "sales_data.csv", index=False)
    with pytest.raises(TypeError):
        day_of(pd.read_csv(tmp_path / "sales_data.csv"))
    parsed = pd.read_csv(tmp_path / "sales_data.csv", parse_dates=["timestamp"])
    np.testing.assert_array_equal(day_of(parsed), np.arange(10))


def test_document_002_splits_at_day_1000():
    data = sales_table(166)  # the paper's days
    assert (day_of(data) < 1000).all(), "all for training"
    with pytest.raises(ValueError, match="0 sample"):
        MinMaxScaler().fit_transform(data[day_of(data) >= 1000][["sales_volume"]])


def test_document_002_deletes_the_almost_complete_records():
    missing = np.array([0, 1, 1, 8, 9])  # of ten fields
    as_written = missing[~((missing > 0) & (missing <= 2))]
    right = missing[missing <= 2]
    assert as_written.sum() == 17 and right.sum() == 2, "fields still missing"


def test_document_002_sums_timestamps():
    data = sales_table()
    data["time_diff"] = day_of(data)
    with pytest.raises(TypeError, match="sum"):
        data.groupby("time_diff").sum()


def test_document_002_the_target_is_an_input():
    train = pd.DataFrame({"sales": np.arange(10.0) ** 2, "promotion": 0.0, "customer_behavior": 1.0})
    x, y = train[["sales", "promotion", "customer_behavior"]].to_numpy(), train["sales"].to_numpy()
    np.testing.assert_array_equal(x[:, 0], y)


def test_document_002_windows_cannot_be_made_by_reshape():
    x = np.zeros((100, 3))
    with pytest.raises(ValueError, match="cannot reshape"):
        np.reshape(x, (x.shape[0], 5, x.shape[1]))
    assert np.lib.stride_tricks.sliding_window_view(x, 5, axis=0).transpose(0, 2, 1).shape == (96, 5, 3)


def test_document_002_the_scaler_is_not_there_and_does_not_fit():
    def predict_and_visualize(predictions):
        return scaler.inverse_transform(predictions)  # noqa: F821  as in the article

    with pytest.raises(NameError, match="scaler"):
        predict_and_visualize(np.zeros((4, 1)))
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


def test_document_003_a_forecaster_orders_nothing():
    assert not hasattr(RandomForestRegressor(), "optimize_inventory")


# --- 004 --------------------------------------------------------------------------------------------------------------


def test_document_004_the_procurement_cost_is_that_of_an_order():
    costs = {"holding_cost": 0, "order_cost": 100, "stockout_cost": 0}
    assert stock_cost(1000, 1, 0, **costs) == 100  # the example's "100 each time"
    assert stock_cost(1000, 1000, 0, **costs) == 100_000  # 100 for each of 1000 units


PERIODS = np.array([100.0, 110, 120, 130, 140])


def test_document_004_moving_average_of_the_last_three_is_130():
    assert PERIODS[-3:].mean() == 130
    assert PERIODS[:3].mean() == 110, "nor are the three numbers shown those of 113.33"


def test_document_004_smoothing_takes_the_last_period():
    assert 0.5 * 120 + 0.5 * 110 == 115  # as printed
    fourth = 110
    fifth = 0.5 * PERIODS[3] + 0.5 * fourth
    assert (fifth, 0.5 * PERIODS[4] + 0.5 * fifth) == (120, 130)


def test_document_004_splits_days_at_random():
    days = np.arange(100)
    train, test = train_test_split(days, test_size=0.2, random_state=42)
    assert (train > test.min()).sum() > 60


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


def planned():
    """The article's 5.2 on a hundred days: every name that its code leaves."""
    code = [
        "X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)",
        "future_demand = LinearRegression().fit(X_train, y_train).predict(X_test)",
        "min_inventory, max_inventory = 100, 500",
        "optimized_inventory = np.argmax(future_demand) * (max_inventory - min_inventory) / np.max(future_demand)",
    ]
    index = pd.date_range("2023-01-01", periods=100)
    names = {
        "X": pd.DataFrame({"previous_day_sales": np.arange(100.0)}, index),
        "y": pd.Series(np.arange(1.0, 101), index),
    }
    exec("\n".join(code), {"train_test_split": train_test_split, "LinearRegression": LinearRegression, "np": np}, names)
    return names


def test_document_004_plots_a_shuffled_index():
    days = planned()["X_test"].index
    assert not days.is_monotonic_increasing
    back = np.diff(days) < np.timedelta64(0)
    assert back.sum() > 5, "as often as not the line runs back"


def test_document_004_computes_no_cost():
    assert not [name for name in planned() if "cost" in name]
