"""When and how much to order, learned: a neural rule from forecast features to s and S, trained on simulated cost.

The walk through sampled demand is written so that its cost can be differentiated with respect to the levels
(infinitesimal perturbation analysis): holding and shortage cost are piecewise linear in them. A fixed cost of an order
is a jump, without a slope to follow; the gradient takes the decision to order for a smooth gate, which sharpens from
epoch to epoch (a straight-through estimator). Such a gradient is a guide, no guarantee: where ordering every day costs
about as much as every other day, it can settle on the wrong one, and `searched_levels` does better.
The trained rule gives `Levels`, to be walked and judged like any other policy.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import norm

from bowerbird.checks import above, at_least, spread_over, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.policy import Levels
from bowerbird.inventory.simulate import Costs

FEATURES = ("log mean", "log std", "skew", "recent / mean", "log p/h", "log 1 + K/(h mean)")
"""Of the forecast demand over the protection interval LT + NRT, of recent demand, and of the costs."""


@dataclass(frozen=True)
class RuleInputs:
    """What the rule sees of every item and day, and the units its answers are counted in.

    Attributes
    ----------
    features : array (n_items, n_days, 6)
    mean, std : array (n_items, n_days)
        Of demand over the protection interval, units.
    quantity : array (n_items, n_days)
        Economic order quantity, sqrt(2 K D / h), units.
    costs : Costs, arrays (n_items,)
    lead_time, review : int
    """

    features: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    quantity: np.ndarray
    costs: Costs
    lead_time: int
    review: int


def rule_inputs(samples, costs: Costs, *, recent=None, lead_time: int = 3, review: int = 1) -> RuleInputs:
    """Inputs of the rule for every day whose protection interval ends within the samples' horizon.

    Parameters
    ----------
    samples : array (n_items, n_samples, horizon)
        Sampled daily demand; a path is one sample over all days.
    costs : Costs
    recent : array (n_items,), optional
        Mean daily demand of the last days before the plan; the forecast's own mean by default.
    lead_time, review : int
        Days from order to arrival [LT] and between reviews [NRT].

    Returns
    -------
    RuleInputs for n_days = horizon - LT - NRT + 1.

    Raises
    ------
    ParameterError
        If the horizon is too short for a day, or a sample is negative or NaN.
    """
    samples = at_least("samples", samples)
    protection = whole("lead_time", lead_time) + whole("review", review, 1)
    if samples.ndim != 3 or not samples.size or samples.shape[2] < protection:
        raise ParameterError(f"samples, shape {samples.shape}: give (n_items, n_samples, {protection} days or more)")
    n_items = len(samples)
    holding, shortage, order = (
        spread_over("costs", check("costs", cost), (n_items,))[:, None]
        for check, cost in ((above, costs.holding), (above, costs.shortage), (at_least, costs.order))
    )
    totals = np.pad(samples.cumsum(axis=2), ((0, 0), (0, 0), (1, 0)))
    demand = totals[:, :, protection:] - totals[:, :, :-protection]  # (n_items, n_samples, n_days)
    mean, std = demand.mean(axis=1), demand.std(axis=1)
    floor = np.maximum(mean, 0.05)
    skew = ((demand - mean[:, None]) ** 3).mean(axis=1) / np.maximum(std, 0.05) ** 3
    rate = floor / protection
    recent = rate if recent is None else spread_over("recent", at_least("recent", recent), (n_items,))[:, None]
    features = [
        np.log(floor),
        np.log(np.maximum(std, 0.05)),
        skew,
        np.clip(recent / rate, 0, 5),
        np.log(shortage / holding),
        np.log1p(order / (holding * rate)),
    ]
    stacked = np.stack([np.broadcast_to(feature, mean.shape) for feature in features], axis=2)
    quantity = np.sqrt(2 * order * rate / holding)
    each = Costs(holding[:, 0], shortage[:, 0], order[:, 0])
    return RuleInputs(stacked, mean, np.maximum(std, 0.05), quantity, each, lead_time, review)


class LevelRule(torch.nn.Module):
    """s = mean + a std and S = s + b EOQ, with a and b > 0 from a network of one hidden layer."""

    def __init__(self, inputs: RuleInputs, hidden: int = 16, seed: int = 0):
        super().__init__()
        flat = inputs.features.reshape(-1, len(FEATURES))
        self.register_buffer("centre", torch.tensor(flat.mean(axis=0), dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(np.maximum(flat.std(axis=0), 0.1), dtype=torch.float32))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = torch.nn.Sequential(
                torch.nn.Linear(len(FEATURES), hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 2)
            )

    def forward(self, inputs: RuleInputs) -> tuple[torch.Tensor, torch.Tensor]:
        """s and S as real numbers, (n_items, n_days)."""
        known = (
            torch.as_tensor(x, dtype=torch.float32) for x in (inputs.features, inputs.mean, inputs.std, inputs.quantity)
        )
        features, mean, std, quantity = known
        a, b = self.network((features - self.centre) / self.scale).unbind(dim=2)
        s = torch.relu(mean + a * std)
        return s, s + torch.exp(b) * quantity

    def levels(self, inputs: RuleInputs) -> Levels:
        """s and S in whole units, for `simulate` and its like."""
        with torch.no_grad():
            s, S = (level.numpy().astype(float) for level in self(inputs))
        whole_S = np.rint(S).astype(np.int64)
        # From S, whole or not, an order is due once more than S - s units have gone.
        return Levels(whole_S - np.floor(S - s).astype(np.int64), whole_S)


def soft_walk(demand, s, S, costs: Costs, *, opening_stock, lead_time: int, review: int, softness) -> torch.Tensor:
    """Mean daily cost of each item, (n_items,), by a walk with backorders that has a gradient everywhere.

    Parameters
    ----------
    demand : tensor (n_items, n_paths, n_days)
    s, S : tensor (n_items, n_days)
    costs : Costs of arrays (n_items,)
    opening_stock : tensor (n_items,)
    lead_time, review : int
    softness : float or tensor (n_items, 1)
        Width of the gate in units [tau]; it shapes the gradient alone, the cost is that of `simulate`.

    Source
    ------
    Glasserman & Tayur, Management Science 41, 1995 (gradients of simulated base-stock costs).
    """
    holding, shortage, order_cost = (torch.tensor(c, dtype=s.dtype)[:, None] for c in
                                     (costs.holding, costs.shortage, costs.order))  # fmt: skip
    n_days = demand.shape[2]
    net = opening_stock[:, None].expand(demand.shape[:2])
    position, due, cost = net, [], 0.0
    for day in range(n_days):
        order = torch.zeros_like(net)
        if day % review == 0:
            missing = torch.relu(S[:, day, None] - position)
            # Forwards the decision as it is, order if position < s; backwards the slope of a smooth gate,
            # 1 / (1 + exp(-(s - position) / tau)). A smooth gate forwards would invite orders without end at no cost.
            smooth = torch.sigmoid((s[:, day, None] - position) / softness)
            gate = (position < s[:, day, None]) + (smooth - smooth.detach())  # the bracket is 0, with a slope
            order = torch.where(order_cost > 0, gate * missing, missing)
            cost = cost + order_cost * torch.where(order_cost > 0, gate, 0.0)
            position = position + order
        due.append(order)
        net = net + (due[day - lead_time] if day >= lead_time else 0.0) - demand[:, :, day]
        position = position - demand[:, :, day]
        if day >= lead_time:  # no order can help earlier days
            cost = cost + holding * torch.relu(net) + shortage * torch.relu(-net)
    return cost.mean(dim=1) / max(n_days - lead_time, 1)


def train_rule(
    inputs: RuleInputs,
    demand,
    *,
    hidden: int = 16,
    epochs: int = 200,
    paths_a_step: int = 32,
    learning_rate: float = 0.03,
    softness: tuple[float, float] = (0.3, 0.1),
    seed: int = 0,
) -> LevelRule:
    """A rule trained by gradient descent on the simulated cost of all items at once.

    Parameters
    ----------
    inputs : RuleInputs
    demand : array (n_items, n_paths, n_days)
        Demand to train on, days as in the inputs: sampled paths, or a history with the inputs of each day's forecast.
    hidden : int
        Hidden units.
    epochs : int
        Gradient steps, each on `paths_a_step` paths drawn anew.
    learning_rate : float
        Of Adam; it falls to zero along a cosine.
    softness : (float, float)
        First and last width of the gate, in shares of sqrt(2 K D / h).
    seed : int

    Returns
    -------
    LevelRule

    Raises
    ------
    ParameterError
        If demand does not fit the inputs.
    """
    demand = at_least("demand", demand).astype(np.float32)
    for name, value in (("hidden", hidden), ("epochs", epochs), ("paths_a_step", paths_a_step)):
        whole(name, value, 1)
    above("learning_rate", learning_rate), above("softness", softness), whole("seed", seed)
    if demand.ndim != 3 or not demand.size or (demand.shape[0], demand.shape[2]) != inputs.mean.shape:
        raise ParameterError(
            f"demand, shape {demand.shape}: give {inputs.mean.shape[0]} items x paths x {inputs.mean.shape[1]} days"
        )
    rng = np.random.default_rng(seed)
    rule = LevelRule(inputs, hidden, seed)
    optimizer = torch.optim.Adam(rule.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    scale = torch.as_tensor(_textbook_cost(inputs), dtype=torch.float32)
    width = torch.as_tensor(np.maximum(inputs.quantity.mean(axis=1), 1.0), dtype=torch.float32)[:, None]
    for step in range(epochs):
        paths = torch.as_tensor(demand[:, rng.integers(demand.shape[1], size=paths_a_step)])
        share = step / max(epochs - 1, 1)
        softness_now = softness[0] ** (1 - share) * softness[1] ** share
        s, S = rule(inputs)
        opening = S[:, 0].detach()
        cost = soft_walk(
            paths,
            s,
            S,
            inputs.costs,
            opening_stock=opening,
            lead_time=inputs.lead_time,
            review=inputs.review,
            softness=softness_now * width,
        )
        optimizer.zero_grad()
        (cost / scale).mean().backward()  # every item counts alike, whatever its price and volume
        torch.nn.utils.clip_grad_norm_(rule.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return rule


def _textbook_cost(inputs: RuleInputs) -> np.ndarray:
    """Daily cost of each item by the normal newsvendor and the economic order quantity, (n_items,)."""
    costs, std = inputs.costs, inputs.std.mean(axis=1)
    # (h + p) phi(z) sigma + sqrt(2 K D h)
    uncertain = (costs.holding + costs.shortage) * norm.pdf(norm.ppf(costs.critical_ratio)) * std
    return uncertain + costs.holding * inputs.quantity.mean(axis=1)
