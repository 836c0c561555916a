"""The Satin Bowerbird Optimizer: its equations against slow loops, its stops, its checkpoint, its executors."""

import importlib
import json
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowerbird.errors import ParameterError
from bowerbird.sbo import (
    VARIANTS,
    Choice,
    Float,
    Integer,
    chances,
    decode,
    first_bowers,
    limits,
    minimize,
    next_bowers,
    one_by_one,
    spread,
)

MIXED = {
    "rate": Float(1e-5, 1e-1, log=True),
    "hidden": Integer(8, 64),
    "loss": Choice(("L1", "L2")),
    "drop": Float(0, 1),
}
PAPER, TUNED = VARIANTS["paper"], VARIANTS["tuned"]
BOX = {f"x{k}": Float(-100, 100) for k in range(10)}
SHIFT = np.random.default_rng(12).uniform(-60, 60, len(BOX))


def mixed(x):
    """Best at rate .001, hidden 32, loss L1, drop .3."""
    loss = 0.0 if x["loss"] == "L1" else 1.0
    return abs(np.log10(x["rate"]) + 3) + abs(x["hidden"] - 32) / 16 + loss + (x["drop"] - 0.3) ** 2


def sphere(x):
    return sum((value - shift) ** 2 for value, shift in zip(x.values(), SHIFT, strict=True))


def search(loss, space, variant=PAPER, n_bowers=None, **options):
    """minimize with the loss of one candidate, and perhaps another number of bowers."""
    return minimize(one_by_one(loss), space, replace(variant, n_bowers=n_bowers or variant.n_bowers), **options)


# ---- the equations --------------------------------------------------------------------------------------------------


def slow_children(bowers, values, low, high, rng, alpha, mutation_rate, z):
    """Eqs (18)-(24), one number at a time."""
    shape = bowers.shape
    spins, chances, normals = rng.random(shape), rng.random(shape), rng.standard_normal(shape)
    fitness = [1 / (1 + f) if f >= 0 else 1 + abs(f) for f in values]
    probabilities = [fit / sum(fitness) for fit in fitness]
    children = []
    for i in range(shape[0]):
        child = []
        for k in range(shape[1]):
            j, slot = 0, probabilities[0]
            while spins[i, k] >= slot:
                j += 1
                slot += probabilities[j]
            midpoint = (bowers[j][k] + bowers[0][k]) / 2
            x = bowers[i][k] + alpha / (1 + probabilities[j]) * (midpoint - bowers[i][k])
            if chances[i, k] < mutation_rate:
                x += z * (high[k] - low[k]) * normals[i, k]
            child.append(min(max(x, low[k]), high[k]))
        children.append(child)
    return np.array(children)


@pytest.mark.parametrize("values", [[0, 0.5, 2, 9, np.inf], [-3, -1, 0, 4, 4], [0.94, 0.95, 0.96, 0.97, 0.98]])
def test_one_generation_is_the_slow_loop(values):
    low, high = np.array([-1.0, 0, 10]), np.array([1.0, 100, 11])
    bowers = np.random.default_rng(5).uniform(low, high, (5, 3))
    for seed in range(20):
        rngs = np.random.default_rng(seed), np.random.default_rng(seed)
        fast = next_bowers(bowers, np.array(values), low, high, rngs[0], replace(PAPER, mutation_rate=0.3, z=0.2))
        slow = slow_children(bowers, values, low, high, rngs[1], 0.94, 0.3, 0.2)
        np.testing.assert_allclose(fast, slow, rtol=1e-12)


def test_hand_worked_generation():
    # Elite at 1 with f = 0, a bower at 5 with f = 1: fitness 1 and 1/2, chances 2/3 and 1/3, steps .564 and .705.
    bowers, values = np.array([[1.0], [5.0]]), np.array([0.0, 1.0])
    rng, bounds = np.random.default_rng(0), (np.array([0.0]), np.array([9.0]))
    draws = [next_bowers(bowers, values, *bounds, rng, replace(PAPER, mutation_rate=0)) for _ in range(3000)]
    first, second = np.round(np.array(draws)[:, :, 0].T, 12)
    assert set(first) == {1.0, 2.41}  # stays, or 1 + .705 (3 - 1)
    assert set(second) == {2.744, 3.59}  # 5 + .564 (1 - 5), or 5 + .705 (3 - 5)
    assert np.mean(np.concatenate([first == 1.0, second == 2.744])) == pytest.approx(2 / 3, abs=0.025)


