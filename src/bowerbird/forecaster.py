"""The global forecaster: one LSTM for all series, a 15-day forecast at every day of every series in one pass.

"Forking sequences": the network reads a series once, and its head forecasts from every day on. All windows of a series
thus cost one pass, and no data loader is needed. A forecast made at the end of day t reads days up to t alone: demand,
its running level, the posterior of the DM clusters as it stood that day; and the calendar, which is known beforehand.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from bowerbird.data.calendar import CALENDAR_FEATURES, calendar_features
from bowerbird.data.panel import Panel
from bowerbird.data.schema import ATTRIBUTES
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.errors import ParameterError
from bowerbird.forecast import Forecast

STATIC_COLUMNS = ("seller_no", "warehouse_no", *(a for a in ATTRIBUTES if a != "category3"))
SMOOTHING = 0.1  # weight of the newest day in the running level
LOG_LIMIT = 3.0  # a forecast stays within e^-3 ... e^3 times the running level


@dataclass(frozen=True)
class Settings:
    """What can be chosen about the forecaster.

    Attributes
    ----------
    hidden_size, layers : int
        Width and depth of the LSTM.
    learning_rate, dropout : float
    epochs, batch_size : int
        Passes over the series; series a step.
    point_weight : float
        Weight of the absolute error of the point forecast beside the likelihood.
    clusters : int
        DM clusters whose posteriors are inputs [K]; 0 leaves them out.
    horizon : int
        Days ahead.
    warm_up : int
        Days that only warm the state up; forecasts are trained from the next day on.
    members : int
        Networks trained with different seeds and averaged.
    """

    hidden_size: int = 32
    layers: int = 1
    learning_rate: float = 4e-3
    dropout: float = 0.1
    epochs: int = 12
    batch_size: int = 64
    point_weight: float = 1.0
    clusters: int = 8
    horizon: int = 15
    warm_up: int = 21
    members: int = 1


@dataclass(frozen=True)
class Forecaster:
    """Trained networks with all they need to forecast: settings, label codes of the attributes, the DM mixture."""

    settings: Settings
    networks: tuple[nn.Module, ...]
    codes: dict[str, dict[str, int]]
    mixture: PolynomialRegressionMixture | None
    losses: tuple[tuple[float, ...], ...]
    device: torch.device


class Network(nn.Module):
    """Embeddings, an LSTM over days, and a head that forecasts `horizon` days from every day."""

    def __init__(self, settings: Settings, n_labels: list[int]):
        super().__init__()
        self.horizon = settings.horizon
        # label 0, unknown, is the zero vector
        self.embeddings = nn.ModuleList(nn.Embedding(n + 1, min(4, n), padding_idx=0) for n in n_labels)
        n_static = sum(e.embedding_dim for e in self.embeddings)
        n_daily = 5 + len(CALENDAR_FEATURES) + settings.clusters
        depth_dropout = settings.dropout if settings.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            n_daily + n_static, settings.hidden_size, settings.layers, batch_first=True, dropout=depth_dropout
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.hidden_size + n_static, 3 * settings.horizon)
        self.calendar = nn.Linear(len(CALENDAR_FEATURES), 1, bias=False)
        nn.init.zeros_(self.calendar.weight)
        nn.init.zeros_(self.head.weight)  # the first forecast is the running level
        nn.init.zeros_(self.head.bias)

    def forward(self, daily: Tensor, static: Tensor, scale: Tensor, calendar: Tensor, origins: slice):
        """Forecast from the days in `origins`.

        daily (batch, n_days, n_daily), static (batch, n_attributes) labels, scale (batch, n_days),
        calendar (n_days + horizon, n_features) of the days read and of the days after them.
        Returns mean, dispersion, point: each (batch, n_origins, horizon).
        """
        embedded = torch.cat([e(static[:, i]) for i, e in enumerate(self.embeddings)], dim=1)  # (batch, n_static)
        embedded = embedded[:, None].expand(-1, daily.shape[1], -1)
        hidden, _ = self.lstm(torch.cat([daily, embedded], dim=2))  # (batch, n_days, hidden_size)
        hidden = torch.cat([self.dropout(hidden[:, origins]), embedded[:, origins]], dim=2)
        level, spread, point = self.head(hidden).unflatten(2, (3, self.horizon)).unbind(2)
        effect = self.calendar(calendar)[:, 0]  # (n_days + horizon,) log effect of a day
        ahead = effect[1:].unfold(0, self.horizon, 1)[: daily.shape[1]][origins]  # (n_origins, horizon)
        base = torch.log(scale[:, origins, None]) + ahead
        mean = torch.exp(base + LOG_LIMIT * torch.tanh(level / LOG_LIMIT))
        median = torch.exp(base + LOG_LIMIT * torch.tanh((level + point) / LOG_LIMIT))
        return mean, nn.functional.softplus(spread - 1.0) + 1e-3, median


def negative_binomial_loss(actual: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    """Negative log-likelihood of counts with variance mean + dispersion mean^2, element by element."""
    size = 1 / dispersion
    return (
        torch.lgamma(size) + torch.lgamma(actual + 1) - torch.lgamma(actual + size)
        + size * torch.log1p(mean / size) + actual * (torch.log(size + mean) - torch.log(mean))
    )  # fmt: skip


def running_level(demand: np.ndarray) -> np.ndarray:
    """Exponentially smoothed demand up to each day, kept above a tenth of a unit (n_series, n_days)."""
    level = pd.DataFrame(demand.T).ewm(alpha=SMOOTHING, ignore_na=True).mean().fillna(0.0).to_numpy().T
    return np.maximum(level, 0.1)


def fit(
    panel: Panel, settings: Settings = Settings(), *, seed: int = 0, device: torch.device | str = "cpu", progress=False
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

    Returns
    -------
    Forecaster

    Raises
    ------
    ParameterError
        Fewer days than the warm-up and the horizon need.
    """
    if panel.n_days <= settings.warm_up + settings.horizon:
        raise ParameterError(
            f"{panel.n_days} days are too few to train on: warm_up {settings.warm_up} + horizon "
            f"{settings.horizon} need more; give a longer panel or a smaller warm_up"
        )
    device = torch.device(device)
    mixture = None
    if settings.clusters:
        mixture = PolynomialRegressionMixture(settings.clusters, tol=1e-6, max_iter=1000, random_state=seed)
        mixture.fit(cluster_curves(panel))
    codes = {
        column: {label: code for code, label in enumerate(sorted(panel.series[column].unique()), 1)}
        for column in STATIC_COLUMNS
    }
    data = _tensors(panel, settings, codes, mixture, device)
    networks, losses = [], []
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for member in range(settings.members):
            torch.manual_seed(np.random.SeedSequence([seed, member]).generate_state(1)[0].item())
            network = Network(settings, [len(codes[column]) for column in STATIC_COLUMNS]).to(device)
            losses.append(_train(network, data, settings, f"member {member + 1}" if progress else None))
            networks.append(network.eval())
    return Forecaster(settings, tuple(networks), codes, mixture, tuple(losses), device)


