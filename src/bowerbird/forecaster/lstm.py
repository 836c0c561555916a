"""Eqs 11-17 as printed and corrected, what can be chosen about the forecaster, and the network itself.

The network is a causal cell over the days and a head that forecasts all days ahead from every day, so that all windows
of a series cost one pass ("forking sequences": Wen et al., A multi-horizon quantile recurrent forecaster, 2017).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bowerbird.errors import ParameterError

LOG_LIMIT = 3.0  # a forecast stays within e^-3 ... e^3 times the running level
INPUT_LIMIT = 4.0  # standard deviations at which an input is cut
CELLS = ("lstm", "gru", "rnn", "transformer")


# ---- eqs 11-17 ------------------------------------------------------------------------------------------------------


def printed_sigmoid(x: Tensor) -> Tensor:
    """Eq. (12) as printed, 1 / (1 - e^-x): a pole at 0 and values outside (0, 1)."""
    return 1 / (1 - torch.exp(-x))


def printed_tanh(x: Tensor) -> Tensor:
    """Eq. (15) as printed, (1 - e^-x) / (1 + e^-x): this is tanh(x / 2)."""
    return (1 - torch.exp(-x)) / (1 + torch.exp(-x))


class LSTMCell(nn.Module):
    """One step of a long short-term memory. The forecaster trains `torch.nn.LSTM`, the same cell in compiled form.

    `cell(x, (h, c))` returns (h, c) after the day; x is (batch, input_size), the states are (batch, hidden_size).

    Parameters
    ----------
    input_size : int
        Number of inputs a day [x_t].
    hidden_size : int
        Width of hidden state and cell state [h_t, C_t].
    equations : {"corrected", "printed"}
        "printed" follows eqs 12, 15 and 17 to the letter: the cell state then never reaches the output.

    Source
    ------
    Eqs 11-17.

    Examples
    --------
    With weights of zero all gates are half open and nothing is added: the cell state halves, and h = tanh(C) / 2.

    >>> cell = LSTMCell(1, 1)
    >>> _ = [nn.init.zeros_(parameter) for parameter in cell.parameters()]
    >>> h, c = cell(torch.ones(1, 1), (torch.zeros(1, 1), torch.full((1, 1), 2.0)))
    >>> round(c.item(), 4), round(h.item(), 4)
    (1.0, 0.3808)
    """

    def __init__(self, input_size: int, hidden_size: int, equations: str = "corrected"):
        super().__init__()
        if equations not in ("corrected", "printed"):
            raise ParameterError(f"equations is {equations!r}; choose 'corrected' or 'printed'")
        self.equations = equations
        self.forget = nn.Linear(hidden_size + input_size, hidden_size)  # W_f, b_f
        self.input = nn.Linear(hidden_size + input_size, hidden_size)  # W_i, b_i
        self.candidate = nn.Linear(hidden_size + input_size, hidden_size)  # W_c, b_c
        self.output = nn.Linear(hidden_size + input_size, hidden_size)  # W_o, b_o

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Advance one day."""
        printed = self.equations == "printed"
        # Eq. (12): sigma(x) = 1 / (1 + e^-x)
        sigmoid = printed_sigmoid if printed else torch.sigmoid
        # Eq. (15): tanh(x) = (1 - e^-2x) / (1 + e^-2x)
        tanh = printed_tanh if printed else torch.tanh
        h, c = state
        hx = torch.cat([h, x], dim=-1)
        # Eq. (11): f_t = sigma(W_f (h_t-1, x_t) + b_f)
        f = sigmoid(self.forget(hx))
        # Eq. (13): i_t = sigma(W_i (h_t-1, x_t) + b_i)
        i = sigmoid(self.input(hx))
        # Eq. (14): a_t = tanh(W_c (h_t-1, x_t) + b_c)
        a = tanh(self.candidate(hx))
        # Eq. (16): C_t = f_t C_t-1 + i_t a_t
        c = f * c + i * a
        # Eq. (17): o_t = sigma(W_o (h_t-1, x_t) + b_o), h_t = o_t tanh(C_t); as printed h_t = o_t, without C_t
        o = sigmoid(self.output(hx))
        h = o if printed else o * tanh(c)
        return h, c


