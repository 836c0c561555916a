"""The LSTM cell of eqs 11-17, written out; corrected, and as printed for demonstration.

The forecaster trains `torch.nn.LSTM`, the same cell in compiled form; a test holds the two together.
"""

import torch
from torch import Tensor, nn

from bowerbird.errors import ParameterError


def printed_sigmoid(x: Tensor) -> Tensor:
    """Eq. (12) as printed, 1 / (1 - e^-x): a pole at 0 and values outside (0, 1)."""
    return 1 / (1 - torch.exp(-x))


def printed_tanh(x: Tensor) -> Tensor:
    """Eq. (15) as printed, (1 - e^-x) / (1 + e^-x): this is tanh(x / 2)."""
    return (1 - torch.exp(-x)) / (1 + torch.exp(-x))


class LSTMCell(nn.Module):
    """One step of a long short-term memory.

    Parameters
    ----------
    input_size : int
        Numbers a day brings in [x_t].
    hidden_size : int
        Width of hidden state and cell state [h_t, C_t].
    reading : {"corrected", "printed"}
        "printed" follows eqs 12, 15 and 17 to the letter: the cell state then never reaches the output.

    Source
    ------
    Eqs 11-17.
    """

    def __init__(self, input_size: int, hidden_size: int, reading: str = "corrected"):
        super().__init__()
        if reading not in ("corrected", "printed"):
            raise ParameterError(f"reading is {reading!r}; choose 'corrected' or 'printed'")
        self.reading = reading
        self.forget = nn.Linear(hidden_size + input_size, hidden_size)  # W_f, b_f
        self.input = nn.Linear(hidden_size + input_size, hidden_size)  # W_i, b_i
        self.candidate = nn.Linear(hidden_size + input_size, hidden_size)  # W_c, b_c
        self.output = nn.Linear(hidden_size + input_size, hidden_size)  # W_o, b_o

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Advance one day.

        Parameters
        ----------
        x : Tensor (batch, input_size)
        state : (h, c), Tensors (batch, hidden_size)

        Returns
        -------
        (h, c) after this day.
        """
        printed = self.reading == "printed"
        sigmoid = printed_sigmoid if printed else torch.sigmoid  # Eq. (12): 1 / (1 + e^-x)
        tanh = printed_tanh if printed else torch.tanh  # Eq. (15): (1 - e^-2x) / (1 + e^-2x)
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
        # Eq. (17): o_t = sigma(W_o (h_t-1, x_t) + b_o), h_t = o_t tanh(C_t); printed: h_t = sigma(...), without C_t
        o = sigmoid(self.output(hx))
        return (o if printed else o * tanh(c)), c


def unroll(cell: LSTMCell, x: Tensor) -> Tensor:
    """Run a cell over whole sequences from a zero state.

    Parameters
    ----------
    cell : LSTMCell
    x : Tensor (batch, n_days, input_size)

    Returns
    -------
    Tensor (batch, n_days, hidden_size): the hidden state after every day.
    """
    hidden_size = cell.forget.out_features
    state = (x.new_zeros(len(x), hidden_size), x.new_zeros(len(x), hidden_size))
    outputs = []
    for day in range(x.shape[1]):
        state = cell(x[:, day], state)
        outputs.append(state[0])
    return torch.stack(outputs, dim=1)


def from_torch(lstm: nn.LSTM, layer: int = 0) -> LSTMCell:
    """The same cell with the weights of one layer of a `torch.nn.LSTM`.

    Parameters
    ----------
    lstm : torch.nn.LSTM
    layer : int

    Returns
    -------
    LSTMCell
    """
    weight = torch.cat([getattr(lstm, f"weight_hh_l{layer}"), getattr(lstm, f"weight_ih_l{layer}")], dim=1)
    bias = getattr(lstm, f"bias_hh_l{layer}") + getattr(lstm, f"bias_ih_l{layer}")
    input_size = getattr(lstm, f"weight_ih_l{layer}").shape[1]
    cell = LSTMCell(input_size, lstm.hidden_size).to(weight)  # its device and precision
    with torch.no_grad():  # torch stacks its gates in the order input, forget, candidate, output
        for gate, w, b in zip(("input", "forget", "candidate", "output"), weight.chunk(4), bias.chunk(4), strict=True):
            getattr(cell, gate).weight.copy_(w)
            getattr(cell, gate).bias.copy_(b)
    return cell
