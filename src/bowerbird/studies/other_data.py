"""Notebook 19: do the findings hold on other data? Each as one effect of a run; the runs on several data side by side.

An effect has a 95 % interval where it is estimated. Beside the contest's it is "same", "different" or "cannot be told":
see `told`.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.dm.as_run import Records, k_means
from bowerbird.errors import MissingResult
from bowerbird.files import read_record, write_csv, write_text
from bowerbird.runs.circumstances import made_on
from bowerbird.runs.stage import Tables, project_root, read_tables
from bowerbird.seeds import streams
from bowerbird.studies.tables_1_and_2 import stability

CONTEST = "contest"
LEVEL = 0.01  # 1-WMAPE; effects within it count as none
RECORDS = 200_000  # of a panel's records at most this many are clustered, drawn at random
FILE = "other_data.csv"

FINDINGS = {
    "smoothed target": "families of protocols that attain 1-WMAPE .945 against their own smoothed target",
    "demand": "families that attain it against demand",
    "eq. 9 as printed": "clusters of 10 that hold a series with eq. 9 as printed, less those with the corrected one",
    "label codes": "agreement (ARI) of K-means on label codes with other starts, less that with other numberings",
    "DM clusters": "1-WMAPE of SBO-LSTM with DM clusters less without",
    "search": "1-WMAPE of SBO-LSTM less the untuned LSTM",
    "random search": "validation WMAPE of random search's best network less that of SBO's, 40 networks each",
    "TPE": "the same of the tree-structured Parzen estimator",
    "denoising": "1-WMAPE of SBO-LSTM on demand filtered before the origin less on demand",
    "median": "1-WMAPE of SBO-LSTM less the median of the last three weeks, or 13 weeks of weekly data",
    "LightGBM": "1-WMAPE of LightGBM L1 less the median",
    "service": "share of days without shortage that the plan reached, less the share it promised",
}
"""Finding -> its effect. Those in 1-WMAPE are means over three origins, with a bootstrap interval over series."""


def label_codes(panel: Panel) -> pd.DataFrame:
    """Every day-record of a panel as the numbers of its labels, by first appearance, and its demand."""
    codes = {name: pd.factorize(column)[0] + 1.0 for name, column in panel.series.items()}
    table = pd.DataFrame(codes).loc[np.repeat(np.arange(panel.n_series), panel.n_days)].reset_index(drop=True)
    return table.assign(qty=panel.demand.reshape(-1)).dropna()


def numbering_matters(panel: Panel, n: int, n_clusters: int = 10, seed: int = 0) -> pd.DataFrame:
    """`stability` of K-means on the label codes of a panel, n times with another start and with another numbering."""
    first, *rest = streams(seed, "other data/label codes", 2 * n + 1)
    codes = label_codes(panel)
    codes = codes.iloc[first.permutation(len(codes))[:RECORDS]]
    found = k_means(Records.of(codes, n_clusters), n_clusters, seed=int(first.integers(2**31)))
    return stability(codes, found, rest)


def clusters_lost(curves: np.ndarray, n: int, n_clusters: int = 10, seed: int = 0) -> pd.DataFrame:
    """How many clusters hold a curve with eq. 9 corrected, and as printed from there on; a row for each of n starts."""
    rows = []
    for start in range(seed, seed + n):
        corrected = PolynomialRegressionMixture(n_clusters, 3, random_state=start).fit(curves)
        printed = PolynomialRegressionMixture(n_clusters, 3, eq9="printed", random_state=start)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # clusters that empty are what is counted
            printed.fit(curves, responsibilities=corrected.responsibilities_)
        held = [len(np.unique(one.predict(curves))) for one in (corrected, printed)]
        rows.append((start, *held))
    return pd.DataFrame(rows, columns=["start", "corrected", "as printed"])


def counted(values: Iterable[float]) -> tuple[float, float, float]:
    """Mean of some repeats, and the middle 95 % of them."""
    values = np.asarray(list(values), dtype=float)
    return values.mean(), *np.quantile(values, [0.025, 0.975])


def ladder_effects(tables: Tables) -> dict[str, tuple[float, float, float]]:
    """The effects that the ladder of notebook 08 has measured: finding -> effect, low, high."""
    against_median = tables["ladder_against_median"].query("protocol == 'R'").set_index("method")
    differences = tables["ladder_differences"].query("protocol == 'R'").set_index("other")
    found = {}
    for finding, method in (("median", "SBO-LSTM"), ("LightGBM", "LightGBM L1")):
        if method in against_median.index:  # a smaller profile leaves some methods out
            found[finding] = tuple(against_median.loc[method, ["difference", "low", "high"]])
    chosen = "SBO-LSTM, without DM clusters" in differences.index
    with_it = {
        "DM clusters": ("SBO-LSTM, without DM clusters", 1) if chosen else ("SBO-LSTM, with DM clusters", -1),
        "search": ("LSTM, untuned", 1),
        "denoising": ("SBO-LSTM, denoised", -1),
    }
    for finding, (other, sign) in with_it.items():
        difference, low, high = sign * differences.loc[other, ["difference", "low", "high"]]
        found[finding] = difference, min(low, high), max(low, high)
    return found


def family_effects(tables: Tables) -> dict[str, tuple[float, float, float]]:
    """How many families of protocols attain Table 3's 1-WMAPE: counts, without an interval."""
    families = tables["table_3_families"]
    smoothed, raw = (families[families["against"] == name] for name in ("denoised", "raw"))
    counts = {"smoothed target": int(smoothed["attains"].sum()), "demand": int(raw["attains"].sum())}
    return {finding: (count, np.nan, np.nan) for finding, count in counts.items()}


