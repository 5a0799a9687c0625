"""Attention in a packed sequence along the branches of the tree that its rows make, on a CPU.

    row 1    places 0 ... 34, 35 ... 70         branches    0 ... 34   35 ... 70   71 ... 99
    row 2    places 0 ... 34, 71 ... 99

The tokens of a branch see what leads to it, and one another up to themselves. Over the whole of a sequence most of the
products would be masked; here branches of like length are padded and multiplied together. What comes out is softmax
attention as ever; as in fused kernels, scores are fp32 whatever the inputs are. The backward pass of PyTorch's fused
kernel for CPUs takes four times as long.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

Branch = tuple[list[int], list[int]]  # the places of its tokens, and those of all that they see

COST_OF_A_BLOCK = 10_000  # its operations take as long as so many scores
HIDDEN = -1e30  # a score; with minus infinity, what is all padding would not be a number


class Block(NamedTuple):
    """Branches of like length, padded to the longest."""

    queries: torch.Tensor  # (branches, tokens): their places in the sequence
    keys: torch.Tensor  # (branches, seen): the places that they see
    bias: torch.Tensor  # (branches, tokens, 1, seen), fp32: 0 where a token sees a place, HIDDEN elsewhere
    real: torch.Tensor  # (branches, tokens, 1), bool: not padding


class Tree(NamedTuple):
    """The blocks of a sequence, and for each of its places where it is among their queries, one after the other."""

    blocks: list[Block]
    found: torch.Tensor  # (places,)


def tree(paths: Sequence[Sequence[int]]) -> Tree:
    """The tree that rows make.

    Args:
        paths: for each row the places of its tokens, in order. They begin with those of the row before, as far as the
            two rows are alike, and go on with places that no row before it has.
    """
    starts = set()  # the first place of every branch
    for before, path in zip([[], *paths], paths, strict=False):
        alike = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(before, path, strict=False)))
        starts |= {*before[alike : alike + 1], *path[alike : alike + 1]}
    branches, taken = [], set()
    for path in paths:
        cuts = [at for at, place in enumerate(path) if place in starts and place not in taken]
        branches += [(path[start:end], path[:end]) for start, end in zip(cuts, [*cuts[1:], len(path)], strict=True)]
        taken |= set(path)
    blocks = [_block(like) for like in _alike(branches)]
    places = torch.cat([block.queries.masked_fill(~block.real[..., 0], len(taken)).flatten() for block in blocks])
    return Tree(blocks, places.argsort(stable=True)[: len(taken)])


def _alike(branches: list[Branch]) -> list[list[Branch]]:
    """Branches together with others of like length, so that padding and the number of blocks cost least."""
    branches = sorted(branches, key=lambda branch: len(branch[1]), reverse=True)
    best = [(0, 0)]  # of the first n branches: what they cost, and where the last of their blocks begins
    for end in range(1, len(branches) + 1):
        ways, longest = [], 0
        for start in reversed(range(end)):
            longest = max(longest, len(branches[start][0]))
            scores = (end - start) * longest * len(branches[start][1])
            ways.append((best[start][0] + scores + COST_OF_A_BLOCK, start))
        best.append(min(ways))
    blocks, end = [], len(branches)
    while end:
        start = best[end][1]
        blocks.append(branches[start:end])
        end = start
    return blocks[::-1]


def _block(branches: Sequence[Branch]) -> Block:
    queries, keys = (
        pad_sequence([torch.tensor(places) for places in side], batch_first=True, padding_value=-1)
        for side in zip(*branches, strict=True)
    )
    # Places grow along a path, so a token sees those that are not greater than its own.
    seen = (keys[:, None] <= queries[:, :, None]) & (keys[:, None] >= 0)
    bias = torch.zeros(seen.shape).masked_fill_(~seen, HIDDEN)
    return Block(queries.clamp(min=0), keys.clamp(min=0), bias[:, :, None], (queries >= 0)[..., None])


class TreeAttention(torch.autograd.Function):
    """Attention of one sequence along its tree: few and large operations, in both directions."""

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, along: Tree, scale: float):
        """(1, heads, tokens, size), and twice (1, groups, tokens, size) → as the first."""
        query, key = query.to(value.dtype), key.to(value.dtype)  # as autocast does it; rotary positions may be fp32
        groups, parts, kept = key.shape[1], [], []
        for block in along.blocks:
            q = _gather(query, block.queries, groups)
            k, v = _gather(key, block.keys, groups), _gather(value, block.keys, groups)
            scores = torch.bmm(q.float() * scale, k.float().mT)
            scores.view(groups, *block.queries.shape, -1, block.keys.shape[1]).add_(block.bias)
            weights = scores.softmax(dim=-1).to(v.dtype)
            parts.append(torch.bmm(weights, v))
            kept += [q, k, v, weights]
        ctx.save_for_backward(*kept)
        ctx.along, ctx.scale, ctx.groups = along, scale, groups
        return _in_place(parts, along, query.shape, groups)

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def backward(ctx, gradient: torch.Tensor):
        groups, along, kept = ctx.groups, ctx.along, iter(ctx.saved_tensors)
        of_queries, shape = [], (groups, gradient.shape[2], gradient.shape[3])
        of_keys, of_values = torch.zeros(2, *shape, dtype=gradient.dtype)
        for block in along.blocks:
            q, k, v, weights = (next(kept) for _ in range(4))
            given = _gather(gradient, block.queries, groups)
            given.view(groups, *block.queries.shape, -1).mul_(block.real)
            scores = torch.ops.aten._softmax_backward_data(torch.bmm(given, v.mT), weights, -1, weights.dtype)
            of_queries.append(torch.bmm(scores, k).mul_(ctx.scale))
            of_keys.index_add_(1, block.keys.flatten(), torch.bmm(scores.mT, q).view(groups, -1, shape[2]))
            of_values.index_add_(1, block.keys.flatten(), torch.bmm(weights.mT, given).view(groups, -1, shape[2]))
        of_keys.mul_(ctx.scale)
        return _in_place(of_queries, along, gradient.shape, groups), of_keys[None], of_values[None], None, None


def _gather(heads: torch.Tensor, places: torch.Tensor, groups: int) -> torch.Tensor:
    """What stands at places (branches, n): (1, heads, tokens, size) → (groups x branches, n x heads / groups, size)."""
    one = heads[0].unflatten(0, (groups, -1)).transpose(1, 2)
    return one.index_select(1, places.flatten()).view(groups * len(places), -1, heads.shape[3])


def _in_place(parts: list[torch.Tensor], along: Tree, shape: torch.Size, groups: int) -> torch.Tensor:
    """What was computed block by block, at the places of the sequence: (1, heads, tokens, size)."""
    _, heads, _, size = shape
    flat = torch.cat([part.view(groups, -1, heads // groups * size) for part in parts], dim=1)
    here = flat.index_select(1, along.found).unflatten(2, (-1, size))
    return here.transpose(1, 2).reshape(shape)


def _attend(module, query, key, value, attention_mask, along=None, **settings):
    """The attention that transformers calls "sdpa"; for a packed sequence on a CPU, that of its tree."""
    if along is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
    return TreeAttention.apply(query, key, value, along, settings["scaling"]).transpose(1, 2), None


# In the place of "sdpa", since activation checkpointing calls it again in the backward pass, outside of any block here.
AttentionInterface.register("sdpa", _attend)
