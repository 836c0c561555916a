"""One LSTM layer of many networks at once: their weights in one stack, a matrix product of batches for each day.

Eqs (11)-(17) with a leading axis for the networks. Narrow networks are padded with zeros: a unit without weights puts
out o tanh(0) = 0, so that it neither says nor learns anything, and no mask is needed.
"""

import torch
from torch import Tensor


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
    """One layer of M networks.

    Parameters
    ----------
    days : (M, n_days, batch, n_inputs)
    weight : (M, 4 H, n_inputs) [W]
    recurrent : (M, 4 H, H) [U]
    bias : (M, 4 H) [b], of both.

    Returns
    -------
    (M, n_days, batch, H), hidden states.

    Source
    ------
    Eqs (11)-(17), corrected; `torch.nn.LSTM` for M = 1.
    """
    gates = torch.baddbmm(bias[:, None], days.flatten(1, 2), weight.transpose(1, 2))
    return StackedLSTM.apply(gates.unflatten(1, days.shape[1:3]), recurrent.transpose(1, 2).contiguous())
