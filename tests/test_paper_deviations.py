import inspect

import pandas as pd
import pytest

from bowerbird.forecaster.tuning import tune
from bowerbird.runs import project_root
from bowerbird.runs.tables import Tables, read_tables
from bowerbird.verdict import deviations

REPORTS = sorted(path.parent for path in (project_root() / "reports").glob("*/DEVIATIONS.md"))


def effect(function, **tables):
    return function(Tables(tables))


def test_effects_by_hand():
    counts = pd.DataFrame({"records_naive": [200], "records_correct": [150], "n_days": [166]})
    assert effect(deviations._merge, merge_counts=counts) == "150 records for 200, 25.0% fewer"
    members = pd.DataFrame({"corrected: series": [3, 2], "eq. 9 as printed: series": [5, 0]})
    assert effect(deviations._equation_9, dm_members=members).startswith("2 clusters hold series; ")
    assert effect(deviations._equation_9, dm_members=members).endswith("as printed, 1")
    assert effect(deviations._basis, merge_counts=counts) == (
        "condition number of X for p = 3: 7e+06 in day numbers, 2.4 here"
    )
    history = pd.DataFrame({"layers": [1, 2, 2], "value": [0.5, 0.45, 0.4]})
    assert effect(deviations._layers, sbo_history=history) == (
        "best validation WMAPE 0.5000 with 1 layer, 0.4000 with 2 layers"
    )
    variants = pd.DataFrame({"protocol": ["P15", "R"], "other": ["SBO-LSTM, denoised"] * 2, "difference": [9.0, 0.01],
                             "low": [9.0, -0.02], "high": [9.0, 0.03]})  # fmt: skip
    assert effect(deviations._variant("denoised"), ladder_differences=variants) == (
        "1-WMAPE +0.010 against 'denoised' (95 % interval -0.020 to +0.030)"
    )
    for name in ("with", "without"):  # the variant is the one SBO did not take
        other = variants.assign(other=f"SBO-LSTM, {name} DM clusters")
        assert f"against '{name} DM clusters'" in effect(deviations._clusters, ladder_differences=other)
    rates = pd.DataFrame({"evaluations": [30, 60, 60], "against": ["SBO, paper", "SBO, paper", "TPE"],
                          "won": [0.1, 0.8, 0.5], "pairings": [5, 55, 55]})  # fmt: skip
    history = pd.DataFrame({"evaluation": [1, 2, 3], "generation": [0, 0, 1], "value": [0.5, 0.4, 0.45]})
    assert effect(deviations._search, sbo_win_rates=rates, sbo_history=history) == (
        "the best of 3 evaluations is number 2, a random draw of generation 0: 1 moves of SBO improved nothing; with a "
        "Sobol start, chances by rank and more mutation SBO ends lower in 80% of 55 pairings on other problems "
        "(notebook 04)"
    )
    assert effect(deviations._curves, merge_counts=counts) == (
        "0 of Table 1's 10 frequencies are multiples of 166 days, as series would be"
    )
    levels = pd.DataFrame([
        ("series", "day", "SBO-LSTM", 0.5, -0.1), ("total", "day", "SBO-LSTM", 0.8, -0.1),
        ("total", "horizon", "SBO-LSTM", 0.9, -0.1), ("total", "horizon", "naive", 0.95, 0.05),
    ], columns=["level", "period", "method", "1-WMAPE", "bias"])  # fmt: skip
    assert effect(deviations._level, levels=levels).endswith(
        "for the total over the horizon naive 0.950, SBO-LSTM 0.900: SBO-LSTM is number 2 of 2, with a bias of -0.100"
    )


def test_the_row_on_sbo_claims_the_variant_that_notebook_05_takes():
    row = next(row for row in deviations.DEVIATIONS if row.place == "4.2")
    assert "alpha 0.94, mutation rate 0.05 and z 0.02" in row.ours
    assert inspect.signature(tune).parameters["variant"].default == "paper"


def test_the_table_is_numbered_and_says_what_was_not_measured():
    table = deviations.deviations_table(Tables())
    assert table["no."].tolist() == list(range(1, len(deviations.DEVIATIONS) + 1))
    assert (table["measured effect"] == deviations.NOT_MEASURED).all()
    assert (table.drop(columns="no.") != "").all(axis=None)
    assert "other data than the paper's" in deviations.page(table, real=False)


@pytest.mark.parametrize("folder", REPORTS, ids=lambda path: path.name)
def test_a_report_measures_every_effect(folder):
    table = deviations.deviations_table(read_tables(folder))
    assert (table["measured effect"] != deviations.NOT_MEASURED).all()
