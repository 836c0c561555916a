"""Many networks' losses on a batch each, in one pass: what `network` and `training` do for one, with one axis more.

The weights are those of the networks themselves, padded with zeros to the widest and stacked whenever they are read, so
that every gradient finds its way home. M networks, a batch of B series, O origins, h days ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bowerbird.forecaster.inputs import Inputs
from bowerbird.forecaster.network import INPUT_LIMIT, LOG_LIMIT, Network, pinball_loss, zero_inflated_loss
from bowerbird.forecaster.settings import Settings
from bowerbird.forecaster.stacked_lstm import stacked_lstm
from bowerbird.forecaster.training import LIKELIHOOD_EVERY


@dataclass(frozen=True, eq=False)
class Member:
    """One network of a stack.

    Attributes
    ----------
    network : Network
    settings : Settings
    random : Generator of its batch order, on the CPU
    dropping : Generator of its dropout masks, on the device
    """

    network: Network
    settings: Settings
    random: torch.Generator
    dropping: torch.Generator

    def kept(self, *shape: int) -> Tensor:
        """What dropout multiplies by: 0, or 1 / (1 - p); drawn in the order in which torch draws it."""
        chance = 1 - self.settings.dropout
        mask = torch.ones(shape, device=self.dropping.device)
        return mask if chance == 1 else mask.bernoulli_(chance, generator=self.dropping).div_(chance)


@dataclass(frozen=True, eq=False)
class Task:
    """What does not change from batch to batch.

    Attributes
    ----------
    origins : slice of the days forecasts are trained from, the shortest warm-up's
    targets : (n_series, O, h) units
    by_origin : (M, O) weight of an origin, 0 within a network's own warm-up
    some, counted : (M, LIKELIHOOD_EVERY, n_some) origins the likelihood is taken at, for each place to begin; 0 where
        there is one less than elsewhere
    """

    origins: slice
    targets: Tensor
    by_origin: Tensor
    some: Tensor
    counted: Tensor


def task(members: Sequence[Member], data: Inputs, weights: Sequence) -> Task:
    """The task of a stack; weights are each member's `origin_weights`."""
    settings, device = members[0].settings, data.demand.device
    first = min(member.settings.warm_up for member in members)
    origins = slice(first, data.demand.shape[1] - settings.horizon)
    n_origins = origins.stop - first
    by_origin = torch.zeros(len(members), n_origins)
    some = torch.full((len(members), LIKELIHOOD_EVERY, -(-n_origins // LIKELIHOOD_EVERY)), n_origins - 1)
    counted = torch.zeros(some.shape)
    for m, (member, own) in enumerate(zip(members, weights, strict=True)):
        by_origin[m, n_origins - len(own) :] = torch.as_tensor(own)
        for begin in range(LIKELIHOOD_EVERY):
            places = torch.arange(member.settings.warm_up - first + begin, n_origins, LIKELIHOOD_EVERY)
            some[m, begin, : len(places)], counted[m, begin, : len(places)] = places, 1.0
    targets = data.demand[:, 1:].unfold(1, settings.horizon, 1)[:, origins]  # (n_series, O, h)
    return Task(origins, targets, by_origin.to(device), some.to(device), counted.to(device))


def stacked_loss(members: Sequence[Member], data: Inputs, task: Task, rows: Tensor) -> Tensor:
    """Training loss of every network (M,) on its own batch; rows (M, B) are the series.

    The deepest networks come first. Equals `training`'s loss for each, but for rounding.
    """
    networks, origins = [member.network for member in members], task.origins
    read = _read(members, data, origins, rows)  # (M, B, O, R)
    level = data.level[rows][:, :, origins]  # (M, B, O)
    effect = _stack(network.calendar.weight[0] for network in networks) @ data.calendar.T  # (M, n_days + h)
    ahead = effect[:, 1:].unfold(1, task.targets.shape[2], 1)[:, origins]  # (M, O, h)
    point = _linear(members, data, read, [network.point for network in networks])  # (M, B, O, h)
    log_point = torch.log(level[..., None]) + ahead[:, None] + LOG_LIMIT * torch.tanh(point / LOG_LIMIT)

    actual = task.targets[rows]  # (M, B, O, h)
    known = ~actual.isnan()
    actual = actual.nan_to_num()
    weight = known * task.by_origin[:, None, :, None]
    power, point_weight = (
        torch.tensor([getattr(m.settings, name) for m in members], device=level.device)
        for name in ("volume_weight", "point_weight")
    )
    relative = (level / data.level.mean()) ** power[:, None, None] / level
    quantile = members[0].settings.point_quantile
    error = _mean(pinball_loss(actual, torch.exp(log_point), quantile) * relative[..., None], weight)

    # The likelihood is taken at some of the origins, each network's begin where it draws them to
    begins = [int(torch.randint(LIKELIHOOD_EVERY, (), generator=member.random)) for member in members]
    some, counted = (_stack(table[m, b] for m, b in enumerate(begins)) for table in (task.some, task.counted))
    index = some[:, None, :, None]  # (M, 1, n_some, 1)
    read, actual, weight, log_point = (
        part.gather(2, index.expand(-1, part.shape[1], -1, part.shape[3]))
        for part in (read.detach(), actual, weight, log_point.detach())
    )
    outputs = _linear(members, data, read, [network.distribution for network in networks])
    shift, spread, *inflation = outputs.unflatten(3, (-1, task.targets.shape[2])).unbind(3)
    zero = torch.sigmoid(inflation[0] - 4.0) if inflation else torch.zeros_like(shift)
    mean = torch.exp(log_point + LOG_LIMIT * torch.tanh(shift / LOG_LIMIT))
    likelihood = zero_inflated_loss(actual, mean, nn.functional.softplus(spread - 1.0) + 1e-3, zero)
    return _mean(likelihood, weight * counted[:, None, :, None]) + point_weight * error


def _read(members: Sequence[Member], data: Inputs, origins: slice, rows: Tensor) -> Tensor:
    """What the heads read: hidden state after dropout, the day's inputs, the embedding (M, B, O, R)."""
    n_daily, width = data.daily.shape[2], max(member.settings.hidden_size for member in members)
    mean, sd = (
        _stack(_padded(getattr(m.network, name), n_daily, value) for m in members)[:, None, None]
        for name, value in (("mean", 0.0), ("sd", 1.0))
    )
    days = ((data.daily[rows] - mean) / sd).clamp(-INPUT_LIMIT, INPUT_LIMIT)  # (M, B, n_days, n_daily)
    if len(members[0].network.embeddings):
        embedded = _stack(
            torch.cat([table(data.static[own][:, i]) for i, table in enumerate(member.network.embeddings)], dim=1)
            for member, own in zip(members, rows, strict=True)
        )
        days = torch.cat([days, embedded[:, :, None].expand(-1, -1, days.shape[2], -1)], dim=3)
    inputs, hidden = days.transpose(1, 2), None  # (M, n_days, B, ...)
    for layer in range(members[0].settings.layers):
        deep = [member for member in members if member.settings.layers > layer]
        if layer:
            masks = (_padded(m.kept(*hidden.shape[1:3], m.settings.hidden_size), width) for m in deep)
            inputs = hidden[: len(deep)] * _stack(masks)
        above = stacked_lstm(inputs, *_layer(deep, layer, n_daily, width))
        hidden = above if layer == 0 else torch.cat([above, hidden[len(deep) :]])
    hidden = hidden[:, origins]  # (M, O, B, H)
    masks = []
    for member in members:
        earlier = member.settings.warm_up - origins.start  # origins within its own warm-up
        mask = member.kept(hidden.shape[1] - earlier, hidden.shape[2], member.settings.hidden_size)
        masks.append(nn.functional.pad(mask, (0, width - mask.shape[2], 0, 0, earlier, 0)))
    return torch.cat([(hidden * _stack(masks)).transpose(1, 2), days[:, :, origins]], dim=3)


def _layer(members: Sequence[Member], layer: int, n_daily: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """W (M, 4 H, n_inputs), U (M, 4 H, H) and b (M, 4 H) of one layer, padded."""
    stacked = []
    for member in members:
        cell, own = member.network.cell, member.settings.hidden_size
        weight, recurrent, *biases = (
            getattr(cell, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        weight = _padded(weight, width) if layer else _spread(weight, [len(member.network.mean)], [n_daily])
        parts = (weight, _padded(recurrent, width), sum(biases)[:, None])
        # rows come gate by gate, (4, own) of them
        stacked.append([_padded(part.unflatten(0, (4, own)).mT, width).mT.flatten(0, 1) for part in parts])
    weight, recurrent, bias = (_stack(parts) for parts in zip(*stacked, strict=True))
    return weight, recurrent, bias[..., 0]


def _linear(members: Sequence[Member], data: Inputs, read: Tensor, layers: Sequence[nn.Linear]) -> Tensor:
    """A head of each network, (M, B, O, n_out), on what it reads (M, B, O, R)."""
    widths = [max(member.settings.hidden_size for member in members), data.daily.shape[2]]
    weight = _stack(
        _spread(layer.weight, [member.settings.hidden_size, len(member.network.mean)], widths)
        for member, layer in zip(members, layers, strict=True)
    )  # (M, n_out, R)
    bias = _stack(layer.bias for layer in layers)[:, None]
    return torch.baddbmm(bias, read.flatten(1, 2), weight.mT).unflatten(1, read.shape[1:3])


def _spread(weight: Tensor, own: list[int], widths: list[int]) -> Tensor:
    """A weight whose columns come in parts, each padded to the widest network's; what is left, embeddings, is alike."""
    parts = weight.split([*own, weight.shape[1] - sum(own)], dim=1)
    return torch.cat([*(_padded(p, w) for p, w in zip(parts, widths, strict=False)), parts[-1]], dim=1)


def _padded(tensor: Tensor, width: int, value: float = 0.0) -> Tensor:
    return nn.functional.pad(tensor, (0, width - tensor.shape[-1]), value=value)


def _stack(tensors) -> Tensor:
    return torch.stack(list(tensors))


def _mean(loss: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of each network (M,)."""
    return (loss * weight).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3)).clamp(min=1)
