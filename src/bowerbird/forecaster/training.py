"""How the forecaster learns, from every day of every series at once; how it forecasts; how it is kept."""

import copy
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from bowerbird.data.panel import EVENTS, Panel
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.errors import BowerbirdError, ParameterError, TrainingFailed
from bowerbird.files import atomic_path
from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.inputs import Inputs, cluster_curves, gather
from bowerbird.forecaster.lstm import Ahead, Network, Settings, pinball_loss, zero_inflated_loss

LIKELIHOOD_EVERY = 3
WEIGHT_DECAY = 1e-3
LARGEST_GRADIENT = 1.0  # norm at which a gradient is cut
DISTURBED = (4, 9)  # days before and after the Spring Festival with demand like no other day's


@dataclass(frozen=True)
class Forecaster:
    """Trained networks with all they need to forecast.

    Parameters
    ----------
    settings : Settings
    networks : tuple of Network
    mixture : PolynomialRegressionMixture or None
        The DM clusters, where they are inputs.
    losses : tuple of tuples of float
        For each network the training loss of every epoch.
    device : torch.device

    Examples
    --------
    A network with the weights it begins with forecasts the running level of demand.

    >>> series = pd.DataFrame({"product_no": ["p"], "seller_no": ["s"], "category1": ["c"], "warehouse_no": ["w"]})
    >>> panel = Panel(series, pd.date_range("2023-03-01", periods=30), np.full((1, 30), 4.0))
    >>> settings = Settings(horizon=2)
    >>> untrained = Forecaster(settings, (Network(settings).eval(),), None, (), torch.device("cpu"))
    >>> predict(untrained, panel).point.round(4)
    array([[4., 4.]])
    """

    settings: Settings
    networks: tuple[Network, ...]
    mixture: PolynomialRegressionMixture | None
    losses: tuple[tuple[float, ...], ...]
    device: torch.device

    def gather(self, panel: Panel) -> Inputs:
        """The panel as the networks read it."""
        return gather(panel, self.settings.horizon, self.mixture, self.settings.context, self.device)


# ---- training -------------------------------------------------------------------------------------------------------


def fit(
    panel: Panel,
    settings: Settings = Settings(),
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    after_epoch: Callable[[int, Forecaster], bool] | None = None,
) -> Forecaster:
    """Train the forecaster on a panel; every day of the panel is training data.

    Parameters
    ----------
    panel : Panel
        Days up to the origin; use `panel.until(origin)`.
    settings : Settings
    seed : int
        Seeds initial weights, dropout, batch order and the mixture.
    device : torch.device or str
    after_epoch : callable, optional
        Called as after_epoch(epoch, forecaster of this network) after every epoch; True stops its training.

    Returns
    -------
    Forecaster

    Raises
    ------
    ParameterError
        Fewer days than the warm-up and the horizon need.
    TrainingFailed
        The loss or its gradient is no longer finite.

    Examples
    --------
    >>> series = pd.DataFrame({"product_no": ["p"], "seller_no": ["s"], "category1": ["c"], "warehouse_no": ["w"]})
    >>> panel = Panel(series, pd.date_range("2023-03-01", periods=40), np.tile([2.0, 6.0], (1, 20)))
    >>> trained = fit(panel, Settings(horizon=2, warm_up=10, epochs=2, hidden_size=4))
    >>> [len(losses) for losses in trained.losses]
    [2]
    """
    check_days(panel, settings)
    forecaster = begin(panel, settings, clusters_of(panel, settings, seed), device)
    data, weights = forecaster.gather(panel), origin_weights(panel, settings)
    with own_randomness(forecaster.device):
        networks, losses = [], []
        for member in range(settings.members):
            network = initial_network(forecaster, data, seed, member)
            losses.append(_train(forecaster, network, data, weights, settings.epochs, after_epoch))
            networks.append(network)
    return replace(forecaster, networks=tuple(networks), losses=tuple(losses))


