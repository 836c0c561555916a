import pytest
import torch

from bowerbird.forecaster.population import StackedLSTM, stacked_lstm


def drawn(*shape, dtype=torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def test_each_network_of_the_stack_is_torchs():
    torch.manual_seed(0)
    networks = [torch.nn.LSTM(3, 5, batch_first=True) for _ in range(4)]
    days = drawn(4, 9, 2, 3, dtype=torch.float32)  # every network its own
    weight, recurrent = (torch.stack([getattr(n, f"weight_{x}_l0") for n in networks]) for x in ("ih", "hh"))
    bias = torch.stack([n.bias_ih_l0 + n.bias_hh_l0 for n in networks])
    hidden = stacked_lstm(days, weight, recurrent, bias)
    for own, network, batch in zip(hidden, networks, days, strict=True):
        torch.testing.assert_close(own.transpose(0, 1), network(batch.transpose(0, 1))[0], rtol=1e-5, atol=1e-6)


def test_gradients_are_those_of_finite_differences():
    gates, recurrent = drawn(2, 4, 3, 8).requires_grad_(), drawn(2, 2, 8).requires_grad_()
    assert torch.autograd.gradcheck(StackedLSTM.apply, (gates, recurrent))


@pytest.mark.parametrize("n_days", [1, 6])
def test_a_unit_without_weights_says_and_learns_nothing(n_days):
    days, weight, recurrent, bias = drawn(1, n_days, 2, 3), drawn(1, 4, 4, 3), drawn(1, 4, 4, 4), drawn(1, 4, 4)
    for tensor in (weight, recurrent, bias):
        tensor[:, :, 2:] = 0  # the rows of the last two units, in each of the four gates
    recurrent[..., 2:] = 0
    parameters = [tensor.flatten(1, 2).requires_grad_() for tensor in (weight, recurrent, bias)]
    hidden = stacked_lstm(days, *parameters)
    assert torch.count_nonzero(hidden[..., 2:]) == 0 and torch.count_nonzero(hidden[..., :2]) == hidden.numel() / 2
    (hidden[..., :2] * drawn(1, n_days, 2, 2)).sum().backward()  # a head has no weights for them either
    for parameter in parameters:
        assert torch.count_nonzero(parameter.grad.unflatten(1, (4, 4))[:, :, 2:]) == 0
    assert torch.count_nonzero(parameters[1].grad[..., 2:]) == 0
