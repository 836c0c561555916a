"""Many forecasters trained together: a whole generation of candidates in one stack of matrix products.

The candidates may differ in width, depth, rates, epochs, what their loss weighs, warm-up, and in whether they read
clusters. Narrow networks are padded with zeros: a unit without weights gives o tanh(0) = 0 and learns nothing. Shallow
ones sit out the upper layers, those of fewer epochs rest at the end, a longer warm-up gives origins a weight of zero.
Each has its own initial weights, batch order and random numbers, and so becomes what `fit` makes of it alone, but for
rounding; on a GPU dropout draws other numbers. Candidates that differ in anything else are stacked apart, and cells
other than the LSTM are trained one by one.

Shapes: M networks, a batch of B series, O origins, h days ahead, H units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from bowerbird.data.panel import Panel
from bowerbird.forecaster import lstm, training
from bowerbird.forecaster.inputs import Inputs
from bowerbird.forecaster.lstm import Network, Settings
from bowerbird.forecaster.training import LIKELIHOOD_EVERY, Forecaster, weighted_mean

STACKED = (
    "hidden_size", "layers", "learning_rate", "epochs", "dropout", "volume_weight", "warm_up", "clusters",
)  # fmt: skip
"""Settings in which the networks of a stack may differ; of clusters, in whether there are any."""


def fit_population(
    panel: Panel, candidates: Sequence[Settings], *, seed: int = 0, device: torch.device | str = "cpu"
) -> list[Forecaster]:
    """Train a forecaster for each of the candidates, together; memory grows with their number.

    Where `fit` would raise TrainingFailed, a forecaster without a finite weight or loss is returned.
    """
    for settings in candidates:
        training.check_days(panel, settings)
    asked = {settings.clusters: settings for settings in candidates}
    mixtures = {clusters: training.clusters_of(panel, settings, seed) for clusters, settings in asked.items()}
    trained: dict[int, Forecaster] = {}
    for numbers in stacks(candidates):
        some = [candidates[number] for number in numbers]
        if some[0].cell == "lstm":
            begun = [training.begin(settings, mixtures[settings.clusters], device) for settings in some]
            done = _fit_stack(panel, begun, seed)
        else:
            done = [training.fit(panel, settings, seed=seed, device=device) for settings in some]
        trained |= zip(numbers, done, strict=True)
    return [trained[number] for number in range(len(candidates))]


def stacks(candidates: Sequence[Settings]) -> list[list[int]]:
    """Numbers of the candidates that are stacked, stack by stack; those without clusters join others."""
    found: dict[tuple, list[int]] = {}
    rest = [replace(settings, **{name: getattr(Settings(), name) for name in STACKED}) for settings in candidates]
    for number, settings in enumerate(candidates):
        others = [c.clusters for c, r in zip(candidates, rest, strict=True) if c.clusters and r == rest[number]]
        found.setdefault((rest[number], settings.clusters or min(others, default=0)), []).append(number)
    return list(found.values())


@dataclass(frozen=True, eq=False)
class Member:
    """One network of a stack, with the generators of its batch order (on the CPU) and of its dropout masks."""

    network: Network
    settings: Settings
    random: torch.Generator
    dropping: torch.Generator

    def kept(self, *shape: int) -> Tensor:
        """What dropout multiplies by: 0, or 1 / (1 - p); drawn in the order in which torch draws it."""
        chance = 1 - self.settings.dropout
        mask = torch.ones(shape, device=self.dropping.device)
        return mask if chance == 1 else mask.bernoulli_(chance, generator=self.dropping).div_(chance)


def _fit_stack(panel: Panel, begun: list[Forecaster], seed: int) -> list[Forecaster]:
    widest = max(begun, key=lambda forecaster: forecaster.settings.clusters)
    data = widest.gather(panel)  # the clusters' columns come last: the others read the columns before them
    places = [(n, member) for n, forecaster in enumerate(begun) for member in range(forecaster.settings.members)]
    places.sort(key=lambda place: -begun[place[0]].settings.layers)
    with training.own_randomness(widest.device):
        members = [_member(begun[n], data, seed, member) for n, member in places]
    losses = _train(members, data, [training.origin_weights(panel, m.settings) for m in members])
    done = list(begun)
    for n, member, own in zip([n for n, _ in places], members, losses.T.tolist(), strict=True):
        networks, past = (
            (*done[n].networks, member.network.eval()),
            (*done[n].losses, tuple(own[: member.settings.epochs])),
        )
        done[n] = replace(done[n], networks=networks, losses=past)
    return done


def _member(forecaster: Forecaster, data: Inputs, seed: int, member: int) -> Member:
    """A network as `fit` begins with it, and its random numbers from there on."""
    settings, device = forecaster.settings, forecaster.device
    n_inputs = len(data.names) - data.names.count("clusters") + (settings.clusters + 2 if settings.clusters else 0)
    own = replace(data, daily=data.daily[:, :, :n_inputs])
    network = training.initial_network(forecaster, own, seed, member)
    random = torch.Generator()
    random.set_state(torch.get_rng_state())
    on_device = device.type != "cpu"
    dropping = torch.Generator(device).manual_seed(torch.initial_seed()) if on_device else random
    return Member(network, settings, random, dropping)


def _train(members: list[Member], data: Inputs, weights: list) -> Tensor:
    """Train the networks; mean loss of every epoch and network (epochs, M)."""

    @cache
    def part(going: tuple[int, ...]) -> tuple[list[Member], Task]:
        """The networks that go on, and their task."""
        some = [members[m] for m in going]
        return some, task(some, data, [weights[m] for m in going])

    def draw() -> Tensor:
        return torch.stack([torch.randperm(len(data.demand), generator=member.random) for member in members])

    def loss_of(rows: Tensor, going: tuple[int, ...]) -> Tensor:
        some, work = part(going)
        with torch.autocast(rows.device.type, enabled=False):  # in single precision whatever is around it
            return stacked_loss(some, data, work, rows)

    networks, settings = ([getattr(member, name) for member in members] for name in ("network", "settings"))
    return torch.stack([losses for losses, _ in training.descend(networks, settings, data, draw, loss_of)])


# ---- one batch of many networks: `lstm` and `training` with one axis more -------------------------------------------


@dataclass(frozen=True, eq=False)
class Task:
    """What does not change from batch to batch."""

    origins: slice  # days forecasts are trained from, the shortest warm-up's
    targets: Tensor  # (n_series, O, h) units
    by_origin: Tensor  # (M, O) weight of an origin, 0 within a network's own warm-up
    some: Tensor  # (M, LIKELIHOOD_EVERY, n_some) origins of the likelihood, for each place to begin
    counted: Tensor  # the same shape; 0 where there is one origin less than elsewhere


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
    log_point = torch.log(level[..., None]) + ahead[:, None] + lstm.bounded(point)
    columns = _linear(members, data, read, [network.ahead for network in networks])  # (M, B, O, n_ahead)
    log_point = log_point + lstm.column_effects(columns, data.ahead[rows][:, :, origins])

    actual = task.targets[rows]  # (M, B, O, h)
    known = ~actual.isnan()
    actual = actual.nan_to_num()
    weight = known * task.by_origin[:, None, :, None]
    power = torch.tensor([m.settings.volume_weight for m in members], device=level.device)
    relative = (level / data.level.mean()) ** power[:, None, None] / level
    quantile = members[0].settings.point_quantile
    error = weighted_mean(lstm.pinball_loss(actual, torch.exp(log_point), quantile) * relative[..., None], weight)

    # The likelihood is taken at some of the origins; each network draws where they begin
    begins = [int(torch.randint(LIKELIHOOD_EVERY, (), generator=member.random)) for member in members]
    some, counted = (_stack(table[m, b] for m, b in enumerate(begins)) for table in (task.some, task.counted))
    index = some[:, None, :, None]  # (M, 1, n_some, 1)
    read, actual, weight, log_point = (
        part.gather(2, index.expand(-1, part.shape[1], -1, part.shape[3]))
        for part in (read.detach(), actual, weight, log_point.detach())
    )
    outputs = _linear(members, data, read, [network.distribution for network in networks])
    likelihood = lstm.zero_inflated_loss(actual, *lstm.distribution(log_point, outputs))
    return weighted_mean(likelihood, weight * counted[:, None, :, None]) + error


def _read(members: Sequence[Member], data: Inputs, origins: slice, rows: Tensor) -> Tensor:
    """What the heads read: hidden state after dropout, the day's inputs (M, B, O, R)."""
    n_daily, width = data.daily.shape[2], max(member.settings.hidden_size for member in members)
    mean, sd = (
        _stack(_padded(getattr(m.network, name), n_daily, value) for m in members)[:, None, None]
        for name, value in (("mean", 0.0), ("sd", 1.0))
    )
    days = ((data.daily[rows] - mean) / sd).clamp(-lstm.INPUT_LIMIT, lstm.INPUT_LIMIT)  # (M, B, n_days, n_daily)
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
        parts = (_padded(weight, width if layer else n_daily), _padded(recurrent, width), sum(biases)[:, None])
        # rows come gate by gate, (4, own) of them
        stacked.append([_padded(part.unflatten(0, (4, own)).mT, width).mT.flatten(0, 1) for part in parts])
    weight, recurrent, bias = (_stack(parts) for parts in zip(*stacked, strict=True))
    return weight, recurrent, bias[..., 0]


