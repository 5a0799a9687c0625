"""The log-probability of many given answers at once: answers that begin alike share what they have in common.

Answers make a tree of tokens. All its tokens stand after a prompt in one row, each sees the prompt and the tokens that
lead to it, and each has the position that it would have alone. So 150 labels take one pass through the model instead of
150, and a token that many labels begin with is computed once (SpecInfer, Miao et al. 2024, verifies drafts like this).
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from transformers import Cache, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

LOGITS = 2**26  # of a pass, 256 MiB in fp32; a tree or a batch that would have more is computed in parts


def can_branch(model: PreTrainedModel, cache: Cache | None) -> bool:
    """Whether the model takes a mask and positions of ours: rotary positions, and layers that see all before them."""
    rotary = getattr(model.config.get_text_config(), "rope_parameters", None)
    attention = getattr(model.config, "_attn_implementation", None) in ("eager", "sdpa")
    plain = isinstance(cache, DynamicCache) and all(type(layer) is DynamicLayer for layer in cache.layers)
    return bool(rotary) and attention and plain


def tree_log_probabilities(
    model: PreTrainedModel, ends: Sequence[Sequence[int]], first: torch.Tensor, cache: Cache, mask: torch.Tensor
) -> torch.Tensor:
    """The summed log-probability of each answer after each prompt, shape (prompts, answers), in nats.

    Args:
        ends: the ids of each answer, its end token last.
        first: log-probabilities of the token after each prompt, shape (prompts, vocabulary).
        cache: the keys and values of the prompts; it is left as it is.
        mask: 1 where a prompt has a token, 0 where it is padded, shape (prompts, width of the cache).
    """
    sums = first[:, [end[0] for end in ends]].clone()
    most = max(1, LOGITS // first.shape[1])
    for answers in _groups(ends, most):
        tree = _Tree([ends[answer] for answer in answers], like=first)
        if not len(tree.ids):
            continue
        columns = torch.tensor(answers, device=first.device)[tree.of]
        for rows in torch.arange(len(mask), device=mask.device).split(max(1, most // len(tree.ids))):
            steps = _steps(model, tree, _part(cache, rows), mask[rows])
            sums[rows] = sums[rows].index_add(1, columns, steps)
    return sums


class _Tree:
    """Tokens that come before others in some answer, parents first, and the steps from one to the next.

    Attributes:
        ids, depth: of each node; shape (nodes,). The end of an answer is not a node, since nothing comes after it.
        sees: whether a node (row) sees another (column), that is itself and what leads to it.
        at, token, of: of each step, the node that it starts from, the token that comes, and the answer it is part of.
    """

    def __init__(self, ends: Sequence[Sequence[int]], *, like: torch.Tensor) -> None:
        nodes: dict[tuple[int, ...], int] = {}
        steps = []
        for answer, end in enumerate(ends):
            for size in range(1, len(end)):
                node = nodes.setdefault(tuple(end[:size]), len(nodes))
                steps.append((node, end[size], answer))
        paths = [[nodes[path[: size + 1]] for size in range(len(path))] for path in nodes]

        def tensor(values: list) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.long, device=like.device)

        self.ids = tensor([path[-1] for path in nodes])
        self.depth = tensor([len(path) - 1 for path in nodes])
        self.at, self.token, self.of = map(tensor, zip(*steps, strict=True)) if steps else [tensor([])] * 3
        self.sees = torch.zeros(len(nodes), len(nodes), dtype=torch.bool, device=like.device)
        for node, path in enumerate(paths):
            self.sees[node, path] = True


def _steps(model: PreTrainedModel, tree: _Tree, cache: Cache, mask: torch.Tensor) -> torch.Tensor:
    """The log-probability of each step of the tree, shape (prompts, steps)."""
    rows, size = len(mask), len(tree.ids)
    seen = torch.cat([mask.bool()[:, None].expand(-1, size, -1), tree.sees.expand(rows, -1, -1)], dim=2)
    hidden = torch.finfo(model.dtype).min
    logits = model(
        input_ids=tree.ids.expand(rows, -1),
        attention_mask=torch.zeros_like(seen, dtype=model.dtype).masked_fill(~seen, hidden)[:, None],
        position_ids=mask.sum(dim=1, keepdim=True) + tree.depth,
        past_key_values=cache,
        use_cache=True,
    ).logits.float()
    return logits[:, tree.at, tree.token] - logits.logsumexp(dim=-1)[:, tree.at]


def _part(cache: Cache, rows: torch.Tensor) -> Cache:
    """Some rows of a cache as one of its own: a layer that grows replaces its tensors, so the old one stays whole."""
    part = copy.copy(cache)
    part.layers = [copy.copy(layer) for layer in cache.layers]
    part.batch_select_indices(rows)
    return part


def _groups(ends: Sequence[Sequence[int]], most: int) -> Iterator[list[int]]:
    """The answers in groups of at most `most` tokens (or one answer); those that begin alike stay together."""
    group, room = [], most
    for answer in sorted(range(len(ends)), key=lambda answer: list(ends[answer])):
        if group and len(ends[answer]) - 1 > room:
            yield group
            group, room = [], most
        group.append(answer)
        room -= len(ends[answer]) - 1
    if group:
        yield group
