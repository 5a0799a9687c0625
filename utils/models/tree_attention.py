"""Attention in a packed sequence along the branches of the tree that its rows make.

    row 1    places 0 ... 34, 35 ... 70         branches    0 ... 34   35 ... 70   71 ... 99
    row 2    places 0 ... 34, 71 ... 99

The tokens of a branch see what leads to it, and one another up to themselves. Over the whole of a long sequence most of
the products would be masked, so branches of like length are padded and multiplied together; a short one is computed
whole, since to gather its parts would take longer. What comes out is softmax attention as ever; as in fused kernels,
scores are fp32 whatever the values are. The backward pass of PyTorch's fused kernel for CPUs takes four times as long.
"""

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import NamedTuple

import torch
from torch.nn.utils.rnn import pad_sequence

Branch = tuple[list[int], list[int]]  # the places of its tokens, and those of all that they see
Back = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor, torch.Tensor]]  # of gradients

COST_OF_A_BLOCK = 25_000  # its operations take as long as so many scores
HIDDEN = -1e30  # a score; with minus infinity, what is all padding would not be a number


class Block(NamedTuple):
    """Branches of like length, padded to the longest; or the whole sequence, which needs no places."""

    bias: torch.Tensor  # (branches, tokens, 1, seen), fp32: 0 where a token sees a place, HIDDEN elsewhere
    queries: torch.Tensor | None = None  # (branches, tokens): their places in the sequence
    keys: torch.Tensor | None = None  # (branches, seen): the places that they see
    real: torch.Tensor | None = None  # (branches, tokens, 1), bool: not padding


class Tree(NamedTuple):
    """The blocks of a sequence, and for each of its places where it is among their queries, one after the other."""

    blocks: list[Block]
    found: torch.Tensor | None = None  # (places,); None: in order


def attention_tree(seen: torch.Tensor, ends: Sequence[int]) -> Tree:
    """The tree that rows make in a packed sequence.

    Args:
        seen: (places, places), bool: which places each of them sees.
        ends: the last place of each row. What it sees begins with what the last place of the row before sees, as far as
            the two rows are alike, and goes on with places that no row before it has.
    """
    paths = [seen[end].nonzero()[:, 0].tolist() for end in ends]
    starts = set()  # the first place of every branch
    for before, path in zip([[], *paths], paths, strict=False):
        alike = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(before, path, strict=False)))
        starts |= {*before[alike : alike + 1], *path[alike : alike + 1]}
    branches, taken = [], set()
    for path in paths:
        cuts = [at for at, place in enumerate(path) if place in starts and place not in taken]
        branches += [(path[start:end], path[:end]) for start, end in zip(cuts, [*cuts[1:], len(path)], strict=True)]
        taken |= set(path)
    alike, cost = _alike(branches)
    if len(seen) ** 2 + COST_OF_A_BLOCK <= cost:
        return Tree([Block(_bias(seen[None]))])
    blocks = [_block(like) for like in alike]
    places = torch.cat([block.queries.masked_fill(~block.real[..., 0], len(taken)).flatten() for block in blocks])
    return Tree(blocks, places.argsort(stable=True)[: len(taken)])


def _alike(branches: list[Branch]) -> tuple[list[list[Branch]], int]:
    """Branches together with others of like length, so that they cost least; and what they cost, in scores."""
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
    return blocks[::-1], best[-1][0]


def _block(branches: Sequence[Branch]) -> Block:
    queries, keys = (
        pad_sequence([torch.tensor(places) for places in side], batch_first=True, padding_value=-1)
        for side in zip(*branches, strict=True)
    )
    # Places grow along a path, so a token sees those that are not greater than its own.
    seen = (keys[:, None] <= queries[:, :, None]) & (keys[:, None] >= 0)
    return Block(_bias(seen), queries.clamp(min=0), keys.clamp(min=0), (queries >= 0)[..., None])


def _bias(seen: torch.Tensor) -> torch.Tensor:
    """(branches, tokens, seen) → (branches, tokens, 1, seen)"""
    return torch.zeros(seen.shape).masked_fill_(~seen, HIDDEN)[:, :, None]


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, along: Tree) -> tuple[torch.Tensor, Back]:
    """Attention of one sequence along its tree: few and large operations, in both directions.

    Args:
        query: (tokens, heads, size), scaled already.
        key: (tokens, groups, size).
        value: (tokens, groups, size), in the precision of all products but those of queries and keys.

    Returns:
        What the heads give (tokens, heads, size), and the function that takes a gradient back to the three.
    """
    groups, size, precision = *key.shape[1:], value.dtype
    parts, kept = [], []
    for block in along.blocks:
        q = _gather(query, block.queries, groups)
        k, v = (_gather(one, block.keys, groups) for one in (key, value))
        scores = torch.bmm(q.float(), k.float().mT)
        scores.view(groups, *block.bias.shape[:2], -1, block.bias.shape[3]).add_(block.bias)
        weights = scores.softmax(dim=-1).to(precision)
        parts.append(torch.bmm(weights, v))
        kept.append((q.to(precision), k.to(precision), v, weights))

    def back(given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        of_queries, (of_keys, of_values) = [], torch.zeros(2, groups, len(given), size, dtype=precision)
        for block, (q, k, v, weights) in zip(along.blocks, kept, strict=True):
            part = _gather(given, block.queries, groups)
            if block.real is not None:
                part.view(groups, *block.real.shape[:2], -1).mul_(block.real)
            scores = torch.ops.aten._softmax_backward_data(torch.bmm(part, v.mT), weights, -1, precision)
            of_queries.append(torch.bmm(scores, k))
            for total, one in ((of_keys, torch.bmm(scores.mT, q)), (of_values, torch.bmm(weights.mT, part))):
                one = one.view(groups, -1, size)
                total.add_(one) if block.keys is None else total.index_add_(1, block.keys.flatten(), one)
        return _in_place(of_queries, along, given.shape, groups), of_keys.transpose(0, 1), of_values.transpose(0, 1)

    return _in_place(parts, along, query.shape, groups), back


def _gather(heads: torch.Tensor, places: torch.Tensor | None, groups: int) -> torch.Tensor:
    """What stands at places (branches, n): (tokens, heads, size) → (groups · branches, n · heads / groups, size)."""
    by_group = heads.unflatten(1, (groups, -1)).transpose(0, 1)
    if places is None:
        return by_group.reshape(groups, -1, heads.shape[2])
    return by_group.index_select(1, places.flatten()).view(groups * len(places), -1, heads.shape[2])


def _in_place(parts: list[torch.Tensor], along: Tree, shape: torch.Size, groups: int) -> torch.Tensor:
    """What was computed block by block, at the places of the sequence: (tokens, heads, size)."""
    tokens, heads, size = shape
    flat = [part.view(groups, -1, heads // groups * size) for part in parts]
    flat = torch.cat(flat, dim=1) if len(flat) > 1 else flat[0]
    if along.found is not None:
        flat = flat.index_select(1, along.found)
    return flat.view(groups, tokens, -1, size).transpose(0, 1).reshape(shape)
