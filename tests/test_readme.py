"""The README and the notebooks say what the committed tables hold."""

import re

import pandas as pd

from bowerbird.runs import project_root
from bowerbird.verdict import verdicts as verdict

ROOT = project_root()
TABLES = ROOT / "reports" / "full-attachments" / "tables"
README, CHINESE = (
    " ".join((ROOT / name).read_text(encoding="utf-8").split()) for name in ("README.md", "README.zh.md")
)


def test_the_readme_shows_the_claims_of_the_committed_report():
    for row in pd.read_csv(TABLES / "claims.csv").to_dict("records"):
        assert f"| {row['claim']} | {row['measured effect']} | {row['verdict']} |" in README, row["claim"]


def test_the_readme_explains_the_verdicts():
    explained = re.findall(r"^\| ([a-z ]+) \| [a-z]", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(verdict.counts(pd.read_csv(TABLES / "verdict.csv"))) <= set(explained)


def test_the_readme_concludes_what_the_committed_tables_hold():
    score = pd.read_csv(TABLES / "forecast_scores.csv").query("protocol == 'R'").set_index("method")["1-WMAPE"]
    saved = pd.read_csv(TABLES / "inventory_worth.csv").set_index("method")["saved against seasonal naive"]
    families = pd.read_csv(TABLES / "table_3_families.csv")
    smoothed, raw = (families[families["against"] == name] for name in ("denoised", "raw"))
    first = pd.read_csv(TABLES / "table_1.csv").query("cluster != 'total'")["same"]
    second = pd.read_csv(TABLES / "table_2.csv")["same"]
    third = pd.read_csv(TABLES / "table_3_seeds.csv").set_index(["index", "column"])["mean"]
    for sentence in (
        f"{first.sum()} of {len(first)} frequencies and {second.sum()} of {len(second)} centre cells are equal",
        f"{smoothed['attains'].sum()} of {len(smoothed)} families of protocols attain it",
        f"Against demand {raw['attains'].sum()} of {len(raw)} do",
        f"The leak-free score one day ahead is {third['test', 'one_minus_wmape']:.3f}",
        f"scores {score['SBO-LSTM']:.3f} with SBO-LSTM. A running median has {score['median 21']:.3f}, "
        f"last week's demand repeated {score['seasonal naive 7']:.3f}",
        f"SBO-LSTM needs {100 * saved['SBO-LSTM']:.0f} % less stock",
    ):
        assert sentence in README, sentence
        for number in re.findall(r"\d\.\d+", sentence):
            assert number in CHINESE, number


def test_the_readme_says_of_other_data_what_the_committed_table_holds():
    table = pd.read_csv(ROOT / "reports" / "other_data.csv")
    effects = table.pivot(index="finding", columns="data", values="effect")
    low, high = (table.pivot(index="finding", columns="data", values=name) for name in ("low", "high"))
    sets = ["groceries", "gifts", "weekly"]
    assert (effects.loc["smoothed target", sets] > 0).all() and (effects.loc["demand", sets] == 0).all()
    assert (effects.loc["eq. 9 as printed", sets] < 0).all() and (low.loc["median", ["groceries", "weekly"]] > 0).all()
    assert low.loc["median", "gifts"] < 0 < high.loc["median", "gifts"] < 0.01
    assert effects.loc["DM clusters", ["groceries", "weekly"]].abs().max() < 0.01
    assert (low.loc["search", sets] <= 0).all() and (low.loc["service", sets] > 0).all()
    assert (low.loc[["random search", "TPE"], [*sets, "contest"]] <= 0).all(axis=None)
    assert (high.loc[["random search", "TPE"], [*sets, "contest"]] >= 0).all(axis=None)
    median, search = effects.loc["median"], effects.loc["search"]
    assert high.loc["search", ["gifts", "weekly"]].max() < 0 and search["gifts"].round(3) == search["weekly"].round(3)
    for sentence in (
        f"by {median['groceries']:+.3f} on the groceries and {median['weekly']:+.3f} on the weekly sales",
        f"on the gifts and the weekly sales its settings score {-search['gifts']:.3f} lower",
        f"DM clusters cost {-effects.loc['DM clusters', 'gifts']:.3f} on the gifts",
    ):
        assert sentence in README, sentence
