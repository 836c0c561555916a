"""Where we depart from the paper: its words, our choice and why (deviations.yaml), and the measured effect.

Effects are computed from the tables of a run. Where a run has not made what an effect needs, the list says so.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from bowerbird.dm.mixture import design_matrix
from bowerbird.errors import MissingResult
from bowerbird.runs.stage import Tables, one
from bowerbird.verdict.claims import NOT_MEASURED, chose_clusters, horizon_total_text, search_text

DEVIATIONS = yaml.load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"), yaml.BaseLoader)


def _merge(tables: Tables) -> str:
    if "records_naive" not in tables["merge_counts"]:
        raise MissingResult("one table of sales: nothing is merged")
    merged, counted = (tables["merge_counts"][f"records_{name}"][0] for name in ("naive", "correct"))
    return f"{counted:,} records for {merged:,}, {1 - counted / merged:.1%} fewer"


def _curves(tables: Tables) -> str:
    n_days = int(tables["merge_counts"]["n_days"][0])
    printed = tables["table_1"]["paper"][:-1]  # without the total
    whole = (printed % n_days == 0).sum()
    return f"{whole} of Table 1's {len(printed)} frequencies are multiples of {n_days} days, as series would be"


def _codes(tables: Tables) -> str:
    rand = one(tables["as_run_stability"], "mean", "what == 'other numbering'")
    return f"label codes numbered in another order give other clusters: adjusted Rand index {rand:.3f}"


def _equation_9(tables: Tables) -> str:
    members = tables["dm_members"]
    kept = [(members[name] > 0).sum() for name in ("corrected: series", "eq. 9 as printed: series")]
    return f"{kept[0]} clusters hold series; with the denominator as printed, {kept[1]}"


def _scale(tables: Tables) -> str:
    shares = tables["dm_scales"].set_index("scale")
    largest, smallest = (shares[name] for name in ("largest cluster, series", "smallest"))
    sizes = {name: f"{smallest[name]} to {largest[name]} series" for name in ("log(1 + demand)", "raw")}
    return f"clusters of {sizes['log(1 + demand)']}; on raw demand, of {sizes['raw']}"


def _basis(tables: Tables) -> str:
    n_days = int(tables["merge_counts"]["n_days"][0])
    powers = np.vander(np.arange(1.0, n_days + 1), 4)
    ours = np.linalg.qr(design_matrix(n_days, 3))[0]
    return (
        f"condition number of X for p = 3: {np.linalg.cond(powers):.0e} in day numbers, {np.linalg.cond(ours):.1f} here"
    )


def _number_of_clusters(tables: Tables) -> str:
    criteria = tables["dm_number_of_clusters"]
    best = criteria["K"][criteria["BIC (curves)"].idxmin()]
    return f"BIC is least at K = {best}, among values up to {criteria['K'].max()}"


def _cleaning(tables: Tables) -> str:
    share = tables["cleaning_outliers"]["share of all demand taken away"]
    return f"the usual rules would take {share.min():.1%} to {share.max():.1%} of all demand away"


def _variant(name: str) -> Callable[[Tables], str]:
    """The effect 1-WMAPE of ours less that of a variant of the network, 15 days ahead from three origins."""

    def effect(tables: Tables) -> str:
        row = f"protocol == 'R' and other == 'SBO-LSTM, {name}'"
        ahead, low, high = (one(tables["ladder_differences"], x, row) for x in ("difference", "low", "high"))
        return f"1-WMAPE {ahead:+.3f} against '{name}' (95 % interval {low:+.3f} to {high:+.3f})"

    return effect


def _clusters(tables: Tables) -> str:
    return _variant("without DM clusters" if chose_clusters(tables) else "with DM clusters")(tables)


def _split(tables: Tables) -> str:
    last, three = (
        one(tables["forecast_scores"], "1-WMAPE", f"protocol == '{p}' and method == 'SBO-LSTM'") for p in ("P25", "R")
    )
    return f"1-WMAPE {three:.3f} from three origins; {last:.3f} over the paper's last 15 % of the days"


def _target(tables: Tables) -> str:
    attaining = tables["table_3_families"].query("against == 'denoised' and attains")
    row = "index == 'test' and column == 'one_minus_wmape'"
    mean, printed = one(tables["table_3_seeds"], "mean", row), one(tables["table_3"], "paper", row)
    return (
        f"one day ahead {mean:.3f} for the printed {printed:.3f}; "
        f"{len(attaining)} families attain the printed score on a smoothed series, at a width solved for it"
    )


def _classes(tables: Tables) -> str:
    row = "protocol == 'leak-free' and model == 'lstm' and Index == 'Test'"
    names = [name for name in tables["table_3_protocols"] if name.startswith("accuracy, ")]
    values = {name.removeprefix("accuracy, "): one(tables["table_3_protocols"], name, row) for name in names}
    return "accuracy of one forecast: " + ", ".join(f"{name} {value:.3f}" for name, value in values.items())


def _search(tables: Tables) -> str:
    row = "evaluations == evaluations.max() and against == 'SBO, paper'"
    won, pairings = (one(tables["sbo_win_rates"], name, row) for name in ("won", "pairings"))
    return (
        f"{search_text(tables['sbo_history'])}; with a Sobol start, chances by rank and more mutation SBO ends lower "
        f"in {won:.0%} of {pairings} pairings on other problems (notebook 05)"
    )


def _stop(tables: Tables) -> str:
    summary = tables["lstm_summary"].iloc[0]
    return f"stopped by {summary['search stopped by']}, at a validation WMAPE of {summary['validation WMAPE']:.3f}"


def _layers(tables: Tables) -> str:
    best = tables["sbo_history"].groupby("layers")["value"].min()
    return "best validation WMAPE " + ", ".join(f"{v:.4f} with {n} layer{'s'[: n > 1]}" for n, v in best.items())


def _level(tables: Tables) -> str:
    levels = tables["levels"]
    ours = "method == 'SBO-LSTM' and period == 'day'"
    single, total = (one(levels, "1-WMAPE", f"{ours} and level == '{x}'") for x in ("series", "total"))
    return (
        f"1-WMAPE {single:.3f} by series and day; {total:.3f} for the day's total of the same forecasts; for the total "
        f"over the horizon {horizon_total_text(levels)}"
    )


def _inventory(tables: Tables) -> str:
    plan = tables["inventory_summary"].iloc[0]
    saved = one(tables["inventory_worth"], "saved against seasonal naive", "method == 'SBO-LSTM'")
    if np.isnan(saved):
        raise MissingResult("no equal fill rate to compare at")
    return (
        f"fill rate {plan['fill_rate']:.3f} at {plan['turnover_days']:.1f} turnover days, on held-out days; at equal "
        f"fill rate {100 * saved:.0f} % less stock than last week's demand repeated would need"
    )


_MEASURED = (
    _merge, _curves, _codes, _equation_9, _scale, _basis, _number_of_clusters, _cleaning, _split, _target, _classes,
    _clusters, _search, _stop, _layers, _level, _inventory,
)  # fmt: skip
EFFECTS: dict[str, Callable[[Tables], str]] = {effect.__name__[1:]: effect for effect in _MEASURED}
EFFECTS |= {name: _variant(name) for name in ("denoised", "without other series", "aimed at the median")}


def deviations_table(tables: Tables) -> pd.DataFrame:
    """All deviations, numbered, with their measured effects."""
    rows = []
    for number, deviation in enumerate(DEVIATIONS, 1):
        try:
            effect = EFFECTS[deviation["effect"]](tables)
        except MissingResult:  # a smaller profile leaves some methods out
            effect = NOT_MEASURED
        rows.append((number, *(deviation[name] for name in ("place", "words", "ours", "why")), effect))
    return pd.DataFrame(rows, columns=["no.", "place", "the paper's words", "our choice", "why", "measured effect"])


def page(table: pd.DataFrame, real: bool) -> str:
    """DEVIATIONS.md; `real` tells whether the effects were measured on the attachments."""
    data = "the paper's data" if real else "other data than the paper's"
    head = ["# Deviations", "", f"Where we depart from the paper's words, and what it does, measured on {data}.", ""]
    return "\n".join([*head, table.to_markdown(index=False, disable_numparse=True), ""])
