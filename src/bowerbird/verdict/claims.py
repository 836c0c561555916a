"""The paper's claims (claims.yaml), each with the effect that a run measures and a verdict.

Effects are computed from the tables of a run.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from bowerbird.errors import MissingResult
from bowerbird.runs.stage import Tables, one, project_root
from bowerbird.table_3.scores import NORMALIZATIONS, TABLE_3_TOLERANCE
from bowerbird.verdict.comparison import NOT_COMPARABLE, NOT_FOUND, REPRODUCED, UNKNOWABLE, WITHIN

NOT_MEASURED = "not measured in this run"
SHARE = "over the last 15 % of the days"
WHERE = {"R": "from three origins", "P25": SHARE, "P15%": SHARE}  # P15% on panels whose last 15 % are not 25 days
CLAIMS = yaml.load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"), yaml.BaseLoader)


def search_summary(history: pd.DataFrame) -> dict[str, float]:
    """What a search was worth: its best loss, where it was found, and how many moves lowered the best loss."""
    best = history.loc[history["value"].idxmin()]
    moves = history["generation"] > 0
    lowered = history["value"] < history["value"].cummin().shift()
    return {
        "evaluations": len(history), "best loss": best["value"], "found at evaluation": int(best["evaluation"]),
        "generation": int(best["generation"]), "moves": int(moves.sum()),
        "moves that lowered the best": int((moves & lowered).sum()),
        "best of generation 0": history.loc[~moves, "value"].min(),
    }  # fmt: skip


def search_text(history: pd.DataFrame) -> str:
    """`search_summary` of SBO as the paper describes it, in a sentence."""
    of = search_summary(history)
    text = f"the best of {of['evaluations']} evaluations is number {of['found at evaluation']}, "
    if of["generation"] == 0:
        return text + f"a random draw of generation 0: {of['moves']} moves of SBO improved nothing"
    return text + (
        f"of generation {of['generation']}: {of['moves that lowered the best']} of {of['moves']} moves of SBO lowered "
        f"the best loss, from {of['best of generation 0']:.4f} to {of['best loss']:.4f}"
    )


def horizon_total_text(levels: pd.DataFrame) -> str:
    """The methods' scores for the catalogue's total over the horizon, best first, with SBO-LSTM's place and bias."""
    total = levels.query("level == 'total' and period == 'horizon'").sort_values("1-WMAPE", ascending=False)
    scores = ", ".join(f"{row['method']} {row['1-WMAPE']:.3f}" for _, row in total.iterrows())
    place = total["method"].tolist().index("SBO-LSTM") + 1
    bias = one(total, "bias", "method == 'SBO-LSTM'")
    return f"{scores}: SBO-LSTM is number {place} of {len(total)}, with a bias of {bias:+.3f}"


def _gain(tables: Tables, with_it: str, without: str, protocol: str) -> tuple[float, float, float]:
    """How far the method with a component is ahead of the one without, and its interval; one of them is SBO-LSTM."""
    other, sign = (without, 1) if with_it == "SBO-LSTM" else (with_it, -1)
    row = f"protocol == '{protocol}' and other == '{other}'"
    difference, low, high = (sign * one(tables["ladder_differences"], x, row) for x in ("difference", "low", "high"))
    return difference, min(low, high), max(low, high)


def _helps(tables: Tables, with_it: str, without: str, what: str) -> tuple[str, str]:
    """The component's gain in words, and whether three origins show one beyond the interval."""
    scored = {"R", *tables["ladder_differences"]["protocol"]}
    gains = {name: _gain(tables, with_it, without, name) for name in WHERE if name in scored}
    text = "; ".join(f"{d:+.3f} ({low:+.3f} to {high:+.3f}) {WHERE[name]}" for name, (d, low, high) in gains.items())
    return f"1-WMAPE {what} {text}", REPRODUCED if gains["R"][1] > 0 else NOT_FOUND


def chose_clusters(tables: Tables) -> bool:
    """Whether SBO chose the clusters as an input of the network: the run then compares it with one without them."""
    return (tables["ladder_differences"]["other"] == "SBO-LSTM, without DM clusters").any()


def _clusters(tables: Tables) -> tuple[str, str]:
    with_, without = "SBO-LSTM, with DM clusters", "SBO-LSTM, without DM clusters"
    pair = ("SBO-LSTM", without) if chose_clusters(tables) else (with_, "SBO-LSTM")
    return _helps(tables, *pair, "with the clusters against without")


def _search(tables: Tables) -> tuple[str, str]:
    lstm, verdict = _helps(tables, "SBO-LSTM", "LSTM, untuned", "against the untuned LSTM")
    gru, _ = _helps(tables, "SBO-LSTM", "GRU, untuned", "against the untuned GRU")
    return f"{lstm}. {gru}. In the search {search_text(tables['sbo_history'])}", verdict


