"""Twin papers: printed as the paper is, and their recipes found again, or left open where two print the same."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from bowerbird.data.panel import build_panel, correct_merge, naive_merge
from bowerbird.data.twin import make_twin
from bowerbird.dm.as_run import RECORD_COLUMNS, label_codes
from bowerbird.forensics import error_rates, table_3, tables_1_and_2
from bowerbird.forensics.recipe import COLUMNS, FULL_STOP, Recipe
from bowerbird.forensics.twin_paper import forecast_after, print_paper
from bowerbird.paper import PAPER, Printed
from bowerbird.table_3.experiment import design
from bowerbird.table_3.protocols import Protocol

FEW = design((1.0, 10.0), (1.0, 10.0), (3.0, 30.0))  # protocols, to be quick


@pytest.fixture(scope="module")
def twin():
    return make_twin(60, seed=1)


@pytest.fixture(scope="module")
def panel(twin):
    return build_panel(twin)


def recipe(**changes) -> Recipe:
    given = {
        "doubled": True, "numbering": "by warehouse, seller, product", "columns": "all twelve", "scaled": False,
        "random_state": 1, "stop": FULL_STOP, "protocol": Protocol(False, 2.0, model="persistence"),
        "against": "denoised", "classes": "quantile classes", "rmse": "/ mean", "split_seed": 1000, "example": 0.5,
    }  # fmt: skip
    return Recipe(**given | changes)


# --- the recipe and the printing -------------------------------------------------------------------------------------


def test_recipes_are_drawn_from_the_seed_and_survive_their_seal():
    drawn = [Recipe.draw(seed) for seed in range(60)]
    assert drawn == [Recipe.draw(seed) for seed in range(60)]
    assert drawn == [Recipe.of(json.loads(json.dumps(one.to_dict()))) for one in drawn]
    for field in ("doubled", "numbering", "columns", "scaled", "stop", "against", "classes"):
        assert len({getattr(one, field) for one in drawn}) > 1, field
    assert {one.choices()["filter"] for one in drawn} == {
        "none", "Gaussian", "sym8", "sym8 + Gaussian", "trailing mean",
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_a_twin_paper_has_the_papers_layout_and_rounding(seed):
    twin, drawn = make_twin(20, seed), Recipe.draw(seed)
    content = print_paper(twin, drawn)
    printed = Printed(json.loads(json.dumps(content)))
    pd.testing.assert_frame_equal(printed.numbers, Printed(content).numbers)
    assert printed.numbers["id"].tolist() == PAPER.numbers["id"].tolist()
    for number in printed.numbers.itertuples():
        assert number.value == round(number.value, number.decimals)
    merged = naive_merge(twin) if drawn.doubled else correct_merge(twin)
    assert printed.table_1["frequency"].sum() == printed.total == len(merged)
    np.testing.assert_allclose(
        printed.table_1["percentage"], 100 * printed.table_1["frequency"] / len(merged), atol=5e-4
    )
    for name, cell in printed.said_to_be.items():
        assert printed.value[name] == printed.value[cell]
    assert (printed.figure_1["forecast"] >= 0).all() and printed.forecast_days == PAPER.forecast_days


def test_tables_1_and_2_are_those_of_scikit_learn_on_every_record(twin):
    printed = Printed(print_paper(twin, recipe()))
    codes = label_codes(naive_merge(twin))
    model = KMeans(10, n_init=1, tol=0, random_state=1).fit(codes.drop_duplicates(), sample_weight=counts(codes))
    labels = model.predict(codes)
    order = np.argsort(-np.bincount(labels), kind="stable")
    assert printed.table_1["frequency"].tolist() == np.bincount(labels)[order].tolist()
    means = codes.groupby(labels).mean().iloc[order]
    np.testing.assert_array_equal(printed.table_2, np.floor(means[list(printed.table_2)] + 0.5))
    assert printed.value["text/example/demand"] == np.floor(means["qty"].iloc[0] + 0.5)


def counts(codes):
    return codes.groupby(list(codes), sort=False).size().to_numpy()


def test_table_3_and_the_forecast_of_persistence_by_hand(panel):
    raw = recipe(protocol=Protocol(False, 0.0, model="persistence"), against="raw", classes="rounded units")
    third = Printed(print_paper(make_twin(60, seed=1), raw)).table_3
    today, tomorrow = panel.demand[:, 27:-1], panel.demand[:, 28:]
    test = slice(int(0.85 * 166) - 28, None)
    error = np.abs(tomorrow - today)[:, test]
    assert third.loc["test", "one_minus_wmape"] == round(1 - error.sum() / tomorrow[:, test].sum(), 3)
    assert third.loc["test", "accuracy"] == round((error == 0).mean(), 3)
    assert third.loc["test", "rmse"] == round(np.sqrt((error**2).mean()) / tomorrow[:, test].mean(), 3)
    np.testing.assert_array_equal(forecast_after(panel, raw.protocol), np.repeat(panel.demand[:, -1:], 3, axis=1))


@pytest.mark.parametrize(("horizon", "recursive"), [(1, False), (15, False), (15, True)])
def test_a_forecast_after_the_panel_does_not_know_the_days_after_it(panel, horizon, recursive):
    protocol = Protocol(False, 0.0, horizon=horizon, recursive=recursive)
    known = forecast_after(panel.until(120), protocol)
    assert known.shape == (60, max(3, horizon)) and np.isfinite(known).all()
    assert np.abs(known - panel.demand[:, 120 : 120 + known.shape[1]]).mean() < panel.demand.mean() * 2


# --- Tables 1 and 2 --------------------------------------------------------------------------------------------------


def test_the_total_tells_whether_rows_were_doubled(twin):
    for doubled in (True, False):
        printed = Printed({"table_1": {"total": [len((naive_merge if doubled else correct_merge)(twin)), 100.0]}})
        assert tables_1_and_2.doubled(twin, printed) is doubled
    assert tables_1_and_2.doubled(twin, PAPER) is None


def test_the_recipe_of_tables_1_and_2_is_found(twin):
    made = recipe()
    printed = Printed(print_paper(twin, made))
    found = tables_1_and_2.candidates(twin, printed, n_starts=12, n_refined=30)
    assert len(found) == 4 * len(COLUMNS) * 2 and found[0].misfit < 5
    told = {choice: tables_1_and_2.told(found, choice) for choice in tables_1_and_2.CHOICES}
    assert told == {"numbering": made.numbering, "columns": made.columns, "scaling": made.scaled}
    others = [one for one in found if one.numbering != made.numbering]
    assert tables_1_and_2.told(others, "numbering") is None, "the true one is not among them"


def test_recipes_that_print_the_same_cannot_be_told_apart(twin):
    """Rows of the twin's file are sorted by seller, product and warehouse: two numberings are one."""
    made = recipe(columns="the ten printed", numbering="in the order of the file")
    found = tables_1_and_2.candidates(twin, Printed(print_paper(twin, made)), n_starts=12, n_refined=12)
    same = {one.numbering for one in found if one.misfit == 0}
    assert same == {made.numbering, "by seller, product, warehouse"}
    assert tables_1_and_2.told(found, "numbering") is None
    assert tables_1_and_2.told(found, "scaling") is False


