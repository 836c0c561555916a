"""s and S learned from simulation (MLIO in document 004): by a neural rule, and by a search.

The rule answers s and S from features of the forecast. It is trained on the cost of simulated demand, which can be
differentiated with respect to the levels (infinitesimal perturbation analysis): holding and shortage cost are piecewise
linear in them. A fixed cost of an order is a jump without a slope, so the gradient takes the decision to order for a
smooth gate that sharpens from epoch to epoch (a straight-through estimator). Such a gradient is a guide, no guarantee.

The search tries candidate levels by SBO, each item on its own, on the same sampled paths. It needs no slope and also
serves where sales are lost and no exact answer is at hand.
"""

from dataclasses import dataclass

import numpy as np
import torch

from bowerbird import sbo
from bowerbird.checks import above, at_least, spread_over, whole
from bowerbird.inventory.demand import check_samples, normal_newsvendor
from bowerbird.inventory.policy import Levels
from bowerbird.inventory.simulate import Costs, cost_parts, simulate_paths
from bowerbird.seeds import stream

HIDDEN, PATHS_A_STEP, LEARNING_RATE = 16, 32, 0.03
SOFTNESS = 0.3, 0.1  # first and last width of the gate, in shares of sqrt(2 K D / h)


@dataclass(frozen=True)
class RuleInputs:
    """What the rule sees of every item and day, and the units its answers are counted in."""

    features: np.ndarray  # (n_items, n_days, 5): log mean, log std, skew, log p / h, log 1 + K / (h D)
    mean: np.ndarray  # (n_items, n_days), of demand over the protection interval LT + 1, units
    std: np.ndarray  # (n_items, n_days)
    quantity: np.ndarray  # (n_items, n_days), economic order quantity sqrt(2 K D / h), units
    costs: Costs  # arrays (n_items,)
    lead_time: int


def rule_inputs(samples, costs: Costs, *, lead_time: int = 3) -> RuleInputs:
    """Inputs for each day whose protection interval ends within the samples (n_items, n_samples, horizon)."""
    samples, protection = check_samples(samples), whole("lead_time", lead_time) + 1
    holding, shortage, order = (
        spread_over("costs", check("costs", cost), samples.shape[:1])[:, None]
        for check, cost in ((above, costs.holding), (above, costs.shortage), (at_least, costs.order))
    )
    totals = np.pad(samples.cumsum(axis=2), ((0, 0), (0, 0), (1, 0)))
    demand = totals[:, :, protection:] - totals[:, :, :-protection]  # (n_items, n_samples, n_days)
    mean, std = demand.mean(axis=1), np.maximum(demand.std(axis=1), 0.05)
    skew = ((demand - mean[:, None]) ** 3).mean(axis=1) / std**3
    rate = np.maximum(mean, 0.05) / protection
    ratios = np.log(shortage / holding), np.log1p(order / (holding * rate))
    features = [np.log(np.maximum(mean, 0.05)), np.log(std), skew, *ratios]
    stacked = np.stack([np.broadcast_to(feature, mean.shape) for feature in features], axis=2)
    each = Costs(holding[:, 0], shortage[:, 0], order[:, 0])
    return RuleInputs(stacked, mean, std, np.sqrt(2 * order * rate / holding), each, lead_time)


