"""Print a twin paper: Tables 1-3, the example of the text and Figure 1 from attachments, as a recipe says.

The layout and the rounding are the paper's, so that every comparison and every search that runs on the paper runs on
the twin paper as well.
"""

import copy

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.linear_model import Ridge

from bowerbird.data.panel import Panel, build_panel, correct_merge, naive_merge
from bowerbird.data.reader import Attachments
from bowerbird.dm.as_run import PRINTED_COLUMNS, RecordClusters, Records, k_means, label_codes
from bowerbird.forensics.recipe import COLUMNS, STOPS, Recipe
from bowerbird.paper import PAPER
from bowerbird.table_3.protocols import LAGS, Protocol, apply_ridge, filtered
from bowerbird.table_3.scores import CLASS_MEASURES, score

N_CLUSTERS = 10


def print_paper(attachments: Attachments, recipe: Recipe) -> dict:
    """What the twin paper prints, laid out as the paper's own printed.yaml."""
    merged = naive_merge(attachments) if recipe.doubled else correct_merge(attachments)
    content = print_tables_1_and_2(label_codes(merged, recipe.numbering), recipe)
    panel = build_panel(attachments)
    content["table_3"] = PAPER.content["table_3"] | {"rows": print_table_3(panel, recipe)}
    days = panel.dates[-1] + np.array([1, 15]) * panel.dates.freq
    content["forecast_days"] = [f"{day:%Y-%m-%d}" for day in days]
    row = int(recipe.example * panel.n_series)
    numbers = [int(panel.series[column][row].rpartition("_")[2]) for column in ("seller_no", "warehouse_no")]
    three = [int(units) for units in np.floor(forecast_after(panel, recipe.protocol)[row, :3].clip(0) + 0.5)]
    content["figure_1"] = {"merchant_number": numbers[0], "warehouse_number": numbers[1], "forecast": three}
    return content | {"said_to_be": PAPER.said_to_be, "text": _text(content)}


def print_tables_1_and_2(codes, recipe: Recipe) -> dict:
    """Tables 1 and 2, rounded, and the demand of cluster 1 that the text names."""
    points = codes[list(COLUMNS[recipe.columns])]
    unit = unit_of(points) if recipe.scaled else 1.0
    records = Records.of(points, at_least=N_CLUSTERS)
    found = k_means(records, N_CLUSTERS, tolerance=STOPS[recipe.stop], unit=unit, seed=recipe.random_state)
    total = len(codes)
    first = {k: [int(n), round(100 * n / total, 3)] for k, n in enumerate(found.frequencies.tolist(), 1)}
    centres = np.floor(found.centres[list(PRINTED_COLUMNS)].to_numpy() + 0.5).astype(int)
    return {
        "table_1": PAPER.content["table_1"] | {"rows": first, "total": [total, 100.0]},
        "table_2": PAPER.content["table_2"] | {"rows": dict(enumerate(centres.tolist(), 1))},
        "demand": mean_demand(codes, records, found),
    }


def unit_of(points) -> np.ndarray:
    """What divides each column to variance 1; a column of one label is left as it is."""
    return points.std(ddof=0).replace(0, 1).to_numpy()


def mean_demand(codes, records: Records, found: RecordClusters) -> int:
    """Mean demand of cluster 1's records in whole units, whether or not demand was clustered."""
    of_first = codes["qty"][found.labels[records.point_of] == 0]
    return int(np.floor(of_first.mean() + 0.5)) if len(of_first) else 0


def print_table_3(panel: Panel, recipe: Recipe) -> dict[str, list[float]]:
    """The rows of Table 3, to three decimals."""
    scores = score(panel, recipe.protocol, seed=recipe.split_seed).query("against == @recipe.against")
    scores = scores.set_index(scores["Index"].str.lower())
    columns = measures(recipe.classes, recipe.rmse)
    return {index: [round(float(scores.loc[index, name]), 3) for name in columns] for index in ("train", "test")}


def measures(classes: str, rmse: str) -> list[str]:
    """The columns of `scores.score` that Table 3 prints, in its order, under a class definition and a normalization."""
    return [*(f"{measure}, {classes}" for measure in CLASS_MEASURES), f"RMSE {rmse}", "1-WMAPE"]


def forecast_after(panel: Panel, protocol: Protocol) -> np.ndarray:
    """The protocol's forecast of the days after the panel (n_series, three or more), all known windows fitted."""
    inputs = filtered(panel, protocol)
    target = inputs if protocol.filters_target else panel.demand
    last, horizon = inputs[:, None, -LAGS:], protocol.horizon
    if protocol.model == "persistence":
        return np.repeat(last[:, 0, -1:], 3, axis=1)
    windows = sliding_window_view(inputs[:, :-horizon], LAGS, axis=1)
    ahead = sliding_window_view(target[:, LAGS:], horizon, axis=1)[..., : 1 if protocol.recursive else horizon]
    model = Ridge(1.0, solver="cholesky").fit(windows.reshape(-1, LAGS), ahead.reshape(-1, ahead.shape[-1]))
    return apply_ridge(model, last, max(horizon, 3))[:, 0]


def _text(content: dict) -> dict:
    """The numbers of the text: those said to be cells of a table, the example's demand and the forecast."""
    text = copy.deepcopy(PAPER.content["text"])
    figure = content["figure_1"]
    values = {"text/example/demand": content.pop("demand")}
    values |= {f"figure_1/{name}": figure[name] for name in ("merchant_number", "warehouse_number")}
    values |= {f"figure_1/day_{day}": units for day, units in enumerate(figure["forecast"], 1)}
    for name, cell in PAPER.said_to_be.items():
        table, row, column = cell.split("/")
        row = int(row.removeprefix("cluster_")) if table != "table_3" else row
        values[name] = content[table]["rows"][row][list(content[table]["headers"]).index(column)]
    for name, value in values.items():
        text[name] = [value, *text[name][1:3], "the twin paper"]
    return text
