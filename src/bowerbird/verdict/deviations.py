"""Where we depart from the paper: its words, our choice, why, and what the choice does, measured.

Effects are computed from the tables of a run (`tables.read_tables`), never typed in; where a run has not made what an
effect needs, the list says so.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird import paper
from bowerbird.dm.basis import Basis
from bowerbird.errors import MissingResult
from bowerbird.runs.tables import Tables, one
from bowerbird.sbo import VARIANTS
from bowerbird.verdict.claims import NOT_MEASURED, horizon_total_text, search_text

_SBO = VARIANTS["paper"]


@dataclass(frozen=True)
class Deviation:
    """One choice of ours: the paper's place and words, the choice, why, and its effect as a function of the tables."""

    place: str
    words: str
    ours: str
    why: str
    effect: Callable[[Tables], str]


def _merge(tables: Tables) -> str:
    merged, counted = (tables["merge_counts"][f"records_{name}"][0] for name in ("naive", "correct"))
    return f"{counted:,} records for {merged:,}, {1 - counted / merged:.1%} fewer"


def _curves(tables: Tables) -> str:
    n_days = int(tables["merge_counts"]["n_days"][0])
    whole = (paper.TABLE_1["frequency"] % n_days == 0).sum()
    return f"{whole} of Table 1's {len(paper.TABLE_1)} frequencies are multiples of {n_days} days, as series would be"


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
    return (
        f"condition number of X for p = 3: {np.linalg.cond(powers):.0e} in day numbers, "
        f"{np.linalg.cond(Basis('chebyshev', 3).design(n_days)):.1f} here"
    )


def _number_of_clusters(tables: Tables) -> str:
    criteria = tables["dm_number_of_clusters"]
    best = criteria["K"][criteria["BIC (curves)"].idxmin()]
    return f"BIC is least at K = {best}, among values up to {criteria['K'].max()}"


def _cleaning(tables: Tables) -> str:
    share = tables["cleaning_outliers"]["share of all demand taken away"]
    return f"the usual rules would take {share.min():.1%} to {share.max():.1%} of all demand away"


def _variant(name: str) -> Callable[[Tables], str]:
    """Effect of leaving a variant of the network aside: 1-WMAPE of ours less the variant's, 15 days, three origins."""

    def effect(tables: Tables) -> str:
        row = f"protocol == 'R' and other == 'SBO-LSTM, {name}'"
        ahead, low, high = (one(tables["ladder_differences"], x, row) for x in ("difference", "low", "high"))
        return f"1-WMAPE {ahead:+.3f} against '{name}' (95 % interval {low:+.3f} to {high:+.3f})"

    return effect


def _clusters(tables: Tables) -> str:
    chosen = (tables["ladder_differences"]["other"] == "SBO-LSTM, without DM clusters").any()  # SBO took them
    return _variant("without DM clusters" if chosen else "with DM clusters")(tables)


def _split(tables: Tables) -> str:
    last, three = (
        one(tables["forecast_scores"], "1-WMAPE", f"protocol == '{p}' and method == 'SBO-LSTM'") for p in ("P25", "R")
    )
    return f"1-WMAPE {three:.3f} from three origins; {last:.3f} over the paper's last 15 % of the days"


