"""The Satin Bowerbird Optimizer: its equations against slow loops, its stops, its checkpoint, its executors."""

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
from bowerbird.sbo import VARIANTS, Choice, Float, Integer, chances, first_bowers, minimize, next_bowers
from bowerbird.sbo.space import decode

MIXED = {
    "rate": Float(1e-5, 1e-1, log=True),
    "hidden": Integer(8, 64),
    "loss": Choice(("L1", "L2")),
    "drop": Float(0, 1),
}
PAPER = VARIANTS["paper"]
BOX = {f"x{k}": Float(-100, 100) for k in range(10)}
SHIFT = np.random.default_rng(12).uniform(-60, 60, len(BOX))


def mixed(x):
    """Best at rate .001, hidden 32, loss L1, drop .3."""
    loss = 0.0 if x["loss"] == "L1" else 1.0
    return abs(np.log10(x["rate"]) + 3) + abs(x["hidden"] - 32) / 16 + loss + (x["drop"] - 0.3) ** 2


def sphere(x):
    return sum((value - shift) ** 2 for value, shift in zip(x.values(), SHIFT, strict=True))


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
    rng, limits = np.random.default_rng(0), (np.array([0.0]), np.array([9.0]))
    draws = [next_bowers(bowers, values, *limits, rng, replace(PAPER, mutation_rate=0)) for _ in range(3000)]
    first, second = np.round(np.array(draws)[:, :, 0].T, 12)
    assert set(first) == {1.0, 2.41}  # stays, or 1 + .705 (3 - 1)
    assert set(second) == {2.744, 3.59}  # 5 + .564 (1 - 5), or 5 + .705 (3 - 5)
    assert np.mean(np.concatenate([first == 1.0, second == 2.744])) == pytest.approx(2 / 3, abs=0.025)


def test_mutations_have_the_stated_rate_and_spread():
    low, high = np.array([-50.0, 0]), np.array([50.0, 1])  # sigma 2 and .02
    bowers = np.tile((low + high) / 2, (20_000, 1))  # all in one place: only mutations move
    rules = replace(PAPER, mutation_rate=0.3)
    children = next_bowers(bowers, np.ones(20_000), low, high, np.random.default_rng(0), rules)
    moves = children - bowers
    assert (moves != 0).mean(axis=0) == pytest.approx(0.3, abs=0.015)
    for k, sigma in enumerate((2, 0.02)):
        assert moves[moves[:, k] != 0, k].std() == pytest.approx(sigma, rel=0.05)


def test_a_whole_run_is_the_slow_loop():
    """Initial draw, generations, elitist merge and the cut of the last generation."""
    result = minimize(mixed, MIXED, n_bowers=6, max_evaluations=45, seed=3)

    dimensions = list(MIXED.values())
    low, high = [d.bounds[0] for d in dimensions], [d.bounds[1] for d in dimensions]
    rng = np.random.default_rng(3)
    children, parents, values = rng.uniform(low, high, (6, 4)), [], []
    while len(values) < 45:
        scored = []
        for child in children[: 45 - len(values)]:
            x = {name: d.decode(np.array([c]))[0] for (name, d), c in zip(MIXED.items(), child, strict=True)}
            scored.append((mixed(x), child))
        values += [f for f, _ in scored]
        parents = sorted(parents + scored, key=lambda pair: pair[0])[:6]
        children = slow_children(
            np.array([x for _, x in parents]), [f for f, _ in parents], low, high, rng, 0.94, 0.05, 0.02
        )
    np.testing.assert_allclose(result.history["value"], values, rtol=1e-9)


def test_beats_random_search_on_a_shifted_sphere():
    # At full length (30 bowers, 30,030 evaluations) the median is some 2e-4; random search stays near 4,000.
    evaluations, wins, found = 6000, 0, []
    for seed in range(5):
        found.append(minimize(sphere, BOX, n_bowers=30, max_evaluations=evaluations, seed=seed).value)
        points = np.random.default_rng(100 + seed).uniform(-100, 100, (evaluations, len(BOX)))
        wins += found[-1] < np.square(points - SHIFT).sum(axis=1).min()
    assert wins == 5
    assert np.median(found) < 1


def test_beats_random_search_at_a_tuning_budget():
    wins = 0
    for seed in range(20):
        rng = np.random.default_rng(1000 + seed)
        low, high = np.array([d.bounds for d in MIXED.values()]).T
        points = decode(MIXED, rng.uniform(low, high, (120, len(MIXED))))
        wins += minimize(mixed, MIXED, max_evaluations=120, seed=seed).value < min(map(mixed, points))
    assert wins >= 15


