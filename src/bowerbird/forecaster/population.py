"""Many forecasters trained together: a whole generation of candidates in one stack of matrix products.

The candidates may differ in width, depth, rates, what their loss weighs, warm-up, and in whether they read clusters:
narrow networks are padded with zeros, which stay zero (see `stacked_lstm`), shallow ones sit out the upper layers, a
longer warm-up gives origins a weight of zero. Each has its own initial weights, batch order and random numbers, and so
becomes what `fit` makes of it alone, but for rounding. On a GPU dropout differs too: other draws of the same chance.
Candidates that differ in anything else are stacked apart, and cells other than the LSTM are trained one by one.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from tqdm import tqdm

from bowerbird.data.panel import Panel
from bowerbird.forecaster import training
from bowerbird.forecaster.inputs import Inputs, n_daily
from bowerbird.forecaster.settings import Settings
from bowerbird.forecaster.stacked_network import Member, stacked_loss, task
from bowerbird.forecaster.training import Forecaster

STACKED = (
    "hidden_size", "layers", "learning_rate", "dropout", "point_weight", "volume_weight", "warm_up", "clusters",
)  # fmt: skip
"""Settings in which the networks of a stack may differ; of clusters, in whether there are any."""


def fit_population(
    panel: Panel,
    candidates: Sequence[Settings],
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: bool = False,
) -> list[Forecaster]:
    """Train a forecaster for each of the candidates, together.

    Parameters
    ----------
    panel : Panel
        Days up to the origin.
    candidates : sequence of Settings
        Memory grows with their number: a stack keeps the states of all networks for a batch.
    seed : int
        As for `fit`, and the same for each.
    device : torch.device or str
    progress : bool
        Show a bar for each stack.

    Returns
    -------
    list of Forecaster, one a candidate, in their order. Where `fit` would raise TrainingFailed, a forecaster without a
    finite weight or loss; it harms no other.

    Raises
    ------
    ParameterError
        Fewer days than the warm-up and the horizon of a candidate need.
    """
    for settings in candidates:
        training.check_days(panel, settings)
    asked = {settings.clusters: settings for settings in candidates}
    mixtures = {clusters: training.clusters_of(panel, settings, seed) for clusters, settings in asked.items()}
    trained: dict[int, Forecaster] = {}
    for numbers in stacks(candidates):
        some = [candidates[number] for number in numbers]
        if some[0].cell == "lstm":
            begun = [training.begin(panel, settings, mixtures[settings.clusters], device) for settings in some]
            done = _fit_stack(panel, begun, seed, progress)
        else:
            done = [training.fit(panel, settings, seed=seed, device=device, progress=progress) for settings in some]
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


def _fit_stack(panel: Panel, begun: list[Forecaster], seed: int, progress: bool) -> list[Forecaster]:
    widest = max(begun, key=lambda forecaster: forecaster.settings.clusters)
    data = widest.gather(panel)  # the clusters' columns come last: the others read the columns before them
    places = [(n, member) for n, forecaster in enumerate(begun) for member in range(forecaster.settings.members)]
    places.sort(key=lambda place: -begun[place[0]].settings.layers)
    with training.own_randomness(widest.device):
        members = [_member(begun[n], data, seed, member) for n, member in places]
    losses = _train(members, data, [training.origin_weights(panel, m.settings) for m in members], progress)
    done = list(begun)
    for n, member, own in zip([n for n, _ in places], members, losses.T.tolist(), strict=True):
        networks, past = (*done[n].networks, member.network.eval()), (*done[n].losses, tuple(own))
        done[n] = replace(done[n], networks=networks, losses=past)
    return done


def _member(forecaster: Forecaster, data: Inputs, seed: int, member: int) -> Member:
    """A network as `fit` begins with it, and its random numbers from there on."""
    settings, device = forecaster.settings, forecaster.device
    own = replace(data, daily=data.daily[:, :, : n_daily(settings.clusters, settings.context)])
    network = training.initial_network(forecaster, own, seed, member)
    random = torch.Generator()
    random.set_state(torch.get_rng_state())
    on_device = device.type != "cpu"
    dropping = torch.Generator(device).manual_seed(torch.initial_seed()) if on_device else random
    return Member(network, settings, random, dropping)


def _train(members: list[Member], data: Inputs, weights: list, progress: bool) -> Tensor:
    """Train the networks; mean loss of every epoch and network (epochs, M)."""
    settings, n_series = members[0].settings, len(data.demand)
    work = task(members, data, weights)
    rates = [member.settings.learning_rate for member in members]
    groups = [{"params": m.network.parameters(), "lr": rate} for m, rate in zip(members, rates, strict=True)]
    optimizer = torch.optim.AdamW(groups, weight_decay=training.WEIGHT_DECAY)
    steps = settings.epochs * -(-n_series // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=max(steps, 2))
    losses = torch.zeros(settings.epochs, len(members), dtype=torch.float64, device=data.demand.device)
    for epoch in tqdm(range(settings.epochs), desc=f"{len(members)} networks", disable=not progress):
        orders = torch.stack([torch.randperm(n_series, generator=member.random) for member in members])
        for rows in orders.to(data.demand.device).split(settings.batch_size, dim=1):
            optimizer.zero_grad()
            with torch.autocast(rows.device.type, enabled=False):  # in single precision whatever is around it
                loss = stacked_loss(members, data, work, rows)  # (M,)
                loss.sum().backward()
            for member in members:
                nn.utils.clip_grad_norm_(member.network.parameters(), training.LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()
            losses[epoch] += loss.detach() * (rows.shape[1] / n_series)
    return losses
