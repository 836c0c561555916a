from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowerbird.errors import ParameterError
from bowerbird.sbo import Choice, Float, Integer, minimize, next_bowers

MIXED = {
    "rate": Float(1e-5, 1e-1, log=True),
    "hidden": Integer(8, 64),
    "loss": Choice(("L1", "L2")),
    "drop": Float(0, 1),
}
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
        fast = next_bowers(bowers, np.array(values), low, high, rngs[0], alpha=0.94, mutation_rate=0.3, z=0.2)
        slow = slow_children(bowers, values, low, high, rngs[1], 0.94, 0.3, 0.2)
        np.testing.assert_allclose(fast, slow, rtol=1e-12)


def test_hand_worked_generation():
    # Elite at 1 with f = 0, a bower at 5 with f = 1: fitness 1 and 1/2, chances 2/3 and 1/3, steps .564 and .705.
    bowers, values = np.array([[1.0], [5.0]]), np.array([0.0, 1.0])
    rng, limits = np.random.default_rng(0), (np.array([0.0]), np.array([9.0]))
    draws = [next_bowers(bowers, values, *limits, rng, alpha=0.94, mutation_rate=0, z=0.02) for _ in range(3000)]
    first, second = np.round(np.array(draws)[:, :, 0].T, 12)
    assert set(first) == {1.0, 2.41}  # stays, or 1 + .705 (3 - 1)
    assert set(second) == {2.744, 3.59}  # 5 + .564 (1 - 5), or 5 + .705 (3 - 5)
    assert np.mean(np.concatenate([first == 1.0, second == 2.744])) == pytest.approx(2 / 3, abs=0.025)


def test_mutations_have_the_stated_rate_and_spread():
    low, high = np.array([-50.0, 0]), np.array([50.0, 1])  # sigma 2 and .02
    bowers = np.tile((low + high) / 2, (20_000, 1))  # all in one place: only mutations move
    children = next_bowers(
        bowers, np.ones(20_000), low, high, np.random.default_rng(0), alpha=0.94, mutation_rate=0.3, z=0.02
    )
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
            x = {name: d.value(c) for (name, d), c in zip(MIXED.items(), child, strict=True)}
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
        points = [{k: d.value(rng.uniform(*d.bounds)) for k, d in MIXED.items()} for _ in range(120)]
        wins += minimize(mixed, MIXED, max_evaluations=120, seed=seed).value < min(map(mixed, points))
    assert wins >= 15


@pytest.mark.parametrize("executor", [ThreadPoolExecutor, ProcessPoolExecutor])
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


def test_dimensions_map_their_coordinates():
    assert [Integer(2, 4).value(c) for c in (1.5, 2.49, 2.5, 3.4999, 3.5, 4.5)] == [2, 2, 3, 3, 4, 4]
    assert [Choice("abc").value(c) for c in (0, 0.99, 1, 2.99, 3.0)] == list("aabcc")
    log = Float(0.001, 10, log=True)
    assert log.value(sum(log.bounds) / 2) == pytest.approx(0.1)
    assert [log.value(c) for c in log.bounds] == pytest.approx([0.001, 10])
    assert Float(2, 3).value(2.25) == 2.25


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


def test_progress_shows_a_bar(capsys):
    minimize(mixed, MIXED, max_evaluations=30, progress=True)
    assert "30/30" in capsys.readouterr().err
    minimize(mixed, MIXED, max_evaluations=30)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Float(1, 1), "low < high"),
        (lambda: Float(0, np.inf), "finite"),
        (lambda: Float(0, 1, log=True), "low > 0"),
        (lambda: Integer(3, 2), "low <= high"),
        (lambda: Integer(1, 2.5), "whole numbers"),
        (lambda: Choice([]), "at least one"),
        (lambda: minimize(mixed, {}), "space is empty"),
        (lambda: minimize(mixed, {"rate": (0, 1)}), r"space\['rate'\] is \(0, 1\)"),
        (lambda: minimize(mixed, {"best": Float(0, 1)}), "column of the history"),
        (lambda: minimize(mixed, MIXED, n_bowers=1), "n_bowers is 1"),
        (lambda: minimize(mixed, MIXED, max_evaluations=14), "at least n_bowers, 15"),
        (lambda: minimize(mixed, MIXED, mutation_rate=1.5), "mutation_rate 1.5"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