def unroll(cell: LSTMCell, x: Tensor) -> Tensor:
    """Hidden states (batch, n_days, hidden_size) of the days x (batch, n_days, input_size), from a zero state."""
    hidden_size = cell.forget.out_features
    state = (x.new_zeros(len(x), hidden_size), x.new_zeros(len(x), hidden_size))
    outputs = []
    for day in range(x.shape[1]):
        state = cell(x[:, day], state)
        outputs.append(state[0])
    return torch.stack(outputs, dim=1)


def from_torch(lstm: nn.LSTM) -> LSTMCell:
    """The same cell with the weights of the first layer of a `torch.nn.LSTM`."""
    weight = torch.cat([lstm.weight_hh_l0, lstm.weight_ih_l0], dim=1)
    bias = lstm.bias_hh_l0 + lstm.bias_ih_l0
    cell = LSTMCell(lstm.input_size, lstm.hidden_size).to(weight)  # its device and precision
    with torch.no_grad():  # torch stacks its gates in the order input, forget, candidate, output
        for gate, w, b in zip(("input", "forget", "candidate", "output"), weight.chunk(4), bias.chunk(4), strict=True):
            getattr(cell, gate).weight.copy_(w)
            getattr(cell, gate).bias.copy_(b)
    return cell


# ---- what can be chosen ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """What can be chosen about the forecaster; the paper names none of it.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn", "transformer"}
        What reads the days; the documents name all four, the paper the LSTM.
    hidden_size, layers : int
        Its width and depth.
    learning_rate, dropout : float
    epochs : int
        Passes over the series.
    batch_size : int
        Series a training step.
    point_quantile : float in (0, 1)
        Quantile the point forecast aims at; 0.5, the median, is best in absolute error and too low in sum.
    volume_weight : float in [0, 1]
        Power of a series' level that weighs its error: 1 counts units, as 1 - WMAPE does; 0 counts every series alike.
    clusters : int
        DM clusters whose posteriors, curve and level are inputs [K]; 0 leaves them out.
    context : bool
        Read how the other series of the same product, seller, category and warehouse move.
    horizon : int
        Days ahead.
    warm_up : int
        Days that only warm the state up; forecasts are trained from the next day on.
    members : int
        Networks trained with different seeds and averaged.
    """

    cell: str = "lstm"
    hidden_size: int = 24
    layers: int = 1
    learning_rate: float = 5e-3
    dropout: float = 0.1
    epochs: int = 6
    batch_size: int = 64
    point_quantile: float = 0.55
    volume_weight: float = 0.5
    clusters: int = 0
    context: bool = True
    horizon: int = 15
    warm_up: int = 28
    members: int = 1

    def __post_init__(self):
        if self.cell not in CELLS:
            raise ParameterError(f"cell is {self.cell!r}; choose one of {', '.join(CELLS)}")
        if not 0 < self.point_quantile < 1:
            raise ParameterError(f"point_quantile is {self.point_quantile}; give a number between 0 and 1")
        for name in ("hidden_size", "layers", "epochs", "batch_size", "horizon", "warm_up", "members"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name} is {getattr(self, name)}; give at least 1")


# ---- the network ----------------------------------------------------------------------------------------------------


class Ahead(NamedTuple):
    """What a network forecasts from every origin, each (n_series, n_origins, horizon); see `Forecast`."""

    mean: Tensor
    dispersion: Tensor
    point: Tensor
    zero: Tensor  # probability of a zero beyond the negative binomial's own; `mean` counts it in


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


def bounded(output: Tensor) -> Tensor:
    """A change of the log forecast within LOG_LIMIT."""
    return LOG_LIMIT * torch.tanh(output / LOG_LIMIT)


def column_effects(weights: Tensor, known: Tensor) -> Tensor:
    """Log effect of the columns known ahead (..., horizon); weights are (..., n_ahead), a set for each origin."""
    return bounded((known @ weights[..., None])[..., 0])


def distribution(log_point: Tensor, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, dispersion and extra zeros (..., horizon) that the head's numbers (..., 3 horizon) stand for."""
    shift, spread, inflation = output.unflatten(-1, (3, -1)).unbind(-2)
    mean = torch.exp(log_point + bounded(shift))
    # Single precision rounds the chance of a zero to 1, which no logarithm can take
    return mean, nn.functional.softplus(spread - 1.0) + 1e-3, torch.sigmoid(inflation - 4.0).clamp(max=1 - 1e-6)