def test_chances_by_rank_do_not_depend_on_how_close_the_values_are():
    close, far = np.array([0.400, 0.401, 0.402, 0.403]), np.array([-7.0, 0.0, 100.0, np.inf])
    expected = [0.4, 0.3, 0.2, 0.1]  # 4, 3, 2, 1 of 10
    assert chances(close, "rank") == pytest.approx(expected) and chances(far, "rank") == pytest.approx(expected)
    by_value = chances(close, "roulette")
    assert by_value.max() / by_value.min() < 1.003  # the paper's roulette hardly tells them apart


def test_a_sobol_start_leaves_no_gaps():
    low, high = np.array([-3.0, 10.0]), np.array([5.0, 11.0])
    for seed in range(5):
        unit = (first_bowers(replace(TUNED, n_bowers=16), low, high, np.random.default_rng(seed)) - low) / (high - low)
        for k in range(2):  # each sixteenth of every coordinate holds one bower, each quarter of the plane one a cell
            assert sorted((unit[:, k] * 16).astype(int)) == list(range(16))
        assert len(set(map(tuple, (unit * 4).astype(int)))) == 16
    assert first_bowers(TUNED, low, high, np.random.default_rng(0)).shape == (10, 2)


def test_a_whole_run_is_the_slow_loop():
    """Initial draw, generations, elitist merge, the cut of the last generation; repeats are not paid again."""
    space = MIXED | {"few": Integer(0, 2)}
    result = search(mixed, space, n_bowers=6, max_evaluations=45, seed=3)
    low, high = limits(space)
    rng = np.random.default_rng(3)
    children, parents, values = rng.uniform(low, high, (6, 5)), [], []
    while len(values) < 45:
        scored = [(mixed(x), child) for x, child in zip(decode(space, children), children, strict=True)]
        scored = scored[: 45 - len(values)]
        values += [f for f, _ in scored]
        parents = sorted(parents + scored, key=lambda pair: pair[0])[:6]
        positions, losses = np.array([x for _, x in parents]), [f for f, _ in parents]
        children = slow_children(positions, losses, low, high, rng, 0.94, 0.05, 0.02)
    np.testing.assert_allclose(result.history["value"], values, rtol=1e-9)


def test_a_repeated_candidate_competes_with_its_first_value():
    """The slow loop evaluates repeats again: the memory changes what is paid, not what is found."""
    space, rules = {"whole": Integer(0, 30), "half": Integer(0, 1)}, replace(PAPER, z=0.1)
    result = search(lambda x: abs(x["whole"] - 7) + x["half"], space, rules, max_evaluations=30)
    low, high = limits(space)
    rng, parents, values, seen = np.random.default_rng(0), np.empty((0, 2)), np.empty(0), []
    children = rng.uniform(low, high, (15, 2))
    while len(seen) < 30:
        for child, x in zip(children, decode(space, children), strict=True):
            if x not in seen:
                if len(seen) == 30:
                    break
                seen.append(x)
            parents, values = np.vstack([parents, child]), np.append(values, abs(x["whole"] - 7) + x["half"])
        best = np.argsort(values, kind="stable")[:15]
        parents, values = parents[best], values[best]
        children = next_bowers(parents, values, low, high, rng, rules)
    assert result.history[list(space)].to_dict("records") == seen


# ---- what it finds --------------------------------------------------------------------------------------------------


def test_beats_random_search_on_a_shifted_sphere():
    # At full length (30 bowers, 30,030 evaluations) the median is some 2e-4; random search stays near 4,000.
    evaluations, wins, found = 6000, 0, []
    for seed in range(5):
        found.append(search(sphere, BOX, n_bowers=30, max_evaluations=evaluations, seed=seed).value)
        points = np.random.default_rng(100 + seed).uniform(-100, 100, (evaluations, len(BOX)))
        wins += found[-1] < np.square(points - SHIFT).sum(axis=1).min()
    assert wins == 5
    assert np.median(found) < 1


def test_history_is_complete():
    result = search(mixed, MIXED, n_bowers=7, max_evaluations=40, seed=1)
    history = result.history
    assert list(history) == ["evaluation", "generation", "value", "best", "failure", *MIXED]
    assert result.n_evaluations == 40 and result.stopped == "evaluations"
    assert history["evaluation"].tolist() == list(range(1, 41))
    assert history["generation"].value_counts(sort=False).tolist() == [7, 7, 7, 7, 7, 5]
    np.testing.assert_array_equal(history["best"], np.minimum.accumulate(history["value"]))
    assert result.value == history["value"].min() == mixed(result.x)
    rows = history[list(MIXED)].to_dict("records")
    assert [mixed(x) for x in rows] == history["value"].tolist()
    assert result.x == rows[history["value"].idxmin()]