# --- Table 3 ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    twin = make_twin(40, seed=1)
    return twin, build_panel(twin)


def forensics_of_table_3(small, made: Recipe):
    twin, panel = small
    printed = Printed(print_paper(twin, made))
    tried = table_3.solved(panel, printed, FEW)
    found = table_3.consistent(panel, printed, tried)
    return found, {choice: table_3.told(found, choice) for choice in table_3.CHOICES}, (printed, tried)


def test_the_recipe_of_table_3_is_found_by_its_digits(small):
    made = recipe()
    found, told, tried = forensics_of_table_3(small, made)
    assert told == {choice: made.choices()[choice] for choice in table_3.CHOICES}
    low, high = table_3.width_told(found)
    assert low <= 2.0 <= high and high - low < 0.1
    near = table_3.attaining(small[1], *tried, tolerance=0.005)
    assert table_3.told(near, "filter") is None, "one column with a tolerance tells less"


def test_protocols_that_print_the_same_table_3_cannot_be_told_apart(small):
    """Persistence forecasts the last filtered day, whichever series it was fitted to."""
    made = recipe(protocol=Protocol(False, 5.0, "causal", model="persistence"), against="raw")
    found, told, _ = forensics_of_table_3(small, made)
    assert set(found["filtered"]) == {"causal", "causal inputs"}
    assert told["filtered"] is None and told["filter"] == "Gaussian" and told["model"] == "persistence"