def _target(tables: Tables) -> str:
    attaining = tables["table_3_families"].query("against == 'denoised' and attains")
    mean = one(tables["table_3_seeds"], "mean", "index == 'test' and column == 'one_minus_wmape'")
    return (
        f"one day ahead {mean:.3f} for the printed {paper.TABLE_3.loc['test', 'one_minus_wmape']:.3f}; "
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
        f"in {won:.0%} of {pairings} pairings on other problems (notebook 04)"
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
    return (
        f"fill rate {plan['fill_rate']:.3f} at {plan['turnover_days']:.1f} turnover days, on held-out days; at equal "
        f"fill rate {100 * saved:.0f} % less stock than last week's demand repeated would need"
    )


DEVIATIONS = (
    Deviation("Table 1", "Total 340798", "the list of warehouses loses its two repeats before it is joined",
              "a joined row must stand for one day of one series", _merge),
    Deviation("3.1, 3.2", "Iterate the data according to the above formula to obtain the DM cluster set",
              "series are clustered by their demand curves, as eqs 1-10 say, not records by their label codes",
              "code numbers are names; Table 2 can only come from clustering them", _curves),
    Deviation("Table 2", "Clustering center point", "each column's most frequent label, with its share",
              "a mean of code numbers changes when the labels are numbered in another order", _codes),
    Deviation("eq. (9)", "divided by sum_i w_ik", "divided by sum_i w_ik n_i", "maximum likelihood", _equation_9),
    Deviation("3.1", "the preprocessed attachment data", "curves are log(1 + demand)",
              "on raw demand squared distances see the largest sellers alone", _scale),
    Deviation("eq. (2)", "the Vandermond matrix", "Chebyshev polynomials on days mapped to -1 ... 1, where it matters",
              "the same curves; powers of day numbers lose all digits", _basis),
    Deviation("3.2", "divided into 10 clusters", "ten as well, without claiming that the data have ten",
              "to compare with the printed tables", _number_of_clusters),
    Deviation("4.3, step 1", "denoised by outliers", "no day of demand is removed or cut",
              "a large order is demand, and stock must serve it", _cleaning),
    Deviation("4.3, step 1", "Gaussian filtering and Symlet wavelet filtering", "the forecaster reads demand as it is",
              "a filter over whole series carries test days into training (notebook 03); tried over the past alone",
              _variant("denoised")),
    Deviation("4.4", "85% of the data as training data and 15% of the data as the test set",
              "15 days ahead from three origins, the mean; the last 25 days are reported too",
              "one origin carries an error as large as the differences between methods", _split),
    Deviation("4.4", "test results", "every score is against demand, on days no method has seen",
              "a smoothed target rewards predicting the filter", _target),
    Deviation("Table 3", "Accuracy, Recall, F1", "four definitions of a class, each named",
              "a regression has no classes; the paper does not define any", _classes),
    Deviation("4", "the clustering correlation factors as the independent variables",
              "the clusters' posterior is an input that SBO may choose or leave",
              "the recent days of a series may say more than the kind of series it is", _clusters),
    Deviation("4.1", "independent variables", "how other series of the product, merchant, category and warehouse move",
              "they are known at the origin", _variant("without other series")),
    Deviation("4.3, step 3", "the root mean square error ... as an evaluation index",
              "trained on a likelihood of counts and a quantile loss at 0.55, judged by 1-WMAPE and bias",
              "the median wins the absolute error and forecasts too little", _variant("aimed at the median")),
    Deviation("4.2", "initialize a random population; probability fit_i / sum fit",
              f"as printed, with alpha {_SBO.alpha}, mutation rate {_SBO.mutation_rate} and z {_SBO.z} of the "
              "optimizer's source; parents and children merged, the best kept",
              "the paper gives no values; without the merge the best could be lost", _search),
    Deviation("4.3, steps 4-5", "compare with the given error value; iterate to the maximum number",
              "the same, with 0.05 for the value that is not given", "any value out of reach acts alike", _stop),
    Deviation("4.1", "more than two hidden layer stacks", "one or two layers, as SBO chooses", "166 days are few",
              _layers),
    Deviation("1, 4.4", "the prediction accuracy of the model is high", "scores at series and day, sums beside them",
              "errors of single days cancel in sums and a bias does not", _level),
    Deviation("title, abstract", "optimal ... inventory strategy for each merchant",
              "a periodic-review (s, S) plan with assumed costs, swept", "no rule, cost or result is printed",
              _inventory),
)  # fmt: skip


def deviations_table(tables: Tables) -> pd.DataFrame:
    """All deviations, numbered, with their measured effects.

    Parameters
    ----------
    tables : Tables
        From `tables.read_tables`.

    Returns
    -------
    DataFrame: no., place, the paper's words, our choice, why, measured effect.
    """
    rows = []
    for number, deviation in enumerate(DEVIATIONS, 1):
        try:
            effect = deviation.effect(tables)
        except MissingResult:  # a smaller profile leaves some methods out
            effect = NOT_MEASURED
        rows.append((number, deviation.place, deviation.words, deviation.ours, deviation.why, effect))
    return pd.DataFrame(rows, columns=["no.", "place", "the paper's words", "our choice", "why", "measured effect"])


def page(table: pd.DataFrame, real: bool) -> str:
    """DEVIATIONS.md.

    Parameters
    ----------
    table : DataFrame
        From `deviations_table`.
    real : bool
        Whether the effects were measured on the attachments.

    Returns
    -------
    str, Markdown.
    """
    data = "the paper's data" if real else "other data than the paper's"
    head = ["# Deviations", "", f"Where we depart from the paper's words, and what it does, measured on {data}.", ""]
    return "\n".join([*head, table.to_markdown(index=False, disable_numparse=True), ""])
