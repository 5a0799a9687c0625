"""Rows that begin alike, as one sequence in which the start that they share stands once.

    row 1    Below is an instruction ... ### Input:\\n  Dirty. Never again. ...  Complaint
    row 2    Below is an instruction ... ### Input:\\n  Lovely staff. ...        Non-Complaint
    packed   Below is an instruction ... ### Input:\\n  Dirty. ... Complaint  Lovely staff. ... Non-Complaint

Two thirds of a label row are the same text in every row. In the packed sequence a token sees the tokens of its own row
and no others (a tree in place of a triangle as the attention mask), and counts its position in its own row. What comes
out for it is what comes out in its row alone, up to rounding, and nothing is spent on padding. Only for models whose
layers look back through attention alone, with a mask that they take as it is.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from transformers import PreTrainedModel

from utils.models import attention_tree

# Plain attention over everything before a token, and rotary positions. A test compares each of them with single rows.
ARCHITECTURES = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3"})
LIMIT = 1024  # tokens in a sequence, which bounds the memory of a step

Row = Mapping[str, Any]  # input_ids and labels; weight, if it is to count more or less than 1


def can_share(model: PreTrainedModel) -> bool:
    """Whether packed sequences give this model's losses."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    plain = not window and not getattr(config, "attention_dropout", 0)
    return config.model_type in ARCHITECTURES and model.config._attn_implementation == "sdpa" and plain


def pack(rows: Sequence[Row], *, limit: int = LIMIT, parts: int = 1) -> list[dict[str, torch.Tensor]]:
    """Sequences of at most `limit` tokens (a longer row is one of its own) that hold all rows.

    Args:
        parts: make a multiple of it, where there are rows enough, the longest as short as can be.

    Returns:
        For each, what the model reads: `input_ids` and `position_ids` (1, tokens), `attention_mask` (1, 1, tokens,
        tokens; True: is seen), `ends`, the place of each row's last token. For the loss: `predicts`, the places whose
        next token carries a label; `targets`, that token; `weight`, that of its row; and `share`, one part in the
        number of labels of its row, so that the shares of a row sum to 1.
    """
    rows = sorted(rows, key=lambda row: list(row["input_ids"]))  # rows that begin alike become neighbours
    fresh = [len(row["input_ids"]) - _in_common(before, row) for before, row in pairwise([None, *rows])]
    groups = _divided(rows, fresh, limit)
    if parts > 1:
        many = parts * -(-len(groups) // parts)
        limit = bisect_left(range(limit), True, key=lambda most: len(_divided(rows, fresh, most)) <= many)
        groups = _divided(rows, fresh, limit)
    return [_Pack(group).tensors() for group in groups]


def _divided(rows: Sequence[Row], fresh: Sequence[int], limit: int) -> list[list[Row]]:
    """Neighbours, as many together as make a sequence of at most `limit` tokens; `fresh` of each are its own."""
    groups: list[list[Row]] = []
    taken = limit
    for row, new in zip(rows, fresh, strict=True):
        if taken + new > limit:
            groups.append([])
            taken, new = 0, len(row["input_ids"])
        groups[-1].append(row)
        taken += new
    return groups


def _in_common(before: Row | None, row: Row) -> int:
    """How many tokens a row has in common with the one before it, up to the first that predicts an answer."""
    ids, told = row["input_ids"], before["input_ids"] if before else []
    first = next((at for at, label in enumerate(row["labels"]) if label != -100), len(told))
    same = next((i for i, (a, b) in enumerate(zip(ids, told, strict=False)) if a != b), len(told))
    return max(0, min(same, first - 1, len(ids)))


class _Pack:
    """Rows in the order in which they come; each begins where it leaves the one before it."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.paths: list[list[int]] = []  # for each row the places of its tokens
        self.predicts: list[int] = []
        self.targets: list[int] = []
        self.share: list[float] = []
        self.weight: list[float] = []
        for before, row in pairwise([None, *rows]):
            self._add(row, _in_common(before, row))

    def _add(self, row: Row, shared: int) -> None:
        ids, labels = list(row["input_ids"]), list(row["labels"])
        start = len(self.ids)
        path = (self.paths[-1][:shared] if shared else []) + list(range(start, start + len(ids) - shared))
        self.ids += ids[shared:]
        self.positions += range(shared, len(ids))
        self.paths.append(path)
        labelled = [at for at in range(1, len(ids)) if labels[at] != -100]  # the first token is never predicted
        self.predicts += [path[at - 1] for at in labelled]
        self.targets += [labels[at] for at in labelled]
        self.share += [1 / len(labelled)] * len(labelled)
        self.weight += [float(row.get("weight", 1.0))] * len(labelled)

    def tensors(self) -> dict[str, torch.Tensor]:
        seen = torch.zeros(len(self.ids), len(self.ids), dtype=torch.bool)
        for path in map(torch.tensor, self.paths):
            seen[path[:, None], path] |= torch.ones(len(path), len(path), dtype=torch.bool).tril()
        return {
            "input_ids": torch.tensor([self.ids]),
            "position_ids": torch.tensor([self.positions]),
            "attention_mask": seen[None, None],
            "ends": torch.tensor([path[-1] for path in self.paths]),
            "predicts": torch.tensor(self.predicts),
            "targets": torch.tensor(self.targets),
            "share": torch.tensor(self.share),
            "weight": torch.tensor(self.weight),
        }


def losses(model: Any, packed: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The loss of every labelled token of a packed sequence, in nats; only these meet the vocabulary."""
    reads = {name: packed[name] for name in ("input_ids", "position_ids", "attention_mask")}
    if packed["input_ids"].device.type == "cpu":
        reads["along"] = attention_tree(packed["attention_mask"][0, 0], packed["ends"].tolist())
    logits = model(**reads, use_cache=False, logits_to_keep=packed["predicts"]).logits[0]
    return torch.nn.functional.cross_entropy(logits.float(), packed["targets"], reduction="none")
