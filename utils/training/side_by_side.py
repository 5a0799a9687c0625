"""The sequences of a step, two at a time, each on half of the cores of a CPU.

A step of a small model is thousands of small operations. A second core inside of them hardly helps, since the thread
that starts one after the other is what takes the time; two threads, with a sequence each, do twice as much.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

AT_A_TIME = 2


def sequences_at_a_time(device: torch.device, *, activation_checkpointing: bool) -> int:
    """How many sequences are computed side by side: one on a GPU or a single core, and with activation checkpointing,
    which restores the state of the random numbers that all threads share."""
    on_cores = device.type == "cpu" and torch.get_num_threads() >= AT_A_TIME
    return AT_A_TIME if on_cores and not activation_checkpointing else 1


def summed(
    loss: Callable[[dict], torch.Tensor], sequences: Sequence[dict], trained: Sequence[torch.nn.Parameter]
) -> torch.Tensor:
    """The sum of the losses of all sequences, each a number; `backward` on it hands out gradients computed here.

    The order of sums is that of the sequences, whichever thread is done first.

    Args:
        trained: the weights to compute gradients of.
    """
    threads, learns = torch.get_num_threads(), torch.is_grad_enabled()
    precision = {"dtype": torch.get_autocast_dtype("cpu"), "enabled": torch.is_autocast_enabled("cpu")}

    def compute(sequence: dict) -> tuple[torch.Tensor, tuple]:
        torch.set_num_threads(threads // AT_A_TIME)  # of operations that this thread starts
        with torch.set_grad_enabled(learns), torch.autocast("cpu", **precision):  # which are each thread's own
            one = loss(sequence)
        return one.detach(), torch.autograd.grad(one, trained, allow_unused=True) if learns else ()

    try:
        done = list(_threads().map(compute, sequences))
    finally:
        torch.set_num_threads(threads)
    total = sum(one for one, _ in done)
    if not learns:
        return total
    gradients = [sum(g for g in each if g is not None) for each in zip(*(given for _, given in done), strict=True)]
    return _Known.apply(total, gradients, *trained)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_A_TIME)  # kept: a new thread would have to set up threads of its own


class _Known(torch.autograd.Function):
    """A number whose gradients are known."""

    @staticmethod
    def forward(ctx, number: torch.Tensor, gradients: list, *parameters: torch.Tensor) -> torch.Tensor:
        ctx.gradients = gradients
        return number.clone()

    @staticmethod
    def backward(ctx, scale: torch.Tensor):
        return None, None, *(g * scale if torch.is_tensor(g) else None for g in ctx.gradients)