@pytest.mark.parametrize("executor", [ThreadPoolExecutor, ProcessPoolExecutor])
@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_same_bits_with_any_executor(executor):
    serial = minimize(mixed, MIXED, max_evaluations=100, seed=4)
    with executor(2) as pool:
        pooled = minimize(mixed, MIXED, max_evaluations=100, seed=4, executor=pool)
    pd.testing.assert_frame_equal(serial.history, pooled.history, check_exact=True)
    assert serial.x == pooled.x and serial.value == pooled.value
    assert not serial.history.equals(minimize(mixed, MIXED, max_evaluations=100, seed=5).history)


def test_history_is_complete():
    result = minimize(mixed, MIXED, n_bowers=7, max_evaluations=40, seed=1)
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


def test_the_whole_population_moves():
    history = minimize(sphere, BOX, n_bowers=15, max_evaluations=1500).history
    medians = history.groupby("generation")["value"].median()
    assert medians.iloc[-1] < medians.iloc[0] / 10


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
    seen = []
    # Minimum at the lower limits, strong mutations: the limits are met.
    minimize(lambda x: seen.append(x) or x["real"], space, max_evaluations=60, mutation_rate=0.5, z=1, seed=seed)
    for x in seen:
        assert space["real"].low <= x["real"] <= space["real"].high and type(x["real"]) is float
        assert space["log"].low <= x["log"] <= space["log"].high
        assert first <= x["whole"] <= first + n and type(x["whole"]) is int
        assert x["choice"] in values


def test_every_whole_number_and_choice_is_as_likely():
    space = {"whole": Integer(0, 3), "choice": Choice("ab")}
    history = minimize(lambda x: 1.0, space, n_bowers=4000, max_evaluations=4000).history
    assert history["whole"].value_counts(normalize=True).sort_index().tolist() == pytest.approx([0.25] * 4, abs=0.03)
    assert history["choice"].value_counts(normalize=True).tolist() == pytest.approx([0.5] * 2, abs=0.03)


def sometimes_broken(x):
    if x["drop"] > 0.8:
        raise ValueError(f"drop {x['drop']:.1f} is too much")
    return np.nan if x["hidden"] > 50 else -np.inf if x["hidden"] < 10 else mixed(x)


def test_failures_are_scored_and_recorded():
    result = minimize(sometimes_broken, MIXED, n_bowers=30, max_evaluations=90, seed=2)
    history = result.history
    raised = history["drop"] > 0.8
    unusable = ~raised & ((history["hidden"] > 50) | (history["hidden"] < 10))
    assert raised.any() and unusable.any() and np.isfinite(result.value)
    assert np.isinf(history["value"]).equals(raised | unusable)
    assert history.loc[raised, "failure"].str.fullmatch(r"ValueError: drop (0.[89]|1.0) is too much").all()
    assert set(history.loc[unusable, "failure"]) <= {"objective returned nan", "objective returned -inf"}
    assert (history.loc[~(raised | unusable), "failure"] == "").all()


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_failures_are_scored_in_processes_too():
    serial = minimize(sometimes_broken, MIXED, n_bowers=30, max_evaluations=60, seed=2)
    with ProcessPoolExecutor(2) as pool:
        pooled = minimize(sometimes_broken, MIXED, n_bowers=30, max_evaluations=60, seed=2, executor=pool)
    pd.testing.assert_frame_equal(serial.history, pooled.history, check_exact=True)


def test_nothing_but_failures_is_an_error():
    with pytest.raises(ParameterError, match=r"all 15 candidates .* \"KeyError: 'hiden'\"; call it by hand on {'rate'"):
        minimize(lambda x: x["hiden"], MIXED)


def test_a_keyboard_interrupt_passes_through():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minimize(interrupted, MIXED)


def test_target_stops_after_the_generation_that_reaches_it():
    full = minimize(mixed, MIXED, seed=6).history
    target = full["best"].iloc[100]
    result = minimize(mixed, MIXED, target=target, seed=6)
    generation = full.loc[full["value"] <= target, "generation"].iloc[0]
    assert result.stopped == "target" and result.value <= target
    pd.testing.assert_frame_equal(result.history, full[full["generation"] <= generation])
    assert result.n_evaluations < 300