class Network(nn.Module):
    """A cell over the days, and a head that forecasts `horizon` days from every day."""

    def __init__(self, settings: Settings, n_inputs: int, n_calendar: int, n_ahead: int):
        super().__init__()
        self.horizon = settings.horizon
        self.register_buffer("mean", torch.zeros(n_inputs))
        self.register_buffer("sd", torch.ones(n_inputs))
        if settings.cell == "transformer":
            self.cell = Transformer(n_inputs, settings)
        else:
            kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[settings.cell]
            between = settings.dropout if settings.layers > 1 else 0.0
            self.cell = kind(n_inputs, settings.hidden_size, settings.layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(settings.dropout)
        n_read = settings.hidden_size + n_inputs
        self.point = nn.Linear(n_read, settings.horizon)
        self.distribution = nn.Linear(n_read, 3 * settings.horizon)
        self.calendar = nn.Linear(n_calendar, 1, bias=False)
        for layer in (self.point, self.distribution, self.calendar):  # the first forecast is the running level
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)
        self.ahead = nn.Linear(n_read, n_ahead)  # ... times the columns' past effects, the second half of them
        nn.init.zeros_(self.ahead.weight)
        nn.init.zeros_(self.ahead.bias[: n_ahead // 2])
        nn.init.ones_(self.ahead.bias[n_ahead // 2 :])

    def forward(self, daily: Tensor, level: Tensor, calendar: Tensor, known: Tensor, origins: slice) -> Ahead:
        """Forecast from the days in `origins`; the arguments are those of `Inputs`, for a batch of series."""
        log_point, read = self.log_point(daily, level, calendar, known, origins)
        mean, dispersion, zero = self.counts(log_point, read)
        return Ahead(mean, dispersion, torch.exp(log_point), zero)

    def log_point(self, daily: Tensor, level: Tensor, calendar: Tensor, known: Tensor, origins: slice):
        """Log of the point forecasts (batch, n_origins, horizon), and what the heads read there."""
        days = ((daily - self.mean) / self.sd).clamp(-INPUT_LIMIT, INPUT_LIMIT)
        hidden, _ = self.cell(days)  # (batch, n_days, hidden_size)
        with torch.autocast(days.device.type, enabled=False):  # mixed precision is for the cell alone
            read = torch.cat([self.dropout(hidden.to(days.dtype)[:, origins]), days[:, origins]], dim=2)
            effect = self.calendar(calendar)[:, 0]  # (n_days + horizon,) log effect of a day
            ahead = effect[1:].unfold(0, self.horizon, 1)[: days.shape[1]][origins]  # (n_origins, horizon)
            # Both layers in one product, which takes half the time
            both = zip(self.point.parameters(), self.ahead.parameters(), strict=True)
            weight, bias = (torch.cat(pair) for pair in both)
            point, columns = nn.functional.linear(read, weight, bias).tensor_split([self.horizon], dim=2)
            log_point = torch.log(level[:, origins, None]) + ahead + bounded(point)
            return log_point + column_effects(columns, known[:, origins]), read

    def counts(self, log_point: Tensor, read: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, dispersion and extra zeros (batch, n_origins, horizon) for what `log_point` returned."""
        with torch.autocast(read.device.type, enabled=False):
            # The distribution uses what the point forecast has learnt and does not shape it: a likelihood follows the
            # spikes that an absolute error leaves alone
            return distribution(log_point.detach(), self.distribution(read.detach()))


def negative_binomial_loss(actual: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    """Negative log-likelihood of counts with variance mean + dispersion mean^2, element by element."""
    size = 1 / dispersion
    return (
        torch.lgamma(size) + torch.lgamma(actual + 1) - torch.lgamma(actual + size)
        + size * torch.log1p(mean / size) + actual * torch.log1p(size / mean)
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
    return error.abs() + (2 * quantile - 1) * error
