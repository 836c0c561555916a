"""Every number the paper prints, once, with its place; and what its equations must read.

Meng, Zhao & Bi, "Research on E-commerce product demand forecast and inventory optimization based on improved network
optimization model", International Scientific Technical and Economic Research 2 (1), 2024, from p. 52.
Nothing here is computed from data: the rest of the package compares its results with these literals.
"""

from dataclasses import dataclass

import pandas as pd

# --- Table 1: DM clustering results (section 3.2) -----------------------------------------------------------------

TABLE_1_HEADERS = {"frequency": "Frequency", "percentage": "Percentage%"}

TABLE_1 = pd.DataFrame(
    [
        (33037, 9.694),
        (42290, 12.409),
        (37984, 11.146),
        (54108, 15.877),
        (55604, 16.316),
        (38328, 11.247),
        (37797, 11.091),
        (662, 0.194),
        (2, 0.001),
        (40986, 12.026),
    ],
    columns=list(TABLE_1_HEADERS),
    index=pd.RangeIndex(1, 11, name="cluster"),
)
TABLE_1_TOTAL = 340798
TABLE_1_TOTAL_PERCENTAGE = 100.0

# --- Table 2: Clustering center point (section 3.2), printed in two blocks of five columns ------------------------

TABLE_2_HEADERS = {
    "seller_no": "Merchant Code",
    "product_no": "Product Code",
    "warehouse_no": "Warehouse Code",
    "category1": "First-Level Product Classification",
    "category2": "Product Secondary Classification",
    "seller_category": "Merchant Classification",
    "inventory_category": "Inventory Classification",
    "seller_level": "Business Scale",
    "warehouse_category": "Warehouse Category",
    "warehouse_region": "Warehouse Area",
}

TABLE_2 = pd.DataFrame(
    [
        (2, 70, 7, 3, 4, 2, 1, 1, 1, 2),
        (23, 762, 12, 6, 18, 6, 2, 2, 2, 3),
        (21, 464, 14, 13, 35, 9, 2, 2, 1, 2),
        (21, 1103, 38, 11, 32, 9, 2, 1, 2, 3),
        (9, 916, 20, 5, 14, 4, 2, 1, 2, 3),
        (6, 189, 10, 5, 13, 3, 2, 1, 1, 2),
        (28, 605, 13, 12, 41, 10, 2, 1, 1, 2),
        (15, 406, 6, 9, 31, 6, 2, 1, 1, 1),
        (25, 547, 1, 12, 44, 9, 1, 1, 1, 1),
        (15, 331, 11, 10, 26, 8, 2, 2, 1, 2),
    ],
    columns=list(TABLE_2_HEADERS),
    index=pd.RangeIndex(1, 11, name="cluster"),
)

# --- Table 3: Test and training results (section 4.4); "Accuracy" stands twice, the second must be Precision ------

TABLE_3_HEADERS = {
    "accuracy": "Accuracy",
    "recall": "Recall",
    "precision": "Accuracy",
    "f1": "F1",
    "rmse": "Rmse",
    "one_minus_wmape": "1-Wmape",
}

TABLE_3 = pd.DataFrame(
    [
        (0.946, 0.945, 0.945, 0.947, 0.945, 0.945),
        (0.942, 0.945, 0.945, 0.945, 0.947, 0.946),
    ],
    columns=list(TABLE_3_HEADERS),
    index=pd.Index(["train", "test"], name="index"),
)

# --- Figure 1: the one forecast the text reads from it; the numbers are raw ids, seller_6 and wh_43 ---------------

FORECAST_FIRST_DAY = pd.Timestamp("2023-05-16")  # abstract, sections 1, 4.4, 5
FORECAST_LAST_DAY = pd.Timestamp("2023-05-30")  # abstract, sections 1, 4.4, 5

FIGURE_1 = pd.DataFrame(
    {
        "merchant_number": 6,
        "warehouse_number": 43,
        "date": pd.date_range(FORECAST_FIRST_DAY, periods=3),
        "forecast": [2, 2, 3],
    }
)

# --- The text: (id, value, decimals, place, quote); a claim repeated unchanged stands once with all its places ----