def test_an_objective_may_change_its_candidate():
    history = minimize(lambda x: x.pop("drop"), MIXED, max_evaluations=20).history
    assert history["drop"].equals(history["value"].rename("drop"))


def test_an_objective_may_build_on_the_lists_of_its_candidate():
    layers = [[64], [64, 32], [128, 64, 32]]

    def loss(x):
        x["layers"].append(1)
        return len(x["layers"]) + x["rate"]

    space = {"layers": Choice(layers), "rate": Float(0, 1)}
    result = minimize(loss, space, max_evaluations=20, n_bowers=4, prepare=lambda xs: [x["layers"].clear() for x in xs])
    assert layers == [[64], [64, 32], [128, 64, 32]]
    assert result.value == len(result.x["layers"]) + 1 + result.x["rate"]
    result.x["layers"].append(0)
    assert layers == [[64], [64, 32], [128, 64, 32]]


def test_a_search_over_functions_goes_on_in_another_process(tmp_path):
    (tmp_path / "acts.py").write_text(
        "import sys\nfrom bowerbird.sbo import Choice, Float, minimize\n"
        "def relu(x): return max(x, 0.0)\ndef square(x): return x * x\n"
        "space = {'act': Choice([relu, [square, 2]]), 'a': Float(-1, 1)}\n"
        "def loss(x): return (x['act'] if callable(x['act']) else x['act'][0])(x['a'])\n"
        "n, *path = sys.argv[1:]\n"
        "print(repr(minimize(loss, space, max_evaluations=int(n), n_bowers=5, checkpoint=path and path[0]).value))\n"
    )
    run = [sys.executable, str(tmp_path / "acts.py")]
    subprocess.run([*run, "10", str(tmp_path / "search.json")], check=True)
    on, whole = (
        subprocess.run([*run, "20", *path], check=True, capture_output=True, text=True).stdout
        for path in ([str(tmp_path / "search.json")], [])
    )
    assert on == whole


