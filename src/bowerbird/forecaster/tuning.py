"""SBO chooses the LSTM's hyperparameters on validation origins inside the training days (section 4.3)."""

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bowerbird.code import forecasters_digest
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.forecaster.inputs import panel_digest
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.population import fit_population
from bowerbird.forecaster.training import Forecaster, fit, predict_rolling
from bowerbird.metrics import one_minus_wmape
from bowerbird.sbo import VARIANTS, Choice, Float, Integer, Result, minimize, one_by_one, spread
from bowerbird.seeds import stream

WARM_UP = {"day": (14, 35), "week": (4, 20)}
SPACE = {
    "hidden_size": Integer(12, 48),
    "layers": Integer(1, 2),
    "learning_rate": Float(2e-3, 1e-2, log=True),
    "epochs": Integer(2, 12),
    "dropout": Float(0.0, 0.4),
    "volume_weight": Float(0.0, 1.0),
    "warm_up": Integer(*WARM_UP["day"]),
    "clusters": Choice((0, 8)),
}
"""Which settings SBO chooses, and from what, of a panel of days. The paper names none of its hyperparameters."""


N_ORIGINS = 8  # validation origins, the last of the training days


def validation_loss(panel: Panel, settings: Settings, *, seed: int = 0, device: torch.device | str = "cpu") -> float:
    """WMAPE of a forecaster on the validation origins, which it was not trained on."""
    first = _first_origin(panel, settings)
    return _rolling_wmape(fit(panel.until(first), settings, seed=seed, device=device), panel, first)


def space_of(panel: Panel, settings: Settings) -> dict:
    """SPACE, with warm-ups of weeks for a weekly panel, and none longer than the panel's days allow."""
    low, high = WARM_UP[panel.frequency.word]
    longest = panel.n_days - 2 * settings.horizon - N_ORIGINS
    return SPACE | {"warm_up": Integer(low, max(low, min(high, longest)))}


def _first_origin(panel: Panel, settings: Settings) -> int:
    first = panel.n_days - settings.horizon - N_ORIGINS + 1  # days known at the first validation origin
    if first <= settings.warm_up + settings.horizon:
        needed = settings.warm_up + 2 * settings.horizon + N_ORIGINS
        raise ParameterError(
            f"{panel.n_days} {panel.frequency.word}s leave too few to train on beside {N_ORIGINS} validation origins; "
            f"give {needed}, or a shorter horizon than {settings.horizon}"
        )
    return first


def _rolling_wmape(forecaster: Forecaster, panel: Panel, first: int) -> float:
    horizon = forecaster.settings.horizon
    point = predict_rolling(forecaster, panel.until(panel.n_days - horizon), first).point
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
    population: bool = False,
    executor: Executor | None = None,
    progress: bool = False,
) -> tuple[Settings, Result]:
    """Let SBO choose SPACE, eqs (18)-(24) and section 4.3; the best settings, and the search.

    The paper minimises RMSE. Here it is WMAPE, which the paper reports and which is scored.

    Parameters
    ----------
    panel : Panel
        Training days only.
    settings : Settings
        Everything that is not searched.
    n_bowers, max_evaluations : int
        Population [NB], and networks trained in all.
    variant : {"paper", "tuned"}
        A key of `sbo.VARIANTS`.
    target : float, optional
        WMAPE at which the search stops ("the given error value").
    n_series : int, optional
        Tune on this many series drawn at random, to save time.
    folder : Path, optional
        Where the search is kept after every generation; an interrupted one goes on, a finished one leaves nothing.
    population : bool
        Train the networks of a generation together (`forecaster.population`): the same losses but for rounding.
    executor : concurrent.futures.Executor, optional
        Trains the networks of a generation in processes of their own; the same bits. Not with `population`.
    """
    if population and executor is not None:
        raise ParameterError("population trains a generation in one process, an executor in many; choose one of them")
    if n_series is not None and n_series < panel.n_series:
        rows = stream(seed, "lstm/tuning series").choice(panel.n_series, n_series, replace=False)
        panel = panel.select(np.sort(rows))

    loss = _Loss(panel, settings, seed, device)
    evaluate = loss.together if population else spread(loss, executor) if executor else one_by_one(loss)
    digest = panel_digest(panel, settings, str(device), forecasters_digest())
    checkpoint = folder and folder / f"search_{digest[:16]}.json"
    result = minimize(
        evaluate,
        space_of(panel, settings),
        replace(VARIANTS[variant], n_bowers=n_bowers),
        max_evaluations=max_evaluations,
        target=target,
        checkpoint=checkpoint,
        seed=seed,
        progress=progress,
    )
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return replace(settings, **result.x), result


@dataclass(frozen=True, eq=False)
class _Loss:
    """The loss of a candidate, in a form that can be sent to another process."""

    panel: Panel
    settings: Settings
    seed: int
    device: torch.device | str

    def __call__(self, x: dict) -> float:
        return validation_loss(self.panel, replace(self.settings, **x), seed=self.seed, device=self.device)

    def together(self, candidates: list[dict]) -> list[float | str]:
        """The losses of a generation trained together; where that cannot be, each is trained, and fails, alone."""
        settings = [replace(self.settings, **x) for x in candidates]
        try:
            first = min(_first_origin(self.panel, one) for one in settings)
            trained = fit_population(self.panel.until(first), settings, seed=self.seed, device=self.device)
        except (ParameterError, torch.OutOfMemoryError):
            return one_by_one(self)(candidates)
        losses = one_by_one(lambda forecaster: _rolling_wmape(forecaster, self.panel, first))(trained)
        alone = one_by_one(self)
        return [alone([x])[0] if isinstance(loss, str) else loss for loss, x in zip(losses, candidates, strict=True)]