def test_target_stops_after_the_generation_that_reaches_it():
    full = search(mixed, MIXED, seed=6).history
    target = full["best"].iloc[100]
    result = search(mixed, MIXED, target=target, seed=6)
    generation = full.loc[full["value"] <= target, "generation"].iloc[0]
    assert result.stopped == "target" and result.value <= target and result.n_evaluations < 300
    pd.testing.assert_frame_equal(result.history, full[full["generation"] <= generation])


FEW = {"whole": Integer(0, 3), "choice": Choice((1, 1.0, True))}  # twelve candidates; the choices are equal to Python


def test_no_candidate_is_evaluated_twice():
    calls = []

    def loss(x):
        calls.append((x["whole"], repr(x["choice"])))
        return x["whole"] + (x["choice"] is True)

    rules = replace(PAPER, n_bowers=6, mutation_rate=0.5, z=0.5)
    result = search(loss, FEW, rules, max_evaluations=100)
    assert len(calls) == len(set(calls)) == result.n_evaluations == 12
    assert result.stopped == "repeats" and result.value == 0
    capped = search(loss, FEW, rules, max_evaluations=9)  # the budget counts evaluations alone
    assert capped.stopped == "evaluations"
    pd.testing.assert_frame_equal(capped.history, result.history[:9])


# ---- who evaluates --------------------------------------------------------------------------------------------------