def update(forecaster: Forecaster, panel: Panel, *, epochs: int = 1, seed: int = 0) -> Forecaster:
    """Go on training with the days that have come since (fine-tuning), at a tenth of the learning rate.

    Without it, `predict` on a longer panel already carries the networks' state on to the new days.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
        All days known.
    epochs : int
        Passes over the series.
    seed : int

    Returns
    -------
    Forecaster
    """
    slower = replace(forecaster.settings, learning_rate=forecaster.settings.learning_rate / 10)
    data, weights = forecaster.gather(panel), origin_weights(panel, slower)
    networks, losses = [], []
    with own_randomness(forecaster.device):
        for member, network in enumerate(forecaster.networks):
            torch.manual_seed(np.random.SeedSequence([seed, member, 1]).generate_state(1)[0].item())
            tuned = copy.deepcopy(network).train()
            losses.append(_train(replace(forecaster, settings=slower), tuned, data, weights, epochs))
            networks.append(tuned)
    return replace(forecaster, networks=tuple(networks), losses=tuple(losses))


def check_days(panel: Panel, settings: Settings) -> None:
    """Raise a ParameterError if the panel is too short to train on."""
    if panel.n_days <= settings.warm_up + settings.horizon:
        raise ParameterError(
            f"{panel.n_days} days are too few to train on: warm_up {settings.warm_up} + horizon "
            f"{settings.horizon} need more; give a longer panel or a smaller warm_up"
        )


def clusters_of(panel: Panel, settings: Settings, seed: int) -> PolynomialRegressionMixture | None:
    """The DM mixture that the settings ask for, at most a cluster a series."""
    if not settings.clusters:
        return None
    k = min(settings.clusters, panel.n_series)
    mixture = PolynomialRegressionMixture(k, tol=1e-6, max_iter=1000, random_state=seed)
    return mixture.fit(cluster_curves(panel))


def begin(panel: Panel, settings: Settings, mixture: PolynomialRegressionMixture | None, device) -> Forecaster:
    """A forecaster without a network yet."""
    settings = replace(settings, clusters=mixture.n_components if mixture else 0)
    return Forecaster(settings, (), mixture, (), torch.device(device))


def initial_network(forecaster: Forecaster, data: Inputs, seed: int, member: int) -> Network:
    """The forecaster's network number `member` before its training; torch's random numbers go on from there."""
    torch.manual_seed(np.random.SeedSequence([seed, member]).generate_state(1)[0].item())
    network = Network(forecaster.settings).to(forecaster.device)
    flat = data.daily[:, forecaster.settings.warm_up :].reshape(-1, data.daily.shape[2])
    network.mean, network.sd = flat.mean(dim=0), flat.std(dim=0) + 1e-3
    return network


def origin_weights(panel: Panel, settings: Settings) -> np.ndarray:
    """Weight of each training origin (n_origins,): 0 where origin or forecast days touch the Spring Festival.

    No similar period follows within the year.
    """
    days = np.arange(panel.n_days)
    origins = days[settings.warm_up : panel.n_days - settings.horizon]
    disturbed = np.zeros(panel.n_days, dtype=bool)
    for first, last in EVENTS["spring_festival"]:
        before, after = (np.timedelta64(n, "D") for n in DISTURBED)
        disturbed |= (panel.dates >= np.datetime64(first) - before) & (panel.dates <= np.datetime64(last) + after)
    touched = np.array([disturbed[o : o + settings.horizon + 1].any() for o in origins])
    if touched.all():
        return np.ones(len(origins))
    return np.where(touched, 0.0, len(origins) / (~touched).sum())