def test_of_a_table_with_drawn_test_rows_nothing_is_told(small):
    made = recipe(protocol=dataclasses.replace(recipe().protocol, split="random"))
    _, told, _ = forensics_of_table_3(small, made)
    assert set(told.values()) == {None}


@pytest.mark.parametrize(
    ("apart", "fitting"),
    [
        ([[-1, 0], [1, 0]], (0.4, 0.6)), ([[-1, 0.3], [1, 0.3]], None),
        ([[0.2, 0], [0, 0]], (0, 1)), ([[0.8, 0], [0.6, 0]], None),
    ],
)  # fmt: skip
def test_fitting_widths_by_hand(apart, fitting):
    """Two numbers at the widths 0 and 1; each may be 0.2 off."""
    found = table_3._fitting_widths(np.array([0.0, 1.0]), np.array(apart, float), np.array([0.2, 0.2]), whole=False)
    assert found == (fitting if fitting is None else pytest.approx(fitting))


# --- error rates -----------------------------------------------------------------------------------------------------


def test_rates_by_hand():
    outcomes = ["identified"] * 6 + ["wrong"] + ["cannot be told"] * 3
    trials = pd.DataFrame(
        {"part": "Tables 1-2", "choice": "columns", "outcome": outcomes, "left out": "wrong", "seed": 1}
    )
    row = error_rates.rates(trials).iloc[0]
    assert row[["n", "identified", "wrong", "cannot be told", "left out: wrong"]].tolist() == [10, 6, 1, 3, 10]
    assert row[["identified low", "identified high"]].tolist() == pytest.approx([0.3127, 0.8318], abs=1e-3)  # Wilson
    assert [error_rates.outcome(told, 1) for told in (1, 2, None)] == ["identified", "wrong", "cannot be told"]


def test_trials_that_are_done_are_not_done_again(tmp_path, monkeypatch):
    rows = [error_rates._row("Tables 1-2", "columns", 1, 1, None)]
    monkeypatch.setattr(error_rates, "trial", lambda seed: rows)
    first = error_rates.run_trials(tmp_path, range(2))
    monkeypatch.setattr(error_rates, "trial", lambda seed: 1 / 0)
    pd.testing.assert_frame_equal(error_rates.run_trials(tmp_path, range(2)), first)
    text = error_rates.page(first, error_rates.rates(first), "made here")
    assert "| columns" in text and "100%" in text and "made here" in text


def test_last_days(twin):
    few = error_rates.last_days(twin, 20)
    assert few.shipments["date"].nunique() == 20 and few.shipments["date"].max() == twin.shipments["date"].max()
    assert set(RECORD_COLUMNS) <= set(label_codes(naive_merge(few)))


def test_the_committed_rates_are_those_of_the_page():
    table = error_rates.known_rates()
    page = (error_rates.project_root() / "reports" / "FORENSICS.md").read_text(encoding="utf-8")
    assert set(table["part"]) == set(error_rates.PARTS) and all(f"## {part}" in page for part in error_rates.PARTS)
    assert (table[["identified", "wrong", "cannot be told"]].sum(axis=1) == table["n"]).all()
    assert table.loc[table["part"] == error_rates.FIRST, "n"].min() >= 50
    told = error_rates.conclusions({"columns": None, "scaling": False}, table, error_rates.FIRST)
    assert told["told"].tolist() == ["cannot be told", "False"] and told.iloc[0, 2].startswith("of 60 sealed recipes")


def test_an_opened_seal_shows_what_was_told_and_the_truth():
    shown = error_rates.opened(recipe().to_dict(), {"columns": "without qty", "scaling": False, "stop": None})
    assert shown["outcome"].tolist() == ["wrong", "identified", "cannot be told"]
    assert shown["sealed"].tolist() == ["all twelve", "False", FULL_STOP]
