"""How the forecaster learns: a likelihood and a point forecast, from every day of every series at once."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from bowerbird.data.panel import EVENTS, Panel
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.errors import ParameterError, TrainingFailed
from bowerbird.forecaster.inputs import Inputs, cluster_curves, gather, label_codes
from bowerbird.forecaster.network import Ahead, Network, pinball_loss, zero_inflated_loss
from bowerbird.forecaster.settings import Settings

LIKELIHOOD_EVERY = 3
WEIGHT_DECAY = 1e-3
LARGEST_GRADIENT = 1.0  # norm at which a gradient is cut
DISTURBED = (4, 9)  # days before and after the Spring Festival with demand like no other day's


@dataclass(frozen=True)
class Forecaster:
    """Trained networks with all they need to forecast: settings, label codes of the attributes, the DM mixture.

    `losses` holds, for each network, the training loss of every epoch.
    """

    settings: Settings
    networks: tuple[nn.Module, ...]
    codes: dict[str, dict[str, int]]
    mixture: PolynomialRegressionMixture | None
    losses: tuple[tuple[float, ...], ...]
    device: torch.device

    def gather(self, panel: Panel) -> Inputs:
        """The panel as the networks read it."""
        s = self.settings
        return gather(panel, s.horizon, self.codes, self.mixture, s.context, self.device)


def fit(
    panel: Panel,
    settings: Settings = Settings(),
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: bool = False,
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
    progress : bool
        Show a bar.
    after_epoch : callable, optional
        Called as after_epoch(epoch, forecaster so far) after every epoch of each network; True stops it there. See
        `bowerbird.forecaster.tuning.stop_early`.

    Returns
    -------
    Forecaster

    Raises
    ------
    ParameterError
        Fewer days than the warm-up and the horizon need.
    TrainingFailed
        The loss or its gradient is no longer finite.
    """
    check_days(panel, settings)
    forecaster = begin(panel, settings, clusters_of(panel, settings, seed), device)
    settings = forecaster.settings
    data = forecaster.gather(panel)
    weights = origin_weights(panel, settings)
    with own_randomness(forecaster.device):
        for member in range(settings.members):
            network = initial_network(forecaster, data, seed, member)
            bar = f"network {member + 1} of {settings.members}" if progress else None
            forecaster = _with(forecaster, network, data, weights, settings.epochs, bar, after_epoch)
    return forecaster


def update(forecaster: Forecaster, panel: Panel, *, epochs: int = 1, seed: int = 0) -> Forecaster:
    """Go on training with the days that have come since (fine-tuning), at a tenth of the learning rate.

    Without it, `predict` on a longer panel already carries the networks' state on to the new days.
    """
    tuned = replace(forecaster, networks=(), losses=())
    slower = replace(forecaster.settings, learning_rate=forecaster.settings.learning_rate / 10)
    data, weights = forecaster.gather(panel), origin_weights(panel, slower)
    with own_randomness(forecaster.device):
        for member, network in enumerate(forecaster.networks):
            torch.manual_seed(np.random.SeedSequence([seed, member, 1]).generate_state(1)[0].item())
            copy = Network(slower, [len(codes) for codes in forecaster.codes.values()]).to(forecaster.device)
            copy.load_state_dict(network.state_dict())
            tuned = _with(replace(tuned, settings=slower), copy, data, weights, epochs, None, None)
    return replace(tuned, settings=forecaster.settings)


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
    return Forecaster(settings, (), label_codes(panel), mixture, (), torch.device(device))


def initial_network(forecaster: Forecaster, data: Inputs, seed: int, member: int) -> Network:
    """The forecaster's network number `member` before its training; torch's random numbers go on from there."""
    torch.manual_seed(np.random.SeedSequence([seed, member]).generate_state(1)[0].item())
    network = Network(forecaster.settings, [len(codes) for codes in forecaster.codes.values()]).to(forecaster.device)
    flat = data.daily[:, forecaster.settings.warm_up :].reshape(-1, data.daily.shape[2])
    network.mean, network.sd = flat.mean(dim=0), flat.std(dim=0) + 1e-3
    return network


def origin_weights(panel: Panel, settings: Settings) -> np.ndarray:
    """Weight of each training origin (n_origins,): 0 where origin or forecast days touch the Spring Festival."""
    days = np.arange(panel.n_days)
    origins = days[settings.warm_up : panel.n_days - settings.horizon]
    disturbed = np.zeros(panel.n_days, dtype=bool)
    for first, last in EVENTS["spring_festival"]:
        before, after = (np.timedelta64(n, "D") for n in DISTURBED)
        disturbed |= (panel.dates >= np.datetime64(first) - before) & (panel.dates <= np.datetime64(last) + after)
    touched = np.array([disturbed[o : o + settings.horizon + 1].any() for o in origins])
    if not settings.skip_festival or touched.all():
        return np.ones(len(origins))
    return np.where(touched, 0.0, len(origins) / (~touched).sum())


def own_randomness(device: torch.device):
    """Within it, torch's random numbers are the training's own; outside they go on as if nothing had happened."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def _with(forecaster, network, data: Inputs, weights, epochs: int, bar, after_epoch) -> Forecaster:
    """The forecaster with one more network, trained."""
    losses: list[float] = []

    def so_far() -> Forecaster:
        networks, past = (*forecaster.networks, network), (*forecaster.losses, tuple(losses))
        return replace(forecaster, networks=networks, losses=past)

    for epoch, loss in enumerate(_epochs(network, data, weights, forecaster.settings, epochs, bar), 1):
        losses.append(loss)
        network.eval()
        if after_epoch is not None and after_epoch(epoch, so_far()):
            break
        network.train()
    network.eval()
    return so_far()


def _epochs(network: Network, data: Inputs, weights: np.ndarray, settings: Settings, epochs: int, bar: str | None):
    """Train, yielding the mean loss of each epoch."""
    n_series, n_days = data.demand.shape
    origins = slice(settings.warm_up, n_days - settings.horizon)
    targets = data.demand[:, 1:].unfold(1, settings.horizon, 1)[:, origins]  # (n_series, n_origins, horizon)
    by_origin = torch.tensor(weights, dtype=torch.float32, device=data.demand.device)[None, :, None]
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=WEIGHT_DECAY)
    steps = epochs * -(-n_series // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=max(steps, 2))
    # (n_series, n_origins, 1): a series' error relative to its level, times a power of the level
    by_volume = (data.level / data.level.mean())[:, origins, None] ** settings.volume_weight
    for epoch in tqdm(range(1, epochs + 1), desc=bar, disable=bar is None):
        steps_taken = []  # loss, norm of the gradient; read once an epoch, so that a GPU need not wait for every step
        batches = torch.randperm(n_series).to(data.demand.device).split(settings.batch_size)
        for rows in batches:
            outputs = network(data.daily[rows], data.static[rows], data.level[rows], data.calendar, origins)
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
        yield total / n_series


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