def own_randomness(device: torch.device):
    """Within it, torch's random numbers are the training's own; outside they go on as if nothing had happened."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def _train(forecaster, network: Network, data: Inputs, weights: np.ndarray, epochs: int, after_epoch=None):
    """Train one network of the forecaster; the mean loss of each epoch, as a tuple."""
    settings, losses = forecaster.settings, []
    n_series, n_days = data.demand.shape
    origins = slice(settings.warm_up, n_days - settings.horizon)
    targets = data.demand[:, 1:].unfold(1, settings.horizon, 1)[:, origins]  # (n_series, n_origins, horizon)
    by_origin = torch.tensor(weights, dtype=torch.float32, device=data.demand.device)[None, :, None]
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=WEIGHT_DECAY)
    steps = epochs * -(-n_series // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=max(steps, 2))
    # (n_series, n_origins, 1): a series' error relative to its level, times a power of the level
    by_volume = (data.level / data.level.mean())[:, origins, None] ** settings.volume_weight
    for epoch in range(1, epochs + 1):
        steps_taken = []  # loss, norm of the gradient; read once an epoch, so that a GPU need not wait for every step
        batches = torch.randperm(n_series).to(data.demand.device).split(settings.batch_size)
        for rows in batches:
            outputs = network(data.daily[rows], data.level[rows], data.calendar, origins)
            relative = by_volume[rows] / data.level[rows][:, origins, None]
            loss = _loss(targets[rows], outputs, by_origin, relative, settings)
            optimizer.zero_grad()
            with torch.autocast(rows.device.type, enabled=False):  # every gradient in the precision of its forward pass
                loss.backward()
            norm = nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()
            steps_taken.append(torch.stack([loss.detach(), norm]))
        total = 0.0
        for (value, steepness), rows in zip(torch.stack(steps_taken).tolist(), batches, strict=True):
            if not (np.isfinite(value) and np.isfinite(steepness)):
                raise TrainingFailed(
                    f"the loss is {value:g} and its gradient's norm {steepness:g} in epoch {epoch}; "
                    f"give a smaller learning_rate than {settings.learning_rate:g}"
                )
            total += value * len(rows)
        losses.append(total / n_series)
        if after_epoch is not None:
            network.eval()
            if after_epoch(epoch, replace(forecaster, networks=(network,))):
                break
            network.train()
    network.eval()
    return tuple(losses)


def _loss(actual: Tensor, outputs: Ahead, by_origin: Tensor, relative: Tensor, settings: Settings):
    known = ~actual.isnan()
    actual = actual.nan_to_num()
    weight = known * by_origin
    error = _mean(pinball_loss(actual, outputs.point, settings.point_quantile) * relative, weight)
    # The likelihood costs a third of a step, and its few linear maps learn as much from one origin in LIKELIHOOD_EVERY
    some = slice(int(torch.randint(LIKELIHOOD_EVERY, ())), None, LIKELIHOOD_EVERY)
    counts = (part[:, some] for part in (actual, outputs.mean, outputs.dispersion, outputs.zero))
    return _mean(zero_inflated_loss(*counts), weight[:, some]) + settings.point_weight * error


def _mean(loss: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean; a batch of missing days teaches nothing."""
    return (loss * weight).sum() / weight.sum().clamp(min=1)


# ---- forecasting ----------------------------------------------------------------------------------------------------


def predict(forecaster: Forecaster, panel: Panel) -> Forecast:
    """Forecast the days after the panel's last one.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
        The days known, more than it was trained on if there are more; nothing is trained again.

    Returns
    -------
    Forecast

    Raises
    ------
    TrainingFailed
        A forecast is not finite.

    Examples
    --------
    See `Forecaster`.
    """
    ahead = predict_rolling(forecaster, panel, panel.n_days)
    dates = pd.date_range(panel.dates[-1] + pd.Timedelta(days=1), periods=ahead.mean.shape[2], name="date")
    return Forecast(**{name: part[:, 0] for name, part in ahead._asdict().items()}, dates=dates)


def predict_rolling(forecaster: Forecaster, panel: Panel, first_origin: int) -> Ahead:
    """Forecast from every origin, each from the days before it alone and without retraining.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
    first_origin : int
        Days known at the first origin; the last origin knows the whole panel.

    Returns
    -------
    Ahead
        mean, dispersion, point, zero, each (n_series, n_origins, horizon).

    Raises
    ------
    ParameterError
        When no day, or more than there are, would be known at the first origin.
    TrainingFailed
        A forecast is not finite.
    """
    if not 0 < first_origin <= panel.n_days:
        raise ParameterError(f"first_origin is {first_origin}; give a number of known days from 1 to {panel.n_days}")
    return pooled(forecaster, forecaster.gather(panel), slice(first_origin - 1, panel.n_days))


