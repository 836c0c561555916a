"""The README and the notebooks say what the committed tables hold."""

import nbformat
import numpy as np
import pandas as pd

from bowerbird.runs import project_root
from bowerbird.table_3.scores import TABLE_3_TOLERANCE
from bowerbird.verdict import claims
from bowerbird.verdict import verdicts as verdict

ROOT = project_root()
TABLES = ROOT / "reports" / "full-attachments" / "tables"
README = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())


def test_the_readme_shows_the_committed_report():
    headline = (TABLES / "headline.md").read_text(encoding="utf-8")
    assert headline.strip() in (ROOT / "README.md").read_text(encoding="utf-8")


def interval(row) -> str:
    return f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"


def test_the_readme_says_in_words_what_the_committed_tables_hold():
    scores = pd.read_csv(TABLES / "forecast_scores.csv").set_index(["method", "protocol"])
    of, best = scores["1-WMAPE"], "ensemble: SBO-LSTM, median 21"
    combined = pd.read_csv(TABLES / "ladder_combination.csv").set_index("protocol").loc["R"]
    ranked = scores[scores["kind"] != "hindsight"]["1-WMAPE"].unstack()
    assert ranked["R"].idxmax() == best
    saved = pd.read_csv(TABLES / "inventory_worth.csv").set_index("method")["saved against seasonal naive"]
    of_network = sorted(saved[["SBO-LSTM", "SBO-LSTM, its own distribution"]])
    days = pd.read_csv(TABLES / "daily_updates.csv").set_index("updating")["1-WMAPE"]
    total = pd.read_csv(TABLES / "levels.csv").query("level == 'total' and period == 'horizon'").set_index("method")
    place = total["1-WMAPE"].rank(ascending=False)
    searches = pd.read_csv(TABLES / "sbo_win_rates.csv").set_index(["evaluations", "against"]).loc[60]
    gaussian = searches.loc["Gaussian process"]
    verdicts = verdict.counts(pd.read_csv(TABLES / "verdict.csv"))
    families = pd.read_csv(TABLES / "table_3_families.csv")
    smoothed, raw = (families[families["against"] == name] for name in ("denoised", "raw"))
    past_only = (smoothed["filtered"] == "causal") & (smoothed["split"] == "last")
    attaining = smoothed[smoothed["attains"]]
    one_minus = (attaining["1 - RMSE, distance"] <= TABLE_3_TOLERANCE).sum()
    for model, width in (("ridge", 9), ("persistence", 11)):
        named = (attaining["model"] == model) & (attaining["filter"] == f"trailing mean {width} d")
        assert (named & (attaining["split"] == "last") & (attaining["horizon"] == "1 day")).any()
    assert not raw["attains"].any() and not (attaining["RMSE, distance"] <= TABLE_3_TOLERANCE).any()
    ahead = pd.read_csv(TABLES / "ladder_differences.csv").set_index(["protocol", "other"])
    stops = pd.read_csv(TABLES / "as_run_stops.csv")
    blind = pd.read_csv(TABLES / "as_run_starts.csv").iloc[0]
    third = pd.read_csv(TABLES / "table_3.csv").set_index(["index", "column"])["corrected"]
    for sentence in (
        f"SBO-LSTM {of['SBO-LSTM', 'R']:.3f}, its settings",
        f"a running median ({of['median 21', 'R']:.3f})",
        f"an L1 stack of simple forecasts ({of['L1 stack of simple forecasts', 'R']:.3f})",
        f"and LightGBM ({of['LightGBM L1', 'R']:.3f})",
        f"last week's demand ({of['seasonal naive 7', 'R']:.3f})",
        f"the highest score, {of[best, 'R']:.3f} ({scores['low'][best, 'R']:.3f} to {scores['high'][best, 'R']:.3f})",
        f"On the last 15 days {ranked['P15'].idxmax()} has it ({ranked['P15'].max():.3f}), "
        f"on the last 25 {ranked['P25'].idxmax()} ({ranked['P25'].max():.3f})",
        f"Weights of {combined['methods']:.0f} forecasters",
        f"would give {combined['weights in hindsight']:.3f}",
        f"SBO-LSTM is number {place['SBO-LSTM']:.0f} of {len(total)} ({total['1-WMAPE']['SBO-LSTM']:.3f}",
        claims.search_text(pd.read_csv(TABLES / "sbo_history.csv")),
        f"differs by {interval(ahead.loc['R', 'LSTM, untuned'])} from the untuned LSTM",
        f"by {interval(ahead.loc['R', 'GRU, untuned'])} from the untuned GRU",
        f"{stops['all ten frequencies'][1]} of {stops['starts'][1]:,} starts give all ten frequencies",
        f"within 4 records {blind['within 4 records']:.0f}, within 26 records {blind['within 26 records']:.0f}, "
        f"exact {blind['all ten frequencies']:.0f}, lower in inertia {100 * blind['share with lower inertia']:.1f} %",
        f"smoothing needs {saved['SES(.1)']:.0%}".replace("%", " %"),
        f"SBO-LSTM {100 * of_network[0]:.0f} to {100 * of_network[1]:.0f} %",
        f"the running median {100 * saved['median 21']:.0f} %",
        f"SBO-LSTM scores {days['state update']:.3f} on the week ahead",
        f"likewise, {days['SES, updated daily']:.3f} and {days['median 21, updated daily']:.3f}",
        f"kept for all four weeks {days['no update']:.3f}",
        f"random search in {100 * searches.loc['random search', 'won']:.0f} % of pairings",
        f"Optuna's TPE ({100 * searches.loc['TPE', 'won']:.0f} %",
        f"{len(attaining)} of {len(smoothed)} families of protocols attain it",
        f"{smoothed[past_only]['attains'].sum()} of {past_only.sum()} that use past days only",
        f"{smoothed[~past_only]['attains'].sum()} of {(~past_only).sum()} that use later days",
        f"Against demand none of {len(raw)} does",
        f"would give it in {one_minus} families",
        f"the causal filter costs {ahead['difference']['R', 'SBO-LSTM, denoised']:.3f}",
        f"beats it on {gaussian['pairings'] * (1 - gaussian['won']):.0f} of the {gaussian['pairings']:.0f}",
        f"best leak-free day-ahead score is {third['test', 'one_minus_wmape']:.3f}",
        f"{verdicts['reproduced']} reproduced, {verdicts['within tolerance']} within tolerance, "
        f"{verdicts['follows from another number']} follow from another number, "
        f"{verdicts['input of ours']} are inputs of ours, "
        f"{verdicts['consistent with']} consistent with a smoothed target, "
        f"{verdicts['contradicted']} contradicted (text and table disagree), {verdicts['not found']} not found, "
        f"{verdicts['excluded']} excluded, {verdicts['uninformative']} uninformative, "
        f"{verdicts['unknowable']} unknowable",
    ):
        assert sentence in README, sentence