def search_effects(tables: Tables) -> dict[str, tuple[float, float, float]]:
    """How far other searches end above SBO on the forecaster's own validation loss, where notebook 05 ran them."""
    try:
        best = tables["sbo_lstm_losses"]
    except MissingResult:  # lstm_seeds is 0
        return {}
    return {name: counted(best[name] - best["SBO, paper"]) for name in ("random search", "TPE") if name in best}


def service_effect(tables: Tables) -> dict[str, tuple[float, float, float]]:
    """Service that the corrected plan of notebook 10 reached on the held-out days, less what it promised."""
    row = tables["inventory_promise"].set_index("plan").loc["corrected"]
    return {"service": tuple(row[["days without shortage", "low", "high"]] - row["promised"])}


def effects_table(found: dict[str, tuple[float, float, float]]) -> pd.DataFrame:
    """A row a finding, in the order of FINDINGS: effect, low, high; NaN where it was not measured."""
    rows = [(finding, *found.get(finding, (np.nan,) * 3)) for finding in FINDINGS]
    return pd.DataFrame(rows, columns=["finding", "effect", "low", "high"])


def side(finding: str, effect: float, low: float, high: float) -> str:
    """What an effect shows by itself: "more", "less" or "none"; "" where its interval leaves it open.

    A count shows "more" above 0. An effect in 1-WMAPE whose interval lies within `LEVEL` shows none.
    """
    if np.isnan(effect):
        return ""
    if np.isnan(low):
        return "more" if effect > 0 else "none"
    in_score = finding not in ("eq. 9 as printed", "label codes", "service")
    if in_score and max(abs(low), abs(high)) <= LEVEL:
        return "none"
    return "more" if low > 0 else "less" if high < 0 else ""