def _denoising(tables: Tables) -> tuple[str, str]:
    return _helps(tables, "SBO-LSTM, denoised", "SBO-LSTM", "with a filter of the days before the origin against none")


def _accuracy(tables: Tables) -> tuple[str, str]:
    row = "protocol == 'R' and method == 'SBO-LSTM'"
    ahead_15, low, high = (one(tables["forecast_scores"], x, row) for x in ("1-WMAPE", "low", "high"))
    row = "index == 'test' and column == 'one_minus_wmape'"
    ahead_1, sd = (one(tables["table_3_seeds"], x, row) for x in ("mean", "sd"))
    printed, families = one(tables["table_3"], "paper", row), _families(tables)
    near = min(abs(ahead_15 - printed), abs(ahead_1 - printed)) <= TABLE_3_TOLERANCE
    spread = "" if np.isnan(sd) else f" ± {sd:.3f} over seeds"
    return (
        f"1-WMAPE against demand {ahead_15:.3f} ({low:.3f} to {high:.3f}) 15 days ahead, {ahead_1:.3f}{spread} one day "
        f"ahead, for the printed {printed:.3f}; against a filtered target {len(families)} families of protocols give it"
    ), WITHIN if near else NOT_FOUND


def _rmse(tables: Tables) -> tuple[str, str]:
    families = _families(tables)
    fits = (families["RMSE, distance"] <= TABLE_3_TOLERANCE).sum()
    names = ("RMSE / mean demand", "1-WMAPE", "difference", "low", "high")
    rmse, share, difference, low, high = (one(tables["ladder_rmse"], x, "protocol == 'R'") for x in names)
    return (
        f"RMSE / mean demand {rmse:.3f} beside a 1-WMAPE of {share:.3f}, difference {difference:+.3f} ({low:+.3f} to "
        f"{high:+.3f}) {WHERE['R']}; under {len(NORMALIZATIONS)} normalizations {fits} of the {len(families)} families "
        f"that give the printed 1-WMAPE give the RMSE beside it"
    ), WITHIN if fits else NOT_FOUND


def _inventory(tables: Tables) -> tuple[str, str]:
    row = "method == 'SBO-LSTM'"
    names = ("saved against seasonal naive", "saved, low", "saved, high")
    saved, low, high = (100 * one(tables["inventory_worth"], name, row) for name in names)
    if np.isnan(saved):
        raise MissingResult("no equal fill rate to compare at")
    return (
        f"no rule, cost or result is printed; our (s, S) plan, with assumed costs, needs {saved:.0f} % ({low:.0f} to "
        f"{high:.0f}) less stock at equal fill rate than last week's demand repeated"
    ), UNKNOWABLE


def _families(tables: Tables) -> pd.DataFrame:
    """The families of protocols that give the printed 1-WMAPE in train and test, scored against a filtered target."""
    families = tables["table_3_families"]
    return families[(families["against"] == "denoised") & families["attains"]]


_JUDGES = (_clusters, _search, _denoising, _accuracy, _rmse, _inventory)
JUDGES = {judge.__name__[1:]: judge for judge in _JUDGES}


def claims_table(tables: Tables, real: bool, claims: list[dict] = CLAIMS) -> pd.DataFrame:
    """The claims with their measured effects; on other data than the attachments (`real`) none is judged."""
    rows = []
    for claim in claims:
        try:
            effect, verdict = JUDGES[claim["judge"]](tables)
        except MissingResult:  # a smaller profile leaves some methods out
            effect, verdict = NOT_MEASURED, NOT_MEASURED
        place = (claim[name] for name in ("claim", "place", "words"))
        rows.append((*place, effect, verdict if real else NOT_COMPARABLE))
    return pd.DataFrame(rows, columns=["claim", "place", "the paper's words", "measured effect", "verdict"])


def other_data_text(effects: pd.DataFrame | None = None) -> str:
    """On which other data the findings are the same, in a sentence; "" where none were tried.

    `effects` are those of reports/other_data.csv (`bowerbird other-data`), which is read by default.
    """
    effects = pd.read_csv(project_root() / "reports" / "other_data.csv") if effects is None else effects
    others = effects[effects["told"].isin(["same", "different", "cannot be told"])]
    if others.empty:
        return ""
    words = {}
    for finding, rows in others.groupby("finding", sort=False):
        where = {word: rows.loc[rows["told"] == word, "data"].tolist() for word in ("same", "different")}
        if len(where["same"]) == len(rows):
            words.setdefault("the same wherever measured", []).append(finding)
        elif where["different"]:
            words.setdefault("different on some", []).append(f"{finding} ({', '.join(where['different'])})")
        else:
            words.setdefault("cannot be told on some", []).append(finding)
    found = "; ".join(f"{word}: {', '.join(findings)}" for word, findings in words.items())
    return f"**Other data**: measured again on {', '.join(others['data'].unique())} (reports/OTHER_DATA.md); {found}."