def test_progress_shows_a_bar(capsys):
    minimize(mixed, MIXED, max_evaluations=30, progress=True)
    assert "30/30" in capsys.readouterr().err
    minimize(mixed, MIXED, max_evaluations=30)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minimize(mixed, {}), "space is {}"),
        (lambda: minimize(mixed, {"rate": (0, 1)}), r"space\['rate'\] is \(0, 1\)"),
        (lambda: minimize(mixed, {"best": Float(0, 1)}), "column of the history"),
        (lambda: minimize(mixed, MIXED, n_bowers=1), "n_bowers is 1; give a whole number of at least 2"),
        (lambda: minimize(mixed, MIXED, n_bowers=10**12), "n_bowers is 1000000000000; give at most"),
        (lambda: minimize(mixed, MIXED, n_bowers=4.5), "n_bowers is 4.5"),
        (lambda: minimize(mixed, MIXED, max_evaluations=33.3), "max_evaluations is 33.3"),
        (lambda: minimize(mixed, MIXED, max_evaluations=np.nan), "max_evaluations is nan"),
        (lambda: minimize(mixed, MIXED, seed="a"), "seed is 'a'"),
        (lambda: minimize(mixed, MIXED, patience=2.5), "patience is 2.5"),
        (lambda: minimize(mixed, MIXED, time_limit=np.nan), "time_limit holds nan"),
        (lambda: minimize(mixed, MIXED, target=np.nan), "target is nan"),
        (lambda: minimize(mixed, MIXED, alpha=np.inf), "alpha holds inf"),
        (lambda: minimize(mixed, {"act": Choice([lambda x: x])}, checkpoint="search.json"), "a checkpoint cannot name"),
        (lambda: minimize(mixed, MIXED, checkpoint="."), "checkpoint . is a folder"),
        (lambda: minimize(mixed, MIXED, max_evaluations=14), "at least n_bowers, 15"),
        (lambda: minimize(mixed, MIXED, mutation_rate=1.5), "mutation_rate is 1.5"),
        (lambda: minimize(mixed, MIXED, variant="best"), "variant is 'best'; choose paper or tuned"),
        (lambda: minimize(mixed, MIXED, selection="luck"), "selection is 'luck'.*choose roulette or rank"),
        (lambda: minimize(mixed, MIXED, start="grid"), "start 'grid'"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_chances_by_rank_do_not_depend_on_how_close_the_values_are():
    close, far = np.array([0.400, 0.401, 0.402, 0.403]), np.array([-7.0, 0.0, 100.0, np.inf])
    expected = [0.4, 0.3, 0.2, 0.1]  # 4, 3, 2, 1 of 10
    assert chances(close, "rank") == pytest.approx(expected) and chances(far, "rank") == pytest.approx(expected)
    by_value = chances(close, "roulette")
    assert by_value.max() / by_value.min() < 1.003  # the paper's roulette hardly tells them apart


def test_a_sobol_start_leaves_no_gaps():
    low, high = np.array([-3.0, 10.0]), np.array([5.0, 11.0])
    rules = replace(VARIANTS["tuned"], n_bowers=16)
    for seed in range(5):
        unit = (first_bowers(rules, low, high, np.random.default_rng(seed)) - low) / (high - low)
        for k in range(2):  # each sixteenth of every coordinate holds one bower, each quarter of the plane one a cell
            assert sorted((unit[:, k] * 16).astype(int)) == list(range(16))
        assert len(set(map(tuple, (unit * 4).astype(int)))) == 16
    assert first_bowers(replace(rules, n_bowers=10), low, high, np.random.default_rng(0)).shape == (10, 2)


def test_variants_and_what_replaces_their_values():
    by_hand = {"n_bowers": 10, "alpha": 1.2, "mutation_rate": 0.4, "z": 0.1, "selection": "rank", "start": "Sobol"}
    tuned = minimize(mixed, MIXED, max_evaluations=60, variant="tuned").history
    pd.testing.assert_frame_equal(tuned, minimize(mixed, MIXED, max_evaluations=60, **by_hand).history)
    pd.testing.assert_frame_equal(
        minimize(mixed, MIXED, max_evaluations=60).history,
        minimize(mixed, MIXED, max_evaluations=60, variant="tuned", **vars(PAPER)).history,
    )
    other = minimize(mixed, MIXED, max_evaluations=60, variant="tuned", z=0.0).history
    assert other["value"][:10].equals(tuned["value"][:10]) and not other["value"].equals(tuned["value"])


FEW = {"whole": Integer(0, 3), "choice": Choice((1, 1.0, True))}  # twelve candidates; the choices are equal to Python


def test_no_candidate_is_evaluated_twice():
    calls = []

    def objective(x):
        calls.append((x["whole"], repr(x["choice"])))
        return x["whole"] + (x["choice"] is True)

    result = minimize(objective, FEW, n_bowers=6, max_evaluations=100, mutation_rate=0.5, z=0.5)
    assert len(calls) == len(set(calls)) == result.n_evaluations == 12
    assert result.stopped == "repeats" and result.value == 0
    # The budget counts calls alone.
    capped = minimize(objective, FEW, n_bowers=6, max_evaluations=9, mutation_rate=0.5, z=0.5)
    assert capped.stopped == "evaluations"
    pd.testing.assert_frame_equal(capped.history, result.history[:9])


def test_a_repeated_candidate_competes_with_its_first_value():
    """The slow loop evaluates repeats again: the cache changes what is paid, not what is found."""
    space = {"whole": Integer(0, 30), "half": Integer(0, 1)}
    result = minimize(lambda x: abs(x["whole"] - 7) + x["half"], space, max_evaluations=30, z=0.1)

    low, high = np.array([d.bounds for d in space.values()]).T
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
        children = next_bowers(parents, values, low, high, rng, replace(PAPER, z=0.1))
    assert result.history[list(space)].to_dict("records") == seen


def test_patience_counts_generations_without_a_smaller_value():
    history = minimize(mixed, MIXED, max_evaluations=600, seed=1).history
    best = history.groupby("generation")["best"].last()
    last_better = 0
    for generation in best.index[1:]:
        last_better = generation if best[generation] < best[generation - 1] else last_better
        if generation - last_better == 3:
            break
    result = minimize(mixed, MIXED, max_evaluations=600, seed=1, patience=3)
    assert result.stopped == "patience" and result.n_evaluations < 600
    pd.testing.assert_frame_equal(result.history, history[history["generation"] <= generation])


def test_the_time_limit_ends_after_its_generation(monkeypatch):
    clock = iter(np.arange(0.0, 1000.0, 10.0))  # ten seconds a look, the first when the search begins
    monkeypatch.setattr("bowerbird.sbo.optimizer.time.monotonic", lambda: next(clock))
    result = minimize(mixed, MIXED, max_evaluations=300, time_limit=30)
    assert result.stopped == "time" and result.n_evaluations == 45
    pd.testing.assert_frame_equal(result.history, minimize(mixed, MIXED, max_evaluations=300).history[:45])


class Interrupted(BaseException):
    """Like a KeyboardInterrupt: no failure of the objective."""


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("after", [3, 15, 41, 77])
@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_an_interrupted_search_resumes_to_the_bit(tmp_path, variant, after):
    calls = []

    def flaky(x):
        if len(calls) == after:
            raise Interrupted
        calls.append(x)
        return sometimes_broken(x)

    options = {"max_evaluations": 90, "variant": variant, "seed": 2, "checkpoint": tmp_path / "search.json"}
    whole = minimize(sometimes_broken, MIXED, **options | {"checkpoint": None})
    with pytest.raises(Interrupted):
        minimize(flaky, MIXED, **options)
    paid = []
    resumed = minimize(lambda x: paid.append(x) or sometimes_broken(x), MIXED, **options)
    pd.testing.assert_frame_equal(resumed.history, whole.history, check_exact=True)
    assert (resumed.x, resumed.value, resumed.stopped) == (whole.x, whole.value, whole.stopped)
    n_bowers = VARIANTS[variant].n_bowers
    assert len(paid) == 90 - after // n_bowers * n_bowers  # whole generations are not paid again
    assert not list(tmp_path.glob(".*")), "no temporary file is left"


def test_a_finished_search_is_read_and_can_be_prolonged(tmp_path):
    space, options = MIXED | FEW, {"seed": 4, "checkpoint": tmp_path / "deep" / "search.json"}
    short = minimize(mixed, space, max_evaluations=40, **options)  # its last generation is cut short
    with ThreadPoolExecutor(2) as pool:
        longer = minimize(mixed, space, max_evaluations=100, executor=pool, **options)
    pd.testing.assert_frame_equal(longer.history[:40], short.history)
    pd.testing.assert_frame_equal(longer.history, minimize(mixed, space, max_evaluations=100, seed=4).history)
    again = minimize(lambda x: 1 / 0, space, max_evaluations=100, **options)  # nothing is evaluated
    pd.testing.assert_frame_equal(again.history, longer.history)
    before = options["checkpoint"].read_bytes()
    minimize(mixed, space, max_evaluations=20, **options)
    assert options["checkpoint"].read_bytes() == before, "a shorter search takes nothing away"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 5}, "seed is 4 there and 5 here"),
        ({"variant": "tuned"}, "n_bowers is 15 there and 10 here"),
        ({"z": 0.5}, "z is 0.02 there and 0.5 here"),
        ({"space": MIXED | {"drop": Float(0, 2)}}, r"space is .*high=1.* there and .*high=2"),
        ({"space": dict(reversed(MIXED.items()))}, "space is"),
    ],
)
def test_a_checkpoint_of_another_search_is_refused(tmp_path, change, message):
    options = {"space": MIXED, "seed": 4, "max_evaluations": 30, "checkpoint": tmp_path / "search.json"}
    minimize(mixed, **options)
    before = options["checkpoint"].read_bytes()
    with pytest.raises(ParameterError, match=f"belongs to another search: {message}.*remove the file"):
        minimize(mixed, **options | change)
    assert options["checkpoint"].read_bytes() == before


def test_a_checkpoint_that_is_none_or_no_longer_fits_is_refused(tmp_path):
    path = tmp_path / "search.json"
    minimize(mixed, MIXED, max_evaluations=30, checkpoint=path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["evaluations"][17][0]["hidden"] += 1
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ParameterError, match=r"evaluation 18: holds .* but the search comes to"):
        minimize(mixed, MIXED, max_evaluations=30, checkpoint=path)
    whole = json.dumps(content)
    for damaged in (whole[:-40], whole.replace("evaluations", "evaluation"), whole.replace("[", "{", 1)):
        path.write_text(damaged, encoding="utf-8")
        with pytest.warns(UserWarning, match=r"search\.json is damaged; the search starts anew"):
            again = minimize(mixed, MIXED, max_evaluations=30, checkpoint=path)
        assert again.value == minimize(mixed, MIXED, max_evaluations=30).value
    for text in ("[1, 2]", "{}", "a file of one's own"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ParameterError, match=r"search\.json is not a search's"):
            minimize(mixed, MIXED, max_evaluations=30, checkpoint=path)
