import numpy as np
import pytest
import torch
from torch import nn

from bowerbird.errors import ParameterError
from bowerbird.forecaster.lstm import LSTMCell, from_torch, printed_sigmoid, printed_tanh, unroll


def sequence(n_days=50, input_size=3, dtype=torch.float32):
    return torch.randn(4, n_days, input_size, dtype=dtype, generator=torch.Generator().manual_seed(1))


def torch_lstm(layers=1, dtype=torch.float32):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.LSTM(3, 5, layers, batch_first=True, dtype=dtype)


def hand_cell(reading):
    """One input, one hidden unit; the weights of (h, x) and the bias of every gate."""
    cell = LSTMCell(1, 1, reading).double()
    gates = {
        "forget": (0.5, 1.0, 0.1),
        "input": (-0.3, 0.8, 0.2),
        "candidate": (0.7, -0.6, 0.3),
        "output": (0.2, 0.9, -0.4),
    }
    with torch.no_grad():
        for name, (of_h, of_x, bias) in gates.items():
            getattr(cell, name).weight.copy_(torch.tensor([[of_h, of_x]], dtype=torch.float64))
            getattr(cell, name).bias.copy_(torch.tensor([bias], dtype=torch.float64))
    return cell


def step(cell, h, c, x):
    column = [torch.tensor([[value]], dtype=torch.float64) for value in (x, h, c)]
    return [value.item() for value in cell(column[0], (column[1], column[2]))]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_the_written_out_cell_is_torchs(dtype, tolerance):
    lstm, x = torch_lstm(dtype=dtype), sequence(dtype=dtype)
    hidden, (last_h, _) = lstm(x)
    ours = unroll(from_torch(lstm), x)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours.detach(), hidden.detach(), rtol=0, atol=tolerance)
    np.testing.assert_allclose(ours[:, -1].detach(), last_h[0].detach(), rtol=0, atol=tolerance)


def test_layers_of_the_written_out_cell_are_torchs():
    lstm, x = torch_lstm(layers=2, dtype=torch.float64), sequence(dtype=torch.float64)
    ours = unroll(from_torch(lstm, layer=1), unroll(from_torch(lstm, layer=0), x))
    np.testing.assert_allclose(ours.detach(), lstm(x)[0].detach(), rtol=0, atol=1e-14)


def test_gradients_are_torchs():
    lstm, x = torch_lstm(dtype=torch.float64), sequence(dtype=torch.float64)
    cell = from_torch(lstm)
    lstm(x)[0].square().sum().backward()
    unroll(cell, x).square().sum().backward()
    of_x, of_h = lstm.weight_ih_l0.grad.chunk(4)[2], lstm.weight_hh_l0.grad.chunk(4)[2]  # candidate
    np.testing.assert_allclose(cell.candidate.weight.grad, torch.cat([of_h, of_x], dim=1), rtol=1e-10)


def test_hand_worked_day():
    # h = .4, c = -.5, x = 2: the gates read f 2.3, i 1.68, a -.62, o 1.48
    f, i, o = (1 / (1 + np.exp(-gate)) for gate in (2.3, 1.68, 1.48))
    c = f * -0.5 + i * np.tanh(-0.62)
    h, found_c = step(hand_cell("corrected"), 0.4, -0.5, 2.0)
    assert found_c == pytest.approx(c, rel=1e-12)
    assert h == pytest.approx(o * np.tanh(c), rel=1e-12)
    assert (round(found_c, 4), round(h, 4)) == (-0.9190, -0.5909)


def test_hand_worked_day_as_printed():
    # the same gates through 1 / (1 - e^-x) and tanh(x / 2)
    f, i, o = (1 / (1 - np.exp(-gate)) for gate in (2.3, 1.68, 1.48))
    h, c = step(hand_cell("printed"), 0.4, -0.5, 2.0)
    assert c == pytest.approx(f * -0.5 + i * np.tanh(-0.31), rel=1e-12)
    assert h == pytest.approx(o, rel=1e-12)
    assert h > 1  # no share of anything


def test_printed_sigmoid_has_a_pole_and_leaves_the_unit_interval():
    x = torch.tensor([-1e-6, 0.0, 1e-6, 1.0, -1.0], dtype=torch.float64)
    below, pole, above, one, minus_one = printed_sigmoid(x).tolist()
    assert below < -1e5 and above > 1e5 and np.isinf(pole)
    assert one == pytest.approx(1 / (1 - np.exp(-1))) and one > 1
    assert minus_one == pytest.approx(1 - one) and minus_one < 0
    everywhere = printed_sigmoid(torch.linspace(-20, 20, 4000, dtype=torch.float64))
    assert not ((everywhere > 0) & (everywhere < 1)).any()


def test_printed_tanh_is_that_of_half_the_argument():
    x = torch.linspace(-12, 12, 101, dtype=torch.float64)
    np.testing.assert_allclose(printed_tanh(x), np.tanh(x.numpy() / 2), rtol=0, atol=1e-15)
    assert (printed_tanh(x) - torch.tanh(x)).abs().max() > 0.29


@pytest.mark.parametrize(("reading", "reaches"), [("corrected", True), ("printed", False)])
def test_as_printed_the_cell_state_never_reaches_the_output(reading, reaches):
    cell = hand_cell(reading)
    first_c = torch.tensor([[0.7]], dtype=torch.float64, requires_grad=True)
    h, c, total = torch.tensor([[0.4]], dtype=torch.float64), first_c, 0
    for x in (2.0, -1.0, 0.5):
        h, c = cell(torch.tensor([[x]], dtype=torch.float64), (h, c))
        total = total + h.sum()
    (gradient,) = torch.autograd.grad(total, first_c, allow_unused=True, materialize_grads=True)
    assert (gradient.abs().item() > 0.01) == reaches
    outputs = {round(step(cell, 0.4, other_c, 2.0)[0], 12) for other_c in (-3.0, 0.0, 3.0)}
    assert len(outputs) == (3 if reaches else 1)


def test_unknown_reading_is_refused():
    with pytest.raises(ParameterError, match="reading is 'literal'"):
        LSTMCell(1, 1, "literal")
