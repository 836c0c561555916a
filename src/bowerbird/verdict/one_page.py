"""The report of one page (REPORT.md): scope, claims, method, results, and what could not be determined.

Its shape is that of the reports of ReScience and of the machine learning reproducibility challenges. Every number in it
is computed from the tables of a run.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from jinja2 import Environment

from bowerbird.errors import MissingResult
from bowerbird.runs.stage import Tables, one
from bowerbird.verdict.claims import other_data_text
from bowerbird.verdict.verdicts import counts

TEMPLATE = Path(__file__).with_suffix(".md")


def page(tables: Tables, judged: pd.DataFrame, claims: pd.DataFrame, real: bool) -> str:
    """The report as Markdown; `real`: the run was made on the paper's attachments."""
    template = Environment(trim_blocks=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        real=real,
        claims=claims[["claim", "measured effect", "verdict"]].to_markdown(index=False),
        counts=", ".join(f"{number} {verdict}" for verdict, number in counts(judged).items()),
        n_numbers=len(judged),
        results=list(filter(None, [*(_said(sentence, tables) for sentence in RESULTS), other_data_text()])),
    )


def _said(sentence: Callable[[Tables], str], tables: Tables) -> str:
    """The sentence, or "" where a smaller profile has not made its tables."""
    try:
        return sentence(tables)
    except MissingResult:
        return ""


def tables_1_and_2(tables: Tables) -> str:
    """How near K-means on label codes comes to Tables 1 and 2."""
    first, second = tables["table_1"].query("cluster != 'total'"), tables["table_2"]
    other = one(tables["as_run_stability"], "mean", "what == 'other numbering'")
    return (
        f"**Tables 1 and 2**: K-means on label codes of the merged records gives {first['same'].sum()} of {len(first)} "
        f"printed frequencies and {second['same'].sum()} of {len(second)} printed cells; the mixture of eqs 1–10 "
        "clusters curves and gives others. With the labels numbered in another order the clusters are others too "
        f"(adjusted Rand index {other:.2f})."
    )


def table_3(tables: Tables) -> str:
    """What gives Table 3's score, and the leak-free one."""
    families = tables["table_3_families"]
    smoothed, raw = (families[families["against"] == name] for name in ("denoised", "raw"))
    past = (smoothed["filtered"] == "causal") & (smoothed["split"] == "last")
    ahead = one(tables["table_3_seeds"], "mean", "index == 'test' and column == 'one_minus_wmape'")
    return (
        f"**Table 3**: scored against a smoothed series, {smoothed['attains'].sum()} of {len(smoothed)} families of "
        f"protocols attain the printed 1 − WMAPE at a filter width solved for it, {smoothed[past]['attains'].sum()} of "
        f"them with past days alone; scored against demand {raw['attains'].sum()} of {len(raw)} do. The leak-free "
        f"score one day ahead is {ahead:.3f}, the mean over seeds."
    )


def forecast(tables: Tables) -> str:
    """The leak-free scores 15 days ahead."""
    scores = tables["forecast_scores"].query("protocol == 'R'")
    ranked = scores[scores["kind"] != "hindsight"].sort_values("1-WMAPE", ascending=False)
    best, place = ranked.iloc[0], ranked["method"].tolist().index("SBO-LSTM") + 1
    ours, naive = (one(scores, "1-WMAPE", f"method == '{name}'") for name in ("SBO-LSTM", "seasonal naive 7"))
    return (
        f"**The forecast**, 15 days ahead from three origins and leak-free: SBO-LSTM {ours:.3f}, number {place} of "
        f"{len(ranked)}; the best is {best['method']} with {best['1-WMAPE']:.3f} ({best['low']:.3f} to "
        f"{best['high']:.3f}); last week's demand repeated has {naive:.3f}."
    )


def inventory(tables: Tables) -> str:
    """What forecasts are worth in stock."""
    saved = tables["inventory_worth"].set_index("method")["saved against seasonal naive"].drop("perfect foresight")
    return (
        f"**Inventory**: at an equal fill rate SBO-LSTM needs {saved['SBO-LSTM']:.0%} less stock than last week's "
        f"demand repeated; {saved.idxmax()} saves most, {saved.max():.0%}."
    )


RESULTS = (tables_1_and_2, table_3, forecast, inventory)
