"""The network: a causal cell over the days, and a head that forecasts all days ahead from every day.

"Forking sequences": the cell reads a series once and the head forecasts from every day on, so that all windows of a
series cost one pass and no data loader is needed (Wen et al., A multi-horizon quantile recurrent forecaster, 2017).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bowerbird.data.panel import CALENDAR_FEATURES
from bowerbird.forecaster.inputs import n_daily
from bowerbird.forecaster.settings import Settings

LOG_LIMIT = 3.0  # a forecast stays within e^-3 ... e^3 times the running level
INPUT_LIMIT = 4.0  # standard deviations at which an input is cut


class Ahead(NamedTuple):
    """What is forecast for the days ahead of every origin, each (n_series, n_origins, horizon), tensors or arrays."""

    mean: Tensor
    dispersion: Tensor
    point: Tensor
    zero: Tensor


class Transformer(nn.Module):
    """A transformer encoder that sees no later day: (batch, n_days, n_inputs) -> (batch, n_days, hidden_size)."""

    def __init__(self, n_inputs: int, settings: Settings):
        super().__init__()
        width = settings.hidden_size + settings.hidden_size % 2  # two heads share it
        self.inner = nn.Linear(n_inputs, width)
        layer = nn.TransformerEncoderLayer(width, 2, 2 * width, settings.dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, settings.layers, enable_nested_tensor=False)
        self.outer = nn.Linear(width, settings.hidden_size)

    def forward(self, days: Tensor) -> tuple[Tensor, None]:
        n_days, width = days.shape[1], self.inner.out_features
        later = torch.triu(torch.ones(n_days, n_days, dtype=torch.bool, device=days.device), diagonal=1)
        position = torch.arange(n_days, device=days.device)[:, None]
        rate = torch.exp(torch.arange(0, width, 2, device=days.device) * (-math.log(1e4) / width))
        wave = torch.cat([torch.sin(position * rate), torch.cos(position * rate)], dim=1)  # (n_days, width)
        return self.outer(self.encoder(self.inner(days) + wave, mask=later)), None


def cell(n_inputs: int, settings: Settings) -> nn.Module:
    """The cell by its name; all map (batch, n_days, n_inputs) to (batch, n_days, hidden_size) and a state."""
    if settings.cell == "transformer":
        return Transformer(n_inputs, settings)
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[settings.cell]
    between = settings.dropout if settings.layers > 1 else 0.0
    return kind(n_inputs, settings.hidden_size, settings.layers, batch_first=True, dropout=between)


class Network(nn.Module):
    """Embeddings, a cell over days, and a head that forecasts `horizon` days from every day."""

    def __init__(self, settings: Settings, n_labels: list[int]):
        super().__init__()
        self.horizon = settings.horizon
        # label 0, unknown, is the zero vector
        widths = [min(settings.embedding, n) for n in n_labels]
        self.embeddings = nn.ModuleList(
            nn.Embedding(n + 1, w, padding_idx=0) for n, w in zip(n_labels, widths, strict=True) if w
        )
        n_inputs = n_daily(settings.clusters, settings.context)
        self.register_buffer("mean", torch.zeros(n_inputs))
        self.register_buffer("sd", torch.ones(n_inputs))
        self.cell = cell(n_inputs + sum(widths), settings)
        self.dropout = nn.Dropout(settings.dropout)
        n_read = settings.hidden_size + n_inputs + sum(widths)
        self.point = nn.Linear(n_read, settings.horizon)
        self.zero_inflation = settings.zero_inflation
        self.distribution = nn.Linear(n_read, (2 + settings.zero_inflation) * settings.horizon)
        self.calendar = nn.Linear(len(CALENDAR_FEATURES), 1, bias=False)
        for layer in (self.point, self.distribution, self.calendar):  # the first forecast is the running level
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(self, daily: Tensor, static: Tensor, level: Tensor, calendar: Tensor, origins: slice):
        """Forecast from the days in `origins`.

        daily (batch, n_days, n_daily), static (batch, n_attributes) label codes, level (batch, n_days),
        calendar (n_days + horizon, n_features) of the days read and of the days after them.
        Returns Ahead, each part (batch, n_origins, horizon); `zero` is the probability of a zero beyond the negative
        binomial's own, and `mean` counts it in.
        """
        days = ((daily - self.mean) / self.sd).clamp(-INPUT_LIMIT, INPUT_LIMIT)
        if len(self.embeddings):
            columns = range(static.shape[1])
            embedded = torch.cat([e(static[:, i]) for i, e in zip(columns, self.embeddings, strict=True)], dim=1)
            days = torch.cat([days, embedded[:, None].expand(-1, days.shape[1], -1)], dim=2)
        hidden, _ = self.cell(days)  # (batch, n_days, hidden_size)
        with torch.autocast(days.device.type, enabled=False):  # mixed precision is for the cell alone
            return self._heads(hidden.to(days.dtype), days, level, calendar, origins)

    def _heads(self, hidden: Tensor, days: Tensor, level: Tensor, calendar: Tensor, origins: slice) -> Ahead:
        """What is read off the hidden states (batch, n_days, hidden_size)."""
        read = torch.cat([self.dropout(hidden[:, origins]), days[:, origins]], dim=2)
        point = self.point(read)  # (batch, n_origins, horizon)
        # The distribution is read off what the point forecast has learnt, and does not shape it: a likelihood follows
        # the spikes that an absolute error leaves alone
        shift, spread, *inflation = self.distribution(read.detach()).unflatten(2, (-1, self.horizon)).unbind(2)
        zero = torch.sigmoid(inflation[0] - 4.0) if self.zero_inflation else torch.zeros_like(shift)
        effect = self.calendar(calendar)[:, 0]  # (n_days + horizon,) log effect of a day
        ahead = effect[1:].unfold(0, self.horizon, 1)[: days.shape[1]][origins]  # (n_origins, horizon)
        log_point = torch.log(level[:, origins, None]) + ahead + LOG_LIMIT * torch.tanh(point / LOG_LIMIT)
        mean = torch.exp(log_point.detach() + LOG_LIMIT * torch.tanh(shift / LOG_LIMIT))
        return Ahead(mean, nn.functional.softplus(spread - 1.0) + 1e-3, torch.exp(log_point), zero)


def negative_binomial_loss(actual: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    """Negative log-likelihood of counts with variance mean + dispersion mean^2, element by element."""
    size = 1 / dispersion
    return (
        torch.lgamma(size) + torch.lgamma(actual + 1) - torch.lgamma(actual + size)
        + size * torch.log1p(mean / size) + actual * (torch.log(size + mean) - torch.log(mean))
    )  # fmt: skip


def zero_inflated_loss(actual: Tensor, mean: Tensor, dispersion: Tensor, zero: Tensor) -> Tensor:
    """Negative log-likelihood of counts, zero with probability `zero`, else negative binomial; mean is of both."""
    loss = negative_binomial_loss(actual, mean / (1 - zero), dispersion)
    # P(0) = zero + (1 - zero) P_nb(0),  P(y) = (1 - zero) P_nb(y)
    either = torch.where(actual == 0, zero + (1 - zero) * torch.exp(-loss), 1.0)
    return torch.where(actual == 0, -torch.log(either), loss - torch.log1p(-zero))


def pinball_loss(actual: Tensor, point: Tensor, quantile: float) -> Tensor:
    """Twice the quantile loss, element by element: the absolute error for the median."""
    error = actual - point
    return 2 * torch.maximum(quantile * error, (quantile - 1) * error)
