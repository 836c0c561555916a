"""Where the four companion articles cannot be followed to the letter: formulas, worked examples, code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slip:
    """One slip of one document.

    Attributes
    ----------
    document : str
        A key of DOCUMENTS; "000" is the paper.
    place : str
        Section or equation.
    printed, right : str
        What stands there, and what it must read.
    effect : str
        What happens to whoever follows the print.
    shown : str
        What demonstrates it: a test's node id, or a notebook and one of its headings, "notebooks/NN.ipynb#Heading".
    """

    document: str
    place: str
    printed: str
    right: str
    effect: str
    shown: str


_HERE = "tests/test_paper_errata.py::test_"
_RULES = "tests/test_inventory_replenishment_rules.py::test_"
_ORDERS = "tests/test_inventory_economic_order.py::test_"

_DOCUMENT_001 = (
    Slip(
        "001", "3.1", "time series analysis (such as ARIMA, LSTM), neural networks (such as GRU)",
        "LSTM among the neural networks", "LSTM and GRU are two cells of one kind of recurrent network",
        _HERE + "document_001_lstm_is_a_network_as_gru_is",
    ),
    Slip(
        "001", "3.2.3, step 3", "in prediction, back-propagate and update the model's parameters",
        "prediction is a forward pass alone", "asked the same twice, the model answers differently",
        _HERE + "document_001_prediction_changes_no_parameter",
    ),
    Slip(
        "001", "4.1", "y = sigma(W_h [h, x] + b_h) tanh(W_c [h, x] + b_c)", "o_t tanh(C_t) with a cell state C_t",
        "nothing is remembered but the last output: two pasts that share it are one",
        _HERE + "document_001_lstm_has_no_cell_state",
    ),
    Slip(
        "001", "4.3, step 1", "normalized: 1, 1.2, 1.3, 1.1, 1.4", "0, 0.5, 0.75, 0.25, 1 (min-max, as 5.2 has it)",
        "text and code scale differently: division by the first value, and min-max",
        _HERE + "document_001_normalization_is_not_that_of_its_code",
    ),
    Slip(
        "001", "4.3, step 2", "after the moving average: 1, 1.2, 1.3, 1.1, 1.4", "1.1, 1.25, 1.2, 1.25 (of two days)",
        "the series is unchanged, and the market trend has gone",
        _HERE + "document_001_moving_average_changes_nothing",
    ),
    Slip(
        "001", "5.2, data", "one scaler, fitted to the sales and again to the trend, applied to both once more",
        "a scaler for each, applied once", "the sales, meant to lie in 0 ... 1, come out between -0.33 and 3",
        _HERE + "document_001_one_scaler_for_two_series",
    ),
    Slip(
        "001", "5.2, training", "torch.device(...) with only nn and optim imported from torch", "import torch",
        "a NameError before the first epoch", _HERE + "document_001_does_not_import_torch",
    ),
    Slip(
        "001", "5.2, __getitem__", "scaled arrays, which are float64, go into a model of float32",
        "torch.as_tensor(..., dtype=torch.float32)", "a ValueError at the first forward pass",
        _HERE + "document_001_mixes_float64_and_float32",
    ),
    Slip(
        "001", "5.2, train_epoch", "loss = mse_loss(outputs, market)", "mse_loss(outputs, the next day's sales)",
        "a perfect forecast of sales is punished, the market trend is what is learned",
        _HERE + "document_001_trains_on_the_wrong_target",
    ),
    Slip(
        "001", "5.2, LSTMModel", "nn.LSTM(input_size, hidden_size)", "nn.LSTM(..., batch_first=True)",
        "a shuffled batch of days is read as one sequence: a day's output depends on its neighbours in the batch",
        _HERE + "document_001_reads_a_batch_as_a_sequence",
    ),
    Slip(
        "001", "5.2, evaluate", "np.mean(np.abs(preds - labels)) of two lists", "of two arrays",
        "a TypeError; and the text (5.3) calls the mean absolute error a mean squared one",
        _HERE + "document_001_subtracts_lists",
    ),
    Slip(
        "001", "5.2, last cell", "validation and test results on the training data", "on days kept back",
        "memory scores a perfect result", _HERE + "document_001_tests_on_the_training_data",
    ),
    Slip(
        "001", "8.3", "real time and several kinds of data, among the challenges", "among the trends of 8.2 alone",
        "the same words praise both in 8.2: two benefits are listed as challenges",
        _HERE + "document_001_lists_two_benefits_as_challenges",
    ),
)  # fmt: skip

_DOCUMENT_002 = (
    Slip(
        "002", "2.4, 3.3", "validation metrics: MSE, RMSE and accuracy", "accuracy for classes only",
        "forecasts near and far have the same accuracy, 0",
        _HERE + "document_002_accuracy_does_not_rank_forecasts",
    ),
    Slip(
        "002", "4.5", "S_t = 10 S_t-1 + 2 F_t-1 + 3 C_t-1", "weights alpha and 1 - alpha, as in 4.2",
        "1190 and 12090 are arithmetically right, and sales grow tenfold a day; F and C never move",
        "tests/test_baselines_forgetting.py::test_the_documents_own_example_is_no_smoothing",
    ),
    Slip(
        "002", "5.1", "pip install tensorflow pandas numpy matplotlib seaborn", "and scikit-learn",
        "a ModuleNotFoundError: the code imports MinMaxScaler from sklearn",
        _HERE + "document_002_does_not_install_what_it_imports",
    ),
    Slip(
        "002", "5.2.1, 5.2.4", "data['timestamp'] of a table that read_csv read without parse_dates",
        "pd.read_csv(..., parse_dates=['timestamp'])", "a TypeError: texts cannot be subtracted",
        _HERE + "document_002_never_parses_its_timestamps",
    ),
    Slip(
        "002", "5.2.1", "groupby('time_diff').sum() with the timestamp still in the table", "sum the numbers only",
        "with the timestamps parsed, a TypeError: days cannot be summed", _HERE + "document_002_sums_timestamps",
    ),
    Slip(
        "002", "5.2.1", "training below day 1000, test from day 1000 on", "a share of the days there are",
        "of a shop with less than 1000 days nothing is left to test", _HERE + "document_002_splits_at_day_1000",
    ),
    Slip(
        "002", "5.2.1", "scaler.fit_transform(all data), then the split", "fit on the training days",
        "the test's extremes reach the training data",
        "tests/test_data_scaling.py::test_later_days_leave_the_scaler_bit_equal",
    ),
    Slip(
        "002", "5.2.1", "y = the sales of the rows of X", "y = the sales of the day after the window",
        "the answer is one of the inputs", _HERE + "document_002_the_target_is_an_input",
    ),
    Slip(
        "002", "5.2.1", "reshape(X, (n, window_size, 3)) of n x 3 numbers", "overlapping windows of 5 days",
        "a ValueError: there are five times too few numbers", _HERE + "document_002_windows_cannot_be_made_by_reshape",
    ),
    Slip(
        "002", "5.2.3", "scaler.inverse_transform(predictions)", "a scaler of the sales alone, handed over",
        "a NameError: the scaler belongs to another function; and it knows three columns, not one",
        _HERE + "document_002_the_scaler_is_not_there_and_does_not_fit",
    ),
    Slip(
        "002", "9.Q2", "delete records with a small number of missing values", "with a large number",
        "the records that are almost complete go, the almost empty ones stay",
        _HERE + "document_002_deletes_the_almost_complete_records",
    ),
)  # fmt: skip

_DOCUMENT_003 = (
    Slip(
        "003", "4.1.1", "ARIMA: y_t = c + sum phi y + sum theta u, without d and without u_t",
        "the same of the d-th difference of y, plus u_t", "the I of ARIMA is missing: a trend is not followed",
        _HERE + "document_003_arima_without_its_difference",
    ),
    Slip(
        "003", "4.1.2", "c_t = f c + i sigmoid(...), h_t = o sigmoid(c_t)", "tanh in both places",
        "the state can only be fed upwards, the output is never negative",
        _HERE + "document_003_lstm_with_sigmoid_for_tanh",
    ),
    Slip(
        "003", "4.2.1", "periodic: a fixed period and a fixed quantity", "one of the two fixed, not both",
        "orders do not answer demand: where it grows, stock falls without end",
        _HERE + "document_003_fixes_both_period_and_quantity",
    ),
    Slip(
        "003", "4.2.2", "Q = sqrt(2 C D / H), C the cost of stock, H the cost of shortage",
        "C the cost of an order, H the cost of holding a unit", "dearer stock makes orders larger",
        _ORDERS + "document_003_labels_the_costs_wrongly",
    ),
    Slip(
        "003", "4.2.2", "EOQ minimizes a total that includes the cost of shortage", "of ordering and holding",
        "with a cost of shortage the best order is larger, by the factor sqrt((h + p) / p)",
        _HERE + "document_003_eoq_knows_no_shortage",
    ),
    Slip(
        "003", "5.2", "model.optimize_inventory(X_test, predictions)", "an inventory rule applied to the forecast",
        "neither scikit-learn's nor Keras' model has such a method", _HERE + "document_003_a_forecaster_orders_nothing",
    ),
)  # fmt: skip

_DOCUMENT_004 = (
    Slip(
        "004", "2.10, cause 5", "low turnover leads to overstock, and that triggers stock-outs",
        "low turnover means much stock for the demand: fewer stock-outs", "the cause given works the other way",
        _HERE + "document_004_low_turnover_means_fewer_stock_outs",
    ),
    Slip(
        "004", "4.1", "C_p is the cost per unit procured", "the cost per order",
        "in the formula it multiplies the number of orders: 1000 units in one order cost 100, not 100,000",
        _HERE + "document_004_the_procurement_cost_is_that_of_an_order",
    ),
    Slip(
        "004", "4.1, example", "1 x 1000 + 100 x 1 + 200 x 0 = 1200", "1100", "the arithmetic",
        _RULES + "document_004_stock_cost_is_1100_not_1200",
    ),
    Slip(
        "004", "4.2", "service level, a probability = stock available / total demand", "fill rate, and at most 1",
        "500 units for a demand of 1000 serve half of it; the probability of no shortage is nil",
        _RULES + "document_004_service_level_is_a_fill_rate",
    ),
    Slip(
        "004", "4.3, moving average", "(100 + 110 + 120) / 3 = 113.33 for period 6", "(120 + 130 + 140) / 3 = 130",
        "the first three periods instead of the last three; and their mean is 110",
        _HERE + "document_004_moving_average_of_the_last_three_is_130",
    ),
    Slip(
        "004", "4.3, smoothing", "0.5 x 120 + 0.5 x 110 = 115 for period 6", "0.5 x 140 + 0.5 x 120 = 130",
        "period 5 sold 140, not 120; and the forecast of period 5, 120, is needed, not that of period 4",
        _HERE + "document_004_smoothing_takes_the_last_period",
    ),
    Slip(
        "004", "4.4, example", "100 a day: 200 units in stock and two orders a month cost least",
        "750 units with two orders; if holding costs 1 a month, 3.9 orders of 775 units cost least",
        "two orders of 1,500 make a mean stock of 750; the example names no period for the cost of holding",
        _RULES + "document_004_200_units_and_two_orders_a_month_cannot_hold",
    ),
    Slip(
        "004", "5.2.2", "train_test_split of days at random", "the last days as the test",
        "the model is fitted to days that lie after those it is tested on",
        _HERE + "document_004_splits_days_at_random",
    ),
    Slip(
        "004", "5.2.3", "np.argmax(demand) * (max - min) / np.max(demand)",
        "the demand itself, kept within min and max",
        "argmax is a day's number: the stock depends on when demand is highest, and leaves its limits",
        _HERE + "document_004_stock_from_a_days_number",
    ),
    Slip(
        "004", "5.2.4", "plot(X_test.index, ...) after a random split", "in order of date",
        "the days are shuffled: the line runs to and fro", _HERE + "document_004_plots_a_shuffled_index",
    ),
    Slip(
        "004", "5, step 4", "show the optimized stock and the cost changes", "a cost, computed before and after",
        "the code computes no cost", _HERE + "document_004_computes_no_cost",
    ),
)  # fmt: skip

COMPANION_SLIPS = (*_DOCUMENT_001, *_DOCUMENT_002, *_DOCUMENT_003, *_DOCUMENT_004)