def pooled(forecaster: Forecaster, data: Inputs, origins: slice) -> Ahead:
    """What all networks together forecast, each part (n_series, n_origins, horizon)."""
    with torch.no_grad():
        outputs = [
            [x.double().cpu().numpy() for x in net(data.daily, data.level, data.calendar, origins)]
            for net in forecaster.networks
        ]
    mean, dispersion, point, zero = (np.stack(part) for part in zip(*outputs, strict=True))  # (members, n, origins, h)
    if not (np.isfinite(mean).all() and np.isfinite(point).all()):
        raise TrainingFailed(
            "the networks forecast numbers that are not finite: their training went astray; fit again with a smaller "
            f"learning_rate than {forecaster.settings.learning_rate:g}"
        )
    # The members' mixture as one distribution of equal mean, variance and share of extra zeros:
    # E[y] = (1 - z) m,  E[y^2] = (1 - z) (m + (1 + d) m^2),  m the mean of the negative binomial alone
    selling, average = 1 - zero, mean.mean(axis=0)
    second_moment = (mean + (1 + dispersion) * mean**2 / selling).mean(axis=0)
    share = selling.mean(axis=0)
    excess = np.maximum((second_moment - average) * share / average**2 - 1, 1e-3)
    return Ahead(average, excess, point.mean(axis=0), 1 - share)


# ---- keeping --------------------------------------------------------------------------------------------------------


NOT_OURS = (
    OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, zipfile.BadZipFile,
    pickle.UnpicklingError,
)  # fmt: skip
"""What reading another file raises: a pickle that would run code (refused, not run), other weights, other settings."""


def save(forecaster: Forecaster, path: Path | str) -> Path:
    """Write a forecaster to one file, atomically: weights that load without running any code, and JSON.

    Parameters
    ----------
    forecaster : Forecaster
    path : Path or str

    Returns
    -------
    Path
    """
    about = {
        "settings": asdict(forecaster.settings),
        "losses": forecaster.losses,
        "mixture": None if forecaster.mixture is None else forecaster.mixture.to_dict(),
        "networks": len(forecaster.networks),
    }
    path = Path(path)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(zipfile.ZipInfo("forecaster.json"), json.dumps(about))  # no time of day: the same bytes
        for number, network in enumerate(forecaster.networks):
            weights = io.BytesIO()
            torch.save(network.state_dict(), weights)
            archive.writestr(zipfile.ZipInfo(f"network_{number}.pt"), weights.getvalue())
    return path


def load(path: Path | str, device: torch.device | str = "cpu") -> Forecaster:
    """Read what `save` wrote.

    Parameters
    ----------
    path : Path, str or open file
    device : torch.device or str

    Returns
    -------
    Forecaster

    Raises
    ------
    BowerbirdError
        The file is missing, or no such checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("forecaster.json"))
            weights = [
                torch.load(io.BytesIO(archive.read(f"network_{i}.pt")), map_location=device, weights_only=True)
                for i in range(about["networks"])
            ]
        settings = Settings(**about["settings"])
        networks = []
        for state in weights:
            network = Network(settings).to(device).eval()
            network.load_state_dict(state)
            networks.append(network)
        mixture = about["mixture"] and PolynomialRegressionMixture.from_dict(about["mixture"])
        losses = tuple(tuple(one) for one in about["losses"])
    except NOT_OURS as error:
        # torch would advise to read a pickle unsafely
        reason = (
            "more than weights in it" if isinstance(error, pickle.UnpicklingError) else str(error).partition("\n")[0]
        )
        raise BowerbirdError(
            f"{path} is no forecaster's checkpoint ({reason}); make one with forecaster.save"
        ) from error
    return Forecaster(settings, tuple(networks), mixture, losses, torch.device(device))
