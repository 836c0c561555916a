"""Times of packages that need an environment of their own; `make peers` sets it up, peers.py calls this file.

.venv-peers/bin/python tests/bench/peer_packages.py NAME        prints seconds, as JSON: what was timed -> seconds
"""

import json
import logging
import sys
import time
import warnings

from timing import seconds


def neuralforecast() -> dict[str, float]:
    """Training its LSTM on windows of 28 days, 15 ahead; seconds for a million windows, set-up not counted."""
    import numpy as np
    import pandas as pd
    import torch
    from neuralforecast import NeuralForecast
    from neuralforecast.losses.pytorch import MAE
    from neuralforecast.models import LSTM

    torch.set_num_threads(1)
    demand = np.random.default_rng(0).poisson(8, (200, 166)).astype(float)
    days = pd.date_range("2022-12-01", periods=166)
    frame = pd.DataFrame({"unique_id": np.repeat(np.arange(200), 166), "ds": np.tile(days, 200), "y": demand.ravel()})
    batch = 256

    def train(steps: int) -> float:
        model = LSTM(
            h=15, input_size=28, encoder_hidden_size=32, encoder_n_layers=1, decoder_hidden_size=32, loss=MAE(),
            max_steps=steps, windows_batch_size=batch, batch_size=32, enable_progress_bar=False, logger=False,
            enable_checkpointing=False, accelerator="cpu",
        )  # fmt: skip
        start = time.perf_counter()
        NeuralForecast([model], freq="D").fit(frame)
        return time.perf_counter() - start

    train(5)
    short, long = train(20), train(120)
    return {"a million windows": (long - short) / (100 * batch) * 1e6}


def stockpyl() -> dict[str, float]:
    """Exact (s, S), Wagner-Whitin (T = 180) and a finite horizon, an item each; a million simulated days."""
    from stockpyl.finite_horizon import finite_horizon_dp
    from stockpyl.sim import simulation
    from stockpyl.ss import s_s_discrete_exact
    from stockpyl.supply_chain_network import single_stage_system
    from stockpyl.wagner_whitin import wagner_whitin

    demand = [(7 * t) % 40 + 5 for t in range(180)]
    stage = single_stage_system(
        holding_cost=1, stockout_cost=9, demand_type="P", mean=10, policy_type="sS", reorder_point=20,
        order_up_to_level=50, shipment_lead_time=3,
    )  # fmt: skip
    return {
        "(s, S)": seconds(lambda: s_s_discrete_exact(1, 9, 64, True, 20)),
        "Wagner-Whitin": seconds(lambda: wagner_whitin(180, 1, 300, demand)),
        "finite horizon": seconds(lambda: finite_horizon_dp(10, 1, 25, 1, 25, 1, 40, 18, 3, discount_factor=0.98)),
        "simulation": seconds(lambda: simulation(stage, 500, rand_seed=0, progress_bar=False)) / 500 * 1e6,
    }


def mealpy() -> dict[str, float]:
    """SBO on a sphere in ten dimensions; seconds for a thousand evaluations."""
    import numpy as np
    from mealpy import FloatVar
    from mealpy.bio_based.SBO import OriginalSBO

    problem = {
        "obj_func": lambda x: float(np.sum(x**2)), "bounds": FloatVar(lb=[-5] * 10, ub=[5] * 10), "minmax": "min",
        "log_to": None,
    }  # fmt: skip
    return {"SBO": seconds(lambda: OriginalSBO(epoch=99, pop_size=30).solve(problem)) / 3}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    print(json.dumps({"neuralforecast": neuralforecast, "stockpyl": stockpyl, "mealpy": mealpy}[sys.argv[1]]()))
