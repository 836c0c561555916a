"""Training on every day of every series at once, forecasting, saving and loading."""

import copy
import io
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bowerbird.data.panel import Panel
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.errors import BowerbirdError, ParameterError, TrainingFailed
from bowerbird.files import atomic_path
from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.inputs import Inputs, gather
from bowerbird.forecaster.level import cluster_curves
from bowerbird.forecaster.lstm import Network, Settings, pinball_loss, zero_inflated_loss

LIKELIHOOD_EVERY = 3
WEIGHT_DECAY = 1e-3
SERIES_AT_ONCE = 256  # in a forecast; a transformer's attention over 2,000 series takes 1.7 GB
LARGEST_GRADIENT = 1.0  # norm at which a gradient is cut
HALF_LIFE = {"day": 56, "week": 26}  # days, weeks of age that halve a training origin's weight
DISTURBED = (4, 9)  # days before and after the Spring Festival with demand like no other day's


@dataclass(frozen=True)
class Forecaster:
    """Trained networks with all they need to forecast; made by `fit`, `update` or `load`."""

    settings: Settings
    networks: tuple[Network, ...]
    mixture: PolynomialRegressionMixture | None  # the DM clusters, where they are inputs
    losses: tuple[tuple[float, ...], ...]  # for each network, the training loss of every epoch
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
    Demand is 4 units on every day, and so is the forecast of the two days after 9 April.

    >>> import pandas as pd
    >>> series = pd.DataFrame([list("pscw")], columns=["product_no", "seller_no", "category1", "warehouse_no"])
    >>> panel = Panel(series, pd.date_range("2023-03-01", periods=40), np.full((1, 40), 4.0))
    >>> trained = fit(panel, Settings(horizon=2, warm_up=10, epochs=2, hidden_size=4))
    >>> forecast = predict(trained, panel)
    >>> forecast.point.round(), forecast.dates.day.tolist()
    (array([[4., 4.]]), [10, 11])

    From the origins that know 36 to 40 days, and after one more epoch:

    >>> predict_rolling(trained, panel, 36).point.shape
    (1, 5, 2)
    >>> predict(update(trained, panel, epochs=1), panel).point.round()
    array([[4., 4.]])
    """
    check_days(panel, settings)
    forecaster = begin(settings, clusters_of(panel, settings, seed), device)
    data = forecaster.gather(panel)
    begun = (initial_network(forecaster, data, seed, member) for member in range(settings.members))
    return _train_each(forecaster, begun, data, origin_weights(panel, settings))


def update(forecaster: Forecaster, panel: Panel, *, epochs: int = 1, seed: int = 0) -> Forecaster:
    """Fine-tune on a longer panel for some epochs, at a tenth of the learning rate.

    `predict` reads the new days without it: the networks' state goes on.
    """
    settings = forecaster.settings
    check_days(panel, settings)
    slower = replace(forecaster, settings=replace(settings, learning_rate=settings.learning_rate / 10, epochs=epochs))

    def begun() -> Iterator[Network]:
        for member, network in enumerate(forecaster.networks):
            torch.manual_seed(np.random.SeedSequence([seed, member, 1]).generate_state(1)[0].item())
            yield copy.deepcopy(network).train()

    tuned = _train_each(slower, begun(), forecaster.gather(panel), origin_weights(panel, settings))
    return replace(tuned, settings=settings)


def check_days(panel: Panel, settings: Settings) -> None:
    """Raise a ParameterError if the panel is too short to train on."""
    if panel.n_days <= settings.warm_up + settings.horizon:
        raise ParameterError(
            f"{panel.n_days} {panel.frequency.word}s are too few to train on: warm_up {settings.warm_up} + horizon "
            f"{settings.horizon} need more; give a longer panel or a smaller warm_up"
        )


def clusters_of(panel: Panel, settings: Settings, seed: int) -> PolynomialRegressionMixture | None:
    """The DM mixture that the settings ask for, at most a cluster a series."""
    if not settings.clusters:
        return None
    k = min(settings.clusters, panel.n_series)
    mixture = PolynomialRegressionMixture(k, tol=1e-6, max_iter=1000, random_state=seed)
    return mixture.fit(cluster_curves(panel))


def begin(settings: Settings, mixture: PolynomialRegressionMixture | None, device) -> Forecaster:
    """A forecaster without a network yet."""
    settings = replace(settings, clusters=mixture.n_components if mixture else 0)
    return Forecaster(settings, (), mixture, (), torch.device(device))


def initial_network(forecaster: Forecaster, data: Inputs, seed: int, member: int) -> Network:
    """The forecaster's network number `member` before its training; torch's random numbers go on from there."""
    torch.manual_seed(np.random.SeedSequence([seed, member]).generate_state(1)[0].item())
    sizes = data.daily.shape[2], data.calendar.shape[1], data.ahead.shape[3]
    network = Network(forecaster.settings, *sizes).to(forecaster.device)
    flat = data.daily[:, forecaster.settings.warm_up :].reshape(-1, data.daily.shape[2])
    network.mean, network.sd = flat.mean(dim=0), flat.std(dim=0) + 1e-3
    return network


def origin_weights(panel: Panel, settings: Settings) -> np.ndarray:
    """Weight of each training origin (n_origins,), mean 1: halved every HALF_LIFE, for recent days say most.

    It is 0 where origin or forecast days touch the Spring Festival: no similar period follows within the year.
    """
    days = np.arange(panel.n_days)
    origins = days[settings.warm_up : panel.n_days - settings.horizon]
    disturbed = np.zeros(panel.n_days, dtype=bool)
    for first, last in panel.events.get("spring_festival", []):
        before, after = (np.timedelta64(n, "D") for n in DISTURBED)
        disturbed |= (panel.dates >= np.datetime64(first) - before) & (panel.dates <= np.datetime64(last) + after)
    touched = np.array([disturbed[o : o + settings.horizon + 1].any() for o in origins])
    weights = 0.5 ** ((origins[-1] - origins) / HALF_LIFE[panel.frequency.word])
    if not touched.all():
        weights = np.where(touched, 0.0, weights)
    return weights / weights.mean()


def own_randomness(device: torch.device):
    """Within it, torch's random numbers are the training's own; outside they go on as if nothing had happened."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def _train_each(forecaster: Forecaster, networks: Iterable[Network], data: Inputs, weights: np.ndarray) -> Forecaster:
    """Train each network as it comes: torch's random numbers go on from its beginning through its training."""
    with own_randomness(forecaster.device):
        trained = [(network, _train(forecaster, network, data, weights)) for network in networks]
    networks, losses = zip(*trained, strict=True)
    return replace(forecaster, networks=networks, losses=losses)