def predict(forecaster: Forecaster, panel: Panel) -> Forecast:
    """Forecast the days after the panel's last day.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
        Days up to the origin: the training days, and possibly later ones, which update the state.

    Returns
    -------
    Forecast of `settings.horizon` days.
    """
    mean, dispersion, point = (x[:, -1] for x in predict_rolling(forecaster, panel, panel.n_days))
    dates = pd.date_range(panel.dates[-1] + pd.Timedelta(days=1), periods=mean.shape[1], name="date")
    return Forecast(dates, mean, dispersion, point)


def predict_rolling(
    forecaster: Forecaster, panel: Panel, first_origin: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forecast from every origin, each from the days before it alone and without retraining.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
    first_origin : int
        Days known at the first origin; the last origin knows the whole panel.

    Returns
    -------
    mean, dispersion, point : arrays (n_series, n_origins, horizon)

    Raises
    ------
    ParameterError
        When no day, or more than there are, would be known at the first origin.
    """
    if not 0 < first_origin <= panel.n_days:
        raise ParameterError(f"first_origin is {first_origin}; give a number of known days from 1 to {panel.n_days}")
    data = _tensors(panel, forecaster.settings, forecaster.codes, forecaster.mixture, forecaster.device)
    origins = slice(first_origin - 1, panel.n_days)
    with torch.no_grad():
        outputs = [
            [x.double().cpu().numpy() for x in net(data.daily, data.static, data.scale, data.calendar, origins)]
            for net in forecaster.networks
        ]
    mean, dispersion, point = (np.stack(part) for part in zip(*outputs, strict=True))  # (members, n, origins, horizon)
    # The members' mixture as one negative binomial of equal mean and variance
    average, second_moment = mean.mean(axis=0), (mean + (1 + dispersion) * mean**2).mean(axis=0)
    pooled = np.maximum((second_moment - average) / average**2 - 1, 1e-3)
    return average, pooled, point.mean(axis=0)


def cluster_curves(panel: Panel) -> np.ndarray:
    """The curves handed to the DM mixture, log(1 + demand), missing days at the running level (n_series, n_days)."""
    return np.log1p(np.where(np.isnan(panel.demand), running_level(panel.demand), panel.demand))


@dataclass(frozen=True)
class _Tensors:
    demand: Tensor  # (n_series, n_days), NaN = missing
    daily: Tensor  # (n_series, n_days, n_daily)
    static: Tensor  # (n_series, n_attributes)
    scale: Tensor  # (n_series, n_days)
    calendar: Tensor  # (n_days + horizon, n_features)


def _tensors(panel: Panel, settings: Settings, codes: dict, mixture, device) -> _Tensors:
    demand, known = panel.demand, ~np.isnan(panel.demand)
    scale = running_level(demand)  # (n_series, n_days)
    filled = np.where(known, demand, scale)
    days = pd.date_range(panel.dates[0], periods=panel.n_days + settings.horizon)
    calendar = calendar_features(days)
    by_day = np.broadcast_to(calendar[: panel.n_days, None], (panel.n_days, panel.n_series, calendar.shape[1]))
    ratio = filled / scale
    week = pd.DataFrame(filled.T).rolling(7, min_periods=1).mean().to_numpy().T
    parts = [
        np.log1p(ratio), np.log1p(week / scale), np.log(scale) / 3, (filled == 0) * 1.0, known * 1.0,
        *by_day.transpose(2, 1, 0),
    ]  # fmt: skip
    daily = np.stack(parts, axis=2)
    if mixture is not None:
        daily = np.concatenate([daily, mixture.predict_proba_by_day(cluster_curves(panel))], axis=2)
    static = np.column_stack([panel.series[c].map(codes[c]).fillna(0).astype(int) for c in STATIC_COLUMNS])
    return _Tensors(
        *(torch.tensor(x, dtype=torch.float32, device=device) for x in (demand, daily)),
        torch.tensor(static, device=device),
        *(torch.tensor(x, dtype=torch.float32, device=device) for x in (scale, calendar)),
    )


def _train(network: Network, data: _Tensors, settings: Settings, bar: str | None) -> tuple[float, ...]:
    n_series, n_days = data.demand.shape
    origins = slice(settings.warm_up, n_days - settings.horizon)
    targets = data.demand[:, 1:].unfold(1, settings.horizon, 1)[:, origins]  # (n_series, n_origins, horizon)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=1e-3)
    steps = settings.epochs * -(-n_series // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
    losses = []
    for _ in tqdm(range(settings.epochs), desc=bar, disable=bar is None):
        total = 0.0
        for rows in torch.randperm(n_series).to(data.demand.device).split(settings.batch_size):
            mean, dispersion, point = network(
                data.daily[rows], data.static[rows], data.scale[rows], data.calendar, origins
            )
            actual, known = targets[rows], ~targets[rows].isnan()
            actual = actual.nan_to_num()
            n_known = known.sum().clamp(min=1)  # a batch of missing days teaches nothing
            likelihood = negative_binomial_loss(actual, mean, dispersion)[known].sum() / n_known
            point_error = (actual - point).abs()[known].sum() / (actual[known].sum() + 1.0)  # WMAPE of the batch
            loss = likelihood + settings.point_weight * point_error
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        losses.append(total / n_series)
    return tuple(losses)
