from itertools import product

import numpy as np
import pytest
from scipy.stats import norm

from bowerbird.errors import ParameterError
from bowerbird.planning.guaranteed_service import ServiceTree, guaranteed_service

CAMERA = {  # Figure 6.14: name, processing time, holding cost
    "Raw_Material": (2, 0.01), "Process_Wafers": (3, 0.03), "Package_Test_Wafers": (2, 0.04), "Imager_Base": (4, 0.06),
    "Imager_Assembly": (2, 0.12), "Ship_to_Final_Assembly": (3, 0.13), "Camera": (6, 0.20), "Circuit_Board": (4, 0.08),
    "Other_Parts": (3, 0.04), "Build_Test_Pack": (2, 0.50),
}  # fmt: skip
CAMERA_SUPPLIES = ((0, 1), (1, 2), (2, 4), (3, 4), (4, 5), (6, 9), (5, 9), (7, 9), (8, 9))


def test_example_6_3_serial():
    # Stages from the source: times 1, 0, 1, costs 2, 4, 7; customers wait 1 day, the source's suppliers take 1.
    plan = guaranteed_service(
        ServiceTree(((0, 1), (1, 2)), [1, 0, 1], [2, 4, 7], [0, 0, 1], 1.0, promise=1, wait=[1, 0, 0])
    )
    assert plan.cost == pytest.approx(2 * np.sqrt(2))
    np.testing.assert_array_equal(plan.outbound, [0, 0, 1])


def test_example_6_5_tree():
    tree = ServiceTree(((0, 2), (2, 1), (2, 3)), [2, 1, 1, 1], [1, 3, 2, 3], [0, 1, 0, 1], 1.0, promise=[0, 0, 0, 1],
                       wait=[1, 0, 0, 0])  # fmt: skip
    plan = guaranteed_service(tree)
    assert plan.cost == pytest.approx(2 * np.sqrt(2) + np.sqrt(6) + 3)
    np.testing.assert_array_equal(plan.outbound, [0, 0, 0, 1])
    np.testing.assert_array_equal(plan.inbound, [1, 0, 0, 0])
    np.testing.assert_allclose(plan.safety_stock, [np.sqrt(2) * np.sqrt(3), 1, np.sqrt(2), 0])


@pytest.mark.parametrize(
    ("promise", "cost"),
    [(2, 18.8240044725922), (5, 12.4686888061037), (8, 3.25788236403285), (12, 0.232617430735335)],
)
def test_figure_6_14_digital_camera(promise, cost):
    times, holding = zip(*CAMERA.values(), strict=True)
    tree = ServiceTree(CAMERA_SUPPLIES, times, holding, [0] * 9 + [10], norm.ppf(0.95), promise=promise)
    plan = guaranteed_service(tree)
    assert plan.cost == pytest.approx(cost)
    assert plan.outbound[9] == promise


def test_problem_6_7_serial():
    plan = guaranteed_service(ServiceTree(((0, 1), (1, 2)), [1, 1, 2], [2, 3, 4], [0, 0, 10], 4.0, wait=[1, 0, 0]))
    assert plan.cost == pytest.approx(160 * np.sqrt(5))
    np.testing.assert_array_equal(plan.outbound, [2, 3, 0])


@pytest.mark.parametrize(("promises", "cost"), [((3, 3), 15.649530249501), ((0, 7), 13.121240238718),
                                                ((21, 5), 10.5811190103555)])  # fmt: skip
def test_problem_6_9_tree(promises, cost):
    value = np.array([220, 140, 90, 5, 20, 7.5])
    tree = ServiceTree(
        ((5, 4), (3, 2), (4, 2), (2, 0), (2, 1)), [7, 7, 21, 3, 8, 2], value * 0.2 / 365, [4.1, 6.2, 0, 0, 0, 0], 4.0,
        promise=[*promises, 0, 0, 0, 0],
    )  # fmt: skip
    assert guaranteed_service(tree).cost == pytest.approx(cost)


@pytest.mark.parametrize("seed", range(8))
def test_random_trees_against_every_promise(seed):
    rng = np.random.default_rng(seed)
    n = 4
    supplies = []
    for stage in range(1, n):  # each joins an earlier one, above or below it
        other = int(rng.integers(stage))
        supplies.append((stage, other) if rng.random() < 0.5 else (other, stage))
    times, holding, wait = rng.integers(0, 4, n), rng.uniform(0.5, 3, n), rng.integers(0, 3, n)
    sells = np.array([all(a != stage for a, _ in supplies) for stage in range(n)])
    sells |= rng.random(n) < 0.3  # some stages inside sell to customers too
    promise = rng.integers(0, 3, n)
    tree = ServiceTree(supplies, times, holding, np.where(sells, 2.0, 0), 1.5, promise, wait)
    deviation = [2 * np.sqrt(sum(sells[b] for b in range(n) if reaches(supplies, a, b))) for a in range(n)]
    best = np.inf
    for outbound in product(range(int(times.sum() + wait.max()) + 1), repeat=n):
        cost = 0.0
        for stage in range(n):
            inbound = max([wait[stage], *(outbound[a] for a, b in supplies if b == stage)])
            tau = inbound + times[stage] - outbound[stage]
            if tau < 0 or (sells[stage] and outbound[stage] > promise[stage]):
                cost = np.inf
                break
            cost += holding[stage] * 1.5 * deviation[stage] * np.sqrt(tau)
        best = min(best, cost)
    plan = guaranteed_service(tree)
    assert plan.cost == pytest.approx(best)
    assert (plan.net_time >= 0).all() and (plan.inbound >= wait).all()
    assert all(plan.inbound[b] >= plan.outbound[a] for a, b in supplies)
    assert (plan.outbound <= promise)[sells].all()


def reaches(supplies, a, b):
    """Whether units of stage a end up at stage b."""
    return a == b or any(reaches(supplies, after, b) for before, after in supplies if before == a)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"supplies": ((0, 1),)}, "supplies"),
        ({"supplies": ((0, 1), (1, 0))}, "supplies"),
        ({"processing_time": [1, 1.5, 1]}, "processing_time"),
        ({"holding_cost": [1, -1, 1]}, "holding_cost"),
        ({"demand_std": [0, 1]}, "demand_std"),
        ({"promise": -1}, "promise"),
    ],
)
def test_arguments_that_do_not_fit_are_named(wrong, named):
    fits = {"supplies": ((0, 1), (1, 2)), "processing_time": [1, 1, 1], "holding_cost": 1.0, "demand_std": [0, 0, 1],
            "safety_factor": 2.0}  # fmt: skip
    with pytest.raises(ParameterError, match=named):
        guaranteed_service(ServiceTree(**(fits | wrong)))


def test_a_supplier_that_must_deliver_at_once_to_others_too_by_hand():
    # Stage 0 waits two days for outsiders whatever stage 1 promises, so it holds sqrt(2 + 1); stage 1 holds sqrt(4).
    tree = ServiceTree(((1, 0),), [1, 4], [5.0, 1.0], [3.0, 4.0], 2.0, promise=0, wait=[2, 0])
    plan = guaranteed_service(tree)
    np.testing.assert_array_equal(plan.outbound, [0, 0])
    np.testing.assert_array_equal(plan.inbound, [2, 0])
    assert plan.cost == pytest.approx(2 * (5 * 3 * np.sqrt(3) + 1 * 5 * np.sqrt(4)))