def _train(forecaster: Forecaster, network: Network, data: Inputs, weights: np.ndarray) -> tuple[float, ...]:
    """Train one network of the forecaster; the mean loss of each epoch, as a tuple."""
    settings, (n_series, n_days) = forecaster.settings, data.demand.shape
    origins = slice(settings.warm_up, n_days - settings.horizon)
    by_origin = torch.tensor(weights, dtype=torch.float32, device=data.demand.device)[None, :, None]
    # (n_series, n_origins, 1): a series' error relative to its level, times a power of the level
    relative = ((data.level / data.level.mean()) ** settings.volume_weight / data.level)[:, origins, None]

    def ahead(days: Tensor) -> Tensor:
        """The days after each origin (batch, n_origins, horizon), of days (batch, n_days)."""
        return days[:, 1:].unfold(1, settings.horizon, 1)[:, origins]

    def loss_of(rows: Tensor, _) -> Tensor:
        whole = (data.demand, data.daily, data.level, data.ahead, relative)
        demand, daily, level, known, scale = (array.index_select(0, rows[0]) for array in whole)
        log_point, read = network.log_point(daily, level, data.calendar, known, origins)
        actual, weight = ahead(demand.nan_to_num()), ahead(~demand.isnan()) * by_origin
        error = pinball_loss(actual, torch.exp(log_point), settings.point_quantile) * scale
        # The likelihood is costly, and its few linear maps learn as much from one origin in LIKELIHOOD_EVERY
        some = slice(int(torch.randint(LIKELIHOOD_EVERY, ())), None, LIKELIHOOD_EVERY)
        likelihood = zero_inflated_loss(actual[:, some], *network.counts(log_point[:, some], read[:, some]))
        return (weighted_mean(likelihood, weight[:, some]) + weighted_mean(error, weight))[None]

    losses = []
    epochs = descend([network], [settings], data, lambda: torch.randperm(n_series)[None], loss_of)
    for epoch, (mean, steps) in enumerate(epochs, 1):
        astray = steps[~steps.isfinite().all(dim=(1, 2))]
        if len(astray):
            value, steepness = astray[0].flatten().tolist()
            raise TrainingFailed(
                f"the loss is {value:g} and its gradient's norm {steepness:g} in epoch {epoch}; "
                f"give a smaller learning_rate than {settings.learning_rate:g}"
            )
        losses.append(mean.item())
    network.eval()
    return tuple(losses)


