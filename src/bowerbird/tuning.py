"""SBO chooses the LSTM's hyperparameters on validation origins inside the training days (section 4.3)."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.forecaster import Forecaster, Settings, fit, predict_rolling
from bowerbird.metrics import one_minus_wmape
from bowerbird.sbo import Choice, Float, Integer, Result, minimize

SPACE = {
    "hidden_size": Integer(12, 48),
    "layers": Integer(1, 2),
    "learning_rate": Float(2e-3, 1e-2, log=True),
    "dropout": Float(0.0, 0.4),
    "point_weight": Float(0.3, 3.0, log=True),
    "volume_weight": Float(0.25, 1.0),
    "warm_up": Integer(14, 35),
    "clusters": Choice((0, 8)),
}
"""Which settings SBO chooses, and from what. The paper names none of its hyperparameters."""


def validation_loss(
    panel: Panel, settings: Settings, *, n_origins: int = 8, seed: int = 0, device: torch.device | str = "cpu"
) -> float:
    """WMAPE of a forecaster on origins it was not trained on.

    Parameters
    ----------
    panel : Panel
        The training days only; the last `n_origins - 1 + horizon` of them validate.
    settings : Settings
    n_origins : int
        Consecutive validation origins.
    seed : int
    device : torch.device or str

    Returns
    -------
    float, WMAPE over all series, origins and days ahead.
    """
    first = _first_origin(panel, settings, n_origins)
    forecaster = fit(panel.until(first), settings, seed=seed, device=device)
    return _rolling_wmape(forecaster, panel, first)


def stop_early(
    panel: Panel,
    settings: Settings,
    *,
    n_origins: int = 8,
    patience: int = 2,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Settings:
    """Choose the number of epochs: as many as validate best on origins the network was not trained on.

    Parameters
    ----------
    panel : Panel
        The training days only; the last `n_origins - 1 + horizon` of them validate.
    settings : Settings
        Its epochs are the most that are tried.
    n_origins : int
        Consecutive validation origins.
    patience : int
        Epochs without a better validation after which the training is stopped.
    seed : int
    device : torch.device or str

    Returns
    -------
    Settings, with the epochs chosen; the final network can then be trained on all days.
    """
    first = _first_origin(panel, settings, n_origins)
    losses: list[float] = []

    def watch(epoch: int, forecaster: Forecaster) -> bool:
        losses.append(_rolling_wmape(forecaster, panel, first))
        return epoch - int(np.argmin(losses)) > patience

    fit(panel.until(first), replace(settings, members=1), seed=seed, device=device, after_epoch=watch)
    return replace(settings, epochs=int(np.argmin(losses)) + 1)


def _first_origin(panel: Panel, settings: Settings, n_origins: int) -> int:
    first = panel.n_days - settings.horizon - n_origins + 1  # days known at the first validation origin
    if first <= settings.warm_up + settings.horizon:
        raise ParameterError(f"{panel.n_days} days leave too few to train on beside {n_origins} validation origins")
    return first


def _rolling_wmape(forecaster: Forecaster, panel: Panel, first: int) -> float:
    horizon = forecaster.settings.horizon
    point = predict_rolling(forecaster, panel.until(panel.n_days - horizon), first)[2]
    days = np.lib.stride_tricks.sliding_window_view(panel.demand[:, first:], horizon, axis=1)
    return 1 - one_minus_wmape(days, point)


def tune(
    panel: Panel,
    settings: Settings = Settings(),
    *,
    n_bowers: int = 10,
    max_evaluations: int = 30,
    variant: str = "paper",
    target: float | None = None,
    n_series: int | None = None,
    folder: Path | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: bool = False,
) -> tuple[Settings, Result]:
    """Let SBO choose SPACE: the network's size, its training, what its loss weighs, and the use of clusters.

    Parameters
    ----------
    panel : Panel
        Training days only.
    settings : Settings
        Everything that is not searched.
    n_bowers : int
        Population [NB].
    max_evaluations : int
        Networks trained in all.
    variant : {"paper", "tuned"}
        Of SBO; see `sbo.minimize`.
    target : float, optional
        WMAPE at which the search stops, "the given error value" of section 4.3, step 4.
    n_series : int, optional
        Tune on this many series drawn at random, to save time; all by default.
    folder : Path, optional
        Where the search is kept after every generation, under a name of its own; an interrupted one goes on from
        there, a finished one leaves nothing.
    seed : int
    device : torch.device or str
    progress : bool

    Returns
    -------
    (Settings, Result): the best settings, and the search's history.

    Source
    ------
    Section 4.3, steps 2 to 5. The paper minimises RMSE; WMAPE is what it reports and what is scored here.
    """
    if n_series is not None and n_series < panel.n_series:
        rows = np.random.default_rng(np.random.SeedSequence([seed, 1])).choice(panel.n_series, n_series, replace=False)
        panel = panel.select(np.sort(rows))

    def objective(x: dict) -> float:
        return validation_loss(panel, replace(settings, **x), seed=seed, device=device)

    checkpoint = folder and folder / f"search_{_digest(panel, settings)}.json"
    result = minimize(
        objective,
        SPACE,
        n_bowers=n_bowers,
        max_evaluations=max_evaluations,
        variant=variant,
        target=target,
        checkpoint=checkpoint,
        seed=seed,
        progress=progress,
    )
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return replace(settings, **result.x), result


def _digest(panel: Panel, settings: Settings) -> str:
    """What the loss depends on beside the candidate, for the checkpoint's name."""
    digest = hashlib.sha256(repr((settings, panel.dates[0])).encode())
    digest.update(np.ascontiguousarray(panel.demand).tobytes())
    return digest.hexdigest()[:16]