def _linear(members: Sequence[Member], data: Inputs, read: Tensor, layers: Sequence[nn.Linear]) -> Tensor:
    """A head of each network, (M, B, O, n_out), on what it reads (M, B, O, R)."""
    widths = max(member.settings.hidden_size for member in members), data.daily.shape[2]
    weights = []
    for member, layer in zip(members, layers, strict=True):
        hidden, days = layer.weight.split([member.settings.hidden_size, len(member.network.mean)], dim=1)
        weights.append(torch.cat([_padded(hidden, widths[0]), _padded(days, widths[1])], dim=1))
    bias = _stack(layer.bias for layer in layers)[:, None]
    return torch.baddbmm(bias, read.flatten(1, 2), _stack(weights).mT).unflatten(1, read.shape[1:3])


def _padded(tensor: Tensor, width: int, value: float = 0.0) -> Tensor:
    return nn.functional.pad(tensor, (0, width - tensor.shape[-1]), value=value)


def _stack(tensors) -> Tensor:
    return torch.stack(list(tensors))


# ---- one LSTM layer of many networks --------------------------------------------------------------------------------


class StackedLSTM(torch.autograd.Function):
    """Hidden states (M, n_days, batch, H) of M networks; gates in torch's order, input, forget, candidate, output.

    gates (M, n_days, batch, 4 H) are W x + b, the days' share of the gates, recurrent (M, H, 4 H) is U transposed.
    Written out, both ways, because autograd would keep a dozen tensors a day and sum the gradient of U day by day.
    """

    @staticmethod
    def forward(ctx, gates: Tensor, recurrent: Tensor) -> Tensor:
        n_networks, n_days, n_batch, _ = gates.shape
        size = recurrent.shape[1]
        opened = torch.empty_like(gates)  # after their activation
        cells, hidden = gates.new_zeros((2, n_networks, n_days + 1, n_batch, size))
        for t in range(n_days):
            # Eqs (11), (13), (14), (17): W x_t + U h_{t-1} + b
            now = torch.baddbmm(gates[:, t], hidden[:, t], recurrent, out=opened[:, t])
            now[..., : 2 * size].sigmoid_()
            now[..., 2 * size : 3 * size].tanh_()
            now[..., 3 * size :].sigmoid_()
            i, f, g, o = now.chunk(4, dim=2)
            # Eq. (16): c_t = f c_{t-1} + i g
            cell = torch.mul(f, cells[:, t], out=cells[:, t + 1]).addcmul_(i, g)
            # Eq. (17): h_t = o tanh(c_t)
            torch.tanh(cell, out=hidden[:, t + 1]).mul_(o)
        ctx.save_for_backward(opened, cells, hidden, recurrent)
        return hidden[:, 1:]

    @staticmethod
    def backward(ctx, d_hidden: Tensor) -> tuple[Tensor, Tensor]:
        opened, cells, hidden, recurrent = ctx.saved_tensors
        i, f, g, o = opened.unflatten(3, (4, -1)).unbind(3)  # each (M, n_days, batch, H)
        squashed = cells[:, 1:].tanh()
        # What a gate's sum does to the cell, and for the output gate to the hidden state: sigmoid' = s (1 - s),
        # tanh' = 1 - tanh^2
        slopes = torch.stack([g * i * (1 - i), cells[:, :-1] * f * (1 - f), i * (1 - g * g), squashed * o * (1 - o)], 3)
        through = o * (1 - squashed * squashed)  # dh_t / dc_t
        d_gates = torch.empty_like(slopes)  # (M, n_days, batch, 4, H)
        d_cell, back = torch.zeros_like(cells[:, 0]), recurrent.transpose(1, 2)
        for t in reversed(range(d_hidden.shape[1])):
            dh = d_hidden[:, t]
            if t + 1 < d_hidden.shape[1]:
                dh = torch.baddbmm(dh, d_gates[:, t + 1].flatten(2), back)
            d_cell = torch.addcmul(d_cell, dh, through[:, t])
            torch.mul(slopes[:, t, :, :3], d_cell[:, :, None], out=d_gates[:, t, :, :3])
            torch.mul(slopes[:, t, :, 3], dh, out=d_gates[:, t, :, 3])
            d_cell = d_cell * f[:, t]
        d_gates = d_gates.flatten(3)
        d_recurrent = hidden[:, :-1].flatten(1, 2).transpose(1, 2) @ d_gates.flatten(1, 2)
        return d_gates, d_recurrent


def stacked_lstm(days: Tensor, weight: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
    """Hidden states (M, n_days, B, H) of eqs (11)-(17), corrected; `torch.nn.LSTM` for M = 1.

    days (M, n_days, B, n_inputs), weight (M, 4 H, n_inputs) [W], recurrent (M, 4 H, H) [U], bias (M, 4 H) [b].
    """
    gates = torch.baddbmm(bias[:, None], days.flatten(1, 2), weight.transpose(1, 2))
    return StackedLSTM.apply(gates.unflatten(1, days.shape[1:3]), recurrent.transpose(1, 2).contiguous())