def descend(networks: Sequence[Network], settings: Sequence[Settings], data: Inputs, draw: Callable, loss_of: Callable):
    """Train M networks side by side; after every epoch yield their mean losses (M,), and the steps (n_steps, 2, m).

    A step is the loss and the gradient's norm. A network rests after its own number of epochs, and its loss is NaN.
    `draw()` gives each network's order of the series (M, n_series), and `loss_of(rows, going)` the losses (m,) of a
    batch for the m networks going on; rows are (m, batch).
    """
    n_series, batch_size = len(data.demand), settings[0].batch_size
    steps_an_epoch = -(-n_series // batch_size)
    optimizers, schedules = [], []
    for network, own in zip(networks, settings, strict=True):
        options = {"lr": own.learning_rate, "weight_decay": WEIGHT_DECAY, "fused": True}
        optimizers.append(torch.optim.AdamW(network.parameters(), **options))
        total_steps = max(own.epochs * steps_an_epoch, 2)
        schedules.append(torch.optim.lr_scheduler.OneCycleLR(optimizers[-1], own.learning_rate, total_steps))
    for epoch in range(max(own.epochs for own in settings)):
        going = tuple(m for m, own in enumerate(settings) if epoch < own.epochs)
        steps, sizes = [], []  # read once an epoch, so that a GPU need not wait for every step
        for rows in draw()[list(going)].to(data.demand.device).split(batch_size, dim=1):
            loss = loss_of(rows, going)
            for m in going:
                optimizers[m].zero_grad()
            with torch.autocast(rows.device.type, enabled=False):  # every gradient in the precision of its forward pass
                loss.sum().backward()
            norms = [nn.utils.clip_grad_norm_(networks[m].parameters(), LARGEST_GRADIENT) for m in going]
            for m in going:
                optimizers[m].step()
                schedules[m].step()
            steps.append(torch.stack([loss.detach(), torch.stack(norms)]))
            sizes.append(rows.shape[1])
        steps = torch.stack(steps).double().cpu()
        means = torch.full((len(networks),), torch.nan, dtype=steps.dtype)
        means[list(going)] = sum(step[0] * size for step, size in zip(steps, sizes, strict=True)) / n_series
        yield means, steps


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean over series, origins and days ahead; a batch of missing days teaches nothing."""
    return (loss * weight).sum(dim=(-3, -2, -1)) / weight.sum(dim=(-3, -2, -1)).clamp(min=1)


# ---- forecasting ----------------------------------------------------------------------------------------------------


def predict(forecaster: Forecaster, panel: Panel) -> Forecast:
    """Forecast the days after the panel's last one, which may be later than the last day of training.

    Raises TrainingFailed if a forecast is not finite. An example stands in `fit`.
    """
    rolling = predict_rolling(forecaster, panel, panel.n_days)
    dates = panel.dates_ahead(forecaster.settings.horizon)
    parts = (rolling.point, rolling.mean, rolling.dispersion, rolling.zero)
    return Forecast(*(part[:, 0] for part in parts), dates=dates)


def predict_rolling(forecaster: Forecaster, panel: Panel, first_origin: int) -> Forecast:
    """Forecast from every origin, each from the days before it alone and without retraining.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
    first_origin : int
        Days known at the first origin; the last origin knows the whole panel.

    Returns
    -------
    Forecast
        Its arrays are (n_series, n_origins, horizon).

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


def pooled(forecaster: Forecaster, data: Inputs, origins: slice) -> Forecast:
    """What all networks together forecast; arrays (n_series, n_origins, horizon)."""
    batches = [x.split(SERIES_AT_ONCE) for x in (data.daily, data.level, data.ahead)]
    outputs = []
    with torch.no_grad():
        for net in forecaster.networks:
            made = [
                net(daily, level, data.calendar, ahead, origins) for daily, level, ahead in zip(*batches, strict=True)
            ]
            outputs.append([torch.cat(x).double().cpu().numpy() for x in zip(*made, strict=True)])
    mean, dispersion, point, zero = (np.stack(part) for part in zip(*outputs, strict=True))  # (members, n, origins, h)
    if not (np.isfinite(mean).all() and np.isfinite(point).all()):
        raise TrainingFailed(
            "the networks forecast numbers that are not finite: their training went astray; fit again with a smaller "
            f"learning_rate than {forecaster.settings.learning_rate:g}"
        )
    # The members' mixture as one distribution of equal mean, variance and share of extra zeros:
    # E[y] = (1 - z) m,  E[y^2] = (1 - z) (m + (1 + d) m^2),  m the mean of the negative binomial alone
    selling, average = np.maximum(1 - zero, 1e-9), mean.mean(axis=0)  # single precision may round zero to 1
    second_moment = (mean + (1 + dispersion) * mean**2 / selling).mean(axis=0)
    share = selling.mean(axis=0)
    excess = np.maximum((second_moment - average) * share / average**2 - 1, 1e-3)
    made = Forecast(point.mean(axis=0), average, excess, 1 - share)
    factor = data.ahead[:, origins, :, -1].exp()  # of weekday or week, as known at the origin
    recent = data.recent[:, origins, None] * factor[..., None]  # (n_series, n_origins, horizon, 2)
    made = steadied(made, *np.moveaxis(recent.double().cpu().numpy(), 3, 0))
    # Two estimates of one quantile: what the network aims at, and what the steadied distribution says
    return replace(made, point=(made.point + made.quantile(forecaster.settings.point_quantile)) / 2)


def steadied(forecast: Forecast, mean: np.ndarray, sd: np.ndarray) -> Forecast:
    """The forecast with its mean and standard deviation half way to others, such as those of the last month.

    The average of the quantiles of two distributions of like shape has the average of their means and of their standard
    deviations (Vincentization; Ratcliff, Psychological Bulletin 86, 1979).

    >>> spread = Forecast(np.full((1, 1), 4.0), mean=np.full((1, 1), 4.0), dispersion=np.full((1, 1), 2.0))
    >>> between = steadied(spread, mean=np.full((1, 1), 2.0), sd=np.full((1, 1), 2.0))  # of 4, 6 and of 2, 2
    >>> between.mean, between.variance
    (array([[3.]]), array([[16.]]))
    """
    average = (forecast.mean + mean) / 2
    variance = (np.sqrt(forecast.variance) + sd) ** 2 / 4
    # (1 - z) (m + (1 + d) m^2) - average^2 = variance, m = average / (1 - z), for d
    excess = (variance + average**2 - average) * (1 - forecast.zero) / average**2 - 1
    return replace(forecast, mean=average, dispersion=np.maximum(excess, 1e-3))


# ---- keeping --------------------------------------------------------------------------------------------------------


NOT_OURS = (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, pickle.UnpicklingError)
"""What reading another file raises: a pickle that would run code (refused, not run), other weights, other settings."""


def save(forecaster: Forecaster, path: Path | str) -> Path:
    """Write a forecaster to one file, atomically, and return its path. Loading it runs no code.

    >>> import tempfile
    >>> settings = Settings(horizon=2)
    >>> untrained = Forecaster(settings, (Network(settings, 22, 12, 2),), None, (), torch.device("cpu"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load(save(untrained, Path(folder) / "forecaster.zip"))
    >>> again.settings == settings
    True
    """
    kept = {
        "settings": asdict(forecaster.settings),
        "losses": forecaster.losses,
        "mixture": None if forecaster.mixture is None else forecaster.mixture.to_dict(),
        "networks": [network.state_dict() for network in forecaster.networks],
    }
    content = io.BytesIO()  # torch would write a file's name into it
    torch.save(kept, content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())
    return Path(path)


def load(path: Path | str, device: torch.device | str = "cpu") -> Forecaster:
    """Read what `save` wrote, from a path or an open file; a BowerbirdError where the file holds no forecaster."""
    try:
        kept = torch.load(path, map_location=device, weights_only=True)
        settings = Settings(**kept["settings"])
        networks = []
        for state in kept["networks"]:
            sizes = len(state["mean"]), state["calendar.weight"].shape[1], len(state["ahead.bias"])
            network = Network(settings, *sizes).to(device).eval()
            network.load_state_dict(state)
            networks.append(network)
        mixture = kept["mixture"] and PolynomialRegressionMixture.from_dict(kept["mixture"])
        return Forecaster(settings, tuple(networks), mixture, kept["losses"], torch.device(device))
    except NOT_OURS as error:
        # torch would advise to read a pickle unsafely
        refused = isinstance(error, pickle.UnpicklingError)
        reason = "more than weights in it" if refused else str(error).partition("\n")[0]
        raise BowerbirdError(
            f"{path} is no forecaster's checkpoint ({reason}); make one with bowerbird.forecaster.training.save"
        ) from error