def test_notebooks_say_of_the_attachments_what_the_committed_tables_hold():
    searches = pd.read_csv(TABLES / "sbo_win_rates.csv").set_index(["evaluations", "against"]).loc[60]
    lost = searches.loc["Gaussian process", "pairings"] * (1 - searches.loc["Gaussian process", "won"])
    blend = pd.read_csv(TABLES / "new_items_scores.csv").set_index(["method", "population"]).loc["blend"]
    gains = blend[["gain", "gain, 5 %", "gain, 95 %"]].map("{:.3f}".format).apply(lambda cells: cells.str.lstrip("0"))
    long, other = pd.read_csv(TABLES / "sbo_at_length.csv").set_index("function"), "differential evolution"
    old, young = (gains.loc[where].tolist() for where in ("hidden old series", "new items"))
    for stem, sentence in (
        ("09_new_items_and_618", f"gains {old[0]} ({old[1]} to {old[2]}) on hidden old series"),
        ("09_new_items_and_618", f"{young[0]} ({young[1]} to {young[2]}) on new items"),
        (
            "05_bowerbird_search",
            f"below the tuned SBO in {lost:.0f} of {searches.loc['Gaussian process', 'pairings']:.0f} pairings",
        ),
        (
            "05_bowerbird_search",
            f"lower on {(long['SBO'] > long[other]).sum()} of {len(long)} functions, on the sphere by more than "
            f"{int(np.log10(long.loc['sphere', 'SBO'] / long.loc['sphere', other]))} powers of ten",
        ),
    ):
        text = " ".join(cell.source for cell in nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells)
        assert sentence in " ".join(text.split()), sentence