_TEXT = [
    ("text/n_clusters", 10, 0, "section 3.2", "DM clustering is divided into 10 clusters"),
    ("text/example/seller_no", 2, 0, "sections 3.2, 5", "the merchant code is 2"),
    ("text/example/warehouse_no", 7, 0, "sections 3.2, 5", "the warehouse code is 7"),
    ("text/example/warehouse_region", 2, 0, "sections 3.2, 5", "the warehouse area is 2"),
    ("text/example/product_no", 70, 0, "sections 3.2, 5", "the commodity code is 70"),
    ("text/example/demand", 8, 0, "sections 3.2, 5", "demand for the most similar product in the same category is 8"),
    ("text/hidden_layers_more_than", 2, 0, "section 4.1", "containing more than two hidden layer stacks"),
    ("text/train_share_percent", 85, 0, "sections 1, 4.4, 5", "85% of the data as the training set"),
    ("text/test_share_percent", 15, 0, "sections 1, 4.4, 5", "15% of the data as the test set"),
    ("text/train_accuracy", 0.945, 3, "sections 1, 4.4, 5", "the training accuracy of the model is 0.945"),
    ("text/one_minus_wmape", 0.947, 3, "sections 1, 5", "training accuracy and 1-wmape ... were 0.945 and 0.947"),
    ("text/test_one_minus_wmape", 0.945, 3, "section 4.4", "model test 1-wmape and RMSE values are 0.945 and 0.947"),
    ("text/test_rmse", 0.947, 3, "section 4.4", "model test 1-wmape and RMSE values are 0.945 and 0.947"),
    ("figure_1/merchant_number", 6, 0, "abstract, sections 4.4, 5", "the merchant number is 6"),
    ("figure_1/warehouse_number", 43, 0, "abstract, sections 4.4, 5", "the warehouse number is 43"),
    ("figure_1/day_1", 2, 0, "abstract, sections 4.4, 5", "the first three days is 2, 2, and 3"),
    ("figure_1/day_2", 2, 0, "abstract, sections 4.4, 5", "the first three days is 2, 2, and 3"),
    ("figure_1/day_3", 3, 0, "abstract, sections 4.4, 5", "the first three days is 2, 2, and 3"),
]


def _table_rows(table: pd.DataFrame, name: str, headers: dict[str, str], decimals: dict[str, int], label: str) -> list:
    """One row of `PRINTED` for each cell of a table."""
    prefix = name.lower().replace(" ", "_")
    return [
        (f"{prefix}/{label}{row}/{column}", value, decimals.get(column, 0), name, f"{label}{row}", headers[column], "")
        for row, cells in table.iterrows()
        for column, value in cells.items()
    ]


PRINTED = pd.DataFrame(
    [
        *_table_rows(TABLE_1, "Table 1", TABLE_1_HEADERS, {"percentage": 3}, "cluster_"),
        ("table_1/total/frequency", TABLE_1_TOTAL, 0, "Table 1", "total", "Frequency", ""),
        ("table_1/total/percentage", TABLE_1_TOTAL_PERCENTAGE, 1, "Table 1", "total", "Percentage%", ""),
        *_table_rows(TABLE_2, "Table 2", TABLE_2_HEADERS, {}, "cluster_"),
        *_table_rows(TABLE_3, "Table 3", TABLE_3_HEADERS, dict.fromkeys(TABLE_3_HEADERS, 3), ""),
        *((name, value, decimals, place, "", "", quote) for name, value, decimals, place, quote in _TEXT),
    ],
    columns=["id", "value", "decimals", "place", "row", "column", "quote"],
).astype({"value": float})
"""All printed numbers, tidy: id, value, decimals (the number agrees within half a unit of the last one), place (table
or sections), row and column (tables, printed header), quote (text). The two dates stand above, FORECAST_FIRST_DAY and
FORECAST_LAST_DAY."""


@dataclass(frozen=True)
class Disagreement:
    """A point on which the paper contradicts itself: the numbers of `PRINTED` concerned, and what they say."""

    subject: str
    ids: tuple[str, ...]
    says: str


DISAGREEMENTS = (
    Disagreement(
        "training accuracy",
        ("text/train_accuracy", "table_3/train/accuracy"),
        "Sections 1, 4.4 and 5 say 0.945; Table 3 says 0.946. 0.945 is its recall, precision, RMSE and 1-WMAPE.",
    ),
    Disagreement(
        "1-WMAPE",
        (
            "text/one_minus_wmape",
            "text/test_one_minus_wmape",
            "table_3/train/one_minus_wmape",
            "table_3/test/one_minus_wmape",
        ),
        "Sections 1 and 5 say 0.947; section 4.4 says 0.945 (test); Table 3 says 0.945 (train) and 0.946 (test). "
        "0.947 is Table 3's training F1 and its test RMSE.",
    ),
    Disagreement(
        "training F1",
        ("table_3/train/f1", "table_3/train/recall", "table_3/train/precision"),
        "F1 is the harmonic mean of recall and precision, 0.945 for 0.945 and 0.945, and no average over classes can "
        "lift it above that of the averaged recall and precision; Table 3 says 0.947.",
    ),
    Disagreement(
        "RMSE",
        ("table_3/test/rmse", "table_3/train/rmse"),
        "Section 4.4 takes a test RMSE of 0.947, above the 0.945 of training, as a sign of high accuracy; an RMSE is "
        "an error in units of demand, and equals 1-WMAPE to within 0.001 in both rows only by accident or mix-up.",
    ),
    Disagreement(
        "demand of the example",
        ("text/example/demand",),
        "Section 3.2 reads a demand of 8 from Table 2, which prints no demand.",
    ),
    Disagreement(
        "Figure 1",
        ("figure_1/day_1", "figure_1/day_2", "figure_1/day_3"),
        "Section 4.1 calls Figure 1 the structure of the LSTM; its caption is 'Part of the prediction results'.",
    ),
    Disagreement(
        "where the forecast is kept",
        (),
        "Sections 4.4 and 5 write the forecasts into Table 1; the paper's Table 1 holds the clusters.",
    ),
)
"""Where text, abstract and tables disagree; the abstract gives no figure of accuracy at all."""