def told(effects: pd.DataFrame) -> pd.Series:
    """For every row of effects on several data (columns data, finding, effect, low, high): the word beside the contest.

    "same" and "different" compare what `side` says here and on the contest's data; "cannot be told" where one is open.
    """
    sides = effects.apply(lambda row: side(row["finding"], row["effect"], row["low"], row["high"]), axis=1)
    of_contest = sides[effects["data"] == CONTEST].set_axis(effects["finding"][effects["data"] == CONTEST])
    words = []
    for data, finding, effect, here in zip(effects["data"], effects["finding"], effects["effect"], sides, strict=True):
        there = of_contest.get(finding, "")
        word = "cannot be told" if not here or not there else "same" if here == there else "different"
        words.append("–" if data == CONTEST else "not measured" if np.isnan(effect) else word)
    return pd.Series(words, index=effects.index)


# ---- the report -----------------------------------------------------------------------------------------------------


def gather(runs: dict[str, Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The effects of finished runs, name of the data -> folder, with the words beside the contest; and what was run.

    MissingResult where a run is not finished.
    """
    effects, about = [], []
    for data, folder in runs.items():
        if not (record := read_record(Path(folder) / "run.json")):
            raise MissingResult(f"{folder}: no finished run there; give `reproduce` for {data}")
        tables = read_tables(Path(folder))
        effects.append(tables["other_data_effects"].assign(data=data))
        size = tables["merge_counts"].iloc[0]
        about.append({
            "data": data, "series": size["n_series"], "days or weeks": size["n_days"], "profile": record["profile"],
            "seed": record["seed"], "commit": record["commit"][:9],
        })  # fmt: skip
    table = pd.concat(effects, ignore_index=True)[["finding", "data", "effect", "low", "high"]]
    table = table[table["finding"].isin(FINDINGS)]  # an earlier version's run may hold another
    return table.assign(told=told(table)), pd.DataFrame(about)


def words(effect: float, low: float, high: float) -> str:
    """An effect with its interval, if it has one."""
    if np.isnan(effect):
        return "not measured"
    return f"{effect:.0f}" if np.isnan(low) else f"{effect:+.3f} ({low:+.3f} to {high:+.3f})"


def wide(effects: pd.DataFrame) -> pd.DataFrame:
    """A row a finding, a column for each of the data: the effect, its interval and the word beside the contest."""
    text = [words(*row[["effect", "low", "high"]]) for _, row in effects.iterrows()]
    plain = ("–", "not measured")
    text = [one if told in plain else f"{one}: {told}" for one, told in zip(text, effects["told"], strict=True)]
    table = effects.assign(text=text).pivot(index="finding", columns="data", values="text")
    table = table.reindex(index=list(FINDINGS), columns=effects["data"].unique()).fillna("not measured")
    return table.reset_index().rename_axis(columns=None)


def known() -> pd.DataFrame:
    """The committed effects on all data."""
    return pd.read_csv(project_root() / "reports" / FILE)


def report(runs: dict[str, Path], reports: Path) -> str:
    """Write the effects of the runs and a page of them to `reports`; returns the page."""
    effects, about = gather(runs)
    maker = made_on()  # before a file in reports/ is another than the commit's
    write_csv(Path(reports) / FILE, effects, float_format="%.5f")
    meaning = pd.DataFrame({"finding": FINDINGS.keys(), "effect": FINDINGS.values()})
    text = PAGE.format(
        runs=about.to_markdown(index=False), effects=wide(effects).to_markdown(index=False),
        meaning=meaning.to_markdown(index=False), level=LEVEL, made_on=maker,
    )  # fmt: skip
    write_text(Path(reports) / "OTHER_DATA.md", text)
    return text


PAGE = """# Do the findings hold on other data?

`bowerbird other-data` made this page from the tables of these runs of `reproduce`:

{runs}

{effects}

{meaning}

* The runs stand above with their commits; notebook 19 and this page were made on {made_on}.
* A demo has fewer seeds and a shorter search than the full profile.
* Intervals are 95 %: over series for scores, over repeats for clusters. A count has none.
* An effect in 1-WMAPE whose interval lies within ±{level} counts as none. "same" and "different" compare the sign with
  the contest's; "cannot be told": the interval here, or the contest's, holds both.
"""
