"""Sequences computed side by side give the sum and the gradients of one after the other."""

import pytest
import torch

from utils.training import side_by_side
from utils.training.side_by_side import sequences_at_a_time, summed


@pytest.fixture(autouse=True)
def two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    model[0].bias.requires_grad = False
    return model


SEQUENCES = [{"x": torch.randn(n, 8, generator=torch.Generator().manual_seed(n))} for n in (5, 90, 7, 30, 1)]


def trained(model) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def gradients(model) -> list[torch.Tensor]:
    found = [p.grad for p in model.parameters()]
    model.zero_grad()
    return found


def loss_of(model):
    return lambda sequence: model(sequence["x"]).square().sum()


def test_sum_and_gradients_are_those_of_one_after_the_other(model):
    total = summed(loss_of(model), SEQUENCES, trained(model)) / 3
    total.backward()
    ours = gradients(model)
    expected = sum(map(loss_of(model), SEQUENCES)) / 3
    expected.backward()
    assert float(total) == pytest.approx(float(expected), rel=1e-6)
    for one, other in zip(ours, gradients(model), strict=True):
        assert (one is None and other is None) or torch.allclose(one, other, rtol=1e-5)


def test_the_same_bits_come_out_every_time(model):
    def once() -> list[torch.Tensor]:
        total = summed(loss_of(model), SEQUENCES, trained(model))
        total.backward()
        return [total.detach(), *(one for one in gradients(model) if one is not None)]

    first = once()
    for _ in range(20):
        assert all(map(torch.equal, first, once()))


def test_gradients_are_added_to_those_that_are_there(model):
    summed(loss_of(model), SEQUENCES[:2], trained(model)).backward()
    once = model[2].weight.grad.clone()
    summed(loss_of(model), SEQUENCES[:2], trained(model)).backward()
    assert torch.allclose(model[2].weight.grad, 2 * once)


def test_without_gradients_it_is_a_number_and_no_thread_keeps_any(model):
    with torch.no_grad():
        total = summed(loss_of(model), SEQUENCES, trained(model))
    assert not total.requires_grad and float(total) > 0


def test_autocast_holds_in_each_thread(model):
    seen = []

    def loss(sequence):
        seen.append(model(sequence["x"]).dtype)
        return model(sequence["x"]).float().sum()

    with torch.autocast("cpu", torch.bfloat16):
        summed(loss, SEQUENCES, trained(model))
    assert seen == [torch.bfloat16] * len(SEQUENCES)


def test_an_error_comes_through_and_the_threads_are_given_back(model):
    def loss(sequence):
        raise ArithmeticError("amid a step")

    with pytest.raises(ArithmeticError, match="amid a step"):
        summed(loss, SEQUENCES, trained(model))
    assert torch.get_num_threads() == 2


def test_one_at_a_time_on_one_core_on_a_gpu_and_with_checkpointing():
    cpu = torch.device("cpu")
    assert sequences_at_a_time(cpu, activation_checkpointing=False) == side_by_side.AT_A_TIME
    assert sequences_at_a_time(cpu, activation_checkpointing=True) == 1
    assert sequences_at_a_time(torch.device("cuda"), activation_checkpointing=False) == 1
    torch.set_num_threads(1)
    assert sequences_at_a_time(cpu, activation_checkpointing=False) == 1