@dataclass(frozen=True)
class Erratum:
    """What an equation prints, what it must read, and what the slip does to whoever follows the print."""

    equation: int
    printed: str
    corrected: str
    effect: str


_DM_NAMES = "none, if read for what is meant"

ERRATA = [
    Erratum(1, "X_i is n_i x p", "X_i is n_i x (p+1)", "a polynomial of order p has p+1 coefficients"),
    Erratum(
        2,
        "last row of X_i: 1, x_{i n_1}, x_{i n_2}^2, ..., x_{i n_i}^p",
        "1, x_{i n_i}, x_{i n_i}^2, ..., x_{i n_i}^p",
        "read literally, the row takes its powers from three different days and is on no polynomial",
    ),
    Erratum(
        3,
        "p(y_i|x_i,Theta) = sum_k alpha_k p_k(y_i|x_i,theta_k) sum_k alpha_k N(y_i|X_i beta_k, sigma_k^2 I)",
        "p(y_i|x_i,Theta) = sum_k alpha_k p_k(y_i|x_i,theta_k) = sum_k alpha_k N(y_i|X_i beta_k, sigma_k^2 I)",
        "read literally, the density is squared",
    ),
    Erratum(5, "sum over t, gamma_i", "sum over curves i, y_i", _DM_NAMES),
    Erratum(7, "nu_i in the condition, nu_ik, gamma_i", "y_i, responsibilities w_ik, y_i", _DM_NAMES),
    Erratum(
        9,
        "sigma_k^2 = sum_i w_ik ||y_i - X_i beta_k||^2 / sum_i w_ik",
        "sigma_k^2 = sum_i w_ik ||y_i - X_i beta_k||^2 / sum_i w_ik n_i",
        "variances too large by the curve length (166 times here): soft clusters that collapse into one",
    ),
    Erratum(
        10,
        "sigma_k^2 = (1/n) sum_i w_ik",
        "alpha_k = (1/n) sum_i w_ik",
        "the mixing weights are never updated, the variances twice",
    ),
    Erratum(11, "f_t from (h_{t-1}, x_i)", "f_t from (h_{t-1}, x_t)", "none: the input of day t is meant"),
    Erratum(12, "sigma(x) = 1/(1 - e^-x)", "sigma(x) = 1/(1 + e^-x)", "a pole at 0 and values outside (0, 1)"),
    Erratum(13, "i_t from (h_{t-1}, x_i)", "i_t from (h_{t-1}, x_t)", "none: the input of day t is meant"),
    Erratum(14, "a~_t from (h_{t-1}, x_i)", "a~_t from (h_{t-1}, x_t)", "none: the input of day t is meant"),
    Erratum(
        15, "tanh x = (1 - e^-x)/(1 + e^-x)", "tanh x = (1 - e^-2x)/(1 + e^-2x)", "the printed formula is tanh(x/2)"
    ),
    Erratum(16, "C_t = f_t C_{t-1} + i_t a_t", "C_t = f_t * C_{t-1} + i_t * a~_t, by elements", "none: a~_t is meant"),
    Erratum(
        17,
        "h_t = sigma(W_o (h_{t-1}, x_i) + b_o)",
        "o_t = sigma(W_o (h_{t-1}, x_t) + b_o), h_t = o_t * tanh(C_t)",
        "the cell state never reaches the output",
    ),
    Erratum(
        19,
        "fit_i = 1/1 + f(x_i) for f >= 0; 1 + |f(x_i)| for f < 0",
        "fit_i = 1/(1 + f(x_i)) for f >= 0; 1 + |f(x_i)| for f < 0",
        "read literally, fitness grows with cost: the worst bower is the most attractive",
    ),
    Erratum(
        20,
        "x_ik^t is 'the currently found optimal position'",
        "x_jk is: the bower j drawn with the probabilities of eq. (18); x_ik^t is the bower that moves",
        "the target of the move stays undefined",
    ),
    Erratum(
        21,
        "lambda_k = alpha/1 + P_j",
        "lambda_k = alpha/(1 + P_j)",
        "read literally, steps grow with the target's probability and exceed the threshold alpha",
    ),
]
"""The misprints among eqs (1)-(24). Eqs (4), (6), (8), (18) and (22)-(24) stand as they must."""