class LevelRule(torch.nn.Module):
    """s = mean + a std and S = s + b EOQ, with a and b > 0 from a network of one hidden layer."""

    def __init__(self, inputs: RuleInputs, seed: int = 0):
        super().__init__()
        n_features = inputs.features.shape[2]
        flat = inputs.features.reshape(-1, n_features)
        self.register_buffer("centre", torch.tensor(flat.mean(axis=0), dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(np.maximum(flat.std(axis=0), 0.1), dtype=torch.float32))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = torch.nn.Sequential(
                torch.nn.Linear(n_features, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, 2)
            )

    def forward(self, inputs: RuleInputs) -> tuple[torch.Tensor, torch.Tensor]:
        """s and S as real numbers, (n_items, n_days)."""
        known = (inputs.features, inputs.mean, inputs.std, inputs.quantity)
        features, mean, std, quantity = (torch.as_tensor(x, dtype=torch.float32) for x in known)
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


def soft_cost(demand, s, S, costs: Costs, *, opening_stock, lead_time: int, softness) -> torch.Tensor:
    """Mean daily cost of each item, (n_items,), that has a gradient everywhere; unmet demand waits.

    Tensors: demand (n_items, n_paths, n_days), s and S (n_items, n_days), opening stock (n_items,). `softness` is the
    width of the gate in units [tau]; it shapes the gradient alone, the cost is that of `simulate`. Source: Glasserman &
    Tayur, Management Science 41, 1995 (gradients of simulated base-stock costs).
    """
    holding, shortage, order_cost = (
        torch.tensor(cost, dtype=s.dtype)[:, None] for cost in (costs.holding, costs.shortage, costs.order)
    )
    n_days = demand.shape[2]
    net = opening_stock[:, None].expand(demand.shape[:2])
    position, due, cost = net, [], 0.0
    for day in range(n_days):
        missing = torch.relu(S[:, day, None] - position)
        # Forwards the decision as it is, order if position < s; backwards the slope of a smooth gate,
        # 1 / (1 + exp(-(s - position) / tau)). A smooth gate forwards would invite orders without end at no cost.
        smooth = torch.sigmoid((s[:, day, None] - position) / softness)
        gate = (position < s[:, day, None]) + (smooth - smooth.detach())  # the bracket is 0, with a slope
        order = torch.where(order_cost > 0, gate * missing, missing)
        cost = cost + order_cost * torch.where(order_cost > 0, gate, 0.0)
        due.append(order)
        net = net + (due[day - lead_time] if day >= lead_time else 0.0) - demand[:, :, day]
        position = position + order - demand[:, :, day]
        if day >= lead_time:  # no order can help earlier days
            cost = cost + holding * torch.relu(net) + shortage * torch.relu(-net)
    return cost.mean(dim=1) / max(n_days - lead_time, 1)


def train_rule(inputs: RuleInputs, demand, *, epochs: int = 200, seed: int = 0) -> LevelRule:
    """A rule trained by gradient descent on the simulated cost of all items at once, demand (n_items, n_paths, n_days).

    Each epoch is one step of Adam on paths drawn anew; its rate falls to zero along a cosine.
    """
    demand = at_least("demand", demand).astype(np.float32)
    epochs, seed = whole("epochs", epochs, 1), whole("seed", seed)
    rng = stream(seed, "learned rule/which paths")
    rule = LevelRule(inputs, seed)
    optimizer = torch.optim.Adam(rule.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    scale = torch.as_tensor(_textbook_cost(inputs), dtype=torch.float32)
    width = torch.as_tensor(np.maximum(inputs.quantity.mean(axis=1), 1.0), dtype=torch.float32)[:, None]
    for step in range(epochs):
        paths = torch.as_tensor(demand[:, rng.integers(demand.shape[1], size=PATHS_A_STEP)])
        share = step / max(epochs - 1, 1)
        softness = width * SOFTNESS[0] ** (1 - share) * SOFTNESS[1] ** share
        s, S = rule(inputs)
        about = {"opening_stock": S[:, 0].detach(), "lead_time": inputs.lead_time, "softness": softness}
        cost = soft_cost(paths, s, S, inputs.costs, **about)
        optimizer.zero_grad()
        (cost / scale).mean().backward()  # every item counts alike, whatever its price and volume
        torch.nn.utils.clip_grad_norm_(rule.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return rule


def _textbook_cost(inputs: RuleInputs) -> np.ndarray:
    """Daily cost of each item by the normal newsvendor and the economic order quantity, (n_items,)."""
    costs = inputs.costs
    # (h + p) phi(z) sigma + sqrt(2 K D h)
    uncertain = normal_newsvendor(0.0, inputs.std.mean(axis=1), costs.holding, costs.shortage).cost
    return uncertain + costs.holding * inputs.quantity.mean(axis=1)


def search_levels(
    samples: np.ndarray,
    costs: Costs,
    *,
    opening_stock=5,
    lead_time: int = 3,
    lost_sales: bool = True,
    max_evaluations: int = 150,
    seed: int = 0,
) -> Levels:
    """The s and S of each item (n_items, 1), kept for all days, with the least mean cost that SBO finds.

    Samples are (n_items, n_paths, n_days) of daily demand; the rest is as in `simulate`. SBO tries `max_evaluations`
    candidates for each item.
    """
    samples = check_samples(samples)
    n_items = len(samples)
    opening_stock = spread_over("opening_stock", opening_stock, (n_items,))
    above("holding of costs", costs.holding)
    each = [spread_over("costs", cost, (n_items,)) for cost in (costs.holding, costs.shortage, costs.order)]
    rules = {"lead_time": whole("lead_time", lead_time), "lost_sales": lost_sales}
    s, S = np.empty((2, n_items, 1), np.int64)
    for i in range(n_items):
        one = Costs(*(cost[i] for cost in each))

        def mean_cost(x, paths=samples[i : i + 1], one=one, opening=opening_stock[i]):
            totals = simulate_paths(paths, x["s"], x["s"] + x["Q"], opening_stock=opening, **rules)
            return float(cost_parts(totals, one)["total_cost"].mean())

        space, tuned = _space(samples[i].T, one, lead_time + 1), sbo.VARIANTS["tuned"]
        best = sbo.minimize(sbo.one_by_one(mean_cost), space, tuned, max_evaluations=max_evaluations, seed=seed)
        s[i], S[i] = best.x["s"], best.x["s"] + best.x["Q"]
    return Levels(s, S)


def _space(demand: np.ndarray, costs: Costs, protection: int) -> sbo.Space:
    """Where the best levels can lie: s up to what the worst protection interval asked for, Q up to thrice the EOQ."""
    totals = np.concatenate([np.zeros((1, *demand.shape[1:])), demand.cumsum(axis=0, dtype=float)])
    worst = (totals[protection:] - totals[:-protection]).max() if len(totals) > protection else totals[-1].max()
    economic = np.sqrt(2 * costs.order * demand.mean() / costs.holding)  # Q = sqrt(2 K D / h)
    return {"s": sbo.Integer(0, int(np.ceil(worst))), "Q": sbo.Integer(0, int(np.ceil(3 * economic)))}
