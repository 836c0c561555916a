"""The five documents: what each claims or asks for, and where that lives in the project.

The paper and four companion articles on the wider system. Paths are modules of the package, without ".py", or
notebooks; a test holds every one of them to exist.
"""

from dataclasses import dataclass

import pandas as pd

DOCUMENTS = {
    "000": "Meng, Zhao & Bi: demand forecast and inventory optimization based on an improved network model (the paper)",
    "001": "An inventory management system for e-commerce platforms (Chinese)",
    "002": "E-commerce inventory prediction based on large models (Chinese and English)",
    "003": "AI-driven demand prediction and inventory optimization, working together (Chinese)",
    "004": "AI-driven e-commerce platform inventory management and optimization (Chinese and English)",
}


@dataclass(frozen=True)
class Part:
    """One claim or system of a document: its key in DOCUMENTS, the place in it, what it says, and where that lives."""

    document: str
    place: str
    claim: str
    lives: tuple[str, ...]


PARTS = (
    Part("000", "3, Tables 1-2", "clusters of demand curves (eqs 1-10)", ("dm/mixture", "02_dm_clustering")),
    Part("000", "Tables 1-2", "ten clusters of 340,798 records", ("dm/as_run", "data/panel", "02_dm_clustering")),
    Part("000", "4.1", "LSTM (eqs 11-17)", ("forecaster/lstm_cell", "forecaster/network", "05_sbo_lstm")),
    Part("000", "4.2", "Satin Bowerbird Optimizer (eqs 18-24)", ("sbo/optimizer", "sbo/space", "04_sbo")),
    Part("000", "4.3, step 1", "Gaussian and Symlet filtering",
         ("denoise", "studies/table_3", "03_denoising")),
    Part("000", "4.3, steps 2-5", "the LSTM's hyperparameters by SBO", ("forecaster/tuning", "05_sbo_lstm")),
    Part("000", "4.4, Table 3", "accuracy, recall, F1, RMSE, 1-WMAPE near 0.945",
         ("studies/table_3", "verdict/conclusions", "06_table_3")),
    Part("000", "4.4, Figure 1", "forecasts of 2023-05-16 ... 05-30",
         ("forecaster/forecast", "evaluation/ladder", "07_forecast")),
    Part("000", "title, abstract", "the best inventory strategy for each merchant", ("inventory/plan", "08_inventory")),
    Part("000", "6", "model fusion; promotions; several time scales",
         ("evaluation/stacking", "contest/promotion", "evaluation/levels")),
    Part("000", "6", "real-time updates; risk; interpretability",
         ("operation/day", "planning/alerts", "studies/lstm")),
    Part("001", "2.2, 3.2", "collect, store, train, predict, adjust, control",
         ("operation/intake", "operation/store", "operation/day")),
    Part("001", "2.2.1", "ARIMA, LSTM, GRU", ("evaluation/libraries", "evaluation/neural_methods", "07_forecast")),
    Part("001", "3.2.1", "sliding windows and moving averages as features",
         ("evaluation/lag_features", "forecaster/inputs")),
    Part("001", "3.2.4", "safety stock", ("inventory/policy",)),
    Part("001", "3.2.4", "periodic and dynamic replenishment", ("planning/replenishment_rules",)),
    Part("001", "6.2", "supply chain coordination", ("planning/network", "planning/serial_system")),
    Part("001", "6.3", "risk control: monitoring and alerts", ("planning/alerts", "operation/daily_alerts")),
    Part("002", "3.1", "RNN, LSTM, Transformer", ("forecaster/network", "evaluation/neural_methods", "07_forecast")),
    Part("002", "3.2", "missing values, duplicates, outliers by z-score and IQR; windows by day, week, month",
         ("data/cleaning", "data/panel", "01_data")),
    Part("002", "3.3", "MSE, RMSE, MAE", ("metrics",)),
    Part("002", "4.1-4.4", "demand from sales, promotion and customers by forgetting factors",
         ("evaluation/forgetting",)),
    Part("002", "6.1-6.3", "inventory, supply chain, cost",
         ("inventory/policy", "planning/network_flow", "inventory/simulate")),
    Part("002", "6.4, 6.5", "customers and risk", ("inventory/simulate", "planning/alerts")),
    Part("002", "8.2, 9.Q5", "data privacy: pseudonyms", ("operation/pseudonyms",)),
    Part("003", "3.1", "ARIMA, SARIMA, LSTM, random forest", ("evaluation/libraries", "07_forecast")),
    Part("003", "4.2.1", "periodic ordering, Q = D t", ("planning/replenishment_rules",)),
    Part("003", "4.2.2", "economic order quantity", ("inventory/policy",)),
    Part("003", "2.2", "dynamic programming", ("planning/finite_horizon", "planning/dynamic_lot_size")),
    Part("003", "9.1", "missing values (mean, median, nearest), outliers (box plot, 3 sigma)",
         ("data/cleaning", "01_data")),
    Part("003", "9.2", "MSE, RMSE, MAE, R squared", ("metrics",)),
    Part("004", "2.7, 3.1", "MINCOST: least total cost", ("planning/lot_sizing", "planning/lot_sizing_relaxation")),
    Part("004", "2.7, 3.2", "MAXSERV: most service", ("planning/budgeted_service",)),
    Part("004", "2.7, 3.3", "CIMS: cycle stock by dynamic programming", ("planning/dynamic_lot_size",)),
    Part("004", "2.7, 3.4", "SCOLLAB: suppliers, manufacturers, distributors, by LP and a genetic algorithm",
         ("planning/network_flow", "planning/base_stock_search")),
    Part("004", "2.7", "inventory by machine learning", ("planning/learned_policy",)),
    Part("004", "2.7", "dynamic pricing", ("planning/pricing",)),
    Part("004", "2.7", "rule-based inventory", ("planning/replenishment_rules",)),
    Part("004", "2.8", "moving average, smoothing, regression, trees, forests",
         ("evaluation/baselines", "evaluation/libraries", "07_forecast")),
    Part("004", "2.6", "real-time loop: collect, clean, store, monitor, analyse, decide",
         ("operation/day", "10_daily_operation")),
    Part("004", "2.9, 2.10", "overstock and stock-out management", ("planning/alerts", "planning/transfer")),
    Part("004", "6.4", "promotion peaks (Double 11, 618)", ("contest/promotion", "07b_new_items_and_618")),
    Part("004", "6.5", "new items", ("contest/new_items", "07b_new_items_and_618")),
    Part("004", "9.Q8", "end of life: clearance, transfer", ("planning/markdown_pricing", "planning/transfer")),
    Part("004", "2.2, 2.3", "anomaly detection", ("planning/demand_watch", "planning/alerts")),
    Part("004", "9.Q9", "evaluation by accuracy, turnover, cost, satisfaction", ("studies/inventory",)),
)  # fmt: skip


def documents_table() -> pd.DataFrame:
    """The map: document, place, what it claims or asks for, where it lives."""
    rows = [(part.document, part.place, part.claim, ", ".join(part.lives)) for part in PARTS]
    return pd.DataFrame(rows, columns=["document", "place", "claim or system", "lives in"])


def page() -> str:
    """DOCUMENTS.md: the map, document by document."""
    table = documents_table()
    lines = [
        "# The documents and the project", "",
        "What each document claims or asks for, and where it lives: modules of `src/bowerbird`, or notebooks.", "",
    ]  # fmt: skip
    for document, title in DOCUMENTS.items():
        own = table[table["document"] == document].drop(columns="document")
        lines += [f"## {document} · {title}", "", own.to_markdown(index=False, disable_numparse=True), ""]
    return "\n".join(lines)