def sometimes_broken(x):
    if x["drop"] > 0.8:
        raise ValueError(f"drop {x['drop']:.1f} is too much")
    return np.nan if x["hidden"] > 50 else -np.inf if x["hidden"] < 10 else mixed(x)


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
@pytest.mark.parametrize("executor", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_same_bits_with_any_executor(executor):
    """A search with raising candidates in threads and processes: the candidates and losses of one process."""
    options = {"max_evaluations": 90, "seed": 2}
    serial = minimize(one_by_one(sometimes_broken), MIXED, **options)
    with executor(2) as pool:
        pooled = minimize(spread(sometimes_broken, pool), MIXED, **options)
    pd.testing.assert_frame_equal(serial.history, pooled.history, check_exact=True)
    assert serial.x == pooled.x and serial.value == pooled.value
    assert not serial.history.equals(minimize(one_by_one(sometimes_broken), MIXED, max_evaluations=90, seed=5).history)


def test_failures_are_scored_and_recorded():
    result = search(sometimes_broken, MIXED, n_bowers=30, max_evaluations=90, seed=2)
    history = result.history
    raised = history["drop"] > 0.8
    unusable = ~raised & ((history["hidden"] > 50) | (history["hidden"] < 10))
    assert raised.any() and unusable.any() and np.isfinite(result.value)
    assert np.isinf(history["value"]).equals(raised | unusable)
    assert history.loc[raised, "failure"].str.fullmatch(r"ValueError: drop (0.[89]|1.0) is too much").all()
    assert set(history.loc[unusable, "failure"]) <= {"objective returned nan", "objective returned -inf"}
    assert (history.loc[~(raised | unusable), "failure"] == "").all()


def test_nothing_but_failures_is_an_error():
    with pytest.raises(ParameterError, match=r"all 15 candidates .* \"KeyError: 'hiden'\"; call it by hand on {'rate'"):
        search(lambda x: x["hiden"], MIXED)


def test_a_candidate_is_its_evaluators_own():
    layers = [[64], [64, 32], [128, 64, 32]]

    def loss(x):
        x["layers"].append(1)
        return len(x["layers"]) + x.pop("rate")

    result = search(loss, {"layers": Choice(layers), "rate": Float(0, 1)}, n_bowers=4, max_evaluations=20)
    result.x["layers"].append(0)
    assert layers == [[64], [64, 32], [128, 64, 32]]
    assert result.history["layers"].map(tuple).isin([(64,), (64, 32), (128, 64, 32)]).all()
    assert result.value == len(result.x["layers"]) + result.x["rate"]


# ---- the space ------------------------------------------------------------------------------------------------------


def test_dimensions_map_their_coordinates():
    assert Integer(2, 4).decode(np.array([1.5, 2.49, 2.5, 3.4999, 3.5, 4.5])) == [2, 2, 3, 3, 4, 4]
    assert Choice("abc").decode(np.array([0, 0.99, 1, 2.99, 3.0])) == [0, 0, 1, 2, 2]
    assert Float(2, 3).decode(np.array([2.25])) == [2.25]
    log = Float(0.001, 10, log=True)
    assert log.decode(np.array([sum(log.bounds) / 2])) == pytest.approx([0.1])
    assert log.decode(np.array(log.bounds)) == pytest.approx([0.001, 10])
    assert max(Float(1e-5, 0.1, log=True).decode(np.full(3, np.log(0.1)))) <= 0.1


@settings(max_examples=40, deadline=None)
@given(
    low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e6), first=st.integers(-20, 20), n=st.integers(0, 30),
    exponent=st.floats(-12, 6), decades=st.floats(0.01, 9), values=st.lists(st.text(), min_size=1),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_candidates_stay_in_their_space(low, width, first, n, exponent, decades, values, seed):
    space = {
        "real": Float(low, low + width),
        "log": Float(10**exponent, 10 ** (exponent + decades), log=True),
        "whole": Integer(first, first + n),
        "choice": Choice(values),
    }
    rules = replace(PAPER, mutation_rate=0.5, z=1)  # with the minimum at the lower limits: the limits are met
    history = search(lambda x: x["real"], space, rules, max_evaluations=60, seed=seed).history
    for name in ("real", "log", "whole"):
        assert history[name].between(space[name].low, space[name].high).all()
    assert history["whole"].dtype.kind == "i" and set(history["choice"]) <= set(values)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Float(1, 1), "low < high"),
        (lambda: Float(0, np.inf), "finite"),
        (lambda: Float(0, 1, log=True), "low > 0"),
        (lambda: Integer(3, 2), "low <= high"),
        (lambda: Integer(1, 2.5), "whole numbers"),
        (lambda: Integer(1, 10**300), r"within \+-2\*\*53"),
        (lambda: Choice([]), "at least one"),
        (lambda: search(mixed, {}), "space is {}"),
        (lambda: search(mixed, {"rate": (0, 1)}), r"space\['rate'\] is \(0, 1\)"),
        (lambda: search(mixed, {"best": Float(0, 1)}), "column of the history"),
        (lambda: search(mixed, MIXED, n_bowers=1), "n_bowers is 1; give a whole number of at least 2"),
        (lambda: search(mixed, MIXED, n_bowers=10**12), "n_bowers is 1000000000000; .* at most 1,000,000"),
        (lambda: replace(PAPER, alpha=np.inf), "alpha holds inf"),
        (lambda: replace(PAPER, mutation_rate=1.5), "mutation_rate is 1.5"),
        (lambda: replace(PAPER, selection="luck"), "selection is 'luck'.*choose roulette or rank"),
        (lambda: replace(PAPER, start="grid"), "start 'grid'"),
        (lambda: search(mixed, MIXED, max_evaluations=np.nan), "max_evaluations is nan"),
        (lambda: search(mixed, MIXED, max_evaluations=14), "at least n_bowers, 15"),
        (lambda: search(mixed, MIXED, seed="a"), "seed is 'a'"),
        (lambda: search(mixed, MIXED, target=np.nan), "target holds nan"),
        (lambda: minimize(lambda xs: [1.0], MIXED), "returned 1 losses for 15 candidates"),
        (lambda: search(mixed, {"act": Choice([lambda x: x])}, checkpoint="search.json"), "a checkpoint cannot name"),
        (lambda: search(mixed, {"act": Choice([{1}])}, checkpoint="search.json"), "a checkpoint cannot name"),
        (lambda: search(mixed, MIXED, checkpoint="."), "checkpoint . is not a search's.*IsADirectoryError"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


# ---- the checkpoint -------------------------------------------------------------------------------------------------


class Interrupted(BaseException):
    """Like a KeyboardInterrupt: no failure of the objective."""


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("after", [3, 15, 41, 77])
def test_an_interrupted_search_resumes_to_the_bit(tmp_path, variant, after):
    """A search broken off in its first, second, third and sixth generation: the bits of an undisturbed one."""
    calls, paid, variant = [], [], VARIANTS[variant]

    def flaky(x):
        if len(calls) == after:
            raise Interrupted
        calls.append(x)
        return sometimes_broken(x)

    options = {"max_evaluations": 90, "seed": 2}
    whole = search(sometimes_broken, MIXED, variant, **options)
    options["checkpoint"] = tmp_path / "search.json"
    with pytest.raises(Interrupted):
        search(flaky, MIXED, variant, **options)
    resumed = search(lambda x: paid.append(x) or sometimes_broken(x), MIXED, variant, **options)
    pd.testing.assert_frame_equal(resumed.history, whole.history, check_exact=True)
    assert (resumed.x, resumed.value, resumed.stopped) == (whole.x, whole.value, whole.stopped)
    assert len(paid) == 90 - after // variant.n_bowers * variant.n_bowers  # whole generations are not paid again
    assert not list(tmp_path.glob(".*")), "no temporary file is left"


def test_a_finished_search_is_read_and_can_be_prolonged(tmp_path):
    space, options = MIXED | FEW, {"seed": 4, "checkpoint": tmp_path / "deep" / "search.json"}
    short = search(mixed, space, max_evaluations=40, **options)  # its last generation is cut short
    with ThreadPoolExecutor(2) as pool:
        longer = minimize(spread(mixed, pool), space, max_evaluations=100, **options)
    pd.testing.assert_frame_equal(longer.history[:40], short.history)
    pd.testing.assert_frame_equal(longer.history, search(mixed, space, max_evaluations=100, seed=4).history)
    again = search(lambda x: 1 / 0, space, max_evaluations=100, **options)  # nothing is evaluated
    pd.testing.assert_frame_equal(again.history, longer.history)
    before = options["checkpoint"].read_bytes()
    search(mixed, space, max_evaluations=20, **options)
    assert options["checkpoint"].read_bytes() == before, "a shorter search takes nothing away"


def test_a_search_over_functions_goes_on_in_another_process(tmp_path, monkeypatch):
    (tmp_path / "acts.py").write_text(
        "from bowerbird.sbo import Choice, Float, minimize, one_by_one\n"
        "def relu(x): return max(x, 0.0)\ndef square(x): return x * x\n"
        "space = {'act': Choice([relu, [square, 2]]), 'a': Float(-1, 1), 'other': Choice([abs])}\n"
        "def loss(x): return (x['act'] if callable(x['act']) else x['act'][0])(x['a'])\n"
        "def search(n, **options): return minimize(one_by_one(loss), space, max_evaluations=n, **options)\n"
        "def go_on(): assert search(40, checkpoint='search.json').history.equals(search(40).history)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("acts").search(20, checkpoint=tmp_path / "search.json")
    subprocess.run([sys.executable, "-c", "import acts; acts.go_on()"], check=True, cwd=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 5}, "seed is 4 there and 5 here"),
        ({"variant": TUNED}, "n_bowers is 15 there and 10 here"),
        ({"variant": replace(PAPER, z=0.5)}, "z is 0.02 there and 0.5 here"),
        ({"space": MIXED | {"drop": Float(0, 2)}}, "space is .* there and "),
        ({"space": MIXED | {"loss": Choice(("L1", 2))}}, "space is .* there and "),
        ({"space": dict(reversed(MIXED.items()))}, "space is"),
    ],
)
def test_a_checkpoint_of_another_search_is_refused(tmp_path, change, message):
    options = {"space": MIXED, "seed": 4, "max_evaluations": 30, "checkpoint": tmp_path / "search.json"}
    search(mixed, **options)
    before = options["checkpoint"].read_bytes()
    with pytest.raises(ParameterError, match=f"belongs to another search: {message}.*remove the file"):
        search(mixed, **options | change)
    assert options["checkpoint"].read_bytes() == before


def test_a_checkpoint_that_is_none_is_refused_and_what_does_not_fit_is_evaluated(tmp_path):
    path, paid = tmp_path / "search.json", []
    options = {"max_evaluations": 30, "checkpoint": path}
    undisturbed = search(mixed, MIXED, **options).history
    content = json.loads(path.read_text(encoding="utf-8"))
    content["evaluations"][17][0][1] += 1  # as if another version had drawn other random numbers
    path.write_text(json.dumps(content), encoding="utf-8")
    again = search(lambda x: paid.append(x) or mixed(x), MIXED, **options).history
    pd.testing.assert_frame_equal(again, undisturbed)
    assert paid == undisturbed[list(MIXED)].iloc[[17]].to_dict("records")
    whole = json.dumps(content)
    damaged = (whole[:-40], whole.replace("evaluations", "evaluation"), whole.replace(": [[[", ": {[["))
    for text in (*damaged, "[1, 2]", "{}", "a file of one's own"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ParameterError, match=r"search\.json is not a search's, or damaged .* or remove it"):
            search(mixed, MIXED, **options)
