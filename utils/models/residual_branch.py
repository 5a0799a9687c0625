"""A branch of the residual stream as one operation, forth and back: two of them are a decoder layer.

    stream + out(attention(into(norm(stream))))      into: the products for queries, keys and values, as one
    stream + down(gate(up(norm(stream))))            up: those for the gate and for what it lets through, as one

Products are in the precision of the frozen weights; norms, positions and scores are in fp32. Each part gives its
result, and a function that takes a gradient back through it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from utils.models.tree_attention import Tree, attend


class Joined(NamedTuple):
    """Linear layers that read the same, one below the other: y = x W' + scale (x A') B'."""

    weight: Tensor  # (out, in), frozen
    bias: Tensor | None  # (out,)
    scale: float
    a: list[Tensor]  # of each layer (rank, in)
    b: list[Tensor]  # of each layer (its part of out, rank)

    def adapters(self) -> tuple[Tensor, Tensor]:
        """All of A, and all of B with zeros between them, in the precision of the weights."""
        a, b = ([one.to(self.weight.dtype) for one in matrices] for matrices in (self.a, self.b))
        return (torch.cat(a), torch.block_diag(*b)) if len(a) > 1 else (a[0], b[0])


class Branch(torch.autograd.Function):
    """stream + product(middle(product(norm(stream)))); the stream is (tokens, width)."""

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx, stream: Tensor, norm: tuple, first: Joined, middle: Callable, second: Joined, *adapters: Tensor):
        x, norm_back = _norm(stream, *norm)
        x, first_back = _product(x.to(first.weight.dtype), first, *adapters[:2])
        x, middle_back = middle(x)
        x, second_back = _product(x, second, *adapters[2:])
        ctx.back = norm_back, first_back, middle_back, second_back
        return stream + x

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def backward(ctx, given: Tensor):
        norm_back, first_back, middle_back, second_back = ctx.back
        ctx.back = None  # what it holds is freed now, not when the last layer is done
        of_middle, *of_second = second_back(given)
        of_norm, *of_first = first_back(middle_back(of_middle))
        return norm_back(of_norm).add_(given).to(given.dtype), None, None, None, None, *of_first, *of_second


class Product(torch.autograd.Function):
    """The product by itself, (..., in) → (..., out), for layers of other kinds. What it keeps is known to autograd, so
    that checkpointing can let go of it."""

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx, x: Tensor, joined: Joined, a: Tensor, b: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1]).to(joined.weight.dtype)
        y, low = _times(flat, joined, a, b)
        ctx.save_for_backward(flat, low, a, b)
        ctx.joined, ctx.shape = joined, x.shape
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def backward(ctx, given: Tensor):
        flat, low, a, b = ctx.saved_tensors
        of_x, of_a, of_b = _times_back(given.reshape(-1, given.shape[-1]), flat, low, ctx.joined, a, b)
        return of_x.view(ctx.shape), None, of_a, of_b


def _product(x: Tensor, joined: Joined, a: Tensor, b: Tensor) -> tuple[Tensor, Callable[[Tensor], Any]]:
    y, low = _times(x, joined, a, b)
    return y, lambda given: _times_back(given, x, low, joined, a, b)


def _times(x: Tensor, joined: Joined, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """(tokens, in) → (tokens, out); and x A' (tokens, rank)."""
    low = x @ a.T
    return functional.linear(x, joined.weight, joined.bias).addmm_(low, b.T, alpha=joined.scale), low


def _times_back(given: Tensor, x: Tensor, low: Tensor, joined: Joined, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
    """The gradients of x, A and B."""
    given = given.to(joined.weight.dtype)
    of_low = (given @ b).mul_(joined.scale)
    return (given @ joined.weight).addmm_(of_low, a), of_low.T @ x, (given.T @ low).mul_(joined.scale)


def _norm(x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """x over the root of its mean square, times a weight (arXiv 1910.07467)."""
    wide = x.float()
    rms = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(epsilon).sqrt_()
    normed = (wide / rms).to(x.dtype)

    def back(given: Tensor) -> Tensor:
        """In fp32."""
        wide, given = normed.float(), given.float() * weight
        along = torch.linalg.vecdot(given, wide).div_(-wide.shape[-1]).unsqueeze(-1)
        return given.addcmul_(wide, along).div_(rms)

    return normed * weight, back


def gate(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """silu(a) · b, of a and b side by side."""
    a, b = x.chunk(2, dim=-1)
    opened = functional.silu(a)

    def back(given: Tensor) -> Tensor:
        return torch.cat([torch.ops.aten.silu_backward(given * b, a), given * opened], dim=-1)

    return opened * b, back


def attention(
    x: Tensor, *, along: Tree, rotary: tuple | None, norm: tuple | None, groups: int, size: int, scale: float
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Queries, keys and values side by side → what the heads give, side by side.

    Args:
        x: (tokens, (heads + 2 groups) · size).
        rotary: cosines and sines of the positions, each (tokens, size).
        norm: weights (heads + groups, size) and epsilon, where queries and keys are normed.
    """
    by_head = x.view(len(x), -1, size)
    turned, value = by_head[:, :-groups], by_head[:, -groups:]
    if norm:
        turned, norm_back = _norm(turned, *norm)
    if rotary:
        turned = _turned(turned, *rotary)
    y, attention_back = attend(turned[:, :-groups] * scale, turned[:, -groups:], value, along)

    def back(given: Tensor) -> Tensor:
        of_query, of_key, of_value = attention_back(given.view(len(x), -1, size))
        of_turned = torch.cat([of_query.mul_(scale), of_key], dim=1)
        if rotary:
            of_turned = _turned(of_turned, rotary[0], -rotary[1])
        if norm:
            of_turned = norm_back(of_turned)
        return torch.cat([of_turned.to(x.dtype), of_value], dim=1).view(x.shape)

    return y.view(len(x), -1), back


def _turned(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary positions (arXiv 2104.09864): the halves of each head are turned by an angle of the position's own."""
    half, heads = heads.shape[-1] // 2, heads.to(cosines.dtype)
    sines = sines[:, None, :half]
    turned = heads * cosines[:, None]
    turned[..., :half].addcmul_(heads[..., half:], sines, value=-1)
    turned[..., half:].addcmul_(heads[..., :half], sines)
    return turned
